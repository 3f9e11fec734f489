"""A file that goes with a message: sealed with it, sent by the channel that carries files, left behind by the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest

from benchmarks.standins.bot_api import Upload
from domain.message import Attachment, MessageClass
from flows.library import Library
from store import outbox
from store.changes import Changes, Queued
from store.times import to_ms
from store.turns import message_to_seal, opened_message, save
from tests.bot.held import contact_of
from tests.bot.live import Live, live
from tests.conftest import Clock

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

ANN, BEN, BENS_CHAT = "tel:+447700900101", "telegram:5001", 5001
FILE = Attachment("event.ics", "text/calendar", b"BEGIN:VCALENDAR\r\n\xff\x00END:VCALENDAR")


@pytest.fixture
async def world(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[Live]:
    async with live(store_urls, flows, clock) as world:
        yield world


async def message(world: Live, who: str, attachment: Attachment | None = FILE) -> Queued:
    now = to_ms(world.clock())
    contact_id, channel = await contact_of(world, who), "sms" if who.startswith("tel:") else "telegram"
    return Queued(
        id=world.app.ids(), key=f"test/{who}", contact_id=contact_id, urn_key=world.app.vault.find(who),
        channel=channel, message_class=MessageClass.REPLY, text="You have a place.", token="", buttons=(),
        send_after=now, expires_at=now + 3_600_000, attachment=attachment,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["one", "batch"])
async def test_telegram_brings_the_file_with_its_text_under_it(world: Live, way: str) -> None:
    queued = await message(world, BEN)
    await world.send()
    if way == "one":
        async with world.app.database.begin() as connection:
            await outbox.queue(connection, world.app.vault, queued, to_ms(world.clock()))
    else:
        async with world.app.database.hot() as tx:
            save(tx, world.app.vault, world.app.ids, to_ms(world.clock()), Changes(outbox=[queued]))
    (sealed,) = await world.rows(f"SELECT sealed FROM outbox WHERE id = {queued.id}")
    assert b"VCALENDAR" not in bytes(sealed[0])
    assert (await world.told(BEN))[-1].attachment == FILE
    await world.send()
    last = world.telegram.messages(BENS_CHAT)[-1]
    assert last.text == "You have a place."
    assert last.document == Upload("event.ics", "text/calendar", FILE.content)
    assert (await world.outbox())[-1] == "sent"
    assert world.telegram.violations == []


async def test_a_text_message_leaves_the_file_behind(world: Live) -> None:
    queued = await message(world, ANN)
    await world.send("sms")
    async with world.app.database.begin() as connection:
        await outbox.queue(connection, world.app.vault, queued, to_ms(world.clock()))
    await world.send("sms")
    assert (await world.outbox())[-1] == "sent"
    assert world.twilio.violations == []


def test_a_message_without_a_file_is_kept_as_it_always_was() -> None:
    row = Queued(1, "k", 2, 3, "sms", MessageClass.REPLY, "Hi", "t", ((("Yes", 1),),), 0, 1)
    assert orjson.loads(message_to_seal(row)) == ["Hi", "t", [[["Yes", 1]]]]
    assert opened_message(b'["Hi","t",[[["Yes",1]]]]') == ("Hi", ((("Yes", "t.1"),),), None)
