"""Posters: the word that people text, and the token of Telegram's link, both of one sheet of paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.code import CodeKind
from flows.fold import fold
from store import people
from store import tables as t
from store.times import from_ms
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Poster:
    """`source` is what is noted of whoever comes by it; `place` where it hangs, for the team. `until` is when it stops
    working (None: never). `by_text` and `by_link` count how often it was used.
    """

    word: str
    source: str
    place: str
    until: datetime | None
    by_text: int = 0
    by_link: int = 0


async def add(connection: AsyncConnection, vault: Vault, poster: Poster, token: str, now: datetime) -> bool:
    """From now on the word and the token bring people in. False where the word is in use, also on an old poster."""
    detail = {"source": poster.source, "place": poster.place, "word": poster.word}
    word = vault.code(fold(poster.word))
    for key, more in ((word, {"token": token}), (vault.code(token), {})):
        added = await people.put_code(
            connection,
            vault,
            key,
            CodeKind.POSTER,
            0,
            {**detail, **more},
            uses=None,
            expires_at=poster.until,
            now=now,
        )
        if not added:
            return False
    return True


async def posters(connection: AsyncConnection, vault: Vault) -> list[Poster]:
    """All of them, the oldest first, also those whose time is over."""
    c = t.codes.c
    rows = (
        await connection.execute(
            select(c.key, c.contact_id, c.sealed, c.used, c.expires_at)
            .where(c.kind == CodeKind.POSTER.value)
            .order_by(c.created_at, c.key)
        )
    ).all()
    used = {row.key: row.used for row in rows}
    found = []
    for row in rows:
        detail = orjson.loads(vault.open(row.sealed, row.contact_id))
        if "token" in detail:  # the word's row; the token's own has none
            until = None if row.expires_at is None else from_ms(row.expires_at)
            by_link = used.get(vault.code(detail["token"]), 0)
            found.append(Poster(detail["word"], detail["source"], detail["place"], until, row.used, by_link))
    return found


async def remove(connection: AsyncConnection, vault: Vault, word: str) -> bool:
    """Neither the word nor the link works any more. False where there is no such poster."""
    found = await people.code(connection, vault, vault.code(fold(word)))
    if found is None or found.kind is not CodeKind.POSTER or "token" not in found.detail:
        return False
    await people.drop_code(connection, found.key)
    await people.drop_code(connection, vault.code(found.detail["token"]))
    return True
