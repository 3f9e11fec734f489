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
    keys = set(element.words) | {f"{stem}*" for stem in element.stems}
    for run in element.runs:
        within = next(filter(None, map(_keys, run)), None)
        if within is None:
            return frozenset()
        keys |= within
    return frozenset(keys)


def _width(element: OneOf | Skip) -> tuple[int, int]:
    """How many words an element takes: at least, at most."""
    if isinstance(element, Skip):
        return element.least, element.most
    of_runs = [_length(run) for run in element.runs]
    of_word = [(1, 1)] if element.words or element.stems else []
    least, most = zip(*of_runs, *of_word, strict=True)
    return min(least), max(most)


def _length(elements: Elements) -> tuple[int, int]:
    """How many words elements take together: at least, at most."""
    widths = [_width(element) for element in elements]
    return sum(least for least, _ in widths), sum(most for _, most in widths)


@dataclass(frozen=True, slots=True)
class _Filed(Generic[T]):
    """A pattern in the index, under a word of one of its elements. A text that fits holds a word of `also` too (where
    there are any), and has from `least` to `most` words of the pattern before the one that it is filed under.
    """

    elements: Elements
    meaning: T
    also: frozenset[str]
    least: int
    most: int

    @classmethod
    def of(cls, elements: Elements, meaning: T, common: Counter[str]) -> tuple[frozenset[str], _Filed[T]]:
        """The pattern and what it is filed under: the words of its rarest element."""
        keys = [_keys(element) for element in elements]
        places = sorted((n for n, found in enumerate(keys) if found), key=lambda n: max(common[key] for key in keys[n]))
        n, *others = places
        also = next((keys[m] for m in others if not any(key.endswith("*") for key in keys[m])), frozenset[str]())
        least, most = _length(elements[:n])
        return keys[n], cls(elements, meaning, also, least, most + _width(elements[n])[1] - 1)


@dataclass(frozen=True)
class Index(Generic[T]):
    """Patterns, each with what it stands for. Comparing word by word is dear, and every text is compared with thousands
    of them: so a pattern is filed under its rarest words, and tried only where the next rarest are there too, and
    only near the word that gave it away.
    """

    by_word: Mapping[str, Sequence[_Filed[T]]] = field(default_factory=dict, repr=False)
    by_stem: Mapping[str, Sequence[tuple[str, _Filed[T]]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, patterns: Iterable[tuple[str, T]]) -> Index[T]:
        """Raises PatternError."""
        read = [(parse(pattern), meaning) for pattern, meaning in patterns]
        common: Counter[str] = Counter()
        for elements, _ in read:
            for element in elements:
                common.update(_keys(element))
        by_word: dict[str, list[_Filed[T]]] = {}
        by_stem: dict[str, list[tuple[str, _Filed[T]]]] = {}
        for elements, meaning in read:
            rarest, one = _Filed.of(elements, meaning, common)
            for key in rarest:
                if key.endswith("*"):
                    by_stem.setdefault(key[:_STEM], []).append((key[:-1], one))
                else:
                    by_word.setdefault(key, []).append(one)
        return cls(by_word, by_stem)

    def hits(self, tokens: Sequence[str]) -> Iterator[tuple[int, int, T]]:
        """Where each pattern stands among the words of a folded sentence: its first word, the one behind its last,
        and its meaning.
        """
        tried: set[tuple[int, int]] = set()
        for n, token in enumerate(tokens):
            found = [*self.by_word.get(token, ())]
            found += [one for stem, one in self.by_stem.get(token[:_STEM], ()) if token.startswith(stem)]
            for one in found:
                if one.also and one.also.isdisjoint(tokens):
                    continue
                for at in range(max(0, n - one.most), n - one.least + 1):
                    if (id(one), at) not in tried:
                        tried.add((id(one), at))
                        if (end := match(tokens, at, one.elements, 0)) is not None:
                            yield at, end, one.meaning
