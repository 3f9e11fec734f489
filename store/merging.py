"""Two contacts that turn out to be one person: a phone and a Telegram account, an old number and a new one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables as t
from store.times import to_ms
from store.vault import Vault

#: Tables whose `sealed` is bound to the contact, with the columns that name a row.
_SEALED: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (t.urns, ("key",)),
    (t.sessions, ("id",)),
    (t.inbox, ("id",)),
    (t.outbox, ("id",)),
    (t.carers, ("id",)),
)
_PLAIN = (t.fires, t.consents, t.alerts)


async def merge(connection: AsyncConnection, vault: Vault, other: int, into: int, now: datetime) -> None:
    """All that is the `other` contact's becomes that of `into`, whose own answers and settings win; the other is gone.

    Their answers go to the evaluation store once more, under the one pseudonym.
    """
    if other == into:
        return
    for table, names in _SEALED:
        await _move_sealed(connection, vault, table, names, other, into)
    await _move_answers(connection, vault, other, into)
    await _move_profile(connection, vault, other, into)
    for table in _PLAIN:
        await connection.execute(update(table).where(table.c.contact_id == other).values(contact_id=into))
    k = t.carers.c
    await connection.execute(update(t.carers).where(k.carer_id == other).values(carer_id=into))
    await connection.execute(
        update(t.carers).where(k.contact_id == k.carer_id, k.ended_at.is_(None)).values(ended_at=to_ms(now))
    )
    for table in (t.codes, t.sharers, t.staff):
        await connection.execute(delete(table).where(table.c.contact_id == other))
    await connection.execute(update(t.urns).where(t.urns.c.voice_id == other).values(voice_id=None, voice_until=0))
    await _join_contacts(connection, other, into)


async def _move_sealed(
    connection: AsyncConnection, vault: Vault, table: Table, names: tuple[str, ...], other: int, into: int
) -> None:
    key = [table.c[name] for name in names]
    rows = (await connection.execute(select(table.c.sealed, *key).where(table.c.contact_id == other))).all()
    for sealed, *values in rows:
        which = [column == value for column, value in zip(key, values, strict=True)]
        resealed = vault.seal(vault.open(sealed, other), into)
        await connection.execute(update(table).where(*which).values(contact_id=into, sealed=resealed))


async def _move_answers(connection: AsyncConnection, vault: Vault, other: int, into: int) -> None:
    a = t.answers.c
    rows = (await connection.execute(select(a.id, a.sealed, a.revision).where(a.contact_id == other))).all()
    for id, sealed, revision in rows:
        await connection.execute(
            update(t.answers)
            .where(a.id == id)
            .values(
                contact_id=into,
                sealed=vault.seal(vault.open(sealed, other), into),
                revision=revision + 1,  # or the evaluation store would take it for what it has
                exported_at=None,
            )
        )


async def _move_profile(connection: AsyncConnection, vault: Vault, other: int, into: int) -> None:
    p = t.profile.c
    known = set((await connection.execute(select(p.field).where(p.contact_id == into))).scalars())
    rows = (await connection.execute(select(p.field, p.sealed).where(p.contact_id == other))).all()
    for field, sealed in rows:
        which = (p.contact_id == other) & (p.field == field)
        if field in known:
            await connection.execute(delete(t.profile).where(which))
        else:
            resealed = vault.seal(vault.open(sealed, other), into)
            await connection.execute(update(t.profile).where(which).values(contact_id=into, sealed=resealed))


async def _join_contacts(connection: AsyncConnection, other: int, into: int) -> None:
    """Consents and roles of both; a talk that only the other is in goes on."""
    c = t.contacts.c
    wanted = select(c.id, c.consents, c.roles, c.session_id, c.language, c.created_at)
    found = {row.id: row for row in await connection.execute(wanted.where(c.id.in_((other, into))))}
    if other not in found or into not in found:
        return
    gone, stays = found[other], found[into]
    await connection.execute(
        update(t.contacts)
        .where(c.id == into)
        .values(
            consents=" ".join(sorted({*stays.consents.split(), *gone.consents.split()})),
            roles=" ".join(sorted({*stays.roles.split(), *gone.roles.split()})),
            session_id=stays.session_id or gone.session_id,
            language=stays.language or gone.language,
            created_at=min(stays.created_at, gone.created_at),
        )
    )
    await connection.execute(delete(t.contacts).where(c.id == other))
