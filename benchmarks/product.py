"""The product built for a measurement: on a store of its own, with no account of anybody's."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import evaluation.migrations
import store.migrations
from bot import logs
from bot.app import App, build, settle_down
from bot.commands.chat import chat_settings
from bot.migrate import migrate


def sqlite(file: Path) -> str:
    """The address of a store in this file."""
    return f"sqlite+aiosqlite:///{file}"


@asynccontextmanager
async def product(
    url: str | None = None, *, settings: Mapping[str, object] | None = None, simulate: bool = True
) -> AsyncIterator[App]:
    """The whole program behind its doors, its dispatcher running and its senders at rest.

    `url` is that of the operational store; without it, a SQLite file in a folder that is gone
    afterwards. `settings` are values of `Settings`; `simulate` puts the phones into the simulator.
    """
    logs.set_up()
    with tempfile.TemporaryDirectory() as folder:
        given = chat_settings(Path(folder))
        given = given.model_copy(
            update={"database_url": url or given.database_url, "allow_test_numbers": True, **(settings or {})}
        )
        app = build(given, simulate=simulate)
        try:
            await migrate(app.database.engine, store.migrations)
            await migrate(app.evaluation.engine, evaluation.migrations)
            settle_down()
            running = asyncio.create_task(app.dispatcher.run())
            yield app
            app.dispatcher.stop()
            await running
        finally:
            await app.close()
