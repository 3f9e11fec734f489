"""`mime opportunity`: what people may put themselves forward for, who did, and withdrawing it with an explanation."""

from __future__ import annotations

import random
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as clock
from functools import partial
from typing import Annotated, Literal

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import utc_now
from bot.commands.failing import at_the_stores, fail
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.event import Criterion, Texts, text_in
from domain.ids import Ids
from domain.opportunity import Opportunity, OpportunityKind, OpportunityState
from flows.fold import fold
from store import opportunities, people
from store.vault import Vault

app = typer.Typer(no_args_is_help=True, help="Offer opportunities, and see who asked for them.")

Kind = Literal["tender_panel", "staff_interview", "lay_assessor", "outside_training"]
Number = Annotated[int, typer.Argument(min=1, max=(1 << 31) - 1, help="Its number: see mime opportunity list.")]
#: Each is a part of a text message; longer ones cost more than they tell.
_LONGEST_TITLE = 60
_LONGEST_TEXT = 300
_LONGEST_CRITERION = 100
_NO_KEY = "nobody's address can be read"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who put themselves forward, at which address, and since when."""

    address: str
    at: datetime


@app.command()
def add(
    kind: Annotated[Kind, typer.Option(help="What sort of opportunity it is.")],
    title: Annotated[str, typer.Option(help="What it is, in a few words.")],
    closes: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day on which people may ask.")],
    about: Annotated[str, typer.Option(help="What people do there, when and where.")] = "",
    criterion: Annotated[
        list[str] | None,
        typer.Option(help='Whom it is for, going on after "people who are ...". Give it again for one more.'),
    ] = None,
    payment: Annotated[str, typer.Option(help="What people get for it, and what becomes of benefits.")] = "",
    draft: Annotated[bool, typer.Option("--draft", help="Let nobody see it yet.")] = False,
) -> None:
    """Offer an opportunity, in plain English."""
    settings, now = settings_with_key(_NO_KEY), utc_now()
    closes_at = datetime.combine(closes + timedelta(days=1), clock(), settings.quiet.zone)
    if closes_at <= now:
        fail("--closes is a day that has passed: give the last day on which people may ask")
    made = Opportunity(
        id=_ids()(),
        number=0,  # the store gives it
        kind=OpportunityKind(kind),
        title=_text("--title", title, _LONGEST_TITLE, required=True),
        about=_text("--about", about, _LONGEST_TEXT),
        criteria=tuple(
            Criterion(name=f"criterion_{n}", label=_text("--criterion", words, _LONGEST_CRITERION, required=True))
            for n, words in enumerate(criterion or (), 1)
        ),
        payment=_text("--payment", payment, _LONGEST_TEXT),
        closes_at=closes_at,
        state=OpportunityState.DRAFT if draft else OpportunityState.PUBLISHED,
    )
    with at_the_stores("adding the opportunity"):
        kept = at_the_store(settings, lambda tx, _: opportunities.add(tx, made, now))
    if draft:
        typer.echo(f"Opportunity {kept.number} is a draft: people see it after mime opportunity publish {kept.number}.")
    else:
        typer.echo(f"Opportunity {kept.number} is published. People may ask for it{_until(settings, kept)}.")


@app.command()
def publish(number: Number) -> None:
    """Let people see a draft, and ask for it."""
    settings = settings_with_key(_NO_KEY)
    with at_the_stores("publishing the opportunity"):
        done = at_the_store(settings, lambda tx, _: opportunities.publish(tx, number, utc_now()))
    if not done:
        fail(f"opportunity {number} is no draft, or its last day is over: see mime opportunity list")
    typer.echo(f"Opportunity {number} is published.")


@app.command("list")
def list_opportunities() -> None:
    """Show each opportunity, and how many people asked for it."""
    settings = settings_with_key(_NO_KEY)
    with at_the_stores("reading the opportunities"):
        found, counts = at_the_store(settings, _all)
    for one in found:
        typer.echo(f"{_heading(one)}: {_state(settings, one)}; {counts.get(one.id, 0)} asked for it")
    if not found:
        typer.echo("There is no opportunity.")


@app.command()
def show(number: Number) -> None:
    """Show an opportunity, and who asked for it."""
    settings = settings_with_key(_NO_KEY)
    with at_the_stores("reading the opportunity"):
        found = at_the_store(settings, partial(_with_who_asked, number))
    if found is None:
        fail(_unknown(number))
    one, asked = found
    typer.echo(_heading(one))
    if about := text_in(one.about, "en"):
        typer.echo(about)
    for criterion in one.criteria:
        typer.echo(f"For people who are {text_in(criterion.label, 'en')}")
    if payment := text_in(one.payment, "en"):
        typer.echo(f"Payment: {payment}")
    typer.echo(f"It is {_state(settings, one)}.")
    if explanation := text_in(one.explanation, "en"):
        typer.echo(f"Why: {explanation}")
    typer.echo(f"{len(asked)} asked for it{':' if asked else '.'}")
    for who in asked:
        typer.echo(f"  {who.address}, {who.at.astimezone(settings.quiet.zone):%d %b %Y}")


@app.command()
def withdraw(
    number: Number,
    why: Annotated[str, typer.Option(help="The explanation that everybody gets who asked for it.")],
) -> None:
    """Withdraw an opportunity, and tell everybody who asked for it why."""
    settings, now = settings_with_key(_NO_KEY), utc_now()
    explanation = _text("--why", why, _LONGEST_TEXT, required=True)
    with at_the_stores("withdrawing the opportunity"):
        told = at_the_store(settings, lambda tx, _: opportunities.withdraw(tx, _ids(), number, explanation, now))
    if told is None:
        fail(f"there is no opportunity {number}, or it is withdrawn already: see mime opportunity list")
    typer.echo(f"Opportunity {number} is withdrawn. {_told(told)}")


async def _all(connection: AsyncConnection, _: Vault) -> tuple[list[Opportunity], dict[int, int]]:
    return await opportunities.opportunities(connection, utc_now()), dict(await opportunities.how_many(connection))


async def _with_who_asked(
    number: int, connection: AsyncConnection, vault: Vault
) -> tuple[Opportunity, list[_Asked]] | None:
    if (found := await opportunities.numbered(connection, number, utc_now())) is None:
        return None
    asked = []
    for one in await opportunities.interests(connection, found.id):
        address = await people.urn_of(connection, vault, one.contact_id, one.urn_key)
        asked.append(_Asked(address or "an address that is gone", one.at))
    return found, asked


def _text(option: str, words: str, longest: int, *, required: bool = False) -> Texts:
    """What was given, in English; or the end of the command."""
    words = " ".join(words.split())
    if required and not fold(words):
        fail(f"{option} has no letter in it")
    if len(words) > longest:
        fail(f"{option} is {len(words)} letters long: it goes out as a text message, so say it in {longest} at most")
    return {"en": words} if words else {}


def _heading(one: Opportunity) -> str:
    return f"{one.number}  {one.kind.value.replace('_', ' ')}: {text_in(one.title, 'en')}"


def _state(settings: Settings, one: Opportunity) -> str:
    match one.state:
        case OpportunityState.DRAFT:
            return f"a draft{_until(settings, one)}"
        case OpportunityState.PUBLISHED:
            return f"open{_until(settings, one)}"
        case OpportunityState.CLOSED | OpportunityState.WITHDRAWN:
            return one.state.value


def _until(settings: Settings, one: Opportunity) -> str:
    """`closes_at` is midnight: the last day is the one before."""
    return f" until {(one.closes_at.astimezone(settings.quiet.zone) - timedelta(days=1)).date():%d %b %Y}"


def _told(count: int) -> str:
    match count:
        case 0:
            return "Nobody had asked for it."
        case 1:
            return "The one person who asked for it is told why."
        case _:
            return f"The {count} people who asked for it are told why."


def _unknown(number: int) -> str:
    return f"there is no opportunity {number}: see mime opportunity list"


def _ids() -> Ids:
    return Ids(time.time, random.Random(secrets.randbits(64)).getrandbits)
