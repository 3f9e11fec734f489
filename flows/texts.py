"""The texts of flows: out to translators with file, line and comment, and back in one language.

A text is its own key, so that "Yes" is translated once; `context:` in the YAML makes a msgctxt
where one word needs two translations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, BinaryIO, Protocol

import yaml

from flows.localized import LocalFlow
from flows.model import Act, Flow, Group, Note, Question, Scale, SelectMultiple, SelectOne
from flows.phrases import Phrases, Plural
from flows.words import Lexicon


class Catalogue(Protocol):
    """What we need of `gettext.GNUTranslations`."""

    def gettext(self, message: str) -> str: ...
    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str: ...
    def pgettext(self, context: str, message: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Filled:
    """A catalogue whose texts have the project's blanks filled; a line whose blank is empty is left out."""

    catalogue: Catalogue
    blanks: Mapping[str, str]

    def gettext(self, message: str) -> str:
        return self._fill(self.catalogue.gettext(message))

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self._fill(self.catalogue.ngettext(msgid1, msgid2, n))

    def pgettext(self, context: str, message: str) -> str:
        return self._fill(self.catalogue.pgettext(context, message))

    def _fill(self, text: str) -> str:
        return with_blanks(text, self.blanks)


def with_blanks(text: str, blanks: Mapping[str, str]) -> str:
    """The text with these blanks filled; a line with a blank that stays empty is left out."""
    for name, value in blanks.items():
        blank = f"{{{name}}}"
        if blank not in text:
            continue
        if value:
            text = text.replace(blank, value)
        else:
            text = "\n".join(line for line in text.split("\n") if blank not in line)
    return text


@dataclass(frozen=True, slots=True)
class Text:
    """One text to translate, with what its translator should know."""

    text: str
    comment: str
    line: int
    plural: str | None = None
    context: str | None = None


def extract(
    fileobj: BinaryIO, keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[int, str, Any, list[str]]]:
    """Babel's way to ask for the texts of a YAML file (see `[tool.babel]` in pyproject.toml)."""
    for text in texts(fileobj.read().decode("utf-8")):
        if text.context is not None:
            yield text.line, "pgettext", (text.context, text.text), [text.comment]
        elif text.plural is not None:
            yield text.line, "ngettext", (text.text, text.plural), [text.comment]
        else:
            yield text.line, "gettext", text.text, [text.comment]


def texts(source: str) -> Iterator[Text]:
    """Every text of a flow's file, or of `phrases.yaml`, in order."""
    top = _fields(yaml.compose(source, Loader=yaml.BaseLoader))
    if "questions" in top:
        yield from _of_items(top["questions"], top["id"].value)
        return
    for name, node in top.items():
        phrase = _fields(node)
        comment = f"{name}: {phrase['comment'].value}"
        if "one" in phrase:
            yield _text(phrase["one"], comment, plural=phrase["other"].value)
        else:
            yield _text(phrase["text"], comment)


def _of_items(items: Any, flow: str) -> Iterator[Text]:
    for node in items.value:
        item = _fields(node)
        if "questions" in item:
            yield from _of_items(item["questions"], flow)
            continue
        if "label" not in item:  # done without a word
            continue
        place = f"{flow}.{item['name'].value}"
        comment = f"{place}: {item['comment'].value}" if "comment" in item else place
        context = item["context"].value if "context" in item else None
        yield _text(item["label"], comment, context=context)
        for end in ("low", "high"):
            if end in item:
                yield _text(item[end], f"{place}: the {end} end of the scale", context=context)
        for choice in item["choices"].value if "choices" in item else ():
            of = _fields(choice)
            yield _text(of["label"], f"{place}: an answer", context=of["context"].value if "context" in of else None)


def _fields(node: Any) -> dict[str, Any]:
    return {key.value: value for key, value in node.value}


def _text(node: Any, comment: str, plural: str | None = None, context: str | None = None) -> Text:
    return Text(node.value, comment, node.start_mark.line + 1, plural, context)


def localize(flow: Flow, language: str, catalogue: Catalogue, phrases: Phrases, words: Lexicon) -> LocalFlow:
    """The same flow with every text in one language."""

    def say(text: str, context: str | None) -> str:
        return catalogue.gettext(text) if context is None else catalogue.pgettext(context, text)

    def item(one: Question | Note | Act) -> Question | Note | Act:
        if isinstance(one, Act):
            return one
        told = replace(one, label=say(one.label, one.context))
        match told:
            case Scale():
                return replace(told, low=say(told.low, one.context), high=say(told.high, one.context))
            case SelectOne() | SelectMultiple():
                return replace(told, choices=tuple(replace(c, label=say(c.label, c.context)) for c in told.choices))
            case _:
                return told

    questions = tuple(
        replace(q, questions=tuple(item(one) for one in q.questions)) if isinstance(q, Group) else item(q)
        for q in flow.questions
    )
    kept = {f.name: getattr(flow, f.name) for f in fields(flow)} | {
        "language": language,
        "questions": questions,
    }
    return LocalFlow(**kept, phrases=phrases, words=words)


def localize_phrases(phrases: Phrases, catalogue: Catalogue) -> Phrases:
    told: dict[str, Any] = {}
    for field in fields(phrases):
        match getattr(phrases, field.name):
            case Plural(one, other):
                told[field.name] = Plural(one, other, catalogue.ngettext)
            case text:
                told[field.name] = catalogue.gettext(text)
    return Phrases(**told)
