"""Events through the whole program: what is shown, who has a place, and what falls due of it, on both databases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.contact import URN
from domain.event import Criterion, Event
from domain.message import Blocking, BlockingChanged
from flows.library import Library
from store import attendance, events
from store.event_rules import known_of
from store.times import from_ms, to_ms
from tests.bot.held import an_event as training
from tests.bot.held import books, contact_of, hold
from tests.conftest import Clock, World, make_world
from tests.events import an_event

ANN, BEN, CEM = "tel:+447700900201", "tel:+447700900202", "telegram:6001"


async def held(world: World, days: int = 20, **changes: Any) -> Event:
    """A published event, so many days from now."""
    app, now = world.app, world.clock()
    draft = replace(an_event(0, now + timedelta(days=days), title=f"Meeting in {days} days"), **changes)
    known = known_of(app.library)
    async with app.database.begin() as connection:
        made = await events.add(connection, app.ids(), draft, now, known)
        return await events.publish(connection, made.id, now, known)


async def booked(world: World, who: str, *, needs: str = "nothing special") -> list[str]:
    """Somebody asks for the first that is open, and says what they need where they are asked."""
    for words in ("EVENTS", "1", "yes"):
        said = await world.say(who, words)
    return await world.say(who, needs) if "What do you need" in said[0] else said


async def rung(world: World, who: str, by: timedelta) -> list[str]:
    """What they were told of their own accord in that time."""
    before, until = len(await world.told(who)), world.clock() + by
    while world.clock() < until:
        world.clock.forward(min(timedelta(minutes=30), until - world.clock()))
        await world.ring()
    return [message.text for message in (await world.told(who))[before:]]


async def test_from_events_to_a_place_in_four_messages_and_in_three_where_needs_are_known(world: World) -> None:
    await held(world)
    assert (await booked(world, ANN))[0].startswith("You have a place.\nMeeting in 20 days\nSunday 13 December, 10am")
    await held(world, 30)
    (said,) = await booked(world, ANN)
    assert said.startswith("You have a place.\nMeeting in 30 days")


async def test_an_event_that_is_called_off_while_the_question_waits_is_explained_and_not_confirmed(
    world: World,
) -> None:
    event = await held(world)
    for words in ("EVENTS", "1"):
        await world.say(ANN, words)
    async with world.app.database.begin() as connection:
        known = known_of(world.app.library)
        await events.call_off(connection, world.app.ids, event.id, world.clock(), known, {"en": "No heating."})
    (asked,) = await world.say(ANN, "yes")
    (said,) = await world.say(ANN, "nothing special")
    assert "no place can be booked" in said and "You have a place" not in asked + said
    assert await world.rows("SELECT * FROM bookings") == []


async def test_a_place_that_is_given_up_is_reminded_of_no_more(world: World) -> None:
    await held(world, 10)
    await booked(world, ANN)
    for words in ("OUT", "yes", "skip"):
        await world.say(ANN, words)
    assert await rung(world, ANN, timedelta(days=11)) == []


async def test_three_reminders_and_after_a_move_those_of_the_new_day_only(world: World) -> None:
    event = await held(world, 10)
    await booked(world, ANN)
    async with world.app.database.begin() as connection:
        days = tuple(
            replace(d, starts_at=d.starts_at + timedelta(days=9), ends_at=d.ends_at + timedelta(days=9))
            for d in event.days
        )
        await events.change(
            connection,
            world.app.ids,
            event.id,
            replace(event, days=days),
            world.clock(),
            known_of(world.app.library),
        )
    (changed,) = await rung(world, ANN, timedelta(minutes=1))
    assert changed.startswith("There is a change.") and "Saturday 12 December, 10am" in changed
    await world.say(ANN, "yes")
    assert await rung(world, ANN, timedelta(days=11)) == []
    told = await rung(world, ANN, timedelta(days=8))
    assert ["Is there anything you are unsure about?" in text for text in told] == [True, False, False]
    assert all("Saturday 12 December, 10am" in text for text in told)
    (row,) = await world.rows("SELECT revision, acknowledged FROM bookings")
    assert tuple(row) == (1, 1)


async def test_an_offer_that_is_not_answered_goes_to_the_next_and_a_late_yes_is_told(world: World) -> None:
    await held(world, 20, capacity=1)
    for who in (ANN, BEN, CEM):
        await booked(world, who)
    for words in ("OUT", "yes", "skip"):
        await world.say(ANN, words)
    (offer,) = await rung(world, BEN, timedelta(minutes=1))
    assert "there is a place for you now" in offer
    told = await rung(world, BEN, timedelta(hours=25))
    assert told == ["We have not heard from you, so we asked the next person. You are still on the list."]
    assert [m.text for m in await world.told(CEM)][-1].startswith("Good news: there is a place for you now.")
    (late,) = await world.say(BEN, "yes")
    assert "You have a place" not in late
    assert (await world.say(CEM, "yes"))[0].startswith("You have a place.")
    rows = await world.rows("SELECT status, COUNT(*) FROM bookings GROUP BY status ORDER BY status")
    assert [tuple(row) for row in rows] == [("booked", 1), ("out", 1), ("waiting", 1)]


async def test_who_was_in_a_questionnaire_goes_back_to_it_when_an_offer_has_had_its_time(world: World) -> None:
    await held(world, 20, capacity=1)
    for who in (ANN, BEN, CEM):
        await booked(world, who)
    for words in ("CHECKIN", "yes"):
        await world.say(BEN, words)
    for words in ("OUT", "yes", "skip"):
        await world.say(ANN, words)
    await rung(world, BEN, timedelta(minutes=1))
    (passed,) = await rung(world, BEN, timedelta(hours=25))
    said, _, question = passed.partition("\n")
    assert said == "We have not heard from you, so we asked the next person. You are still on the list."
    assert "How content are you" in question
    (row,) = await world.rows("SELECT COUNT(*) FROM contacts WHERE suspended_id IS NOT NULL")
    assert row == (0,)
    assert "things you do matter" in (await world.say(BEN, "7"))[0]


async def test_an_offer_at_night_comes_in_the_morning_and_its_time_begins_then(world: World) -> None:
    await held(world, 20, capacity=1)
    for who in (ANN, BEN, CEM):
        await booked(world, who)
    world.clock.forward(timedelta(hours=12))
    for words in ("OUT", "yes", "skip"):
        await world.say(ANN, words)
    await world.ring()
    offer = (await world.told(BEN))[-1]
    assert offer.text.startswith("Good news") and "Please answer by Wednesday 25 November, 9am" in offer.text
    rows = await world.rows("SELECT send_after FROM outbox ORDER BY id DESC LIMIT 1")
    assert rows[0][0] == to_ms(datetime(2026, 11, 24, 9, tzinfo=UTC))


async def test_a_carer_is_reminded_of_when_and_where_and_not_of_what(world: World) -> None:
    await held(world, 5)
    for words in ("CARER", "2", "yes", "Annie"):
        said = await world.say(ANN, words)
    (code,) = re.findall(r"\d{4} \d{4}", " ".join(said))
    await world.say(BEN, code)
    await booked(world, ANN)
    told = await rung(world, BEN, timedelta(days=5))
    assert len(told) == 2
    assert all(text.startswith("Hello from MIME. A reminder for Annie:\nSaturday 28 November, 10am") for text in told)
    assert not any("Meeting in" in text for text in told)


async def test_a_carer_hears_of_a_change_and_of_what_is_called_off(world: World) -> None:
    event = await held(world, 5)
    for words in ("CARER", "2", "yes", "Annie"):
        said = await world.say(ANN, words)
    (code,) = re.findall(r"\d{4} \d{4}", " ".join(said))
    await world.say(BEN, code)
    await booked(world, ANN)
    known = known_of(world.app.library)
    async with world.app.database.begin() as connection:
        moved = replace(event, venue=replace(event.venue, room="Room 2"))
        await events.change(connection, world.app.ids, event.id, moved, world.clock(), known)
    (changed,) = await rung(world, BEN, timedelta(minutes=1))
    assert changed.startswith("Hello from MIME. For Annie there is a change.") and "Room 2" in changed
    async with world.app.database.begin() as connection:
        await events.call_off(connection, world.app.ids, event.id, world.clock(), known, {})
    (off,) = await rung(world, BEN, timedelta(minutes=1))
    assert off.startswith("Hello from MIME. For Annie: this will not take place.")


async def test_to_a_phone_that_others_see_a_reminder_says_when_and_no_more(world: World) -> None:
    await held(world, 5)
    for words in ("NEEDS", "6", "7", "yes", "skip", "skip"):
        await world.say(ANN, words)
    await booked(world, ANN)
    told = await rung(world, ANN, timedelta(days=5))
    assert told == ["A reminder: Saturday 28 November, 10am-12pm. To see more, send BOOKINGS."] * 2
    assert "Meeting in 5 days" in (await world.say(ANN, "bookings"))[0]


CRITERION = Criterion(
    name="area",
    label={"en": "living near the sea"},
    why={"en": "It is about the sea front."},
    districts=frozenset({"tendring"}),
)


@pytest.mark.parametrize(("postcode", "fits"), [("CO15", True), ("CM1", False)])
async def test_where_somebody_lives_is_not_asked_again(world: World, postcode: str, fits: bool) -> None:
    await held(world, 20, criteria=(CRITERION,))
    await held(world, 25)
    for words in ("ABOUT ME", "yes", "one a day", postcode):
        await world.say(ANN, words)
    if not fits:
        await world.say(ANN, "1")
    await world.say(ANN, "EVENTS")
    (said,) = await world.say(ANN, "Meeting in 20 days")
    assert ("Shall we keep a place for you?" in said) is fits
    assert ("It is about the sea front." in said) is not fits
    assert ("Meeting in 25 days" in said) is not fits, "what else is open"


async def test_a_second_part_needs_the_first(world: World) -> None:
    first = await held(world, 10)
    second = await held(world, 20)
    async with world.app.database.begin() as connection:
        wanted = replace(second, after=first.number)
        known = known_of(world.app.library)
        await events.change(connection, world.app.ids, second.id, wanted, world.clock(), known)
    await world.say(ANN, "events")
    (said,) = await world.say(ANN, "2")
    assert said.startswith("Meeting in 20 days is a second part. The first part is this: Meeting in 10 days")
    await world.say(ANN, "1")
    await world.say(ANN, "yes")
    await world.say(ANN, "nothing special")
    assert (await booked(world, ANN))[0].startswith("You have a place.\nMeeting in 20 days")


async def test_what_is_wanted_is_written_down_with_the_district(world: World) -> None:
    for words in ("ABOUT ME", "yes", "one a day", "CO15", "events", "how to do research"):
        await world.say(ANN, words)
    assert [tuple(row) for row in await world.rows("SELECT kind, district FROM demands")] == [("research", "tendring")]


async def test_who_books_by_telegram_gets_a_calendar_file_and_who_texts_does_not(world: World) -> None:
    await held(world)
    files: Mapping[str, list[str]] = {}
    for who in (ANN, CEM):
        await booked(world, who)
        files = {**files, who: [m.attachment.name for m in await world.told(who) if m.attachment is not None]}
    assert files == {ANN: [], CEM: ["event-1.ics"]}


async def test_a_button_of_an_earlier_list_chooses_nothing_of_the_new_one(world: World) -> None:
    await held(world, 10)
    await held(world, 20)
    await world.say(CEM, "events")
    old = (await world.told(CEM))[-1].buttons[0][0][1]
    await world.say(CEM, "events")
    said = await world.say(CEM, "", button=old)
    assert "Shall we keep a place" not in " ".join(said)


async def test_no_answer_to_a_reminder_gives_a_place_up_but_the_word_for_it(world: World) -> None:
    await held(world, 8)
    await booked(world, ANN)
    await rung(world, ANN, timedelta(days=2))
    for words in ("no idea", "cancel that cat", "99", "?", "no"):
        await world.say(ANN, words)
    assert await world.rows("SELECT 1 FROM bookings WHERE status = 'booked'")


async def test_a_carer_is_reminded_at_hours_of_their_own(world: World) -> None:
    await held(world, 5)
    for words in ("CARER", "2", "yes", "Annie"):
        said = await world.say(ANN, words)
    (code,) = re.findall(r"\d{4} \d{4}", " ".join(said))
    await world.say(BEN, code)
    for words in ("NEEDS", "6", "7", "no", "after 16", "skip"):
        await world.say(BEN, words)
    await booked(world, ANN)
    await rung(world, BEN, timedelta(days=5))
    rows = await world.rows("SELECT send_after, expires_at FROM outbox WHERE key LIKE '%/r0' ORDER BY id")
    day_before, same_day = (from_ms(row[0]) for row in rows[-2:])
    assert day_before == datetime(2026, 11, 27, 16, tzinfo=UTC)
    assert from_ms(rows[-1][1]) <= datetime(2026, 11, 28, 10, tzinfo=UTC) < same_day, "it goes out no more"


async def test_afterwards_who_came_is_asked_how_it_was_and_who_did_not_why_once(
    store_urls: tuple[str, str], flows: Library, clock: Clock
) -> None:
    world = await make_world(store_urls, flows, clock, public_base_url="https://mime.example.org")
    try:
        event = await hold(world, training())
        for who in (ANN, BEN, CEM):
            await books(world, who, event)
        ann, ben = await contact_of(world, ANN), await contact_of(world, BEN)
        clock.forward(event.ends_at - clock() + timedelta(hours=1))
        before = len(await world.told(ANN)), len(await world.told(BEN))
        for _ in range(2):  # noted twice, asked once
            async with world.app.database.begin() as connection:
                came = {ann: True, ben: False}
                await attendance.record(connection, world.app.ids, event.id, came, {}, 2, clock())
        for _ in range(60):
            clock.forward(timedelta(hours=1))
            await world.ring()
        ann_told = [m.text for m in (await world.told(ANN))[before[0] :]]
        ben_told = [m.text for m in (await world.told(BEN))[before[1] :]]
        assert ann_told[0].startswith("Thank you for coming to this: Speaking in meetings.")
        assert sum("Your certificate is here: https://mime.example.org/certificate/" in text for text in ann_told) == 1
        assert len([text for text in ben_told if "you could not come, and that is all right" in text]) == 1
        await world.say(BEN, "I forgot")
        assert [row[0] for row in await world.rows("SELECT walk_ins FROM events")] == [2]
        (row,) = await world.rows(f"SELECT sealed FROM bookings WHERE contact_id = {ben}")
        assert world.app.vault.open(row[0], ben) == b"forgot"
    finally:
        await world.app.close()


async def test_who_blocks_the_bot_and_has_a_place_is_called_and_who_has_none_is_left_alone(world: World) -> None:
    await held(world, 10)
    await booked(world, CEM)
    await world.say("telegram:6002", "hello")
    for urn in ("telegram:6002", CEM):
        blocks = BlockingChanged("telegram", f"blocks-{urn}", URN.parse(urn), Blocking.BLOCKED)
        await world.app.dispatcher.handle([blocks], world.clock())
        await world.errands()
    assert await world.rows("SELECT kind, detail FROM alerts") == [("stopped_booking", "event 1")]
    assert await world.rows("SELECT status FROM bookings") == [("booked",)], "they may come all the same"


async def two_parts(world: World) -> tuple[Event, Event]:
    """Somebody has a place at both parts of a training."""
    first = await held(world, 10)
    second = await held(world, 20, after=first.number)
    await booked(world, ANN)
    await booked(world, ANN)
    assert [row[0] for row in await world.rows("SELECT status FROM bookings")] == ["booked", "booked"]
    return first, second


async def test_who_missed_a_first_part_keeps_the_second_and_somebody_of_the_team_is_told(world: World) -> None:
    first, second = await two_parts(world)
    ann = await contact_of(world, ANN)
    world.clock.forward(first.ends_at - world.clock() + timedelta(hours=1))
    async with world.app.database.begin() as connection:
        await attendance.record(connection, world.app.ids, first.id, {ann: False}, {}, 0, world.clock())
    await rung(world, ANN, timedelta(days=2))
    found = await world.rows("SELECT kind, detail FROM alerts")
    assert found == [("second_part", f"event {second.number}")]
    rows = await world.rows(f"SELECT status FROM bookings WHERE event_id = {second.id}")
    assert rows == [("booked",)]


async def test_who_gives_a_first_part_up_keeps_the_second_and_somebody_of_the_team_is_told(world: World) -> None:
    first, second = await two_parts(world)
    for words in ("OUT", "1"):
        await world.say(ANN, words)
    found = await world.rows("SELECT kind, detail FROM alerts")
    assert found == [("second_part", f"event {second.number}")]
    rows = await world.rows(f"SELECT status FROM bookings WHERE event_id = {first.id}")
    assert rows == [("out",)]


async def test_who_was_at_the_first_part_is_nobodys_worry(world: World) -> None:
    first, _ = await two_parts(world)
    ann = await contact_of(world, ANN)
    world.clock.forward(first.ends_at - world.clock() + timedelta(hours=1))
    async with world.app.database.begin() as connection:
        await attendance.record(connection, world.app.ids, first.id, {ann: True}, {}, 0, world.clock())
    await rung(world, ANN, timedelta(days=2))
    assert await world.rows("SELECT kind FROM alerts") == []
