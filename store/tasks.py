"""What must be arranged for an event because somebody who comes needs it: who sees to it, and by when.

A task follows from a place, the needs of who has it, and the event; `arrange` and `drop` bring the rows in line with
them, however often they are called and in whatever order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import Role
from domain.event import Event, EventRole, EventState
from domain.need import Need, due_at, meets, needs_at
from domain.places import BookingStatus
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from store import people, team
from store import tables as t
from store.event_rows import COLUMNS, as_event
from store.team import Member
from store.times import from_ms, to_ms
from store.vault import Vault

#: The owner of a task hears of it so long before it is due.
SOON = timedelta(days=2)
#: What somebody says of these needs in words of their own, by the field of their profile.
_IN_WORDS = {Need.INTERPRETER: "interpreter_language", Need.DIET: "diet"}
_FIELDS = ("reading", "meeting", "diet", "interpreter_language", "share_needs")
#: Tasks are called by the last digits of their ids.
_DIGITS = 6
#: So many people are asked for in one statement: a database takes only so many values.
_AT_ONCE = 1000
_EVENT = tuple(t.events.c[name] for name in COLUMNS)

#: Their tasks count: they have a place.
_HAS_A_PLACE = and_(
    t.bookings.c.event_id == t.tasks.c.event_id,
    t.bookings.c.contact_id == t.tasks.c.contact_id,
    t.bookings.c.status == BookingStatus.BOOKED.value,
)


@dataclass(frozen=True, slots=True)
class Task:
    """One need of somebody who comes, for the team's eyes. `name` is what they want to be called (empty: they did not
    say), `detail` their own words: a language, a diet. `owner` sees to it; None: nobody yet.
    """

    id: int
    event: Event
    contact_id: int
    name: str
    need: Need
    detail: str
    owner_id: int | None
    owner: str
    due_at: datetime
    settled_at: datetime | None

    @property
    def number(self) -> str:
        """What the team calls it."""
        return number_of(self.id)


@dataclass(frozen=True, slots=True)
class DueTask:
    """A task that is due soon, or late: without a word of whom it is for."""

    event: Event
    need: Need
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """What the place and the caterer are told, without names. `people` have a place or come with somebody who has;
    `needs` and `diets` count those who agreed that we pass it on; `kept_back` people need something, and did not.
    """

    people: int
    needs: Mapping[Need, int]
    diets: Mapping[str, int]
    kept_back: int = 0


def number_of(id: int) -> str:
    """The last digits of a task's id: short enough to be typed, and not given to another task when one is gone."""
    return f"{id % 10**_DIGITS:0{_DIGITS}}"


async def arrange(
    connection: AsyncConnection, vault: Vault, ids: Callable[[], int], event: Event, contact_id: int, now: datetime
) -> set[int]:
    """Bring somebody's tasks at the event in line with what they need there: each need has one, those not needed any
    more are gone, and the due days are the event's. What the venue meets is settled at once, and open again where the
    venue meets it no more. Nothing for who has no place.

    Returns who owns tasks that are new and due soon: they cannot be left to hear of them in the morning.
    """
    await people.hold(connection, contact_id)
    if not await _has_a_place(connection, event.id, contact_id):
        await _drop_open(connection, event.id, contact_id)
        return set()
    wanted = needs_at(event, _answers(await _said(connection, vault, [contact_id]), contact_id))
    k = t.tasks.c
    theirs = (k.event_id == event.id, k.contact_id == contact_id)
    rows = (await connection.execute(select(t.tasks).where(*theirs).with_for_update())).mappings().all()
    there = {str(row["kind"]): row for row in rows}
    names = [need.value for need in wanted]
    await connection.execute(delete(t.tasks).where(*theirs, k.kind.not_in(names), k.settled_at.is_(None)))
    team_now = await team.members(connection, vault) if wanted else []
    owner = await _owner(connection, event.id, team_now)
    to_tell = set()
    for need in wanted:
        met = meets(event.venue, need)
        if (row := there.get(need)) is not None:
            await _update(connection, row, _as_it_is(event, row, met, owner, team_now))
            continue
        due = due_at(event, now)
        values = {"id": ids(), "event_id": event.id, "contact_id": contact_id, "kind": need.value, "owner_id": owner}
        times = {"due_at": to_ms(due), "settled_at": to_ms(now) if met else None, "created_at": to_ms(now)}
        await connection.execute(insert(t.tasks).values(values | times))
        if not met and owner is not None and due <= now + SOON:
            to_tell.add(owner)
    return to_tell


