"""Bringing both stores' tables up to date, and telling whether they are."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine


def config(migrations: ModuleType, connection: Connection | None = None) -> Config:
    """Alembic's settings for one store's folder of migrations."""
    found = Config()
    found.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    found.attributes["connection"] = connection
    return found


async def migrate(engine: AsyncEngine, migrations: ModuleType) -> None:
    """Run the steps that the database has not seen. Safe to run when there is none."""
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: command.upgrade(config(migrations, c), "head"))


async def version(engine: AsyncEngine) -> str | None:
    """The newest step that the database has seen; None where it is empty."""

    def seen(connection: Any) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)

    async with engine.connect() as connection:
        return await connection.run_sync(seen)
