"""`mime opportunity`: what people may put themselves forward for, who did, and withdrawing it with an explanation."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from datetime import time as clock
from functools import partial
from typing import Annotated, Literal

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import library, utc_now
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.event import Criterion, Texts, text_in
from domain.ids import Ids
from domain.opportunity import Opportunity, OpportunityKind, OpportunityState
from flows.fold import fold
from flows.library import SOURCE_LANGUAGE
from store import opportunities, people
from store.event_rules import Known, known_of
from store.opportunity_rules import OpportunityRefused
from store.vault import Vault

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Offer opportunities, and see who asked for them.")

Kind = Literal["tender_panel", "staff_interview", "lay_assessor", "outside_training"]
Number = Annotated[
    int, typer.Argument(min=1, max=(1 << 31) - 1, metavar="NUMBER", help="Its number: see mime opportunity list.")
]
#: The options in which a fault stands, by its field.
_OPTIONS = {"criteria": "--criterion", "explanation": "--why"}
#: Where no time is given, people may ask until the day's last minute: midnight would be said as the day after.
_LAST_MINUTE = clock(23, 59)
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
    closes: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="The last day on which people may ask, or the hour."),
    ],
    about: Annotated[str, typer.Option(help="What people do there, when and where.")] = "",
    criterion: Annotated[
        list[str] | None,
        typer.Option(help='Whom it is for, going on after "people who are ...". Give it again for one more.'),
    ] = None,
    payment: Annotated[str, typer.Option(help="What people get for it, and what becomes of benefits.")] = "",
    publish: Annotated[bool, typer.Option("--publish", help="Publish it at once; else it is a draft.")] = False,
) -> None:
    """Offer an opportunity, in plain English."""
    settings, now = settings_with_key(_NO_KEY), utc_now()
    known = _known(settings)
    made = Opportunity(
        id=_ids()(),
        number=0,  # the store gives it
        kind=OpportunityKind(kind),
        title=_text(title),
        about=_text(about),
        criteria=_criteria(criterion),
        payment=_text(payment),
        closes_at=_closes_at(settings, closes),
        state=OpportunityState.PUBLISHED if publish else OpportunityState.DRAFT,
    )
    with at_the_stores("adding the opportunity"), _refused("added"):
        kept = at_the_store(settings, lambda tx, _: opportunities.add(tx, made, now, known))
    typer.echo(f"{_heading(kept)}: {_state(settings, kept)}.")
    if not publish:
        typer.echo(f"It is a draft: only the team sees it. To publish it: mime opportunity publish {kept.number}")


@app.command()
def edit(
    number: Number,
    title: Annotated[str | None, typer.Option(help="What it is, in a few words.")] = None,
    closes: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="The last day on which people may ask, or the hour."),
    ] = None,
    about: Annotated[str | None, typer.Option(help="What people do there, when and where.")] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option(help="Whom it is for, in English, in the place of what stood there. Give it again for one more."),
    ] = None,
    payment: Annotated[str | None, typer.Option(help="What people get for it, and what becomes of benefits.")] = None,
    language: Annotated[
        str, typer.Option(help="The language of the title, about and payment that you give, such as pl.")
    ] = SOURCE_LANGUAGE,
) -> None:
    """Change an opportunity, or say it in another language. What you leave out stays as it is."""
    settings, now = settings_with_key(_NO_KEY), utc_now()
    known = _known(settings)

    def wanted(one: Opportunity) -> Opportunity:
        return replace(
            one,
            title=_with(one.title, language, title),
            about=_with(one.about, language, about),
            payment=_with(one.payment, language, payment),
            criteria=one.criteria if criterion is None else _criteria(criterion),
            closes_at=one.closes_at if closes is None else _closes_at(settings, closes),
        )

    if all(one is None for one in (title, closes, about, criterion, payment)):
        fail("say what to change: --title, --about, --criterion, --payment or --closes")
    with at_the_stores("changing the opportunity"), _refused("changed"):
        changed = at_the_store(settings, lambda tx, _: opportunities.change(tx, number, wanted, now, known))
    if changed is None:
        fail(_unknown(number))
    typer.echo(f"{_heading(changed)}: {_state(settings, changed)}.")


@app.command()
def publish(number: Number) -> None:
    """Let people see a draft, and ask for it."""
    settings = settings_with_key(_NO_KEY)
    with at_the_stores("publishing the opportunity"):
        done = at_the_store(settings, lambda tx, _: opportunities.publish(tx, number, utc_now()))
    if not done:
        fail(f"opportunity {number} is no draft, or its time is over: see mime opportunity list")
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
    if about := text_in(one.about, SOURCE_LANGUAGE):
        typer.echo(about)
    for criterion in one.criteria:
        typer.echo(f"For people who are {text_in(criterion.label, SOURCE_LANGUAGE)}")
    if payment := text_in(one.payment, SOURCE_LANGUAGE):
        typer.echo(f"Payment: {payment}")
    typer.echo(f"It is {_state(settings, one)}.")
    if explanation := text_in(one.explanation, SOURCE_LANGUAGE):
        typer.echo(f"Why: {explanation}")
    typer.echo(f"{len(asked)} asked for it{':' if asked else '.'}")
    for who in asked:
        typer.echo(f"  {who.address}, {who.at.astimezone(settings.quiet.zone):%d %b %Y}")


@app.command()
def withdraw(
    number: Number,
    why: Annotated[str, typer.Option(help="The explanation that everybody gets who asked for it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before people are told.")] = False,
) -> None:
    """Withdraw an opportunity, and tell everybody who asked for it why."""
    settings = settings_with_key(_NO_KEY)
    explanation, known = _text(why), _known(settings)
    if not fold(why):
        fail("--why has no letter in it")
    with at_the_stores("reading the opportunity"):
        found = at_the_store(settings, partial(_with_who_asked, number))
    if found is None:
        fail(_unknown(number))
    one, asked = found
    if asked and not yes and one.state is not OpportunityState.WITHDRAWN:
        _agree(f"{_heading(one)}. {len(asked)} asked for it, and will be told. Withdraw it?")
    with at_the_stores("withdrawing the opportunity"), _refused("withdrawn"):
        told = at_the_store(
            settings, lambda tx, _: opportunities.withdraw(tx, _ids(), number, explanation, utc_now(), known)
        )
    if told is None:
        fail(f"opportunity {number} is withdrawn already")
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


def _agree(question: str) -> None:
    """Ask before anybody is told; the end of the command where it is not wanted."""
    try:
        agreed = typer.confirm(question)
    except typer.Abort:  # nobody is there to be asked, or they left
        typer.echo("\nSay --yes to go on without being asked.", err=True)
        agreed = False
    if not agreed:
        fail("Nothing was changed.")


@contextmanager
def _refused(done: str) -> Iterator[None]:
    """What cannot be kept so ends the command, with the options in which it stands."""
    try:
        yield
    except OpportunityRefused as error:
        for fault in error.faults:
            field = str(fault.place[0]) if fault.place else ""
            option = _OPTIONS.get(field, f"--{field}")
            language = f" ({fault.place[1]})" if len(fault.place) == 2 else ""
            typer.echo(f"{option}{language}: {fault.sentence}" if field else fault.sentence, err=True)
        fail(f"Nothing was {done}.")


def _known(settings: Settings) -> Known:
    with explained():
        return known_of(library(settings, drafts=True))


def _closes_at(settings: Settings, closes: datetime) -> datetime:
    last = closes.time() if closes.time() != clock() else _LAST_MINUTE
    return datetime.combine(closes, last, settings.quiet.zone)


def _text(words: str) -> Texts:
    """What was given, in English, on one line."""
    words = " ".join(words.split())
    return {SOURCE_LANGUAGE: words} if words else {}


def _with(texts: Texts, language: str, words: str | None) -> Texts:
    """The texts with those words in that language; nothing given leaves them, and an empty text takes it away."""
    if words is None:
        return texts
    words = " ".join(words.split())
    others = {tag: text for tag, text in texts.items() if tag != language}
    return {**others, language: words} if words else others


def _criteria(given: Sequence[str] | None) -> tuple[Criterion, ...]:
    return tuple(Criterion(name=f"criterion_{n}", label=_text(words)) for n, words in enumerate(given or (), 1))


def _heading(one: Opportunity) -> str:
    return f"{one.number}  {one.kind.value.replace('_', ' ')}: {text_in(one.title, SOURCE_LANGUAGE)}"


def _state(settings: Settings, one: Opportunity) -> str:
    match one.state:
        case OpportunityState.DRAFT:
            return f"a draft{_until(settings, one)}"
        case OpportunityState.PUBLISHED:
            return f"open{_until(settings, one)}"
        case OpportunityState.CLOSED | OpportunityState.WITHDRAWN:
            return one.state.value


def _until(settings: Settings, one: Opportunity) -> str:
    return f" until {one.closes_at.astimezone(settings.quiet.zone):%d %b %Y %H:%M}"


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
