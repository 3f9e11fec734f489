"""Which step of its migrations a store has seen. Alembic itself is loaded by `mime migrate` alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine


async def version(engine: AsyncEngine) -> str | None:
    """The newest step that the database has seen; None where it is empty. Raises where it is away."""

    def seen(connection: Any) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)

    async with engine.connect() as connection:
        return await connection.run_sync(seen)
