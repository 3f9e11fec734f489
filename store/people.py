"""One person as the rest of the program asks about them: addresses, profile, answers, carers, codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.carer import Scope
from domain.code import CodeKind
from domain.contact import Role
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from store import tables as t
from store.circle import Address, Code, channel_of
from store.sessions import restored, stored
from store.team import drop_role
from store.times import from_ms, to_ms
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Summary:
    """What we keep about somebody, for them to read. `facts` are (field, value) of their profile."""

    language: str | None
    since: datetime
    consents: tuple[str, ...]
    facts: tuple[tuple[str, Answer], ...]
    answers: int
    messages: int


async def language_of(connection: AsyncConnection, contact_id: int) -> str | None:
    c = t.contacts.c
    found: str | None = (await connection.execute(select(c.language).where(c.id == contact_id))).scalar()
    return found


async def address_of(connection: AsyncConnection, contact_id: int) -> Address | None:
    """The newest address that takes messages; None where there is none, or they told us to stop."""
    u, c = t.urns.c, t.contacts.c
    row = (
        await connection.execute(
            select(u.key, u.scheme, c.language)
            .join(t.contacts, c.id == u.contact_id)
            .where(u.contact_id == contact_id, u.blocked_at.is_(None), c.stopped_at.is_(None))
            .order_by(u.created_at.desc())
            .limit(1)
        )
    ).first()
    return None if row is None else Address(contact_id, row.key, channel_of(row.scheme), row.language)


async def urn_of(connection: AsyncConnection, vault: Vault, contact_id: int, urn_key: int) -> str:
    """The address itself, for the eyes of the team; empty where it is gone."""
    u = t.urns.c
    row = (await connection.execute(select(u.contact_id, u.sealed).where(u.key == urn_key))).first()
    return "" if row is None else vault.open(row.sealed, row.contact_id).decode()


async def fact(connection: AsyncConnection, vault: Vault, contact_id: int, field: str) -> Answer | None:
    """What somebody said of themselves under that name."""
    p = t.profile.c
    sealed = (await connection.execute(select(p.sealed).where(p.contact_id == contact_id, p.field == field))).scalar()
    return None if sealed is None else _value(vault, contact_id, sealed)


def _value(vault: Vault, contact_id: int, sealed: bytes) -> Answer:
    value = orjson.loads(vault.open(sealed, contact_id))[0]
    return tuple(value) if isinstance(value, list) else value


async def summary(connection: AsyncConnection, vault: Vault, contact_id: int) -> Summary | None:
    c, p = t.contacts.c, t.profile.c
    row = (await connection.execute(select(c.language, c.created_at, c.consents).where(c.id == contact_id))).first()
    if row is None:
        return None
    facts = [
        (field, _value(vault, contact_id, sealed))
        for field, sealed in await connection.execute(
            select(p.field, p.sealed).where(p.contact_id == contact_id).order_by(p.said_at)
        )
    ]
    counts = []
    for table in (t.answers, t.inbox):
        counted = select(func.count()).select_from(table).where(table.c.contact_id == contact_id)
        if table is t.answers:
            counted = counted.where(t.answers.c.withdrawn.is_(False))
        counts.append(int((await connection.execute(counted)).scalar_one()))
    told = tuple((name, value) for name, value in facts if value != PREFER_NOT_TO_SAY)
    return Summary(row.language, from_ms(row.created_at), tuple(row.consents.split()), told, *counts)


async def words_since(
    connection: AsyncConnection, vault: Vault, contact_id: int, since: datetime, limit: int
) -> list[str]:
    """The last things that somebody wrote from that moment on, the oldest first."""
    i = t.inbox.c
    rows = await connection.execute(
        select(i.sealed)
        .where(i.contact_id == contact_id, i.received_at >= to_ms(since))
        .order_by(i.id.desc())
        .limit(limit)
    )
    return [vault.open(sealed, contact_id).decode() for (sealed,) in reversed(rows.all())]


async def code(connection: AsyncConnection, vault: Vault, key: int) -> Code | None:
    c = t.codes.c
    row = (
        await connection.execute(
            select(c.kind, c.contact_id, c.sealed, c.uses, c.used, c.expires_at).where(c.key == key)
        )
    ).first()
    if row is None:
        return None
    kind, contact_id, sealed, uses, used, expires_at = row
    return Code(key, CodeKind(kind), contact_id, orjson.loads(vault.open(sealed, contact_id)), uses, used, expires_at)


async def put_code(
    connection: AsyncConnection,
    vault: Vault,
    key: int,
    kind: CodeKind,
    contact_id: int,
    detail: Mapping[str, str],
    *,
    uses: int | None,
    expires_at: datetime | None,
    now: datetime,
) -> bool:
    """A new code; False where there is one with that key already."""
    c = t.codes.c
    if (await connection.execute(select(c.key).where(c.key == key))).first() is not None:
        return False
    await connection.execute(
        insert(t.codes).values(
            key=key,
            kind=kind.value,
            contact_id=contact_id,
            sealed=vault.seal(orjson.dumps(dict(detail)), contact_id),
            uses=uses,
            expires_at=None if expires_at is None else to_ms(expires_at),
            created_at=to_ms(now),
        )
    )
    return True


async def drop_code(connection: AsyncConnection, key: int) -> None:
    await connection.execute(delete(t.codes).where(t.codes.c.key == key))


async def link_carer(
    connection: AsyncConnection,
    vault: Vault,
    id: int,
    contact_id: int,
    carer_id: int,
    scope: Scope,
    nickname: str,
    now: datetime,
) -> None:
    """From now on they care for that person; another link between the two ends."""
    k = t.carers.c
    await connection.execute(
        update(t.carers)
        .where(k.contact_id == contact_id, k.carer_id == carer_id, k.ended_at.is_(None))
        .values(ended_at=to_ms(now))
    )
    await connection.execute(
        insert(t.carers).values(
            id=id,
            contact_id=contact_id,
            carer_id=carer_id,
            scope=scope.value,
            sealed=vault.seal(nickname.encode(), contact_id),
            since=to_ms(now),
        )
    )


async def ended_carers(connection: AsyncConnection, vault: Vault, contact_id: int) -> list[tuple[int, str]]:
    """Who cared for somebody until the last time it was ended: (contact, the name they knew the person by). Who cares
    for nobody else is no carer any more.
    """
    k = t.carers.c
    latest = (await connection.execute(select(func.max(k.ended_at)).where(k.contact_id == contact_id))).scalar()
    rows = (
        await connection.execute(select(k.carer_id, k.sealed).where(k.contact_id == contact_id, k.ended_at == latest))
    ).all()
    for carer_id, _ in rows:
        others = select(k.id).where(k.carer_id == carer_id, k.ended_at.is_(None)).limit(1)
        if (await connection.execute(others)).first() is None:
            await drop_role(connection, carer_id, Role.CARER)
    return [(carer_id, vault.open(sealed, contact_id).decode()) for carer_id, sealed in rows]


async def delete_last_answer(connection: AsyncConnection, vault: Vault, contact_id: int) -> bool:
    """Take back the newest answer, and the words that gave it; False where there is none. It is not asked again in
    the same run: they said they would rather not have said it.
    """
    a = t.answers.c
    row = (
        await connection.execute(
            select(a.id, a.session_id, a.question, a.revision, a.answered_at)
            .where(a.contact_id == contact_id, a.withdrawn.is_(False))
            .order_by(a.answered_at.desc(), a.id.desc())
            .limit(1)
        )
    ).first()
    if row is None:
        return False
    await connection.execute(
        update(t.answers)
        .where(a.id == row.id)
        .values(
            withdrawn=True,
            revision=row.revision + 1,
            sealed=vault.seal(orjson.dumps(["", ""]), contact_id),
            exported_at=None,
        )
    )
    await connection.execute(
        delete(t.inbox).where(t.inbox.c.contact_id == contact_id, t.inbox.c.received_at == row.answered_at)
    )
    await connection.execute(
        delete(t.profile).where(t.profile.c.contact_id == contact_id, t.profile.c.said_at == row.answered_at)
    )
    await _forget_in_session(connection, vault, contact_id, row.session_id, row.question)
    return True


async def _forget_in_session(
    connection: AsyncConnection, vault: Vault, contact_id: int, session_id: int, question: str
) -> None:
    s = t.sessions.c
    row: Any = (
        await connection.execute(
            select(s.flow, s.version, s.sprint, s.sealed).where(s.id == session_id).with_for_update()
        )
    ).first()
    if row is None:
        return
    session, asked = restored(row.flow, row.version, row.sprint, vault.open(row.sealed, contact_id))
    if question in session.answers:
        kept = {**session.answers, question: PREFER_NOT_TO_SAY}
        sealed = vault.seal(stored(replace(session, answers=kept), asked), contact_id)
        await connection.execute(update(t.sessions).where(s.id == session_id).values(sealed=sealed))
