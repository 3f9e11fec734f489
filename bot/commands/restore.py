"""`mime restore`: an archive of `mime backup` back into empty stores."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

import store.migrations
from bot.app import utc_now
from bot.backup import BackupError
from bot.backup import restore as put_back
from bot.commands.backup import lines, stores_of
from bot.commands.failing import at_the_stores, fail
from bot.commands.opened import settings_with_key
from config.settings import Settings
from store.database import Database
from store.history import key_fits
from store.vault import Vault

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that mime backup made.")],
) -> None:
    """Put an archive back, into stores that are empty. Nothing that is there is overwritten."""
    settings = settings_with_key("what is restored cannot be read")
    try:
        with at_the_stores("the restore"):
            made = put_back(stores_of(settings), file, utc_now())
    except BackupError as error:
        fail(str(error))
    for line in lines(made):
        typer.echo(line)
    with at_the_stores("looking at what was restored"):
        fits = asyncio.run(_key_fits(settings))
    if not fits:
        fail("All is restored, but MIME_SECRET_KEY is not the key that it was written with: put the old one back.")
    typer.echo(f"Restored as it was on {made.made_at:%d %b %Y at %H:%M} UTC. What came after it is not there.")
    behind = made.stores["operational"].head != store.migrations.HEAD
    typer.echo(f"Next: {'mime migrate, then ' if behind else ''}mime check, then mime serve.")


async def _key_fits(settings: Settings) -> bool:
    database = Database(settings.database_url)
    try:
        return await key_fits(database, Vault(settings.secret_key.get_secret_value()))
    finally:
        await database.close()
