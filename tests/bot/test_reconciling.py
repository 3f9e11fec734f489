"""An outage of ours loses no text: what no webhook brought is found in Twilio's log, handled once, and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from benchmarks.standins.twilio import NUMBER_OF_OURS, TwilioFaults
from bot.channels.base import SendError
from bot.channels.twilio import Twilio
from bot.dispatcher import StoreAway
from bot.reconciling import AGAIN, EVERY, FURTHEST, Reconciliation
from domain.message import Received
from flows.library import Library
from store.fires import KEEP_SEEN, forget_seen
from tests.bot.live import Live, live
from tests.conftest import Clock

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

ANN, ANNS_NUMBER = "tel:+447700900101", "+447700900101"


@pytest.fixture
async def world(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[Live]:
    async with live(store_urls, flows, clock) as world, running(world):
        yield world


@asynccontextmanager
async def running(world: Live) -> AsyncIterator[None]:
    """The dispatcher's loop, as in the program."""
    loop = asyncio.create_task(world.app.dispatcher.run())
    yield
    world.app.dispatcher.stop()
    await loop


def log_of(world: Live) -> Reconciliation:
    """As after a start of the program."""
    app = world.app
    channel = world.sender("sms").channel
    assert isinstance(channel, Twilio)
    return Reconciliation(channel, app.database, app.vault, app.dispatcher.submit)


async def by_webhook(world: Live, number: str, words: str) -> None:
    """A text that we took while we were up."""
    sid = world.twilio.say(number, words)
    await world.app.dispatcher.submit(world.received(f"tel:{number}", words, id=sid))


async def inbox(world: Live) -> list[tuple[str, str]]:
    """Who wrote what, in the order in which it was handled."""
    rows = await world.rows(
        "SELECT i.contact_id, i.sealed, u.sealed FROM inbox i JOIN urns u ON u.key = i.urn_key ORDER BY i.id"
    )
    open_ = world.app.vault.open
    return [(open_(urn, id).decode().removeprefix("tel:"), open_(words, id).decode()) for id, words, urn in rows]


async def test_a_first_start_handles_nothing_of_before(world: Live) -> None:
    world.twilio.say(ANNS_NUMBER, "CHECKIN")
    assert await log_of(world).tick(world.clock()) == 0
    assert await inbox(world) == []


async def test_88_missed_webhooks_are_handled_once_and_in_order(world: Live) -> None:
    log = log_of(world)
    await log.tick(world.clock())
    numbers = [f"+4477009002{n:02}" for n in range(22)]
    for number in numbers[:5]:
        await by_webhook(world, number, "CHECKIN")
    known = await inbox(world)
    said = []
    for words in ("CHECKIN", "yes", "5", "6"):
        for number in numbers:
            said.append((number, "again" if number in numbers[:5] and words == "CHECKIN" else words))
            world.clock.forward(timedelta(seconds=7))
            world.twilio.say(*said[-1])
    assert len(said) == 88
    world.clock.forward(EVERY)
    assert await log_of(world).tick(world.clock()) == 88
    assert await inbox(world) == known + said
    for _ in range(3):
        world.clock.forward(EVERY)
        assert await log_of(world).tick(world.clock()) == 0
    assert await inbox(world) == known + said
    await world.send("sms")
    assert world.twilio.violations == []
    answers = await world.rows("SELECT contact_id, question FROM answers")
    assert len(answers) == len(set(map(tuple, answers)))


async def test_more_than_one_page_and_our_own_texts_between(world: Live) -> None:
    since = world.clock()
    for n in range(30):
        world.twilio.say(f"+4477009003{n:02}", f"word {n}")
    await by_webhook(world, ANNS_NUMBER, "CHECKIN")
    await world.send("sms")
    channel = world.sender("sms").channel
    assert isinstance(channel, Twilio)
    found = await channel.received_since(since, page=7)
    assert [received.text for _, received in found] == [*(f"word {n}" for n in range(30)), "CHECKIN"]
    assert world.twilio.requests["list"] == 5
    assert world.twilio.violations == []


