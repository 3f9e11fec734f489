"""What the sender promises, on both databases: in order, paced, tried again, and never twice where it can tell."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select
from starlette.requests import Request
from structlog.testing import capture_logs

from benchmarks.standins.telegram import TelegramFaults
from benchmarks.standins.twilio import TwilioFaults
from bot.app import utc_now
from bot.channels.simulated import Simulated
from bot.circuit import FAILURES, FIRST_PAUSE
from bot.health import Health
from bot.pace import Pace
from bot.sender import BACKOFF, LEASE, SETTLING, Sender
from domain.contact import URN
from domain.message import DeliveryReport, MessageClass, OutgoingMessage, Status
from flows.library import Library
from scheduler.ticker import ring_due
from store import outbox
from store import tables as t
from store.bulk import Fetch, fetch
from store.changes import Due, Queued
from store.fires import KEEP_SEEN, forget_seen
from store.outbox import Outcome
from store.times import to_ms
from tests.bot.live import Live, app_on, live
from tests.conftest import Clock

pytestmark = [
    # twilio 9.13 calls aiohttp in a way that aiohttp 4 will drop; python-telegram-bot announces a new type
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type.*"),
]

ANN, ANNS_NUMBER = "tel:+447700900101", "+447700900101"
BEN, BENS_CHAT = "telegram:5001", 5001
CAT, CATS_CHAT = "telegram:5002", 5002


@pytest.fixture
async def world(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[Live]:
    async with live(store_urls, flows, clock) as world:
        yield world


async def queue(world: Live, who: str, *words: str) -> list[str]:
    """Have the person say these, from the first word of a check-in on; what they are to be told."""
    return [told for word in words for told in await world.say(who, word)]


async def claimed(world: Live, channel: str) -> OutgoingMessage:
    """One message claimed, as by a process that is killed before it notes what became of it."""
    app = world.app
    (message,) = await outbox.claim(
        app.database, app.vault, app.ids, channel, to_ms(world.clock()), to_ms_of(LEASE), 1, quiet=False
    )
    return message


def to_ms_of(period: timedelta) -> int:
    return int(period.total_seconds() * 1000)


async def clear_up(world: Live, channel: str) -> None:
    """What `run` does every few seconds."""
    await outbox.lapse(world.app.database, channel, to_ms(world.clock()))
    await world.sender(channel).clear_up(world.clock())


# Order


async def test_one_person_gets_their_messages_in_order(world: Live) -> None:
    told = await queue(world, BEN, "/checkin", "yes", "5", "6")
    await queue(world, CAT, "/checkin")
    await world.send()
    assert [message.text for message in world.telegram.messages(BENS_CHAT)] == told
    assert len(world.telegram.messages(CATS_CHAT)) == 1
    assert await world.outbox() == ["sent"] * 5


async def test_a_message_waits_until_the_one_before_it_was_tried_again(world: Live) -> None:
    told = await queue(world, BEN, "/checkin", "yes")
    world.telegram.faults = TelegramFaults(server_error=1, times=1)
    await world.send()
    assert await world.outbox("status, attempts") == [("errored", 1), ("queued", 0)]
    world.clock.forward(timedelta(seconds=4))
    await world.send()
    assert world.telegram.sent == []
    world.clock.forward(timedelta(seconds=3))
    await world.send()
    assert [message.text for message in world.telegram.sent] == told


async def test_telegram_in_trouble_keeps_everybody_s_order(world: Live) -> None:
    people = {f"telegram:{chat}": chat for chat in range(6001, 6009)}
    told = {who: await queue(world, who, "/checkin", "yes", "5", "6") for who in people}
    world.telegram.faults = TelegramFaults(
        throttled=0.1, server_error=0.1, unavailable=0.1, drop_before=0.1, drop_after=0.1
    )
    await until_all_have_ended(world, "telegram")
    for who, chat in people.items():
        heard = [message.text for message in world.telegram.messages(chat)]
        # a question whose answer from Telegram was lost is asked again, before the next one
        assert [text for text, _ in itertools.groupby(heard)] == told[who]
    assert world.telegram.violations == []


async def test_twilio_in_trouble_brings_each_text_once_and_in_order(world: Live) -> None:
    people = {f"tel:+4477009002{n:02}": f"+4477009002{n:02}" for n in range(8)}
    told = {who: await queue(world, who, "CHECKIN", "yes", "5", "6") for who in people}
    world.twilio.faults = TwilioFaults(
        throttled=0.1, server_error=0.1, unavailable=0.1, drop_before=0.1, drop_after=0.15
    )
    await until_all_have_ended(world, "sms")
    for who, number in people.items():
        assert [message.body for message in world.twilio.sent_to(number)] == told[who]
    assert set(await world.outbox()) == {"sent"}
    assert world.twilio.violations == []


async def until_all_have_ended(world: Live, channel: str) -> None:
    for _ in range(40):
        await world.send(channel)
        await clear_up(world, channel)
        if not set(await world.outbox()) & {"queued", "errored", "sending", "unknown"}:
            return
        world.clock.forward(timedelta(minutes=5))
    raise AssertionError(f"after hours they have not ended: {await world.outbox()}")


async def test_two_processes_on_one_store_send_each_message_once(world: Live, flows: Library) -> None:
    for n in range(30):
        await queue(world, f"tel:+4477009003{n:02}", "CHECKIN", "yes")
    other = app_on(world.app.settings, flows, world.clock, seed=8)
    try:
        (second,) = [sender for sender in other.senders if sender.channel.name == "sms"]
        for _ in range(4):  # one may find nothing while the other has it all under way
            await asyncio.gather(second.drain(), world.send("sms"))
    finally:
        await other.close()
    assert await world.outbox() == ["sent"] * 60
    assert world.twilio.accepted == 60


# Pace


async def test_no_second_sees_more_than_the_rate_and_no_chat_two_at_once(tmp_path: Path, flows: Library) -> None:
    """By the wall clock: 20 a second over all, and a quarter of a second between two in a chat."""
    rate, gap = 20, 0.25
    urls = (f"sqlite+aiosqlite:///{tmp_path}/a.db", f"sqlite+aiosqlite:///{tmp_path}/b.db")

    class Wall(Clock):
        def __call__(self) -> Any:
            return utc_now()

    async with live(
        urls, flows, Wall(), telegram_messages_per_second=rate, telegram_seconds_per_chat=gap, quiet_hours=""
    ) as world:
        for n in range(8):
            await queue(world, f"telegram:{7000 + n}", "/checkin", "yes", "5", "6", "7")
        running = asyncio.create_task(world.sender("telegram").run())
        while set(await world.outbox()) != {"sent"}:
            pass
        world.sender("telegram").stop()
        await running
    times = [message.time for message in world.telegram.sent]
    assert len(times) == 40
    for since in times:
        assert sum(since <= at < since + 1 for at in times) <= rate + 2
    for chat in range(7000, 7008):
        apart = [b.time - a.time for a, b in pairwise(world.telegram.messages(chat))]
        assert min(apart) > gap / 2  # on a busy machine a request may take longer than the one after it
    assert times[-1] - times[0] > 40 / rate - 0.3


async def test_too_many_is_obeyed_by_everybody(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    world.telegram.faults = TelegramFaults(throttled=1, times=1, retry_after=7)
    await world.send()
    await queue(world, CAT, "/checkin")
    world.clock.forward(timedelta(seconds=6))
    await world.send()
    assert world.telegram.sent == []
    assert await world.outbox("status, error") == [("errored", "429"), ("queued", None)]
    world.clock.forward(timedelta(seconds=1))
    await world.send()
    assert await world.outbox() == ["sent", "sent"]
    assert world.telegram.violations == []


# What goes wrong


async def test_each_try_waits_longer_than_the_one_before(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    world.telegram.faults = TelegramFaults(unavailable=1)
    for expected in (*BACKOFF, BACKOFF[-1]):
        await world.send()
        ((status, send_after),) = await world.outbox("status, send_after")
        waits = send_after / 1000 - world.clock().timestamp()
        assert status == "errored"
        assert 0.8 * expected <= waits <= 1.2 * expected
        world.clock.forward(timedelta(seconds=waits))
    world.telegram.faults = TelegramFaults()
    await world.send()
    assert await world.outbox("status, attempts") == [("sent", len(BACKOFF) + 2)]


async def test_who_blocked_us_gets_nothing_more_and_the_team_is_told(world: Live) -> None:
    world.telegram.block(BENS_CHAT)
    await queue(world, BEN, "/checkin")
    await world.send()
    assert await world.outbox("status, error") == [("failed", "403")]
    assert await world.alerts() == [("not_sent", "403")]
    assert (await world.rows("SELECT blocked_at FROM urns"))[0][0] == to_ms(world.clock())
    world.clock.forward(timedelta(hours=30))
    await ring_due(world.app.database, now(world), world.clock())
    assert await world.outbox() == ["failed"]


async def test_who_told_twilio_to_stop_gets_nothing_more(world: Live) -> None:
    world.twilio.stopped.add(ANNS_NUMBER)
    await queue(world, ANN, "CHECKIN")
    await world.send("sms")
    assert await world.outbox("status, error") == [("failed", "21610")]
    assert (await world.rows("SELECT blocked_at FROM urns"))[0][0] is not None


async def test_a_refused_message_does_not_hold_up_the_next_one(world: Live) -> None:
    world.twilio.faults = TwilioFaults(refused={ANNS_NUMBER: 21408})
    told = await queue(world, ANN, "CHECKIN", "yes")
    await world.send("sms")
    assert await world.outbox("status, error") == [("failed", "21408")] * 2
    world.twilio.faults = TwilioFaults()
    told = await queue(world, ANN, "5")
    await world.send("sms")
    assert [message.body for message in world.twilio.sent_to(ANNS_NUMBER)] == told


@pytest.mark.parametrize("code", [21211, 21614])
async def test_a_number_that_is_none_gets_nothing_more_and_the_team_sees_it_once(world: Live, code: int) -> None:
    world.twilio.faults = TwilioFaults(refused={ANNS_NUMBER: code})
    await queue(world, ANN, "CHECKIN", "yes")
    await world.send("sms")
    assert await world.outbox("status, error") == [("failed", str(code)), ("cancelled", None)]
    assert await world.alerts() == [("unreachable", f"sms {code}")]
    world.clock.forward(timedelta(hours=30))
    await ring_due(world.app.database, now(world), world.clock())
    await world.send("sms")
    assert await world.outbox() == ["failed", "cancelled"]
    assert await world.alerts() == [("unreachable", f"sms {code}")]


async def test_a_telegram_account_that_is_gone_gets_nothing_more(world: Live) -> None:
    world.telegram.faults = TelegramFaults(unknown_chats=frozenset({BENS_CHAT}))
    await queue(world, BEN, "/checkin", "yes")
    await world.send()
    assert await world.outbox("status, error") == [("failed", "400 chat"), ("cancelled", None)]
    assert await world.alerts() == [("unreachable", "telegram 400 chat")]


async def test_a_receipt_that_nothing_will_ever_arrive_is_the_end_of_that_number(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    await world.send("sms")
    world.clock.forward(timedelta(hours=24))
    await ring_due(world.app.database, now(world), world.clock())
    (first, waiting) = await world.outbox("id, message_class")
    assert waiting[1] == 2
    receipt = DeliveryReport("sms", "SM1", Status.FAILED, first[0], "30005", unreachable=True)
    for _ in range(2):
        await world.app.dispatcher.handle([receipt], world.clock())
    assert await world.outbox() == ["failed", "cancelled"]
    assert await world.alerts() == [("unreachable", "sms 30005")]
    assert (await world.rows("SELECT blocked_at FROM urns"))[0][0] == to_ms(world.clock())
    told = await queue(world, ANN, "CHECKIN")  # who writes can be reached after all
    await world.send("sms")
    assert [message.body for message in world.twilio.sent_to(ANNS_NUMBER)][1:] == told
    assert (await world.rows("SELECT blocked_at FROM urns"))[0][0] is None


async def test_who_has_written_since_is_reached_whatever_an_old_receipt_says(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    await world.send("sms")
    ((first,),) = await world.rows("SELECT id FROM outbox")
    world.clock.forward(timedelta(minutes=1))
    await queue(world, ANN, "yes")
    receipt = DeliveryReport("sms", "SM1", Status.FAILED, first, "30003", unreachable=True)
    await world.app.dispatcher.handle([receipt], world.clock())
    assert await world.outbox() == ["failed", "queued"]
    assert await world.alerts() == [("not_sent", "30003")]


async def test_wrong_credentials_lose_no_message(world: Live, flows: Library) -> None:
    await queue(world, ANN, "CHECKIN")
    wrong = world.app.settings.model_copy(update={"twilio_auth_token": SecretStr("a wrong one")})
    other = app_on(wrong, flows, world.clock, seed=8)
    try:
        (sender,) = [sender for sender in other.senders if sender.channel.name == "sms"]
        await sender.drain()
    finally:
        await other.close()
    assert await world.outbox("status, error") == [("errored", "20003")]
    world.clock.forward(timedelta(minutes=1))
    await world.send("sms")
    assert await world.outbox() == ["sent"]


async def test_what_comes_too_late_is_not_sent_and_the_team_is_told(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    world.clock.forward(timedelta(hours=24))
    await world.send()
    assert world.telegram.sent == []
    assert await world.outbox() == ["expired"]
    assert await world.alerts() == [("not_sent", "expired")]


# An account that fails


async def test_an_account_that_fails_again_and_again_is_left_alone_and_the_other_goes_on(world: Live) -> None:
    people = [f"telegram:{chat}" for chat in range(6001, 6011)]
    for who in people:
        await queue(world, who, "/checkin")
    world.telegram.faults = TelegramFaults(unavailable=1)
    sender = world.sender("telegram")
    while not sender.circuit.is_open:
        await world.send()
    tried = world.telegram.requests["sendMessage"]
    world.clock.forward(timedelta(seconds=FIRST_PAUSE - 1))
    await world.send()
    assert world.telegram.requests["sendMessage"] == tried
    await queue(world, ANN, "CHECKIN")
    await world.send("sms")
    assert world.twilio.accepted == 1
    world.clock.forward(timedelta(seconds=8))
    await world.send()
    assert world.telegram.requests["sendMessage"] == tried + 1  # one tries for all
    assert sender.circuit.rests(world.clock().timestamp()) == 2 * FIRST_PAUSE
    world.telegram.faults = TelegramFaults()
    for _ in range(3):
        world.clock.forward(timedelta(seconds=2 * FIRST_PAUSE))
        await world.send()
    assert not sender.circuit.is_open
    assert sorted(message.chat_id for message in world.telegram.sent) == list(range(6001, 6011))


async def test_an_account_that_is_left_alone_is_told_to_who_watches(world: Live) -> None:
    app, sender = world.app, world.sender("sms")
    health = Health(app.database, app.evaluation, app.dispatcher, app.senders, None, world.clock)
    for one in app.senders:
        one.alive_at = world.clock()
    assert (await health.faults(), health.warnings()) == ([], [])
    for _ in range(FAILURES):
        sender.circuit.failed(world.clock().timestamp())
    assert await health.faults() == []  # no reason to stop bringing it webhooks
    (warning,) = health.warnings()
    assert warning.startswith("sms: the provider fails")
    metrics = bytes((await health.metrics(Request({"type": "http"}))).body).decode()
    assert 'mime_account_failing{channel="sms"} 1' in metrics
    assert 'mime_account_failing{channel="telegram"} 0' in metrics


# What nobody can tell


async def test_a_text_that_twilio_took_before_the_line_dropped_is_not_sent_again(world: Live) -> None:
    told = await queue(world, ANN, "CHECKIN", "yes")
    world.twilio.faults = TwilioFaults(drop_after=1, times=1)
    await world.send("sms")
    assert await world.outbox() == ["unknown", "queued"]  # the next one waits until it is cleared up
    await clear_up(world, "sms")
    (sid,) = [message.sid for message in world.twilio.sent_to(ANNS_NUMBER)]
    assert (await world.outbox("status, external_id"))[0] == ("sent", sid)
    await world.send("sms")
    assert [message.body for message in world.twilio.sent_to(ANNS_NUMBER)] == told


async def test_a_text_that_twilio_never_took_is_sent_once(world: Live) -> None:
    told = await queue(world, ANN, "CHECKIN")
    world.twilio.faults = TwilioFaults(drop_before=1, times=1)
    await world.send("sms")
    assert await world.outbox() == ["unknown"]
    await clear_up(world, "sms")
    assert await world.outbox() == ["unknown"]  # Twilio's log may be late to show it
    world.clock.forward(SETTLING)
    await clear_up(world, "sms")
    assert await world.outbox("status, error") == [("errored", "not sent")]
    await world.send("sms")
    assert [message.body for message in world.twilio.sent_to(ANNS_NUMBER)] == told


async def test_an_equal_text_of_before_is_not_taken_for_this_one(world: Live) -> None:
    """The same question asked twice: the first was sent and noted, of the second nobody can tell."""
    await queue(world, ANN, "CHECKIN")
    await world.send("sms")
    await queue(world, ANN, "again")
    world.twilio.faults = TwilioFaults(drop_before=1, times=1)
    await world.send("sms")
    world.clock.forward(SETTLING)
    await clear_up(world, "sms")
    await world.send("sms")
    first, second = (message for message in world.twilio.sent_to(ANNS_NUMBER))
    assert first.body == second.body
    assert await world.outbox("external_id") == [first.sid, second.sid]


async def test_while_twilio_cannot_be_asked_nothing_is_decided(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    world.twilio.faults = TwilioFaults(drop_after=1, times=1)
    await world.send("sms")
    world.twilio.faults = TwilioFaults(unavailable=1, actions=frozenset({"list"}))
    await clear_up(world, "sms")
    assert await world.outbox() == ["unknown"]
    world.twilio.faults = TwilioFaults()
    await clear_up(world, "sms")
    assert await world.outbox() == ["sent"]


async def test_a_log_that_says_to_wait_is_heeded_too(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    world.twilio.faults = TwilioFaults(drop_after=1, times=1)
    await world.send("sms")
    world.twilio.faults = TwilioFaults(throttled=1, times=1, retry_after=30, actions=frozenset({"list"}))
    await clear_up(world, "sms")
    await queue(world, "tel:+447700900102", "CHECKIN")
    await world.send("sms")
    await clear_up(world, "sms")
    assert (world.twilio.requests["list"], world.twilio.accepted) == (1, 1)
    world.clock.forward(timedelta(seconds=30))
    await clear_up(world, "sms")
    await world.send("sms")
    assert await world.outbox() == ["sent", "sent"]


async def test_a_question_that_telegram_perhaps_took_is_asked_again(world: Live) -> None:
    (question,) = await queue(world, BEN, "/checkin")
    world.telegram.faults = TelegramFaults(drop_after=1, times=1)
    await world.send()
    assert await world.outbox("status, error") == [("unknown", "connection lost")]
    await clear_up(world, "telegram")
    await world.send()
    assert [message.text for message in world.telegram.sent] == [question, question]


async def test_a_reminder_that_telegram_perhaps_took_is_not_sent_again(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    await world.send()
    world.clock.forward(timedelta(hours=24))
    await ring_due(world.app.database, now(world), world.clock())
    world.telegram.faults = TelegramFaults(drop_after=1, times=1)
    await world.send()
    await clear_up(world, "telegram")
    await world.send()
    assert len(world.telegram.sent) == 2
    assert await world.outbox("status, error") == [("sent", None), ("failed", "perhaps sent")]
    assert await world.alerts() == [("not_sent", "perhaps sent")]


def now(world: Live) -> Any:
    """The dispatcher as the ticker knows it, without its loop."""

    async def fire(due: Due) -> None:
        await world.app.dispatcher.handle([due], world.clock())

    return fire


async def test_two_who_share_a_phone_and_get_the_same_words_both_get_them(world: Live) -> None:
    """Of two equal texts to one number Twilio took one: it must not stand for both."""
    await world.say(ANN, "hello")
    other = world.app.ids()
    await share_the_phone(world, ANN, other)
    (first,) = await world.rows("SELECT contact_id FROM urns")
    for contact in (first[0], other):
        await put(world, ANN, contact, "The same news", MessageClass.REPLY)
    world.twilio.faults = TwilioFaults(drop_before=1, times=1)
    for _ in range(4):
        await world.send("sms")
        await clear_up(world, "sms")
        world.clock.forward(SETTLING)
    assert [m.body for m in world.twilio.sent_to(ANNS_NUMBER)][-2:] == ["The same news"] * 2
    assert set(await world.outbox()) == {"sent"}


async def test_two_uncertain_texts_with_the_same_words_are_found_one_each(world: Live) -> None:
    contact = world.app.ids()
    await put(world, ANN, contact, "The same news", MessageClass.REPLY)
    await world.sender("sms").channel.send(await claimed(world, "sms"), world.clock())
    await put(world, ANN, contact, "The same news", MessageClass.REPLY)
    async with world.app.database.begin() as connection:
        await connection.exec_driver_sql("UPDATE outbox SET status = 'unknown'")
    await world.sender("sms").clear_up(world.clock())
    assert sorted(await world.outbox()) == ["errored", "sent"]


async def share_the_phone(world: Live, who: str, contact_id: int) -> None:
    async with world.app.database.begin() as connection:
        await connection.execute(insert(t.contacts).values(id=contact_id, language="en", created_at=1))


async def put(world: Live, who: str, contact_id: int, words: str, kind: MessageClass, hours: int = 24) -> int:
    """A message to that address, queued as by a broadcast; its id."""
    app, now = world.app, world.clock()
    urn_key, scheme = app.vault.find(who), who.partition(":")[0]
    id = app.ids()
    async with app.database.begin() as connection:
        if not (await connection.execute(select(t.urns.c.key).where(t.urns.c.key == urn_key))).first():
            sealed = app.vault.seal(who.encode(), contact_id)
            await connection.execute(
                insert(t.urns).values(key=urn_key, contact_id=contact_id, scheme=scheme, sealed=sealed, created_at=1)
            )
        message = Queued(
            id, f"put/{id}", contact_id, urn_key, "sms" if scheme == "tel" else scheme, kind, words, "", (),
            to_ms(now), to_ms(now + timedelta(hours=hours)),
        )  # fmt: skip
        await outbox.queue(connection, app.vault, message, to_ms(now))
    return id


# A process that is killed


async def test_a_kill_before_the_request_costs_nothing(world: Live) -> None:
    told = await queue(world, ANN, "CHECKIN")
    await claimed(world, "sms")
    await clear_up(world, "sms")
    assert await world.outbox() == ["sending"]  # its claim holds: it may still be at it
    world.clock.forward(LEASE)
    await clear_up(world, "sms")
    await world.send("sms")
    assert [message.body for message in world.twilio.sent_to(ANNS_NUMBER)] == told


async def test_a_kill_between_the_request_and_the_note_sends_nothing_twice(world: Live) -> None:
    told = await queue(world, ANN, "CHECKIN")
    message = await claimed(world, "sms")
    sent = await world.sender("sms").channel.send(message, world.clock())
    await world.sender("sms").start_over()  # as at the start of the only process on a file
    await clear_up(world, "sms")
    await world.send("sms")
    assert [message.body for message in world.twilio.sent_to(ANNS_NUMBER)] == told
    assert await world.outbox("status, external_id") == [("sent", sent.external_id)]


async def test_a_claim_that_is_renewed_does_not_lapse(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    message = await claimed(world, "sms")
    world.clock.forward(LEASE - timedelta(seconds=1))
    await outbox.renew(world.app.database, [message.id], to_ms(world.clock() + LEASE))
    world.clock.forward(timedelta(seconds=2))
    assert await outbox.lapse(world.app.database, "sms", to_ms(world.clock())) == 0
    world.clock.forward(LEASE)
    assert await outbox.lapse(world.app.database, "sms", to_ms(world.clock())) == 1


@pytest.mark.parametrize(("seconds", "claims"), [(2.9, 1), (3, 2), (60, 2)])
async def test_what_was_claimed_before_a_standstill_does_not_leave_after_it(
    world: Live, seconds: float, claims: int
) -> None:
    """Another process may have taken it for lost by then, and sent it. So it is claimed again first."""
    await queue(world, BEN, "/checkin")
    claims_at = world.clock()
    world.clock.forward(timedelta(seconds=seconds))
    await tick_at(world, claims_at)
    assert (world.telegram.accepted, await world.outbox("status, attempts")) == (1, [("sent", claims)])


async def test_what_lapsed_is_sent_again_only_when_the_log_had_time_to_show_it(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    await claimed(world, "sms")
    world.clock.forward(LEASE)
    assert await outbox.lapse(world.app.database, "sms", to_ms(world.clock()), 5000) == 1
    for seconds, status in ((4.9, "unknown"), (0.1, "errored")):
        world.clock.forward(timedelta(seconds=seconds))
        await world.sender("sms").clear_up(world.clock())
        assert await world.outbox() == [status]


async def test_who_stood_still_takes_no_claim_of_its_own_for_a_dead_process_s(world: Live) -> None:
    """A process may stop for longer than its claims hold (a laptop that sleeps, a disk that hangs)."""
    await queue(world, BEN, "/checkin")
    world.telegram.faults = TelegramFaults(delay=0.2)
    running = asyncio.create_task(world.sender("telegram").run())
    while not world.telegram.sent:
        await world.rows("SELECT 1")
    world.clock.forward(3 * LEASE)
    while await world.outbox() != ["sent"]:
        world.sender("telegram").wake()
    world.sender("telegram").stop()
    await running
    assert len(world.telegram.sent) == 1


async def test_who_starts_waits_as_the_provider_said_before(world: Live, flows: Library) -> None:
    await queue(world, ANN, "CHECKIN")
    world.twilio.faults = TwilioFaults(throttled=1, times=1, retry_after=60)
    await world.send("sms")
    assert await world.outbox("status, error") == [("errored", "429")]
    await queue(world, "tel:+447700900102", "CHECKIN")
    other = app_on(world.app.settings, flows, world.clock, seed=8)
    (second,) = [sender for sender in other.senders if sender.channel.name == "sms"]
    running = asyncio.create_task(second.run())
    while second.alive_at is None:
        await world.rows("SELECT 1")
    assert world.twilio.accepted == 0
    world.clock.forward(timedelta(seconds=60))
    while await world.outbox() != ["sent", "sent"]:
        second.wake()
    second.stop()
    await running
    await other.close()


# A store that is away


async def test_a_note_that_the_store_did_not_take_is_made_when_it_is_back(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    sender = world.sender("sms")
    world.twilio.faults = TwilioFaults(delay=0.1)
    await sender.tick(world.clock())
    while not world.twilio.accepted:
        await world.rows("SELECT 1")
    await rename(world, "outbox", "outbox_away")
    await asyncio.wait(sender._under_way)  # Twilio has it, and said so
    for _ in range(2):
        with pytest.raises(Exception, match="outbox"):
            await sender.tick(world.clock())
    await rename(world, "outbox_away", "outbox")
    assert await world.outbox() == ["sending"]
    await world.send("sms")
    assert await world.outbox() == ["sent"]
    assert len(world.twilio.sent_to(ANNS_NUMBER)) == 1


async def test_the_loop_outlives_a_store_that_is_away(world: Live) -> None:
    sender = world.sender("sms")
    await rename(world, "outbox", "outbox_away")
    with capture_logs() as logged:
        running = asyncio.create_task(sender.run())
        while "sender cannot reach the store" not in [line["event"] for line in logged]:
            await world.rows("SELECT 1")
    assert sender.alive_at is None
    await rename(world, "outbox_away", "outbox")
    await queue(world, ANN, "CHECKIN")
    while await world.outbox() != ["sent"]:
        sender.wake()
    assert sender.alive_at == world.clock()
    sender.stop()
    await running


async def rename(world: Live, old: str, new: str) -> None:
    async with world.app.database.begin() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


# Receipts


@pytest.mark.parametrize("by_our_id", [True, False], ids=["by our id", "by the provider's"])
async def test_receipts_and_our_own_note_in_any_order_come_to_the_same(world: Live, by_our_id: bool) -> None:
    """Twilio promises no order, and a receipt may overtake the answer to the request itself."""
    courses = [("note", "sent", "delivered"), ("note", "sent", "failed"), ("note", "delivered", "sent", "sent")]
    orders = [order for course in courses for order in itertools.permutations(course)]
    for n, order in enumerate(orders):
        who = f"tel:+447700900{n:03}"
        await queue(world, who, "CHECKIN")
        message = await claimed(world, "sms")
        for step in order:
            await happens(world, message, step, f"SM{n}", by_our_id)
        last = "failed" if "failed" in order else "delivered"
        assert (await world.outbox("status, external_id"))[-1] == (last, f"SM{n}"), order
    assert await world.rows("SELECT external_id FROM early_receipts") == []


async def happens(world: Live, message: OutgoingMessage, step: str, sid: str, by_our_id: bool) -> None:
    if step == "note":
        outcome = Outcome(message.id, message.contact_id, Status.SENT, sid, segments=1)
        await outbox.note(world.app.database, [outcome], to_ms(world.clock()), [world.app.ids()])
    else:
        report = DeliveryReport("sms", sid, Status(step), message.id if by_our_id else None)
        await world.app.dispatcher.handle([report], world.clock())


async def test_receipts_in_one_batch_come_to_the_same(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    message = await claimed(world, "sms")
    reports = [DeliveryReport("sms", "SM1", status) for status in (Status.DELIVERED, Status.SENT)]
    await world.app.dispatcher.handle(reports, world.clock())
    await happens(world, message, "note", "SM1", by_our_id=False)
    assert await world.outbox() == ["delivered"]


async def test_a_receipt_clears_up_what_nobody_could_tell(world: Live) -> None:
    await queue(world, ANN, "CHECKIN")
    message = await claimed(world, "sms")
    unknown = Outcome(message.id, message.contact_id, Status.UNKNOWN, error="no answer")
    await outbox.note(world.app.database, [unknown], to_ms(world.clock()), [world.app.ids()])
    await happens(world, message, "delivered", "SM1", by_our_id=True)
    await clear_up(world, "sms")
    await world.send("sms")
    assert await world.outbox("status, external_id") == [("delivered", "SM1")]
    assert world.twilio.messages == []


async def test_a_receipt_of_nothing_that_we_sent_is_forgotten_in_time(world: Live) -> None:
    report = DeliveryReport("sms", "SM-of-another-program", Status.DELIVERED)
    await world.app.dispatcher.handle([report, replace(report, message_id=12345)], world.clock())
    assert len(await world.rows("SELECT external_id FROM early_receipts")) == 1
    await forget_seen(world.app.database, world.clock() + KEEP_SEEN + timedelta(seconds=1))
    assert await world.rows("SELECT external_id FROM early_receipts") == []


# Between the claim and the send


async def test_what_has_become_too_late_when_its_turn_comes_is_not_sent(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    claims_at = world.clock()
    world.clock.forward(timedelta(hours=24))
    await tick_at(world, claims_at)
    assert world.telegram.requests["sendMessage"] == 0
    assert await world.outbox("status, error") == [("expired", "expired")]
    assert await world.alerts() == [("not_sent", "expired")]


async def test_what_waits_for_the_morning_is_not_sent_when_the_night_begins_before_its_turn(world: Live) -> None:
    await put(world, BEN, world.app.ids(), "News", MessageClass.NEWSLETTER)
    world.clock.now = world.clock.now.replace(hour=19, minute=59)
    claims_at = world.clock()
    world.clock.forward(timedelta(minutes=1))
    await tick_at(world, claims_at)
    ((status, send_after),) = await world.outbox("status, send_after")
    assert (world.telegram.sent, status) == ([], "queued")
    assert send_after == to_ms(world.clock() + timedelta(hours=13))


async def test_in_the_last_moments_before_the_night_nothing_is_begun_that_would_arrive_in_it(world: Live) -> None:
    await put(world, ANN, world.app.ids(), "News", MessageClass.NEWSLETTER)
    world.clock.now = world.clock.now.replace(hour=19, minute=59, second=31)
    await world.send("sms")
    assert world.twilio.accepted == 0
    world.clock.now = world.clock.now.replace(minute=58)
    await world.send("sms")
    (text,) = world.twilio.sent_to(ANNS_NUMBER)
    assert text.validity_period == 89  # and Twilio too gives up at eight


async def test_what_was_claimed_before_the_provider_said_to_wait_waits_too(world: Live) -> None:
    for n in range(20):
        await queue(world, f"telegram:{7000 + n}", "/checkin")
    world.telegram.faults = TelegramFaults(throttled=1, times=1, retry_after=5)
    sender = world.sender("telegram")
    sender._pace.hold(world.clock().timestamp())
    await world.send()
    claims_at = world.clock()
    sent = len(world.telegram.sent)
    sender._pace.hold(claims_at.timestamp() + 5)
    await world.send()
    assert len(world.telegram.sent) == sent
    assert world.telegram.violations == []


async def tick_at(world: Live, moment: datetime) -> None:
    """The sender looked at the clock at that moment, and the database or the pace held it up until now."""
    sender = world.sender("telegram")
    await sender.tick(moment)
    await sender.drain()


async def test_an_address_gets_one_message_at_a_time(world: Live) -> None:
    reminder = await put(world, BEN, world.app.ids(), "Tomorrow at two", MessageClass.REMINDER)
    reply = await put(world, BEN, world.app.ids(), "You have a place", MessageClass.REPLY)
    assert (await claimed_of(world, 5)) == [reply]
    assert (await claimed_of(world, 5)) == []
    await world.sender("telegram").start_over()
    await clear_up(world, "telegram")
    await world.send()
    assert [message.text for message in world.telegram.sent] == ["You have a place", "Tomorrow at two"]
    assert reminder < reply


async def claimed_of(world: Live, limit: int) -> list[int]:
    app = world.app
    messages = await outbox.claim(
        app.database, app.vault, app.ids, "telegram", to_ms(world.clock()), to_ms_of(LEASE), limit, quiet=False
    )
    return [message.id for message in messages]


async def test_somebody_s_own_hours_hold_for_what_had_to_wait(world: Live) -> None:
    """Queued within them, it failed, and would be tried again after they had ended."""
    contact = world.app.ids()
    await put(world, BEN, contact, "News", MessageClass.NEWSLETTER, hours=72)
    async with world.app.database.begin() as connection:
        await connection.execute(
            insert(t.contacts).values(id=contact, language="en", hours="09:00-11:00 0123456", created_at=1)
        )
    world.telegram.faults = TelegramFaults(unavailable=1, times=1)
    await world.send()
    world.clock.forward(timedelta(hours=2))
    await world.send()
    assert world.telegram.sent == []
    world.clock.forward(timedelta(hours=21, minutes=30))
    await world.send()
    assert [message.text for message in world.telegram.sent] == ["News"]


async def test_a_provider_s_wait_is_over_for_all_when_one_waits_on_for_their_own_hours(
    world: Live, flows: Library
) -> None:
    contact = world.app.ids()
    await put(world, BEN, contact, "News", MessageClass.NEWSLETTER, hours=72)
    async with world.app.database.begin() as connection:
        await connection.execute(
            insert(t.contacts).values(id=contact, language="en", hours="09:00-10:01 0123456", created_at=1)
        )
    world.telegram.faults = TelegramFaults(throttled=1, times=1, retry_after=60)
    await world.send()
    world.clock.forward(timedelta(seconds=60))
    await world.send()  # it is put off until tomorrow
    await queue(world, CAT, "/checkin")
    other = app_on(world.app.settings, flows, world.clock, seed=8)
    (second,) = [sender for sender in other.senders if sender.channel.name == "telegram"]
    running = asyncio.create_task(second.run())
    world.clock.forward(timedelta(seconds=5))  # the first has nothing of the pace any more
    for _ in range(1000):
        second.wake()
        if await world.outbox() == ["errored", "sent"]:
            break
    second.stop()
    await running
    await other.close()
    assert [message.chat_id for message in world.telegram.sent] == [CATS_CHAT]


async def test_those_whose_hours_have_ended_hold_nobody_up(world: Live) -> None:
    """However many stand before it in the queue."""
    for _ in range(40):
        contact = world.app.ids()
        await put(world, f"telegram:{contact}", contact, "News", MessageClass.NEWSLETTER, hours=72)
        async with world.app.database.begin() as connection:
            await connection.execute(
                insert(t.contacts).values(id=contact, language="en", hours="11:00-20:00 0123456", created_at=1)
            )
    await put(world, BEN, world.app.ids(), "News", MessageClass.NEWSLETTER)
    await world.sender("telegram").tick(world.clock())
    await world.send()
    assert [message.chat_id for message in world.telegram.sent] == [BENS_CHAT]


async def test_what_has_no_address_any_more_is_told_to_the_team(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    async with world.app.database.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM urns")
    await world.send()
    assert await world.outbox("status, error") == [("failed", "no address")]
    assert await world.alerts() == [("not_sent", "no address")]


async def test_what_outlives_its_use_is_told_though_nothing_may_be_sent(world: Live) -> None:
    await put(world, BEN, world.app.ids(), "News", MessageClass.NEWSLETTER, hours=1)
    world.clock.forward(timedelta(hours=12))  # it is ten in the evening
    sender = world.sender("telegram")
    running = asyncio.create_task(sender.run())
    while await world.outbox() != ["expired"]:
        sender.wake()
    sender.stop()
    await running
    assert await world.alerts() == [("not_sent", "expired")]


async def test_a_hundred_thousand_that_wait_are_not_looked_at_one_by_one(world: Live) -> None:
    """What may go is read from an index in its order, and so is what is under way."""
    app = world.app
    if not app.database.is_sqlite:
        async with app.database.begin() as connection:  # an empty table is read whole, whatever its indexes
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            await connection.exec_driver_sql("SET LOCAL enable_sort = off")
            plans = [await explained(connection, read.postgres, read.values) for read in reads()]
    else:
        async with app.database.read() as connection:
            plans = [await explained(connection, read.sqlite, read.sqlite_parameters()) for read in reads()]
    in_order, to_one, under_way = "ix_outbox_unfinished", "ix_outbox_unfinished_to", "ix_outbox_under_way"
    if not app.database.is_sqlite:  # each part has its own, which PostgreSQL names by its columns
        in_order, to_one, under_way = "_channel_message_class_send_after_id_idx", "_urn_key_idx", "_channel_idx"
    for plan, index in zip(plans, (in_order, under_way, under_way), strict=True):
        assert index in plan, plan
        assert not [word for word in ("Seq Scan on outbox", "SCAN outbox", "TEMP B-TREE", "Sort  (") if word in plan]
    assert to_one in plans[0]


def reads() -> list[Fetch]:
    return [fetch(outbox._CLAIM, "sms", 4, 5, 5, 16), fetch(outbox._LAPSED, 5, "sms"), fetch(outbox._UNKNOWN, "sms")]


async def explained(connection: Any, sql: str, values: Any) -> str:
    how = "EXPLAIN QUERY PLAN " if "?" in sql else "EXPLAIN "
    return "\n".join(str(row) for row in (await connection.exec_driver_sql(how + sql, values)).all())


# Quiet hours


async def test_reminders_wait_for_the_morning_and_replies_do_not(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    await world.send()
    world.clock.forward(timedelta(hours=33, minutes=59))  # the nudge is due, and it is 19:59
    await ring_due(world.app.database, now(world), world.clock())
    world.clock.forward(timedelta(minutes=1))
    await world.send()
    assert await world.outbox("status, message_class") == [("sent", 1), ("queued", 2)]
    (reply,) = await world.say(BEN, "help")
    await world.send()
    assert world.telegram.sent[-1].text == reply  # the nudge that waits does not hold it up
    assert await world.outbox() == ["sent", "queued", "sent"]
    world.clock.forward(timedelta(hours=13))
    await world.send()
    assert await world.outbox() == ["sent", "sent", "sent"]


async def test_a_reminder_that_failed_before_the_night_does_not_hold_up_a_reply(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    await world.send()
    world.clock.forward(timedelta(hours=33, minutes=59))
    await ring_due(world.app.database, now(world), world.clock())
    world.telegram.faults = TelegramFaults(unavailable=1, times=1)
    await world.send()
    world.clock.forward(timedelta(minutes=1))
    await world.say(BEN, "help")
    await world.send()
    assert await world.outbox() == ["sent", "errored", "sent"]


async def test_a_reminder_that_failed_by_day_does_not_hold_up_a_reply(world: Live) -> None:
    await queue(world, BEN, "/checkin")
    await world.send()
    world.clock.forward(timedelta(hours=30))
    await ring_due(world.app.database, now(world), world.clock())
    world.telegram.faults = TelegramFaults(unavailable=1, times=1)
    await world.send()
    await world.say(BEN, "help")
    await world.send()
    assert await world.outbox() == ["sent", "errored", "sent"]


async def test_the_address_goes_out_as_the_person_s_own(world: Live) -> None:
    """What is sealed opens to the very address that wrote."""
    await queue(world, ANN, "CHECKIN")
    assert (await claimed(world, "sms")).urn == URN("tel", ANNS_NUMBER)


async def test_a_sender_without_room_rests_although_there_is_something_to_send(world: Live) -> None:
    """It once went round and round until there was room, and nothing else in the process ran meanwhile."""
    channel = Simulated("sms")
    pace = Pace(1)
    pace.hold(world.clock().timestamp() + 60)
    app = world.app
    sender = Sender(channel, app.database, app.vault, pace, app.settings.quiet, app.ids, world.clock, random.Random(1))
    sender.wake()
    assert not await sender.tick(world.clock())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sender.rest(), 0.05)
