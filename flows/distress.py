"""Whether somebody writes that they may be in danger: reviewable lists of phrases, and no more than those.

Every text is screened in all languages at once. A list cannot understand; it is cheap, can be read by anybody who
wants to know what is heard, and answers at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated

from pydantic import ConfigDict, Field

from flows.fold import fold

#: So many words before an alarm turn it round: "I would never even think of hurting myself".
_TURNED_WITHIN = 4
_SENTENCES = re.compile(r"[.!?;\n\u06d4\u0964\u061f\u2026]+")
_BRACKETS = re.compile(r"\(([^()]*)\)")
_GAP = 3
_KEY = 3  # letters

_Patterns = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistressWords:
    """One language's file in `config/distress/`; its head says how a pattern is written."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    language: str
    reviewed_by: str | None = None
    alarms: Annotated[_Patterns, Field(min_length=1)]
    except_: Annotated[_Patterns, Field(alias="except")] = ()
    negations: tuple[str, ...] = ()
    alarms_with_not: _Patterns = ()


class PatternError(ValueError):
    """A pattern that cannot be read. The message is for its author."""


@dataclass(frozen=True, slots=True)
class _List:
    """`excepted` and `always` are tried only where an alarm was found."""

    language: str
    always: re.Pattern[str] | None
    excepted: re.Pattern[str] | None
    negations: frozenset[str]


@dataclass(frozen=True)
class Screen:
    """All languages' lists, compiled. `starts` gives the patterns by the first letters of their first word, so
    that at each word of a text only those few are tried that may begin there.
    """

    starts: Mapping[str, Sequence[tuple[_List, re.Pattern[str]]]] = field(default_factory=dict)

    def hears(self, text: str) -> bool:
        """Whether the text holds an alarm in any language."""
        return self.language(text) is not None

    def language(self, text: str) -> str | None:
        """The language whose list holds an alarm of this text; None where none does."""
        if len(text) < 3 or text.isdecimal():  # most replies are a number
            return None
        for part in _SENTENCES.split(text[:_LONGEST]):
            if said := fold(part):
                for words in self._alarms(f" {said} "):
                    return words.language
        return None

    def _alarms(self, sentence: str) -> Iterator[_List]:
        """The lists with an alarm in the sentence that no exception covers and no negation turns round."""
        anywhere = self.starts.get("", ())
        at = 0
        while (end := sentence.find(" ", at + 1)) > 0:
            key = sentence[at + 1 : min(end, at + 1 + _KEY)]
            for words, patterns in (*self.starts.get(key, ()), *anywhere):
                if (found := patterns.match(sentence, at)) and _stands(sentence, at, found.end(), words):
                    yield words
            at = end


def _stands(sentence: str, start: int, end: int, words: _List) -> bool:
    if words.excepted is not None:
        for a, b in _spans(words.excepted, sentence):
            if start < b - 1 and a + 1 < end:
                return False
    if words.always is not None and words.always.match(sentence, start):
        return True
    return words.negations.isdisjoint(sentence[:start].split()[-_TURNED_WITHIN:])


def _spans(expression: re.Pattern[str], sentence: str) -> Iterator[tuple[int, int]]:
    """Every place where it matches, overlapping ones as well: the space between two words is both's."""
    at = 0
    while (found := expression.search(sentence, at)) is not None:
        yield found.span()
        at = sentence.index(" ", found.start() + 1)


_LONGEST = 4096


def compile_lists(several: Iterable[DistressWords]) -> Screen:
    """Raises PatternError."""
    starts: dict[str, list[tuple[_List, re.Pattern[str]]]] = {}
    for words in several:
        one = _List(
            words.language,
            _joined(words.alarms_with_not),
            _joined(words.except_),
            frozenset(fold(word) for word in words.negations),
        )
        by_key: dict[str, set[str]] = {}
        for pattern in (*words.alarms, *words.alarms_with_not):
            for key in _keys(pattern):
                by_key.setdefault(key, set()).add(pattern)
        for key, patterns in by_key.items():
            if (joined := _joined(patterns)) is not None:
                starts.setdefault(key, []).append((one, joined))
    return Screen(starts)


def _joined(patterns: Collection[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile(" (?:" + "|".join(sorted({_expression(one) for one in patterns}, key=len, reverse=True)) + ")")


def _keys(pattern: str) -> Iterator[str]:
    """The first letters with which a match may begin; "" where that is any."""
    found = _BRACKETS.match(pattern)
    firsts = found[1].split("|") if found else [pattern]
    for first in firsts:
        word = next(iter(first.split()), "")
        folded = next(iter(fold(word).split()), "")
        if word in ("", "_", "...", "\u2026") or (word.endswith("*") and len(folded) < _KEY):
            yield ""
        else:
            yield folded[:_KEY]


@cache
def _expression(pattern: str) -> str:
    """A pattern as a regular expression over folded words, each followed by one space.

    `_` is any one word, `...` up to three words or none, `word*` any ending, `(a|b c)` one of several.
    """
    parts: list[str] = []
    at = 0
    for found in _BRACKETS.finditer(pattern):
        parts += _words(pattern[at : found.start()], pattern)
        choices = [_words(choice, pattern) for choice in found[1].split("|")]
        parts.append("(?:" + "|".join("".join(choice) for choice in choices) + ")")
        at = found.end()
    parts += _words(pattern[at:], pattern)
    if not any(part not in (_ANY, _SEVERAL) for part in parts):
        raise PatternError(f"{pattern!r} has no word")
    return "".join(parts)


_ANY = "[^ ]+ "
_SEVERAL = f"(?:[^ ]+ ){{0,{_GAP}}}"


def _words(text: str, pattern: str) -> list[str]:
    if "(" in text or ")" in text or "|" in text:
        raise PatternError(f"{pattern!r}: a bracket is not closed, or stands within another")
    parts = []
    for word in text.split():
        if word == "_":
            parts.append(_ANY)
        elif word in ("...", "\u2026"):
            parts.append(_SEVERAL)
        else:
            open_ended = word.endswith("*")
            for n, folded in enumerate(several := fold(word).split(), start=1):
                parts.append(re.escape(folded) + ("[^ ]* " if open_ended and n == len(several) else " "))
    return parts
