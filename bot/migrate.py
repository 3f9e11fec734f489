"""Bringing a store's tables up to date, with Alembic."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import AsyncEngine


def config(migrations: ModuleType, connection: Connection | None = None) -> Config:
    """Alembic's settings for one store's folder of migrations."""
    found = Config()
    found.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    found.attributes["connection"] = connection
    return found


async def migrate(engine: AsyncEngine, migrations: ModuleType) -> None:
    """Run the steps that the database has not seen. Safe to run when there is none. Raises FileNotFoundError where
    the folder of a SQLite file does not exist.
    """
    _has_folder(engine.url)
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: command.upgrade(config(migrations, c), "head"))


def _has_folder(url: URL) -> None:
    file = url.database if url.get_backend_name() == "sqlite" else None
    if file and not Path(file).absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {Path(file).parent}")
