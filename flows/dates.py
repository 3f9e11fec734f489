"""A day of the calendar as people type it: day before month, as in Britain and all our languages."""

from __future__ import annotations

import re
from datetime import date, timedelta

from flows.fold import digits_to_ascii, fold
from flows.words import Lexicon

_ISO = re.compile(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*")
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th)\b", re.IGNORECASE)


def read_date(text: str, words: Lexicon, today: date) -> date | None:
    """The day that the text names; None where it names none, or only half of one.

    Understood: "25 3 2026", "25/03/26", "25 March", "March 25th 2026", "2026-03-25", "tomorrow".
    A day without a year is the nearest one, past or to come, within half a year. A bare "12" is no
    date: it is more often a numbered answer.
    """
    ascii_text = digits_to_ascii(text)
    if iso := _ISO.fullmatch(ascii_text):
        return _day(int(iso[1]), int(iso[2]), int(iso[3]))
    tokens = [t for t in fold(_ORDINAL.sub(r"\1", ascii_text)).split() if t not in words.small_talk]
    match tokens:
        case [word] if word in words.days:
            return today + timedelta(days=words.days[word])
        case [day, month] if day.isdigit() and month.isdigit():
            return _nearest(int(day), int(month), today)
        case [day, month] if day.isdigit() and month in words.months:
            return _nearest(int(day), words.months[month], today)
        case [month, day] if day.isdigit() and month in words.months:
            return _nearest(int(day), words.months[month], today)
        case [day, month, year] if day.isdigit() and month.isdigit() and year.isdigit():
            return _day(_year(year, today), int(month), int(day))
        case [day, month, year] if day.isdigit() and month in words.months and year.isdigit():
            return _day(_year(year, today), words.months[month], int(day))
        case [month, day, year] if day.isdigit() and month in words.months and year.isdigit():
            return _day(_year(year, today), words.months[month], int(day))
    return None


def _year(digits: str, today: date) -> int:
    """Two digits are the year nearest to today that is at most ten years ahead, as with birthdays."""
    if len(digits) != 2:
        return int(digits) if len(digits) == 4 else 0
    year = today.year // 100 * 100 + int(digits)
    return year - 100 if year > today.year + 10 else year


def _nearest(day: int, month: int, today: date) -> date | None:
    days = [d for year in (today.year - 1, today.year, today.year + 1) if (d := _day(year, month, day))]
    return min(days, key=lambda d: abs(d - today), default=None)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
