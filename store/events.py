"""Events as coordinators arrange them: added, changed, published, called off; and who must be told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.event import Event, EventState, Texts, Venue, text_in
from domain.places import LIVE, BookingStatus
from flows.fold import fold
from store import fires, people
from store import tables as t
from store.changes import Due
from store.event_rows import COLUMNS, as_event, as_row, room_of
from store.event_rules import EventRefused, Fault, Known, faults_in
from store.tasks import arranged_at
from store.times import to_ms

_EVENT = tuple(t.events.c[name] for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class Listed:
    """An event, how many places of it are held (`beside` of them for companions), and how many people wait. `unread`
    have not said yet that they have read of its last change.
    """

    event: Event
    taken: int
    beside: int
    waiting: int
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """An event as it is now, and how many people are told."""

    event: Event
    told: int


async def add(connection: AsyncConnection, id: int, draft: Event, now: datetime, known: Known) -> Event:
    """Keep it as a draft, with the next number. Raises EventRefused."""
    await _one_at_a_time(connection)
    highest = (await connection.execute(select(func.max(t.events.c.number)))).scalar()
    event = replace(draft, id=id, number=(highest or 0) + 1, state=EventState.DRAFT, revision=0, reason={})
    await _look(connection, event, known, now)
    await connection.execute(insert(t.events).values(id=id, created_at=to_ms(now), **as_row(event)))
    return event


async def event(connection: AsyncConnection, id: int, *, lock: bool = False) -> Event | None:
    """That event; with `lock`, nobody gets a place at it or changes it until the transaction ends."""
    found = await _listed(connection, t.events.c.id == id, lock=lock)
    return None if found is None else found.event


async def numbered(connection: AsyncConnection, number: int) -> Listed | None:
    """The event that the team calls by that number."""
    return await _listed(connection, t.events.c.number == number)


async def listing(connection: AsyncConnection, now: datetime, *, past: bool = False) -> list[Listed]:
    """What is not over yet, the next one first, in any state; or what is over, the last one first."""
    c = t.events.c
    which, order = (c.ends_at <= to_ms(now), c.ends_at.desc()) if past else (c.ends_at > to_ms(now), c.starts_at.asc())
    rows = (await connection.execute(select(*_EVENT).where(which).order_by(order, c.id))).all()
    waiting = await _waiting(connection, which)
    return [Listed(as_event(row), row.taken, row.beside, waiting.get(row.id, 0)) for row in rows]


async def venue_named(connection: AsyncConnection, name: str) -> Venue | None:
    """The venue of the newest event at a venue of that name."""
    rows = await connection.execute(select(*_EVENT).order_by(t.events.c.number.desc()))
    venues = (as_event(row).venue for row in rows)
    return next((venue for venue in venues if fold(venue.name) == fold(name)), None)


async def at_known_venue(connection: AsyncConnection, event: Event) -> Event:
    """The event, of whose venue only the name was given, at the venue of that name. Raises EventRefused."""
    name = event.venue.name
    venue = await venue_named(connection, name)
    if venue is None:
        sentence = f"no event was at a venue called {name!r} before: write out its name, address and postcode"
        raise EventRefused(Fault(("venue",), sentence))
    return replace(event, venue=venue)


async def change(
    connection: AsyncConnection, ids: Callable[[], int], id: int, wanted: Event, now: datetime, known: Known
) -> Changed:
    """Make event `id` what `wanted` is, but for its number, state and revision. Where it is published and something
    changes that people plan by, everybody with a place, or waiting for one, is told; where more places are free
    than were, those who wait get them. Raises EventRefused.
    """
    found = await _changeable(connection, id, now)
    was = found.event
    event = replace(wanted, id=id, number=was.number, state=was.state, revision=was.revision, reason=was.reason)
    await _look(connection, event, known, now, was=was, taken=found.taken)
    tells = was.state is EventState.PUBLISHED and concerns_people(was, event)
    if tells:
        event = replace(event, revision=was.revision + 1)
    await _write(connection, event)
    if was.state is EventState.PUBLISHED and _has_more_room(was, event):
        key = f"places/{id}/{event.revision}/{to_ms(now)}"
        await fires.put(connection, Due(ids(), key, "places", 0, 0, "", id, None), now)
    return Changed(event, await _tell(connection, ids, event, "changed", now) if tells else 0)


async def publish(connection: AsyncConnection, id: int, now: datetime, known: Known) -> Event:
    """From now on people find it and can book. Raises EventRefused: also where its day has come meanwhile."""
    found = await _changeable(connection, id, now)
    if found.event.state is EventState.PUBLISHED:
        raise EventRefused(Fault((), f"event {found.event.number} is published already"))
    await _look(connection, found.event, known, now)
    event = replace(found.event, state=EventState.PUBLISHED)
    await _write(connection, event, published_at=to_ms(now))
    return event


async def call_off(
    connection: AsyncConnection, ids: Callable[[], int], id: int, now: datetime, known: Known, reason: Texts
) -> Changed:
    """It will not be held, for that reason. Everybody with a place at it, or waiting for one, is told. Raises
    EventRefused.
    """
    was = (await _changeable(connection, id, now)).event
    published = was.state is EventState.PUBLISHED
    event = replace(was, state=EventState.CALLED_OFF, reason=reason, revision=was.revision + published)
    wrong = [fault for fault in faults_in(event, known, now, was=was) if fault.place[:1] == ("reason",)]
    if wrong:
        raise EventRefused(*wrong)
    await _write(connection, event, called_off_at=to_ms(now))
    await _tell_who_arranged(connection, ids, event, now)
    return Changed(event, await _tell(connection, ids, event, "called_off", now))


async def booked_by(connection: AsyncConnection, contact_id: int) -> list[Event]:
    """The events at which somebody has a place, and that are held."""
    b, e = t.bookings.c, t.events.c
    rows = await connection.execute(
        select(*_EVENT)
        .join(t.bookings, b.event_id == e.id)
        .where(
            b.contact_id == contact_id, b.status == BookingStatus.BOOKED.value, e.state == EventState.PUBLISHED.value
        )
    )
    return [as_event(row) for row in rows]


async def people_to_tell(connection: AsyncConnection, id: int) -> int:
    """How many have a place at it, or wait for one."""
    return (await connection.execute(select(func.count()).select_from(t.bookings).where(_live(id)))).scalar_one()


def concerns_people(was: Event, event: Event) -> bool:
    """Whether those who come must know of the change: what it is called, when and where it is, what they pay, and
    whether there is food. A translation that was missing is no change.
    """
    return (
        was.days != event.days
        or was.food != event.food
        or _plans(was.venue) != _plans(event.venue)
        or any(
            text_in(new, language) != text
            for old, new in ((was.title, event.title), (was.fee, event.fee), (was.venue.way, event.venue.way))
            for language, text in (old or dict.fromkeys(new, "")).items()
        )
    )


def _plans(venue: Venue) -> Venue:
    """What of a venue people plan by, beside the way to it."""
    return replace(venue, way={}, cost=None, district="")


def _has_more_room(was: Event, event: Event) -> bool:
    if was.capacity is None:
        return False
    return event.capacity is None or event.capacity > was.capacity or event.kept < was.kept


async def _one_at_a_time(connection: AsyncConnection) -> None:
    """Whoever arranges events on PostgreSQL waits here, so that two do not take one room, or one number, at once. It
    is the oldest event's row, because nobody books a place at that one any more; while there is none, the number
    itself is unique.
    """
    await connection.execute(select(t.events.c.id).order_by(t.events.c.id).limit(1).with_for_update())


async def _changeable(connection: AsyncConnection, id: int, now: datetime) -> Listed:
    """That event, locked. Raises EventRefused where there is nothing to change any more."""
    await _one_at_a_time(connection)
    found = await _listed(connection, t.events.c.id == id, lock=True)
    if found is None:
        raise EventRefused(Fault((), "there is no such event any more"))
    number = found.event.number
    if found.event.state is EventState.CALLED_OFF:
        raise EventRefused(Fault((), f"event {number} is called off: add a new one in its place"))
    if found.event.ends_at <= now:
        raise EventRefused(Fault((), f"event {number} is over: what has been cannot be changed"))
    return found


async def _look(
    connection: AsyncConnection,
    event: Event,
    known: Known,
    now: datetime,
    *,
    was: Event | None = None,
    taken: int = 0,
) -> None:
    first = None if event.after is None else await numbered(connection, event.after)
    others = await _in_its_room(connection, event) if event.days else []
    found = list(
        faults_in(
            event, known, now, was=was, taken=taken, first=None if first is None else first.event, in_the_room=others
        )
    )
    if found:
        raise EventRefused(*found)


async def _in_its_room(connection: AsyncConnection, event: Event) -> list[Event]:
    """What else is held there from its first day to its last."""
    c = t.events.c
    rows = await connection.execute(
        select(*_EVENT).where(
            c.room == room_of(event.venue),
            c.state != EventState.CALLED_OFF.value,
            c.id != event.id,
            c.starts_at < to_ms(event.ends_at),
            c.ends_at > to_ms(event.starts_at),
        )
    )
    return [as_event(row) for row in rows]


async def _listed(connection: AsyncConnection, which: ColumnElement[bool], *, lock: bool = False) -> Listed | None:
    asked = select(*_EVENT).where(which)
    row = (await connection.execute(asked.with_for_update() if lock else asked)).first()
    if row is None:
        return None
    waiting = await _waiting(connection, which)
    told = and_(_live(row.id), t.bookings.c.acknowledged < row.revision)
    unread = (await connection.execute(select(func.count()).select_from(t.bookings).where(told))).scalar_one()
    return Listed(as_event(row), row.taken, row.beside, waiting.get(row.id, 0), unread)


async def _waiting(connection: AsyncConnection, which: ColumnElement[bool]) -> dict[int, int]:
    """How many wait, by event."""
    b, e = t.bookings.c, t.events.c
    rows = await connection.execute(
        select(b.event_id, func.count())
        .join(t.events, e.id == b.event_id)
        .where(which, b.status == BookingStatus.WAITING.value)
        .group_by(b.event_id)
    )
    return {event_id: count for event_id, count in rows}


async def _write(connection: AsyncConnection, event: Event, **more: int) -> None:
    await connection.execute(update(t.events).where(t.events.c.id == event.id).values(**as_row(event), **more))


def _live(id: int) -> ColumnElement[bool]:
    return and_(t.bookings.c.event_id == id, t.bookings.c.status.in_(sorted(LIVE)))


async def _tell_who_arranged(connection: AsyncConnection, ids: Callable[[], int], event: Event, now: datetime) -> None:
    """An errand, if anybody had arranged anything: an interpreter must not come to a locked door. It is in the name of
    whoever of the team can be reached.
    """
    if (await connection.execute(select(t.tasks.c.id).where(arranged_at(event.id)).limit(1))).first() is None:
        return
    for contact_id in (await connection.execute(select(t.staff.c.contact_id).order_by(t.staff.c.created_at))).scalars():
        if (to := await people.address_of(connection, contact_id)) is not None:
            key = f"called_off/{event.id}"
            due = Due(ids(), key, "tasks_off", contact_id, to.urn_key, to.channel, event.id, None)
            await fires.put(connection, due, now)
            return


async def _tell(connection: AsyncConnection, ids: Callable[[], int], event: Event, what: str, now: datetime) -> int:
    """A fire for each person who must know; the dispatcher writes to them."""
    c = t.bookings.c
    rows = (await connection.execute(select(c.id, c.contact_id, c.urn_key, c.channel).where(_live(event.id)))).all()
    for id, contact_id, urn_key, channel in rows:
        key = f"event/{id}/{event.revision}"
        await fires.put(connection, Due(ids(), key, "event", contact_id, urn_key, channel, event.id, what), now)
    return len(rows)
