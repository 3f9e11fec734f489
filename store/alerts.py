"""What a coordinator must look at, and marking it done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from store import tables as t
from store.database import Database
from store.times import from_ms, to_ms
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Alert:
    """`addresses` are the contact's, opened: for the eyes of the team only."""

    id: int
    kind: str
    detail: str
    created_at: datetime
    addresses: tuple[str, ...]


async def open_alerts(database: Database, vault: Vault, limit: int = 200) -> list[Alert]:
    """The oldest first."""
    a = t.alerts.c
    async with database.read() as connection:
        rows = (
            await connection.execute(
                select(a.id, a.kind, a.detail, a.created_at, a.contact_id)
                .where(a.done_at.is_(None))
                .order_by(a.id)
                .limit(limit)
            )
        ).all()
        people = {row.contact_id for row in rows if row.contact_id is not None}
        urns = await connection.execute(
            select(t.urns.c.contact_id, t.urns.c.sealed).where(t.urns.c.contact_id.in_(people))
        )
        addresses: dict[int, list[str]] = {}
        for contact_id, sealed in urns:
            addresses.setdefault(contact_id, []).append(vault.open(sealed, contact_id).decode())
    return [
        Alert(row.id, row.kind, row.detail, from_ms(row.created_at), tuple(addresses.get(row.contact_id, ())))
        for row in rows
    ]


async def mark_done(database: Database, id: int, now: datetime) -> bool:
    """Whether there was such an open alert."""
    async with database.begin() as connection:
        done = await connection.execute(
            update(t.alerts).where(t.alerts.c.id == id, t.alerts.c.done_at.is_(None)).values(done_at=to_ms(now))
        )
        return done.rowcount > 0
