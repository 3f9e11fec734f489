"""`mime check`: what is wrong, in plain words, a line each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

import evaluation.migrations
import store.migrations
from bot.app import library, utc_now
from bot.commands.failing import FAILED
from bot.versions import version
from config.holidays import bank_holidays
from config.settings import Settings, SettingsError, read_settings
from evaluation.store import EvaluationStore
from flows.library import Library
from flows.loader import FlowError
from store import standing
from store.database import Database
from store.history import key_fits
from store.postgres import make_engine
from store.vault import Vault

app = typer.Typer(add_completion=False)

#: Days after which somebody should call the crisis numbers again, to see that they are right.
CHECK_NUMBERS_AFTER = 180
#: Days before the known bank holidays end on which somebody should add the next ones.
ADD_HOLIDAYS_BEFORE = 60


@app.command()
def check() -> None:
    """Look at settings, credentials, stores, flows and languages; exit 1 where something is wrong."""
    faults = 0
    for fine, line in findings():
        faults += not fine
        typer.echo(f"{'ok   ' if fine else 'FAULT'}  {line}")
    if faults:
        raise typer.Exit(FAILED)


def findings() -> Iterator[tuple[bool, str]]:
    """Each thing looked at: whether it is fine, and what there is to say."""
    try:
        settings = read_settings()
    except SettingsError as error:
        for line in str(error).splitlines():
            yield False, line
        return
    yield from _credentials(settings)
    yield from asyncio.run(_stores(settings))
    try:
        flows = library(settings)
    except FlowError as error:
        for line in str(error).splitlines():
            yield False, line
        return
    days = (utc_now().date() - settings.crisis_checked).days
    numbers = f"the crisis numbers were last checked on {settings.crisis_checked:%d %B %Y}"
    again = "" if days <= CHECK_NUMBERS_AFTER else "; call each of them, then set MIME_CRISIS_CHECKED to the day"
    yield not again, numbers + again
    yield holidays_known(settings, utc_now().date())
    heard = flows.distress.languages
    yield bool(heard), f"danger is heard in {', '.join(heard) or 'no language: config/distress/ is empty'}"
    yield True, f"{len(flows.flows)} questionnaires: {', '.join(flows.flows)}"
    yield from _languages(settings, flows)


def holidays_known(settings: Settings, today: date) -> tuple[bool, str]:
    """Whether the bank holidays are known for long enough from that day on, and what there is to say."""
    if settings.send_on_bank_holidays:
        return True, "messages go out on bank holidays as on any day"
    try:
        until = bank_holidays().until
    except ValueError as error:
        return False, str(error)
    known = f"the bank holidays are known until {until:%d %B %Y}"
    if (until - today).days > ADD_HOLIDAYS_BEFORE:
        return True, known
    return False, f"{known}; add the next ones to config/bank_holidays.yaml from www.gov.uk/bank-holidays"


def _credentials(settings: Settings) -> Iterator[tuple[bool, str]]:
    secret = len(settings.secret_key.get_secret_value())
    yield secret >= 16, "MIME_SECRET_KEY is set" if secret >= 16 else "MIME_SECRET_KEY needs 16 characters or more"
    if not settings.contact_phone:
        yield False, "MIME_CONTACT_PHONE is empty: texts cannot say whom to call"
    else:
        yield True, "texts say whom to call"
    if settings.telegram_on:
        webhook = settings.telegram_mode == "webhook"
        if webhook and not settings.telegram_webhook_secret.get_secret_value():
            yield False, "MIME_TELEGRAM_WEBHOOK_SECRET is empty: Telegram's webhook stays shut"
        elif webhook and not settings.public_base_url:
            yield False, "MIME_PUBLIC_BASE_URL is empty: Telegram cannot be told where to bring messages"
        else:
            yield True, f"Telegram is on, by {settings.telegram_mode}"
    else:
        yield True, "Telegram is off (MIME_TELEGRAM_BOT_TOKEN is empty)"
    if settings.twilio_on:
        if not settings.public_base_url:
            yield False, "MIME_PUBLIC_BASE_URL is empty: no text from Twilio can be trusted"
        else:
            yield True, "SMS is on, by Twilio"
    else:
        half = [
            name
            for name, value in (
                ("MIME_TWILIO_ACCOUNT_SID", settings.twilio_account_sid),
                ("MIME_TWILIO_AUTH_TOKEN", settings.twilio_auth_token.get_secret_value()),
                ("MIME_TWILIO_FROM", settings.twilio_from or settings.twilio_messaging_service_sid),
            )
            if not value
        ]
        yield len(half) == 3, f"SMS is off ({', '.join(half)} {'is' if len(half) == 1 else 'are'} empty)"


async def _stores(settings: Settings) -> list[tuple[bool, str]]:
    database, evaluation_store = (
        Database(settings.database_url),
        EvaluationStore(settings.evaluation_database_url, make_engine),
    )
    try:
        found = [
            await _store("the operational store", database.engine, database.name, store.migrations.HEAD),
            await _store(
                "the evaluation store", evaluation_store.engine, evaluation_store.name, evaluation.migrations.HEAD
            ),
        ]
        if found[0][0] and len(secret := settings.secret_key.get_secret_value()) >= 16:
            fits = await key_fits(database, Vault(secret))
            found.append((fits, "MIME_SECRET_KEY opens the store" if fits else "MIME_SECRET_KEY is another store's"))
        if not database.is_sqlite:
            hosts = await standing.look(settings.database_url)
            found += [(fine, f"the operational store: {line}") for fine, line in standing.judge(hosts)]
        return found
    finally:
        await database.close()
        await evaluation_store.close()


async def _store(what: str, engine: AsyncEngine, name: str, head: str) -> tuple[bool, str]:
    try:
        seen = await version(engine)
    except Exception as error:  # each driver has its own errors for "away"
        return False, f"{what} cannot be reached at {name} ({type(error).__name__})"
    if seen is None:
        return False, f"{what} at {name} has no tables yet: run mime migrate"
    if seen != head:
        return False, f"{what} at {name} is at step {seen} and not at {head}: run mime migrate"
    return True, f"{what} is up to date at {name}"


def _languages(settings: Settings, flows: Library) -> Iterator[tuple[bool, str]]:
    for tag, language in flows.languages.items():
        spoken = tag in flows.spoken
        note = "spoken" if spoken else "not spoken: a speaker must read it first, see docs/howto/add-a-language.md"
        yield True, f"{language.english_name} ({language.status}): {note}"
