"""`mime calls`: whom to call, why, and who first; and what came of a call."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import library, utc_now
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.call_list import Outcome, encouragement, in_words, next_try
from domain.hours import PreferredHours
from domain.ids import Ids
from domain.member import number_of
from flows.fold import fold
from flows.library import SOURCE_LANGUAGE, Library
from flows.render import form
from store import people
from store.call_list import CallList, ToCall, call_list, called, missed_in, record
from store.database import Database
from store.vault import Vault

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Whom to call, and what came of it.")

_NO_KEY = "nobody's number can be read"
_LONGEST_NOTE = 500
_HELPS = {
    "interpreter": "needs an interpreter",
    "bsl": "uses British Sign Language: a call may not do",
    "one_to_one": "would rather talk to one person alone",
}
_SAID = {
    Outcome.REACHED: "Noted: you talked.",
    Outcome.BOOKED: "Noted: they want to come. A place is theirs when mime event show counts it.",
    Outcome.NO_MORE_CALLS: "Noted: nobody calls them any more, unless they ask for it or may be in danger.",
}


@app.command("list")
def list_calls(
    limit: Annotated[int, typer.Option(min=1, help="How many people to show, the most urgent first.")] = 20,
    partner: Annotated[
        str, typer.Option(help="Also a text to copy, that asks this organisation to encourage its people.")
    ] = "",
) -> None:
    """Show whom to call, the most urgent first: why, when, in which language, and what worries them."""
    settings = settings_with_key(_NO_KEY)
    with explained():
        flows = library(settings)
    with at_the_stores("reading the call list"):
        found = asyncio.run(_read(settings, flows, limit))
    for place, one in enumerate(found.people, start=1):
        for line in lines(one, place, settings, flows):
            typer.echo(line)
    more = f", {limit} are shown; for more: --limit" if found.total > limit else ""
    typer.echo(f"{found.total} to call{more}." if found.total else "Nobody is to be called.")
    if partner:
        words = encouragement(" ".join(partner.split()), found.encouraged, settings.contact_phone)
        typer.echo(f"\nTo copy:\n\n{words}")


async def _read(settings: Settings, flows: Library, limit: int) -> CallList:
    """Read only: with many people it takes a while, and nobody who writes meanwhile shall wait for it."""
    database = Database(settings.database_url)
    try:
        async with database.read() as connection:
            vault = Vault(settings.secret_key.get_secret_value())
            return await call_list(connection, vault, missed_in(flows), utc_now(), limit=limit)
    finally:
        await database.close()


def lines(one: ToCall, place: int, settings: Settings, flows: Library) -> Iterator[str]:
    """All that whoever calls must know of somebody."""
    zone = settings.quiet.zone
    addresses = ", ".join(address.removeprefix("tel:") for address in one.addresses) or "no number"
    language = flows.languages.get(one.language or SOURCE_LANGUAGE)
    yield f"{place}. {one.nickname or 'No name'}  {addresses}"
    for reason in one.reasons:
        yield f"   {in_words(reason, zone)}"
    if language is not None and language.tag != SOURCE_LANGUAGE:
        yield f"   Language: {language.english_name}"
    for need in one.helps:
        spoken = f" ({one.interpreter_language})" if need == "interpreter" and one.interpreter_language else ""
        yield f"   {_HELPS[need]}{spoken}"
    if one.hours:
        yield f"   Call at: {form(PreferredHours.parse(one.hours), 'en_GB')}"
    if one.worry:
        yield f"   Said last that this worries them: {' '.join(one.worry.split())}"
    if one.tries:
        yield f"   Not reached {one.tries} {'time' if one.tries == 1 else 'times'}"


@app.command()
def done(
    who: Annotated[str, typer.Argument(metavar="NUMBER", help="The phone number, or the address that the list shows.")],
    outcome: Annotated[
        Literal["reached", "not-reached", "booked", "no-more-calls"], typer.Argument(help="What came of the call.")
    ],
    again: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="Not reached: when to try again; else tomorrow."),
    ] = None,
    note: Annotated[
        str, typer.Option(help="A note for the team. The person sees it, if they ask for their data.")
    ] = "",
    name: Annotated[str, typer.Option(help="What they are called, where several people share the phone.")] = "",
) -> None:
    """Note what came of a call. Who was spoken with leaves the list until something new comes up."""
    settings, now = settings_with_key(_NO_KEY), utc_now()
    made, note = Outcome(outcome.replace("-", "_")), " ".join(note.split())
    if len(note) > _LONGEST_NOTE:
        fail(f"--note is {len(note)} letters long: {_LONGEST_NOTE} at most are kept, so say it in fewer")
    if again is not None and made is not Outcome.NOT_REACHED:
        fail("--again is for not-reached: leave it out")
    address, again_at = _address(settings, who), _again(settings, again, now) if made is Outcome.NOT_REACHED else None
    with explained():
        flows = library(settings)
    ids = Ids(time.time, random.Random(secrets.randbits(64)).getrandbits)

    async def act(connection: AsyncConnection, vault: Vault) -> int:
        there = await called(connection, vault, address)
        if len(there) > 1:
            there = await _meant(connection, vault, there, name, flows, now)
        if len(there) == 1:
            await record(connection, vault, ids, there[0], made, note, again_at, now)
        return len(there)

    with at_the_stores("noting the call"):
        count = at_the_store(settings, act)
    if count == 0:
        fail("we know nobody of that number" + (" and name" if name else "") + ": see mime calls list")
    if count > 1:
        fail("several people share that phone: say whom you called, with --name")
    if again_at is None:
        typer.echo(_SAID[made])
    else:
        typer.echo(f"Noted: not reached. Try again {again_at.astimezone(settings.quiet.zone):%a %d %b at %H:%M}.")


async def _meant(
    connection: AsyncConnection, vault: Vault, there: list[int], name: str, flows: Library, now: datetime
) -> list[int]:
    """Of those who share a phone: who is called that, or else who is on the list."""
    if name:
        return [id for id in there if fold(await people.nickname(connection, vault, id)) == fold(name)]
    listed = await call_list(connection, vault, missed_in(flows), now, only=there)
    return [one.contact_id for one in listed.people] or there


def _address(settings: Settings, who: str) -> str:
    """The address that is meant, or the end of the command."""
    if who.startswith("telegram:"):
        return who
    try:
        return f"tel:{number_of(who.removeprefix('tel:'), allow_test=settings.allow_test_numbers)}"
    except ValueError as error:
        fail(f"NUMBER: {error}")


def _again(settings: Settings, given: datetime | None, now: datetime) -> datetime:
    zone = settings.quiet.zone
    if given is None:
        return next_try(now, zone)
    at = given.replace(tzinfo=zone)
    if at.date() < now.astimezone(zone).date():
        fail("--again has passed: give the day on which to try again")
    return at
