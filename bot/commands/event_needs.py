"""`mime event needs|settle|hand|demand`: what people need at an event, who sees to it, and what is wanted more of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import library, utc_now
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.event import Event, text_in
from domain.need import Need
from flows.fold import fold
from flows.labels import label
from flows.library import SOURCE_LANGUAGE, Library
from flows.model import Locality
from store import demands, events, roster, tasks
from store.demands import Demand
from store.roster import Entry
from store.tasks import Task, Totals
from store.vault import Vault

Number = Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="The event's number: see mime event list.")]
TaskNumber = Annotated[str, typer.Argument(metavar="TASK", help="The task's number: see mime event needs.")]
_NO_KEY = "the store cannot be opened"
_DIGITS = 18
#: Which flow asks what is wanted, and in which question.
_ASKED_IN, _WANTED = "events", "wanted"


def register(app: typer.Typer) -> None:
    """Put the commands under `mime event`."""
    app.command()(needs)
    app.command()(settle)
    app.command()(hand)
    app.command()(demand)


def needs(
    number: Number,
    venue: Annotated[
        bool, typer.Option("--venue", help="What the place and the caterer may know: numbers, and no names.")
    ] = False,
) -> None:
    """Show what people need at an event, and what is still to be arranged."""
    settings = settings_with_key(_NO_KEY)

    async def read(
        connection: AsyncConnection, vault: Vault
    ) -> tuple[Event, list[Task], Totals, list[tuple[str, str]]] | None:
        found = await events.numbered(connection, number)
        if found is None:
            return None
        id = found.event.id
        there, totals = await tasks.tasks_at(connection, vault, id), await tasks.totals(connection, vault, id)
        return found.event, there, totals, await tasks.other_needs(connection, vault, id)

    with at_the_stores("reading what people need"):
        found = at_the_store(settings, read)
    if found is None:
        fail(f"there is no event {number}: see mime event list")
    event, there, totals, others = found
    zone = settings.quiet.zone
    typer.echo(f"{text_in(event.title, SOURCE_LANGUAGE)}, {event.starts_at.astimezone(zone):%a %d %b %Y %H:%M}")
    if venue:
        _for_the_venue(totals)
    else:
        _for_the_team(there, zone)
        for name, words in others:
            typer.echo(f"Also said by {name or 'somebody without a name'}: {words}")


def settle(task: TaskNumber) -> None:
    """Note that a task is arranged."""
    settings = settings_with_key(_NO_KEY)

    async def act(connection: AsyncConnection, vault: Vault) -> tuple[Task, bool, int]:
        one = _the_one(task, await _meant(connection, vault, task))
        done = await tasks.settle(connection, one.id, utc_now())
        return one, done, await tasks.unready(connection, one.event.id)

    with at_the_stores("settling the task"):
        one, done, left = at_the_store(settings, act)
    if not done:
        fail(f"task {task} is settled already: {_what(one)} for {_name(one)}")
    typer.echo(f"Settled: {_what(one)} for {_name(one)}.")
    typer.echo(_readiness(one.event.number, left))


def hand(
    task: TaskNumber, name: Annotated[str, typer.Argument(help="Who of the team sees to it: see mime team list.")]
) -> None:
    """Give a task to somebody else of the team."""
    settings = settings_with_key(_NO_KEY)

    async def act(connection: AsyncConnection, vault: Vault) -> tuple[Task, Entry | None]:
        one = _the_one(task, await _meant(connection, vault, task))
        team = await roster.roster(connection, vault)
        owner = next((entry for entry in team if fold(entry.name) == fold(name)), None)
        if owner is not None:
            await tasks.hand_to(connection, one.id, owner.contact_id)
        return one, owner

    with at_the_stores("giving the task to somebody else"):
        one, owner = at_the_store(settings, act)
    if owner is None:
        fail(f"nobody on the team is called {name!r}: see mime team list")
    typer.echo(f"{owner.name} sees to it: {_what(one)} for {_name(one)}.")
    if not owner.reachable:
        typer.echo(f"{owner.name} cannot be reached, so it will soon be somebody else's again.")


def demand() -> None:
    """Show what people want more of, and where. For the team only: few people can be known by it."""
    settings = settings_with_key(_NO_KEY)
    with explained():
        flows = library(settings, drafts=True)
    with at_the_stores("reading what people want"):
        found = at_the_store(settings, lambda tx, _: demands.demands(tx))
    for one in found:
        typer.echo(_wanted(one, flows, settings))
    if not found:
        typer.echo("Nobody has asked for more of anything yet.")


def _for_the_team(there: Sequence[Task], zone: ZoneInfo) -> None:
    for one in there:
        if one.settled_at is not None:
            when = "settled"
        else:
            when = f"by {one.due_at.astimezone(zone):%a %d %b %Y %H:%M}, {one.owner or 'nobody sees to it yet'}"
        typer.echo(f"{one.number}  {_what(one)} for {_name(one)}: {when}")
    if there:
        typer.echo(_readiness(there[0].event.number, sum(one.settled_at is None for one in there)))
    else:
        typer.echo("Nothing has to be arranged: it is ready.")


def _for_the_venue(totals: Totals) -> None:
    typer.echo(f"People: {totals.people}")
    for need, count in totals.needs.items():
        typer.echo(f"{_NAMES[need]}: {count}")
        for diet, people in totals.diets.items() if need is Need.DIET else ():
            typer.echo(f"  {diet}: {people}")
    if totals.kept_back:  # not for those to whom the rest is passed on
        people_are = "1 person's needs are" if totals.kept_back == 1 else f"The needs of {totals.kept_back} people are"
        typer.echo(f"{people_are} not in it: they did not agree, or were not asked.", err=True)


def _readiness(number: int, left: int) -> str:
    match left:
        case 0:
            return f"Event {number} is ready."
        case 1:
            return f"Event {number} is not ready: 1 task is open."
        case _:
            return f"Event {number} is not ready: {left} tasks are open."


_NAMES = {
    Need.INTERPRETER: "Interpreter",
    Need.BSL: "British Sign Language interpreter",
    Need.LARGE_PRINT: "Large print",
    Need.DIET: "Special food",
    Need.TRANSPORT: "Help to get there",
    Need.QUIET_SPACE: "Quiet room",
    Need.WHEELCHAIR: "No steps, room for a wheelchair",
    Need.COMPANION: "Comes with someone",
    Need.ONE_TO_ONE: "Wants to talk with one person only",
}


def _what(one: Task) -> str:
    return f"{_NAMES[one.need]} ({one.detail})" if one.detail else _NAMES[one.need]


def _name(one: Task) -> str:
    return one.name or "somebody without a name"


async def _meant(connection: AsyncConnection, vault: Vault, number: str) -> list[Task]:
    if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS):
        fail(f"{number!r} is no task's number: see mime event needs")
    return await tasks.numbered(connection, vault, number)


def _the_one(number: str, found: Sequence[Task]) -> Task:
    if not found:
        fail(f"there is no task {number}: see mime event needs")
    if len(found) > 1:
        said = "\n".join(f"  {one.id}  event {one.event.number}, {_what(one)} for {_name(one)}" for one in found)
        fail(f"{number} may be one of several tasks; write out its whole number:\n{said}")
    return found[0]


def _wanted(one: Demand, flows: Library, settings: Settings) -> str:
    zone = settings.quiet.zone
    flow = flows.flows.get(_ASKED_IN)
    kind = one.kind if flow is None else label(flow, _WANTED, one.kind)
    where = _district(flows)(one.district) if one.district else "we do not know where"
    people = "1 person" if one.people == 1 else f"{one.people} people"
    since = f"{one.since.astimezone(zone):%d %b %Y}"
    last = f"{one.last.astimezone(zone):%d %b %Y}"
    return f"{kind}, {where}: {people}, since {since}{f'; the last {last}' if last != since else ''}"


def _district(flows: Library) -> Callable[[str], str]:
    questions = (question for flow in flows.flows.values() for question in flow.asked())
    places = {p.name: p.label for one in questions if isinstance(one, Locality) for p in one.places}
    return lambda name: places.get(name, "elsewhere")
