"""How a command ends badly: one clear sentence on standard error, and the exit code of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from config.settings import SettingsError
from flows.loader import FlowError

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
