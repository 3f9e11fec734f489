"""How fast a channel sends by itself, against the provider's bare client library making the same sends.

No outbox and no pacing on either side: 1, 16 and 64 sends are under way at once. Both run in this process, in turns of
a few hundred sends each, so that the machine is in the same mood for both; the provider's stand-in has the other core.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop
from telegram import Bot, LinkPreviewOptions
from telegram.request import HTTPXRequest
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from benchmarks.checkin import FIRST_CHAT
from benchmarks.processes import CLIENT_CORE, SERVER_CORE, pin, standin
from benchmarks.signed_texts import MOST, number
from benchmarks.standins.telegram import TOKEN
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS
from benchmarks.telling import Found, Stopwatch, tell
from bot.channels.base import Channel
from bot.channels.telegram import Telegram
from bot.channels.twilio import Twilio
from domain.contact import URN
from domain.message import MessageClass, OutgoingMessage

AT_ONCE = (1, 16, 64)
_TURNS = 5
_WORDS = "How content are you with your life these days? Send a number from 0 (not at all) to 10 (completely)."
Send = Callable[[int], Awaitable[object]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clients", description=__doc__)
    parser.add_argument("provider", choices=("telegram", "twilio"))
    parser.add_argument("--messages", type=int, default=2000, help="of each side at each number at once")
    given = parser.parse_args()
    tell(lambda: _measure(given.provider, given.messages))


def _measure(provider: str, messages: int) -> Found:
    pin(SERVER_CORE)
    warnings.simplefilter("ignore", DeprecationWarning)  # twilio's client calls aiohttp in an old way
    with tempfile.TemporaryDirectory() as name, standin(provider, Path(name), core=CLIENT_CORE) as address:
        return uvloop.run(_compare(provider, address, messages))


async def _compare(provider: str, address: str, messages: int) -> Found:
    found: dict[str, float] = {}
    for at_once in AT_ONCE:
        ours, close_ours = _ours(provider, address)
        bare, close_bare = _bare(provider, address, at_once)
        pairs: list[tuple[Stopwatch, Stopwatch]] = []
        number_of_each = max(messages // _TURNS, at_once)
        for turn in range(_TURNS + 1):
            pair = (await _timed(ours, number_of_each, at_once), await _timed(bare, number_of_each, at_once))
            if turn > 0:  # the first opens the connections
                pairs.append(pair)
        await close_ours()
        await close_bare()
        for side, which in (("", 0), ("_bare", 1)):
            rates = [pair[which].rate(number_of_each, "sends") for pair in pairs]
            found[f"at_{at_once}{side}_s"] = statistics.median(one["sends_s"] for one in rates)
            found[f"at_{at_once}{side}_cpu_us"] = statistics.median(one["cpu_us"] for one in rates)
        found[f"at_{at_once}_ratio"] = round(statistics.median(bare.wall / ours.wall for ours, bare in pairs), 3)
        found[f"at_{at_once}_cpu_ratio"] = round(statistics.median(bare.cpu / ours.cpu for ours, bare in pairs), 3)
    return {"messages": messages, **found}


async def _timed(send: Send, messages: int, at_once: int) -> Stopwatch:
    left: Iterator[int] = iter(range(messages))

    async def work() -> None:
        for n in left:
            await send(n)

    with Stopwatch() as watch:
        await asyncio.gather(*(work() for _ in range(at_once)))
    return watch


def _ours(provider: str, address: str) -> tuple[Send, Callable[[], Awaitable[None]]]:
    channel: Channel = (
        Telegram(TOKEN, address)
        if provider == "telegram"
        else Twilio(ACCOUNT_SID, AUTH_TOKEN, address, from_=NUMBER_OF_OURS)
    )
    now = datetime.now(UTC)

    def send(n: int) -> Awaitable[object]:
        urn = URN("telegram", str(FIRST_CHAT + n)) if provider == "telegram" else URN("tel", number(n % MOST))
        return channel.send(
            OutgoingMessage(n, channel.name, n, urn, _WORDS, MessageClass.REPLY, 1, now + timedelta(hours=10)), now
        )

    return send, channel.close


def _bare(provider: str, address: str, at_once: int) -> tuple[Send, Callable[[], Awaitable[None]]]:
    if provider == "telegram":
        request = HTTPXRequest(connection_pool_size=at_once + 4)
        bot: Bot = Bot(TOKEN, base_url=f"{address}/bot", request=request)
        options = LinkPreviewOptions(is_disabled=True)
        return (
            lambda n: bot.send_message(chat_id=FIRST_CHAT + n, text=_WORDS, link_preview_options=options),
            request.shutdown,
        )
    http = AsyncTwilioHttpClient()
    client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
    client.api.base_url = address
    return (
        lambda n: client.messages.create_async(
            to=number(n % MOST), from_=NUMBER_OF_OURS, body=_WORDS, smart_encoded=False, validity_period=36_000
        ),
        http.close,
    )


if __name__ == "__main__":
    main()
