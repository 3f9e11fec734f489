"""`mime alerts`: who asked for a person, and what could not be handled or sent."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from typing import Annotated

import typer

from bot.app import utc_now
from bot.commands.failing import at_the_stores, fail
from bot.commands.opened import settings_with_key
from config.settings import Settings
from domain.ids import Ids
from store.alerts import Alert, Marked, mark_done, open_alerts
from store.database import Database
from store.vault import Vault

app = typer.Typer(add_completion=False)

#: What each kind asks of the team.
MEANING = {
    "distress": "URGENT, may be in danger: call them now, and the emergency services if need be",
    "person": "wants to talk to a person: call them",
    "stuck": "cannot get on by text: help them, or ask the questions by phone",
    "low_score": "gave worrying answers: call them and ask how they are",
    "call": "would like calls and no texts: call them",
    "worried": "is unsure about an event they have a place at: call them, their words are in the chat",
    "at_the_door": "is at the door of an event, or cannot find it: call them now",
    "drill": "practice, about nobody: somebody of the team sends TAKE",
    "second_part": "has a place at a second part and was not at the first: call them, and see whether they can come",
    "stopped_booking": "wants no more texts and has a place, or waits for one: call them, ask if they still come",
    "wrong_person": "says that this number is not the person's: ask the person for a new one",
    "join": "wants to join: call them",
    "events": "asks what is on: call them",
    "bookings": "asks about their places: call them",
    "out": "gives up a place: call them",
    "my_data": "asks what we hold on them: answer within a month (UK GDPR, article 15)",
    "forget_me": "asks to be forgotten: answer within a month (UK GDPR, article 17)",
    "not_sent": "a message did not reach them",
    "unreachable": "nothing reaches them at that number or account any more: call them, or ask for a new one",
    "misconfigured": "a provider refuses our credentials: see mime check",
    "parked": "a message of theirs could not be handled: tell whoever looks after the program",
}


@app.command()
def alerts(
    done: Annotated[int | None, typer.Option(help="Mark the alert of this number as dealt with.")] = None,
) -> None:
    """List what a coordinator must look at, or mark one as dealt with."""
    settings = settings_with_key("addresses cannot be opened")
    if done is not None:
        with at_the_stores("marking the alert"):
            marked = asyncio.run(_done(settings, done))
        if marked is Marked.UNKNOWN:
            fail(f"there is no open alert {done}")
        typer.echo(
            "Marked as dealt with."
            if marked is Marked.DONE
            else "Somebody of the team writes with them just now: the running program tells both, and closes it."
        )
        return
    with at_the_stores("reading the alerts"):
        found = asyncio.run(_open(settings))
    for alert in found:
        typer.echo(line(alert))
    typer.echo(f"{len(found)} open." if found else "Nothing is open.")


def line(alert: Alert) -> str:
    """One alert, by the number that the team knows it by, and what is to be done; times in UTC."""
    who = ", ".join(alert.addresses) or ("nobody" if alert.kind == "drill" else "somebody")
    detail = f" ({alert.detail})" if alert.detail else ""
    what = MEANING.get(alert.kind, alert.kind)
    taken = f"; taken by {alert.taken_by} since {alert.taken_at:%d %b %H:%M} UTC" if alert.taken_by else ""
    return f"{alert.number or alert.id}  {alert.created_at:%d %b %H:%M} UTC  {who}  {what}{detail}{taken}"


async def _open(settings: Settings) -> list[Alert]:
    database = Database(settings.database_url)
    try:
        return await open_alerts(database, Vault(settings.secret_key.get_secret_value()))
    finally:
        await database.close()


async def _done(settings: Settings, number: int) -> Marked:
    database = Database(settings.database_url)
    ids = Ids(time.time, random.Random(secrets.randbits(64)).getrandbits)
    try:
        return await mark_done(database, ids, number, utc_now())
    finally:
        await database.close()
