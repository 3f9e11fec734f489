"""What the people of a batch need to know of events: what is open, and what they have. Read only where needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from domain.event import Event, EventState
from domain.opportunity import Opportunity
from domain.places import Booking, BookingStatus, Places
from flows.conditions import Answer
from store import tables as t
from store.bulk import fetch, insert, update
from store.changes import Changes
from store.database import HotTransaction, Row
from store.event_rows import COLUMNS, as_event
from store.opportunities import as_opportunity
from store.times import from_ms
from store.vault import Vault

#: What of somebody's profile decides which events are near, and what they need there.
_FIELDS = frozenset({"district", "meeting", "nickname"})


@dataclass(slots=True, eq=False)
class Programme:
    """As it is at `now`: `events` by id; `open` are those that can be asked for (read for who asks), by their start.
    `offers` are the opportunities that are open, and those that talks are about. `bookings` by contact and event;
    `facts` by contact: district, needs at a meeting, nickname.
    """

    now: datetime | None = None
    events: dict[int, Event] = field(default_factory=dict)
    open: list[int] = field(default_factory=list)
    offers: dict[int, Opportunity] = field(default_factory=dict)
    bookings: dict[int, dict[int, Booking]] = field(default_factory=dict)
    facts: dict[int, dict[str, Answer]] = field(default_factory=dict)

    def live(self, contact_id: int) -> list[Booking]:
        """What they have or wait for that is still to come, the first one first."""
        mine = [b for b in self.bookings.get(contact_id, {}).values() if b.live and self._to_come(b.event_id)]
        return sorted(mine, key=lambda b: (self.events[b.event_id].starts_at, b.event_id))

    def second_parts(self, contact_id: int, first: Event) -> list[Event]:
        """What they have or wait for, still to come, that needs the other event to come before it."""
        theirs = (self.events[one.event_id] for one in self.live(contact_id))
        return [event for event in theirs if event.after == first.number]

    def _to_come(self, event_id: int) -> bool:
        event = self.events.get(event_id)
        if event is None or self.now is None:
            return False
        return event.state is EventState.PUBLISHED and self.now < event.ends_at


#: For the many turns that have nothing to do with events. Nobody writes into it.
NO_PROGRAMME = Programme()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of whom, and of which events, the programme is to be read; `open`: also all that can be asked for."""

    contacts: Collection[int] = ()
    events: Collection[int] = ()
    open: bool = False

    def __bool__(self) -> bool:
        return bool(self.contacts or self.events or self.open)


_EVENT = f"SELECT {', '.join(COLUMNS)} FROM events"
_OPEN = f"{_EVENT} WHERE state = 'published' AND starts_at > {{value}} ORDER BY starts_at, number LIMIT 200"
_THESE = f"{_EVENT} WHERE id {{keys}}"
_OFFERS = (
    "SELECT document FROM opportunities WHERE state = 'published' AND closes_at > {value} ORDER BY closes_at, number"
)
_THESE_OFFERS = "SELECT document FROM opportunities WHERE id {keys} ORDER BY closes_at, number"
_THEIRS = f"{_EVENT} WHERE id IN (SELECT b.event_id FROM bookings b WHERE b.contact_id {{keys}})"
_BOOKING = (
    "SELECT id, event_id, contact_id, status, position, companions, offered_until, offers, revision, acknowledged,"
    " urn_key, channel, came FROM bookings"
)
_BOOKINGS = f"{_BOOKING} WHERE contact_id {{keys}}"
_FACTS = "SELECT contact_id, field, sealed FROM profile WHERE contact_id {keys}"


async def load_programme(tx: HotTransaction, vault: Vault, wanted: Wanted, now_ms: int) -> Programme:
    programme = Programme(from_ms(now_ms))
    contacts = sorted(wanted.contacts)
    about, opened, offers = sorted(wanted.events), fetch(_OPEN, now_ms), fetch(_OFFERS, now_ms)
    these, their_offers, theirs, bookings, facts, *more = await tx.fetch(
        fetch(_THESE, about),
        fetch(_THESE_OFFERS, about),
        fetch(_THEIRS, contacts),
        fetch(_BOOKINGS, contacts),
        fetch(_FACTS, contacts),
        *((opened, offers) if wanted.open else ()),
    )
    open_now, offered = more if wanted.open else ((), ())
    for row in (*these, *theirs, *open_now):
        if row[0] not in programme.events:
            programme.events[row[0]] = as_event(row)
    programme.open = [row[0] for row in open_now]
    for (document,) in (*offered, *their_offers):
        one = as_opportunity(document)
        programme.offers[one.id] = one
    for booking in map(_booking, bookings):
        programme.bookings.setdefault(booking.contact_id, {})[booking.event_id] = booking
    for contact_id, name, sealed in facts:
        if name in _FIELDS:
            value, _ = orjson.loads(vault.open(sealed, contact_id))
            said = tuple(value) if isinstance(value, list) else value
            programme.facts.setdefault(contact_id, {})[name] = said
    return programme


