"""A day of the calendar as people type it: day before month, as in Britain and all our languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

from flows.fold import digits_to_ascii, fold
from flows.words import Lexicon

_ISO = re.compile(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*")
#: English "25th" and "3rd of".
_ORDINAL = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?\b", re.IGNORECASE)
_LONGEST = 60  # more is a story, and its digits may be more than a date can hold


def read_date(text: str, words: Lexicon, today: date, tense: Literal["past", "future"] | None = None) -> date | None:
    """The day that the text names; None where it names none, only half of one, or one of the wrong tense.

    Understood: "25 3 2026", "25/03/26", "25 March", "March 25th 2026", "2026-03-25", "tomorrow".
    A day without a year is the nearest one of the right tense. A bare "12" is no date: it is more
    often a numbered answer.
    """
    found = [day for day in _days(text, words, today) if _lies(day, today, tense)]
    return min(found, key=lambda day: abs(day - today), default=None)


def _lies(day: date, today: date, tense: Literal["past", "future"] | None) -> bool:
    return tense is None or (day <= today if tense == "past" else day >= today)


def _days(text: str, words: Lexicon, today: date) -> list[date]:
    """Every day that the text may name: several only where it names no year."""
    if len(text) > _LONGEST:
        return []
    ascii_text = digits_to_ascii(text)
    if iso := _ISO.fullmatch(ascii_text):
        return _real((int(iso[1]),), int(iso[2]), int(iso[3]))
    tokens = [t for t in fold(_ORDINAL.sub(r"\1", ascii_text)).split() if t not in words.small_talk]
    years: tuple[int, ...] = (today.year - 1, today.year, today.year + 1)
    match tokens:
        case [word] if word in words.days:
            return [today + timedelta(days=words.days[word])]
        case [_, _, year] if year.isdigit():
            years = (_year(year, today),)
        case [_, _]:
            pass
        case _:
            return []
    match tokens[0], tokens[1]:
        case day, month if day.isdigit() and month.isdigit():
            return _real(years, int(month), int(day))
        case day, month if day.isdigit() and month in words.months:
            return _real(years, words.months[month], int(day))
        case month, day if day.isdigit() and month in words.months:
            return _real(years, words.months[month], int(day))
    return []


def _year(digits: str, today: date) -> int:
    """Two digits are the year nearest to today that is at most ten years ahead, as with birthdays."""
    if len(digits) != 2:
        return int(digits) if len(digits) == 4 else 0
    year = today.year // 100 * 100 + int(digits)
    return year - 100 if year > today.year + 10 else year


def _real(years: Iterable[int], month: int, day: int) -> list[date]:
    """The days of that name that are in the calendar."""
    found = []
    for year in years:
        try:
            found.append(date(year, month, day))
        except (ValueError, OverflowError):
            continue
    return found
