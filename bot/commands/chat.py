"""`mime chat`: talk to the bot in the terminal. No account, no network, nothing kept."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import tempfile
from pathlib import Path
from typing import Annotated

import typer

import evaluation.migrations
import store.migrations
from bot.app import App, build
from bot.commands.failing import explained, fail
from bot.migrate import migrate
from config.settings import Settings, read_settings
from domain.contact import URN
from domain.message import Received
from store.history import history

app = typer.Typer(add_completion=False)

_URN = URN("tel", "+447700900000")


@app.command()
def chat(
    language: Annotated[str, typer.Option(help="The language to begin in, such as ur.")] = "en",
    flow: Annotated[str, typer.Option(help="The questionnaire to begin with.")] = "wellbeing",
) -> None:
    """Talk to the bot in this terminal, as by SMS. Each > line is a message; an empty line ends it."""
    with explained(), tempfile.TemporaryDirectory() as folder:
        asyncio.run(_chat(chat_settings(Path(folder)), language, flow))


def chat_settings(folder: Path) -> Settings:
    return read_settings(
        None,
        database_url=f"sqlite+aiosqlite:///{folder}/mime.db",
        evaluation_database_url=f"sqlite+aiosqlite:///{folder}/evaluation.db",
        secret_key=secrets.token_urlsafe(32),
        contact_phone="01632 960123",
        allow_draft_translations=True,
        allow_test_numbers=True,
        quiet_hours="",
    )


async def _chat(settings: Settings, language: str, flow: str) -> None:
    built = build(settings, simulate=True)
    try:
        if language not in built.library.languages:
            fail(f"there is no language {language!r}; there are {', '.join(built.library.languages)}")
        if flow not in built.library.flows:
            fail(f"there is no questionnaire {flow!r}; there are {', '.join(built.library.flows)}")
        await migrate(built.database.engine, store.migrations)
        await migrate(built.evaluation.engine, evaluation.migrations)
        await _talk(built, language, flow)
    finally:
        await built.close()


async def _talk(built: App, language: str, flow: str) -> None:
    starts = {id: word for word, id in built.library.starts.items()}
    opening = [] if language == "en" else [built.library.languages[language].name]
    opening.append(starts.get(flow, "CHECKIN"))
    shown = 0
    for n in itertools.count():
        if n < len(opening):
            text = opening[n]
        else:
            try:
                text = await asyncio.to_thread(input, "< ")
            except (EOFError, KeyboardInterrupt):
                return
            if not text:
                return
        await built.dispatcher.handle([Received("sms", f"chat/{n}", _URN, text)], built.clock())
        messages = [m for m in await history(built.database, built.vault, _URN) if m.ours]
        for message in messages[shown:]:
            typer.echo("\n".join(f"> {line}" for line in message.text.split("\n")))
        shown = len(messages)
