"""A coordinator's own chat, through the whole program: who is heard, what is stopped, who approves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert
from structlog.testing import capture_logs

from bot.conversation import Conversation
from bot.desk import orders
from bot.desk.orders import DeskOrder
from bot.turn import Moment, Setting
from domain.broadcast import BroadcastState
from domain.code import CodeKind
from domain.contact import Contact, Role
from flows.library import Library
from store import fires, people
from store import tables as t
from store.broadcasts import course, drafts, preparing
from store.changes import Person
from tests.conftest import Clock, World, make_world
from tests.crowd import Somebody, put
from tests.events import an_event, put_event

JO, KIM, STRANGER, FAY = "telegram:5002", "tel:+447700900105", "tel:+447700900103", "tel:+447700900106"
HELLO = (
    "Hello, this is MIME. Send JOIN to hear from us, CHECKIN to tell us how you are, or GUIDE for help."
    "\nTalk to a person: 01632 960123"
)


async def join(world: World, who: str, name: str, role: str = "coordinator") -> None:
    """They send the code that somebody of the team gave them."""
    app = world.app
    code = f"0000{len(name)}{len(who):02}{ord(name[0]) % 10}"
    async with app.database.begin() as connection:
        await people.put_code(
            connection, app.vault, app.vault.code(code), CodeKind.STAFF, 0,
            {"name": name, "role": role, "turn": ""}, uses=1, expires_at=None, now=world.clock(),
        )  # fmt: skip
    await world.say(who, code)


@pytest.fixture
async def desk(world: World) -> World:
    """Jo is a coordinator, on Telegram."""
    await join(world, JO, "Jo")
    return world


async def world_with(urls: tuple[str, str], flows: Library, clock: Clock, **given: Any) -> AsyncIterator[World]:
    world = await make_world(urls, flows, clock, **given)
    await join(world, JO, "Jo")
    yield world
    await world.app.close()


@pytest.fixture
async def two(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[World]:
    """The project wants a second person to approve; Kim is one, by SMS."""
    async for world in world_with(store_urls, flows, clock, broadcasts_need_two_people=True):
        await join(world, KIM, "Kim")
        yield world


async def state(world: World, number: int = 1) -> BroadcastState:
    async with world.app.database.read() as connection:
        kept = await drafts.numbered(connection, number)
    assert kept is not None
    return kept.broadcast.state


async def draft(world: World, text: str, whom: str, who: str = JO) -> str:
    """The preview of a text to these people, and what is asked then."""
    for words in ("/invite", "a short text of my own", text):
        await world.say(who, words)
    return "\n".join(await world.say(who, whom))


async def sent(world: World) -> list[Any]:
    return await world.rows("SELECT contact_id FROM outbox WHERE key LIKE 'broadcast/%'")


# who is heard

TEAM_WORDS = [
    "/invite", "invite", "/today", "/calls", "/alerts", "ALERTS", "/broadcasts", "broadcast 1", "publish 1", "take 1",
    "NEW EVENT", "/new_event", "call off 1 yes",
]  # fmt: skip


@pytest.mark.parametrize("words", TEAM_WORDS)
async def test_a_stranger_gets_what_any_unknown_words_get(world: World, words: str) -> None:
    assert await world.say(STRANGER, words) == [HELLO]
    assert await world.say(STRANGER, "qwerty zorro") == [HELLO]
    assert await world.rows("SELECT kind FROM alerts WHERE done_at IS NULL") == []
    assert await world.rows("SELECT kind FROM alerts") == [("stranger",)]


async def test_a_stranger_is_reported_once_a_day_without_a_word_of_theirs(desk: World) -> None:
    with capture_logs() as logs:
        for words in ("/invite", "publish 1", "/today"):
            await desk.say(STRANGER, words)
    reports = [line for line in logs if "not on it" in line["event"]]
    assert reports == [
        {"event": "a word of the team's from somebody who is not on it", "log_level": "warning", "channel": "sms"}
    ]
    assert "People not on the team who sent a word of the team: 1." in (await desk.say(JO, "/today"))[0]
    desk.clock.forward(timedelta(days=1))
    assert "not on the team" not in (await desk.say(JO, "/today"))[0]
    await desk.say(STRANGER, "/calls")
    assert "who sent a word of the team: 1." in (await desk.say(JO, "/today"))[0]
    assert len(await desk.rows("SELECT id FROM alerts WHERE kind = 'stranger'")) == 2


@pytest.mark.parametrize("words", ["today", "more", "calls", "list 3", "/events", "EVENTS", "come to event 3"])
async def test_what_people_say_by_chance_is_no_attempt(world: World, words: str) -> None:
    await world.say(STRANGER, words)
    assert await world.rows("SELECT id FROM alerts") == []


async def test_an_answer_to_a_question_is_no_attempt_but_a_stroke_is(world: World) -> None:
    for words in ("JOIN", "yes", "invite"):
        await world.say(STRANGER, words)
    assert await world.rows("SELECT id FROM alerts") == []
    asked = await world.say(STRANGER, "/broadcasts")
    assert asked == await world.say(STRANGER, "zorro qwerty") or asked[0].startswith("Sorry, I did not understand.")
    assert await world.rows("SELECT kind FROM alerts") == [("stranger",)]


async def test_who_leads_events_has_no_desk_and_is_no_stranger(world: World) -> None:
    await join(world, FAY, "Fay", "facilitator")
    assert await world.say(FAY, "/invite") == [HELLO]
    assert await world.say(FAY, "/today") == [HELLO]
    assert await world.rows("SELECT id FROM alerts") == []


async def test_who_has_left_the_team_is_a_stranger(desk: World) -> None:
    await draft(desk, "Come for tea.", "everybody")
    async with desk.app.database.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM staff")
    assert await desk.say(JO, "/today") == []  # the role on their contact is not enough
    assert await desk.say(JO, "/broadcasts") == []


async def test_words_to_somebody_whom_they_help_are_for_that_person(desk: World) -> None:
    await desk.say(STRANGER, "PERSON")
    for words in ("/alerts", "I take it"):
        await desk.say(JO, words)
    await desk.errands()
    before = len(await desk.told(STRANGER))
    assert await desk.say(JO, "today") == []
    assert [message.text for message in (await desk.told(STRANGER))[before:]] == ["Jo: today"]
    assert (await desk.say(JO, "/today"))[0].startswith("Today, ")


# what is stopped before the first message


async def test_an_empty_segment_is_stopped(desk: World) -> None:
    await put(desk.app, [Somebody()])
    told = await draft(desk, "Come for tea.", "people in Harlow")
    assert "Nobody would get it: the segment means nobody. Choose other people." in told
    assert "Send it" not in (await desk.say(JO, "send"))[0].split("what next?")[0]
    assert (await state(desk), await sent(desk)) == (BroadcastState.DRAFT, [])


async def test_a_text_with_an_unfilled_blank_is_stopped(desk: World) -> None:
    for words in ("/invite", "a short text of my own"):
        await desk.say(JO, words)
    assert await desk.say(JO, "Come for tea on [date].") == [
        "This cannot be done: text en: [date] is not filled; write what belongs there\nTo begin again, send INVITE."
    ]
    assert await desk.rows("SELECT id FROM broadcasts") == []


async def test_a_language_without_a_reviewed_text_is_stopped_until_its_readers_are_left_out(desk: World) -> None:
    await put(desk.app, [Somebody(), Somebody(language="pl")])
    told = await draft(desk, "Come for tea.", "everybody")
    assert "1 person read pl, and there is no text for them: add one that a speaker has read" in told
    assert "Left out: 1 read a language that has no reviewed text." in told
    told = "\n".join(await desk.say(JO, "leave those readers out"))
    assert "Before it can go out" not in told
    assert await desk.say(JO, "send") == ["Broadcast 1 is on its way. So many people get it: 1."]


async def test_a_send_that_would_end_in_quiet_hours_is_stopped(
    store_urls: tuple[str, str], flows: Library, clock: Clock
) -> None:
    async for world in world_with(store_urls, flows, clock, sms_segments_per_second=0.1):
        await put(world.app, [Somebody() for _ in range(700)])
        assert "Before it can go out" not in await draft(world, "Come for tea.", "everybody")
        told = "\n".join(await world.say(JO, "send at 7pm"))
        assert "By sms it takes 1 h 57 min a day; begun at 19:00 it would end at 20:56" in told
        assert "quiet hours begin at 20:00. Begin earlier, or spread it over 2 days." in told
        assert (await state(world), await sent(world)) == (BroadcastState.DRAFT, [])


async def test_a_price_over_the_cap_is_stopped(store_urls: tuple[str, str], flows: Library, clock: Clock) -> None:
    async for world in world_with(store_urls, flows, clock, monthly_cap_pence=5, sms_segment_pence=4):
        await put(world.app, [Somebody(), Somebody()])
        told = await draft(world, "Come for tea.", "everybody")
        assert "It would cost £0.08, and £0.05 of this month's £0.05 are left: choose fewer people" in told
        assert (await state(world), await sent(world)) == (BroadcastState.DRAFT, [])


async def test_what_changed_after_the_preview_is_stopped_as_well(desk: World) -> None:
    """The cards are as the preview left them; what stops it is looked at again when it is sent."""
    ids = await put(desk.app, [Somebody()])
    assert "[" not in await draft(desk, "Come for tea.", "everybody")
    async with desk.app.database.begin() as connection:
        await connection.exec_driver_sql(f"UPDATE contacts SET stopped_at = 1 WHERE id = {ids[0]}")
    told = "\n".join(await desk.say(JO, "send"))
    assert "Nobody would get it: all 2 are left out" in told
    assert (await state(desk), await sent(desk)) == (BroadcastState.DRAFT, [])


@pytest.mark.parametrize(
    "when", ["send at 10am on 1 1 2020", "send at midnight", "send tomorrow", "send at 9:30 today"]
)
async def test_a_time_that_is_past_or_unclear_is_asked_again(desk: World, when: str) -> None:
    await put(desk.app, [Somebody()])
    await draft(desk, "Come for tea.", "everybody")
    told = await desk.say(JO, when)
    assert told[0].startswith("This cannot be done: say the day and the time")
    assert (await state(desk), await sent(desk)) == (BroadcastState.DRAFT, [])


# sent


async def test_it_goes_out_at_the_time_that_was_said(desk: World) -> None:
    await put(desk.app, [Somebody()])
    await draft(desk, "Come for tea.", "everybody")
    assert await desk.say(JO, "send at 10am tomorrow") == [
        "Broadcast 1 is on its way. So many people get it: 1.\nIt begins: Tuesday 24 November, 10am."
    ]
    assert await preparing.tend(desk.app.post, desk.clock()) == 0
    assert await preparing.tend(desk.app.post, datetime(2026, 11, 24, 10, tzinfo=UTC)) == 1


async def test_an_event_is_invited_to_and_what_is_previewed_is_what_is_ordered(desk: World) -> None:
    await put(desk.app, [Somebody(), Somebody(stopped=True)])
    await put_event(desk.app.database, an_event(1, desk.clock() + timedelta(days=9)), desk.clock())
    (asked,) = await desk.say(JO, "/invite")
    assert asked == "What shall we send?"
    await desk.say(JO, "1")
    told = "\n".join(await desk.say(JO, "everybody"))
    assert "1 of 3 people get it." in told
    assert "Left out: 1 told us to stop." in told
    await desk.say(JO, "send")
    assert await preparing.tend(desk.app.post, desk.clock()) == 1


async def test_a_message_that_comes_twice_is_answered_once(desk: World) -> None:
    for _ in range(2):
        await desk.say(JO, "/invite", id="the same")
    assert [m.text for m in await desk.told(JO)].count("What shall we send?") == 1


# approved by a second person


async def test_a_second_person_says_yes_in_their_own_chat(two: World) -> None:
    await put(two.app, [Somebody()])
    await draft(two, "Come for tea.", "everybody")
    before = len(await two.told(KIM))
    assert (await two.say(JO, "send"))[0].startswith("A second person must say yes.")
    told = [message.text for message in (await two.told(KIM))[before:]]
    assert told[0].startswith(
        "Jo asks you: may this go out?\n1: People who agreed to invitations\n1 of 3 people get it."
    )
    assert told[1].startswith("Broadcast 1: what next?\n1 Yes, it may go out\n2 No, not like this")
    assert (await state(two), await sent(two)) == (BroadcastState.DRAFT, [])
    before = len(await two.told(JO))
    assert await two.say(KIM, "1") == ["Broadcast 1 is on its way. So many people get it: 1."]
    assert [message.text for message in (await two.told(JO))[before:]] == ["Kim said yes to broadcast 1."]
    async with two.app.database.read() as connection:
        kept = await drafts.numbered(connection, 1)
    assert kept is not None
    assert kept.made_by != kept.approved_by is not None
    assert await preparing.tend(two.app.post, two.clock()) == 1


async def test_a_second_person_says_no(two: World) -> None:
    await put(two.app, [Somebody()])
    await draft(two, "Come for tea.", "everybody")
    await two.say(JO, "send")
    before = len(await two.told(JO))
    assert await two.say(KIM, "no") == ["Noted. Broadcast 1 does not go out."]
    assert [m.text for m in (await two.told(JO))[before:]] == ["Kim said no to broadcast 1. It stays a draft."]
    assert (await state(two), await sent(two)) == (BroadcastState.DRAFT, [])


async def test_nobody_is_asked_at_night_and_without_a_second_nothing_goes_out(two: World) -> None:
    await put(two.app, [Somebody()])
    two.clock.now = datetime(2026, 11, 23, 22, tzinfo=UTC)
    await draft(two, "Come for tea.", "everybody")
    await two.say(JO, "send")
    rows = await two.rows("SELECT send_after FROM outbox WHERE message_class = 2")
    morning = datetime(2026, 11, 24, 9, tzinfo=UTC).timestamp() * 1000
    assert rows
    assert all(at >= morning for (at,) in rows)
    async with two.app.database.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM staff WHERE contact_id <> (SELECT made_by FROM broadcasts)")
    await two.say(JO, "/invite")
    assert "there is no other coordinator" in "\n".join(await again(two))


async def again(world: World) -> list[str]:
    for words in ("a short text of my own", "Come for cake.", "everybody"):
        await world.say(JO, words)
    return await world.say(JO, "send")


# lists


async def test_a_long_list_is_paged_and_says_when_it_is_over(desk: World) -> None:
    for n in range(8):
        await put_event(desk.app.database, an_event(n + 1, desk.clock() + timedelta(days=n + 1)), desk.clock())
    first, second, third = [(await desk.say(JO, words))[0] for words in ("/events", "more", "MORE")]
    assert first.count("Places taken") == 6
    assert "There are more: 2. To see them, send MORE." in first
    assert second.count("Places taken") == 2
    assert "send MORE" not in second
    assert third == "There is nothing more to show."
    assert (await desk.say(JO, "/events"))[0] == first


async def test_no_list_shows_a_number_and_only_who_is_called_is_named(desk: World) -> None:
    await desk.say(STRANGER, "PERSON")
    listed, card, asked = await desk.say(JO, "/calls")
    assert "+44" not in listed
    assert card.startswith("?: +447700900103\nasked for a person on 23 Nov")
    assert asked == "What came of the call?"
    assert "+44" not in "\n".join(await desk.say(JO, "/alerts"))
    assert "+44" not in "\n".join(await desk.say(JO, "/today"))


async def test_what_came_of_a_call_is_noted_in_one_step(desk: World) -> None:
    await desk.say(STRANGER, "PERSON")
    await desk.say(JO, "/calls")
    assert await desk.say(JO, "we talked") == ["Noted. To see who is next, send CALLS."]
    assert await desk.rows("SELECT outcome FROM calls") == [("reached",)]
    assert await desk.say(JO, "/calls") == ["There is nobody to call."]
    assert await desk.rows("SELECT id FROM alerts WHERE done_at IS NULL") == []


# twice is once


async def test_an_order_that_two_replicas_take_is_answered_once(desk: World) -> None:
    await put(desk.app, [Somebody()])
    await draft(desk, "Come for tea.", "everybody")
    await desk.app.dispatcher.handle([desk.received(JO, "send")], desk.clock())
    (due,) = [one for one in await fires.due(desk.app.database, desk.clock()) if one.kind == orders.DESK_ANSWER]
    before = len(await desk.told(JO))
    await asyncio.gather(desk.app.errands.run(due), desk.app.errands.run(due))
    await desk.app.errands.run(due)
    told = [message.text for message in (await desk.told(JO))[before:]]
    assert told == ["Broadcast 1 is on its way. So many people get it: 1."]
    assert await preparing.tend(desk.app.post, desk.clock()) == 1


async def test_cut_off_after_it_was_ordered_it_is_said_when_the_errand_comes_again(desk: World) -> None:
    await put(desk.app, [Somebody()])
    await draft(desk, "Come for tea.", "everybody")
    await desk.app.dispatcher.handle([desk.received(JO, "send")], desk.clock())
    await course.start(desk.app.post, 1, desk.clock())  # by the errand, which was cut off before it could say so
    before = len(await desk.told(JO))
    await desk.errands()
    told = [message.text for message in (await desk.told(JO))[before:]]
    assert told == ["Broadcast 1 is on its way. So many people get it: 1."]


async def test_nobody_orders_in_the_place_of_a_coordinator(desk: World) -> None:
    """A carer who may answer for a coordinator answers questions, and nothing else."""
    app, zone = desk.app, desk.app.settings.quiet.zone
    conversation = Conversation(app.library, app.ids, app.vault.button, app.vault.code, lambda n: 0, zone)
    person = Person(Contact(1, "en", roles=frozenset({Role.COORDINATOR})))
    said, moment = desk.received(KIM, "/today"), Moment.of(desk.clock(), zone)
    assert conversation.hear(person, said, 1, moment, Setting(helper="carer")).errands == []
    assert [one.kind for one in conversation.hear(person, said, 1, moment, Setting()).errands] == [orders.DESK]


async def test_an_alert_about_nobody_can_be_taken_and_closed_with_a_tap(desk: World) -> None:
    row = {"id": desk.app.ids(), "kind": "misconfigured", "created_at": int(desk.clock().timestamp() * 1000)}
    async with desk.app.database.begin() as connection:
        await connection.execute(insert(t.alerts).values(row))
    listed, asked = await desk.say(JO, "/alerts")
    assert listed == "1 A provider refuses us, Mon 10:00"
    assert asked == "Number 1: what will you do?"
    await desk.say(JO, "I take it")
    await desk.errands()
    assert (await desk.told(JO))[-1].text == "Jo has taken 1."
    assert "Jo sees to it" in (await desk.say(JO, "/alerts"))[0]
    await desk.say(JO, "done 1")
    assert await desk.say(JO, "/alerts") == ["Nothing is open."]


async def test_take_alone_is_for_who_needs_somebody_and_not_for_what_failed(desk: World) -> None:
    await desk.say(STRANGER, "PERSON")
    row = {"id": desk.app.ids(), "kind": "misconfigured", "created_at": int(desk.clock().timestamp() * 1000)}
    async with desk.app.database.begin() as connection:
        await connection.execute(insert(t.alerts).values(row))
        await connection.execute(t.alerts.update().where(t.alerts.c.kind == "person").values(pages=1, number=1))
    await desk.say(JO, "/alerts")
    await desk.say(JO, "take")
    assert await desk.rows("SELECT kind FROM alerts WHERE taken_by IS NOT NULL") == [("person",)]


# whatever is typed

SAID = [
    *(f"/{order.value}" for order in DeskOrder), "broadcast 1", "broadcast 2", "more", "1", "2", "3", "4", "5", "6",
    "everybody", "people in Harlow", "newcomers who read Polish", "Come for tea on [date].", "Come for tea.", "send",
    "send at 10am tomorrow", "send at", "cancel", "pause it", "go on with it", "give it up", "Tea people", "take",
    "done", "take 1", "nothing now", "back", "again", "later", "zorro", "8.12. 10am", "we talked", "nobody answered",
    "person", "checkin", "yes", "no", "polski", "english",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_a_coordinator_types_the_desk_goes_on(desk: World, seed: int) -> None:
    await join(desk, KIM, "Kim")
    await put(desk.app, [Somebody(), Somebody(language="pl")])
    await put_event(desk.app.database, an_event(1, desk.clock() + timedelta(days=9)), desk.clock())
    dice = Random(seed)
    with capture_logs() as logs:
        for _ in range(60):
            await desk.say(dice.choice([JO, JO, KIM, STRANGER]), dice.choice(SAID))
            if dice.random() < 0.1:
                desk.clock.forward(timedelta(minutes=dice.choice([1, 60, 600])))
                await preparing.tend(desk.app.post, desk.clock())
                await desk.ring()
    assert [line for line in logs if line["log_level"] == "error" and "rota" not in line["event"]] == []
    assert await desk.rows("SELECT detail FROM alerts WHERE kind = 'parked'") == []
    told = [*await desk.told(JO), *await desk.told(KIM)]
    assert len(told) > 30
    assert [message for message in told if not message.text.strip()] == []


async def test_a_second_person_decides_about_what_they_have_read(two: World) -> None:
    await put(two.app, [Somebody(), Somebody(told=(("district", "tendring"),))])
    await draft(two, "Come for tea.", "people in Tendring")
    await two.say(JO, "send")
    await two.say(JO, "broadcast 1")
    await two.say(JO, "other people")
    assert "2 of 4 people get it." in "\n".join(await two.say(JO, "everybody"))
    told = await two.say(KIM, "yes")
    assert told[0] == "This cannot be done: it was changed meanwhile: look at it again"
    assert "2 of 4 people get it." in told[1]
    assert (await state(two), await sent(two)) == (BroadcastState.DRAFT, [])
    assert await two.say(KIM, "yes") == ["Broadcast 1 is on its way. So many people get it: 2."]


async def test_what_one_has_decided_the_next_is_told(two: World) -> None:
    await join(two, FAY, "Fay")
    await put(two.app, [Somebody()])
    await draft(two, "Come for tea.", "everybody")
    await two.say(JO, "send")
    await two.say(KIM, "yes")
    before = len(await two.told(JO))
    for words in ("no", "broadcast 1"):
        told = await two.say(FAY, words)
        assert told[0].startswith("1 Come for tea.: On its way, 0/1")
    assert len(await two.told(JO)) == before
    assert await state(two) is BroadcastState.SENDING


async def test_what_was_approved_at_the_desk_and_not_sent_is_shown_to_who_is_asked(two: World) -> None:
    await put(two.app, [Somebody()])
    await draft(two, "Come for tea.", "everybody")
    await two.say(JO, "send")
    async with two.app.database.begin() as connection:
        await drafts.approve(connection, two.app.post.terms, 1, 4711)
    assert "1 of 3 people get it." in (await two.say(KIM, "yes"))[0]
    assert await state(two) is BroadcastState.APPROVED
