"""Whether somebody writes that they may be in danger: reviewable lists of phrases, and no more than those.

Every text is screened in all languages at once. A list cannot understand; it is cheap, can be read by anybody who
wants to know what is heard, and answers at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import ConfigDict, Field

from flows.fold import fold

#: So many words before an alarm turn it round: "I would never even think of hurting myself".
_TURNED_WITHIN = 4
_SENTENCES = re.compile(r"[.!?;\n\u06d4\u0964\u061f\u2026]+")
_BRACKETS = re.compile(r"\(([^()]*)\)")
_GAP = 3
#: Letters of a word with an open ending by which its patterns are found.
_STEM = 3

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
    """One language's exceptions and negations, looked at only where an alarm was found."""

    language: str
    excepted: tuple[_Elements, ...] = field(repr=False)
    negations: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Alarm:
    """A pattern of a list. `always`: no word before it turns it round."""

    words: _List
    elements: _Elements
    always: bool


@dataclass(frozen=True)
class Screen:
    """All languages' lists. A pattern is tried only on a sentence that holds the rarest of its words: `by_word` gives
    the alarms by that word, `by_stem` by the first letters of one with an open ending.
    """

    by_word: Mapping[str, Sequence[_Alarm]] = field(default_factory=dict, repr=False)
    by_stem: Mapping[str, Sequence[_Alarm]] = field(default_factory=dict, repr=False)
    languages: tuple[str, ...] = ()

    def hears(self, text: str) -> bool:
        """Whether the text holds an alarm in any language."""
        return self.language(text) is not None

    def language(self, text: str) -> str | None:
        """The language whose list holds an alarm of this text; None where none does."""
        if len(text) < 3 or text.isdecimal():  # most replies are a number
            return None
        for part in _SENTENCES.split(text[:_LONGEST]):
            if (said := fold(part)) and (found := self._alarm(said.split())) is not None:
                return found.words.language
        return None

    def _alarm(self, tokens: Sequence[str]) -> _Alarm | None:
        """The first alarm in the sentence that no exception covers and no negation turns round."""
        tried: set[int] = set()
        for token in tokens:
            for alarms in (self.by_word.get(token), self.by_stem.get(token[:_STEM])):
                for alarm in alarms or ():
                    if id(alarm) not in tried:
                        tried.add(id(alarm))
                        if _sounds(tokens, alarm):
                            return alarm
        return None


_LONGEST = 4096


def _sounds(tokens: Sequence[str], alarm: _Alarm) -> bool:
    for at in range(len(tokens)):
        end = _match(tokens, at, alarm.elements, 0)
        if end is not None and _stands(tokens, at, end, alarm):
            return True
    return False


def _stands(tokens: Sequence[str], start: int, end: int, alarm: _Alarm) -> bool:
    words = alarm.words
    for elements in words.excepted:
        for at in range(end):
            covered = _match(tokens, at, elements, 0)
            if covered is not None and covered > start:
                return False
    return alarm.always or words.negations.isdisjoint(tokens[max(0, start - _TURNED_WITHIN) : start])


def compile_lists(several: Iterable[DistressWords]) -> Screen:
    """Raises PatternError."""
    alarms = []
    languages = []
    for words in several:
        languages.append(words.language)
        negations = frozenset(fold(word) for word in words.negations)
        one = _List(words.language, tuple(map(_parsed, words.except_)), negations)
        alarms += [_Alarm(one, _parsed(pattern), False) for pattern in words.alarms]
        alarms += [_Alarm(one, _parsed(pattern), True) for pattern in words.alarms_with_not]
    return _indexed(alarms, tuple(languages))


def _indexed(alarms: Sequence[_Alarm], languages: tuple[str, ...]) -> Screen:
    common: Counter[str] = Counter()
    for alarm in alarms:
        for element in alarm.elements:
            common.update(_keys(element))
    by_word: dict[str, list[_Alarm]] = {}
    by_stem: dict[str, list[_Alarm]] = {}
    for alarm in alarms:
        rarest = min(filter(None, map(_keys, alarm.elements)), key=lambda keys: max(common[key] for key in keys))
        for key in rarest:
            if key.endswith("*"):
                by_stem.setdefault(key[:_STEM], []).append(alarm)
            else:
                by_word.setdefault(key, []).append(alarm)
    return Screen(by_word, by_stem, languages)


