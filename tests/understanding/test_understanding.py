"""The goals of understanding, held on the labelled sets of every shipped language."""

from __future__ import annotations

import pytest

from flows.inputs import Command
from flows.replies import command
from tests.flows.shipped import words
from tests.understanding.measure import LANGUAGES, load, measured


@pytest.mark.parametrize("language", LANGUAGES)
def test_replies_are_understood(language: str) -> None:
    found = measured(language).replies
    assert found.right >= 0.98, found.wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_stop_is_missed(language: str) -> None:
    assert measured(language).missed_stop.wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_else_is_taken_for_stop(language: str) -> None:
    assert measured(language).false_stop.wrong == []
    ordinary = load(language)["ordinary"]
    assert [text for text in ordinary if command(text, words(language)) is Command.STOP] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_danger_is_heard(language: str) -> None:
    found = measured(language).distress
    assert found.right >= 0.95, found.wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_ordinary_words_raise_few_alarms(language: str) -> None:
    found = measured(language)
    assert found.false_alarms <= 10, found.ordinary.wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_set_is_large_enough_to_tell(language: str) -> None:
    labelled = load(language)
    assert len(labelled["distress"]) >= 200
    assert len(labelled["ordinary"]) >= 600
    assert len(labelled["yes_no"]) >= 80
    assert len(labelled["number"]) >= 80
    assert sum(row["means"] for row in labelled["stop"]) >= 60
    for one in (labelled["distress"], labelled["ordinary"]):
        assert len(set(one)) == len(one)
