"""What a person of the team orders about events and opportunities by message: "PLACES 3 20", "TITLE 3 pl ...". Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.event import Day
from domain.hours import PreferredHours
from flows.library import SOURCE_LANGUAGE
from flows.model import Date, Hours
from flows.replies import understand
from flows.words import Lexicon


class Order(StrEnum):
    """The words stay English in every language, as the team's others do."""

    PROGRAMME = "programme"
    NEW = "new event"
    SHOW = "event"
    PUBLISH = "publish"
    PLACES = "places"
    MOVE = "move"
    ROOM = "room"
    CALL_OFF = "call off"
    LIST = "list"
    CAME = "came"
    TITLE = "title"
    ABOUT = "about"
    WELCOME = "welcome"
    FEE = "fee"
    WAY = "way"
    OPPORTUNITIES = "opportunities"
    NEW_OPPORTUNITY = "new opportunity"
    OPPORTUNITY = "opportunity"


class OfOpportunity(StrEnum):
    """What follows OPPORTUNITY and its number; without any of it, it is shown."""

    PUBLISH = "publish"
    WITHDRAW = "withdraw"
    CLOSES = "closes"
    TITLE = "title"
    ABOUT = "about"
    PAYMENT = "payment"


_ALONE = re.compile(r"/?(programme|opportunities|new[ _](?:event|opportunity))[.!]?", re.IGNORECASE)
_NUMBERED = re.compile(
    r"/?(event|publish|places|move|room|call[ _]off|list|came|title|about|welcome|fee|way|opportunity)"
    r"[ _]+(\d{1,6})\b[,:.]?(.*)",
    re.IGNORECASE | re.DOTALL,
)
#: The times of a day, at the end of what is said: "14:00-16:00", "2pm to 4.30pm".
_TIMES = re.compile(
    r"\d{1,2}(?:[:.]\d\d)? ?(?:am|pm)? ?(?:-|to|until) ?\d{1,2}(?:[:.]\d\d)? ?(?:am|pm)?$", re.IGNORECASE
)
_WHICH_DAY = re.compile(r"day (\d{1,2})\b[,:.]?", re.IGNORECASE)
_OF_OPPORTUNITY = re.compile(rf"({'|'.join(OfOpportunity)})\b[,:.]?(.*)", re.IGNORECASE | re.DOTALL)
_YES = re.compile(r"yes\b[,:.]?", re.IGNORECASE)
_MORE = re.compile(r"\+ ?(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Ordered:
    """`number` is the event's (0: none is named); `rest` is what stands behind it."""

    order: Order
    number: int = 0
    rest: str = ""


def ordered(text: str) -> Ordered | None:
    """The order that a text is; None where it is none."""
    text = text.strip()
    if alone := _ALONE.fullmatch(text):
        return Ordered(Order(alone[1].lower().replace("_", " ")))
    if found := _NUMBERED.fullmatch(text):
        return Ordered(Order(found[1].lower().replace("_", " ")), int(found[2]), found[3].strip())
    return None


def sure(rest: str) -> str | None:
    """The reason behind YES, empty where none is said; None without the YES: it cannot be taken back."""
    found = _YES.match(rest)
    return None if found is None else rest[found.end() :].strip()


def of_opportunity(rest: str) -> tuple[OfOpportunity, str] | None:
    """What is wanted of an opportunity, and what stands behind it. None where it is nothing of that."""
    found = _OF_OPPORTUNITY.fullmatch(rest)
    return None if found is None else (OfOpportunity(found[1].lower()), found[2].strip())


def in_language(rest: str, languages: Collection[str]) -> tuple[str, str]:
    """The language that a text begins with, such as "pl Jak pisać", and the text itself; else English."""
    first, _, text = rest.partition(" ")
    return (first.lower(), text.strip()) if first.lower() in languages else (SOURCE_LANGUAGE, rest)


def which_day(rest: str) -> tuple[int | None, str]:
    """The day of several that "DAY 2 8.12." is about, counted from 1, and what stands behind it."""
    found = _WHICH_DAY.match(rest)
    return (None, rest) if found is None else (int(found[1]), rest[found.end() :].strip())


def moved_to(rest: str, day: Day, words: Lexicon, today: date, zone: ZoneInfo) -> Day | None:
    """The day that "8.12. 14:00-16:00" names. Where only a day or only times are said, the rest stays as it is. None
    where neither can be read.
    """
    times = _TIMES.search(rest)
    said = rest[: times.start()].strip(" ,") if times else rest.strip(" ,")
    start, end = day.starts_at.astimezone(zone), day.ends_at.astimezone(zone)
    on = start.date()
    if said:
        answer = understand(Date(name="day", label="", tense="future"), said, words, today)
        if answer is None:
            return None
        on = date.fromisoformat(str(answer))
    elif times is None:
        return None
    begins, ends = start.time(), end.time()
    if times:
        hours = understand(Hours(name="hours", label=""), times[0], words, today)
        if hours is None:
            return None
        suits = PreferredHours.parse(str(hours))
        begins, ends = suits.start, suits.end
    return on_day(on, begins, ends, zone)


def on_day(on: date, begins: time, ends: time, zone: ZoneInfo) -> Day | None:
    """That day from then till then by the zone's clock; None where it would end before it starts."""
    starts_at, ends_at = datetime.combine(on, begins, zone), datetime.combine(on, ends, zone)
    return Day(starts_at, ends_at) if starts_at < ends_at else None


def who_came(rest: str) -> tuple[frozenset[int], int] | None:
    """ "1 3, 4 +2": the places in the list, and how many more. None where something else is said."""
    more = sum(int(n) for n in _MORE.findall(rest))
    left = _MORE.sub(" ", rest).replace(",", " ").replace("and", " ").split()
    if not all(one.isdecimal() for one in left):
        return None
    return frozenset(map(int, left)), more
