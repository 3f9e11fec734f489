"""How a command ends badly: one clear sentence on standard error, and the exit code of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from sqlalchemy.exc import SQLAlchemyError

from config.settings import SettingsError
from flows.loader import FlowError
from store.vault import WrongKey

FAILED = 1


def fail(sentence: str) -> NoReturn:
    """Say what is wrong and end with 1."""
    typer.echo(sentence, err=True)
    raise typer.Exit(FAILED)


@contextmanager
def explained() -> Iterator[None]:
    """Turn the faults that an operator or an author can mend into their sentences."""
    try:
        yield
    except (SettingsError, FlowError) as error:
        fail(str(error))


@contextmanager
def at_the_stores(what: str) -> Iterator[None]:
    """Turn what a store that is away, or has no tables, or another key's, raises into a sentence."""
    try:
        yield
    except WrongKey as error:
        fail(f"{what} failed: {error}")
    except Exception as error:
        if not isinstance(error, SQLAlchemyError | OSError) and not _is_a_driver_s(error):
            raise
        fail(f"{what} failed: {type(error).__name__}; is every store there and up to date (mime check)?")


def _is_a_driver_s(error: Exception) -> bool:
    """The hot path runs on the drivers themselves, whose errors SQLAlchemy has not wrapped (PEP 249)."""
    return any(kind.__name__ == "Error" and kind.__module__ in ("sqlite3", "psycopg") for kind in type(error).__mro__)
