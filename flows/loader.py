"""Files -> flows, phrases, words, catalogues. The one file in flows/ that reads a disk; its errors say
file, line and what to do.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from babel import localedata
from babel.dates import get_day_names, get_month_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from pydantic import ConfigDict, TypeAdapter, ValidationError

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

T = TypeVar("T")
#: The library's reader in C, where its wheel brings it (it does on all platforms we know of): ten times as fast.
_READER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
Place = tuple[str | int, ...]


class FlowError(Exception):
    """A file of questions, phrases or words is wrong. The message is for its author."""


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
    root = _compose(path)
    flow = _validate(_FLOW, path, root)
    if found := list(problems(flow)):
        raise _error(path, root, found)
    return flow


def load_phrases(path: Path) -> Phrases:
    """Raises FlowError where a phrase is missing, unknown or without a comment for the translator."""
    root = _compose(path)
    data = _plain(root, path)
    if not isinstance(data, dict):
        raise FlowError(f"{path}:1: expected phrases, each with its text and comment")
    wanted = {f.name for f in fields(Phrases)}
    faults: list[tuple[Place, str]] = [
        ((name,), "no such phrase" + perhaps(name, wanted)) for name in data.keys() - wanted
    ]
    faults += [((), f"the phrase {name!r} is missing") for name in sorted(wanted - data.keys())]
    faults += [((name,), fault) for name, told in data.items() if (fault := _in_phrase(told))]
    if faults:
        raise _error(path, root, faults)
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
    words = _validate(_WORDS, path, _compose(path))
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
        root = _compose(path)
        one = _validate(_DISTRESS, path, root)
        try:
            compile_lists([one])
        except PatternError as error:
            raise FlowError(f"{path}: {error}") from error
        lists.append(one)
    return compile_lists(lists)


def load_languages(path: Path) -> tuple[Language, ...]:
    """The languages in the order in which they are offered."""
    return _validate(_LANGUAGES, path, _compose(path))


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


def _compose(path: Path) -> yaml.Node:
    try:
        root = yaml.compose(path.read_text("utf-8"), Loader=_READER)
    except OSError as error:
        raise FlowError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FlowError(f"{path}: it is not UTF-8; save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1) if error.problem_mark else 1
        raise FlowError(f"{path}:{line}: {error.problem}; check the indentation and the quotes") from error
    except yaml.YAMLError as error:
        raise FlowError(f"{path}: it holds a character that no text has; save it as plain UTF-8 text") from error
    if root is None:
        raise FlowError(f"{path}:1: the file is empty")
    return root


def _validate(adapter: TypeAdapter[T], path: Path, root: yaml.Node) -> T:
    try:
        return adapter.validate_python(_plain(root, path))
    except ValidationError as error:
        raise _error(path, root, ((e["loc"], _message(e)) for e in error.errors())) from error


def _message(error: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "unexpected_keyword_argument":
            name = str(error["loc"][-1])
            return f"{name!r} means nothing here" + perhaps(name, _KNOWN_FIELDS)
        case "union_tag_invalid":
            tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
            return f"{context['tag']!r} is no type of question" + perhaps(context["tag"], tags)
        case "union_tag_not_found":
            return "it has no `type:`"
        case "missing":
            return f"{error['loc'][-1]!r} is missing"
        case "string_pattern_mismatch":
            return f"{error['input']!r} is no name: use small letters, digits and _, beginning with a letter"
        case "value_error":
            return str(context["error"])
        case _:
            return str(error["msg"])


def _plain(node: yaml.Node, path: Path) -> Any:
    """Nodes to plain data; every scalar stays text, so `no` is a word and pydantic is the only typist."""
    if isinstance(node, yaml.MappingNode):
        plain: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise FlowError(f"{path}:{key.start_mark.line + 1}: expected a word before the colon; quote the text")
            if key.value in plain:
                raise FlowError(f"{path}:{key.start_mark.line + 1}: {key.value!r} is given twice")
            plain[key.value] = _plain(value, path)
        return plain
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, path) for item in node.value]
    return node.value


def _error(path: Path, root: yaml.Node, found: Iterable[tuple[Place, str]]) -> FlowError:
    lines = sorted((_line(root, place), f"{_name(place)}{message}") for place, message in found)
    return FlowError("\n".join(f"{path}:{line}: {message}" for line, message in lines))


def _line(node: yaml.Node, place: Place) -> int:
    """The line of a place; a part that names no node (pydantic adds the union's tag) is passed over."""
    line = node.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    node, line = value, key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
    return int(line) + 1


def _name(place: Place) -> str:
    return ".".join(map(str, place)) + ": " if place else ""


def word_lists(locales: Path) -> Mapping[str, LanguageWords]:
    """Every language's words as they stand in their files: for the linter."""
    return {path.parent.name: load_words(path) for path in sorted(locales.glob("*/words.yaml"))}
