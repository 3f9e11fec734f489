"""Files -> flows, phrases, words, catalogues. Its errors say file, line and what to do."""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from babel import localedata
from babel.dates import get_day_names, get_month_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from pydantic import ConfigDict, TypeAdapter

from flows import model
from flows.distress import DistressWords, Screen, compile_lists
from flows.fold import fold
from flows.library import SOURCE_LANGUAGE, Language, Library
from flows.lint import PROJECT_BLANKS, perhaps, problems
from flows.model import Flow
from flows.patterns import PatternError
from flows.phrases import Phrases, Plural
from flows.texts import Catalogue, Filled, localize, localize_phrases
from flows.words import HourWords, LanguageWords, lexicon
from flows.yaml_files import FileError, Place, compose, located, plain, validated

#: A file of questions, phrases or words is wrong. The message is for its author.
FlowError = FileError

_FLOW = TypeAdapter(Flow)
_WORDS = TypeAdapter(LanguageWords)
_DISTRESS = TypeAdapter(DistressWords)
_LANGUAGES: TypeAdapter[tuple[Language, ...]] = TypeAdapter(tuple[Language, ...], config=ConfigDict(extra="forbid"))
_KNOWN_FIELDS = sorted(
    {
        f.name
        for kind in vars(model).values()
        if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
        for f in fields(kind)
    }
)


def load_flow(path: Path) -> Flow:
    """Raises FlowError, with every fault that was found."""
    root = compose(path)
    flow = validated(_FLOW, path, root, _KNOWN_FIELDS)
    if found := list(problems(flow)):
        raise located(path, root, found)
    return flow


def load_phrases(path: Path) -> Phrases:
    """Raises FlowError where a phrase is missing, unknown or without a comment for the translator."""
    root = compose(path)
    data = plain(root, path)
    if not isinstance(data, dict):
        raise FlowError(f"{path}:1: expected phrases, each with its text and comment")
    wanted = {f.name for f in fields(Phrases)}
    faults: list[tuple[Place, str]] = [
        ((name,), "no such phrase" + perhaps(name, wanted)) for name in data.keys() - wanted
    ]
    faults += [((), f"the phrase {name!r} is missing") for name in sorted(wanted - data.keys())]
    faults += [((name,), fault) for name, told in data.items() if (fault := _in_phrase(told))]
    if faults:
        raise located(path, root, faults)
    told: dict[str, Any] = {n: Plural(t["one"], t["other"]) if "one" in t else t["text"] for n, t in data.items()}
    return Phrases(**told)


def _in_phrase(told: Any) -> str | None:
    match told:
        case {"text": str(), "comment": str(comment)} | {"one": str(), "other": str(), "comment": str(comment)}:
            if unknown := told.keys() - {"text", "one", "other", "comment"}:
                return f"{min(unknown)!r} means nothing here"
            return None if comment else "it has no comment for the translator"
        case {"text": _} | {"one": _, "other": _}:
            return "it has no comment for the translator"
        case _:
            return "expected {text: ..., comment: ...}, or one: and other: where a number decides"


def load_words(path: Path) -> LanguageWords:
    """One language's words; its months come from CLDR, with the file's own beside them."""
    words = validated(_WORDS, path, compose(path), _KNOWN_FIELDS)
    if not localedata.exists(words.language):
        raise FlowError(f"{path}: {words.language!r} is no language that CLDR knows")
    given = words.months or ((),) * 12
    forms = [
        get_month_names(width, context, locale=words.language)
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
    ]
    months = tuple((*given[n - 1], *(form[n] for form in forms)) for n in range(1, 13))
    return replace(words, months=months, hours=_with_days(words))


def _with_days(words: LanguageWords) -> HourWords | None:
    if words.hours is None:
        return None
    given = words.hours.days or ((),) * 7
    forms = [
        get_day_names(width, context, locale=words.language)
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
    ]
    return replace(words.hours, days=tuple((*given[n], *(form[n] for form in forms)) for n in range(7)))


