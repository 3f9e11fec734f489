"""Needs become tasks, and whoever sees to them is reminded: errands, and the look at all of it once an hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from bot.telling import Telling, UnderWay
from domain.clock import shown
from domain.contact import Role
from domain.event import Event
from domain.message import MessageClass
from domain.need import Need
from domain.quiet import QuietHours
from flows.effects import Say
from flows.phrases import Phrases
from flows.programme import named
from store import events, fires, tasks, team
from store.changes import Due
from store.database import Database
from store.tasks import DueTask
from store.team import Member
from store.vault import Vault

#: When the day of the team begins, where the quiet hours do not end later.
_MORNING = time(9)
#: Several people may book just before an event: its owner gets one text for all who did within so long.
_TOGETHER = timedelta(minutes=15)
#: More events than a text can name are for the list.
_LINES = 8
_DAILY, _SOON = "daily", "soon"


def morning(quiet: QuietHours, now: datetime) -> datetime:
    """The next morning after now, when nobody wants quiet any more."""
    day = now.astimezone(quiet.zone).date()
    while (at := quiet.after(shown(day, _MORNING, quiet.zone)[0])) <= now:
        day += timedelta(days=1)
    return at


@dataclass(frozen=True, slots=True)
class TaskErrands:
    telling: Telling

    async def arrange(self, errand: UnderWay) -> None:
        """Somebody has a place at the event `session_id`: what they need there is to be arranged."""
        event = await events.event(errand.connection, errand.due.session_id or 0)
        if event is None:
            return
        id = errand.due.contact_id
        to_tell = await tasks.arrange(errand.connection, self.telling.vault, self.telling.ids, event, id, errand.now)
        for member in await team.members(errand.connection, self.telling.vault) if to_tell else ():
            if member.address.contact_id in to_tell:
                at = self.telling.quiet.after(errand.now + _TOGETHER)
                await fires.put_unless_there(errand.connection, _reminder(self.telling.ids(), member, _SOON), at)

    async def unarrange(self, errand: UnderWay) -> None:
        """Somebody has given up their place at the event `session_id`. Who had arranged something for them is told."""
        event = await events.event(errand.connection, errand.due.session_id or 0)
        if event is None:
            return
        arranged = await tasks.drop(errand.connection, event.id, errand.due.contact_id)
        await self._not_needed(errand, event, arranged, lambda phrases: phrases.staff_tasks_off)

    async def call_off(self, errand: UnderWay) -> None:
        """The event `session_id` is called off. Each who had arranged something for it is told, in one text."""
        event = await events.event(errand.connection, errand.due.session_id or 0)
        if event is None:
            return
        arranged = await tasks.drop_all(errand.connection, event.id)
        await self._not_needed(errand, event, arranged, lambda phrases: phrases.staff_tasks_called_off)

    async def _not_needed(
        self,
        errand: UnderWay,
        event: Event,
        arranged: Sequence[tuple[int | None, Need]],
        why: Callable[[Phrases], str],
    ) -> None:
        """Tell each owner of what was arranged that it is to be called off; where they have left the team, the first
        coordinator.
        """
        members = await team.members(errand.connection, self.telling.vault) if arranged else []
        reached = {one.address.contact_id: one for one in members}
        first = next((one for one in members if one.role is Role.COORDINATOR), None)
        theirs: dict[int, Counter[Need]] = {}
        for owner_id, need in arranged:
            if (member := reached.get(owner_id or 0, first)) is not None:
                theirs.setdefault(member.address.contact_id, Counter())[need] += 1
        for contact_id, needs in theirs.items():
            member = reached[contact_id]
            said = (Say(why(self.telling.phrases(member.address))), self._line(member, event, needs))
            await self.telling.tell(errand, member.address, *said, kind=MessageClass.REMINDER)

    async def remind(self, errand: UnderWay) -> None:
        """Tell somebody of the team, in one text, what they must see to in the next days. While they own anything,
        they are told again in the morning.
        """
        me = errand.due.contact_id
        members = await team.members(errand.connection, self.telling.vault)
        member = next((one for one in members if one.address.contact_id == me), None)
        if member is None:
            return
        due = (await tasks.due_tasks(errand.connection, errand.now)).get(me, [])
        if due:
            lines = self._lines(member, due)
            await self.telling.tell(errand, member.address, *lines, kind=MessageClass.REMINDER)
        if errand.due.flow == _DAILY and me in await tasks.owners(errand.connection, errand.now):
            again = _reminder(self.telling.ids(), member, _DAILY)
            await fires.put_unless_there(errand.connection, again, morning(self.telling.quiet, errand.now))

    def _lines(self, member: Member, due: Sequence[DueTask]) -> list[Say]:
        """What is due, a line for each event: nothing of whom it is for."""
        by_event = {one.event.id: one.event for one in due}
        lines = [Say(self.telling.phrases(member.address).staff_tasks)]
        for event in list(by_event.values())[:_LINES]:
            lines.append(self._line(member, event, Counter(one.need for one in due if one.event.id == event.id)))
        return lines

    def _line(self, member: Member, event: Event, needs: Mapping[Need, int]) -> Say:
        phrases, language = self.telling.phrases(member.address), self.telling.language(member.address)
        what = ", ".join(f"{_named(phrases, need)} ({n})" for need, n in needs.items())
        title = named(event, language, self.telling.zone)
        return Say(phrases.staff_task, {"number": event.number, "title": title, "what": what})


async def look(
    database: Database, vault: Vault, ids: Callable[[], int], quiet: QuietHours, now: datetime
) -> tuple[int, int]:
    """Put right whose tasks do not fit any more, and see to it that each owner hears of theirs in the morning. Returns
    how many people's tasks were put right, and how many owners are to be told.
    """
    async with database.read() as connection:
        wrong = await tasks.astray(connection, vault, now)
    for event_id, contact_id in wrong:  # one transaction each: nobody who books waits for the whole programme
        async with database.begin() as connection:
            if (event := await events.event(connection, event_id)) is not None:
                await tasks.arrange(connection, vault, ids, event, contact_id, now)
    told = 0
    async with database.begin() as connection:
        owners = set(await tasks.owners(connection, now))
        for member in await team.members(connection, vault) if owners else ():
            if member.address.contact_id in owners:
                due = _reminder(ids(), member, _DAILY)
                told += await fires.put_unless_there(connection, due, morning(quiet, now))
    return len(wrong), told


def _reminder(id: int, member: Member, when: str) -> Due:
    """One waits at most of each kind: its key is the person's, not the day's."""
    to = member.address
    return Due(id, f"tasks_due/{to.contact_id}/{when}", "tasks_due", to.contact_id, to.urn_key, to.channel, None, when)


def _named(phrases: Phrases, need: str) -> str:
    return str(getattr(phrases, f"staff_need_{need}"))
