"""`mime export`: push what the evaluation store lacks, and write what it has as files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.app import library, utc_now
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import settings_with_key
from config.settings import Settings
from evaluation.store import EvaluationStore
from scheduler.codebook import write_answers, write_codebook
from scheduler.export import push
from store.answers import export_all_again
from store.database import Database
from store.postgres import make_engine
from store.vault import Vault

app = typer.Typer(add_completion=False)


@app.command()
def export(
    csv: Annotated[Path | None, typer.Option(help="Write answers.csv and codebook.csv into this folder.")] = None,
    again: Annotated[bool, typer.Option(help="Push everything again, for an evaluation store that was lost.")] = False,
) -> None:
    """Push answers into the evaluation store now, and write them as files."""
    settings = settings_with_key("answers have no pseudonyms")
    with explained():
        flows = library(settings)
    with at_the_stores("the export"):
        pushed, written = asyncio.run(_export(settings, csv, again=again))
    typer.echo(f"{pushed} answers pushed.")
    if csv is not None:
        write_codebook(csv / "codebook.csv", flows.flows.values())
        typer.echo(f"{written} answers written to {csv / 'answers.csv'}, with {csv / 'codebook.csv'}.")


async def _export(settings: Settings, folder: Path | None, *, again: bool) -> tuple[int, int]:
    database, evaluation = (
        Database(settings.database_url),
        EvaluationStore(settings.evaluation_database_url, make_engine),
    )
    try:
        if again:
            await export_all_again(database)
        vault = Vault(settings.secret_key.get_secret_value())
        pushed = await push(database, evaluation, vault, utc_now())
        written = 0
        if folder is not None:
            try:
                await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            except OSError as error:
                fail(f"the folder {folder} cannot be made: {error.strerror}")
            written = await write_answers(folder / "answers.csv", evaluation.stream())
        return pushed, written
    finally:
        await database.close()
        await evaluation.close()
