"""Saved segments: people described once, and meant again by a name."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import BroadcastRefused
from domain.segment import Segment
from flows.fold import fold
from store import tables as t
from store.times import to_ms

_LONGEST_NAME = 80


_SEGMENT = TypeAdapter(Segment)


async def save(connection: AsyncConnection, id: int, name: str, segment: Segment, now: datetime) -> None:
    """Keep a segment under that name; one of the same name is replaced. Raises BroadcastRefused for no name."""
    name = _name(name)
    if (there := await _segment_id(connection, name)) is not None:
        written = {"document": _SEGMENT.dump_json(segment).decode()}
        await connection.execute(update(t.segments).where(t.segments.c.id == there).values(written))
        return
    document = _SEGMENT.dump_json(segment).decode()
    await connection.execute(insert(t.segments).values(id=id, name=name, document=document, created_at=to_ms(now)))


async def saved(connection: AsyncConnection) -> dict[str, Segment]:
    """All that are kept, by their names."""
    s = t.segments.c
    rows = await connection.execute(select(s.name, s.document).order_by(s.name))
    return {name: _SEGMENT.validate_json(document) for name, document in rows}


async def _segment_id(connection: AsyncConnection, name: str) -> int | None:
    s = t.segments.c
    found: int | None = (await connection.execute(select(s.id).where(s.name == name))).scalar()
    return found


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not fold(name) or len(name) > _LONGEST_NAME:
        raise BroadcastRefused(f"the name must have a letter in it, and at most {_LONGEST_NAME}: give another")
    return name
