"""`mime import members`: bring a list of people into the operational store."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from bot.app import library, utc_now
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import settings_with_key
from config.settings import Settings
from domain.ids import Ids
from domain.member import TYPES, Fault, Member, MemberType, members_of
from flows.library import Library
from store.database import Database
from store.history import key_fits
from store.member_files import MAX_BYTES, MemberFileError, read_sheet
from store.members import Entry, Fate, Preview, bring_in, preview
from store.vault import Vault
from store.vocabulary import vocabulary

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Bring people in from a file.")

#: What becomes of somebody, in words.
TOLD = {
    Fate.NEW: "new",
    Fate.FILLED: "filled in",
    Fate.HERE: "here already",
    Fate.SHARED: "shared phone",
    Fate.OPTED_OUT: "opted out",
}
#: How many rows are named one by one; the rest is a figure.
_NAMED = 20


@app.callback()
def group() -> None:
    """With this `members` stays a command of its own; alone, it would be the whole of `import`."""


@app.command()
def members(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV in UTF-8, or an Excel workbook (.xlsx)."),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before importing.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a table.")] = False,
) -> None:
    """Bring a list of people in. Nobody is sent anything."""
    settings = settings_with_key("nobody's number can be kept")
    with explained():
        flows = library(settings)
    people = _read(file, settings, flows)
    with at_the_stores("the import"):
        ahead = asyncio.run(_at_the_store(settings, lambda database, vault: preview(database, vault, people)))
    _show(ahead, plain=plain)
    if not ahead.changes:
        typer.echo("There is nothing to import.")
        return
    if not yes and not _agreed():
        fail("Nothing was imported.")
    ids = Ids(time.time, random.Random(secrets.randbits(64)).getrandbits)
    with at_the_stores("the import"):
        done = asyncio.run(
            _at_the_store(settings, lambda database, vault: bring_in(database, vault, ids, people, utc_now()))
        )
    added, filled = len(done.of(Fate.NEW)), len(done.of(Fate.FILLED))
    typer.echo(f"{_people(added)} added, and {_people(filled)} filled in. Nobody was sent anything.")


def _agreed() -> bool:
    try:
        return typer.confirm("Import this?")
    except typer.Abort:  # nobody is there to be asked, or they left
        typer.echo("Say --yes to import without being asked.", err=True)
        return False


def _read(file: Path, settings: Settings, flows: Library) -> list[Member]:
    """Everybody on the list. Ends the command where there is a fault."""
    today = utc_now().astimezone(settings.quiet.zone).date()
    try:
        with file.open("rb") as source:
            sheet = read_sheet(source.read(MAX_BYTES + 1))
    except OSError as error:
        _refuse([f"{file}: it cannot be read: {error.strerror}"])
    except MemberFileError as error:
        _refuse([f"{file}: {error}"])
    people, faults = members_of(sheet.rows, vocabulary(flows, today), today, allow_test=settings.allow_test_numbers)
    if found := [*sheet.faults, *faults]:
        _refuse([f"{file}: {fault}" for fault in sorted(found, key=_by_row)])
    return people


def _by_row(fault: Fault) -> int:
    return fault.row


def _refuse(lines: Sequence[str]) -> NoReturn:
    for line in lines:
        typer.echo(line, err=True)
    fail("Nothing was imported.")


async def _at_the_store(settings: Settings, act: Callable[[Database, Vault], Awaitable[Preview]]) -> Preview:
    database = Database(settings.database_url)
    vault = Vault(settings.secret_key.get_secret_value())
    try:
        if not await key_fits(database, vault):
            fail("MIME_SECRET_KEY is not the key that the store was written with: put the old one back")
        return await act(database, vault)
    finally:
        await database.close()


def _show(ahead: Preview, *, plain: bool) -> None:
    counts = Counter((entry.type, entry.fate) for entry in ahead.entries)
    kinds = [kind for kind in (*MemberType, None) if any(counts[kind, fate] for fate in Fate)]
    if plain:
        for kind in kinds:
            told = ", ".join(f"{counts[kind, fate]} {words}" for fate, words in TOLD.items() if counts[kind, fate])
            typer.echo(f"{_kind(kind)}: {told}")
        typer.echo(f"All: {', '.join(f'{len(ahead.of(fate))} {words}' for fate, words in TOLD.items())}")
    else:
        table = Table("", *TOLD.values())
        for kind in kinds:
            table.add_row(_kind(kind), *(str(counts[kind, fate]) for fate in TOLD))
        table.add_section()
        table.add_row("All", *(str(len(ahead.of(fate))) for fate in TOLD))
        Console().print(table)
    for line in _remarks(ahead):
        typer.echo(line)


def _remarks(ahead: Preview) -> Iterator[str]:
    """What a coordinator should look at before they agree."""
    silent = sum(not entry.agreed for entry in ahead.of(Fate.NEW))
    if silent:
        yield f"{silent} of the new have agreed to nothing on this list: nothing will be sent to them unasked."
    if ahead.of(Fate.FILLED):
        yield "Filled in: they are here already, and only what is empty is filled. What they said themselves stays."
    if out := ahead.of(Fate.OPTED_OUT):
        yield f"Opted out, and left alone; take them off your list: {_rows(out)}."
    if shared := ahead.of(Fate.SHARED):
        yield f"On a phone that several people share, and left alone; ask them yourself: {_rows(shared)}."
    for one in ahead.duplicates[:_NAMED]:
        differs = " The two rows differ." if one.differs else ""
        yield f"Row {one.row} has the number of row {one.first} and is left out.{differs}"
    if (more := len(ahead.duplicates) - _NAMED) > 0:
        yield f"{more} more rows have the number of an earlier one and are left out."


def _rows(entries: Sequence[Entry]) -> str:
    more = f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else ""
    return f"row {', '.join(str(entry.row) for entry in entries[:_NAMED])}{more}"


def _kind(kind: MemberType | None) -> str:
    return "Type not given" if kind is None else TYPES.label(kind)


def _people(count: int) -> str:
    return "1 person was" if count == 1 else f"{count} people were"