async def drop(connection: AsyncConnection, event_id: int, contact_id: int) -> list[tuple[int | None, Need]]:
    """Somebody gave their place up: nothing has to be arranged for them any more. Nothing is dropped where they have
    a place, because they asked for one again meanwhile.

    Returns who owns what somebody of the team had arranged already: it must be called off. Should they come after all,
    it is to be arranged anew.
    """
    await people.hold(connection, contact_id)
    if await _has_a_place(connection, event_id, contact_id):
        return []
    k = t.tasks.c
    theirs = (k.event_id == event_id, k.contact_id == contact_id)
    rows = await connection.execute(
        select(k.owner_id, k.kind).where(arranged_at(event_id), k.contact_id == contact_id).order_by(k.id)
    )
    arranged = [(owner_id, Need(kind)) for owner_id, kind in rows]
    await connection.execute(delete(t.tasks).where(*theirs))
    return arranged


async def drop_all(connection: AsyncConnection, event_id: int) -> list[tuple[int | None, Need]]:
    """The event is called off: nothing has to be arranged for it any more. Returns who owns what somebody of the team
    had arranged already.
    """
    k = t.tasks.c
    rows = await connection.execute(select(k.owner_id, k.kind).where(arranged_at(event_id)).order_by(k.id))
    arranged = [(owner_id, Need(kind)) for owner_id, kind in rows]
    await connection.execute(delete(t.tasks).where(k.event_id == event_id))
    return arranged


def arranged_at(event_id: int) -> ColumnElement[bool]:
    """What somebody of the team has arranged there; what the venue meets was settled as it was noted."""
    k = t.tasks.c
    return and_(k.event_id == event_id, k.settled_at.is_not(None), k.settled_at != k.created_at)


async def _drop_open(connection: AsyncConnection, event_id: int, contact_id: int) -> None:
    k = t.tasks.c
    await connection.execute(
        delete(t.tasks).where(k.event_id == event_id, k.contact_id == contact_id, k.settled_at.is_(None))
    )


async def astray(connection: AsyncConnection, vault: Vault, now: datetime) -> list[tuple[int, int]]:
    """Whose tasks (event, contact), at the events to come, are not what `arrange` would make them: an event moved, a
    need was told later, a place was declined, an owner left the team.
    """
    found = await connection.execute(select(*_EVENT).where(_to_come(now)).order_by(t.events.c.starts_at))
    events = {event.id: event for event in map(as_event, found)}
    b, k = t.bookings.c, t.tasks.c
    placed = await connection.execute(
        select(b.event_id, b.contact_id).where(b.event_id.in_(events), b.status == BookingStatus.BOOKED.value)
    )
    places = {(event_id, contact_id) for event_id, contact_id in placed}
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for row in (await connection.execute(select(t.tasks).where(k.event_id.in_(events)))).mappings():
        rows.setdefault((row["event_id"], row["contact_id"]), {})[row["kind"]] = row
    said = await _said(connection, vault, {contact_id for _, contact_id in places})
    team_now = await team.members(connection, vault)
    owners = {id: await _owner(connection, id, team_now) for id in events}
    wrong = []
    for event_id, contact_id in sorted(places | rows.keys()):
        event, there = events[event_id], rows.get((event_id, contact_id), {})
        wanted = needs_at(event, _answers(said, contact_id)) if (event_id, contact_id) in places else ()
        too_many = any(row["settled_at"] is None for kind, row in there.items() if kind not in wanted)
        fits = all(
            need in there
            and _as_it_is(event, there[need], meets(event.venue, need), owners[event_id], team_now)
            == _kept(there[need])
            for need in wanted
        )
        if too_many or not fits:
            wrong.append((event_id, contact_id))
    return wrong


