"""`mime poster`: the words that posters ask people to text, how often each was used, and the sheets to print."""

from __future__ import annotations

import secrets
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import library, utc_now
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import at_the_store, settings_with_key
from bot.poster_words import refusal
from bot.sheet import NoTypst, Sheet, pdf, spoken_number, svg
from config.settings import Settings
from store import posters
from store.posters import Poster
from store.vault import Vault

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make posters, and see how often each was used.")

#: The answers to "How did you hear of us?", which whoever comes by a poster is not asked.
Source = Literal["visit", "article", "event", "partner", "member", "other"]
_LONGEST_PLACE = 80


@app.command()
def add(
    word: Annotated[str, typer.Option(help="What people text, such as HARWICH.")],
    source: Annotated[Source, typer.Option(help="What is noted as the way in which they heard of us.")],
    place: Annotated[str, typer.Option(help="Where it hangs, for the team.")] = "",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day on which it works.")
    ] = None,
    svg_file: Annotated[Path | None, typer.Option("--svg", dir_okay=False, help="Write the sheet to print.")] = None,
    pdf_file: Annotated[Path | None, typer.Option("--pdf", dir_okay=False, help="Write it as PDF.")] = None,
) -> None:
    """Make a poster: a word to text, and a link to scan."""
    settings = settings_with_key("no word can be looked up")
    word, now = " ".join(word.split()).upper(), utc_now()
    with explained():
        why = refusal(word, library(settings, drafts=True))
    if why is not None:
        fail(f"{word!r} {why}. Take another word.")
    if len(place) > _LONGEST_PLACE:
        fail(f"--place is longer than {_LONGEST_PLACE} letters")
    ends_at = None if until is None else datetime.combine(until + timedelta(days=1), time(), settings.quiet.zone)
    if ends_at is not None and ends_at <= now:
        fail("--until is a day that has passed")
    token = secrets.token_urlsafe(16)
    link = f"https://t.me/{settings.telegram_bot_name}?start={token}" if settings.telegram_bot_name else ""
    files = _files(settings, word, link, svg_file, pdf_file)

    async def act(connection: AsyncConnection, vault: Vault) -> None:
        if not await posters.add(connection, vault, Poster(word, source, place, ends_at), token, now):
            fail(f"{word!r} is on a poster already: take another word, or remove that one first (mime poster list)")
        for file, content in files:  # within the transaction: no poster without its sheet
            _write(file, content)

    with at_the_stores("adding the poster"):
        at_the_store(settings, act)
    if settings.twilio_from:
        typer.echo(f"People text {word} to {spoken_number(settings.twilio_from)}.")
    else:
        typer.echo(f"People text {word} to our number (MIME_TWILIO_FROM is empty).")
    typer.echo(f"In Telegram: {link}" if link else "No link for Telegram: MIME_TELEGRAM_BOT_NAME is empty.")
    for file, _ in files:
        typer.echo(f"The sheet is in {file}.")


@app.command("list")
def list_posters() -> None:
    """Show each poster, and how often it was used."""
    settings = settings_with_key("no word can be looked up")
    with at_the_stores("reading the posters"):
        found = at_the_store(settings, posters.posters)
    now = utc_now()
    for one in found:
        place = f", {one.place}" if one.place else ""
        ends = "" if one.until is None else _ends(one.until.astimezone(settings.quiet.zone), now)
        typer.echo(f"{one.word}  {one.source}{place}: {one.by_text} by text, {one.by_link} by Telegram{ends}")
    if not found:
        typer.echo("There is no poster.")


@app.command()
def remove(word: Annotated[str, typer.Argument(help="The poster's word.")]) -> None:
    """Let a poster's word and link work no more. What people answered stays."""
    settings = settings_with_key("no word can be looked up")
    with at_the_stores("removing the poster"):
        gone = at_the_store(settings, lambda tx, vault: posters.remove(tx, vault, word))
    if not gone:
        fail(f"there is no poster with the word {word!r}: see mime poster list")
    typer.echo("Removed. Take the sheets down as well: who still texts the word is answered as if it were any other.")


def _files(
    settings: Settings, word: str, link: str, svg_file: Path | None, pdf_file: Path | None
) -> list[tuple[Path, bytes]]:
    """The sheet in each form that was asked for. Made before anything is stored."""
    if svg_file is None and pdf_file is None:
        return []
    if not settings.twilio_from and not link:
        fail("MIME_TWILIO_FROM and MIME_TELEGRAM_BOT_NAME are empty: the sheet could not say where to write to")
    sheet = Sheet(word, settings.twilio_from, link, settings.contact_phone)
    try:
        files = [] if svg_file is None else [(svg_file, svg(sheet).encode())]
        return files if pdf_file is None else [*files, (pdf_file, pdf(sheet))]
    except NoTypst as error:
        fail(str(error))


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}. No poster was made.")


def _ends(until: datetime, now: datetime) -> str:
    """`until` is midnight: the last day is the one before."""
    day = (until - timedelta(days=1)).date()
    return f"; until {day:%d %b %Y}" if until > now else f"; over since {day:%d %b %Y}"
