"""The wording of English texts: each rule can fail, and what is shipped keeps to all."""

from __future__ import annotations

import dataclasses

import pytest

from flows.library import Library
from flows.model import Note, Scale, YesNo
from flows.wording import grade, problems
from tests.flows.shipped import library


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 6 words, 1 sentence, 6 syllables: 0.39 x 6 + 11.8 x 1 - 15.59
        ("The cat sat on the mat.", -1.45),
        # 4 words in 2 sentences, 4 syllables: 0.39 x 2 + 11.8 - 15.59
        ("Go home. Sit down.", -3.01),
        # a word to send and a number are one syllable each: 5 words, 5 syllables
        ("Send STOP or call 123.", -1.84),
    ],
)
def test_the_grade_is_flesch_and_kincaids(text: str, expected: float) -> None:
    assert grade(text) == pytest.approx(expected, abs=0.01)


def test_long_words_raise_the_grade() -> None:
    assert grade("Participation in consultation opportunities facilitates representation considerably.") > 20


def with_phrase(text: str) -> Library:
    shipped = library()
    phrases = {**shipped.phrases, "en": dataclasses.replace(shipped.phrases["en"], knock=text)}
    return dataclasses.replace(shipped, phrases=phrases)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Participation in consultation opportunities considerably facilitates democratic representation of all.",
            "grade",
        ),
        ("We write to you and then you write to us and then we write to you and then we all have some tea.", "words"),
        ("Feel free to write.", "'feel free' is hard to understand; say 'you can'"),
        ("Hello \N{WAVING HAND SIGN}", "no letter of an English SMS"),
        ("Hello \u2013 you", "no letter of an English SMS"),
        ("Your mental health team", "'mental' gives away"),
        ("About your depression", "'depression' gives away"),
    ],
)
def test_what_is_hard_dear_or_tells_too_much_is_named(text: str, said: str) -> None:
    found = [fault for fault in problems(with_phrase(text)) if fault.startswith("phrases.knock (en)")]
    assert any(said in fault for fault in found), found


def test_a_help_text_without_a_number_is_named() -> None:
    shipped = library()
    phrases = {**shipped.phrases, "en": dataclasses.replace(shipped.phrases["en"], help="Send BACK.")}
    found = list(problems(dataclasses.replace(shipped, phrases=phrases)))
    assert "phrases.help: it does not say whom to call; add a line with {phone} (en)" in found


@pytest.mark.parametrize(("flow", "at"), [("joining", 0), ("wellbeing", 0), ("joining", -1), ("needs", -1)])
def test_a_first_or_last_text_without_a_number_is_named(flow: str, at: int) -> None:
    shipped = library()
    local = shipped.localized[flow, "en"]
    items = list(local.questions)
    said = items[at]
    assert isinstance(said, Note | YesNo | Scale)
    items[at] = dataclasses.replace(said, label="Hello from us.")
    flows = {**shipped.localized, (flow, "en"): dataclasses.replace(local, questions=tuple(items))}
    found = list(problems(dataclasses.replace(shipped, localized=flows)))
    which = "first" if at == 0 else "last"
    assert f"{flow}: its {which} text does not say whom to call; add a line with {{phone}} (en)" in found


def test_every_shipped_text_keeps_to_the_rules() -> None:
    assert list(problems(library())) == []