async def open_tasks(connection: AsyncConnection, vault: Vault, event_id: int | None = None) -> list[Task]:
    """What is still to be arranged, the most pressing first; for all events that are held, or for that one."""
    at_it = t.events.c.state != EventState.CALLED_OFF.value if event_id is None else t.tasks.c.event_id == event_id
    return await _tasks(connection, vault, at_it, t.tasks.c.settled_at.is_(None))


async def tasks_at(connection: AsyncConnection, vault: Vault, event_id: int) -> list[Task]:
    """All tasks of an event, the settled ones as well."""
    return await _tasks(connection, vault, t.tasks.c.event_id == event_id)


async def numbered(connection: AsyncConnection, vault: Vault, number: str) -> list[Task]:
    """The tasks that the team may mean by that number: mostly one. Of those still open, where there are any."""
    digits = len(number)
    found = await _tasks(connection, vault, t.tasks.c.id % 10**digits == int(number)) if 0 < digits < 19 else []
    return [one for one in found if one.settled_at is None] or found


async def settle(connection: AsyncConnection, id: int, now: datetime) -> bool:
    """It is arranged. False where it was already, or is gone."""
    k = t.tasks.c
    later = case((k.created_at < to_ms(now), to_ms(now)), else_=k.created_at + 1)  # not by the venue: see `_as_it_is`
    done = await connection.execute(update(t.tasks).where(k.id == id, k.settled_at.is_(None)).values(settled_at=later))
    return done.rowcount > 0


async def hand_to(connection: AsyncConnection, id: int, owner_id: int | None) -> bool:
    """From now on that person of the team sees to it. False where it is gone."""
    done = await connection.execute(update(t.tasks).where(t.tasks.c.id == id).values(owner_id=owner_id))
    return done.rowcount > 0


async def unready(connection: AsyncConnection, event_id: int) -> int:
    """How many tasks keep an event from being ready; 0: it is."""
    counted = select(func.count()).select_from(t.tasks).join(t.bookings, _HAS_A_PLACE)
    return int(
        (
            await connection.execute(counted.where(t.tasks.c.event_id == event_id, t.tasks.c.settled_at.is_(None)))
        ).scalar_one()
    )


async def unready_events(connection: AsyncConnection, now: datetime) -> dict[int, int]:
    """How many tasks keep each event to come from being ready, by its id; those that are ready are not in it."""
    k = t.tasks.c
    rows = await connection.execute(
        select(k.event_id, func.count())
        .select_from(t.tasks)
        .join(t.bookings, _HAS_A_PLACE)
        .join(t.events, t.events.c.id == k.event_id)
        .where(t.events.c.ends_at > to_ms(now), k.settled_at.is_(None))
        .group_by(k.event_id)
    )
    return {event_id: int(count) for event_id, count in rows}


async def totals(connection: AsyncConnection, vault: Vault, event_id: int) -> Totals:
    """How many come, and what those need who agreed to it: to be passed on. Diets that differ only in how they are
    written are one.
    """
    b = t.bookings.c
    booked = await connection.execute(
        select(b.contact_id, b.companions).where(b.event_id == event_id, b.status == BookingStatus.BOOKED.value)
    )
    companions = {contact_id: int(beside) for contact_id, beside in booked}
    row = (await connection.execute(select(*_EVENT).where(t.events.c.id == event_id))).first()
    said = await _said(connection, vault, companions)
    needs: Counter[Need] = Counter()
    diets: Counter[str] = Counter()
    kept_back = 0
    for contact_id in companions if row is not None else ():
        theirs = said.get(contact_id, {})
        found = needs_at(as_event(row), _answers(said, contact_id)) if row is not None else ()
        if theirs.get("share_needs") != "yes":
            kept_back += bool(found)
            continue
        needs.update(found)
        if Need.DIET in found and (words := _words(theirs, Need.DIET)):
            diets[" ".join(words.lower().split()).strip(" .!")] += 1
    ordered = {need: needs[need] for need in Need if need in needs}
    return Totals(len(companions) + sum(companions.values()), ordered, dict(sorted(diets.items())), kept_back)


