"""A drill: an alert about nobody, raised so that the team is called, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables as t
from store import team
from store.database import Database
from store.times import from_ms
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Drill:
    """`page` is the fire by which the team is first called."""

    alert_id: int
    page: int
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """A message that called somebody of the team. `sent_at` is None until the provider has taken it."""

    message_id: int
    name: str
    called_at: datetime
    sent_at: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a drill is. `number` is what the team calls it, 0 before the first call; `taken_by` the name of who took
    it, empty while nobody has. `pages` are the fires by which the team will be called next.
    """

    number: int
    calls: tuple[Call, ...]
    taken_by: str
    taken_at: datetime | None
    closed: bool
    pages: frozenset[int]


async def begin(connection: AsyncConnection, ids: Callable[[], int], now: datetime) -> Drill:
    """Raise it: the running program calls the rota within a second or two."""
    drill = Drill(ids(), ids(), now)
    await team.raise_drill(connection, drill.alert_id, now)
    await team.call(connection, drill.page, drill.alert_id, None, now)
    return drill


async def end(connection: AsyncConnection, drill: Drill, now: datetime) -> None:
    """Nobody is called for it any more."""
    if (found := await team.alert(connection, drill.alert_id)) is not None:
        await team.close(connection, found, now)


async def progress(database: Database, vault: Vault, drill: Drill, pages: Collection[int]) -> Progress:
    """`pages` are the fires seen so far: a fire is gone when it has rung, and its calls are found by its id."""
    a, f = t.alerts.c, t.fires.c
    async with database.read() as connection:
        row = (
            await connection.execute(select(a.number, a.taken_by, a.taken_at, a.done_at).where(a.id == drill.alert_id))
        ).one()
        waiting = (
            await connection.execute(select(f.id).where(f.kind == "page", f.session_id == drill.alert_id))
        ).scalars()
        return Progress(
            row.number or 0,
            tuple(await _calls(connection, vault, pages)),
            "" if row.taken_by is None else await _name(connection, vault, row.taken_by),
            None if row.taken_at is None else from_ms(row.taken_at),
            row.done_at is not None,
            frozenset(waiting),
        )


async def _calls(connection: AsyncConnection, vault: Vault, pages: Collection[int]) -> list[Call]:
    o = t.outbox.c
    rows = (
        await connection.execute(
            select(o.id, o.contact_id, o.created_at, o.sent_at, o.status)
            .where(or_(*(o.key.startswith(f"errand/{page}/") for page in pages)))
            .order_by(o.id)
        )
    ).all()
    return [
        Call(
            row.id,
            await _name(connection, vault, row.contact_id),
            from_ms(row.created_at),
            None if row.sent_at is None else from_ms(row.sent_at),
            row.status,
        )
        for row in rows
    ]


async def _name(connection: AsyncConnection, vault: Vault, contact_id: int) -> str:
    s = t.staff.c
    sealed = (await connection.execute(select(s.sealed).where(s.contact_id == contact_id))).scalar()
    return team.name_of(vault, contact_id, sealed)
