"""Answers that the evaluation store does not have yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import func, select, update

from flows.conditions import Answer
from store import tables as t
from store.bulk import fetch
from store.bulk import update as bulk_update
from store.database import Database
from store.vault import Vault

_COLUMNS = (
    "id, session_id, contact_id, flow, version, question, revision, withdrawn, sealed, language, channel, helper,"
    " answered_at"
)
_TO_EXPORT = f"SELECT {_COLUMNS} FROM answers WHERE exported_at IS NULL ORDER BY id LIMIT {{value}}"
_MARK = bulk_update(t.answers, ("exported_at",), key="session_id", also_key=("question", "revision"))


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as the operational store has it; `answered_at` in ms."""

    id: int
    session_id: int
    contact_id: int
    flow: str
    version: int
    question: str
    revision: int
    withdrawn: bool
    value: Answer
    label: str
    language: str
    channel: str
    helper: str
    answered_at: int


async def to_export(database: Database, vault: Vault, limit: int) -> list[StoredAnswer]:
    async with database.hot() as tx:
        (rows,) = await tx.fetch(fetch(_TO_EXPORT, limit))
    return [_stored(vault, row) for row in rows]


async def mark_exported(database: Database, answers: Sequence[StoredAnswer], now_ms: int) -> None:
    """An answer that was changed since it was read keeps its place among those to export."""
    async with database.hot() as tx:
        tx.write(_MARK, [(now_ms, a.session_id, a.question, a.revision) for a in answers])


async def export_all_again(database: Database) -> None:
    """For an evaluation store that was lost or is older than this one."""
    async with database.begin() as connection:
        await connection.execute(update(t.answers).values(exported_at=None))


async def count_to_export(database: Database) -> int:
    async with database.read() as connection:
        counted = await connection.execute(
            select(func.count()).select_from(t.answers).where(t.answers.c.exported_at.is_(None))
        )
        return int(counted.scalar_one())


def _stored(vault: Vault, row: Sequence[Any]) -> StoredAnswer:
    (id, session_id, contact_id, flow, version, question, revision, withdrawn, sealed, *rest) = row
    value, label = orjson.loads(vault.open(sealed, contact_id))
    return StoredAnswer(
        id,
        session_id,
        contact_id,
        flow,
        version,
        question,
        revision,
        bool(withdrawn),
        tuple(value) if isinstance(value, list) else value,
        label,
        *rest,
    )
