"""Needs become tasks, on both databases: each has an owner and a day, and an event is ready when all are settled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from domain.contact import Role
from domain.event import Access, Event, EventState, Venue
from domain.need import Need
from domain.places import BookingStatus
from store import events, tasks
from store import tables as t
from store.event_rows import as_row
from store.tasks import Task
from tests.attending import Said, put_booking, put_person, put_staff, stop, tell
from tests.conftest import World
from tests.events import an_event, put_event

ANA, BEN, KIM, JO, SAM = 101, 102, 201, 202, 203
LUNCH: Said = {"meeting": ["diet", "wheelchair"], "reading": ["interpreter"], "diet": "Halal", "share_needs": "yes"}


async def lunch(world: World, id: int = 1, days: float = 10, **given: object) -> Event:
    event = replace(an_event(id, world.clock() + timedelta(days=days), title="Lunch"), food=True, **given)  # type: ignore[arg-type]
    await put_event(world.app.database, event, world.clock())
    return event


async def rewritten(world: World, event: Event) -> None:
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.events).where(t.events.c.id == event.id).values(as_row(event)))


async def arranged(world: World, event: Event, who: int) -> set[int]:
    async with world.app.database.begin() as tx:
        found = await events.event(tx, event.id)
        assert found is not None
        return await tasks.arrange(tx, world.app.vault, world.app.ids, found, who, world.clock())


async def books(world: World, event: Event, who: int, status: BookingStatus = BookingStatus.BOOKED) -> set[int]:
    """They have that place from now on, and what they need is arranged."""
    async with world.app.database.begin() as tx:
        await put_booking(tx, world, event.id, who, status)
    return await arranged(world, event, who)


async def gives_up(world: World, event: Event, who: int) -> None:
    async with world.app.database.begin() as tx:
        await put_booking(tx, world, event.id, who, BookingStatus.OUT)
        await tasks.drop(tx, event.id, who)


async def there(world: World, event: Event) -> list[Task]:
    async with world.app.database.read() as tx:
        return await tasks.tasks_at(tx, world.app.vault, event.id)


async def settled(world: World, one: Task) -> bool:
    async with world.app.database.begin() as tx:
        return await tasks.settle(tx, one.id, world.clock())


async def left(world: World, event: Event) -> int:
    async with world.app.database.read() as tx:
        return await tasks.unready(tx, event.id)


async def wrong(world: World) -> list[tuple[int, int]]:
    async with world.app.database.read() as tx:
        return await tasks.astray(tx, world.app.vault, world.clock())


async def put_right(world: World) -> None:
    for event_id, contact_id in await wrong(world):
        async with world.app.database.begin() as tx:
            event = await events.event(tx, event_id)
            assert event is not None
            await tasks.arrange(tx, world.app.vault, world.app.ids, event, contact_id, world.clock())
    assert await wrong(world) == []


async def test_each_need_of_who_books_is_a_task_with_a_day_an_owner_and_their_words(world: World) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    await put_staff(world, JO, "Jo", Role.FACILITATOR, None, leads=1)
    await put_person(world, ANA, {**LUNCH, "nickname": "Ana", "interpreter_language": "Sylheti"})
    event = await lunch(world)
    assert await left(world, event) == 0
    assert await books(world, event, ANA) == set()
    found = await there(world, event)
    assert [(one.need, one.detail) for one in found] == [
        (Need.INTERPRETER, "Sylheti"), (Need.DIET, "Halal"), (Need.WHEELCHAIR, ""),
    ]  # fmt: skip
    assert {(one.name, one.owner, one.due_at) for one in found} == {("Ana", "Jo", event.starts_at - timedelta(days=3))}
    assert await left(world, event) == 3
    assert await books(world, event, ANA) == set()  # once more is as once
    assert await there(world, event) == found
    assert await wrong(world) == []


async def test_what_the_venue_meets_is_settled_at_once_and_open_again_where_it_does_not(world: World) -> None:
    await put_person(world, ANA, {"meeting": ["wheelchair", "quiet_space", "transport"]})
    has = Venue(name="Hall", access=frozenset({Access.STEP_FREE, Access.QUIET_ROOM}))
    event = await lunch(world, venue=has)
    await books(world, event, ANA)
    assert [one.need for one in await there(world, event) if one.settled_at is None] == [Need.TRANSPORT]
    world.clock.forward(timedelta(hours=1))
    assert await settled(world, (await there(world, event))[0])
    assert await left(world, event) == 0
    steps = replace(event, venue=Venue(name="Attic", access=frozenset({Access.QUIET_ROOM})))
    await rewritten(world, steps)
    assert await wrong(world) == [(event.id, ANA)]
    await put_right(world)
    assert [one.need for one in await there(world, event) if one.settled_at is None] == [Need.WHEELCHAIR]
    await rewritten(world, event)
    await put_right(world)
    assert await left(world, event) == 0


async def test_without_a_facilitator_the_first_coordinator_sees_to_it_and_without_one_nobody(world: World) -> None:
    await put_person(world, ANA, {"meeting": ["transport"]})
    event = await lunch(world)
    await books(world, event, ANA)
    assert [one.owner_id for one in await there(world, event)] == [None]
    await put_staff(world, SAM, "Sam", Role.COORDINATOR, 2)
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    await put_right(world)
    (task,) = await there(world, event)
    assert (task.owner_id, task.owner) == (KIM, "Kim")
    async with world.app.database.begin() as tx:
        assert await tasks.hand_to(tx, task.id, SAM)
        assert not await tasks.hand_to(tx, 7, SAM)
    await put_right(world)  # who was chosen by hand keeps it
    assert [one.owner for one in await there(world, event)] == ["Sam"]
    async with world.app.database.begin() as tx:
        await stop(tx, SAM)
    await put_right(world)
    assert [one.owner for one in await there(world, event)] == ["Kim"]


async def test_who_gives_up_needs_nothing_any_more_and_should_they_come_after_all_everything_anew(world: World) -> None:
    await put_person(world, ANA, LUNCH)
    event = await lunch(world)
    await books(world, event, ANA)
    assert await settled(world, (await there(world, event))[0])
    await gives_up(world, event, ANA)
    assert (await left(world, event), await there(world, event)) == (0, [])
    async with world.app.database.read() as tx:
        assert await tasks.open_tasks(tx, world.app.vault) == []
    await books(world, event, ANA)
    assert await left(world, event) == 3, "who had arranged it was told to call it off"


async def test_errands_that_come_in_the_wrong_order_do_no_harm(world: World) -> None:
    await put_person(world, ANA, LUNCH)
    event = await lunch(world)
    for status in (BookingStatus.WAITING, BookingStatus.OFFERED, BookingStatus.OUT, BookingStatus.DECLINED):
        await books(world, event, ANA, status)  # arranged late, when the place is gone
        assert await world.rows("SELECT id FROM tasks") == []
    await books(world, event, ANA)
    async with world.app.database.begin() as tx:  # given up, and asked for again, before the first errand was run
        await tasks.drop(tx, event.id, ANA)
    assert await left(world, event) == 3
    await put_person(world, BEN, LUNCH)
    async with world.app.database.begin() as tx:
        await put_booking(tx, world, event.id, BEN)
    await asyncio.gather(*(arranged(world, event, BEN) for _ in range(4)))
    assert await left(world, event) == 6


async def test_a_need_told_later_an_event_moved_and_a_place_declined_are_seen_and_put_right(world: World) -> None:
    await put_person(world, ANA, {"meeting": ["transport"]})
    event = await lunch(world)
    await books(world, event, ANA)
    async with world.app.database.begin() as tx:
        await tell(tx, world, ANA, {"meeting": ["companion"]})
    await put_right(world)
    assert [one.need for one in await there(world, event)] == [Need.COMPANION]
    days = an_event(1, event.starts_at + timedelta(days=7)).days
    await rewritten(world, replace(event, days=days))
    await put_right(world)
    assert [one.due_at for one in await there(world, event)] == [days[0].starts_at - timedelta(days=3)]
    async with world.app.database.begin() as tx:
        await put_booking(tx, world, event.id, ANA, BookingStatus.DECLINED)
    assert await left(world, event) == 0
    await put_right(world)
    assert await world.rows("SELECT id FROM tasks") == []


async def test_what_is_due_within_two_days_or_late_is_told_to_its_owner_and_no_more_when_the_event_is_not_held(
    world: World,
) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    await put_person(world, ANA, {"meeting": ["transport", "quiet_space"]})
    event, far = await lunch(world, 1, days=6), await lunch(world, 2, days=12)
    for one in (event, far):
        assert await books(world, one, ANA) == set()

    async def due() -> dict[int | None, Sequence[tuple[int, Need]]]:
        async with world.app.database.read() as tx:
            found = await tasks.due_tasks(tx, world.clock())
        return {owner: [(one.event.id, one.need) for one in several] for owner, several in found.items()}

    assert await due() == {}
    world.clock.forward(timedelta(days=1))
    assert await due() == {KIM: [(1, Need.TRANSPORT), (1, Need.QUIET_SPACE)]}
    await settled(world, (await there(world, event))[0])
    world.clock.forward(timedelta(days=4))
    assert await due() == {KIM: [(1, Need.QUIET_SPACE)]}
    await rewritten(world, replace(event, state=EventState.CALLED_OFF))
    assert await due() == {}
    async with world.app.database.read() as tx:
        assert {one.event.id for one in await tasks.open_tasks(tx, world.app.vault)} == {2}
        assert await tasks.owners(tx, world.clock()) == [KIM]


async def test_who_books_the_day_before_makes_tasks_of_which_the_owner_must_hear_soon(world: World) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    await put_person(world, ANA, {"meeting": ["transport"]})
    event = await lunch(world, days=1.5)
    assert await books(world, event, ANA) == {KIM}
    assert await books(world, event, ANA) == set()
    assert [one.due_at for one in await there(world, event)] == [event.starts_at - timedelta(days=1)]


async def test_the_venue_is_told_how_many_need_what_of_those_who_agreed_and_no_name(world: World) -> None:
    await put_person(world, ANA, {**LUNCH, "nickname": "Ana"})
    await put_person(world, BEN, {"nickname": "Ben", "meeting": ["diet"], "diet": " halal. ", "share_needs": "yes"})
    await put_person(world, 103, {"meeting": ["diet", "companion"], "diet": "prefer_not_to_say", "share_needs": "yes"})
    ill = "Nuts make Cem ill"
    cem: Said = {"nickname": "Cem", "meeting": ["diet", "transport"], "diet": ill, "share_needs": "no"}
    await put_person(world, 104, cem)
    await put_person(world, 105, {"meeting": ["transport"]})
    await put_person(world, 106, LUNCH)
    event = await lunch(world)
    for who in (ANA, BEN, 103, 104, 105):
        await books(world, event, who)
    await books(world, event, 106, BookingStatus.WAITING)
    async with world.app.database.begin() as tx:
        await put_booking(tx, world, event.id, 103, companions=1)
        found = await tasks.totals(tx, world.app.vault, event.id)
    assert found.people == 6
    assert found.needs == {Need.INTERPRETER: 1, Need.DIET: 3, Need.WHEELCHAIR: 1, Need.COMPANION: 1}
    assert found.diets == {"halal": 2}
    assert "Cem" not in str(found)
    assert "Cem" in {one.name for one in await there(world, event)}
    async with world.app.database.read() as tx:
        assert (await tasks.totals(tx, world.app.vault, 7)).people == 0


async def test_a_task_is_found_by_the_last_digits_of_its_id(world: World) -> None:
    await put_person(world, ANA, LUNCH)
    event = await lunch(world)
    await books(world, event, ANA)
    one = (await there(world, event))[0]
    async with world.app.database.read() as tx:
        for number in (one.number, str(one.id)):
            assert await tasks.numbered(tx, world.app.vault, number) == [one]
        assert len(await tasks.numbered(tx, world.app.vault, one.number[-1])) >= 1
        assert await tasks.numbered(tx, world.app.vault, "") == []
    assert await settled(world, one)
    assert not await settled(world, one)


_NEEDS = st.lists(st.sampled_from([need.value for need in Need]), unique=True, max_size=4)
_STEP = st.tuples(
    st.sampled_from(["book", "give_up", "settle", "tell"]), st.sampled_from([ANA, BEN]), _NEEDS, st.integers(0, 5)
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_STEP, max_size=8))
async def test_an_event_is_ready_exactly_when_no_unsettled_task_is_left(
    world: World, steps: list[tuple[str, int, list[str], int]]
) -> None:
    event_id = 1 + len(await world.rows("SELECT id FROM events"))
    event = await lunch(world, event_id, days=10)
    if event_id == 1:
        await put_person(world, ANA)
        await put_person(world, BEN)
    needs: dict[int, list[str]] = {ANA: [], BEN: []}
    async with world.app.database.begin() as tx:
        for who in needs:
            await tell(tx, world, who, {"meeting": []})
    placed: set[int] = set()
    done: set[tuple[int, str]] = set()
    for what, who, said, nth in steps:
        match what:
            case "book":
                placed.add(who)
                await books(world, event, who)
            case "give_up":
                placed.discard(who)
                await gives_up(world, event, who)
            case "tell":
                needs[who] = said
                async with world.app.database.begin() as tx:
                    await tell(tx, world, who, {"meeting": said})
                if who in placed:
                    await books(world, event, who)
            case _:
                async with world.app.database.read() as tx:
                    some = await tasks.open_tasks(tx, world.app.vault, event_id)
                if some:
                    one = some[nth % len(some)]
                    done.add((one.contact_id, one.need))
                    assert await settled(world, one)
        open_now = {(who, need) for who in placed for need in needs[who]} - done
        async with world.app.database.read() as tx:
            found = await tasks.open_tasks(tx, world.app.vault, event_id)
        assert {(one.contact_id, one.need) for one in found} == open_now
        assert (await left(world, event) == 0) == (not open_now)
    async with world.app.database.begin() as tx:  # the next example begins with nobody at this one
        for who in placed:
            await put_booking(tx, world, event_id, who, BookingStatus.OUT)
