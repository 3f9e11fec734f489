"""Signed texts through the door of a running `mime serve`: how many, and how long each waits.

The server has one core, its client and the stand-in for Twilio have the other.

    throughput   32 connections, each posting as soon as it is answered
    stock        the same posts to a stock web application that stores nothing
    idle         100 posts a second, on a server with nothing else to do
    broadcast    the same, while the server sends a long queue of messages to the stand-in

The first three are on SQLite, the last on either database.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import urllib.request
from pathlib import Path

import orjson
import uvloop
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from benchmarks.checkin import SCRIPT, texts
from benchmarks.connections import as_fast_as_answered, at_a_rate
from benchmarks.postgres import database, promises, server
from benchmarks.processes import (
    CLIENT_CORE,
    SERVER_CORE,
    free_port,
    mime_serve,
    pin,
    standin,
    started,
    twilio_settings,
    wait_for,
)
from benchmarks.product import product, sqlite
from benchmarks.signed_texts import MOST, number, signed_texts
from benchmarks.stock_webhook import check_it_can_run
from benchmarks.telling import Found, Stopwatch, Wrong, latencies, tell
from domain.contact import URN
from domain.message import MessageClass, Received

_CONNECTIONS = 32
_PER_SECOND = 100
#: In segments a second, where it shall not hold the sender up.
_NO_PACE = {"MIME_SMS_SEGMENTS_PER_SECOND": "100000"}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.webhooks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("throughput", "stock", "idle", "broadcast"))
    parser.add_argument("--members", type=int, default=800, help="who each text 11 times, for the first two")
    parser.add_argument("--seconds", type=int, default=10, help="for the last two")
    parser.add_argument("--queued", type=int, default=30_000, help="messages of the broadcast")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="for the last")
    parser.add_argument("--postgres", help="the address of a PostgreSQL server (default: one is found or started)")
    given = parser.parse_args()
    tell(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> Found:
    pin(CLIENT_CORE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        match given.what:
            case "throughput":
                return _throughput(folder, given.members)
            case "stock":
                return _stock(folder, given.members)
            case "idle":
                return _held(folder, _sqlite(folder), given.seconds, secrets.token_urlsafe(32))
            case _ if given.database == "sqlite":
                return _broadcast(folder, _sqlite(folder), given.seconds, given.queued)
            case _:
                with server(given.postgres) as there, database(there) as url:
                    return {**_broadcast(folder, url, given.seconds, given.queued), **promises(url)}


def _sqlite(folder: Path) -> str:
    return sqlite(folder / "mime.db")


def _throughput(folder: Path, members: int) -> Found:
    with standin("twilio", folder, core=CLIENT_CORE) as address:
        settings = {"MIME_SECRET_KEY": secrets.token_urlsafe(32), **twilio_settings(address)}
        with mime_serve(folder, settings, core=SERVER_CORE) as served:
            found = _post(served.port, served.process, members)
        _check_stored(_sqlite(folder), members * len(SCRIPT))
    return found


def _stock(folder: Path, members: int) -> Found:
    check_it_can_run()
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.stock_webhook", "--port", str(port)]
    with started(command, folder, core=SERVER_CORE) as process:
        wait_for(port, "/readyz", process)
        return _post(port, process.pid, members)


def _post(port: int, process: int, members: int) -> Found:
    requests = list(signed_texts(port, members))
    before = _cpu(process)
    with Stopwatch() as watch:
        took = uvloop.run(as_fast_as_answered(port, requests, _CONNECTIONS))
    server = _cpu(process) - before
    return {
        "requests": len(took),
        "requests_s": round(len(took) / watch.wall, 1),
        **latencies(took),
        "server_cpu_us": round(server / len(took) * 1e6, 1),
        "client_cpu_us": round(watch.cpu / len(took) * 1e6, 1),
    }


def _cpu(process: int) -> float:
    """The seconds that a process has had on a core; 0 where that is not told."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _held(folder: Path, url: str, seconds: int, secret: str, *, stored_before: int = 0) -> Found:
    """The latencies at the held rate, and what the sender sent meanwhile."""
    with standin("twilio", folder, core=CLIENT_CORE) as address:
        settings = {
            "MIME_SECRET_KEY": secret,
            "MIME_DATABASE_URL": url,
            "MIME_SEND_ON_BANK_HOLIDAYS": "true",
            **twilio_settings(address),
            **_NO_PACE,
        }
        with mime_serve(folder, settings, core=SERVER_CORE) as served:
            members = -(-_PER_SECOND * seconds // len(SCRIPT))
            # counted from the end: the broadcast goes to others
            steps = signed_texts(served.port, members, first=MOST - members)
            requests = [request for step in steps for request in step]
            before = _accepted(address)
            with Stopwatch() as watch:
                took = uvloop.run(at_a_rate(served.port, requests, _PER_SECOND, 64))
            sent = _accepted(address) - before
        _check_stored(url, stored_before + len(requests))
    return {
        "requests": len(took),
        "requests_s": round(len(took) / watch.wall, 1),
        **latencies(took),
        "sent_meanwhile_s": round(sent / watch.wall, 1),
    }


def _broadcast(folder: Path, url: str, seconds: int, queued: int) -> Found:
    secret = secrets.token_urlsafe(32)
    uvloop.run(_queue(url, secret, queued))
    found = _held(folder, url, seconds, secret, stored_before=queued)
    left = _count(url, f"outbox WHERE message_class = {MessageClass.NEWSLETTER:d} AND sent_at IS NULL")
    if left == 0:
        raise Wrong("the broadcast was over before the posts were: queue more")
    return {**found, "left_of_broadcast": left}


async def _queue(url: str, secret: str, queued: int) -> None:
    """A message waits for each of so many people: what they are answered, made a newsletter."""
    async with product(url, settings={"secret_key": SecretStr(secret)}) as app:
        people = [URN("tel", number(n)) for n in range(queued)]
        await texts(app, [Received("sms", f"b{n}", urn, "CHECKIN") for n, urn in enumerate(people)])
        async with app.database.begin() as connection:
            await connection.execute(text(f"UPDATE outbox SET message_class = {MessageClass.NEWSLETTER:d}"))


def _accepted(address: str) -> int:
    # far beyond the last message: only the counts are wanted
    with urllib.request.urlopen(f"{address}/_standin/log?since=1000000000") as answer:
        return int(orjson.loads(answer.read())["accepted"])


def _check_stored(url: str, texts: int) -> None:
    """Raises Wrong unless each text is stored and answered, and none was too much for the program."""
    for what, expected in (("inbox", texts), ("seen", texts), ("outbox", texts), ("alerts", 0)):
        if (found := _count(url, what)) != expected:
            raise Wrong(f"{found} of {expected} rows in {what}")


def _count(url: str, what: str) -> int:
    engine = create_engine(url.replace("+aiosqlite", ""))
    try:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
