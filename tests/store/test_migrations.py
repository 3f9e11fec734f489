"""The migrations give exactly the tables that the code has, on both databases, and can be taken back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import evaluation.migrations
import evaluation.store
import store.migrations
import store.tables
from bot.migrate import config, migrate
from bot.versions import version


@dataclass(frozen=True)
class Store:
    """A store's steps, and the tables that they should come to."""

    migrations: ModuleType
    metadata: MetaData

    @property
    def head(self) -> str:
        return str(self.migrations.HEAD)


STORES = [Store(store.migrations, store.tables.metadata), Store(evaluation.migrations, evaluation.store.metadata)]


@pytest.fixture(params=STORES, ids=["operational", "evaluation"])
def given(request: pytest.FixtureRequest) -> Store:
    found: Store = request.param
    return found


@pytest.fixture
async def engines(empty_urls: tuple[str, str]) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """Two empty databases of a kind."""
    engines = create_async_engine(empty_urls[0]), create_async_engine(empty_urls[1])
    yield engines
    for engine in engines:
        await engine.dispose()


def test_the_newest_step_is_the_one_that_the_program_looks_for(given: Store) -> None:
    steps = ScriptDirectory.from_config(config(given.migrations))
    assert steps.get_heads() == [given.head]
    assert len(steps.get_bases()) == 1


async def test_the_steps_give_the_tables_of_the_code(engines: tuple[AsyncEngine, AsyncEngine], given: Store) -> None:
    stepped, made = engines
    assert await version(stepped) is None
    await migrate(stepped, given.migrations)
    assert await version(stepped) == given.head
    async with stepped.connect() as connection:
        assert await connection.run_sync(differences, given.metadata) == []
    async with made.begin() as connection:
        await connection.run_sync(given.metadata.create_all)
    assert await catalogue(stepped) == await catalogue(made)


async def test_the_steps_can_be_taken_back_and_made_again(
    engines: tuple[AsyncEngine, AsyncEngine], given: Store
) -> None:
    engine, _ = engines
    await migrate(engine, given.migrations)
    before = await catalogue(engine)
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: command.downgrade(config(given.migrations, c), "base"))
    assert await version(engine) is None
    async with engine.connect() as connection:
        assert await connection.run_sync(lambda c: inspect(c).get_table_names()) == ["alembic_version"]
    await migrate(engine, given.migrations)
    await migrate(engine, given.migrations)  # once more, there is nothing to do
    assert await catalogue(engine) == before


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    """As Alembic finds them; defaults are left to the catalogue, for it takes an empty one on SQLite for another."""
    beside = [*parts_of(connection), "outbox_keys"] if connection.dialect.name == "postgresql" else []
    on_sqlite = {"uq_outbox_key"}  # alone: PostgreSQL has the keys in a table of their own

    def ours(name: str | None, kind: str, parents: Any) -> bool:
        return not (kind == "table" and name in beside)

    def of_both(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        return not (beside and kind == "unique_constraint" and name in on_sqlite)

    opts = {"compare_type": True, "include_name": ours, "include_object": of_both}
    return list(compare_metadata(MigrationContext.configure(connection, opts=opts), metadata))


def parts_of(connection: Connection) -> list[str]:
    """The parts of tables: how many there are depends on the day."""
    return [name for (name,) in connection.execute(text("SELECT relname FROM pg_class WHERE relispartition"))]


async def catalogue(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    """What the database itself says of its tables, columns, keys and indexes, but for alembic's own."""
    queries = (
        ["SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"]
        if engine.dialect.name == "sqlite"
        else [
            "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace",
            "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
            "SELECT proname, 'function', prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
            "SELECT partrelid::regclass::text, 'parted', pg_get_partkeydef(partrelid) FROM pg_partitioned_table",
        ]
    )
    async with engine.connect() as connection:
        parts = [] if engine.dialect.name == "sqlite" else await connection.run_sync(parts_of)
        found = [tuple(row) for query in queries for row in await connection.execute(text(query))]
    found = [row for row in found if row[0] not in parts]
    plain = [tuple(" ".join(cell.split()) if isinstance(cell, str) else cell for cell in row) for row in found]
    return sorted((row for row in plain if not re.search("alembic", str(row))), key=str)
