"""What a newsletter is made of: short items of a month, each in several languages, and whose words it answers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from domain.value import value

#: How long after people were asked they should have heard what came of it.
OWED_AFTER = timedelta(days=91)
#: A month, as it is written everywhere: 2026-12.
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


class ItemKind(StrEnum):
    """What an item is: something new, what came of what people said, or an event to come."""

    NEWS = "news"
    YOU_SAID = "you_said_we_did"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWords:
    """An item in one language. `text` is short and says all that matters: it goes by SMS; where somebody said
    something (`said`), it is what came of it. `more` is read where there is room. `reviewed_by` is a speaker who has
    read it; what nobody has read is not sent.
    """

    title: str
    text: str
    said: str = ""
    more: str = ""
    reviewed_by: str = ""


@value
class Heard:
    """Where people said what an item answers; all that is given must fit. Either answers to a `questionnaire` (to its
    `question`, one of these `answers`), the form after the event `feedback_on`, being at the event `came_to`, or that
    more of `wanted` be offered, in one of these `districts`. `since` and `until`: the days between which they said it,
    both included; alone, any answer to a questionnaire in that time.
    """

    questionnaire: str = ""
    question: str = ""
    answers: tuple[str, ...] = ()
    feedback_on: int | None = None
    came_to: int | None = None
    wanted: str = ""
    districts: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    @property
    def places(self) -> list[str]:
        """Which of the places where something can be said are given, by their fields."""
        return [name for name in ("questionnaire", "feedback_on", "came_to", "wanted") if getattr(self, name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`number` is what the team calls it. `month` is that of the issue it stands in, such as 2026-12. `link` leads to
    more elsewhere. `event` is the number of the event that it is about. `heard` says whose words it answers. `public`:
    it may stand in the archive that anybody can read. `quote` is the id of an answer whose words are shown with it
    as long as who gave them agrees to be quoted.
    """

    id: int
    number: int
    kind: ItemKind
    month: str
    words: Mapping[str, ItemWords]
    link: str = ""
    event: int | None = None
    heard: Heard | None = None
    public: bool = True
    quote: int | None = None

    def in_language(self, language: str) -> ItemWords | None:
        """The reviewed words for who reads that language, or the one of which it is a variant (en-simple: en)."""
        for tag in (language, language.partition("-")[0]):
            if (words := self.words.get(tag)) is not None and words.reviewed_by:
                return words
        return None


def month_of(day: date) -> str:
    return f"{day.year}-{day.month:02}"


def first_day(month: str) -> date:
    """Raises ValueError for what is no month."""
    found = _MONTH.fullmatch(month)
    if found is None:
        raise ValueError(f"{month!r} is no month: write it such as 2026-12")
    return date(int(found[1]), int(found[2]), 1)


def last_day(month: str) -> date:
    """Raises ValueError for what is no month."""
    return (first_day(month) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def lacking(items: Iterable[Item], languages: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """By language, the numbers of the items without reviewed words in it; a language that none lacks is not there."""
    there = tuple(items)
    found = {
        language: tuple(one.number for one in there if one.in_language(language) is None) for language in languages
    }
    return {language: numbers for language, numbers in found.items() if numbers}


@value
class Owed:
    """So many people said what they think there, between those days, and no item answers it. One of `questionnaire` and
    `event` (its number) is given.
    """

    people: int
    since: date
    until: date
    questionnaire: str = ""
    event: int | None = None


@dataclass(slots=True)
class Answered:
    """Until which day what people said in a questionnaire is answered, and for which events it is."""

    questionnaires: dict[str, date] = field(default_factory=dict)
    events: set[int] = field(default_factory=set)
    everything: date | None = None

    def until(self, questionnaire: str) -> date | None:
        days = [day for day in (self.questionnaires.get(questionnaire), self.everything) if day is not None]
        return max(days, default=None)


def answered(items: Iterable[tuple[Item, date]]) -> Answered:
    """What items answer, each with the day on which it was made: it answers nothing that was said later."""
    found = Answered()
    for item, made in items:
        if item.heard is None:
            continue
        heard, until = item.heard, min(item.heard.until or made, made)
        for number in (heard.feedback_on, heard.came_to):
            if number is not None:
                found.events.add(number)
        if heard.questionnaire:
            found.questionnaires[heard.questionnaire] = max(found.questionnaires.get(heard.questionnaire, until), until)
        elif not heard.places:
            found.everything = max(found.everything or until, until)
    return found


def places_said(heard: Heard) -> Iterator[str]:
    """Where it was said, in words for the team, one part after the other."""
    if heard.questionnaire:
        yield f"the questionnaire {heard.questionnaire}"
    if heard.question:
        yield f"its question {heard.question}"
    if heard.answers:
        yield f"answered {' or '.join(heard.answers)}"
    if heard.feedback_on is not None:
        yield f"the form after event {heard.feedback_on}"
    if heard.came_to is not None:
        yield f"being at event {heard.came_to}"
    if heard.wanted:
        yield f"wanting {heard.wanted}"
    if heard.districts:
        yield f"in {' or '.join(heard.districts)}"
    if heard.since is not None:
        yield f"from {heard.since:%d %B %Y}"
    if heard.until is not None:
        yield f"until {heard.until:%d %B %Y}"
