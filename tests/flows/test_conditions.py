"""Conditions: what holds, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.conditions import ALWAYS, All, Answer, Any_, Condition, Is, Not, Within, holds, parse, questions_in

_NAMES = st.sampled_from(["mood", "used", "liked", "day"])
_WORDS = st.sampled_from(["yes", "no", "3", "people", "food", "prefer_not_to_say"])
_BOUNDS = st.none() | st.integers(-2, 12)
_ANSWERS: st.SearchStrategy[Mapping[str, Answer]] = st.dictionaries(
    _NAMES, _WORDS | st.integers(0, 10) | st.lists(_WORDS, unique=True, max_size=3).map(tuple)
)
_SINGLE: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Is, _NAMES, st.lists(_WORDS, min_size=1, max_size=3).map(tuple)),
    st.builds(Within, _NAMES, _BOUNDS, _BOUNDS).filter(lambda w: w.low is not None or w.high is not None),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    _SINGLE,
    lambda inner: st.one_of(
        st.builds(All, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Any_, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


def written(condition: Condition) -> dict[str, Any]:
    """As an author writes it; every scalar is text, as the loader reads it."""
    match condition:
        case Is(question, (value,)):
            return {question: value}
        case Is(question, values):
            return {question: list(values)}
        case Within(question, low, high):
            return {question: {k: str(v) for k, v in (("at_least", low), ("at_most", high)) if v is not None}}
        case All(several):
            return {"all": [written(one) for one in several]}
        case Any_(several):
            return {"any": [written(one) for one in several]}
        case Not(one):
            return {"not": written(one)}
        case _:
            assert_never(condition)


@given(CONDITIONS)
def test_a_condition_written_and_read_is_the_same(condition: Condition) -> None:
    assert parse(written(condition)) == condition
    assert parse(condition) is condition


@given(CONDITIONS, _ANSWERS)
def test_not_turns_a_condition_round(condition: Condition, answers: Mapping[str, Answer]) -> None:
    assert holds(Not(condition), answers) is not holds(condition, answers)


@given(st.lists(CONDITIONS, max_size=3).map(tuple), _ANSWERS)
def test_all_and_any_are_what_they_say(several: tuple[Condition, ...], answers: Mapping[str, Answer]) -> None:
    each = [holds(one, answers) for one in several]
    assert holds(All(several), answers) is all(each)
    assert holds(Any_(several), answers) is any(each)
    assert holds(Not(Any_(several)), answers) is holds(All(tuple(Not(one) for one in several)), answers)


@given(CONDITIONS, _ANSWERS)
def test_a_condition_looks_only_at_its_own_questions(condition: Condition, answers: Mapping[str, Answer]) -> None:
    looked_at = {one.question for one in questions_in(condition)}
    fewer = {name: answer for name, answer in answers.items() if name in looked_at}
    assert holds(condition, fewer) is holds(condition, answers)


@given(_SINGLE)
def test_nothing_holds_of_a_question_that_was_not_answered(condition: Condition) -> None:
    assert holds(condition, {}) is False
    assert holds(ALWAYS, {}) is True


@pytest.mark.parametrize(
    ("data", "answers", "held"),
    [
        ({"used": "yes"}, {"used": "yes"}, True),
        ({"used": "yes"}, {"used": "no"}, False),
        ({"used": ["yes", "no"]}, {"used": "no"}, True),
        ({"mood": "3"}, {"mood": 3}, True),
        ({"mood": 3}, {"mood": 3}, True),
        ({"mood": {"at_most": "3"}}, {"mood": 3}, True),
        ({"mood": {"at_most": "3"}}, {"mood": 4}, False),
        ({"mood": {"at_most": "3"}}, {"mood": "prefer_not_to_say"}, False),
        ({"mood": {"at_least": "3"}}, {"mood": 2}, False),
        ({"mood": {"at_least": "3", "at_most": "5"}}, {"mood": 5}, True),
        ({"mood": {"at_least": "3", "at_most": "5"}}, {"mood": 6}, False),
        ({"liked": "food"}, {"liked": ("people", "food")}, True),
        ({"liked": "food"}, {"liked": ("people",)}, False),
        ({"liked": {"at_most": "3"}}, {"liked": ("people",)}, False),
        ({"used": "yes", "mood": {"at_most": "3"}}, {"used": "yes", "mood": 2}, True),
        ({"used": "yes", "mood": {"at_most": "3"}}, {"used": "no", "mood": 2}, False),
        ({"not": {"used": "yes", "mood": "2"}}, {"used": "no", "mood": 2}, True),
    ],
)
def test_a_written_condition_holds(data: dict[str, Any], answers: dict[str, Answer], held: bool) -> None:
    assert holds(parse(data), answers) is held


@pytest.mark.parametrize(
    "data",
    [
        None, {}, [], "yes", 3, {"a": None}, {"a": {}}, {"a": {"over": "3"}}, {"a": {"at_most": "x"}},
        {"a": {"at_most": []}}, {"all": {"a": "b"}}, {"any": "a"}, {"not": "a"}, {"not": {}}, {"all": ["a"]},
        {"a": 1.5}, {"a": {1: 2}},
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_in_words(data: Any) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse(data)
