"""The flows, languages and words as shipped, loaded once for all tests that speak them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from domain.event import Criterion, Day, Event, EventKind, Venue
from flows.conditions import Answer
from flows.library import Library
from flows.loader import load_languages, load_library, word_lists
from flows.localized import LocalFlow
from flows.model import Flow
from flows.programme import with_events, with_facts
from flows.words import LanguageWords, Lexicon

ROOT = Path(__file__).resolve().parents[2]
FLOWS = ROOT / "flows"
LOCALES = ROOT / "locales"
DEFINITIONS = sorted((FLOWS / "definitions").glob("*.yaml"))

#: Tags of every language we ship, drafts among them.
LANGUAGES = tuple(language.tag for language in load_languages(LOCALES / "languages.yaml"))
FLOW_IDS = tuple(path.stem for path in DEFINITIONS)

#: A number that nobody has (Ofcom keeps it for films).
PHONE = "01632 960001"

#: What fills the project's blanks.
NUMBERS = {
    "phone": PHONE,
    "emergency": "999",
    "health_line": "111",
    "health_option": "2",
    "listeners": "116 123",
    "text_word": "SHOUT",
    "text_number": "85258",
}

#: A Monday, on which all tests are held.
TODAY = date(2026, 11, 23)


@cache
def library() -> Library:
    return load_library(FLOWS, LOCALES, drafts=True, blanks=NUMBERS, distress=ROOT / "config" / "distress")


@cache
def listed() -> Mapping[str, LanguageWords]:
    """Each language's words as they stand in its file; a variant's are those of its language."""
    lists = word_lists(LOCALES)
    return {
        language.tag: lists[language.like or language.tag] for language in load_languages(LOCALES / "languages.yaml")
    }


#: What flows about events are about here.
EVENTS = (
    Event(
        id=1,
        number=1,
        kind=EventKind.CONSULTATION,
        title={"en": "Have your say on jobs"},
        about={"en": "We talk about what helps people to find work."},
        welcome={"en": "If this is new to you, you are very welcome."},
        fee={"en": "It is free."},
        criteria=(
            Criterion(name="area", label={"en": "living in North Essex"}),
            Criterion(name="age", label={"en": "of an age to work"}),
        ),
        venue=Venue(name="Town Library", address="1 High Street", way={"en": "Bus 5 stops outside."}),
        days=(Day(datetime(2026, 12, 8, 14, tzinfo=UTC), datetime(2026, 12, 8, 16, 30, tzinfo=UTC)),),
    ),
    Event(
        id=2,
        number=2,
        kind=EventKind.TRAINING,
        title={"en": "How to do research"},
        venue=Venue(name="Harbour Hall"),
        days=(
            Day(datetime(2027, 1, 12, 10, tzinfo=UTC), datetime(2027, 1, 12, 16, tzinfo=UTC)),
            Day(datetime(2027, 1, 19, 10, tzinfo=UTC), datetime(2027, 1, 19, 16, tzinfo=UTC)),
        ),
    ),
)
UNTIL = datetime(2026, 11, 30, 17, tzinfo=UTC)


def facts_of(flow: Flow, said: Mapping[str, str] | None = None) -> dict[str, Answer]:
    """What is known when the flow begins: what a test says, else the first value that each may have."""
    return {name: (said or {}).get(name, values[0]) for name, values in flow.facts.items()}


def local(flow: str, language: str = "en", facts: Mapping[str, str] | None = None) -> LocalFlow:
    told = library().localized[flow, language]
    if not told.about_events:
        return with_facts(told, facts_of(told, facts)) if told.facts else told
    return with_events(told, EVENTS, facts_of(told, facts), ZoneInfo("Europe/London"), until=UNTIL)


def words(language: str = "en") -> Lexicon:
    return library().words[language]
