"""Things due at a time, and the housekeeping of what has had its time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables as t
from store.changes import Due
from store.database import Database
from store.times import to_ms

#: The kind of fire that asks somebody something at once: `flow` begins for them, and is about `session_id`.
CARD = "card"
#: Providers deliver a message again within a day at most (Telegram keeps updates for 24 hours).
KEEP_SEEN = timedelta(days=3)


async def due(database: Database, now: datetime, limit: int = 500) -> list[Due]:
    """What is due, the oldest first. Nothing is claimed: the dispatcher takes each fire in the
    transaction that handles it, so two replicas may both bring it.
    """
    c = t.fires.c
    statement = (
        select(c.id, c.key, c.kind, c.contact_id, c.urn_key, c.channel, c.session_id, c.flow)
        .where(c.due_at <= to_ms(now))
        .order_by(c.due_at)
        .limit(limit)
    )
    async with database.read() as connection:
        return [Due(*row) for row in await connection.execute(statement)]


async def take_out(connection: AsyncConnection, id: int) -> bool:
    """Whether it was there still: whoever takes it out does what it asks for."""
    gone = await connection.execute(delete(t.fires).where(t.fires.c.id == id))
    return gone.rowcount > 0


async def put(connection: AsyncConnection, due: Due, at: datetime) -> None:
    await connection.execute(
        insert(t.fires).values(
            id=due.id,
            key=due.key,
            kind=due.kind,
            contact_id=due.contact_id,
            urn_key=due.urn_key,
            channel=due.channel,
            session_id=due.session_id,
            flow=due.flow,
            due_at=to_ms(at),
        )
    )


async def put_unless_there(connection: AsyncConnection, due: Due, at: datetime) -> bool:
    """Put it, unless one with its key waits already: then False. Of replicas that try at once, one puts it."""
    if (await connection.execute(select(t.fires.c.id).where(t.fires.c.key == due.key))).first() is not None:
        return False
    try:
        async with connection.begin_nested():
            await put(connection, due, at)
    except IntegrityError:
        return False
    return True


async def put_off(connection: AsyncConnection, id: int, until: datetime) -> None:
    await connection.execute(update(t.fires).where(t.fires.c.id == id).values(due_at=to_ms(until)))


async def unseen(database: Database, keys: Sequence[int]) -> set[int]:
    """Those of the keyed hashes (of channel and message id) that nothing was noted for."""
    found: set[int] = set()
    async with database.read() as connection:
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            found.update((await connection.execute(select(t.seen.c.key).where(t.seen.c.key.in_(some)))).scalars())
    return set(keys) - found


async def forget_seen(database: Database, now: datetime) -> None:
    """Forget the message ids that no provider brings again."""
    async with database.begin() as connection:
        await connection.execute(delete(t.seen).where(t.seen.c.seen_at < to_ms(now - KEEP_SEEN)))
        await connection.execute(delete(t.early_receipts).where(t.early_receipts.c.at < to_ms(now - KEEP_SEEN)))
