"""What people see, typed and with buttons."""

from __future__ import annotations

from datetime import date

import pytest

from domain.sms import segments
from flows.effects import Ask, Say
from flows.engine import pressed
from flows.inputs import SKIP
from flows.model import Choice, Date, Integer, Question, Scale, SelectMultiple, SelectOne, Text, YesNo
from flows.render import Renderer, fill
from tests.flows.shipped import FLOW_IDS, LANGUAGES, library, local

PHRASES = library().phrases["en"]
SHORT = (Choice(name="a", label="Bus"), Choice(name="b", label="Car"), Choice(name="c", label="On foot"))
LONG = (Choice(name="a", label="By bus or by train"), Choice(name="b", label="Car"))


def shown(question: Question, *, buttons: bool = False) -> tuple[str, tuple[tuple[tuple[str, int], ...], ...]]:
    message = Renderer().message([Ask(question)], PHRASES, "en", buttons=buttons, sms=False)
    return message.text, message.buttons


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (YesNo(name="q", label="Shall we?"), "Shall we?\n1 Yes\n2 No"),
        (SelectOne(name="q", label="How?", choices=SHORT), "How?\n1 Bus\n2 Car\n3 On foot\nSend a number."),
        (
            SelectMultiple(name="q", label="How?", choices=LONG),
            "How?\n1 By bus or by train\n2 Car\nSend one or more numbers.",
        ),
        (Scale(name="q", label="Good?", low="no", high="very"), "Good?\n0 = no, 10 = very"),
        (Scale(name="q", label="Good?", low="no", high="very", minimum=1, maximum=5), "Good?\n1 = no, 5 = very"),
        (Integer(name="q", label="How many?"), "How many?\nSend a number."),
        (Date(name="q", label="When?"), "When?\nFor example: 25 3"),
        (Text(name="q", label="What?"), "What?\nOr send SKIP."),
        (Text(name="q", label="What?", required=True), "What?"),
        (
            Scale(name="q", label="Good?", low="no", high="very", sensitive=True),
            "Good?\n0 = no, 10 = very\nOr send SKIP.",
        ),
    ],
)
def test_a_phone_that_types_is_shown_numbers_and_how_to_reply(question: Question, text: str) -> None:
    assert shown(question) == (text, ())


@pytest.mark.parametrize(
    ("question", "text", "rows"),
    [
        (YesNo(name="q", label="Shall we?"), "Shall we?", (("Yes", "No"), ("Skip",))),
        (YesNo(name="q", label="Shall we?", required=True), "Shall we?", (("Yes", "No"),)),
        (SelectOne(name="q", label="How?", choices=SHORT), "How?", (("Bus", "Car", "On foot"), ("Skip",))),
        (SelectOne(name="q", label="How?", choices=LONG), "How?", (("By bus or by train",), ("Car",), ("Skip",))),
        (
            SelectMultiple(name="q", label="How?", choices=SHORT),
            "How?\nPress all that fit, then Done.",
            (("Bus",), ("Car",), ("On foot",), ("Done",), ("Skip",)),
        ),
        (Integer(name="q", label="How many?", sensitive=True), "How many?\nSend a number.", (("Prefer not to say",),)),
        (Date(name="q", label="When?", required=True), "When?\nFor example: 25 3", ()),
        (Text(name="q", label="What?"), "What?", (("Skip",),)),
    ],
)
def test_a_channel_with_buttons_is_shown_them(question: Question, text: str, rows: tuple[tuple[str, ...], ...]) -> None:
    said, buttons = shown(question, buttons=True)
    assert (said, tuple(tuple(label for label, _ in row) for row in buttons)) == (text, rows)


def test_a_long_scale_takes_two_rows_of_about_one_length() -> None:
    _, buttons = shown(Scale(name="q", label="Good?", low="no", high="very"), buttons=True)
    assert [[label for label, _ in row] for row in buttons] == [[*"012345"], ["6", "7", "8", "9", "10"], ["Skip"]]


@pytest.mark.parametrize(
    "question",
    [
        YesNo(name="q", label="?"),
        SelectOne(name="q", label="?", choices=SHORT),
        Scale(name="q", label="?", low="no", high="very"),
        Scale(name="q", label="?", low="no", high="very", minimum=1, maximum=4),
    ],
)
def test_each_button_gives_the_answer_that_it_shows(question: Question) -> None:
    _, rows = shown(question, buttons=True)
    names = {"Yes": "yes", "No": "no"} | {c.label: c.name for c in SHORT} | {str(n): n for n in range(11)}
    pairs = [(names[label], pressed(question, option)) for row in rows[:-1] for label, option in row]
    assert [meant for meant, _ in pairs] == [got for _, got in pairs]
    assert rows[-1] == (("Skip", SKIP),)
    assert pressed(question, len(pairs)) is None
    assert pressed(question, -2) is None


def test_a_question_that_is_typed_has_no_answer_behind_a_button() -> None:
    for question in (Text(name="q", label="?"), Integer(name="q", label="?"), Date(name="q", label="?")):
        assert pressed(question, 0) is None
    assert pressed(SelectMultiple(name="q", label="?", choices=SHORT), 0) is None


def test_all_that_is_said_in_a_sprint_is_one_message() -> None:
    said: list[Say | Ask] = [
        Say("We noted {date}.", {"date": date(2026, 3, 1)}),
        Ask(YesNo(name="q", label="Shall we?")),
    ]
    message = Renderer().message(said, PHRASES, "en", buttons=False, sms=False)
    assert message.text == "We noted 1 March 2026.\nShall we?\n1 Yes\n2 No"


@pytest.mark.parametrize(
    ("language", "day"),
    [
        ("en", "1 March 2026"),
        ("pl", "1 marca 2026"),
        ("ro", "1 martie 2026"),
        ("ur", "1 مارچ 2026"),
        ("bn", "1 মার্চ 2026"),
    ],
)
def test_a_date_is_written_as_its_language_writes_it(language: str, day: str) -> None:
    assert fill("{date}", {"date": date(2026, 3, 1)}, language) == day


def test_braces_in_what_people_wrote_are_never_taken_for_blanks() -> None:
    assert (
        fill("For example, {example} for {label}.", {"example": 1, "label": "{x} {"}, "en")
        == "For example, 1 for {x} {."
    )
    assert fill("{left as it is", {}, "en") == "{left as it is"


def test_a_text_message_is_made_of_the_letters_it_is_sent_in() -> None:
    said = [Say("It’s fine… – really")]
    assert Renderer().message(said, PHRASES, "en", buttons=False, sms=True).text == "It's fine... - really"
    assert Renderer().message(said, PHRASES, "en", buttons=False, sms=False).text == "It’s fine… – really"


def test_a_renderer_that_knows_the_flow_says_the_same_as_one_that_does_not() -> None:
    for language in LANGUAGES:
        for flow in FLOW_IDS:
            told = local(flow, language)
            knows, new = Renderer([told]), Renderer()
            for question in told.asked():
                for buttons in (True, False):
                    one = knows.message([Ask(question)], told.phrases, language, buttons=buttons, sms=False)
                    other = new.message([Ask(question)], told.phrases, language, buttons=buttons, sms=False)
                    assert one == other


@pytest.mark.parametrize("flow", FLOW_IDS)
def test_each_english_question_keeps_to_its_flows_segments(flow: str) -> None:
    told = local(flow)
    messages = {
        q.name: Renderer().message([Ask(q)], told.phrases, "en", buttons=False, sms=True).text for q in told.asked()
    }
    assert {name: text for name, text in messages.items() if segments(text).count > told.segments} == {}
