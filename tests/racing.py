"""People who all ask for the last places of one event at once; as a process of its own: one of two replicas.

`python -m tests.racing DATABASE_URL FIRST PEOPLE` prepares so many people, says "ready", waits for a line, lets all
of them ask, and prints how long each waited for their answer to be stored (seconds), as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from collections.abc import Iterator, Sequence

import orjson

from bot.app import App, build, library
from domain.contact import URN
from domain.message import Received
from flows.library import Library
from tests.conftest import Clock, settings_for

#: From EVENTS to the question whose answer is the wish for a place.
UNTIL_THE_LAST = ("EVENTS", "1", "yes")
NO_NEEDS = "nothing special"
_FIRST_CHAT = 600_000


def racer(number: int) -> str:
    return f"telegram:{_FIRST_CHAT + number}"


async def prepare(app: App, racers: Sequence[int], count: Iterator[str]) -> None:
    """They have chosen the event, and are asked the last question before they have a place."""
    for words in UNTIL_THE_LAST:
        await asyncio.gather(*(app.dispatcher.submit(said(number, words, count)) for number in racers))


async def race(app: App, racers: Sequence[int], count: Iterator[str]) -> list[float]:
    """All ask at once, in this order; how long each waited (seconds) until what followed was stored."""

    async def ask(fact: Received) -> float:
        began = time.perf_counter()
        await app.dispatcher.submit(fact)
        return time.perf_counter() - began

    return await asyncio.gather(*(ask(said(number, NO_NEEDS, count)) for number in racers))


def said(number: int, words: str, count: Iterator[str]) -> Received:
    return Received("telegram", next(count), URN.parse(racer(number)), words)


def names(prefix: str) -> Iterator[str]:
    """What the provider calls the messages."""
    return (f"{prefix}-{n}" for n in itertools.count())


def percentile(waited: Sequence[float], share: float) -> float:
    """In milliseconds."""
    return sorted(waited)[min(len(waited) - 1, int(len(waited) * share))] * 1000


async def _replica(url: str, first: int, people: int, flows: Library) -> None:
    evaluation = "sqlite+aiosqlite://"  # nothing is pushed
    clock, dice = Clock(), random.Random(first)
    app = build(settings_for(url, evaluation), clock=clock, rng=dice, simulate=True, flows=flows)
    serving = asyncio.create_task(app.dispatcher.run())
    racers, count = range(first, first + people), names(f"replica-{first}")
    await prepare(app, racers, count)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(orjson.dumps(await race(app, racers, count)).decode(), flush=True)
    app.dispatcher.stop()
    await serving
    await app.close()


def main() -> None:
    url, first, people = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    flows = library(settings_for(url, url), drafts=True)
    asyncio.run(_replica(url, first, people, flows))


if __name__ == "__main__":
    main()
