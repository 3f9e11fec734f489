"""What a command that needs the key starts with: the settings with it, and one act at the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.failing import explained, fail
from config.settings import Settings, read_settings
from store.database import Database
from store.vault import Vault

T = TypeVar("T")


def settings_with_key(without: str) -> Settings:
    """The settings, or the end of the command: `without` says what the missing key keeps it from doing."""
    with explained():
        settings = read_settings()
        if len(settings.secret_key.get_secret_value()) < 16:
            fail(f"MIME_SECRET_KEY is missing or shorter than 16 characters: without it {without}")
    return settings


def at_the_store(settings: Settings, act: Callable[[AsyncConnection, Vault], Awaitable[T]]) -> T:
    """Run `act` in one transaction of the operational store, and close the store after it."""

    async def run() -> T:
        database = Database(settings.database_url)
        try:
            async with database.begin() as connection:
                return await act(connection, Vault(settings.secret_key.get_secret_value()))
        finally:
            await database.close()

    return asyncio.run(run())
