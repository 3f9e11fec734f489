"""A program whose providers are the stand-ins on loopback, with its senders in the test's hand."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import evaluation.migrations
import store.migrations
from benchmarks.standins.serving import loopback
from benchmarks.standins.telegram import TelegramStandin
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS, TwilioStandin
from bot.app import App, build
from bot.migrate import migrate
from bot.sender import Sender
from config.settings import Settings
from flows.library import Library
from tests.conftest import Clock, World, settings_for

SECRET = "a-secret-token"


@dataclass(kw_only=True)
class Live(World):
    """Nothing is sent until the test says so."""

    telegram: TelegramStandin
    twilio: TwilioStandin

    def sender(self, channel: str) -> Sender:
        (found,) = [sender for sender in self.app.senders if sender.channel.name == channel]
        return found

    async def send(self, channel: str = "telegram") -> None:
        """Send what may go now."""
        await self.sender(channel).drain()

    async def outbox(self, columns: str = "status") -> list[Any]:
        """These columns of every message, in order; of one column, its values."""
        rows = await self.rows(f"SELECT {columns} FROM outbox ORDER BY id")
        return [tuple(row) if len(row) > 1 else row[0] for row in rows]

    async def alerts(self) -> list[tuple[str, str]]:
        return [tuple(row) for row in await self.rows("SELECT kind, detail FROM alerts ORDER BY id")]


@asynccontextmanager
async def live(urls: tuple[str, str], flows: Library, clock: Clock, **given: Any) -> AsyncIterator[Live]:
    """Paced so that no test waits, unless `given` says otherwise; by the test's own clock."""

    def seconds() -> float:
        return clock().timestamp()

    telegram = TelegramStandin(clock=seconds)
    twilio = TwilioStandin(random=random.Random(1), clock=seconds)
    async with loopback(telegram) as telegram_url, loopback(twilio) as twilio_url:
        settings = {
            "telegram_bot_token": telegram.token,
            "telegram_webhook_secret": SECRET,
            "telegram_api_base": telegram_url,
            "telegram_messages_per_second": 1000,
            "telegram_seconds_per_chat": 0,
            "twilio_account_sid": ACCOUNT_SID,
            "twilio_auth_token": AUTH_TOKEN,
            "twilio_from": NUMBER_OF_OURS,
            "twilio_api_base": twilio_url,
            "sms_segments_per_second": 1000,
            **given,
        }
        app = app_on(settings_for(*urls, **settings), flows, clock)
        try:
            await migrate(app.database.engine, store.migrations)
            await migrate(app.evaluation.engine, evaluation.migrations)
            yield Live(app, clock, telegram=telegram, twilio=twilio)
        finally:
            await app.close()


def app_on(settings: Settings, flows: Library, clock: Clock, *, seed: int = 7) -> App:
    """The program with these settings; two on one store need two seeds, or their ids would meet."""
    return build(settings, clock=clock, rng=random.Random(seed), flows=flows)
