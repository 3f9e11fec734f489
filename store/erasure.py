"""Forgetting somebody: every row about them goes, and keyed hashes of their addresses stay, so that no list brings
them back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables as t
from store.database import Database
from store.times import to_ms
from store.vault import Vault

#: Tables whose rows of a contact go with them.
_THEIRS = (t.inbox, t.answers, t.sessions, t.outbox, t.fires, t.consents, t.alerts, t.profile, t.codes, t.staff)
#: An answer may be under way to the evaluation store while its person is erased: for so long it is deleted there again
#: at every push.
_LOOK_AGAIN = timedelta(hours=1)


async def close(connection: AsyncConnection, contact_id: int, now: datetime) -> None:
    """Nothing more is begun with somebody who is about to be forgotten, and nothing that waits is sent."""
    o = t.outbox.c
    await connection.execute(
        update(t.contacts)
        .where(t.contacts.c.id == contact_id)
        .values(stopped_at=to_ms(now), session_id=None, suspended_id=None, handover_id=None)
    )
    await connection.execute(
        update(t.outbox)
        .where(o.contact_id == contact_id, o.status.in_(("queued", "errored")))
        .values(status="cancelled")
    )


async def erase(
    connection: AsyncConnection, vault: Vault, ids: Callable[[], int], contact_id: int, reference: str, now: datetime
) -> None:
    """Delete all of it; what the evaluation store has of them follows with the next push (`to_forget`)."""
    await _give_up_addresses(connection, vault, contact_id, now)
    k = t.carers.c
    await connection.execute(delete(t.carers).where((k.contact_id == contact_id) | (k.carer_id == contact_id)))
    await connection.execute(
        update(t.alerts).where(t.alerts.c.taken_by == contact_id).values(taken_by=None, taken_at=None)
    )
    for table in _THEIRS:
        await connection.execute(delete(table).where(table.c.contact_id == contact_id))
    await connection.execute(delete(t.contacts).where(t.contacts.c.id == contact_id))
    await connection.execute(
        insert(t.erasures).values(
            id=ids(), reference=reference, participant=vault.participant(contact_id), at=to_ms(now)
        )
    )


async def _give_up_addresses(connection: AsyncConnection, vault: Vault, contact_id: int, now: datetime) -> None:
    """Their own addresses go, with a hash kept; a phone that others share becomes one of theirs."""
    u, s = t.urns.c, t.sharers.c
    await connection.execute(delete(t.sharers).where(s.contact_id == contact_id))
    await connection.execute(
        update(t.urns).where(u.voice_id == contact_id).values(voice_id=None, voice_until=0, held=None)
    )
    owned = (await connection.execute(select(u.key, u.sealed).where(u.contact_id == contact_id))).all()
    for key, sealed in owned:
        others = (await connection.execute(select(s.contact_id).where(s.urn_key == key))).scalars().all()
        if others:
            address = vault.open(sealed, contact_id)
            await connection.execute(
                update(t.urns)
                .where(u.key == key)
                .values(contact_id=others[0], sealed=vault.seal(address, others[0]), held=None)
            )
            continue
        await connection.execute(delete(t.urns).where(u.key == key))
        await connection.execute(delete(t.opt_outs).where(t.opt_outs.c.key == key))
        await connection.execute(insert(t.opt_outs).values(key=key, at=to_ms(now)))


async def to_forget(database: Database) -> list[str]:
    """The pseudonyms whose records the evaluation store must not have."""
    async with database.read() as connection:
        e = t.erasures.c
        rows = await connection.execute(select(e.participant).where(e.participant.is_not(None)))
        return [str(participant) for (participant,) in rows]


async def forgotten(database: Database, now: datetime) -> None:
    """They were deleted there. Pseudonyms whose time is over are blanked here: the reference says enough."""
    async with database.begin() as connection:
        e = t.erasures.c
        await connection.execute(
            update(t.erasures)
            .where(e.participant.is_not(None), e.at < to_ms(now - _LOOK_AGAIN))
            .values(participant=None)
        )


async def scrub(database: Database) -> None:
    """Take what was deleted out of the file itself, as far as the database is a file of ours."""
    await database.scrub()