def load_distress(folder: Path) -> Screen:
    """Every language's list in `config/distress/`. Raises FlowError, with file and line."""
    lists = []
    for path in sorted(folder.glob("*.yaml")):
        root = compose(path)
        one = validated(_DISTRESS, path, root, _KNOWN_FIELDS)
        try:
            compile_lists([one])
        except PatternError as error:
            raise FlowError(f"{path}: {error}") from error
        lists.append(one)
    return compile_lists(lists)


def load_languages(path: Path) -> tuple[Language, ...]:
    """The languages in the order in which they are offered."""
    return validated(_LANGUAGES, path, compose(path), _KNOWN_FIELDS)


def load_catalogue(path: Path) -> Catalogue:
    """A `.po` file, read as it stands: no compiled file that could be older than it."""
    try:
        with path.open("rb") as source:
            catalogue = read_po(source)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
    except (OSError, ValueError) as error:
        raise FlowError(f"{path}: {error}") from error
    return gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))


def load_library(
    flows: Path,
    locales: Path,
    *,
    drafts: bool,
    blanks: Mapping[str, str] | None = None,
    distress: Path | None = None,
) -> Library:
    """Everything below the folders `flows` and `locales`; with `drafts`, unreviewed languages are spoken.

    `distress` is the folder with the lists of what sounds like danger. `blanks` are the project's own, filled
    here once: a line of a text whose blank is empty is left out.
    Raises FlowError.
    """
    given = dict.fromkeys(PROJECT_BLANKS, "") | dict(blanks or {})
    sources: dict[str, Flow] = {}
    for path in sorted(flows.glob("definitions/*.yaml")):
        flow = load_flow(path)
        if flow.id in sources:
            raise FlowError(f"{path}: another questionnaire has the id {flow.id!r}; ids are names of the data")
        sources[flow.id] = flow
    english = load_phrases(flows / "phrases.yaml")
    languages = {language.tag: language for language in load_languages(locales / "languages.yaml")}
    all_words = {
        t: load_words(locales / t / "words.yaml") for t, language in languages.items() if language.like is None
    }
    words = {t: replace(lexicon(language.like or t, all_words), language=t) for t, language in languages.items()}
    for own in words.values():
        own.languages.update(
            {fold(n): t for t, one in languages.items() if one.like for n in (one.name, one.english_name, *one.names)}
        )
    phrases = {}
    localized = {}
    for tag in languages:
        catalogue: Catalogue = (
            gettext.NullTranslations()
            if tag == SOURCE_LANGUAGE
            else load_catalogue(locales / tag / "LC_MESSAGES" / "flows.po")
        )
        catalogue = Filled(catalogue, _left_to_right(given) if languages[tag].right_to_left else given)
        phrases[tag] = localize_phrases(english, catalogue)
        for flow in sources.values():
            localized[flow.id, tag] = localize(flow, tag, catalogue, phrases[tag], words[tag])
    spoken = tuple(t for t, language in languages.items() if drafts or t == SOURCE_LANGUAGE or language.reviewed_by)
    starts: dict[str, str] = {}
    for flow in sources.values():
        for word in map(fold, flow.starts_with):
            if starts.setdefault(word, flow.id) != flow.id:
                raise FlowError(
                    f"{flows}: {word.upper()!r} starts both {starts[word]!r} and {flow.id!r}; choose another"
                )
    screen = Screen() if distress is None else load_distress(distress)
    return Library(sources, languages, spoken, localized, phrases, words, starts, screen)


def _left_to_right(blanks: Mapping[str, str]) -> dict[str, str]:
    """Marked (U+200E), or the halves of a number with a space in it change places in a right-to-left line."""
    return {name: f"\u200e{value}\u200e" if value else "" for name, value in blanks.items()}


def word_lists(locales: Path) -> Mapping[str, LanguageWords]:
    """Every language's words as they stand in their files: for the linter."""
    return {path.parent.name: load_words(path) for path in sorted(locales.glob("*/words.yaml"))}
