"""`mime demo`: everything at once with embedded stores, sample people and the simulator; nothing leaves the machine."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from bot import logs
from bot.app import App, build, serve
from bot.commands.failing import explained, fail
from bot.commands.serve import prepare
from bot.news.sample import add_news
from bot.programme import add_offers, add_programme
from bot.samples import tell_samples
from bot.simulator.pages import routes
from config.settings import Settings, read_settings
from domain.code import new_code, shown
from domain.contact import Role
from store import roster
from store.turns import count_contacts

app = typer.Typer(add_completion=False)

#: From Ofcom's numbers for drama: nobody answers them.
_DRAMA_PHONE = "01632 960123"


@app.command()
def demo(
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path(".demo"),
) -> None:
    """Try it: a phone for SMS and one for Telegram in your browser, with sample people, answers and events."""
    logs.set_up()
    with explained():
        settings = demo_settings(folder, f"http://{host}:{port}")
        uvloop.run(_demo(settings, host, port))


def demo_settings(folder: Path, address: str = "") -> Settings:
    """Settings that need no account and no secret of yours; what is in the environment does not count. `address` is
    where links lead to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "secret-key"
    if not key.exists():
        key.write_text(secrets.token_urlsafe(32))
    return read_settings(
        None,
        database_url=f"sqlite+aiosqlite:///{folder}/mime.db",
        evaluation_database_url=f"sqlite+aiosqlite:///{folder}/evaluation.db",
        secret_key=key.read_text().strip(),
        contact_phone=_DRAMA_PHONE,
        allow_draft_translations=True,
        allow_test_numbers=True,
        public_base_url=address,
        quiet_hours="",
        export_every_seconds=5,
        telegram_bot_token="",
        twilio_account_sid="",
    )


async def _demo(settings: Settings, host: str, port: int) -> None:
    built = build(settings, simulate=True)
    try:
        await prepare(built)
        await add_programme(built)
        await add_offers(built)
        if await count_contacts(built.database) == 0:
            await tell_samples(built)
        await add_news(built)
        code = await _coordinator_code(built)
        built.routes += routes(built)
        await serve(built, host=host, port=port, on_ready=lambda: _welcome(built, host, port, code))
    except OSError as error:
        fail(f"port {port} at {host} cannot be opened: {error.strerror}; try --port with another number")
    finally:
        await built.close()


async def _coordinator_code(built: App) -> str:
    """Whoever sends it from one of the phones is a coordinator of the demo."""
    now = built.clock()
    async with built.database.begin() as connection:
        while True:  # until a code is drawn that nobody has: the first, but for one draw in a million
            code = new_code(secrets.randbelow)
            name, until = f"Demo {code[-4:]}", now + timedelta(days=2)
            if await roster.invite(connection, built.vault, code, name, Role.COORDINATOR, 1, None, until, now):
                return code


def _welcome(built: App, host: str, port: int, code: str) -> None:
    here = f"http://{host}:{port}"
    typer.echo("The demo is running. Nothing leaves this machine; translations are drafts.")
    typer.echo(f"  two phones to try:   {here}/simulator")
    typer.echo(
        f"  be a coordinator:    send {shown(code)} from one of them, then PROGRAMME, NEW EVENT or OPPORTUNITIES"
    )
    typer.echo(f"  a calendar's feed:     {here}/calendar/events.ics")
    typer.echo(f"  is all well:         {here}/readyz")
    typer.echo(f"  figures:             {here}/metrics")
    typer.echo(f"  the answers:         {built.evaluation.name}")
    typer.echo("Stop with Ctrl-C; it goes on where it was when started again.")
