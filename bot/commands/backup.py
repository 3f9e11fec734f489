"""`mime backup`: both stores in one archive, while the program runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from alembic.script import ScriptDirectory

import evaluation.migrations
import store.migrations
from bot.app import utc_now
from bot.backup import BackupError, Manifest, Store, back_up
from bot.commands.failing import at_the_stores, explained, fail
from bot.migrate import config
from config.settings import Settings, read_settings

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to make, such as mime-2026-11-23.zip.")],
) -> None:
    """Copy both stores into one archive, looked at closely. The program may run meanwhile."""
    with explained():
        settings = read_settings()
    try:
        with at_the_stores("the backup"):
            made = back_up(stores_of(settings), file, utc_now())
    except BackupError as error:
        fail(str(error))
    for line in lines(made):
        typer.echo(line)
    typer.echo(f"{file} is whole. It can be read only with MIME_SECRET_KEY, which is not in it: keep that elsewhere.")


def stores_of(settings: Settings) -> list[Store]:
    """The operational store first: see `bot.backup`."""
    return [
        Store(
            "operational",
            settings.database_url,
            "MIME_DATABASE_URL",
            frozenset(step.revision for step in ScriptDirectory.from_config(config(store.migrations)).walk_revisions()),
        ),
        Store(
            "evaluation",
            settings.evaluation_database_url,
            "MIME_EVALUATION_DATABASE_URL",
            frozenset(
                step.revision for step in ScriptDirectory.from_config(config(evaluation.migrations)).walk_revisions()
            ),
        ),
    ]


def lines(manifest: Manifest) -> list[str]:
    return [
        f"The {name} store ({one.kind}, step {one.head}): {one.total} rows in {len(one.rows)} tables."
        for name, one in manifest.stores.items()
    ]
