"""Needs as tasks through the whole program: arranged when somebody books, and told to who sees to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.events.tasks import look, morning
from domain.contact import Role
from domain.event import Event
from domain.need import Need
from domain.quiet import QuietHours
from store import events, fires, tasks
from store.changes import Due
from store.event_rules import known_of
from tests.attending import Said, put_booking, put_person, put_staff, tell
from tests.conftest import World
from tests.events import an_event, put_event

ANA, KIM, JO = 101, 201, 202
ANA_S, KIM_S = "tel:+447700900101", "tel:+447700900201"
ZONE = ZoneInfo("Europe/London")
BY_NIGHT = QuietHours(time(20), time(9), ZONE)


async def tea(world: World, id: int, days: float) -> Event:
    event = replace(an_event(id, world.clock() + timedelta(days=days), title="Tea"), food=True)
    await put_event(world.app.database, event, world.clock())
    return event


async def books(world: World, event: Event, who: int, said: Said) -> None:
    """As the hot path does it: the place, and the errand beside it."""
    async with world.app.database.begin() as tx:
        await put_booking(tx, world, event.id, who)
        await tell(tx, world, who, said)
        due = Due(world.app.ids(), f"arrange/{event.id}/{who}", "arrange", who, 1, "sms", event.id, "")
        await fires.put(tx, due, world.clock())
    await world.errands()


async def looked(world: World) -> tuple[int, int]:
    app = world.app
    return await look(app.database, app.vault, app.ids, app.settings.quiet, world.clock())


async def told_kim(world: World, since: int) -> list[str]:
    await world.ring()
    return [message.text for message in (await world.told(KIM_S))[since:]]


async def open_now(world: World) -> list[str]:
    async with world.app.database.read() as tx:
        return [one.need.value for one in await tasks.open_tasks(tx, world.app.vault)]


@pytest.mark.parametrize(
    ("quiet", "now", "expected"),
    [
        (BY_NIGHT, datetime(2026, 11, 23, 8, 59, tzinfo=UTC), datetime(2026, 11, 23, 9, tzinfo=UTC)),
        (BY_NIGHT, datetime(2026, 11, 23, 9, tzinfo=UTC), datetime(2026, 11, 24, 9, tzinfo=UTC)),
        (BY_NIGHT, datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 28, 8, tzinfo=UTC)),  # summer time begins
        (replace(BY_NIGHT, end=time(10, 30)), datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
         datetime(2026, 11, 23, 10, 30, tzinfo=UTC)),
        (QuietHours(time(0), time(0), ZONE), datetime(2026, 11, 23, 1, tzinfo=UTC),
         datetime(2026, 11, 23, 9, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_the_morning_is_at_nine_by_the_clock_or_when_quiet_ends(
    quiet: QuietHours, now: datetime, expected: datetime
) -> None:
    assert morning(quiet, now) == expected


async def test_what_somebody_needs_is_arranged_when_they_book_by_message_and_dropped_when_they_give_up(
    world: World,
) -> None:
    await tea(world, 1, days=10)
    for words in ("EVENTS", "1", "yes", "1 and 5", "no"):
        last = await world.say(ANA_S, words)
    assert "You have a place." in "".join(last)
    assert sorted(await open_now(world)) == ["transport", "wheelchair"]
    for words in ("OUT", "1"):
        await world.say(ANA_S, words)
    assert (await world.rows("SELECT status FROM bookings"))[0][0] == "out"
    assert await world.rows("SELECT id FROM tasks") == []


@pytest.mark.parametrize("words", [("OUT", "1"), ("EVENTS", "stop that")])
async def test_who_had_arranged_something_is_told_when_it_is_not_needed_any_more(
    world: World, words: tuple[str, ...]
) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    await tea(world, 1, days=10)
    for said in ("EVENTS", "1", "yes", "5", "yes"):
        await world.say(ANA_S, said)
    async with world.app.database.begin() as tx:
        (one,) = await tasks.open_tasks(tx, world.app.vault)
        await tasks.settle(tx, one.id, world.clock())
    for said in words:
        await world.say(ANA_S, said)
    told = await told_kim(world, 0)
    if words[0] == "OUT":
        (text,) = told
        assert text.startswith("Someone gave up their place. This is not needed any more:\n1 Tea, ")
        assert text.endswith("Help to get there (1)") and "Ana" not in text
        assert await world.rows("SELECT id FROM tasks") == []
    else:
        assert told == [] and await world.rows("SELECT id FROM tasks") != []


async def test_who_had_arranged_something_is_told_in_one_text_when_the_event_is_called_off(world: World) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    await put_staff(world, JO, "Jo", Role.FACILITATOR, 2)
    event = await tea(world, 1, days=10)
    for who, said in ((ANA, ["transport"]), (102, ["transport", "quiet"])):
        await put_person(world, who)
        await books(world, event, who, {"meeting": said})
    app = world.app
    async with app.database.begin() as tx:
        settled = [one for one in await tasks.open_tasks(tx, app.vault) if one.need is Need.TRANSPORT]
        for one in settled:
            await tasks.settle(tx, one.id, world.clock() + timedelta(minutes=1))
        await tasks.hand_to(tx, settled[0].id, 999)  # who has left the team
        await events.call_off(tx, app.ids, event.id, world.clock(), known_of(app.library), {})
    (text,) = await told_kim(world, 0)
    assert text.startswith("An event is called off. This is not needed any more:\n1 Tea, ")
    assert text.endswith("Help to get there (2)")
    assert await world.rows("SELECT id FROM tasks") == []
    assert [message.text for message in await world.told("tel:+447700900202")] == []


async def test_where_nothing_was_arranged_nobody_of_the_team_is_told(world: World) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    event = await tea(world, 1, days=10)
    await put_person(world, ANA)
    await books(world, event, ANA, {"meeting": ["transport"]})
    app = world.app
    async with app.database.begin() as tx:
        await events.call_off(tx, app.ids, event.id, world.clock(), known_of(app.library), {})
    assert await told_kim(world, 0) == []


async def test_a_no_while_they_have_a_place_drops_what_was_to_be_arranged_at_once(world: World) -> None:
    event = await tea(world, 1, days=10)
    await put_person(world, ANA)
    for words in ("EVENTS", "1"):
        await world.say(ANA_S, words)
    await books(world, event, ANA, {"meeting": ["transport"]})  # by telephone, while the question waits
    assert await open_now(world) == ["transport"]
    (said,) = await world.say(ANA_S, "no")
    assert said.startswith("That is fine.")
    assert await world.rows("SELECT status FROM bookings") == [("declined",)]
    assert await world.rows("SELECT id FROM tasks") == []


async def test_the_owner_is_told_once_each_morning_until_it_is_settled(world: World) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    await put_person(world, ANA, {"nickname": "Ana"})
    event = await tea(world, 1, days=5.5)
    await books(world, event, ANA, {"meeting": ["transport", "diet"], "diet": "Halal"})
    assert await looked(world) == (0, 1)
    assert await looked(world) == (0, 0)  # another replica, or the next hour
    world.clock.now = datetime(2026, 11, 24, 8, 59, tzinfo=UTC)
    assert await told_kim(world, 0) == []
    world.clock.now = datetime(2026, 11, 24, 9, 0, 1, tzinfo=UTC)
    (text,) = await told_kim(world, 0)
    assert text.startswith("Still to be arranged, and needed soon:\n1 Tea, ")
    assert text.endswith("Special food (1), Help to get there (1)")
    assert "Ana" not in text
    assert "Halal" not in text
    for hours in range(23):  # all day long no second text
        world.clock.now = datetime(2026, 11, 24, 10, tzinfo=UTC) + timedelta(hours=hours)
        await looked(world)
        assert await told_kim(world, 1) == []
    world.clock.now = datetime(2026, 11, 25, 9, 0, 1, tzinfo=UTC)
    assert len(await told_kim(world, 1)) == 1
    async with world.app.database.begin() as tx:
        for one in await tasks.open_tasks(tx, world.app.vault):
            await tasks.settle(tx, one.id, world.clock())
    world.clock.now = datetime(2026, 11, 26, 9, 0, 1, tzinfo=UTC)
    assert await told_kim(world, 2) == []
    assert await world.rows("SELECT id FROM fires WHERE kind = 'tasks_due'") == []


async def test_who_books_just_before_an_event_makes_one_text_for_the_owner_and_none_by_night(world: World) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    event = await tea(world, 1, days=1.5)
    for who in (ANA, 102, 103):
        await put_person(world, who)
        await books(world, event, who, {"meeting": ["transport"]})
    world.clock.forward(timedelta(minutes=16))
    (text,) = await told_kim(world, 0)
    assert text.endswith("Help to get there (3)")
    world.clock.now = datetime(2026, 11, 23, 22, tzinfo=UTC)
    await put_person(world, 104)
    await books(world, event, 104, {"meeting": ["companion"]})
    world.clock.forward(timedelta(hours=10))
    assert await told_kim(world, 1) == []
    world.clock.now = datetime(2026, 11, 24, 9, 0, 1, tzinfo=UTC)
    assert len(await told_kim(world, 1)) == 1


async def test_who_has_left_the_team_is_told_nothing_and_the_next_one_is(world: World) -> None:
    await put_staff(world, JO, "Jo", Role.COORDINATOR, 1)
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 2)
    await put_person(world, ANA)
    event = await tea(world, 1, days=4)
    await books(world, event, ANA, {"meeting": ["transport"]})
    assert await looked(world) == (0, 1)
    async with world.app.database.begin() as tx:
        await tx.exec_driver_sql(f"DELETE FROM staff WHERE contact_id = {JO}")
    assert await looked(world) == (1, 1)
    world.clock.now = datetime(2026, 11, 24, 9, 0, 1, tzinfo=UTC)
    assert len(await told_kim(world, 0)) == 1
    assert await world.told("tel:+447700900202") == []


async def test_a_person_who_is_gone_leaves_no_task_behind(world: World) -> None:
    event = await tea(world, 1, days=10)
    await put_person(world, ANA)
    async with world.app.database.begin() as tx:
        due = Due(world.app.ids(), "arrange/1", "arrange", 999, 1, "sms", event.id, "")
        await fires.put(tx, due, world.clock())
        await fires.put(tx, replace(due, id=world.app.ids(), key="arrange/2", session_id=7), world.clock())
    await world.errands()
    assert await world.rows("SELECT id FROM tasks") == []
    assert await world.rows("SELECT id FROM fires") == []


async def test_who_books_without_having_told_their_needs_is_asked_for_an_interpreter_and_whether_to_pass_it_on(
    world: World,
) -> None:
    event = await tea(world, 1, days=10)
    for words in ("EVENTS", "1", "yes", "someone who speaks my language and special food"):
        asked_first = await world.say(ANA_S, words)
    assert "Which language do you speak best?" in asked_first[0]
    (asked,) = await world.say(ANA_S, "Polski")  # their answer, and no wish to be written to in it
    assert asked.startswith("What should we know about your food?")
    (asked,) = await world.say(ANA_S, "halal")
    assert asked.startswith("May we tell the place of a meeting what you need, without your name?")
    (said,) = await world.say(ANA_S, "yes")
    assert said.startswith("You have a place.\nTea")
    assert sorted(await open_now(world)) == ["diet", "interpreter"]
    async with world.app.database.read() as tx:
        told = await tasks.totals(tx, world.app.vault, event.id)
    assert (dict(told.needs), dict(told.diets)) == ({Need.INTERPRETER: 1, Need.DIET: 1}, {"halal": 1})
