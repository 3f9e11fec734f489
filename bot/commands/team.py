"""`mime team`: who is on the team, whose turn it is, and the codes by which people join it."""

from __future__ import annotations

import random
import secrets
import time
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import library, utc_now
from bot.codes import WORKS_MS
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.code import new_code, shown
from domain.contact import Role
from domain.hours import PreferredHours
from domain.ids import Ids
from flows.fold import fold
from flows.hours import read_hours
from flows.render import form
from store import roster
from store.vault import Vault

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Arrange the team and its rota.")

_WORKS = timedelta(milliseconds=WORKS_MS)
Name = Annotated[str, typer.Argument(help="What the team calls them. Those whom they help see it too.")]


@app.command()
def add(
    name: Name,
    role: Annotated[Literal["coordinator", "facilitator"], typer.Option(help="What they are.")] = "facilitator",
    turn: Annotated[int | None, typer.Option(min=1, help="Their place on the rota; 1 is called first.")] = None,
    hours: Annotated[str, typer.Option(help='When they may be called, such as "after 9, not Sunday".')] = "",
) -> None:
    """Print a code by which somebody joins the team from their own phone."""
    settings = settings_with_key("nobody can be named")
    name = " ".join(name.split())
    if not fold(name):
        fail("the name has no letter in it")
    preferred = _hours(settings, hours) if hours.strip() else None
    now = utc_now()
    expires_at = now + _WORKS
    with at_the_stores("adding to the team"):
        code = at_the_store(settings, partial(_invite, name, Role(role), turn, preferred, expires_at, now))
    typer.echo(f"Give this code to {name}, and to nobody else: {shown(code)}")
    ways = [f"by SMS to {settings.twilio_from}"] if settings.twilio_from else []
    ways += [f"to @{settings.telegram_bot_name} in Telegram"] if settings.telegram_bot_name else []
    typer.echo(f"They send it {' or '.join(ways) or 'to our number or bot'} from their own phone.")
    typer.echo(f"It works once, until {_local(settings, expires_at)}. Then they are on the team, {_place(turn)}.")
    if preferred is not None:
        typer.echo(f"They are called at these hours: {form(preferred, 'en_GB')}")


@app.command("list")
def list_team() -> None:
    """Show who is on the team, in the order in which they are called."""
    settings = settings_with_key("nobody can be named")
    with at_the_stores("reading the team"):
        members, invited = at_the_store(settings, _read)
    for one in members:
        hours = "at any time" if one.hours is None else form(one.hours, "en_GB")
        away = "" if one.reachable else "; CANNOT BE REACHED: they said STOP, or blocked the bot"
        typer.echo(f"{one.turn or '-'}  {one.name}, {one.role.value}, {hours}{away}")
    for code in invited:
        typer.echo(f"   {code.name}, {code.role.value}: has a code until {_local(settings, code.expires_at)}")
    if not any(one.turn is not None and one.reachable for one in members):
        typer.echo("Nobody who can be reached is on the rota: if somebody is in danger, nobody is called.")


@app.command()
def remove(name: Name) -> None:
    """Take somebody off the team. A code that they have not sent is void."""
    settings = settings_with_key("nobody can be named")
    ids = Ids(time.time, random.Random(secrets.randbits(64)).getrandbits)
    with at_the_stores("removing from the team"):
        done = at_the_store(settings, lambda tx, vault: roster.remove(tx, vault, ids, name, utc_now()))
    if not done.left and not done.codes:
        fail(f"nobody on the team is called {name!r}: see mime team list")
    if done.left:
        typer.echo(f"{name} is on the team no more.")
    if done.codes:
        typer.echo("The code is void.")
    if done.given_back:
        typer.echo(f"What they had taken waits for somebody again ({done.given_back}): the rota is called.")


@app.command()
def turn(name: Name, place: Annotated[str, typer.Argument(metavar="N|off", help="1 is called first.")]) -> None:
    """Give somebody a place on the rota, or none."""
    settings = settings_with_key("nobody can be named")
    if place != "off" and not (place.isascii() and place.isdigit() and 0 < int(place) < 1000):
        fail(f"{place!r} is no place on the rota: give a number from 1 on, or off")
    number = None if place == "off" else int(place)
    with at_the_stores("changing the rota"):
        found = at_the_store(settings, lambda tx, vault: roster.set_turn(tx, vault, name, number))
    if not found:
        fail(f"nobody on the team is called {name!r}: see mime team list")
    typer.echo(f"{name} is {_place(number)}.")


async def _invite(
    name: str,
    role: Role,
    turn: int | None,
    hours: PreferredHours | None,
    expires_at: datetime,
    now: datetime,
    connection: AsyncConnection,
    vault: Vault,
) -> str:
    try:
        while True:  # until a code is drawn that nobody has: the first, but for one draw in a million
            code = new_code(secrets.randbelow)
            if await roster.invite(connection, vault, code, name, role, turn, hours, expires_at, now):
                return code
    except roster.NameTaken:
        fail(f"somebody on the team, or with a code for it, is called {name!r} already: see mime team list")


async def _read(connection: AsyncConnection, vault: Vault) -> tuple[list[roster.Entry], list[roster.Invitation]]:
    return await roster.roster(connection, vault), await roster.invitations(connection, vault, utc_now())


def _hours(settings: Settings, text: str) -> PreferredHours:
    with explained():
        words = library(settings).words["en"]
    if (found := read_hours(text, words)) is None:
        fail(f'--hours: {text!r} names no times; write such as "after 9, not Sunday" or "mon-fri 10 to 4"')
    return found


def _place(turn: int | None) -> str:
    return "not on the rota" if turn is None else f"number {turn} on the rota"


def _local(settings: Settings, at: datetime) -> str:
    return f"{at.astimezone(settings.quiet.zone):%d %b %H:%M}"
