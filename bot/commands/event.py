"""`mime event`: what people attend, as coordinators arrange it: added, shown, changed, published, called off."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import library, utc_now
from bot.commands import event_needs, event_roles
from bot.commands.event_lines import lines_of, places, state, when
from bot.commands.event_questions import Interview
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.event import Event, EventState, text_in
from domain.ids import Ids
from flows.library import SOURCE_LANGUAGE, Library
from store import events
from store.event_files import Draft, EventFile, as_written, event_of, file_of, in_words, read_event
from store.event_rules import EventRefused, Fault, Known, known_of
from store.events import Listed
from store.vault import Vault

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Arrange events: add, change, publish and call off.")
event_roles.register(app)

Number = Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="The event's number: see mime event list.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before people are told.")]
_NO_KEY = "the store cannot be opened"
event_needs.register(app)


@app.command()
def add(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", exists=True, dir_okay=False, help="The event as YAML; without it, you are asked."
        ),
    ] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish it at once; else it is a draft.")] = False,
) -> None:
    """Add an event, from a file or by answering questions."""
    settings = settings_with_key(_NO_KEY)
    flows = _library(settings)
    known, zone = known_of(flows), settings.quiet.zone
    if file is not None:
        with explained():
            read = read_event(file, zone)
        draft = read.draft
    else:
        read, draft = None, _asked(settings, flows, known)

    async def act(connection: AsyncConnection, _: Vault) -> Event:
        now = utc_now()
        event = await events.at_known_venue(connection, draft.event) if draft.by_name else draft.event
        added = await events.add(connection, _ids()(), event, now, known)
        return await events.publish(connection, added.id, now, known) if publish else added

    try:
        with at_the_stores("adding the event"):
            event = at_the_store(settings, act)
    except EventRefused as error:
        typer.echo(str(error if read is None else read.fault(error)), err=True)
        if read is None:
            typer.echo(f"\nWhat you answered, to be put right in a file:\n\n{file_of(draft.event, zone)}", err=True)
        fail("Nothing was added.")
    _show(Listed(event, 0, 0, 0), zone)
    if not publish:
        typer.echo(f"It is a draft: only the team sees it. To publish it: mime event publish {event.number}")


@app.command("list")
def list_events(
    past: Annotated[bool, typer.Option("--past", help="Those that are over.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a table.")] = False,
) -> None:
    """Show the events to come, the next one first."""
    settings = settings_with_key(_NO_KEY)
    with at_the_stores("reading the events"):
        found = at_the_store(settings, lambda tx, _: events.listing(tx, utc_now(), past=past))
    zone = settings.quiet.zone
    if not found:
        typer.echo("No event is over yet." if past else "There is no event to come. Add one: mime event add")
    elif plain:
        for one in found:
            first = when(one.event.days[0], zone)
            typer.echo(f"{one.event.number}. {first}. {_title(one.event)}. {places(one)}. {state(one.event)}.")
    else:
        table = Table(
            "No.", Column("Date", no_wrap=True), "Title", "Taken", "Of", "Waiting", Column("State", no_wrap=True)
        )
        for one in found:
            event = one.event
            date = f"{event.starts_at.astimezone(zone):%a %d %b %Y}\n{event.starts_at.astimezone(zone):%H:%M}"
            capacity = "no limit" if event.capacity is None else str(event.capacity)
            table.add_row(
                str(event.number), date, _title(event), str(one.taken), capacity, str(one.waiting), state(event)
            )
        Console().print(table)


@app.command()
def show(
    number: Number,
    as_file: Annotated[bool, typer.Option("--file", help="As the YAML file that gives the same event.")] = False,
) -> None:
    """Show all there is to know of an event."""
    settings = settings_with_key(_NO_KEY)
    found = _found(settings, number)
    if as_file:
        typer.echo(file_of(found.event, settings.quiet.zone), nl=False)
    else:
        _show(found, settings.quiet.zone)


@app.command()
def edit(
    number: Number,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", exists=True, dir_okay=False, help="The whole event, as YAML.")
    ] = None,
    to_set: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="One thing, such as capacity=12, from=15:00, venue.room=Oak."
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Change an event. Where people plan by it, those who have a place are told."""
    settings = settings_with_key(_NO_KEY)
    if (file is None) == (not to_set):
        fail("give a file with the whole event, or --set FIELD=VALUE, as often as you like")
    known, zone = known_of(_library(settings)), settings.quiet.zone
    found = _found(settings, number)
    read: EventFile | None = None
    with _said_why(read, "Nothing was changed."), explained():
        if file is not None:
            read = read_event(file, zone)
            draft = read.draft
        else:
            draft = event_of(_with(as_written(found.event, zone), to_set or []), zone)

    async def prepare(connection: AsyncConnection, _: Vault) -> tuple[Event, int]:
        wanted = await events.at_known_venue(connection, draft.event) if draft.by_name else draft.event
        tells = found.event.state is EventState.PUBLISHED and events.concerns_people(found.event, wanted)
        return wanted, await events.people_to_tell(connection, found.event.id) if tells else 0

    with _said_why(read, "Nothing was changed."), at_the_stores("changing the event"):
        wanted, told = at_the_store(settings, prepare)
        _agree(told, "of this change", yes)
        changed = at_the_store(
            settings, lambda tx, _: events.change(tx, _ids(), found.event.id, wanted, utc_now(), known)
        )
    _show(_found(settings, number), zone)
    typer.echo(_told(changed.told))


