"""What people want more of, and where: counted for what to offer next. For the team only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables as t
from store.times import from_ms


@dataclass(frozen=True, slots=True)
class Demand:
    """So many people want that in that district (empty: we do not know theirs). `since` is when the first of them said
    so, `last` when the newest did.
    """

    kind: str
    district: str
    people: int
    since: datetime
    last: datetime


async def demands(connection: AsyncConnection) -> list[Demand]:
    """What is wanted, by kind and district; what most people want first, and of that what was wanted longest."""
    d = t.demands.c
    counted = func.count(d.contact_id.distinct())
    rows = await connection.execute(
        select(d.kind, d.district, counted, func.min(d.at), func.max(d.at))
        .group_by(d.kind, d.district)
        .order_by(counted.desc(), func.min(d.at), d.kind, d.district)
    )
    return [Demand(kind, where, count, from_ms(since), from_ms(last)) for kind, where, count, since, last in rows]
