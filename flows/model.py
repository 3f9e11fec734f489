"""The schema of a flow: one frozen dataclass per question type.

A flow is a list that only goes forward, past the questions whose `when` does not hold, so it always
ends. YAML in `flows/definitions/` is one maker of flows, Python functions are another; both give
these values. The vocabulary is XLSForm's where XLSForm has a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from domain.contact import Purpose
from flows.conditions import ALWAYS, All, Condition, parse

_STRICT = ConfigDict(extra="forbid")
_PERIOD = re.compile(r"(\d+) (hour|day|week|month)s?")


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time in people's words. A month is a calendar month."""

    hours: int = 0
    months: int = 0

    @property
    def ms(self) -> int:
        """In milliseconds, for waits; a month counts as 30 days. Calendar sums are the scheduler's."""
        return (self.hours + 30 * 24 * self.months) * 3_600_000


def _period(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if not (found := _PERIOD.fullmatch(text.strip())):
        raise ValueError("expected a number of hours, days, weeks or months, such as '20 hours'")
    number, unit = int(found[1]), found[2]
    return (
        Period(months=number) if unit == "month" else Period(hours=number * {"hour": 1, "day": 24, "week": 168}[unit])
    )


_When = Annotated[Condition, BeforeValidator(parse)]
_Period = Annotated[Period, BeforeValidator(_period)]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An answer on offer: `name` is its code in the data, for ever; `label` its words. `when` may depend on the facts
    that are known when the flow begins.
    """

    __pydantic_config__ = _STRICT
    name: _Name
    label: str
    context: str | None = None
    keywords: tuple[str, ...] = ()
    exclusive: bool = False
    when: _When = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part of the country that counts as one in the data. `name` is its code, for ever; `label` what people
    call it, in every language alike; `postcodes` the outward codes (CM1) that lie in it at least in part.
    Councils come and go: it stands from `since` until the day before `until`.
    """

    __pydantic_config__ = _STRICT
    name: _Name
    label: str
    postcodes: tuple[str, ...]
    since: date | None = None
    until: date | None = None

    def stands(self, today: date) -> bool:
        return (self.since is None or self.since <= today) and (self.until is None or today < self.until)


class Action(StrEnum):
    """What a flow can have done at a point of it, beyond asking and saving."""

    FORGET = "forget"
    CARER_CODE = "carer_code"
    END_CARERS = "end_carers"
    SHARE_PHONE = "share_phone"
    WRONG_PERSON = "wrong_person"
    CALL_ME = "call_me"
    CHOOSE_EVENT = "choose_event"
    MORE_EVENTS = "more_events"
    BOOK = "book"
    NOT_FOR_ME = "not_for_me"
    ACCEPT = "accept"
    DECLINE = "decline"
    GIVE_UP = "give_up"
    SAY_WHY = "say_why"
    ACKNOWLEDGE = "acknowledge"
    WORRIED = "worried"
    DEMAND = "demand"
    SHOW_OPPORTUNITIES = "show_opportunities"
    CHOOSE_OPPORTUNITY = "choose_opportunity"
    SHOW_INTEREST = "show_interest"
    MAKE_EVENT = "make_event"
    MAKE_OPPORTUNITY = "make_opportunity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Have something done, without a word. `final`: nobody goes BACK behind it once it is done."""

    __pydantic_config__ = _STRICT
    type: Literal["do"] = "do"
    name: _Name
    action: Action
    final: bool = False
    when: _When = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What questions, notes and groups have in common. `comment` is for the translator."""

    __pydantic_config__ = _STRICT
    name: _Name
    label: str
    context: str | None = None
    comment: str | None = None
    when: _When = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(_Said):
    """Something said without asking. `ends`: nothing comes after it."""

    type: Literal["note"] = "note"
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked(_Said):
    """`required`: cannot be skipped. `sensitive`: "prefer not to say" is offered in so many words. `kept`:
    under this name the answer is kept with the person as well, until they change it. `private`: it is not an
    answer for the evaluation, and never goes there.
    """

    required: bool = False
    sensitive: bool = False
    kept: _Name | None = None
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class YesNo(_Asked):
    """Yes or no. With `consent` it is a consent for that purpose. `exact`, and every consent: understood by
    exact words only.
    """

    type: Literal["yes_no"] = "yes_no"
    consent: Purpose | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectOne(_Asked):
    """`offered`: before its own choices stand those that are made when it is asked (see `flows.programme`)."""

    type: Literal["select_one"] = "select_one"
    choices: Annotated[tuple[Choice, ...], Field(max_length=30)]
    offered: Literal["events", "criteria"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectMultiple(_Asked):
    type: Literal["select_multiple"] = "select_multiple"
    choices: Annotated[tuple[Choice, ...], Field(min_length=2, max_length=30)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(_Asked):
    """A whole number on a line with words at both ends."""

    type: Literal["scale"] = "scale"
    minimum: int = 0
    maximum: int = 10
    low: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer(_Asked):
    type: Literal["integer"] = "integer"
    minimum: int = 0
    maximum: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(_Asked):
    """Words of one's own. `max_length` in characters; longer ones are cut, and said to be. `nickname`: one or
    two words that mean nothing else to us, so that somebody can be told by them. `language`: a language is named,
    which is no wish to be written to in it.
    """

    type: Literal["text"] = "text"
    max_length: int = 1600
    nickname: bool = False
    language: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Date(_Asked):
    """A day of the calendar, typed in one's own way; said back in words so that a slip is seen.

    `tense`: the day must lie in the past (or be today), or in the future (or be today).
    """

    type: Literal["date"] = "date"
    tense: Literal["past", "future"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Locality(_Asked):
    """Where somebody lives, as one of `places`: by the first part of their postcode, which is not kept. Where
    that lies in several places, one more question follows. `outside`: outward codes that reach beyond all.
    """

    type: Literal["locality"] = "locality"
    places: Annotated[tuple[Place, ...], Field(min_length=2)]
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours(_Asked):
    """The times and days that suit somebody: "after 11, not Tuesdays". Said back in words."""

    type: Literal["hours"] = "hours"


Question = YesNo | SelectOne | SelectMultiple | Scale | Integer | Text | Date | Locality | Hours
Item = Annotated[Question | Note | Act, Field(discriminator="type")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Questions that apply together: its `when` is each one's."""

    __pydantic_config__ = _STRICT
    type: Literal["group"] = "group"
    name: _Name
    when: _When = ALWAYS
    questions: Annotated[tuple[Item, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A figure computed from answers: their mean, put on 0-100.

    `reverse` lists the questions where a high answer is a bad one. With fewer than `at_least`
    answers (a "prefer not to say" is none) there is no score.
    """

    __pydantic_config__ = _STRICT
    name: _Name
    rule: Literal["mean_0_100"]
    questions: Annotated[tuple[str, ...], Field(min_length=1)]
    reverse: tuple[str, ...] = ()
    at_least: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Asked again after a while, if the condition holds at the end."""

    __pydantic_config__ = _STRICT
    every: _Period
    when: _When = ALWAYS


@dataclass(frozen=True, slots=True)
class Step:
    """One item of a flow, its own condition joined with its group's."""

    item: Question | Note | Act
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Answers at which the team must look: if it holds at the end, they are told, and where to find help is
    said. May ask for the score by its name.
    """

    __pydantic_config__ = _STRICT
    when: _When


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A questionnaire or a notice, in one language.

    `nudge_after`: how long after an unanswered question one friendly reminder goes out.
    `expires_after`: how long the place in it is kept. `starts_with`: words that start it, in every
    language alike, for posters. `segments` is its SMS budget: how many segments one text may take in the
    source language. `one_a_day`: while it holds, the next question comes a day later, unless it follows up
    the last. `private`: nothing of it goes to the evaluation. `resumes`: somebody who was in another
    questionnaire goes back to it afterwards. `about_events`: it is filled with events when it is asked (see
    `flows.programme`). `facts` are what is known when it begins, and the values each may have, for its conditions.
    """

    __pydantic_config__ = _STRICT
    id: _Name
    version: Annotated[int, Field(ge=1)]
    language: str = "en"
    title: str
    comment: str | None = None
    questions: Annotated[
        tuple[Annotated[Question | Note | Act | Group, Field(discriminator="type")], ...], Field(min_length=1)
    ]
    score: Score | None = None
    repeats: Repeat | None = None
    nudge_after: _Period | None = None
    expires_after: _Period = field(default=Period(hours=21 * 24))
    starts_with: tuple[str, ...] = ()
    segments: Annotated[int, Field(ge=1)] = 1
    watch: tuple[Watch, ...] = ()
    one_a_day: _When | None = None
    private: bool = False
    resumes: bool = False
    about_events: bool = False
    facts: Mapping[_Name, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The items in order, groups opened."""
        return tuple(self._steps())

    @cached_property
    def place(self) -> Mapping[str, int]:
        """The position of each item in `steps`, by name."""
        return {step.item.name: n for n, step in enumerate(self.steps)}

    def question(self, name: str) -> Question | None:
        """The question of that name; None where this version of the flow has none."""
        if (n := self.place.get(name)) is None or isinstance(item := self.steps[n].item, Note | Act):
            return None
        return item

    def asked(self) -> Iterator[Question]:
        """The questions in order, without the notes and what is done in silence."""
        return (step.item for step in self.steps if not isinstance(step.item, Note | Act))

    def _steps(self) -> Iterator[Step]:
        for item in self.questions:
            if isinstance(item, Group):
                for inner in item.questions:
                    yield Step(inner, _both(item.when, inner.when))
            else:
                yield Step(item, item.when)


def _both(one: Condition, other: Condition) -> Condition:
    return other if one == ALWAYS else one if other == ALWAYS else All((one, other))
