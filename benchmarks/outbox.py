"""How fast queued messages go out, against the provider's bare client library making the same sends.

The sender claims rows, sends and notes what became of each; its own pacing is off. The bare library
only sends. Both have one core and 16 sends under way; the provider's stand-in has the other core.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import uvloop
from pydantic import SecretStr
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.request import HTTPXRequest
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from benchmarks.checkin import FIRST_CHAT, check_rows, texts
from benchmarks.processes import CLIENT_CORE, SERVER_CORE, pin, standin
from benchmarks.product import product
from benchmarks.signed_texts import number
from benchmarks.standins.telegram import TOKEN
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS
from benchmarks.telling import Found, Stopwatch, Wrong, tell
from bot.app import App
from domain.contact import URN
from domain.message import Received
from store.history import Message, history

_AT_ONCE = 16
_PATIENCE = 120.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outbox", description=__doc__)
    parser.add_argument("provider", choices=("telegram", "twilio"))
    parser.add_argument("--bare", action="store_true", help="the client library alone")
    parser.add_argument("--messages", type=int, default=2000)
    given = parser.parse_args()
    tell(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> Found:
    pin(SERVER_CORE)
    with tempfile.TemporaryDirectory() as name, standin(given.provider, Path(name), core=CLIENT_CORE) as address:
        return uvloop.run(_send(given.provider, address, given.messages, bare=given.bare))


async def _send(provider: str, address: str, messages: int, *, bare: bool) -> Found:
    people = list(_people(provider, messages))
    channel = "sms" if provider == "twilio" else provider
    async with product(settings=_settings(provider, address), simulate=False) as app:
        await texts(app, [Received(channel, str(n), urn, "CHECKIN") for n, urn in enumerate(people)])
        if bare:
            (message,) = [m for m in await history(app.database, app.vault, people[0]) if m.ours]
            with Stopwatch() as watch:
                await _bare(provider, address, people, message)
        else:
            with Stopwatch() as watch:
                await _product(app, messages)
            await check_rows(app.database, {"outbox WHERE status IN ('sent', 'delivered')": messages})
    return {"messages": messages, **watch.rate(messages, "sends")}


def _people(provider: str, messages: int) -> Iterator[URN]:
    for n in range(messages):
        yield URN("tel", number(n)) if provider == "twilio" else URN("telegram", str(FIRST_CHAT + n))


def _settings(provider: str, address: str) -> Mapping[str, object]:
    if provider == "telegram":
        return {
            "telegram_bot_token": SecretStr(TOKEN),
            "telegram_api_base": address,
            "telegram_messages_per_second": 1e6,
            "telegram_seconds_per_chat": 0.0,
        }
    return {
        "twilio_account_sid": ACCOUNT_SID,
        "twilio_auth_token": SecretStr(AUTH_TOKEN),
        "twilio_from": NUMBER_OF_OURS,
        "twilio_api_base": address,
        "sms_segments_per_second": 1e6,
    }


async def _product(app: App, messages: int) -> None:
    """The one sender runs until all is sent, and noted."""
    (sender,) = app.senders
    deadline = time.perf_counter() + _PATIENCE
    sending = asyncio.create_task(sender.run())
    while sender.counts.sent < messages:
        if time.perf_counter() > deadline or sending.done():
            raise Wrong(f"{sender.counts.sent} of {messages} messages were sent")
        await asyncio.sleep(0.005)
    sender.stop()
    await sending


async def _bare(provider: str, address: str, people: Sequence[URN], message: Message) -> None:
    if provider == "telegram":
        request = HTTPXRequest(connection_pool_size=_AT_ONCE + 4)
        bot: Bot = Bot(TOKEN, base_url=f"{address}/bot", request=request)
        await _all(people, lambda urn: _by_telegram(bot, urn, message))
        await request.shutdown()
    else:
        http = AsyncTwilioHttpClient()
        client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
        client.api.base_url = address
        await _all(people, lambda urn: _by_twilio(client, urn, message))
        await http.close()


async def _all(people: Sequence[URN], send: Callable[[URN], Awaitable[object]]) -> None:
    left = iter(people)

    async def work() -> None:
        for urn in left:
            await send(urn)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


async def _by_telegram(bot: Bot, urn: URN, message: Message) -> None:
    keyboard = [[InlineKeyboardButton(words, callback_data=token) for words, token in row] for row in message.buttons]
    await bot.send_message(
        chat_id=int(urn.path),
        text=message.text,
        reply_markup=InlineKeyboardMarkup(keyboard) if keyboard else None,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )


async def _by_twilio(client: Client, urn: URN, message: Message) -> None:
    await client.messages.create_async(
        to=urn.path, from_=NUMBER_OF_OURS, body=message.text, smart_encoded=False, validity_period=36_000
    )


if __name__ == "__main__":
    main()
