"""Several worker processes on one PostgreSQL database, each with members of its own: turns by all together."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time

import store.migrations
from benchmarks import postgres
from benchmarks.checkin import FIRST_CHAT, check
from benchmarks.telling import Found, Wrong, tell
from benchmarks.turns import WARM
from bot.migrate import migrate
from store.database import Database


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replicas", description=__doc__)
    parser.add_argument("--postgres", help="the address of a PostgreSQL server (default: one is found or started)")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=32, help="messages under way in each (default: %(default)s)")
    parser.add_argument("--members", type=int, default=400, help="of each (default: %(default)s)")
    given = parser.parse_args()
    tell(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> Found:
    with postgres.server(given.postgres) as server, postgres.database(server) as url:
        asyncio.run(_migrate(url))
        replicas = [_start(url, given, number) for number in range(given.replicas)]
        for replica in replicas:
            _line(replica, "ready")
        began = time.perf_counter()
        for replica in replicas:
            assert replica.stdin is not None
            replica.stdin.write("go\n")
            replica.stdin.flush()
        found = [json.loads(_line(replica, "{")) for replica in replicas]
        seconds = time.perf_counter() - began
        for replica in replicas:
            replica.wait()
        asyncio.run(_check(url, (given.members + WARM) * given.replicas))
        turns = sum(one["turns"] for one in found)
        # each one's own clock stops at its last commit; its line is written a little later
        seconds = min(seconds, max(one["seconds"] for one in found))
        return {
            "turns": turns,
            "turns_s": round(turns / seconds, 1),
            "cpu_us": round(sum(one["cpu_us"] for one in found) / len(found), 1),
            "p99_ms": max(one["p99_ms"] for one in found),
            "each": [one["turns_s"] for one in found],
            **postgres.promises(url),
        }


def _start(url: str, given: argparse.Namespace, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.turns", "--replica-of", url]
    command += ["--at-once", str(given.at_once), "--members", str(given.members)]
    command += ["--first", str(FIRST_CHAT + number * (given.members + WARM))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _line(replica: subprocess.Popen[str], beginning: str) -> str:
    assert replica.stdout is not None
    for line in replica.stdout:
        if line.startswith(beginning):
            return line
    raise Wrong(f"a replica ended with {replica.wait()} before its work was done")


async def _migrate(url: str) -> None:
    database = Database(url)
    try:
        await migrate(database.engine, store.migrations)
    finally:
        await database.close()


async def _check(url: str, members: int) -> None:
    database = Database(url)
    try:
        await check(database, members)
    finally:
        await database.close()


if __name__ == "__main__":
    main()
