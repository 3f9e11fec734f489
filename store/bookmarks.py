"""How far something outside has been read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, text

from store import tables as t
from store.database import Database
from store.times import from_ms, to_ms

#: Another replica may have read further.
_PUT = text(
    "INSERT INTO bookmarks (name, at) VALUES (:name, :at)"
    " ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE excluded.at > bookmarks.at"
)


async def read(database: Database, name: str) -> datetime | None:
    """Until when it was read; None where it never was."""
    async with database.read() as connection:
        at = (await connection.execute(select(t.bookmarks.c.at).where(t.bookmarks.c.name == name))).scalar()
    return None if at is None else from_ms(at)


async def put(database: Database, name: str, at: datetime) -> None:
    """It was read until then. A bookmark never goes back."""
    async with database.begin() as connection:
        await connection.execute(_PUT, {"name": name, "at": to_ms(at)})
