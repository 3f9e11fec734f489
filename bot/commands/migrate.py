"""`mime migrate`: bring both stores' tables up to date."""

from __future__ import annotations

import asyncio

import typer
from sqlalchemy.exc import SQLAlchemyError

import evaluation.migrations
import store.migrations
from bot.commands.failing import explained, fail
from bot.migrate import migrate as run_steps
from config.settings import Settings, read_settings
from evaluation.store import EvaluationStore
from store.database import Database
from store.postgres import make_engine

app = typer.Typer(add_completion=False)


@app.command()
def migrate() -> None:
    """Bring both stores' tables up to date."""
    with explained():
        settings = read_settings()
    try:
        asyncio.run(migrate_both(settings))
    except FileNotFoundError as error:
        fail(f"{error}: make it, or change MIME_DATABASE_URL or MIME_EVALUATION_DATABASE_URL")
    except (SQLAlchemyError, OSError) as error:
        fail(f"a store cannot be reached or changed: {type(error).__name__}; see MIME_DATABASE_URL")
    typer.echo("Both stores are up to date.")


async def migrate_both(settings: Settings) -> None:
    database, evaluation_store = (
        Database(settings.database_url),
        EvaluationStore(settings.evaluation_database_url, make_engine),
    )
    try:
        await run_steps(database.engine, store.migrations)
        await run_steps(evaluation_store.engine, evaluation.migrations)
    finally:
        await database.close()
        await evaluation_store.close()
