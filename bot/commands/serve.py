"""`mime serve`: take messages in, send messages out, ring what is due, push answers. Until told to stop."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated, Literal

import typer
import uvloop
from sqlalchemy.exc import SQLAlchemyError

import evaluation.migrations
import store.migrations
from bot import logs
from bot.app import App, build
from bot.app import serve as run
from bot.commands.failing import explained, fail
from bot.commands.opened import settings_with_key
from bot.versions import version
from config.settings import Settings
from store.history import key_fits

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.")] = 8000,
    only: Annotated[
        Literal["web", "worker"] | None,
        typer.Option(help="Only take webhooks in, or only send and ring (with PostgreSQL)."),
    ] = None,
) -> None:
    """Run the bot: webhooks, sending, check-ins that are due, and the push of answers."""
    logs.set_up()
    settings = settings_with_key("nobody's words can be kept; set a long random one, and keep it safe")
    with explained():
        if only is not None and settings.database_url.startswith("sqlite"):
            fail("--only needs PostgreSQL (MIME_DATABASE_URL): with SQLite one process does it all")
        uvloop.run(_serve(settings, host, port, only))


async def _serve(settings: Settings, host: str, port: int, only: Literal["web", "worker"] | None) -> None:
    built = build(settings)
    try:
        await prepare(built)
        for line in channels_off(settings):
            typer.echo(line, err=True)
        await run(
            built,
            host=host,
            port=port,
            role=only or "all",
            on_ready=lambda: typer.echo(f"mime is ready at http://{host}:{port}", err=True),
        )
    except OSError as error:
        fail(f"port {port} at {host} cannot be opened: {error.strerror}; is another program using it?")
    finally:
        await built.close()


async def prepare(built: App) -> None:
    """On SQLite, bring the tables up to date; on PostgreSQL, where others may be running, only look."""
    stores = (
        (built.database.engine, store.migrations.HEAD, "MIME_DATABASE_URL"),
        (built.evaluation.engine, evaluation.migrations.HEAD, "MIME_EVALUATION_DATABASE_URL"),
    )
    behind = False
    for engine, head, setting in stores:
        try:
            seen = await version(engine)
        except (OSError, SQLAlchemyError) as error:
            fail(f"the store of {setting} cannot be reached ({type(error).__name__})")
        if seen != head and engine.dialect.name != "sqlite":
            fail(f"the store of {setting} is at step {seen} and not at {head}: run mime migrate")
        behind = behind or seen != head
    if behind:
        await _migrate(built.settings)
    if not await key_fits(built.database, built.vault):
        fail("MIME_SECRET_KEY is not the key that the store was written with: put the old one back")


async def _migrate(settings: Settings) -> None:
    """In a process of its own, so that this one need not carry what migrates."""
    addresses = {
        "MIME_DATABASE_URL": settings.database_url,
        "MIME_EVALUATION_DATABASE_URL": settings.evaluation_database_url,
    }
    migrating = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "migrate", env={**os.environ, **addresses}, stdout=asyncio.subprocess.DEVNULL
    )
    if await migrating.wait() != 0:
        fail("the stores could not be brought up to date; run mime migrate to see why")


def channels_off(settings: Settings) -> list[str]:
    lines = []
    if not settings.telegram_on:
        lines.append("Telegram is off: MIME_TELEGRAM_BOT_TOKEN is empty.")
    elif settings.telegram_mode == "webhook" and not settings.telegram_webhook_secret.get_secret_value():
        lines.append("Telegram's webhook is shut: MIME_TELEGRAM_WEBHOOK_SECRET is empty.")
    if not settings.twilio_on:
        lines.append("SMS is off: MIME_TWILIO_ACCOUNT_SID, _AUTH_TOKEN or _FROM (or _MESSAGING_SERVICE_SID) is empty.")
    elif not settings.public_base_url:
        lines.append("SMS webhooks will be refused: MIME_PUBLIC_BASE_URL is empty.")
    return lines
