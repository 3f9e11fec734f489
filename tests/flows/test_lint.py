"""Faults that a schema cannot see, and flows that have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.conditions import PREFER_NOT_TO_SAY, All, Is, Not, Within
from flows.lint import perhaps, problems
from flows.loader import load_flow
from flows.model import (
    Choice,
    Date,
    Flow,
    Group,
    Integer,
    Note,
    Question,
    Repeat,
    Scale,
    SelectMultiple,
    SelectOne,
    Text,
    YesNo,
    _period,
)
from tests.flows.shipped import DEFINITIONS

MOOD = Scale(name="mood", label="How?", low="bad", high="good")
USED = YesNo(name="used", label="Did you?")
WHY = SelectOne(name="why", label="Why?", choices=(Choice(name="far", label="Far"), Choice(name="late", label="Late")))
SEVERAL = SelectMultiple(name="several", label="Which?", choices=WHY.choices)


def flow(*questions: Question | Note | Group, repeats: Repeat | None = None) -> Flow:
    return Flow(id="made", version=1, title="Made", questions=questions, repeats=repeats)


def faults(*questions: Question | Note | Group) -> list[str]:
    return [fault for _, fault in problems(flow(*questions))]


@pytest.mark.parametrize("path", DEFINITIONS, ids=[path.stem for path in DEFINITIONS])
def test_each_shipped_flow_is_free_of_faults(path: Path) -> None:
    assert list(problems(load_flow(path))) == []


@pytest.mark.parametrize(
    "question",
    [
        Note(name="end", label="Bye", when=Is("mood", ("3",))),
        Note(name="end", label="Bye", when=Is("mood", (PREFER_NOT_TO_SAY,))),
        Note(name="end", label="Bye", when=Within("mood", 0, 3)),
        Note(name="end", label="Bye", when=Is("used", ("yes", "no", PREFER_NOT_TO_SAY))),
        Note(name="end", label="Bye", when=Not(Is("why", ("far",)))),
        Note(name="end", label="Bye", when=All((Is("several", ("late",)), Within("number", high=7)))),
        Note(name="end", label="Call {phone}"),
        Note(name="end", label="No {{blank}} here"),
        Note(name="end", label="Bye", when=Is("words", ("anything",))),
        Group(name="more", when=Is("used", ("yes",)), questions=(Text(name="more_words", label="More?"),)),
    ],
)
def test_names_that_meet_are_no_fault(question: Note | Group) -> None:
    words, day = Text(name="words", label="What?"), Date(name="day", label="When?")
    assert faults(MOOD, USED, WHY, SEVERAL, Integer(name="number", label="How many?"), words, day, question) == []


def test_a_condition_may_only_look_back() -> None:
    early = Text(name="early", label="What?", when=Is("used", ("yes",)))
    assert faults(early, USED) == ["'used' is no earlier question"]
    assert faults(USED, early) == []


def test_a_condition_on_a_note_is_a_fault() -> None:
    assert faults(Note(name="hi", label="Hi"), Text(name="t", label="?", when=Is("hi", ("x",)))) == [
        "'hi' is no earlier question"
    ]


def test_a_condition_within_a_group_may_look_at_the_group() -> None:
    inner = (USED, Text(name="why_not", label="Why not?", when=Is("used", ("no",))))
    assert faults(Group(name="both", questions=inner)) == []


def test_a_name_is_given_once_in_and_out_of_groups() -> None:
    twice = "another question is called 'used'; names are columns of the data"
    assert faults(USED, Group(name="g", questions=(USED,))) == [twice]
    assert faults(USED, Note(name="used", label="Hi")) == [twice]


def test_the_place_of_a_fault_leads_to_its_node() -> None:
    made = flow(USED, Group(name="g", when=Is("no", ("x",)), questions=(MOOD, Text(name="t", label="{x}"))))
    assert [place for place, _ in problems(made)] == [
        ("questions", 1, "when"),
        ("questions", 1, "when"),
        ("questions", 1, "questions", 1, "label"),
    ]


def test_a_repeat_may_look_at_every_question() -> None:
    again = Repeat(every=_period("1 month"), when=Is("usd", ("yes",)))
    assert [f for _, f in problems(flow(USED, repeats=again))] == ["'usd' is no earlier question; did you mean 'used'?"]
    good = Repeat(every=_period("1 month"), when=Is("used", ("yes",)))
    assert list(problems(flow(USED, repeats=good))) == []


def test_a_near_word_is_offered_and_a_far_one_is_not() -> None:
    assert perhaps("yess", ["no", "yes"]) == "; did you mean 'yes'?"
    assert perhaps("bicycle", ["no", "yes"]) == ""


@pytest.mark.parametrize(
    ("text", "hours", "months"),
    [
        ("1 hour", 1, 0),
        ("20 hours", 20, 0),
        ("2 days", 48, 0),
        ("3 weeks", 504, 0),
        ("1 month", 0, 1),
        (" 6 months ", 0, 6),
    ],
)
def test_a_period_is_read_in_peoples_words(text: str, hours: int, months: int) -> None:
    period = _period(text)
    assert (period.hours, period.months) == (hours, months)
    assert period.ms == 3_600_000 * (hours + 720 * months)


def test_a_groups_condition_is_joined_to_each_of_its_questions() -> None:
    inner = (MOOD, Text(name="t", label="?", when=Within("mood", high=3)))
    made = flow(USED, Group(name="g", when=Is("used", ("yes",)), questions=inner))
    assert [step.when for step in made.steps] == [
        All(()),
        Is("used", ("yes",)),
        All((Is("used", ("yes",)), Within("mood", high=3))),
    ]
    assert made.place == {"used": 0, "mood": 1, "t": 2}
    assert made.question("g") is None
