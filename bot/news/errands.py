"""The news for who asks for it, and coordinators reminded of what people have not heard: errands and an hourly look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.events.tasks import morning
from bot.telling import Telling, UnderWay
from domain.contact import Role
from domain.message import MessageClass
from domain.newsletter import Owed
from domain.quiet import QuietHours
from flows.effects import Blanks, Say
from flows.library import SOURCE_LANGUAGE
from flows.newsletter import month_in
from store import bookmarks, fires, issues, team
from store.changes import Due
from store.database import Database
from store.newsletter_rules import Press
from store.team import Member
from store.vault import Vault

#: Coordinators are reminded of news that waits when so many days of the month are left, and again after so long.
NEAR_THE_END, _AGAIN = 7, timedelta(days=3)
#: And of people who have not heard back, about once a month.
_OWED_AGAIN = timedelta(days=28)
_UNSENT, _OWED = "unsent", "owed"
#: More than a text can name are for the list.
_NAMED = 4


@dataclass(frozen=True, slots=True)
class NewsErrands:
    telling: Telling
    press: Press

    async def again(self, errand: UnderWay) -> None:
        """Somebody asks for the news: the newest, whole, in their language or else in English."""
        me, connection = errand.asker, errand.connection
        found = await issues.tell_again(connection, self.press, self.telling.ids, me.contact_id, errand.now)
        if found is None:
            await self.telling.tell(errand, me, self.telling.phrases(me).news_none)
            return
        issue, mine = found
        own = self.telling.language(me)
        language = own if issue.speaks(own) else SOURCE_LANGUAGE
        phrases = self.telling.library.phrases[language]
        short = self.telling.channels[me.channel].sms
        await self.telling.tell(errand, me, issue.message(language, phrases, short=short, mine=mine))

    async def remind(self, errand: UnderWay) -> None:
        """Tell a coordinator of what waits, unless it has been sent meanwhile."""
        members = await team.members(errand.connection, self.telling.vault)
        member = next((one for one in members if one.address.contact_id == errand.due.contact_id), None)
        if member is None or member.role is not Role.COORDINATOR:
            return
        words = await (self._owed(errand, member) if errand.due.flow == _OWED else self._unsent(errand, member))
        if words is not None:
            await self.telling.tell(errand, member.address, words, kind=MessageClass.REMINDER)

    async def _owed(self, errand: UnderWay, member: Member) -> Say | None:
        found = await issues.owed(errand.connection, self.press, errand.now)
        what = "; ".join(map(named, found[:_NAMED]))
        return Say(self.telling.phrases(member.address).staff_news_owed, {"what": what}) if found else None

    async def _unsent(self, errand: UnderWay, member: Member) -> Say | None:
        month = issues.near_the_end(errand.now, self.telling.zone, NEAR_THE_END)
        waiting = [] if month is None else await issues.unsent(errand.connection, month)
        if month is None or not waiting:
            return None
        numbers = ", ".join(str(one.number) for one in waiting)
        blanks: Blanks = {"month": month_in(month, self.telling.language(member.address)), "numbers": numbers}
        return Say(self.telling.phrases(member.address).staff_news_unsent, blanks)


def named(owed: Owed) -> str:
    """Where people said something, for the team: "event 4 (12 people, 3 May 2026)"."""
    where = owed.questionnaire or f"event {owed.event}"
    people = "1 person" if owed.people == 1 else f"{owed.people} people"
    since = f"{owed.since.day} {owed.since:%B %Y}"
    return f"{where} ({people}, {since if owed.event is not None else f'since {since}'})"


async def look(
    database: Database, vault: Vault, ids: Callable[[], int], quiet: QuietHours, press: Press, now: datetime
) -> int:
    """See to it that each coordinator hears in the morning of news that waits near the month's end, and once a month of
    those who have not heard what came of what they said. How many reminders wait now.
    """
    async with database.read() as connection:
        month = issues.near_the_end(now, quiet.zone, NEAR_THE_END)
        due = {
            _UNSENT: bool(month and await issues.unsent(connection, month)),
            _OWED: bool(await issues.owed(connection, press, now)),
        }
    put = 0
    for kind, again in ((_UNSENT, _AGAIN), (_OWED, _OWED_AGAIN)):
        last = await bookmarks.read(database, f"newsletter/{kind}") if due[kind] else None
        if due[kind] and (last is None or now - last >= again):
            async with database.begin() as connection:
                for member in await team.members(connection, vault):
                    if member.role is Role.COORDINATOR:
                        to = member.address
                        fire = Due(
                            ids(), f"news_due/{to.contact_id}/{kind}", "news_due", to.contact_id, to.urn_key,
                            to.channel, None, kind,
                        )  # fmt: skip
                        put += await fires.put_unless_there(connection, fire, morning(quiet, now))
            await bookmarks.put(database, f"newsletter/{kind}", now)
    return put
