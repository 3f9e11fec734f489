"""`mime lint`: every questionnaire, phrase and word list, and what each text costs by SMS in each language."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from rich.console import Console
from rich.table import Table

from bot.app import ROOT, library
from bot.commands.failing import FAILED, explained
from config.settings import read_settings
from domain.sms import prepare, segments
from flows.effects import Ask, Say
from flows.library import SOURCE_LANGUAGE, Library
from flows.loader import word_lists
from flows.localized import LocalFlow
from flows.model import Act, Flow, Note
from flows.render import Renderer
from flows.wording import problems
from flows.words import clashes

app = typer.Typer(add_completion=False)

#: How much longer than its budget a text may be where its letters need UCS-2: 70 a segment, not 160.
UCS2_FACTOR = 3
#: Of the bot's own sentences; the crisis text is the longest.
PHRASE_SEGMENTS = 2


@app.command()
def lint() -> None:
    """Check all questionnaires and languages, and print SMS segments by language; exit 1 over budget."""
    with explained():
        flows = library(read_settings(contact_phone="01632 960123"), drafts=True)
        faults = [
            *clashes(word_lists(ROOT / "locales")),
            *over_budget(flows),
            *phrases_over_budget(flows),
            *problems(flows),
        ]
    table = Table("questionnaire", *flows.languages, title="SMS segments, all texts of a questionnaire once")
    for flow in flows.flows.values():
        counts = [str(sum(n for _, n in costs(flows, flow, tag))) for tag in flows.languages]
        table.add_row(flow.id, *counts)
    Console().print(table)
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(FAILED)


def costs(flows: Library, flow: Flow, language: str) -> Iterator[tuple[str, int]]:
    """Each text of the flow as it goes out by SMS, by the item's name, and its segments."""
    local: LocalFlow = flows.localized[flow.id, language]
    renderer = Renderer()
    for step in local.steps:
        if isinstance(step.item, Act):
            continue
        said = Say(step.item.label) if isinstance(step.item, Note) else Ask(step.item)
        text = renderer.message([said], local.phrases, language, buttons=False, sms=True).text
        yield step.item.name, segments(text).count


def phrases_over_budget(flows: Library) -> Iterator[str]:
    """Each sentence of the bot's own that takes too many segments; what a list is made of is not one."""
    for language in flows.languages:
        allowed = PHRASE_SEGMENTS if language == SOURCE_LANGUAGE else PHRASE_SEGMENTS * UCS2_FACTOR
        for name in flows.phrases[language].__slots__:
            text = getattr(flows.phrases[language], name)
            if isinstance(text, str) and (count := segments(prepare(text)).count) > allowed:
                yield f"phrases.{name} in {language}: {count} segments, and {allowed} are allowed; say it shorter"


def over_budget(flows: Library) -> Iterator[str]:
    """Each text that takes more segments than its questionnaire allows, in any language."""
    for flow in flows.flows.values():
        for language in flows.languages:
            allowed = flow.segments if language == SOURCE_LANGUAGE else flow.segments * UCS2_FACTOR
            for name, count in costs(flows, flow, language):
                if count > allowed:
                    yield f"{flow.id}.{name} in {language}: {count} segments, and {allowed} are allowed; say it shorter"
