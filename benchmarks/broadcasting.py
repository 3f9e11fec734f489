"""A broadcast to many people by Telegram, at its true pace, while others write to us: how long it takes, how soon they
are answered, and how long their webhooks wait.

`mime serve` has one core and runs as an installation has it; the stand-in for Telegram and the people have the other.
The stand-in holds every second to Telegram's limits: one message too many, and nothing is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvloop
from pydantic import SecretStr
from sqlalchemy import text

from benchmarks.checkin import FIRST_CHAT, texts, update
from benchmarks.connections import connections
from benchmarks.postgres import database, promises, server
from benchmarks.processes import CLIENT_CORE, SERVER_CORE, mime_serve, pin, standin, telegram_settings
from benchmarks.product import product, sqlite
from benchmarks.telling import Found, Wrong, latencies, tell
from domain.contact import URN
from domain.message import MessageClass, Received

#: Who writes during the broadcast, and how often somebody does, in seconds.
_WRITERS, _EVERY = 500, 0.5
_SECRET = telegram_settings("")["MIME_TELEGRAM_WEBHOOK_SECRET"]
_PATH = "/webhooks/telegram"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.broadcasting", description=__doc__)
    parser.add_argument("--people", type=int, default=3000, help="who get the broadcast (default: %(default)s)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--postgres", help="the address of a PostgreSQL server (default: one is found or started)")
    given = parser.parse_args()
    tell(lambda: _on(given))


def _on(given: argparse.Namespace) -> Found:
    pin(CLIENT_CORE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.database == "sqlite":
            return _measure(folder, sqlite(folder / "mime.db"), given.people)
        with server(given.postgres) as there, database(there) as url:
            return {**_measure(folder, url, given.people), **promises(url)}


def _measure(folder: Path, url: str, people: int) -> Found:
    secret = secrets.token_urlsafe(32)
    uvloop.run(_queue(url, secret, people))
    with standin("telegram", folder, "--pace-limit", core=CLIENT_CORE) as address:
        settings = {
            "MIME_SECRET_KEY": secret,
            "MIME_DATABASE_URL": url,
            "MIME_SEND_ON_BANK_HOLIDAYS": "true",
            **telegram_settings(address),
        }
        with mime_serve(folder, settings, core=SERVER_CORE) as served:
            posted = uvloop.run(_write(served.port, address, people))
            log = _log(address)
            if wrong := _ask(address, "violations"):
                raise Wrong(f"{len(wrong)} times: {wrong[0]}")
    return _found(log, posted, people)


async def _queue(url: str, secret: str, people: int) -> None:
    """A message waits for each of so many people: what they are answered, made a newsletter."""
    async with product(url, settings={"secret_key": SecretStr(secret)}) as app:
        urns = [URN("telegram", str(FIRST_CHAT + n)) for n in range(people)]
        await texts(app, [Received("telegram", f"b{n}", urn, "CHECKIN") for n, urn in enumerate(urns)])
        async with app.database.begin() as connection:
            await connection.execute(text(f"UPDATE outbox SET message_class = {MessageClass.NEWSLETTER:d}"))


async def _write(port: int, address: str, people: int) -> list[tuple[int, float, float]]:
    """Others write, one after another, until the broadcast is out: who, when, and how long the webhook took."""
    posted: list[tuple[int, float, float]] = []
    async with connections(port, 1) as (connection,), aiohttp.ClientSession() as session:
        began = time.perf_counter()
        while True:
            chat = FIRST_CHAT + people + len(posted) % _WRITERS
            at, before = time.time(), time.perf_counter()
            if (status := await connection.ask(_request(port, 1 + len(posted), chat))) != 200:
                raise Wrong(f"a webhook was answered {status}")
            posted.append((chat, at, time.perf_counter() - before))
            await asyncio.sleep(max(0.0, began + _EVERY * len(posted) - time.perf_counter()))
            async with session.get(f"{address}/_standin/log?since=1000000000") as answer:
                accepted = int((await answer.json())["accepted"])
            if accepted >= people + len(posted):  # half a second after the last of them wrote
                return posted


def _request(port: int, id: int, chat: int) -> bytes:
    body = update(id, chat, "help")
    head = (
        f"POST {_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"X-Telegram-Bot-Api-Secret-Token: {_SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _found(log: dict[str, Any], posted: list[tuple[int, float, float]], people: int) -> Found:
    messages = log["messages"]
    broadcast = [one["time"] for one in messages if one["chat_id"] < FIRST_CHAT + people]
    if len(broadcast) != people:
        raise Wrong(f"{len(broadcast)} of {people} got the broadcast")
    answered: dict[int, list[float]] = {}
    for one in messages:
        answered.setdefault(one["chat_id"], []).append(one["time"])
    waited = [answered[chat].pop(0) - at for chat, at, _ in posted]
    seconds = max(broadcast) - min(broadcast)
    ordered = sorted(waited)
    return {
        "people": people,
        "seconds": round(seconds, 1),
        "sends_s": round((people - 1) / seconds, 2),
        "seconds_for_10000": round(10_000 * seconds / (people - 1), 1),
        "replies": len(posted),
        "reply_p50_ms": round(ordered[len(ordered) // 2] * 1000, 1),
        "reply_p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1000, 1),
        "reply_longest_ms": round(ordered[-1] * 1000, 1),
        **{f"webhook_{name}": value for name, value in latencies([took for _, _, took in posted]).items()},
    }


def _log(address: str) -> dict[str, Any]:
    found: dict[str, Any] = _ask(address, "log?since=0")
    return found


def _ask(address: str, what: str) -> Any:
    with urllib.request.urlopen(f"{address}/_standin/{what}") as answer:
        return orjson.loads(answer.read())


if __name__ == "__main__":
    main()
