"""Events as coordinators arrange them, on both databases: what is refused, and who is told of what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.event import Criterion, Day, Event, EventKind, EventState, Venue
from domain.places import BookingStatus
from store import events
from store import tables as t
from store.event_rules import EventRefused, known_of
from tests.conftest import World

HALL = Venue(name="Mill Lane Hall", room="Oak", address="3 Mill Lane, Colchester", district="colchester")


def day(world: World, days: float, hours: float = 2) -> Day:
    """So many days from now, for so many hours."""
    start = world.clock() + timedelta(days=days)
    return Day(start, start + timedelta(hours=hours))


def draft(world: World, **given: Any) -> Event:
    told = {"kind": EventKind.WORKSHOP, "title": {"en": "Tea"}, "venue": HALL, "days": (day(world, 15),), **given}
    return Event(id=0, number=0, **told)


@asynccontextmanager
async def office(world: World) -> AsyncIterator[AsyncConnection]:
    async with world.app.database.begin() as connection:
        yield connection


async def added(world: World, *, publish: bool = False, **given: Any) -> Event:
    known = known_of(world.app.library)
    async with office(world) as tx:
        event = await events.add(tx, world.app.ids(), draft(world, **given), world.clock(), known)
        return await events.publish(tx, event.id, world.clock(), known) if publish else event


async def changed(world: World, event: Event, **given: Any) -> events.Changed:
    async with office(world) as tx:
        wanted = replace(event, **given)
        return await events.change(tx, world.app.ids, event.id, wanted, world.clock(), known_of(world.app.library))


async def called_off(world: World, event: Event, reason: str = "The hall is closed.") -> events.Changed:
    async with office(world) as tx:
        known = known_of(world.app.library)
        return await events.call_off(tx, world.app.ids, event.id, world.clock(), known, {"en": reason})


async def booked(world: World, event: Event, **statuses: BookingStatus) -> dict[str, int]:
    """Somebody for each name, with that booking; the ids of the bookings."""
    ids = {}
    async with office(world) as tx:
        for n, (name, status) in enumerate(statuses.items(), start=1):
            ids[name] = world.app.ids()
            row = {
                "event_id": event.id, "contact_id": 100 + n, "status": status.value, "position": n, "urn_key": 1000 + n,
                "channel": "sms", "asked_at": 0, "changed_at": 0,
            }  # fmt: skip
            await tx.execute(insert(t.bookings).values(id=ids[name], **row))
        held = sum(status in (BookingStatus.BOOKED, BookingStatus.OFFERED) for status in statuses.values())
        await tx.execute(update(t.events).where(t.events.c.id == event.id).values(taken=held))
    return ids


async def fires(world: World) -> list[Any]:
    return await world.rows(
        "SELECT key, kind, contact_id, urn_key, channel, session_id, flow, due_at FROM fires ORDER BY contact_id, key"
    )


async def listed(world: World, number: int) -> events.Listed:
    async with world.app.database.read() as tx:
        found = await events.numbered(tx, number)
    assert found is not None
    return found


async def refusal(coming: Any) -> list[str]:
    with pytest.raises(EventRefused) as raised:
        await coming
    return [str(fault) for fault in raised.value.faults]


BOOKED, WAITING, OFFERED, OUT = (
    BookingStatus.BOOKED, BookingStatus.WAITING, BookingStatus.OFFERED, BookingStatus.OUT,
)  # fmt: skip


# Added, published, found


async def test_events_are_numbered_in_turn_and_begin_as_drafts(world: World) -> None:
    one = await added(world)
    two = await added(world, days=(day(world, 16),), capacity=12, kept=2, after=None)
    assert (one.number, two.number) == (1, 2)
    assert (one.state, one.revision) == (EventState.DRAFT, 0)
    async with world.app.database.read() as tx:
        assert await events.event(tx, two.id) == two
        assert await events.event(tx, 7) is None
        assert await events.numbered(tx, 3) is None
    (row,) = await world.rows("SELECT starts_at, room, published_at, taken FROM events WHERE number = 1")
    assert tuple(row) == (int(one.starts_at.timestamp() * 1000), "mill lane hall/oak", None, 0)


async def test_two_who_add_at_once_get_two_numbers_and_one_room(world: World) -> None:
    await added(world, days=(day(world, 1),))
    done = await asyncio.gather(*(added(world) for _ in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Event", "EventRefused", "EventRefused", "EventRefused"]
    days = [(day(world, n),) for n in range(20, 24)]
    done = await asyncio.gather(*(added(world, days=one) for one in days), return_exceptions=True)
    assert sorted(one.number for one in done if isinstance(one, Event)) == [3, 4, 5, 6]


async def test_the_list_counts_and_is_in_the_order_of_the_days(world: World) -> None:
    late = await added(world, days=(day(world, 30),), capacity=2, kept=1, publish=True)
    soon = await added(world, days=(day(world, 2),))
    await booked(world, late, ann=BOOKED, ben=OFFERED, cleo=WAITING, dan=WAITING, eve=OUT)
    async with world.app.database.read() as tx:
        found = await events.listing(tx, world.clock())
        assert await events.listing(tx, world.clock(), past=True) == []
    assert [(one.event.number, one.taken, one.event.capacity, one.waiting, one.event.kept) for one in found] == [
        (soon.number, 0, None, 0, 0),
        (late.number, 2, 2, 2, 1),
    ]
    world.clock.forward(timedelta(days=10))
    async with world.app.database.read() as tx:
        assert [one.event.number for one in await events.listing(tx, world.clock(), past=True)] == [soon.number]
        assert [one.event.number for one in await events.listing(tx, world.clock())] == [late.number]


async def test_a_venue_is_known_by_its_name_as_it_was_last(world: World) -> None:
    await added(world)
    newer = replace(HALL, address="4 Mill Lane, Colchester")
    await added(world, venue=newer, days=(day(world, 20),))
    async with world.app.database.read() as tx:
        assert await events.venue_named(tx, "  MILL lane hall ") == newer
        assert await events.venue_named(tx, "The Anchor") is None
        named = draft(world, venue=Venue(name="mill lane hall"))
        assert (await events.at_known_venue(tx, named)).venue == newer
        with pytest.raises(EventRefused, match=r"venue: no event was at a venue called 'The Anchor' before: write out"):
            await events.at_known_venue(tx, draft(world, venue=Venue(name="The Anchor")))


async def test_a_draft_whose_day_has_come_is_not_published(world: World) -> None:
    event = await added(world, days=(day(world, 1),))
    world.clock.forward(timedelta(days=1))
    known = known_of(world.app.library)
    async with office(world) as tx:
        assert "days.0: it begins in the past" in (await refusal(events.publish(tx, event.id, world.clock(), known)))[0]


# What is refused


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"languages": ("en", "xx")}, "languages.1: 'xx' is no language of ours"),
        ({"title": {"pl": "Herbata"}}, "title: it is not there in English: add en"),
        ({"title": {"en": "Tea", "xx": "T"}}, "title.xx: 'xx' is no language of ours"),
        ({"kept": 3, "capacity": 2}, "places_for_companions: more than the capacity of 2"),
        ({"venue": replace(HALL, district="essex")}, "venue.district: 'essex' is no district"),
        (
            {"criteria": (Criterion(name="a", label={"en": "near"}, districts=frozenset({"tendrng"})),)},
            "criteria.0.districts: 'tendrng' is no district; did you mean 'tendring'?",
        ),
        ({"after": 1}, "after: an event cannot come after itself"),
        ({"after": 9}, "after: there is no event 9"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_kept(world: World, given: dict[str, Any], said: str) -> None:
    (fault,) = await refusal(added(world, **given))
    assert fault.startswith(said)
    assert await world.rows("SELECT id FROM events") == []


async def test_days_are_to_come_in_order_and_apart(world: World) -> None:
    one, two = day(world, 15), day(world, 16)
    assert "days.0: it begins in the past" in (await refusal(added(world, days=(day(world, -1), two))))[0]
    assert "days.1: it is before the day above it" in (await refusal(added(world, days=(two, one))))[0]
    within = Day(one.starts_at + timedelta(hours=1), one.ends_at + timedelta(hours=1))
    assert "days.1: it begins before the day above it is over" in (await refusal(added(world, days=(one, within))))[0]
    with pytest.raises(ValueError, match="expected an end after the start"):
        Day(one.ends_at, one.starts_at)


async def test_a_room_holds_one_event_at_a_time(world: World) -> None:
    one = await added(world, days=(day(world, 15), day(world, 17)))
    same = Venue(name="mill  lane HALL", room="oak")
    (said,) = await refusal(added(world, venue=same, days=(day(world, 16), day(world, 17, hours=1))))
    assert said == "venue: event 1 is in oak at that time: choose another room or another time"
    await added(world, venue=same, days=(day(world, 16),))  # between its days
    await added(world, venue=replace(same, room="Elm"))
    free = await added(world, days=(day(world, 18),))
    (said,) = await refusal(changed(world, free, days=one.days))
    assert "event 1 is in Oak" in said
    await called_off(world, one)
    await changed(world, free, days=one.days)


async def test_the_first_part_is_an_event_that_is_held_and_is_over_before(world: World) -> None:
    first = await added(world)
    assert (await added(world, days=(day(world, 20),), after=1)).after == 1
    (said,) = await refusal(added(world, days=(day(world, 10),), after=1))
    assert said.startswith("after: event 1 is not over when this one begins")
    await called_off(world, first)
    (said,) = await refusal(added(world, days=(day(world, 30),), after=1))
    assert said.startswith("after: event 1 is called off")


async def test_there_are_never_fewer_places_than_people(world: World) -> None:
    event = await added(world, capacity=5, publish=True)
    await booked(world, event, ann=BOOKED, ben=BOOKED, cleo=OFFERED, dan=WAITING)
    (said,) = await refusal(changed(world, event, capacity=2))
    assert said == "capacity: 3 places are taken: give 3 or more, or first ask people to give up their place"
    assert (await changed(world, event, capacity=3)).event.capacity == 3
    assert (await listed(world, 1)).event.capacity == 3


async def test_what_is_called_off_or_over_stays_as_it_is(world: World) -> None:
    event, other = await added(world, publish=True), await added(world, days=(day(world, 16),))
    await called_off(world, event)
    assert await refusal(changed(world, event, capacity=3)) == ["event 1 is called off: add a new one in its place"]
    assert len(await refusal(called_off(world, event))) == 1
    world.clock.forward(timedelta(days=17))
    assert await refusal(changed(world, other, capacity=3)) == ["event 2 is over: what has been cannot be changed"]
    assert len(await refusal(called_off(world, other))) == 1
    assert len(await refusal(changed(world, replace(other, id=5), capacity=3))) == 1


async def test_a_module_that_has_begun_can_still_be_changed(world: World) -> None:
    event = await added(world, days=(day(world, 1), day(world, 3)), publish=True)
    world.clock.forward(timedelta(days=2))
    moved = (event.days[0], day(world, 2))
    assert (await changed(world, event, days=moved)).event.days == moved
    (said,) = await refusal(changed(world, event, days=(day(world, -0.5), moved[1])))
    assert said.startswith("days.0: it begins in the past")


# Who is told


async def test_a_change_that_people_plan_by_is_told_to_everybody_with_a_place_or_a_wish(world: World) -> None:
    event = await added(world, publish=True)
    ids = await booked(world, event, ann=BOOKED, ben=OFFERED, cleo=WAITING, dan=OUT)
    done = await changed(world, event, venue=replace(HALL, room="Elm"))
    assert (done.told, done.event.revision) == (3, 1)
    now = int(world.clock().timestamp() * 1000)
    assert [tuple(row) for row in await fires(world)] == [
        (f"event/{ids[name]}/1", "event", 100 + n, 1000 + n, "sms", event.id, "changed", now)
        for n, name in enumerate(("ann", "ben", "cleo"), start=1)
    ]
    again = await changed(world, done.event, days=(day(world, 17),))
    assert again.event.revision == 2
    assert len(await fires(world)) == 6
    assert (await listed(world, 1)).event == again.event


@pytest.mark.parametrize(
    ("given", "tells"),
    [
        ({"capacity": 30}, False),
        ({"kept": 1}, False),
        ({"reminders": ()}, False),
        ({"languages": ("en", "pl")}, False),
        ({"about": {"en": "More"}}, False),
        ({"welcome": {"en": "Do come"}}, False),
        ({"venue": replace(HALL, cost=4500, district="tendring")}, False),
        ({"title": {"en": "Tea", "pl": "Herbata"}}, False),
        ({"title": {"en": "Coffee"}}, True),
        ({"food": True}, True),
        ({"fee": {"en": "£2"}}, True),
        ({"venue": replace(HALL, way={"en": "Bus 61"})}, True),
        ({"venue": replace(HALL, access=frozenset())}, False),
        ({"venue": replace(HALL, postcode="CO1 9ZZ")}, True),
    ],
)
async def test_what_people_need_not_know_tells_nobody(world: World, given: dict[str, Any], tells: bool) -> None:
    event = await added(world, capacity=20, publish=True)
    await booked(world, event, ann=BOOKED)
    done = await changed(world, event, **given)
    assert (done.told, done.event.revision) == ((1, 1) if tells else (0, 0))
    assert [row.kind for row in await fires(world) if row.kind == "event"] == (["event"] if tells else [])


async def test_a_draft_is_changed_and_called_off_in_silence(world: World) -> None:
    event = await added(world)
    done = await changed(world, event, title={"en": "Coffee"}, state=EventState.PUBLISHED, number=9, revision=5)
    assert (done.told, done.event.revision, done.event.number, done.event.state) == (0, 0, 1, EventState.DRAFT)
    assert (await called_off(world, event)).told == 0
    assert await fires(world) == []


async def test_calling_off_tells_everybody_and_why(world: World) -> None:
    event = await added(world, publish=True)
    await booked(world, event, ann=BOOKED, ben=WAITING, cleo=OUT)
    async with world.app.database.read() as tx:
        assert await events.people_to_tell(tx, event.id) == 2
    (said,) = await refusal(called_off(world, event, "a" * 201))
    assert said.startswith("reason: longer than 200")
    done = await called_off(world, event)
    assert (done.told, done.event.revision, done.event.state) == (2, 1, EventState.CALLED_OFF)
    assert [(row.flow, row.contact_id) for row in await fires(world)] == [("called_off", 101), ("called_off", 102)]
    found = (await listed(world, 1)).event
    assert found.reason == {"en": "The hall is closed."}
    (row,) = await world.rows("SELECT state, called_off_at FROM events")
    assert tuple(row) == ("called_off", int(world.clock().timestamp() * 1000))


@pytest.mark.parametrize(
    ("given", "moves"),
    [
        ({"capacity": 11}, True),
        ({"capacity": None}, True),
        ({"kept": 1}, True),
        ({"capacity": 9}, False),
        ({"kept": 3}, False),
        ({"about": {"en": "More"}}, False),
    ],
)
async def test_more_room_lets_the_waiting_list_move(world: World, given: dict[str, Any], moves: bool) -> None:
    event = await added(world, capacity=10, kept=2, publish=True)
    await changed(world, event, **given)
    now = int(world.clock().timestamp() * 1000)
    wanted = [(f"places/{event.id}/0/{now}", "places", 0, 0, "", event.id, None, now)]
    assert [tuple(row) for row in await fires(world)] == (wanted if moves else [])


async def test_what_is_refused_leaves_no_trace(world: World) -> None:
    event = await added(world, capacity=5, publish=True)
    await booked(world, event, ann=BOOKED)
    await refusal(changed(world, event, capacity=0, title={"en": "Coffee"}))
    assert await fires(world) == []
    assert (await listed(world, 1)).event == event


def test_a_time_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="zone"):
        Day(datetime.fromisoformat("2026-12-08T10:00"), datetime.fromisoformat("2026-12-08T11:00"))
