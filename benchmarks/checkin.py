"""The check-in as it is measured: what each member types, and what must be stored when all have."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson
from sqlalchemy import text

from benchmarks.telling import Wrong
from bot.app import App
from bot.channels import telegram
from domain.message import Received
from store.database import Database

#: One member's messages. "lots" is no number from 0 to 10: the question is asked again.
SCRIPT = ("checkin", "yes", "7", "lots", "8", "5", "3", "6", "9", "skip", "no")

#: Rows of a member who has typed all of it: each message is answered by one, and the nine answers are
#: the six numbers, the comment not given, whether to ask again, and the score.
STORED: Mapping[str, int] = {
    "contacts": 1,
    "urns": 1,
    "sessions WHERE outcome = 'completed'": 1,
    "answers WHERE withdrawn IS FALSE": 9,
    "consents": 1,
    "inbox": len(SCRIPT),
    "seen": len(SCRIPT),
    "outbox": len(SCRIPT),
    "alerts": 0,
}

FIRST_CHAT = 100_000


def update(id: int, chat: int, words: str) -> bytes:
    """What Telegram's webhook brings: an Update of the Bot API, as raw JSON."""
    person = {"id": chat, "first_name": "Sim", "last_name": "Member", "username": f"sim{chat}"}
    message: dict[str, object] = {
        "message_id": id,
        "date": 1_760_000_000,
        "chat": {**person, "type": "private"},
        "from": {**person, "is_bot": False, "language_code": "en"},
        "text": words,
    }
    if words.startswith("/"):
        message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(words)}]
    return orjson.dumps({"update_id": id, "message": message})


def updates(members: int, *, first: int = FIRST_CHAT, script: Sequence[str] = SCRIPT) -> Iterator[list[bytes]]:
    """The members' messages step by step: all type the first one, then all the second ..."""
    for step, words in enumerate(script):
        base = (first * len(SCRIPT)) + step * members
        yield [update(base + n, first + n, words) for n in range(members)]


async def turns(app: App, steps: Iterable[Sequence[bytes]], at_once: int) -> list[float]:
    """Brings each step's updates in, always `at_once` of them under way; the seconds that each took
    from its raw bytes until what followed was durable.
    """
    submit = app.dispatcher.submit
    took: list[float] = []

    async def bring(raws: Iterator[bytes]) -> None:
        for raw in raws:
            began = time.perf_counter()
            for durable in [submit(fact) for fact in telegram.receive(orjson.loads(raw))]:
                await durable
            took.append(time.perf_counter() - began)

    for step in steps:
        raws = iter(step)
        await asyncio.gather(*(bring(raws) for _ in range(at_once)))
    return took


async def texts(app: App, facts: Sequence[Received]) -> None:
    """Brings these in as fast as batches take them."""
    for durable in [app.dispatcher.submit(fact) for fact in facts]:
        await durable


async def check(database: Database, members: int, *, old_rows: int = 0) -> None:
    """Raises Wrong unless every row of these members' check-ins is there, and no other."""
    await check_rows(
        database,
        {what: number * members + (old_rows if what in ("inbox", "seen") else 0) for what, number in STORED.items()},
    )


async def check_rows(database: Database, expected: Mapping[str, int]) -> None:
    """`expected` counts rows by table, or by table and condition. Raises Wrong."""
    faults = []
    async with database.read() as connection:
        for what, number in expected.items():
            found = (await connection.execute(text(f"SELECT count(*) FROM {what}"))).scalar_one()
            if found != number:
                faults.append(f"{found} of {number} rows in {what}")
    if faults:
        raise Wrong("; ".join(faults))
