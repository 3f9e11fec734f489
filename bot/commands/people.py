"""`mime people`: how far each person has come with us, what they can do, and who can be asked for a role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import library, utc_now
from bot.commands.failing import at_the_stores, explained
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.event import EventRole, text_in
from flows.labels import label
from flows.library import SOURCE_LANGUAGE, Library
from store import pathway, people
from store.pathway import RULES, Path, Ready
from store.vault import Vault

app = typer.Typer(no_args_is_help=True, add_completion=False, help="See how far people have come with us.")

RoleName = Literal["facilitator", "note-taker", "interpreter", "speaker"]
#: Which flow asks what people can do, in which questions; and the answer that their own words follow.
_ASKED_IN, _SKILLS, _LANGUAGES, _OTHER = "skills", "skills", "languages_spoken", "other"


@app.callback()
def group() -> None:
    """See how far people have come with us."""


@app.command("pathway")
def show_pathway(
    ready_for: Annotated[
        RoleName | None, typer.Option("--ready-for", help="Only those whom you can ask for that role, and why.")
    ] = None,
) -> None:
    """Show each person's steps, skills and languages; or who is ready for a role."""
    settings = settings_with_key("nobody can be named")
    with explained():
        flows = library(settings, drafts=True)
    if ready_for is None:
        with at_the_stores("reading the pathway"):
            found = at_the_store(settings, lambda tx, vault: pathway.paths(tx, vault, utc_now()))
        for one in found:
            for line in _lines(one, flows, settings):
                typer.echo(line)
        if not found:
            typer.echo("Nobody has come to an event yet, or said what they can do (the word SKILLS).")
        return
    role = EventRole(ready_for.replace("-", "_"))

    async def read(connection: AsyncConnection, vault: Vault) -> list[tuple[Ready, str]]:
        there = []
        for one in await pathway.ready_for(connection, vault, role, utc_now()):
            address = await people.address_of(connection, one.path.contact_id)
            urn = "" if address is None else await people.urn_of(connection, vault, address.contact_id, address.urn_key)
            there.append((one, urn or "cannot be reached"))
        return there

    with at_the_stores("reading the pathway"):
        asked = at_the_store(settings, read)
    typer.echo(f"Ready to be asked: {RULES[role]}; or has done it before.")
    for ready, address in asked:
        typer.echo(f"{_name(ready.path)}, {address}: {ready.why}")
    if not asked:
        typer.echo("Nobody yet.")


def _lines(one: Path, flows: Library, settings: Settings) -> list[str]:
    events = "1 event" if len(one.came) == 1 else f"{len(one.came)} events"
    lines = [f"{_name(one)}: came to {events}{'; wants no messages' if one.stopped else ''}"]
    for taken in one.steps:
        day = taken.at.astimezone(settings.quiet.zone)
        lines.append(f"  {taken.step.value}: {day:%d %b %Y}, {text_in(taken.event.title, SOURCE_LANGUAGE)}")
    if can := _listed(flows, _SKILLS, one.skills, one.other_skills):
        lines.append(f"  Can: {can}")
    if speaks := _listed(flows, _LANGUAGES, one.languages, one.other_languages):
        lines.append(f"  Speaks: {speaks}")
    return lines


def _listed(flows: Library, question: str, chosen: Sequence[str], other: str) -> str:
    """What they chose, in the words of the question, and then their own words; those only where they chose so."""
    flow = flows.flows.get(_ASKED_IN)
    named = [name if flow is None else label(flow, question, name) for name in chosen if name != _OTHER]
    return "; ".join(filter(None, (*named, other if _OTHER in chosen else "")))


def _name(one: Path) -> str:
    return one.name or "somebody without a name"
