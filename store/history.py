"""What was said between one address and us, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import URN
from domain.message import Attachment
from store import tables as t
from store.database import Database
from store.times import from_ms
from store.turns import opened_message
from store.vault import Vault, WrongKey

Buttons = tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """`ours`: we said it. `status` is the outbox's, and empty for what they said. `buttons` are rows of
    (label, token). `attachment` is a file that went with it.
    """

    id: int
    ours: bool
    text: str
    at: datetime
    status: str = ""
    buttons: Buttons = ()
    attachment: Attachment | None = None


async def key_fits(database: Database, vault: Vault) -> bool:
    """Whether what is stored can be opened with this key; an empty store fits any."""
    async with database.read() as connection:
        row = (await connection.execute(select(t.urns.c.contact_id, t.urns.c.sealed).limit(1))).first()
    if row is None:
        return True
    try:
        vault.open(row.sealed, row.contact_id)
    except WrongKey:
        return False
    return True


async def history(database: Database, vault: Vault, urn: URN, limit: int = 200) -> list[Message]:
    """The newest `limit` messages of each side, the oldest first."""
    key = vault.find(str(urn))
    i, o = t.inbox.c, t.outbox.c
    async with database.read() as connection:
        contact_id = (
            await connection.execute(select(t.urns.c.contact_id).where(t.urns.c.key == key))
        ).scalar_one_or_none()
        if contact_id is None:
            return []
        # a shared phone, or a carer's, holds the words of several
        voices = {contact_id, *await _voices(connection, key, contact_id)}
        theirs = await connection.execute(
            select(i.id, i.contact_id, i.sealed, i.received_at)
            .where(i.contact_id.in_(voices), i.urn_key == key)
            .order_by(i.id.desc())
            .limit(limit)
        )
        messages = [Message(id, False, vault.open(s, owner).decode(), from_ms(at)) for id, owner, s, at in theirs]
        ours = await connection.execute(
            select(o.id, o.contact_id, o.sealed, o.created_at, o.status, o.edits)
            .where(o.contact_id.in_(voices), o.urn_key == key)
            .order_by(o.id.desc())
            .limit(limit)
        )
        edited: dict[int, Buttons] = {}
        for id, owner, sealed, at, status, edits in ours:  # the newest first
            text, buttons, attachment = opened_message(vault.open(sealed, owner))
            if edits is not None:
                edited.setdefault(edits, buttons)
            else:
                shown = edited.get(id, buttons)
                messages.append(Message(id, True, text, from_ms(at), status, shown, attachment))
    return sorted(messages, key=lambda message: message.id)


async def _voices(connection: AsyncConnection, urn_key: int, contact_id: int) -> list[int]:
    """Who else speaks from that phone: those who share it, and those for whom its owner cares or cared."""
    sharers = select(t.sharers.c.contact_id).where(t.sharers.c.urn_key == urn_key)
    charges = select(t.carers.c.contact_id).where(t.carers.c.carer_id == contact_id)
    return [id for (id,) in await connection.execute(sharers.union(charges))]
