"""Times that suit somebody, in their own words: "after 11, not Tuesdays", "evenings", "mon-fri 10 to 4".

In three steps: words become tokens (the longest phrase first), tokens become mentions (days, parts of a day, and
spans of time), and each mention is wanted or, by a "not" before or behind it, left out. Words that mean nothing
here are passed over, but a number that cannot be placed, or a wish that is more than one span of the day, is asked
again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import time

from domain.hours import ALL_DAYS, PreferredHours
from flows.fold import digits_to_ascii, fold
from flows.words import HourWord, Lexicon

_LONGEST = 120
_DAY = 24 * 60
_NOON = 12 * 60
#: Parts of a day, in minutes since midnight.
_PARTS = {
    "morning": (0, _NOON),
    "afternoon": (_NOON, 18 * 60),
    "evening": (17 * 60, _DAY),
    "daytime": (0, 18 * 60),
    "pm": (_NOON, _DAY),
}
#: Those of them that also say which half of the day a time is in.
_HALVES = ("morning", "afternoon", "evening")
_WEEKDAYS, _WEEKEND = frozenset(range(5)), frozenset((5, 6))
#: A number with or without minutes, a dash, or the end of a clause. A full stop ends one only behind a number or a
#: long word: "tues." and "a.m." go on.
_PIECE = re.compile(
    r"(?P<hour>\d+)(?:[:.h](?P<minute>\d\d)|,(?P<listed>00|30|45))?(?!\d)(?P<date>(?:st|nd|rd|th)\b)?"
    r"|(?P<dash>[-\u2010-\u2015\u2212])"
    r"|(?P<end>[,;!?()\n،؛؟۔।]|(?<=\d)\.(?!\S)|(?<=[^\W\d_]{6})\.(?!\S))",
    re.IGNORECASE,
)


class _Unclear(Exception):
    """It could mean two things, or cannot be kept as one span of the day."""


def read_hours(text: str, words: Lexicon) -> PreferredHours | None:
    """The hours and days that the text names; None where it names none, or more than one span of the day."""
    if len(text) > _LONGEST:
        return None
    try:
        mentions = list(_Mentions(_tokens(text, words.hours)).all())
        return _kept(_Wishes(mentions).weighed())
    except _Unclear:
        return None


# Words to tokens


@dataclass(frozen=True, slots=True)
class _Token:
    """A word that means something here. `near`: no word without a meaning stands between it and the one before."""

    kind: str
    near: bool = True
    behind: bool = False
    value: int = 0
    written: str = ""
    exact: bool = False  # of a number: by the clock of 24 hours


def _tokens(text: str, meanings: dict[str, HourWord] | object) -> list[_Token]: ...
