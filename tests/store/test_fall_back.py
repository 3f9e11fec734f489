"""What did not arrive goes once to another address of the same person, and nobody else's; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from benchmarks.standins.telegram import TelegramFaults
from benchmarks.standins.twilio import TwilioFaults
from domain.message import DeliveryReport, MessageClass, Status
from flows.library import Library
from store import outbox
from store.changes import Queued
from store.fall_back import LATE, fall_back
from store.times import to_ms
from tests.bot.live import Live, live
from tests.conftest import Clock, settings_for
from tests.store.test_merging import link

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type.*"),
]

NUMBER, CHAT, SECOND = "+447700900101", 5001, "+447700900102"
PHONE, ACCOUNT, SECOND_PHONE = f"tel:{NUMBER}", f"telegram:{CHAT}", f"tel:{SECOND}"
SOON = timedelta(minutes=1)


@pytest.fixture
async def world(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[Live]:
    """Somebody with a phone and an account on Telegram, to whom nothing is owed."""
    async with live(store_urls, flows, clock) as world:
        await link(world, PHONE, ACCOUNT)
        await everything_goes(world)
        world.clock.forward(SOON)
        yield world


async def everything_goes(world: Live) -> None:
    for channel in ("sms", "telegram"):
        await world.send(channel)
    assert not set(await world.outbox()) & {"queued", "errored"}


async def owe(world: Live, who: str, words: str, kind: MessageClass = MessageClass.REMINDER, **changes: Any) -> None:
    """Queue this for them."""
    app, now_ms = world.app, to_ms(world.clock())
    urn_key = app.vault.find(who)
    ((contact_id,),) = await world.rows(f"SELECT contact_id FROM urns WHERE key = {urn_key}")
    channel = "sms" if who.startswith("tel:") else "telegram"
    given = {"key": f"test/{words}", "token": "", "buttons": ()} | changes
    expires_at = now_ms + to_ms_of(timedelta(hours=24))
    message = Queued(
        id=app.ids(),
        contact_id=contact_id,
        urn_key=urn_key,
        channel=channel,
        message_class=kind,
        text=words,
        send_after=now_ms,
        expires_at=expires_at,
        **given,
    )
    async with app.database.begin() as connection:
        await outbox.queue(connection, app.vault, message, now_ms)


def to_ms_of(period: timedelta) -> int:
    return int(period.total_seconds() * 1000)


async def again(world: Live, *, receipts: bool = True) -> int:
    app = world.app
    channels = [sender.channel.name for sender in app.senders]
    return await fall_back(app.database, app.vault, app.ids, channels, world.clock(), receipts=receipts)


async def statuses(world: Live) -> dict[str, str]:
    rows = await world.rows("SELECT key, status FROM outbox WHERE key LIKE 'test/%' ORDER BY id")
    return {key.removeprefix("test/"): status for key, status in rows}


async def test_a_reminder_to_a_dead_number_goes_to_their_telegram_once(world: Live) -> None:
    before = len(world.telegram.messages(CHAT))
    await owe(world, PHONE, "Tomorrow at ten")
    world.twilio.faults = TwilioFaults(refused={NUMBER: 21211})
    await world.send("sms")
    assert await again(world) == 1
    assert await again(world) == 0
    await world.send()
    assert [message.text for message in world.telegram.messages(CHAT)[before:]] == ["Tomorrow at ten"]
    assert await statuses(world) == {"Tomorrow at ten": "failed", "Tomorrow at ten/again": "sent"}
    assert await again(world) == 0


async def test_one_that_fails_there_too_goes_nowhere_else(world: Live) -> None:
    await owe(world, PHONE, "Tomorrow at ten")
    world.twilio.faults = TwilioFaults(refused={NUMBER: 21408})
    world.telegram.faults = TelegramFaults(unknown_chats=frozenset({CHAT}))
    await world.send("sms")
    assert await again(world) == 1
    await world.send()
    assert await again(world) == 0
    assert await statuses(world) == {"Tomorrow at ten": "failed", "Tomorrow at ten/again": "failed"}


@pytest.mark.parametrize("kind", [MessageClass.REPLY, MessageClass.INVITATION, MessageClass.NEWSLETTER])
async def test_other_messages_are_not_so_important(world: Live, kind: MessageClass) -> None:
    await owe(world, PHONE, "Hello", kind)
    world.twilio.faults = TwilioFaults(refused={NUMBER: 21408})
    await world.send("sms")
    assert await again(world) == 0


async def test_who_blocked_us_is_not_followed(world: Live) -> None:
    await owe(world, PHONE, "Tomorrow at ten")
    world.twilio.stopped.add(NUMBER)
    await world.send("sms")
    assert await statuses(world) == {"Tomorrow at ten": "failed"}
    assert await again(world) == 0


@pytest.mark.parametrize("column", ["blocked_at = 1", "shared = true", "voice_id = 1, voice_until = 9999999999999"])
async def test_an_address_that_is_blocked_or_not_theirs_alone_gets_nothing(world: Live, column: str) -> None:
    async with world.app.database.begin() as connection:
        await connection.exec_driver_sql(f"UPDATE urns SET {column} WHERE key = {world.app.vault.find(ACCOUNT)}")
    await owe(world, PHONE, "Tomorrow at ten")
    world.twilio.faults = TwilioFaults(refused={NUMBER: 21408})
    await world.send("sms")
    assert await again(world) == 0


async def test_who_has_stopped_or_written_since_gets_nothing(world: Live) -> None:
    await owe(world, PHONE, "Tomorrow at ten")
    world.twilio.faults = TwilioFaults(refused={NUMBER: 21408})
    await world.send("sms")
    world.clock.forward(SOON)
    await world.say(ACCOUNT, "hello")
    assert await again(world) == 0


async def test_a_text_that_no_receipt_came_for_is_late(world: Live) -> None:
    await owe(world, PHONE, "Tomorrow at ten")
    await owe(world, PHONE, "Call us", MessageClass.CRISIS)
    await world.send("sms")
    world.clock.forward(LATE[MessageClass.CRISIS])
    assert await again(world) == 0  # no receipt has come for any text
    ((other,),) = await world.rows("SELECT id FROM outbox WHERE channel = 'sms' AND key NOT LIKE 'test/%' LIMIT 1")
    await world.app.dispatcher.handle([DeliveryReport("sms", "SM1", Status.DELIVERED, other)], world.clock())
    assert await again(world, receipts=False) == 0
    assert await again(world) == 1
    world.clock.forward(LATE[MessageClass.REMINDER])
    assert await again(world) == 1
    assert set(await statuses(world)) == {
        "Tomorrow at ten",
        "Call us",
        "Call us/again",
        "Tomorrow at ten/again",
    }


async def test_what_an_ill_account_holds_goes_the_other_way_and_not_that_way_too(world: Live) -> None:
    await link(world, PHONE, SECOND_PHONE)
    await everything_goes(world)
    world.clock.forward(SOON)
    await owe(world, PHONE, "Call us", MessageClass.CRISIS)
    for _ in range(5):
        world.sender("sms").circuit.failed(world.clock().timestamp())
    assert await again(world) == 0
    world.clock.forward(LATE[MessageClass.CRISIS])
    accepted = world.twilio.accepted
    assert await again(world) == 1
    for channel in ("sms", "telegram"):
        await world.send(channel)
    assert await statuses(world) == {"Call us": "cancelled", "Call us/again": "sent"}
    assert world.telegram.messages(CHAT)[-1].text == "Call us"
    assert world.twilio.accepted == accepted


async def test_buttons_become_numbered_answers_on_a_phone(world: Live) -> None:
    buttons = ((("Yes", 0), ("No", 1)), (("Skip", -1),))
    await owe(world, ACCOUNT, "Will you come?", token="tok", buttons=buttons)
    world.telegram.faults = TelegramFaults(unknown_chats=frozenset({CHAT}))
    await world.send()
    assert await again(world) == 1
    await world.send("sms")
    assert world.twilio.sent_to(NUMBER)[-1].body == "Will you come?\n1 Yes\n2 No"


async def test_what_is_to_come_of_their_places_goes_there_as_well(world: Live) -> None:
    await owe(world, PHONE, "Tomorrow at ten")
    old, new = world.app.vault.find(PHONE), world.app.vault.find(ACCOUNT)
    ((contact_id,),) = await world.rows(f"SELECT contact_id FROM urns WHERE key = {old}")
    fire = "INSERT INTO fires (id, key, kind, contact_id, urn_key, channel, due_at) VALUES"
    async with world.app.database.begin() as connection:
        for id, kind in ((1, "remind"), (2, "wait")):
            await connection.exec_driver_sql(f"{fire} ({id}, '{kind}', '{kind}', {contact_id}, {old}, 'sms', 1)")
    world.twilio.faults = TwilioFaults(refused={NUMBER: 21614})
    await world.send("sms")
    assert await again(world) == 1
    rows = await world.rows("SELECT kind, urn_key, channel FROM fires WHERE id < 3 ORDER BY id")
    assert [tuple(row) for row in rows] == [("remind", new, "telegram"), ("wait", old, "sms")]


def test_a_project_may_switch_it_off() -> None:
    urls = ("sqlite+aiosqlite://", "sqlite+aiosqlite://")
    assert settings_for(*urls).fall_back
    assert not settings_for(*urls, fall_back="off").fall_back
