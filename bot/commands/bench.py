"""`mime bench`: measure this program on this machine, and hold the figures against their goals."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import postgres
from benchmarks.figures import figures, short
from benchmarks.report import as_json, plain, table
from benchmarks.runs import Part, Ran, Run, chosen, perform
from benchmarks.telling import NotMeasured
from bot.app import utc_now
from bot.commands.failing import FAILED, fail

app = typer.Typer(add_completion=False)

_ROUNDS = 3


@app.command()
def bench(
    rounds: Annotated[
        int | None, typer.Option(min=1, help="How often each is measured; medians are shown.", show_default="3")
    ] = None,
    only: Annotated[list[Part] | None, typer.Option(help="Measure only this; may be given several times.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small run, to see that all works: its figures mean little.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Write all figures into this file, as JSON.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Make the stores in this folder: its disk is measured.", show_default="temporary"),
    ] = None,
    as_text: Annotated[bool, typer.Option("--plain", help="Plain text, for screen readers and logs.")] = False,
) -> None:
    """Measure turns, webhooks, sending, memory and start, beside a peer and the databases' own limits.

    Everything stays on this machine. All of it takes some ten minutes; keep the machine quiet meanwhile.
    """
    if output is not None and not output.parent.is_dir():
        fail(f"the folder {output.parent} is not there")
    if folder is not None and not folder.is_dir():
        fail(f"the folder {folder} is not there")
    runs = chosen(only or ())
    number = rounds or (1 if quick else _ROUNDS)
    ran: list[Ran] = []
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        show = stack.enter_context(_shown(runs, number, as_text=as_text))
        server = _server(stack, runs, folder)
        for one in perform(runs, number, place, quick=quick, postgres=server, on_begin=show.begin):
            ran.append(one)
            show.end(one)
    measured = figures(ran, frozenset(run.name for run in runs))
    if as_text:
        typer.echo(plain(measured, quick=quick))
    else:
        Console().print(table(measured, quick=quick))
    if output is not None:
        output.write_text(json.dumps(as_json(measured, ran, date=utc_now(), rounds=number, quick=quick), indent=2))
    failed = [one for one in ran if one.failed]
    for one in failed:
        typer.echo(f"{one.run}, round {one.round}, failed: {one.failed}", err=True)
    if failed:
        raise typer.Exit(FAILED)


def _server(stack: ExitStack, runs: list[Run], folder: Path | None) -> str:
    """The address of PostgreSQL, one server for all runs; or why there is none."""
    if not any(run.postgres for run in runs):
        return "none: it was not asked for"
    try:
        return stack.enter_context(postgres.server(folder=folder))
    except NotMeasured as why:
        return f"none: {why}"


class _Show(Protocol):
    def begin(self, number: int, run: Run) -> None: ...
    def end(self, ran: Ran) -> None: ...


@contextmanager
def _shown(runs: list[Run], rounds: int, *, as_text: bool) -> Iterator[_Show]:
    """How far it is, on standard error."""
    console = Console(stderr=True)
    total = sum(1 if run.once else rounds for run in runs)
    if as_text:
        yield _Lines(rounds)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, total, rounds)


class _Lines:
    def __init__(self, rounds: int) -> None:
        self._rounds = rounds

    def begin(self, number: int, run: Run) -> None:
        typer.echo(f"Round {number} of {self._rounds}: {run.title} ... ", err=True, nl=False)

    def end(self, ran: Ran) -> None:
        typer.echo(_in_short(ran), err=True)


class _Bar:
    def __init__(self, progress: Progress, total: int, rounds: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)
        self._rounds = rounds
        self._title = ""

    def begin(self, number: int, run: Run) -> None:
        self._title = run.title
        self._progress.update(self._task, description=f"Round {number} of {self._rounds}: {run.title}")

    def end(self, ran: Ran) -> None:
        self._progress.console.print(f"{self._title}: {_in_short(ran)}")
        self._progress.advance(self._task)


def _in_short(ran: Ran) -> str:
    if ran.failed or ran.not_measured:
        return f"failed: {ran.failed}" if ran.failed else f"not measured: {ran.not_measured}"
    for key, unit in (("turns_s", "turns/s"), ("requests_s", "requests/s"), ("sends_s", "sends/s"), ("seconds", "s")):
        if key in ran.found:
            return f"{short(ran.found[key])} {unit}"
    return f"done in {ran.seconds} s"
