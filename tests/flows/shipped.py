"""The flows, languages and words as shipped, loaded once for all tests that speak them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from flows.library import Library
from flows.loader import load_languages, load_library, word_lists
from flows.localized import LocalFlow
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


def local(flow: str, language: str = "en") -> LocalFlow:
    return library().localized[flow, language]


def words(language: str = "en") -> Lexicon:
    return library().words[language]
