"""What the dispatcher promises, on both databases: once, in order, whole or not at all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from benchmarks.standins.serving import loopback
from benchmarks.standins.telegram import TelegramStandin
from bot.channels.telegram import Telegram
from bot.dispatcher import StoreAway
from bot.pace import Pace
from bot.sender import Sender
from domain.contact import URN
from domain.message import Blocking, BlockingChanged, DeliveryReport, Received, Status
from domain.quiet import QuietHours
from flows.library import Library
from scheduler.ticker import ring_due
from store import tables as t
from store.changes import Due
from store.history import history
from tests.conftest import Clock, World, make_world

QUIET = QuietHours(time(20), time(9), ZoneInfo("Europe/London"))
ANN = "tel:+447700900101"
BEN = "telegram:5001"
QUESTIONS = ("content", "matters", "mood", "worry", "heard", "belonging")


async def check_in(world: World, who: str, *words: str) -> list[str]:
    said: list[str] = []
    for word in ("CHECKIN", "yes", *words):
        said += await world.say(who, word)
    return said


async def test_a_whole_check_in_is_stored_with_its_score(world: World) -> None:
    told = await check_in(world, ANN, "7", "8", "6", "3", "9", "10", "skip", "no")
    assert told[-1].startswith("Thank you. Your answers are safe")
    assert await world.rows("SELECT outcome FROM sessions") == [("completed",)]
    assert len(await world.rows("SELECT id FROM answers WHERE withdrawn IS FALSE")) == 9


async def test_a_message_delivered_twice_is_answered_once(world: World) -> None:
    await check_in(world, ANN)
    first = await world.say(ANN, "7", id="SM1")
    again = await world.say(ANN, "7", id="SM1")
    assert len(first) == 1
    assert again == []
    assert len(await world.rows("SELECT id FROM answers")) == 1


async def test_a_message_twice_in_one_batch_is_answered_once(world: World) -> None:
    await check_in(world, ANN)
    twice = [world.received(ANN, "7", id="SM2"), world.received(ANN, "7", id="SM2")]
    await world.app.dispatcher.handle(twice, world.clock())
    assert len(await world.rows("SELECT id FROM answers")) == 1


async def test_two_messages_of_one_person_in_a_batch_are_taken_in_order(world: World) -> None:
    await check_in(world, ANN)
    await world.app.dispatcher.handle([world.received(ANN, "1"), world.received(ANN, "2")], world.clock())
    assert (await world.told(ANN))[-1].text.startswith("How good has your mood been")
    assert len(await world.rows("SELECT id FROM answers")) == 2


async def test_many_people_in_one_batch_each_get_their_own_answer(world: World) -> None:
    people = [f"tel:+4477009002{n:02}" for n in range(40)]
    for word in ("CHECKIN", "yes", "5"):
        await world.app.dispatcher.handle([world.received(p, word) for p in people], world.clock())
    assert len(await world.rows("SELECT id FROM answers")) == 40
    assert {(await world.told(p))[-1].text for p in people} == {(await world.told(people[0]))[-1].text}


async def test_batches_fill_while_another_commits_and_all_come_back_durable(world: World) -> None:
    dispatcher = world.app.dispatcher
    running = asyncio.create_task(dispatcher.run())
    people = [f"telegram:{n}" for n in range(9000, 9300)]
    await asyncio.gather(*(dispatcher.submit(world.received(p, "/checkin")) for p in people))
    dispatcher.stop()
    await running
    assert dispatcher.batches < 300
    assert len(await world.rows("SELECT id FROM outbox")) == 300


WHOLE = ("CHECKIN", "yes", "7", "8", "6", "3", "9", "10", "skip", "no")


async def finished(world: World) -> list[tuple[int, str]]:
    """Of everybody: how many answers they gave, and how their check-in ended."""
    return [
        (count, outcome)
        for count, outcome in await world.rows(
            "SELECT count(a.id), s.outcome FROM sessions s JOIN answers a ON a.session_id = s.id"
            " WHERE a.withdrawn IS FALSE GROUP BY s.id, s.outcome"
        )
    ]


async def test_whole_check_ins_in_one_batch_are_the_same_as_word_by_word(world: World) -> None:
    """Rows that the batch makes early are changed late in it."""
    people = [f"telegram:{n}" for n in range(9100, 9120)]
    facts = [world.received(who, word) for word in WHOLE for who in people]
    await world.app.dispatcher.handle([*facts, world.received(people[0], "STOP")], world.clock())
    await check_in(world, ANN, *WHOLE[2:])
    assert await finished(world) == [(9, "completed")] * 21
    assert (await world.told(people[1]))[-1].text == (await world.told(ANN))[-1].text
    assert await world.rows("SELECT count(*) FROM contacts WHERE stopped_at IS NOT NULL") == [(1,)]


async def test_everybody_is_heard_in_order_however_many_batches_are_under_way(world: World) -> None:
    dispatcher = world.app.dispatcher
    running = asyncio.create_task(dispatcher.run())
    people = [f"telegram:{n}" for n in range(9100, 9112)]
    writers = [who for who in people for _ in WHOLE]
    random.Random(5).shuffle(writers)
    words = {who: iter(WHOLE) for who in people}
    under_way = []
    for n, who in enumerate(writers):
        under_way.append(dispatcher.submit(world.received(who, next(words[who]))))
        if n % 7 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*under_way)
    dispatcher.stop()
    await running
    assert await finished(world) == [(9, "completed")] * 12


async def test_an_unreadable_session_is_given_up_and_nobody_hangs_in_it(world: World) -> None:
    await check_in(world, ANN)
    await check_in(world, BEN)
    (session_id, contact_id) = (await world.rows("SELECT id, contact_id FROM sessions ORDER BY id LIMIT 1"))[0]
    spoilt = world.app.vault.seal(b'{"at": "content"}', contact_id)
    async with world.app.database.begin() as connection:
        await connection.execute(update(t.sessions).where(t.sessions.c.id == session_id).values(sealed=spoilt))
    await world.app.dispatcher.handle([world.received(ANN, "7"), world.received(BEN, "8")], world.clock())
    assert await world.rows("SELECT kind, detail FROM alerts") == [("parked", "unreadable session")]
    assert (await world.told(BEN))[-1].text.startswith("Do you feel that the things you do matter?")
    assert (await world.say(ANN, "CHECKIN"))[0].startswith("How content are you")


async def test_a_poison_message_is_parked_and_the_others_go_on(
    store_urls: tuple[str, str], flows: Library, clock: Clock
) -> None:
    """A phrase with a blank that nothing fills makes each third misunderstanding an error."""
    sound = flows.localized["wellbeing", "en"]
    spoilt = replace(sound, phrases=replace(flows.phrases["en"], explain_scale="{oops}"))
    world = await make_world(
        store_urls, replace(flows, localized={**flows.localized, ("wellbeing", "en"): spoilt}), clock
    )
    try:
        await check_in(world, ANN, "umbrella")
        await check_in(world, BEN)
        batch = [world.received(ANN, "and this then", id="SM-bad"), world.received(BEN, "8")]
        await world.app.dispatcher.handle(batch, world.clock())
        await world.app.dispatcher.handle(batch[:1], world.clock())  # brought again, it is not tried again
        assert await world.rows("SELECT kind, detail FROM alerts") == [("parked", "Received")]
        assert (await world.told(BEN))[-1].text.startswith("Do you feel that the things you do matter?")
        assert (await world.say(ANN, "8"))[0].startswith("Do you feel that the things you do matter?")
    finally:
        await world.app.close()


async def test_an_old_button_never_answers_another_question(world: World) -> None:
    await check_in(world, BEN)
    buttons = (await world.told(BEN))[-1].buttons
    token = dict(label_token for row in buttons for label_token in row)["7"]
    await world.say(BEN, "", button=token)
    assert await world.say(BEN, "", button=token) == []  # pressed twice: nothing happens
    other = dict(label_token for row in buttons for label_token in row)["9"]
    (told,) = await world.say(BEN, "", button=other)
    assert told.startswith("That button was for an earlier question.")
    assert len(await world.rows("SELECT id FROM answers")) == 1


async def test_a_changed_answer_takes_the_place_of_the_first(world: World) -> None:
    await check_in(world, ANN, "7", "8")
    await world.say(ANN, "BACK")
    await world.say(ANN, "2")
    rows = await world.rows("SELECT question, revision FROM answers ORDER BY question")
    assert [r[0] for r in rows] == ["content", "matters"]
    assert (await world.told(ANN))[-1].text.startswith("How good has your mood been")


async def test_stop_ends_everything_and_start_brings_it_back(world: World) -> None:
    await check_in(world, ANN, "7")
    assert (await world.say(ANN, "please stop texting me"))[0].startswith("You will get no more messages")
    assert await world.say(ANN, "7") == []
    assert await world.say(ANN, "CHECKIN") == []
    assert await world.rows("SELECT outcome FROM sessions") == [("stopped",)]
    assert (await world.say(ANN, "START"))[0].startswith("Welcome back")
    assert len(await world.say(ANN, "CHECKIN")) == 1


async def test_stop_also_stops_what_is_waiting_for_the_morning(world: World) -> None:
    await check_in(world, ANN, "7")
    world.clock.forward(timedelta(hours=20, minutes=1))
    await ring_due(world.app.database, _now(world), world.clock())
    (told,) = await world.say(ANN, "STOP")
    assert told.startswith("You will get no more messages")
    rows = await world.rows("SELECT message_class, status FROM outbox WHERE message_class = 2")
    assert rows == [(2, "cancelled")]
    assert (await world.told(ANN))[-1].status == "queued"  # the answer to STOP itself goes out


async def test_the_team_sees_what_a_provider_could_not_deliver(world: World) -> None:
    await world.say(ANN, "CHECKIN")
    (message,) = await world.told(ANN)
    report = DeliveryReport("sms", "SM9", Status.FAILED, message.id, "30003")
    for _ in range(2):
        await world.app.dispatcher.handle([report], world.clock())
    assert await world.rows("SELECT kind, detail FROM alerts") == [("not_sent", "30003")]


async def test_the_language_changes_at_any_time_by_its_own_name(world: World) -> None:
    await check_in(world, ANN, "7")
    (told,) = await world.say(ANN, "polski")
    assert "Czy" in told or "Jak" in told
    await world.say(ANN, "osiem")
    assert await world.rows("SELECT question, language FROM answers ORDER BY id") == [
        ("content", "en"),
        ("matters", "pl"),
    ]


async def test_consent_is_recorded_with_its_words_and_asked_once(world: World) -> None:
    await check_in(world, ANN, "5", "5", "5", "5", "5", "5", "skip", "no")
    assert await world.rows("SELECT purpose, given, flow, version, question, language, channel FROM consents") == [
        ("questionnaires", True, "wellbeing", 1, "consent", "en", "sms")
    ]
    (told,) = await world.say(ANN, "CHECKIN")
    assert told.startswith("How content are you")


async def test_no_consent_no_question_and_nothing_to_export(world: World) -> None:
    await world.say(ANN, "CHECKIN")
    (told,) = await world.say(ANN, "no")
    assert told.startswith("That is fine.")
    assert await world.rows("SELECT id FROM answers") == []
    assert await world.rows("SELECT outcome FROM sessions") == [("declined",)]


async def test_silence_brings_one_nudge_by_day_and_then_the_end(world: World) -> None:
    await check_in(world, ANN, "7")
    world.clock.forward(timedelta(hours=20, minutes=1))  # 06:01: in quiet hours
    assert await ring_due(world.app.database, _now(world), world.clock()) == 1
    nudge = (await world.told(ANN))[-1]
    assert nudge.text.startswith("Hello again from MIME.")
    (row,) = await world.rows(f"SELECT send_after, message_class FROM outbox WHERE id = {nudge.id}")
    assert row == (int(world.clock().replace(hour=9, minute=0).timestamp() * 1000), 2)
    world.clock.forward(timedelta(days=22))
    await ring_due(world.app.database, _now(world), world.clock())
    assert await world.rows("SELECT outcome FROM sessions") == [("expired",)]
    assert await world.rows("SELECT id FROM fires") == []
    assert len(await world.rows("SELECT id FROM answers")) == 1  # what was said is kept


async def test_a_fire_for_an_earlier_question_only_sets_itself_again(world: World) -> None:
    await check_in(world, ANN, "7")
    world.clock.forward(timedelta(hours=15))
    await world.say(ANN, "8")
    world.clock.forward(timedelta(hours=6))
    told = len(await world.told(ANN))
    await ring_due(world.app.database, _now(world), world.clock())
    assert len(await world.told(ANN)) == told
    (row,) = await world.rows("SELECT due_at FROM fires")
    assert row[0] == int((world.clock() + timedelta(hours=14)).timestamp() * 1000)


async def test_a_check_in_comes_again_in_a_month_for_those_who_said_yes(world: World) -> None:
    await check_in(world, ANN, "5", "5", "5", "5", "5", "5", "skip", "yes")
    world.clock.forward(timedelta(days=29))
    await ring_due(world.app.database, _now(world), world.clock())
    assert len(await world.rows("SELECT id FROM sessions")) == 1
    world.clock.forward(timedelta(days=2))
    await ring_due(world.app.database, _now(world), world.clock())
    assert (await world.told(ANN))[-1].text.startswith("How content are you")
    assert len(await world.rows("SELECT id FROM sessions WHERE outcome = ''")) == 1


async def test_a_check_in_that_is_due_waits_for_somebody_who_is_busy_with_another(world: World) -> None:
    await check_in(world, ANN, "5", "5", "5", "5", "5", "5", "skip", "yes")
    world.clock.forward(timedelta(days=31))
    await world.say(ANN, "OPINION")
    await ring_due(world.app.database, _now(world), world.clock())
    assert (await world.told(ANN))[-1].text.startswith("Have you been to a drop-in")
    world.clock.forward(timedelta(days=2))
    await ring_due(world.app.database, _now(world), world.clock())
    assert (await world.told(ANN))[-1].text.startswith("How content are you")


async def test_days_of_silence_are_met_with_a_recap(world: World) -> None:
    await check_in(world, ANN, "7")
    world.clock.forward(timedelta(days=3))
    (told,) = await world.say(ANN, "hello")
    assert told.startswith("Welcome back. 7 questions are left.\nDo you feel")


async def test_receipts_out_of_order_never_take_a_message_back(world: World) -> None:
    await world.say(ANN, "CHECKIN")
    (message,) = await world.told(ANN)
    for status in (Status.DELIVERED, Status.SENT, Status.FAILED):
        report = DeliveryReport("sms", "SM9", status, message.id)
        await world.app.dispatcher.handle([report], world.clock())
    assert (await world.told(ANN))[0].status == "delivered"


async def test_a_block_is_noted_and_nothing_is_due_to_them_after(world: World) -> None:
    await check_in(world, BEN, "7")
    gone = BlockingChanged("telegram", "u1", URN.parse(BEN), Blocking.BLOCKED)
    await world.app.dispatcher.handle([gone], world.clock())
    told = len(await world.told(BEN))
    world.clock.forward(timedelta(hours=30))
    await ring_due(world.app.database, _now(world), world.clock())
    assert len(await world.told(BEN)) == told
    await world.say(BEN, "8")  # who writes has unblocked us
    assert (await world.rows("SELECT blocked_at FROM urns"))[0][0] is None


async def test_somebody_who_asks_for_a_person_is_seen(world: World) -> None:
    (told,) = await world.say(ANN, "can I talk to someone please")
    assert "01632 960123" in told
    assert [kind for (kind,) in await world.rows("SELECT kind FROM alerts")] == ["person"]


async def test_nothing_that_people_say_or_are_told_stands_readable_in_the_file(
    tmp_path: Path, flows: Library, clock: Clock
) -> None:
    urls = (f"sqlite+aiosqlite:///{tmp_path}/a.db", f"sqlite+aiosqlite:///{tmp_path}/b.db")
    world = await make_world(urls, flows, clock)
    await check_in(world, ANN, "7", "7", "7", "7", "7", "7", "my secret garden", "no")
    await world.app.close()
    stored = (tmp_path / "a.db").read_bytes()
    for words in (b"447700900101", b"secret garden", b"How content"):
        assert words not in stored


async def test_a_store_that_is_away_refuses_and_serves_again(world: World) -> None:
    """The batch in hand fails whole, and the same message brought again is taken."""
    dispatcher = world.app.dispatcher
    running = asyncio.create_task(dispatcher.run())
    await dispatcher.submit(world.received(ANN, "CHECKIN"))
    async with world.app.database.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE seen RENAME TO unseen")
    lost = Received("sms", "SM7", URN.parse(ANN), "yes")
    with pytest.raises(StoreAway):
        await dispatcher.submit(lost)
    async with world.app.database.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE unseen RENAME TO seen")
    await dispatcher.submit(lost)
    dispatcher.stop()
    await running
    assert (await world.told(ANN))[-1].text.startswith("How content are you")


def _now(world: World) -> Callable[[Due], Awaitable[None]]:
    """The dispatcher as the ticker knows it, without its loop."""

    async def fire(due: Due) -> None:
        await world.app.dispatcher.handle([due], world.clock())

    return fire


async def test_several_answers_are_picked_by_buttons_and_shown_on_the_question(world: World) -> None:
    for words in ("OPINION", "yes", "no", "2"):
        await world.say(BEN, words)
    question = (await world.told(BEN))[-1]
    for label in ("Mornings", "Evenings"):
        tokens = dict(pair for row in (await world.told(BEN))[-1].buttons for pair in row)
        assert await world.say(BEN, "", button=tokens[label]) == []
    shown = (await world.told(BEN))[-1]
    assert shown.id == question.id
    labels = [label for row in shown.buttons for label, _ in row]
    assert labels == ["\u2713 Mornings", "Afternoons", "\u2713 Evenings", "Weekends", "Done", "Skip"]
    tokens = dict(pair for row in shown.buttons for pair in row)
    (told,) = await world.say(BEN, "", button=tokens["Done"])
    assert told.startswith("How many minutes")
    assert await world.rows("SELECT question FROM answers ORDER BY question") == [
        ("open_when",),
        ("used",),
        ("why_not",),
    ]


async def test_a_change_of_buttons_reaches_the_message_that_asked(
    store_urls: tuple[str, str], flows: Library, clock: Clock
) -> None:
    standin = TelegramStandin()
    async with loopback(standin) as url:
        world = await make_world(store_urls, flows, clock)
        bot = Telegram(standin.token, url)
        app = world.app
        sender = Sender(bot, app.database, app.vault, Pace(1000), QUIET, app.ids, clock, random.Random(1))
        try:
            for words in ("OPINION", "yes", "no", "2"):
                await world.say(BEN, words)
            await sender.drain()
            tokens = dict(standin.messages(5001)[-1].buttons)
            await world.say(BEN, "", button=tokens["Weekends"])
            await sender.drain()
            assert [label for label, _ in standin.messages(5001)[-1].buttons][3] == "\u2713 Weekends"
            assert standin.violations == []
        finally:
            await bot.close()
            await app.close()


async def test_a_conversation_reads_in_the_order_in_which_it_was_held(world: World) -> None:
    await check_in(world, ANN, "7")
    messages = await history(world.app.database, world.app.vault, URN.parse(ANN))
    assert [message.ours for message in messages] == [False, True] * 3
