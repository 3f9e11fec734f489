"""An item of the newsletter as people write it, in a short YAML file: read, and written so that it reads the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from domain.newsletter import Heard, Item, ItemKind, ItemWords, first_day
from flows.library import SOURCE_LANGUAGE
from flows.lint import perhaps
from flows.yaml_files import FileError, compose, faults, located, plain
from store.event_rules import Fault
from store.newsletter_rules import ItemRefused
from store.written import Written, a_day, a_number, a_text, a_yes, as_yaml, several, without_empty

#: The team reads its own English: it needs no other reviewer.
_TEAM = "the team"
_ID = re.compile(r"\d{1,19}", re.ASCII)


def _kind(text: Any) -> Any:
    names = [one.value for one in ItemKind]
    if text not in names:
        raise ValueError(f"{text!r} is none of {', '.join(names)}{perhaps(str(text), names)}")
    return ItemKind(text)


def _month(text: Any) -> Any:
    first_day(str(text).strip())
    return str(text).strip()


def _quote(text: Any) -> Any:
    if text == "":
        return None
    if not isinstance(text, str) or not _ID.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no quote: give the number that mime newsletter quotes shows")
    return int(text)


def _fields(given: Any) -> Any:
    """Text alone would leave open which of the fields it is."""
    if not isinstance(given, dict):
        raise ValueError("expected its fields, such as title: and text:, a line each")
    return given


def _languages(given: Any) -> Any:
    if not isinstance(given, dict):
        raise ValueError("expected languages, such as en:, and under each its title: and text:")
    return given


_Words = Annotated[str, BeforeValidator(a_text)]
_Several = Annotated[tuple[_Words, ...], BeforeValidator(several)]
_Number = Annotated[int | None, BeforeValidator(a_number)]
_Day = Annotated[date | None, BeforeValidator(a_day)]
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class _WordsWritten:
    __pydantic_config__ = _STRICT
    title: _Words
    said: _Words = ""
    text: _Words
    more: _Words = ""
    reviewed_by: _Words = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeardWritten:
    __pydantic_config__ = _STRICT
    questionnaire: _Words = ""
    question: _Words = ""
    answers: _Several = ()
    feedback_on: _Number = None
    came_to: _Number = None
    wanted: _Words = ""
    districts: _Several = ()
    since: _Day = None
    until: _Day = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ItemWritten:
    __pydantic_config__ = _STRICT
    kind: Annotated[ItemKind, BeforeValidator(_kind)]
    month: Annotated[str, BeforeValidator(_month)]
    texts: Annotated[Mapping[str, Annotated[_WordsWritten, BeforeValidator(_fields)]], BeforeValidator(_languages)]
    link: _Words = ""
    event: _Number = None
    heard: Annotated[_HeardWritten | None, BeforeValidator(_fields)] = None
    public: Annotated[bool, BeforeValidator(a_yes)] = True
    quote: Annotated[int | None, BeforeValidator(_quote)] = field(default=None)


_WRITTEN = TypeAdapter(_ItemWritten)
#: The fields of an item's file, in the order in which they are written.
FIELDS = tuple(one.name for one in fields(_ItemWritten))
_KNOWN = sorted({one.name for kind in (_ItemWritten, _WordsWritten, _HeardWritten) for one in fields(kind)})


@dataclass(frozen=True, slots=True)
class ItemFile:
    """A file that was read, for faults that show only later."""

    path: Path
    root: yaml.Node
    item: Item

    def fault(self, refused: ItemRefused) -> FileError:
        """What the store refused, with the lines."""
        return located(self.path, self.root, [(fault.place, fault.sentence) for fault in refused.faults])


def read_item(path: Path) -> ItemFile:
    """The item of a file. Raises FileError, with the file, the line and what to do, for each fault."""
    root = compose(path)
    try:
        return ItemFile(path, root, item_of(plain(root, path)))
    except ItemRefused as error:
        raise located(path, root, [(fault.place, fault.sentence) for fault in error.faults]) from error


def item_of(written: Any) -> Item:
    """The item of what was written, without a number. Raises ItemRefused."""
    if not isinstance(written, dict):
        raise ItemRefused(Fault((), "expected the fields of an item, such as kind: and texts:, a line each"))
    try:
        found = _WRITTEN.validate_python(written)
    except ValidationError as error:
        raise ItemRefused(*(Fault(place, said) for place, said in faults(error, _KNOWN))) from error
    heard = None
    if found.heard is not None:
        heard = Heard(**{one.name: getattr(found.heard, one.name) for one in fields(found.heard)})
    return Item(
        id=0,
        number=0,
        kind=found.kind,
        month=found.month,
        words={
            language: ItemWords(
                title=words.title,
                text=words.text,
                said=words.said,
                more=words.more,
                reviewed_by=words.reviewed_by or (_TEAM if language == SOURCE_LANGUAGE else ""),
            )
            for language, words in found.texts.items()
        },
        link=found.link,
        event=found.event,
        heard=heard,
        public=found.public,
        quote=found.quote,
    )


def as_written(item: Item) -> Written:
    """What a file would say that gives the same item; what it would say without words is left out."""
    return without_empty(
        {
            "kind": item.kind.value,
            "month": item.month,
            "texts": {language: _words_written(language, words) for language, words in item.words.items()},
            "link": item.link,
            "event": "" if item.event is None else str(item.event),
            "heard": {} if item.heard is None else _heard_written(item.heard),
            "public": "" if item.public else "no",
            "quote": "" if item.quote is None else str(item.quote),
        }
    )


def file_of(item: Item) -> str:
    """The text of a file that gives the same item."""
    return as_yaml(as_written(item))


def _words_written(language: str, words: ItemWords) -> Written:
    written = {one.name: getattr(words, one.name) for one in fields(_WordsWritten)}
    if language == SOURCE_LANGUAGE and words.reviewed_by == _TEAM:
        written["reviewed_by"] = ""
    return without_empty(written)


def _heard_written(heard: Heard) -> Written:
    written: Written = {}
    for one in fields(_HeardWritten):
        match getattr(heard, one.name):
            case None:
                continue
            case tuple() as many:
                written[one.name] = list(many)
            case date() as day:
                written[one.name] = day.isoformat()
            case given:
                written[one.name] = str(given)
    return without_empty(written)
