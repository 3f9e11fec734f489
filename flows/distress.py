"""Whether somebody writes that they may be in danger: reviewable lists of phrases, and no more than those.

Every text is screened in all languages at once. A list cannot understand; it is cheap, can be read by anybody who
wants to know what is heard, and answers at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import ConfigDict, Field

from flows.fold import fold
from flows.patterns import Index

#: So many words before an alarm turn it round: "I would never even think of hurting myself".
_TURNED_WITHIN = 4
_SENTENCES = re.compile(r"[.!?;\n\u06d4\u0964\u061f\u2026]+")

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


@dataclass(frozen=True, slots=True)
class _List:
    """One language's name and negations, looked at only where an alarm was found."""

    language: str
    negations: frozenset[str] = field(repr=False)


@dataclass(frozen=True)
class Screen:
    """All languages' lists. An alarm is its list, and whether no word before it turns it round. An exception is for the
    alarms of its own language; the English ones are for all: people say an English idiom in the middle of their own.
    """

    alarms: Index[tuple[_List, bool]] = field(default_factory=Index)
    excepted: Index[str] = field(default_factory=Index)
    languages: tuple[str, ...] = ()

    def hears(self, text: str) -> bool:
        """Whether the text holds an alarm in any language."""
        return self.language(text) is not None

    def language(self, text: str) -> str | None:
        """The language whose list holds an alarm of this text that no exception covers and no negation turns round;
        None where none does.
        """
        if len(text) < 3 or text.isdecimal():  # most replies are a number
            return None
        for part in _SENTENCES.split(text[:_LONGEST]):
            tokens = fold(part).split()
            excepted: list[tuple[int, int, str]] | None = None
            for start, end, (words, always) in self.alarms.hits(tokens):
                if excepted is None:
                    excepted = list(self.excepted.hits(tokens))
                if any(a < end and start < b and whose in (words.language, "en") for a, b, whose in excepted):
                    continue
                if always or words.negations.isdisjoint(tokens[max(0, start - _TURNED_WITHIN) : start]):
                    return words.language
        return None


_LONGEST = 4096


def compile_lists(several: Iterable[DistressWords]) -> Screen:
    """Raises PatternError."""
    alarms: list[tuple[str, tuple[_List, bool]]] = []
    excepted: list[tuple[str, str]] = []
    languages = []
    for words in several:
        languages.append(words.language)
        negations = frozenset(fold(word) for word in words.negations)
        one = _List(words.language, negations)
        excepted += [(pattern, words.language) for pattern in words.except_]
        alarms += [(pattern, (one, False)) for pattern in words.alarms]
        alarms += [(pattern, (one, True)) for pattern in words.alarms_with_not]
    return Screen(Index.of(alarms), Index.of(excepted), tuple(languages))