async def test_the_program_has_it_where_it_has_twilio(world: Live) -> None:
    log = world.app.reconciliation
    assert log is not None
    await log.tick(world.clock())
    world.twilio.say(ANNS_NUMBER, "CHECKIN")
    world.clock.forward(EVERY)
    assert await log.tick(world.clock()) == 1


async def test_it_is_read_at_the_start_and_then_every_hour(world: Live) -> None:
    log = log_of(world)
    for _ in range(3):
        await log.tick(world.clock())
    assert world.twilio.requests["list"] == 0
    world.twilio.say(ANNS_NUMBER, "CHECKIN")
    world.clock.forward(EVERY - timedelta(seconds=1))
    assert await log.tick(world.clock()) == 0
    world.clock.forward(timedelta(seconds=1))
    assert await log.tick(world.clock()) == 1


@pytest.mark.parametrize(
    "faults", [TwilioFaults(throttled=1), TwilioFaults(server_error=1), TwilioFaults(drop_after=1)], ids=str
)
async def test_a_log_that_cannot_be_read_is_read_later(world: Live, faults: TwilioFaults) -> None:
    log = log_of(world)
    await log.tick(world.clock())
    world.twilio.say(ANNS_NUMBER, "CHECKIN")
    world.clock.forward(EVERY)
    world.twilio.faults = TwilioFaults(
        throttled=faults.throttled,
        server_error=faults.server_error,
        drop_after=faults.drop_after,
        actions=frozenset({"list"}),
    )
    with pytest.raises(SendError):
        await log.tick(world.clock())
    world.twilio.faults = TwilioFaults()
    assert await log.tick(world.clock()) == 0  # not at once again
    world.clock.forward(AGAIN)
    assert await log.tick(world.clock()) == 1


async def test_where_the_store_goes_away_it_goes_on_from_there(world: Live) -> None:
    await log_of(world).tick(world.clock())
    for n in range(150):
        world.clock.forward(timedelta(seconds=1))
        world.twilio.say(ANNS_NUMBER, f"word {n}")
    app, taken = world.app, 0

    async def submit(received: Received) -> None:
        nonlocal taken
        if (taken := taken + 1) > 120:
            raise StoreAway
        await app.dispatcher.submit(received)

    channel = world.sender("sms").channel
    assert isinstance(channel, Twilio)
    submitting: Awaitable[int] = Reconciliation(channel, app.database, app.vault, submit).tick(world.clock())
    with pytest.raises(StoreAway):
        await submitting
    world.clock.forward(AGAIN)
    assert await log_of(world).tick(world.clock()) <= 50
    assert sorted(words for _, words in await inbox(world)) == sorted(f"word {n}" for n in range(150))


async def test_what_is_no_longer_known_is_not_handled_again(world: Live) -> None:
    """After an outage of days: what came by webhook before it has been forgotten by now."""
    await log_of(world).tick(world.clock())
    await by_webhook(world, ANNS_NUMBER, "CHECKIN")
    world.clock.forward(KEEP_SEEN + timedelta(minutes=1))
    world.twilio.say(ANNS_NUMBER, "STOP")
    await forget_seen(world.app.database, world.clock())
    assert await world.rows("SELECT key FROM seen") == []
    assert await log_of(world).tick(world.clock()) == 1
    assert [words for _, words in await inbox(world)] == ["CHECKIN", "STOP"]
    assert FURTHEST < KEEP_SEEN


async def test_an_old_stop_is_obeyed(world: Live) -> None:
    await by_webhook(world, ANNS_NUMBER, "CHECKIN")
    await log_of(world).tick(world.clock())
    world.twilio.say(ANNS_NUMBER, "STOP")
    world.clock.forward(timedelta(hours=50))
    assert await log_of(world).tick(world.clock()) == 1
    assert (await world.rows("SELECT stopped_at FROM contacts"))[0][0] is not None


async def test_what_twilio_says_to_itself_is_nobody_s_text(world: Live) -> None:
    await log_of(world).tick(world.clock())
    world.twilio.say(NUMBER_OF_OURS, "round in circles")
    world.twilio.say("60777", "a short code")
    assert await log_of(world).tick(world.clock()) == 0
