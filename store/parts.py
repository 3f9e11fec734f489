"""The parts of the tables that grow, on PostgreSQL: one for each quarter of a year, made ahead and dropped whole.

A part holds a span of ids, which sort by time (docs/adr/0004). What no part is there for goes into the table's *rest*,
so that no row is ever refused. On SQLite a table is whole, and all of this is nothing (docs/adr/0023).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Table,
    and_,
    func,
    insert,
    not_,
    select,
    table,
    text,
    union_all,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ids import lowest
from domain.value import value
from store import tables as t
from store.database import Database

#: A part's months. Fewer make more parts, and the statements of the hot path that do not go by id look into each.
MONTHS = 3
#: The column by which each table is parted. An answer's part is that of its session, or one question of a session could
#: be answered in two parts.
PARTED: dict[Table, Column[int]] = {
    t.inbox: t.inbox.c.id,
    t.outbox: t.outbox.c.id,
    t.answers: t.answers.c.session_id,
}
#: Whoever changes a table's parts waits no longer for those who use it, and they no longer for it. It is tried again
#: in an hour, or in a day.
_PATIENCE = text("SET LOCAL lock_timeout = '2s'")
#: So many rows at most are carried over from a part that is dropped, while nobody else can use the table.
_FEW = 10_000
_SPAN = re.compile(r"FOR VALUES FROM \((?:MINVALUE|'(\d+)')\) TO \('(\d+)'\)")


@value
class Part:
    """Ids from `low` (empty: from the first) up to below `high`."""

    name: str
    low: int | None
    high: int

    def holds(self, key: ColumnElement[int]) -> ColumnElement[bool]:
        return key < self.high if self.low is None else and_(key >= self.low, key < self.high)


async def parts(connection: AsyncConnection, parent: Table) -> list[Part]:
    """The oldest first; without the rest."""
    rows = await connection.execute(
        text(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_class c"
            " JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = to_regclass(:parent)"
        ),
        {"parent": parent.name},
    )
    found = []
    for name, bounds in rows:
        if span := _SPAN.fullmatch(bounds or ""):  # it is empty where another replica drops the part just now
            low, high = span.groups()
            found.append(Part(name, None if low is None else int(low), int(high)))
    return sorted(found, key=lambda part: part.high)


async def make_ahead(database: Database, now: datetime) -> int:
    """See to it that there are parts for this quarter and the next; returns how many were made. Any replica may do it,
    also several at once: one makes a part, and the others find it. Rows that went into the rest meanwhile are
    taken over. Raises OperationalError where somebody holds the table for long.
    """
    made = 0
    if not database.is_sqlite:
        begins = quarter(now)
        ends = following(begins)
        for parent in PARTED:
            for span in ((begins, ends), (ends, following(ends))):
                made += await _make(database, parent, *span)
    return made


def quarter(at: datetime) -> datetime:
    """When the quarter began in which that moment is, in UTC."""
    at = at.astimezone(UTC)
    return datetime(at.year, (at.month - 1) // MONTHS * MONTHS + 1, 1, tzinfo=UTC)


def following(begins: datetime) -> datetime:
    """When the quarter after the one that begins then begins."""
    years, month = divmod(begins.month - 1 + MONTHS, 12)
    return begins.replace(year=begins.year + years, month=month + 1)


async def _make(database: Database, parent: Table, begins: datetime, ends: datetime) -> bool:
    part = Part(f"{parent.name}_{begins:%Y_%m}", lowest(begins), lowest(ends))
    async with database.read() as connection:
        if await _is_there(connection, parent, part):
            return False
    async with database.begin() as connection:
        await connection.execute(_PATIENCE)
        # one replica at a time; whoever reads or writes rows is not held up by this lock
        await connection.execute(text(f"LOCK TABLE ONLY {parent.name} IN SHARE UPDATE EXCLUSIVE MODE"))
        if await _is_there(connection, parent, part):
            return False
        rest, key = f"{parent.name}_rest", PARTED[parent].name
        for statement in (
            f"CREATE TABLE {part.name} (LIKE {parent.name} INCLUDING DEFAULTS)",
            f"LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE",
            f"WITH moved AS (DELETE FROM {rest} WHERE {key} >= {part.low} AND {key} < {part.high} RETURNING *)"
            f" INSERT INTO {part.name} SELECT * FROM moved",
            f"ALTER TABLE {parent.name} ATTACH PARTITION {part.name} FOR VALUES FROM ({part.low}) TO ({part.high})",
        ):
            await connection.execute(text(statement))
    return True


async def _is_there(connection: AsyncConnection, parent: Table, part: Part) -> bool:
    there = await parts(connection, parent)
    return any((one.low is None or one.low < part.high) and one.high > (part.low or 0) for one in there)


async def drop_past(database: Database, parent: Table, stays: Sequence[ColumnElement[bool]], before: datetime) -> int:
    """Drop the parts of which all ids were made before that moment, and with them all their rows but those for which
    one of `stays` is true (none may be unknown): these few go into the rest. Returns how many rows went.

    A part with many that stay is left as it is, and so is one that somebody holds for long.
    """
    if database.is_sqlite or parent not in PARTED:
        return 0
    async with database.read() as connection:
        past = [part for part in await parts(connection, parent) if part.high <= lowest(before)]
    rows = 0
    for part in past:
        staying = _staying(parent, part, stays)
        async with database.read() as connection:
            if await _are_many(connection, staying):
                continue
        try:
            rows += await _drop(database, parent, part, staying)
        except OperationalError:  # it is in use, by a long backup for one
            continue
    return rows


def _staying(parent: Table, part: Part, stays: Sequence[ColumnElement[bool]]) -> CompoundSelect[Any]:
    """Each for itself: PostgreSQL joins for "nothing later is there" only where no "or" is around it."""
    within = part.holds(PARTED[parent])
    each = [and_(within, why, *(not_(other) for other in stays[:n])) for n, why in enumerate(stays)]
    return union_all(*(select(*parent.columns).where(one) for one in each))


async def _are_many(connection: AsyncConnection, staying: CompoundSelect[Any]) -> bool:
    found = staying.limit(_FEW + 1).subquery()
    return int((await connection.execute(select(func.count()).select_from(found))).scalar_one()) > _FEW


async def _drop(database: Database, parent: Table, part: Part, staying: CompoundSelect[Any]) -> int:
    name, columns = parent.name, [column.name for column in parent.columns]
    async with database.begin() as connection:
        await connection.execute(_PATIENCE)
        await connection.execute(text(f"LOCK TABLE ONLY {name} IN ACCESS EXCLUSIVE MODE"))
        if part not in await parts(connection, parent):
            return 0  # another replica was first
        await connection.execute(text(f"LOCK TABLE {part.name} IN ACCESS EXCLUSIVE MODE"))
        if await _are_many(connection, staying):
            return 0
        held = (await connection.execute(text(f"SELECT count(*) FROM {part.name}"))).scalar_one()
        await connection.execute(text(f"CREATE TEMPORARY TABLE staying (LIKE {name}) ON COMMIT DROP"))
        carried = table("staying", *(Column(column) for column in columns))
        await connection.execute(insert(carried).from_select(columns, staying))
        kept = (await connection.execute(select(func.count()).select_from(carried))).scalar_one()
        if parent is t.outbox:
            await connection.execute(
                text(f"DELETE FROM outbox_keys USING {part.name} AS gone WHERE outbox_keys.key = gone.key")
            )
        await connection.execute(text(f"DROP TABLE {part.name}"))
        await connection.execute(insert(parent).from_select(columns, select(*carried.columns)))
        return int(held - kept)
