"""The evaluation store's one table: records in, each once however often it comes, and out in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    event,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from evaluation.record import EvaluationRecord

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"})

records = Table(
    "records",
    metadata,
    Column("response", String(16), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("participant", String(16), nullable=False, index=True),
    Column("questionnaire", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("value", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("language", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("helper", String(16), nullable=False),
    Column("answered_at", DateTime(timezone=True), nullable=False, index=True),
)
_KEY = ("response", "question")


def _plain(url: str) -> AsyncEngine:
    return create_async_engine(url, pool_pre_ping=True)


class EvaluationStore:
    """SQLite in a file, or PostgreSQL: `make_postgres` is how its engine is made, for a process that must outlive a
    host of it.
    """

    def __init__(self, url: str, make_postgres: Callable[[str], AsyncEngine] = _plain) -> None:
        self._is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine: AsyncEngine = create_async_engine(url) if self._is_sqlite else make_postgres(url)
        if self._is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _sqlite_settings)
            event.listen(self.engine.sync_engine, "begin", _sqlite_begin)

    @property
    def name(self) -> str:
        """Where it is, without the password."""
        return self.engine.url.render_as_string(hide_password=True)

    async def put(self, batch: Sequence[EvaluationRecord]) -> None:
        """Store them, all or none. One that is there already with this revision or a later one stays."""
        if not batch:
            return
        insert = sqlite.insert(records) if self._is_sqlite else postgresql.insert(records)
        new: Any = insert.excluded
        statement = insert.on_conflict_do_update(
            index_elements=_KEY,
            set_={c.name: new[c.name] for c in records.columns if c.name not in _KEY},
            where=records.c.revision < new.revision,
        )
        async with self.engine.begin() as connection:
            await connection.execute(statement, [_row(record) for record in batch])

    async def forget(self, participants: Sequence[str]) -> int:
        """Delete every record of these pseudonyms; returns how many there were."""
        if not participants:
            return 0
        async with self.engine.begin() as connection:
            gone = await connection.execute(delete(records).where(records.c.participant.in_(participants)))
        if gone.rowcount and self._is_sqlite:  # out of the gaps that moved rows left in the file, and out of the log
            async with self.engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    await driver.execute_fetchall(statement)
        return gone.rowcount

    async def stream(self) -> AsyncIterator[EvaluationRecord]:
        """Every answer that stands, in the order of questionnaire, response and time."""
        statement = (
            select(records)
            .where(records.c.withdrawn.is_(False))
            .order_by(records.c.questionnaire, records.c.response, records.c.answered_at, records.c.question)
        )
        async with self.engine.connect() as connection, connection.stream(statement) as rows:
            async for row in rows.mappings():
                at = row["answered_at"]
                yield EvaluationRecord(**{**row, "answered_at": at if at.tzinfo else at.replace(tzinfo=UTC)})

    async def reachable(self) -> None:
        """Raises where it is away."""
        async with self.engine.connect() as connection:
            await connection.execute(select(records.c.response).limit(1))

    async def close(self) -> None:
        await self.engine.dispose()


def _sqlite_begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def _row(record: EvaluationRecord) -> dict[str, Any]:
    """SQLite keeps no zone with a time: all of them are in UTC."""
    return asdict(record) | {"answered_at": record.answered_at.astimezone(UTC)}


def _sqlite_settings(connection: Any, _: object) -> None:
    """We say BEGIN ourselves, so that a change of tables is whole or not at all as well."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
