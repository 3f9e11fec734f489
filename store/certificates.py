"""The links of certificates: who came to a training, by the name they want on paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.code import CodeKind
from domain.event import Event, EventKind
from store import people
from store import tables as t
from store.event_rows import COLUMNS, as_event
from store.times import to_ms
from store.vault import Vault

#: How long a link works: long enough to find somebody with a printer.
WORKS = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is to be certified of whom. `name` is empty where we know none; `language` is theirs."""

    event: Event
    name: str
    language: str | None


async def new_certificate(
    connection: AsyncConnection,
    vault: Vault,
    event_id: int,
    contact_id: int,
    token: str,
    now: datetime,
    name: str = "",
) -> datetime:
    """The link with that token is somebody's certificate, with that name or the one they gave us. Returns until when
    it works. It brings nothing as long as it is not noted that they came, or where the event is no training.
    """
    detail = {"event": str(event_id)} | ({"name": name} if name else {})
    key, until = vault.code(f"certificate/{token}"), now + WORKS
    await people.put_code(
        connection, vault, key, CodeKind.CERTIFICATE, contact_id, detail, uses=None, expires_at=until, now=now
    )
    return until


async def opened_certificate(
    connection: AsyncConnection, vault: Vault, token: str, now: datetime
) -> Certificate | None:
    """What the link with that token brings; None where it brings nothing."""
    code = await people.code(connection, vault, vault.code(f"certificate/{token}"))
    if code is None or code.kind is not CodeKind.CERTIFICATE or not code.works(to_ms(now)):
        return None
    e, b, c = t.events.c, t.bookings.c, t.contacts.c
    row = (
        await connection.execute(
            select(*(e[name] for name in COLUMNS), c.language)
            .join(t.bookings, b.event_id == e.id)
            .join(t.contacts, c.id == b.contact_id)
            .where(b.contact_id == code.contact_id, b.came.is_(True))
            .where(e.id == int(code.detail["event"]), e.kind == EventKind.TRAINING.value)
        )
    ).first()
    if row is None:
        return None
    name = code.detail.get("name") or await people.fact(connection, vault, code.contact_id, "nickname")
    return Certificate(as_event(row[:-1]), str(name or ""), row.language)