async def other_needs(connection: AsyncConnection, vault: Vault, event_id: int) -> list[tuple[str, str]]:
    """What those who have a place say helps them beside all that, in their own words, with the name they gave: for
    the team's eyes. No task follows from it.
    """
    b = t.bookings.c
    which = (b.event_id == event_id, b.status == BookingStatus.BOOKED.value)
    booked = (await connection.execute(select(b.contact_id).where(*which).order_by(b.position, b.id))).scalars().all()
    said = await _said(connection, vault, booked, ("nickname", "other_needs"))
    found = [(said[id].get("nickname", ""), said[id].get("other_needs", "")) for id in booked if id in said]
    told = [tuple("" if one == PREFER_NOT_TO_SAY else str(one) for one in pair) for pair in found]
    return [(name, words) for name, words in told if words]


async def due_tasks(connection: AsyncConnection, now: datetime) -> dict[int | None, list[DueTask]]:
    """What is due within two days, or late, by who sees to it (None: nobody yet); the most pressing first. Nothing
    of an event that is called off or over.
    """
    k = t.tasks.c
    rows = await connection.execute(
        select(*_EVENT, k.owner_id, k.kind, k.due_at)
        .select_from(t.tasks)
        .join(t.bookings, _HAS_A_PLACE)
        .join(t.events, t.events.c.id == k.event_id)
        .where(_to_come(now), k.settled_at.is_(None), k.due_at <= to_ms(now + SOON))
        .order_by(k.due_at, k.id)
    )
    found: dict[int | None, list[DueTask]] = {}
    for *event, owner_id, kind, due in rows:
        found.setdefault(owner_id, []).append(DueTask(as_event(event), Need(kind), from_ms(due)))
    return found


async def owners(connection: AsyncConnection, now: datetime) -> list[int]:
    """Who has something to see to, at an event to come."""
    k = t.tasks.c
    found = await connection.execute(
        select(k.owner_id)
        .distinct()
        .join(t.events, t.events.c.id == k.event_id)
        .where(_to_come(now), k.settled_at.is_(None), k.owner_id.is_not(None))
        .order_by(k.owner_id)
    )
    return list(found.scalars())


def _to_come(now: datetime) -> ColumnElement[bool]:
    """Events that are held, and at which something can still be arranged."""
    e = t.events.c
    return and_(e.state == EventState.PUBLISHED.value, e.ends_at > to_ms(now))


async def _tasks(connection: AsyncConnection, vault: Vault, *which: ColumnElement[bool]) -> list[Task]:
    k = t.tasks.c
    rows = (
        await connection.execute(
            select(*_EVENT, k.id, k.contact_id, k.kind, k.owner_id, k.due_at, k.settled_at)
            .select_from(t.tasks)
            .join(t.bookings, _HAS_A_PLACE)
            .join(t.events, t.events.c.id == k.event_id)
            .where(*which)
            .order_by(k.settled_at.is_not(None), k.due_at, k.id)
        )
    ).all()
    members = {owner: name for owner, name in await _names_of_team(connection, vault)}
    said = await _said(connection, vault, {row[-5] for row in rows}, ("nickname", *_IN_WORDS.values()))
    found = []
    for *event, id, contact_id, kind, owner_id, due, settled_at in rows:
        need, theirs = Need(kind), said.get(contact_id, {})
        name = theirs.get("nickname", "")
        found.append(
            Task(
                id,
                as_event(event),
                contact_id,
                "" if name == PREFER_NOT_TO_SAY else str(name),
                need,
                _words(theirs, need),
                owner_id,
                members.get(owner_id, ""),
                from_ms(due),
                None if settled_at is None else from_ms(settled_at),
            )
        )
    return found


