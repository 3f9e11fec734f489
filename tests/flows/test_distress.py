"""Danger in what people write: how a list is read, what takes an alarm back, and what every language's list hears."""

from __future__ import annotations

import pytest

from flows.distress import DistressWords, compile_lists
from flows.patterns import Index, PatternError
from tests.flows.shipped import library

LIST = DistressWords(
    language="en",
    alarms=("want to ... fall", "(jump|leap) off", "harm*"),
    except_=("want to fall asleep", "harmon*"),
    negations=("not", "never"),
    alarms_with_not=("no point",),
)
OTHER = DistressWords(language="pl", alarms=("spadam",), except_=("harmful film",))


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("I want to fall", True),
        ("I WANT to just, you know, fall!", True),
        ("I want to one two three four fall", False),  # a gap has three words at most
        ("I want to fall asleep", False),
        ("want to. Fall came early", False),  # a sentence ends it
        ("leap off it", True),
        ("harmful", True),
        ("harmonica", False),
        ("I would never want to fall", False),
        ("never. I want to fall", True),  # the not of another sentence
        ("there is no point", True),
        ("not that there is no point", True),  # it holds its own not
        ("spadam", True),
        ("a harmful film", True),  # an exception of another language is for that language
        ("7", False),
        ("", False),
        ("x" * 10_000, False),
    ],
)
def test_a_list_hears_what_it_says(text: str, heard: bool) -> None:
    assert compile_lists([LIST, OTHER]).hears(text) is heard


def test_english_exceptions_are_for_all_languages() -> None:
    other = DistressWords(language="ur", alarms=("asleep",))
    assert not compile_lists([LIST, other]).hears("I want to fall asleep")
    assert compile_lists([LIST, other]).hears("asleep")


@pytest.mark.parametrize("pattern", ["", "...", "_ _", "(a|b", "a|b", "((x y|z) w)", "*"])
def test_a_pattern_that_cannot_be_read_is_named(pattern: str) -> None:
    with pytest.raises(PatternError):
        Index.of([(pattern, True)])


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I want to kill myself"),
        ("pl", "chcę się zabić"),
        ("ro", "vreau să mor"),
        ("ur", "میں مرنا چاہتا ہوں"),
        ("bn", "আমি মরে যেতে চাই"),
    ],
)
def test_every_shipped_language_is_heard(language: str, text: str) -> None:
    screen = library().distress
    assert set(screen.languages) >= {language}
    assert screen.hears(text)


def test_each_language_has_a_list() -> None:
    assert set(library().distress.languages) == {tag for tag, one in library().languages.items() if one.like is None}
