"""A store with a past: rows of messages that came long ago, for what they cost the messages of today."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from pathlib import Path

from sqlalchemy.ext.asyncio import create_async_engine

import store.migrations
from benchmarks.product import sqlite
from bot.migrate import migrate
from domain.ids import Ids

_CONTACTS = 10_000
_DAYS = 90


def fill(file: Path, number: int) -> None:
    """Makes a SQLite store with this many old rows in `seen` and in `inbox`.

    The keys in `seen` are random, as the hashes of providers' ids are, and go in in random order, so
    that the index is as full as one that grew. The ids in `inbox` are those of past moments.
    """
    asyncio.run(_tables(file))
    chance = random.Random(number)
    now = time.time()
    moments = sorted(now - chance.random() * _DAYS * 86_400 for _ in range(number))
    contacts = [chance.getrandbits(62) for _ in range(_CONTACTS)]
    at = iter(moments)
    ids = Ids(lambda: next(at), chance.getrandbits)
    database = sqlite3.connect(file, isolation_level=None)
    try:
        database.execute("PRAGMA cache_size=-1000000")
        database.execute("PRAGMA synchronous=OFF")
        database.execute("BEGIN")
        database.executemany(
            "INSERT OR IGNORE INTO seen (key, seen_at) VALUES (?, ?)",
            ((chance.getrandbits(63), int(moment * 1000)) for moment in moments),
        )
        database.executemany(
            "INSERT INTO inbox (id, contact_id, channel, sealed, received_at) VALUES (?, ?, 'telegram', ?, ?)",
            ((ids(), chance.choice(contacts), os.urandom(45), int(moment * 1000)) for moment in moments),
        )
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()


async def _tables(file: Path) -> None:
    engine = create_async_engine(sqlite(file))
    try:
        await migrate(engine, store.migrations)
    finally:
        await engine.dispose()