async def _names_of_team(connection: AsyncConnection, vault: Vault) -> list[tuple[int, str]]:
    s = t.staff.c
    rows = await connection.execute(select(s.contact_id, s.sealed))
    return [(id, vault.open(sealed, id).decode()) for id, sealed in rows]


async def _has_a_place(connection: AsyncConnection, event_id: int, contact_id: int) -> bool:
    b = t.bookings.c
    which = (b.event_id == event_id, b.contact_id == contact_id, b.status == BookingStatus.BOOKED.value)
    return (await connection.execute(select(b.id).where(*which))).first() is not None


async def _said(
    connection: AsyncConnection, vault: Vault, contact_ids: Collection[int], fields: Collection[str] = _FIELDS
) -> dict[int, dict[str, Answer]]:
    """What these people said of their needs, by field."""
    p = t.profile.c
    found: dict[int, dict[str, Answer]] = {}
    everybody = sorted(contact_ids)
    for start in range(0, len(everybody), _AT_ONCE):
        some = everybody[start : start + _AT_ONCE]
        rows = await connection.execute(
            select(p.contact_id, p.field, p.sealed).where(p.contact_id.in_(some), p.field.in_(fields))
        )
        for contact_id, field, sealed in rows:
            found.setdefault(contact_id, {})[field] = people.kept_value(vault, contact_id, sealed)
    return found


def _answers(said: Mapping[int, Mapping[str, Answer]], contact_id: int) -> frozenset[str]:
    """What they chose of what helps them to follow, and of what they need at a meeting."""
    theirs = said.get(contact_id, {})
    chosen: set[str] = set()
    for answer in (theirs.get("reading", ()), theirs.get("meeting", ())):
        chosen.update(answer if isinstance(answer, tuple) else (str(answer),))
    return frozenset(chosen)


def _words(said: Mapping[str, Answer], need: Need) -> str:
    """Their own words about a need; empty where they have none."""
    answer = said.get(_IN_WORDS.get(need, ""), "")
    return "" if answer == PREFER_NOT_TO_SAY else str(answer)


async def _owner(connection: AsyncConnection, event_id: int, team_now: Collection[Member]) -> int | None:
    """A facilitator of the event, else the first coordinator, of those whom we can reach."""
    d = t.duties.c
    rows = await connection.execute(
        select(d.contact_id)
        .where(d.event_id == event_id, d.role == EventRole.FACILITATOR.value)
        .order_by(d.created_at, d.contact_id)
    )
    reached = {one.address.contact_id for one in team_now}
    facilitators = [id for id in rows.scalars() if id in reached]
    coordinators = [one.address.contact_id for one in team_now if one.role is Role.COORDINATOR]
    return next(iter((*facilitators, *coordinators)), None)


_Kept = tuple[int | None, int, int | None]


def _as_it_is(
    event: Event, row: Mapping[Any, Any], met: bool, owner: int | None, team_now: Collection[Member]
) -> _Kept:
    """Owner, due day and settling of a task as they should be now. What was settled in the moment in which it was
    made, the venue settled: where that does not hold any more, it is open.
    """
    keeps_owner = any(one.address.contact_id == row["owner_id"] for one in team_now)
    settled_at = row["settled_at"]
    if settled_at == row["created_at"] and not met:
        settled_at = None
    elif settled_at is None and met:
        settled_at = row["created_at"]
    due = to_ms(due_at(event, from_ms(row["created_at"])))
    return (row["owner_id"] if keeps_owner else owner), due, settled_at


def _kept(row: Mapping[Any, Any]) -> _Kept:
    return row["owner_id"], row["due_at"], row["settled_at"]


async def _update(connection: AsyncConnection, row: Mapping[Any, Any], wanted: _Kept) -> None:
    if wanted != _kept(row):
        owner_id, due, settled_at = wanted
        values = {"owner_id": owner_id, "due_at": due, "settled_at": settled_at}
        await connection.execute(update(t.tasks).where(t.tasks.c.id == row["id"]).values(values))
