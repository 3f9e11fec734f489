"""Durable turns: check-ins from Telegram's raw updates into the store, and how fast they go.

Reading the update, the dispatcher with all that it does, and the commit are in it; the webhook's
HTTP and the sending are not.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from benchmarks import postgres
from benchmarks.checkin import FIRST_CHAT, check, turns, updates
from benchmarks.old_rows import fill
from benchmarks.product import product, sqlite
from benchmarks.telling import Found, Stopwatch, latencies, tell
from store import tables as t
from store.database import Database
from store.parts import following, make_ahead, parts, quarter

#: Members who come before the measured ones.
WARM = 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--postgres", help="the address of a PostgreSQL server (default: one is found or started)")
    parser.add_argument("--at-once", type=int, default=32, help="messages under way (default: %(default)s)")
    parser.add_argument("--members", type=int, default=600, help="who each type 11 messages (default: %(default)s)")
    parser.add_argument("--preload", type=int, default=0, help="old rows that a SQLite store has already")
    parser.add_argument("--preloaded", type=Path, help="keep the store with the old rows here, for the next time")
    parser.add_argument("--parts", type=int, default=0, help="parts that PostgreSQL's tables have at least, such as 24")
    parser.add_argument("--replica-of", help="the address of a store that others use as well; nothing is checked")
    parser.add_argument("--first", type=int, default=FIRST_CHAT, help="the first member's chat")
    given = parser.parse_args()
    tell(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> Found:
    with ExitStack() as stack:
        if given.replica_of:
            return uvloop.run(_turns(given, given.replica_of))
        if given.database == "postgresql":
            url = stack.enter_context(postgres.database(stack.enter_context(postgres.server(given.postgres))))
            return {**uvloop.run(_turns(given, url)), **postgres.promises(url)}
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "mime.db"
        if given.preload:
            _copy_old_rows(given.preloaded or file.with_name("old.db"), given.preload, file)
        return uvloop.run(_turns(given, sqlite(file)))


def _copy_old_rows(kept: Path, number: int, file: Path) -> None:
    if not kept.exists():
        fill(kept, number)
    shutil.copy(kept, file)


async def _turns(given: argparse.Namespace, url: str) -> Found:
    async with product(url) as app:
        made = await _parts(app.database, given.parts)
        # the first turns open connections and prepare statements: they are done, and not measured
        await turns(app, updates(WARM, first=given.first), given.at_once)
        steps = list(updates(given.members, first=given.first + WARM))
        if given.replica_of:
            print("ready", flush=True)
            sys.stdin.readline()  # nothing else may run before all are told to begin
        before = app.dispatcher.batches
        with Stopwatch() as watch:
            took = await turns(app, steps, given.at_once)
        batches = app.dispatcher.batches - before
        if not given.replica_of:
            await check(app.database, given.members + WARM, old_rows=given.preload)
    return {
        "turns": len(took),
        **watch.rate(len(took), "turns"),
        **latencies(took),
        "turns_a_commit": round(len(took) / batches, 1),
        "seconds": round(watch.wall, 3),
        "old_rows": given.preload,
        "parts": made,
    }


async def _parts(database: Database, number: int) -> int:
    """So many, or as many as there are; returns how many. They are empty ones of times to come, which cost as much."""
    at, found = datetime.now(UTC), 0
    while not database.is_sqlite:
        async with database.read() as connection:
            found = len(await parts(connection, t.outbox)) + 1  # with the rest
        if found >= number:
            break
        at = following(quarter(at))
        await make_ahead(database, at)
    return found


if __name__ == "__main__":
    main()
