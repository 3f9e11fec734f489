"""Patterns of words, as people write them in lists: alternatives, gaps, open endings. Found fast in folded text.

`_` is any one word, `...` up to three words or none, `word*` any ending, `(a|b c)` one of several. A pattern is tried
only on a text that holds the rarest of its words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from flows.fold import fold

T = TypeVar("T")

_BRACKETS = re.compile(r"\(([^()]*)\)")
_GAP = 3
#: Letters of a word with an open ending by which its patterns are found.
_STEM = 2


class PatternError(ValueError):
    """A pattern that cannot be read. The message is for its author."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several: whole words, beginnings of words, or runs of elements."""

    words: frozenset[str]
    stems: tuple[str, ...] = ()
    runs: tuple[Elements, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """Any words: at least so many, at most so many."""

    least: int
    most: int


Elements = tuple[OneOf | Skip, ...]
_ANY, _SEVERAL = Skip(1, 1), Skip(0, _GAP)
_WILD = {"_": _ANY, "...": _SEVERAL, "\u2026": _SEVERAL}


def match(tokens: Sequence[str], at: int, elements: Elements, n: int) -> int | None:
    """Where the elements from the n-th on end that begin at that token; None where they do not fit."""
    while n < len(elements):
        element = elements[n]
        n += 1
        if isinstance(element, Skip):
            if element.least:
                at += element.least
                if at > len(tokens):
                    return None
                continue
            for skipped in range(element.most + 1):
                if at + skipped > len(tokens):
                    return None
                if (end := match(tokens, at + skipped, elements, n)) is not None:
                    return end
            return None
        for run in element.runs:
            end = match(tokens, at, run, 0)
            if end is not None and (end := match(tokens, end, elements, n)) is not None:
                return end
        if at >= len(tokens):
            return None
        token = tokens[at]
        if token not in element.words and not token.startswith(element.stems):
            return None
        at += 1
    return at


def parse(pattern: str) -> Elements:
    """A pattern as elements over folded words.

    `_` is any one word, `...` up to three words or none, `word*` any ending, `(a|b c)` one of several.
    """
    elements: list[OneOf | Skip] = []
    at = 0
    for found in _BRACKETS.finditer(pattern):
        elements += _words(pattern[at : found.start()], pattern)
        elements.append(_one_of([_words(choice, pattern) for choice in found[1].split("|")]))
        at = found.end()
    elements += _words(pattern[at:], pattern)
    if not any(map(_keys, elements)):
        raise PatternError(f"{pattern!r} has no word of two letters or more that must be there")
    return tuple(elements)


def _one_of(choices: Sequence[list[OneOf | Skip]]) -> OneOf:
    words: set[str] = set()
    stems: list[str] = []
    runs: list[Elements] = []
    for choice in choices:
        match choice:
            case [OneOf(words=several, stems=endings)]:
                words |= several
                stems += endings
            case _:
                runs.append(tuple(choice))
    return OneOf(frozenset(words), tuple(stems), tuple(runs))


def _words(text: str, pattern: str) -> list[OneOf | Skip]:
    if "(" in text or ")" in text or "|" in text:
        raise PatternError(f"{pattern!r}: a bracket is not closed, or stands within another")
    elements: list[OneOf | Skip] = []
    for word in text.split():
        if word in _WILD:
            elements.append(_WILD[word])
            continue
        several = fold(word).split()
        for n, folded in enumerate(several, start=1):
            open_ended = word.endswith("*") and n == len(several)
            elements.append(OneOf(frozenset(), (folded,)) if open_ended else OneOf(frozenset({folded})))
    return elements


def _keys(element: OneOf | Skip) -> frozenset[str]:
    """The words of which one must be there for the element to match, an open ending as `wor*`; none where that
    cannot be said.
    """
    if isinstance(element, Skip) or any(len(stem) < _STEM for stem in element.stems):
        return frozenset()
    keys = set(element.words) | {f"{stem[:_STEM]}*" for stem in element.stems}
    for run in element.runs:
        within = next(filter(None, map(_keys, run)), None)
        if within is None:
            return frozenset()
        keys |= within
    return frozenset(keys)


@dataclass(frozen=True)
class Index(Generic[T]):
    """Patterns, each with what it stands for."""

    by_word: Mapping[str, Sequence[tuple[Elements, T]]] = field(default_factory=dict, repr=False)
    by_stem: Mapping[str, Sequence[tuple[Elements, T]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, patterns: Iterable[tuple[str, T]]) -> Index[T]:
        """Raises PatternError."""
        read = [(parse(pattern), meaning) for pattern, meaning in patterns]
        common: Counter[str] = Counter()
        for elements, _ in read:
            for element in elements:
                common.update(_keys(element))
        by_word: dict[str, list[tuple[Elements, T]]] = {}
        by_stem: dict[str, list[tuple[Elements, T]]] = {}
        for one in read:
            rarest = min(filter(None, map(_keys, one[0])), key=lambda keys: max(common[key] for key in keys))
            for key in rarest:
                if key.endswith("*"):
                    by_stem.setdefault(key[:_STEM], []).append(one)
                else:
                    by_word.setdefault(key, []).append(one)
        return cls(by_word, by_stem)

    def hits(self, tokens: Sequence[str]) -> Iterator[tuple[int, int, T]]:
        """Where each pattern stands among the words of a folded sentence: its first word, the one behind its last,
        and its meaning.
        """
        tried: set[int] = set()
        for token in tokens:
            for patterns in (self.by_word.get(token), self.by_stem.get(token[:_STEM])):
                for one in patterns or ():
                    if id(one) in tried:
                        continue
                    tried.add(id(one))
                    elements, meaning = one
                    for at in range(len(tokens)):
                        if (end := match(tokens, at, elements, 0)) is not None:
                            yield at, end, meaning