@app.command()
def publish(number: Number) -> None:
    """Let people find an event and book."""
    settings = settings_with_key(_NO_KEY)
    known = known_of(_library(settings))
    found = _found(settings, number)
    with _said_why(None, "It was not published."), at_the_stores("publishing the event"):
        at_the_store(settings, lambda tx, _: events.publish(tx, found.event.id, utc_now(), known))
    typer.echo(f"Event {number} is published: whoever sends EVENTS finds it.")


@app.command()
def cancel(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why, in a short sentence that everybody is told.")] = "",
    yes: Yes = False,
) -> None:
    """Call an event off. Those who have a place, or wait for one, are told."""
    settings = settings_with_key(_NO_KEY)
    known = known_of(_library(settings))
    found = _found(settings, number)
    texts = {SOURCE_LANGUAGE: " ".join(reason.split())} if reason.strip() else {}
    with _said_why(None, "It was not called off."), at_the_stores("calling the event off"):
        count = at_the_store(settings, lambda tx, _: events.people_to_tell(tx, found.event.id))
        _agree(count, "that it is called off", yes)
        done = at_the_store(
            settings, lambda tx, _: events.call_off(tx, _ids(), found.event.id, utc_now(), known, texts)
        )
    typer.echo(f"Event {number} is called off. {_told(done.told)}")


def _library(settings: Settings) -> Library:
    with explained():
        return library(settings, drafts=True)


def _ids() -> Ids:
    return Ids(time.time, random.Random(secrets.randbits(64)).getrandbits)


@contextmanager
def _said_why(file: EventFile | None, nothing: str) -> Iterator[None]:
    """Each fault for which the event is refused, then that nothing came of it."""
    try:
        yield
    except EventRefused as error:
        typer.echo(str(error if file is None else file.fault(error)), err=True)
        fail(nothing)


def _found(settings: Settings, number: int) -> Listed:
    with at_the_stores("reading the event"):
        found = at_the_store(settings, lambda tx, _: events.numbered(tx, number))
    if found is None:
        fail(f"there is no event {number}: see mime event list")
    return found


def _asked(settings: Settings, flows: Library, known: Known) -> Draft:
    def at_the_venue(name: str) -> Any:
        with at_the_stores("looking for the venue"):
            return at_the_store(settings, lambda tx, _: events.venue_named(tx, name))

    interview = Interview(settings.quiet.zone, flows.words[SOURCE_LANGUAGE], known, utc_now(), at_the_venue)
    try:
        return interview.draft()
    except typer.Abort:
        fail("\nThe questions were not answered to the end: nothing was added.")


def _with(written: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """What was written, with these fields set anew. Raises EventRefused."""
    for one in given:
        name, equals, value = one.partition("=")
        *path, last = name.strip().split(".")
        if not equals:
            raise EventRefused(Fault((), f"--set {one}: expected FIELD=VALUE, such as capacity=12"))
        if "days" in written and last in ("date", "from", "to"):
            raise EventRefused(
                Fault((last,), "the event has several days: change them in a file (mime event show --file)")
            )
        inner = written
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise EventRefused(Fault((name,), "it has no fields of its own: set the whole of it"))
        inner[last] = in_words(value.strip(), name)
    return written


def _agree(count: int, of_what: str, yes: bool) -> None:
    """Ask before anybody is told; the end of the command where it is not wanted."""
    if not count or yes:
        return
    try:
        agreed = typer.confirm(f"{_people(count)} will be told {of_what}. Go on?")
    except typer.Abort:  # nobody is there to be asked, or they left
        typer.echo("Say --yes to go on without being asked.", err=True)
        agreed = False
    if not agreed:
        fail("Nothing was changed.")


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _told(count: int) -> str:
    return f"{_people(count)} will be told." if count else "Nobody has to be told."


def _title(event: Event) -> str:
    return text_in(event.title, SOURCE_LANGUAGE)


def _show(found: Listed, zone: ZoneInfo) -> None:
    for line in lines_of(found, zone):
        typer.echo(line)
