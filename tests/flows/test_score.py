"""The check-in's figure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.model import Flow, Scale, Score
from flows.score import score
from tests.flows.shipped import local

NAMES = ("content", "matters", "mood", "worry", "heard", "belonging")


def figure(*answers: Answer | None) -> int | None:
    return score(local("wellbeing"), {n: a for n, a in zip(NAMES, answers, strict=True) if a is not None})


@pytest.mark.parametrize(
    ("answers", "value"),
    [
        ((10, 10, 10, 0, 10, 10), 100),
        ((0, 0, 0, 10, 0, 0), 0),
        ((5, 5, 5, 5, 5, 5), 50),
        ((10, 10, 10, 10, 10, 10), 83),
        ((7, 8, 6, 3, 9, 10), 78),
        ((7, 8, 6, 3, None, None), 70),
        ((7, 8, 6, None, None, None), None),
        ((None,) * 6, None),
        ((7, 8, 6, PREFER_NOT_TO_SAY, PREFER_NOT_TO_SAY, 9), 75),
        ((7, 8, 6, PREFER_NOT_TO_SAY, PREFER_NOT_TO_SAY, PREFER_NOT_TO_SAY), None),
        ((0, 0, 0, PREFER_NOT_TO_SAY, 0, 1), 2),
        ((0, 0, 0, 9, 0, 1), 3),
    ],
)
def test_the_figure_is_the_mean_with_worry_turned_round(answers: tuple[Answer | None, ...], value: int | None) -> None:
    assert figure(*answers) == value


def test_halves_are_rounded_up() -> None:
    made = _flow(Score(name="s", rule="mean_0_100", questions=("a", "b"), at_least=1), maximum=8)
    assert score(made, {"a": 1, "b": 0}) == 6  # 6.25
    assert score(made, {"a": 1}) == 13  # 12.5
    assert score(made, {"a": 3, "b": 8}) == 69  # 68.75


def test_a_scale_that_does_not_begin_at_nought_is_put_on_the_same_line() -> None:
    made = _flow(Score(name="s", rule="mean_0_100", questions=("a", "b"), reverse=("b",), at_least=2), 1, 5)
    assert score(made, {"a": 1, "b": 5}) == 0
    assert score(made, {"a": 3, "b": 3}) == 50
    assert score(made, {"a": 5, "b": 1}) == 100
    assert score(made, {"a": 5}) is None


def test_a_flow_without_a_score_has_none() -> None:
    assert score(local("opening_hours"), {"helped": 10}) is None


@given(st.lists(st.integers(0, 10), min_size=6, max_size=6), st.integers(0, 5))
def test_a_better_answer_never_lowers_the_figure(answers: list[int], which: int) -> None:
    better = list(answers)
    worse = NAMES[which] == "worry"
    better[which] = max(0, better[which] - 1) if worse else min(10, better[which] + 1)
    before, after = figure(*answers), figure(*better)
    assert before is not None
    assert after is not None
    assert 0 <= before <= after <= 100


def _flow(rule: Score, minimum: int = 0, maximum: int = 10) -> Flow:
    scales = tuple(
        Scale(name=n, label="?", minimum=minimum, maximum=maximum, low="low", high="high") for n in ("a", "b")
    )
    return Flow(id="made", version=1, title="Made", questions=scales, score=rule)
