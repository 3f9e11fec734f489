"""Times that suit somebody, in their own words: "after 11, not Tuesdays", "evenings", "mon-fri 10 to 4"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time

from domain.hours import ALL_DAYS, PreferredHours
from flows.fold import digits_to_ascii, fold
from flows.words import Lexicon

_TOKEN = re.compile(r"(\d{1,2})(?:[:.h](\d\d))?|([^\W\d_]+(?:['\u2019][^\W\d_]+)*)|([-\u2013])")
#: Parts of a day, as (start, end) hours.
_PARTS = {"morning": (0, 12), "afternoon": (12, 18), "evening": (17, 0)}
_LONGEST = 120


def read_hours(text: str, words: Lexicon) -> PreferredHours | None:
    """The hours and days that the text names; None where it names none, or no span of a day is left."""
    if len(text) > _LONGEST:
        return None
    reading = _Reading(words)
    for found in _TOKEN.finditer(digits_to_ascii(text)):
        hour, minute, word, dash = found.groups()
        if hour is not None:
            if int(hour) > 24 or int(minute or 0) > 59:
                return None
            reading.clock(int(hour), int(minute or 0))
        else:
            reading.word("to" if dash else words.hours.get(fold(word), ""), fold(word or ""))
    return reading.result()


class _Reading:
    """What has been read so far. `want` is the word that the next time belongs to; `denied`: "not" was said."""

    def __init__(self, words: Lexicon) -> None:
        self._words = words
        self._start: int | None = None  # minutes since midnight
        self._end: int | None = None
        self._days: set[int] = set()
        self._not_days: set[int] = set()
        self._times: list[tuple[str, int, str]] = []  # the word before, the minutes as written, am or pm
        self._want = ""
        self._denied = False
        self._last_day: int | None = None
        self._any = False

    def clock(self, hour: int, minute: int) -> None:
        self._times.append((self._want, hour * 60 + minute, ""))
        self._want, self._last_day = "", None

    def word(self, kind: str, word: str) -> None:
        if (day := self._words.weekdays.get(word)) is not None:
            self._day(day)
            return
        match kind:
            case "am" | "pm" if self._times:
                want, minutes, _ = self._times[-1]
                self._times[-1] = (want, minutes, kind)
            case "morning" | "afternoon" | "evening":
                self._part(*_PARTS[kind])
            case "weekdays" | "weekend":
                several = range(5) if kind == "weekdays" else (5, 6)
                (self._not_days if self._denied else self._days).update(several)
            case "noon":
                self._times.append((self._want, 12 * 60, "pm"))
                self._want = ""
            case "after" | "before" | "to":
                self._want, self._denied = kind, False
            case "any":
                self._any = True
            case "except":
                self._denied = True
            case _ if word in self._words.not_:
                self._denied = True

    def _day(self, day: int) -> None:
        several = {day}
        if self._want == "to" and self._last_day is not None:  # Monday to Friday
            several = {(self._last_day + n) % 7 for n in range((day - self._last_day) % 7 + 1)}
        (self._not_days if self._denied else self._days).update(several)
        self._last_day, self._want = day, ""

    def _part(self, start: int, end: int) -> None:
        if not self._denied:
            self._start = start * 60 if self._start is None else min(self._start, start * 60)
            self._end = end * 60 if self._end is None or end == 0 else max(self._end, end * 60)
        elif start == 0:
            self._start = end * 60
        elif end == 0:
            self._end = start * 60

    def result(self) -> PreferredHours | None:
        if not self._spans():
            return None
        days = (self._days or ALL_DAYS) - self._not_days
        nothing = self._start is None and self._end is None and not self._days and not self._not_days
        if (nothing and not self._any) or not days:
            return None
        start, end = self._start or 0, self._end or 0
        if end and end <= start:
            return None
        return PreferredHours(_time(start), _time(end), frozenset(days))

    def _spans(self) -> bool:
        """Put the times in their places; False where one stands alone and could mean anything."""
        for n, (want, minutes, half) in enumerate(self._times):
            following = self._times[n + 1 : n + 2]
            if want == "after" or (not want and following and following[0][0] in ("to", "before")):
                self._start = _minutes(minutes, half or _same_half(minutes, following))
            elif want in ("before", "to"):
                end = _minutes(minutes, half)
                self._end = end + 12 * 60 if self._start is not None and end <= self._start < 12 * 60 > end else end
            else:
                return False
        return True


def _same_half(minutes: int, following: Sequence[tuple[str, int, str]]) -> str:
    """ "2 to 4 pm" begins in the afternoon as well, "10 to 4 pm" does not."""
    if following and following[0][2] == "pm" and minutes < following[0][1]:
        return "pm"
    return ""


def _minutes(minutes: int, half: str) -> int:
    """Minutes since midnight. Without am or pm, 1 to 7 are the afternoon's: nobody wants a text at 3 at night."""
    if half == "pm" and minutes < 12 * 60:
        return minutes + 12 * 60
    if half == "am" and minutes >= 12 * 60:
        return minutes - 12 * 60
    if not half and 60 <= minutes < 8 * 60:
        return minutes + 12 * 60
    return minutes % (24 * 60)


def _time(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)