def _keys(element: _OneOf | _Skip) -> frozenset[str]:
    """The words of which one must be there for the element to match, an open ending as `wor*`; none where that
    cannot be said.
    """
    if isinstance(element, _Skip) or any(len(stem) < _STEM for stem in element.stems):
        return frozenset()
    keys = set(element.words) | {f"{stem[:_STEM]}*" for stem in element.stems}
    for run in element.runs:
        within = next(filter(None, map(_keys, run)), None)
        if within is None:
            return frozenset()
        keys |= within
    return frozenset(keys)


@dataclass(frozen=True, slots=True)
class _OneOf:
    """One of several: whole words, beginnings of words, or runs of elements."""

    words: frozenset[str]
    stems: tuple[str, ...] = ()
    runs: tuple[_Elements, ...] = ()


@dataclass(frozen=True, slots=True)
class _Skip:
    """Any words: at least so many, at most so many."""

    least: int
    most: int


_Elements = tuple[_OneOf | _Skip, ...]
_ANY, _SEVERAL = _Skip(1, 1), _Skip(0, _GAP)
_WILD = {"_": _ANY, "...": _SEVERAL, "\u2026": _SEVERAL}


def _match(tokens: Sequence[str], at: int, elements: _Elements, n: int) -> int | None:
    """Where the elements from the n-th on end that begin at that token; None where they do not fit."""
    while n < len(elements):
        element = elements[n]
        n += 1
        if isinstance(element, _Skip):
            if element.least:
                at += element.least
                if at > len(tokens):
                    return None
                continue
            for skipped in range(element.most + 1):
                if at + skipped > len(tokens):
                    return None
                if (end := _match(tokens, at + skipped, elements, n)) is not None:
                    return end
            return None
        for run in element.runs:
            end = _match(tokens, at, run, 0)
            if end is not None and (end := _match(tokens, end, elements, n)) is not None:
                return end
        if at >= len(tokens):
            return None
        token = tokens[at]
        if token not in element.words and not token.startswith(element.stems):
            return None
        at += 1
    return at


def _parsed(pattern: str) -> _Elements:
    """A pattern as elements over folded words.

    `_` is any one word, `...` up to three words or none, `word*` any ending, `(a|b c)` one of several.
    """
    elements: list[_OneOf | _Skip] = []
    at = 0
    for found in _BRACKETS.finditer(pattern):
        elements += _words(pattern[at : found.start()], pattern)
        elements.append(_one_of([_words(choice, pattern) for choice in found[1].split("|")]))
        at = found.end()
    elements += _words(pattern[at:], pattern)
    if not any(map(_keys, elements)):
        raise PatternError(f"{pattern!r} has no word of three letters or more that must be there")
    return tuple(elements)


def _one_of(choices: Sequence[list[_OneOf | _Skip]]) -> _OneOf:
    words: set[str] = set()
    stems: list[str] = []
    runs: list[_Elements] = []
    for choice in choices:
        match choice:
            case [_OneOf(words=several, stems=endings)]:
                words |= several
                stems += endings
            case _:
                runs.append(tuple(choice))
    return _OneOf(frozenset(words), tuple(stems), tuple(runs))


def _words(text: str, pattern: str) -> list[_OneOf | _Skip]:
    if "(" in text or ")" in text or "|" in text:
        raise PatternError(f"{pattern!r}: a bracket is not closed, or stands within another")
    elements: list[_OneOf | _Skip] = []
    for word in text.split():
        if word in _WILD:
            elements.append(_WILD[word])
            continue
        several = fold(word).split()
        for n, folded in enumerate(several, start=1):
            open_ended = word.endswith("*") and n == len(several)
            elements.append(_OneOf(frozenset(), (folded,)) if open_ended else _OneOf(frozenset({folded})))
    return elements
