"""`mime event role|calendar|attendance`: who does what at an event, and the links by which they do it."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import utc_now
from bot.commands.failing import at_the_stores, fail
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.event import Event, EventRole, EventState, text_in
from flows.fold import fold
from store import attendance, duties, events, roster
from store.vault import Vault

Number = Annotated[int, typer.Argument(min=1, help="The event's number: see mime event list.")]
Who = Annotated[str, typer.Option(help="Their name on the team: see mime team list.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to those of `mime event`."""
    app.command("role")(role)
    app.command("calendar")(calendar)
    app.command("attendance")(attendance_list)


def role(
    number: Number,
    who: Who,
    role: Annotated[EventRole, typer.Option(help="What they do there.")] = EventRole.FACILITATOR,
    remove: Annotated[bool, typer.Option("--remove", help="They do it no more; what they noted is deleted.")] = False,
) -> None:
    """Give somebody of the team a role at an event, or take it away."""
    settings = settings_with_key("nobody can be named")

    async def act(connection: AsyncConnection, vault: Vault) -> tuple[Event, str, bool, list[duties.Helper]]:
        event, (contact_id, name) = await _event(connection, number), await _member(connection, vault, who)
        if remove:
            changed = await duties.take_away(connection, event.id, contact_id, role)
        else:
            changed = await duties.give(connection, event.id, contact_id, role, utc_now())
        return event, name, changed, await duties.at(connection, vault, event.id)

    with at_the_stores("changing who does what"):
        event, name, changed, helpers = at_the_store(settings, act)
    told = role.value.replace("_", " ")
    if remove and not changed:
        fail(f"{name} is not {told} of event {number}")
    typer.echo(f"Event {number}, {text_in(event.title, 'en')}:")
    for helper in helpers:
        typer.echo(f"  {helper.name}, {helper.role.value.replace('_', ' ')}")
    if not helpers:
        typer.echo("  Nobody has a role.")


def calendar(who: Who) -> None:
    """Print the link of a calendar with all events at which somebody of the team has a role. The one before ends."""
    settings = _with_address()
    token = secrets.token_urlsafe(24)

    async def act(connection: AsyncConnection, vault: Vault) -> str:
        contact_id, name = await _member(connection, vault, who)
        await duties.new_calendar(connection, vault, contact_id, token, utc_now())
        return name

    with at_the_stores("making the calendar"):
        name = at_the_store(settings, act)
    typer.echo(f"Give this link to {name}, and to nobody else. They subscribe to it in their calendar:")
    typer.echo(f"{settings.public_base_url}/calendar/{token}.ics")
    typer.echo("A link that they had before shows nothing any more.")


def attendance_list(number: Number, who: Who) -> None:
    """Print the link of the page on which somebody notes who came to an event."""
    settings = _with_address()
    token = secrets.token_urlsafe(24)

    async def act(connection: AsyncConnection, vault: Vault) -> tuple[str, str]:
        event, (contact_id, name) = await _event(connection, number), await _member(connection, vault, who)
        now = utc_now()
        if event.state is not EventState.PUBLISHED:
            fail(f"event {number} is not published: nobody can book it, and nobody has a place")
        if not await duties.has(connection, event.id, contact_id):
            fail(f"{name} has no role at event {number}: give them one by mime event role {number} --who {who!r}")
        if event.ends_at + attendance.OPEN_FOR <= now:
            fail(f"event {number} ended more than three days ago: its list can be changed no more")
        until = await attendance.new_sheet(connection, vault, event, contact_id, token, now)
        return name, f"{until.astimezone(settings.quiet.zone):%d %b %H:%M}"

    with at_the_stores("making the list"):
        name, until = at_the_store(settings, act)
    typer.echo(f"Give this link to {name}, and to nobody else. It works until {until}:")
    typer.echo(f"{settings.public_base_url}/attendance/{token}")


def _with_address() -> Settings:
    settings = settings_with_key("nobody can be named")
    if not settings.public_base_url:
        fail("MIME_PUBLIC_BASE_URL is empty: set it to the address under which people reach this program")
    return settings


async def _event(connection: AsyncConnection, number: int) -> Event:
    found = await events.numbered(connection, number)
    if found is None:
        fail(f"there is no event {number}: see mime event list")
    return found.event


async def _member(connection: AsyncConnection, vault: Vault, name: str) -> tuple[int, str]:
    """The person of the team with that name: their contact, and the name as they wrote it."""
    found = [one for one in await roster.roster(connection, vault) if fold(one.name) == fold(name)]
    if not found:
        fail(f"nobody on the team is called {name!r}: see mime team list")
    return found[0].contact_id, found[0].name
