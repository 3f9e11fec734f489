"""What a conversation that waits for its person costs in memory: many of them open in one process."""

from __future__ import annotations

import argparse
import gc
import resource
import sys
from pathlib import Path

import uvloop

from benchmarks.checkin import FIRST_CHAT, SCRIPT, check_rows, turns, updates
from benchmarks.product import product
from benchmarks.telling import Found, NotMeasured, tell
from bot.app import App

#: Each member begins, agrees, and answers one question; then the next one waits for them.
_OPENING = SCRIPT[:3]
_WARM = 500
_AT_ONCE = 128


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--conversations", type=int, default=100_000)
    given = parser.parse_args()
    tell(lambda: uvloop.run(_measure(given.conversations)))


async def _measure(conversations: int) -> Found:
    if sys.platform != "linux":
        raise NotMeasured("memory is read from Linux's /proc")
    async with product() as app:
        # the first ones load what every process has once, however many conversations there are
        await _open(app, 0, _WARM)
        before = _resident()
        half = _WARM + conversations // 2
        await _open(app, _WARM, half)
        halfway = _resident()
        await _open(app, half, _WARM + conversations)
        after = _resident()
        await check_rows(app.database, {"sessions WHERE outcome = ''": conversations + _WARM, "alerts": 0})
    return {
        "conversations": conversations,
        "bytes_each": round((after - before) / conversations, 1),
        # the database's page cache has a bound: what fills it is in the first half alone
        "bytes_each_of_second_half": round((after - halfway) / (_WARM + conversations - half), 1),
        "resident_mb": round(after / 2**20, 1),
    }


async def _open(app: App, first: int, end: int) -> None:
    """Conversations with the members from `first` to before `end`, a few at a time: their updates take memory too."""
    for chunk in range(first, end, _WARM):
        members = min(_WARM, end - chunk)
        await turns(app, updates(members, first=FIRST_CHAT + chunk, script=_OPENING), _AT_ONCE)


def _resident() -> int:
    """Bytes of this process in memory, after what is garbage has gone."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
