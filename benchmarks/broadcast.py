"""How long it takes to prepare a broadcast to many people in six languages, and how much memory: previewed, and queued.

The people are in the store before the clock starts; each has a district under seal that must be opened to be known,
and one in ten has hours that suit them. The ticker's own work is measured, with no senders beside it. It is done twice:
the first time loads what is loaded once.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime

import orjson
import uvloop

from benchmarks.checkin import check_rows
from benchmarks.postgres import database, promises, server
from benchmarks.product import product
from benchmarks.telling import Found, Stopwatch, Wrong, tell
from bot.app import App
from domain.broadcast import Broadcast, Wording
from domain.segment import Segment
from store import tables as t
from store.broadcasts import course, drafts, preparing
from store.bulk import insert
from store.times import to_ms

_LANGUAGES = ("en", "en-simple", "pl", "ro", "ur", "bn")
_DISTRICTS = ("tendring", "colchester", "chelmsford")
_TEXTS = {
    "en": "Come and have your say. We meet in Colchester on Tuesday at 2pm, and there is tea. Send EVENTS to book.",
    "en-simple": "We meet on Tuesday at 2pm. There is tea. Send EVENTS to book.",
    "pl": "Zapraszamy do rozmowy. Spotykamy się w Colchester we wtorek o 14. Będzie herbata. Wyślij EVENTS.",
    "ro": "Veniți să vă spuneți părerea. Ne întâlnim la Colchester marți la ora 14. Trimiteți EVENTS.",
    "ur": "آئیں اور اپنی رائے دیں۔ ہم منگل کو دوپہر دو بجے کولچسٹر میں ملتے ہیں۔ EVENTS بھیجیں۔",
    "bn": "আসুন, আপনার মত জানান। মঙ্গলবার বেলা দুটোয় কলচেস্টারে দেখা হবে। EVENTS লিখে পাঠান।",
}
_CHUNK = 2000
SETTINGS = {"sms_segments_per_second": 1e5, "telegram_messages_per_second": 1e5, "allow_draft_translations": True}

_PEOPLE = insert(t.contacts, ("id", "language", "consents", "hours", "created_at"))
_URNS = insert(t.urns, ("key", "contact_id", "scheme", "sealed", "created_at"))
_TOLD = insert(t.profile, ("contact_id", "field", "sealed", "source", "said_at"))


def main() -> None:
    measured("benchmarks.broadcast", __doc__, _measure)


_Measure = Callable[[str | None, int], Coroutine[None, None, Found]]


def measured(module: str, about: str | None, measure: _Measure) -> None:
    """The command line of a measurement of so many people, on a PostgreSQL database or (None) on SQLite."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--postgres", help="the address of a PostgreSQL server (default: one is found or started)")
    given = parser.parse_args()

    def found() -> Found:
        if given.database == "sqlite":
            return uvloop.run(measure(None, given.people))
        with server(given.postgres) as there, database(there) as url:
            return {**uvloop.run(measure(url, given.people)), **promises(url)}

    tell(found)


async def _measure(url: str | None, people: int) -> Found:
    async with product(url, settings=SETTINGS) as app:
        await fill(app, people)
        now = app.post.quiet.after(app.clock())
        texts = {tag: Wording(text, "a speaker") for tag, text in _TEXTS.items()}
        draft = Broadcast(id=0, number=0, name="Come", segment=Segment(districts=_DISTRICTS[:2]), texts=texts)
        before = highest_mb()
        for _ in range(2):
            async with app.database.begin() as connection:
                made = await drafts.add(connection, app.post, draft, None, now)
            found = await prepared(app, made.number, now)
        await check_rows(app.database, {"outbox": 2 * int(found["queued"]), "broadcasts WHERE prepared": 2})
        return {"people": people, **found, "grown_mb": round(highest_mb() - before, 1), "highest_mb": highest_mb()}


def highest_mb() -> float:
    """The most that this process ever had in memory."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


async def prepared(app: App, number: int, now: datetime) -> dict[str, float]:
    """Ordered and queued, and how long the loop stood still at most: a webhook that comes meanwhile waits so long."""
    stalls: list[float] = []
    beating = asyncio.create_task(_beat(stalls))
    with Stopwatch() as looking:
        ahead = await course.start(app.post, number, now)
    with Stopwatch() as queueing:
        queued = await preparing.tend(app.post, now)
    beating.cancel()
    if queued != ahead.people or not queued:
        raise Wrong(f"{queued} were queued, and {ahead.people} foreseen")
    async with app.database.read() as connection:
        found = await course.progress(connection, number)
    if found is None or found.kept.queued_segments != ahead.segments:
        raise Wrong("other segments were queued than foreseen")
    return {
        "queued": queued,
        "segments": ahead.segments,
        "preview_seconds": round(looking.wall, 2),
        "queue_seconds": round(queueing.wall, 2),
        "longest_stall_ms": round(max(stalls) * 1000, 1),
    }


async def _beat(stalls: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        stalls.append(time.perf_counter() - before)


async def fill(app: App, people: int) -> list[int]:
    """So many people are in the store; their ids."""
    chance, now_ms = random.Random(people), to_ms(app.clock())
    everybody: list[int] = []
    for first in range(0, people, _CHUNK):
        ids = [app.ids() for _ in range(min(_CHUNK, people - first))]
        async with app.database.hot() as tx:
            tx.write(_PEOPLE, list(_people(ids, chance, now_ms)))
            tx.write(_URNS, list(_urns(app, ids, first, now_ms)))
            tx.write(_TOLD, list(_told(app, ids, chance, now_ms)))
        everybody += ids
    return everybody


def _people(ids: list[int], chance: random.Random, now_ms: int) -> Iterator[tuple[object, ...]]:
    for id in ids:
        hours = "11:00-18:00 01234" if chance.random() < 0.1 else ""
        yield id, chance.choice(_LANGUAGES), "invitations newsletter", hours, now_ms


def _urns(app: App, ids: list[int], first: int, now_ms: int) -> Iterator[tuple[object, ...]]:
    for n, id in enumerate(ids, start=first):
        scheme, path = ("tel", f"+4477{n:08}") if n % 4 else ("telegram", str(5_000_000 + n))
        address = f"{scheme}:{path}"
        yield app.vault.find(address), id, scheme, app.vault.seal(address.encode(), id), now_ms


def _told(app: App, ids: list[int], chance: random.Random, now_ms: int) -> Iterator[tuple[object, ...]]:
    for id in ids:
        # nine in ten live where the invitation is for
        district = _DISTRICTS[2] if chance.random() < 0.1 else chance.choice(_DISTRICTS[:2])
        yield id, "district", app.vault.seal(orjson.dumps([district, district]), id), "self", now_ms


if __name__ == "__main__":
    main()