def _booking(row: Row) -> Booking:
    id, event_id, contact_id, status, *rest = row
    came = rest.pop()  # SQLite knows no booleans
    return Booking(id, event_id, contact_id, BookingStatus(status), *[*rest, None if came is None else bool(came)])


#: The order of the ids is the order of the locks, so that two replicas never wait for each other.
_ROOMS = f"{_EVENT} WHERE id {{keys}} ORDER BY id"
_WAITING = f"{_BOOKING} WHERE event_id {{keys}} AND status = 'waiting' ORDER BY position"
_OF_EVENTS = f"{_BOOKING} WHERE event_id {{keys}} AND contact_id {{keys}}"


async def load_rooms(
    tx: HotTransaction, event_ids: Iterable[int], contact_ids: Iterable[int]
) -> dict[int, tuple[Event, Places]]:
    """These events as they stand now, and their places, locked until the transaction ends."""
    ids = sorted(set(event_ids))
    (found,) = await tx.fetch(fetch(_ROOMS, ids, locking=" FOR UPDATE"))
    # a second round: a statement sees what was committed before it began, and the first may have waited
    waiting, theirs = await tx.fetch(fetch(_WAITING, ids), fetch(_OF_EVENTS, ids, sorted(set(contact_ids))))
    rooms = {}
    for row in found:
        event, (taken, beside, asked) = as_event(row), row[6:9]
        rooms[event.id] = (event, Places(event.id, event.capacity, event.kept, taken, beside, asked))
    for row in theirs:
        booking = _booking(row)
        rooms[booking.event_id][1].bookings[booking.contact_id] = booking
    for row in waiting:
        booking = _booking(row)
        places = rooms[booking.event_id][1]
        places.waiting[booking.contact_id] = places.bookings.setdefault(booking.contact_id, booking)
    return rooms


_COUNT = update(t.events, ("taken", "beside", "asked"))
_PUT_BOOKINGS = insert(
    t.bookings,
    (
        "id",
        "event_id",
        "contact_id",
        "status",
        "position",
        "companions",
        "offered_until",
        "offers",
        "revision",
        "acknowledged",
        "urn_key",
        "channel",
        "asked_at",
        "changed_at",
    ),
    update_on=("event_id", "contact_id"),
    once=("asked_at",),
)
_SAY_WHY = update(t.bookings, ("sealed",), key="event_id", also_key="contact_id")
_PUT_DEMANDS = insert(t.demands, ("id", "contact_id", "kind", "district", "at"), update_on=("contact_id", "kind"))


def save_programme(tx: HotTransaction, vault: Vault, now_ms: int, changes: Changes) -> None:
    """Write what was settled; it counts when the transaction ends."""
    tx.write(_COUNT, [(p.taken, p.beside, p.asked, p.event_id) for p in changes.rooms.values()])
    tx.write(_PUT_BOOKINGS, [_row(one, now_ms) for one in changes.bookings.values()])
    tx.write(
        _SAY_WHY,
        [(vault.seal(why.encode("utf-8", "replace"), id), event, id) for (event, id), why in changes.reasons.items()],
    )
    tx.write(_PUT_DEMANDS, [(id, who, kind, where, now_ms) for (who, kind), (id, where) in changes.demands.items()])


def _row(one: Booking, now_ms: int) -> Sequence[object]:
    return (
        one.id,
        one.event_id,
        one.contact_id,
        one.status.value,
        one.position,
        one.companions,
        one.offered_until,
        one.offers,
        one.revision,
        one.acknowledged,
        one.urn_key,
        one.channel,
        now_ms,
        now_ms,
    )
