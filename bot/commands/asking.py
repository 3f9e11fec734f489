"""One question in the terminal, asked again until nothing is wrong with its answer."""

from __future__ import annotations

from collections.abc import Callable

import typer


def ask(
    question: str,
    put: Callable[[str], str | None],
    *,
    needed: bool = True,
    default: str = "",
    read: Callable[[str], str] | None = None,
) -> str:
    """The answer, as `read` understands it. `put` keeps it, or says what is wrong with it. Raises typer.Abort."""
    while True:
        answer = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
        if not answer and not needed:
            return ""
        said = read(answer) if read and answer else answer
        wrong = "Please answer this one." if not answer else put(said)
        if wrong is None:
            return said
        typer.echo(wrong)
