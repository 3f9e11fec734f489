"""What the conversations on file do not show of the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.contact import Purpose
from flows.conditions import PREFER_NOT_TO_SAY, Is
from flows.effects import Ask, EndSession, RecordConsent, SaveAnswer, Say, StartWait, WithdrawAnswer
from flows.engine import SILENT, Sprint, step
from flows.inputs import STEERING, Chose, Command, Replied, Started, Steered, WaitTimedOut
from flows.localized import LocalFlow
from flows.model import (
    Choice,
    Date,
    Flow,
    Integer,
    Note,
    Period,
    Question,
    Scale,
    SelectMultiple,
    SelectOne,
    Text,
    YesNo,
)
from flows.render import fill
from flows.session import Outcome, Session
from tests.flows.shipped import TODAY, library, local, words

AWAY = timedelta(hours=3)


def made(*questions: Any, **more: Any) -> LocalFlow:
    told = Flow(id="made", version=1, title="Made", questions=questions, **more)
    return LocalFlow(**vars(told), phrases=library().phrases["en"], words=words())


def start(flow: LocalFlow, **known: str) -> Session:
    return step(flow, Session(flow.id, flow.version), Started(known)).session


def reply(flow: LocalFlow, session: Session, text: str, idle: timedelta = timedelta()) -> Sprint:
    return step(flow, session, Replied(text, TODAY, idle))


def said(sprint: Sprint) -> list[str]:
    return [e.text for e in sprint.effects if isinstance(e, Say)]


USED = YesNo(name="used", label="Did you?")
WHY = Text(name="why", label="Why?", when=Is("used", ("no",)))
HOW = Text(name="how", label="How?", when=Is("used", ("yes",)), max_length=10)
COUNT = Integer(name="count", label="How many?")
BYE = Note(name="bye", label="Bye.")
BUS_OR_CAR = (Choice(name="bus", label="Bus"), Choice(name="car", label="Car"))


def test_what_is_known_is_not_asked() -> None:
    flow = local("wellbeing")
    sprint = step(flow, Session(flow.id, flow.version), Started({"consent": "yes"}))
    assert sprint.session.waiting_at == "content"
    assert sprint.session.answers == {"consent": "yes"}
    assert not any(isinstance(e, RecordConsent | SaveAnswer) for e in sprint.effects)


def test_a_flow_of_nothing_but_notes_ends_where_it_begins() -> None:
    flow = made(Note(name="hi", label="Hi."), BYE)
    sprint = step(flow, Session(flow.id, flow.version), Started())
    assert said(sprint) == ["Hi.", "Bye."]
    assert sprint.effects[-1] == EndSession(Outcome.COMPLETED)
    assert (sprint.session.waiting_at, sprint.session.said) == (None, ("hi", "bye"))


def test_an_answer_that_contradicts_a_changed_one_is_withdrawn_before_the_next_question_is_asked() -> None:
    """Who changes an answer and then falls silent leaves no two answers that cannot both be true."""
    flow = made(USED, HOW, WHY, COUNT)
    session = reply(flow, start(flow), "no").session
    session = reply(flow, session, "Too far").session
    session = step(flow, session, Steered(Command.BACK)).session
    session = step(flow, session, Steered(Command.BACK)).session
    sprint = reply(flow, session, "yes")
    assert WithdrawAnswer("why") in sprint.effects
    assert sprint.session.answers == {"used": "yes"}
    assert sprint.session.waiting_at == "how"


def test_an_answer_confirmed_after_going_back_withdraws_nothing_and_goes_on_where_they_were() -> None:
    flow = made(USED, HOW, WHY, COUNT)
    session = reply(flow, reply(flow, start(flow), "no").session, "Too far").session
    for _ in range(2):
        session = step(flow, session, Steered(Command.BACK)).session
    sprint = reply(flow, session, "no")
    assert sprint.session.waiting_at == "count"
    assert not any(isinstance(e, WithdrawAnswer) for e in sprint.effects)


def test_a_note_is_said_once_however_often_somebody_goes_back() -> None:
    flow = made(USED, Note(name="thanks", label="Thanks."), COUNT, BYE)
    first = reply(flow, start(flow), "yes")
    assert said(first) == ["Thanks."]
    back = step(flow, first.session, Steered(Command.BACK)).session
    assert said(reply(flow, back, "no")) == []


def test_a_consent_is_recorded_with_its_purpose_and_words() -> None:
    flow = local("wellbeing")
    sprint = reply(flow, start(flow), "yes")
    assert sprint.effects[0] == RecordConsent(Purpose.QUESTIONNAIRES, True, "consent")
    assert not any(isinstance(e, SaveAnswer) for e in sprint.effects)


def test_a_consent_can_neither_be_skipped_nor_gone_back_to() -> None:
    flow = local("wellbeing")
    session = start(flow)
    for given in (Steered(Command.SKIP), Chose("consent", -1)):
        refused = step(flow, session, given)
        assert said(refused) == [flow.phrases.needed]
        assert refused.session.waiting_at == "consent"
    session = reply(flow, session, "yes").session
    assert said(step(flow, session, Steered(Command.BACK))) == [flow.phrases.first_question]


def test_a_text_too_long_is_kept_in_part_and_said_to_be() -> None:
    flow = made(USED, HOW, BYE)
    sprint = reply(flow, reply(flow, start(flow), "yes").session, "a very long story")
    assert said(sprint) == [flow.phrases.text_cut, "Bye."]
    assert SaveAnswer("how", "a very lon") in sprint.effects


@pytest.mark.parametrize("idle", [timedelta(), AWAY - timedelta(seconds=1)])
def test_somebody_who_is_there_is_told_when_they_are_not_understood(idle: timedelta) -> None:
    flow = made(USED, COUNT)
    sprint = reply(flow, start(flow), "hello", idle)
    assert said(sprint) == [flow.phrases.not_understood]
    assert sprint.session.misses == 1


def test_after_many_misses_the_bot_is_silent_until_it_understands() -> None:
    """The other end may be a machine that answers whatever it is sent."""
    flow = made(USED, COUNT)
    session = start(flow)
    for _ in range(SILENT):
        session = reply(flow, session, "beep").session
    assert reply(flow, session, "beep").session is session
    assert reply(flow, session, "yes").session.waiting_at == "count"


def test_the_first_word_after_a_long_time_is_a_hello_and_no_miss() -> None:
    flow = made(USED, COUNT)
    sprint = reply(flow, start(flow), "what was that", AWAY)
    assert said(sprint) == [flow.phrases.welcome_back.other]
    assert sprint.effects[0] == Say(flow.phrases.welcome_back.other, {"count": 2})
    assert sprint.session.misses == 0


def test_words_of_ones_own_after_a_long_time_are_an_answer_unless_they_are_a_hello() -> None:
    flow = made(HOW_FREE, COUNT)
    session = start(flow)
    assert reply(flow, session, "good morning", AWAY).session.answers == {}
    assert reply(flow, session, "It was fine", AWAY).session.answers == {"how": "It was fine"}
    paused = step(flow, session, Steered(Command.PAUSE)).session
    assert reply(flow, paused, "any word").session.answers == {}  # "Send any word when you want to go on"


HOW_FREE = Text(name="how", label="How?")


def test_the_last_question_is_recapped_in_the_singular_and_then_not_at_all() -> None:
    flow = made(USED, COUNT)
    session = reply(flow, start(flow), "yes").session
    assert said(reply(flow, session, "hello?", AWAY)) == [flow.phrases.welcome_back.one]
    assert said(reply(flow, session, "12", AWAY)) == []


def test_a_button_is_pressed_after_a_long_time_like_a_word() -> None:
    flow = made(USED, COUNT, WHY)
    sprint = step(flow, start(flow), Chose("used", 0, AWAY))
    assert sprint.session.answers == {"used": "yes"}
    assert said(sprint) == [flow.phrases.welcome_back.one]


@pytest.mark.parametrize("option", [-2, 2, 10**9])
def test_a_button_that_the_question_does_not_have_is_answered_with_the_question(option: int) -> None:
    flow = made(USED, COUNT)
    sprint = step(flow, start(flow), Chose("used", option))
    assert said(sprint) == [flow.phrases.earlier_button]
    assert Ask(USED) in sprint.effects


def test_a_button_of_a_question_to_come_changes_nothing_of_it() -> None:
    flow = made(
        USED, SelectOne(name="by", label="How?", choices=(Choice(name="a", label="A"), Choice(name="b", label="B")))
    )
    sprint = step(flow, start(flow), Chose("by", 0))
    assert sprint.session.answers == {}
    assert sprint.session.waiting_at == "used"


def test_the_skip_button_skips() -> None:
    flow = made(USED, COUNT)
    assert step(flow, start(flow), Chose("used", -1)).session.answers == {"used": PREFER_NOT_TO_SAY}


def test_a_question_that_a_new_version_has_not_ends_the_session_in_words() -> None:
    session = Session("made", 1, 4, "gone", {"used": "yes"})
    flow = made(USED, COUNT)
    for given in (Replied("7", TODAY), Chose("gone", 0), Steered(Command.BACK), WaitTimedOut(4)):
        sprint = step(flow, session, given)
        assert said(sprint) == [flow.phrases.flow_changed]
        assert sprint.effects[-1] == EndSession(Outcome.FLOW_CHANGED)
        assert (sprint.session.waiting_at, sprint.session.answers) == (None, {"used": "yes"})


@pytest.mark.parametrize("command", sorted(set(Command) - STEERING))
def test_a_word_that_steers_the_bot_is_nothing_to_the_engine(command: Command) -> None:
    flow = made(USED)
    session = start(flow)
    assert step(flow, session, Steered(command)) == Sprint(session)
    assert step(flow, session, Steered(command)).session is session


def test_a_wait_of_an_earlier_sprint_changes_nothing() -> None:
    flow = made(USED, COUNT, nudge_after=Period(hours=20))
    session = reply(flow, start(flow), "yes").session
    for sprint in (session.sprint - 1, session.sprint + 1):
        assert step(flow, session, WaitTimedOut(sprint)).session is session


def test_silence_without_a_nudge_expires_at_once() -> None:
    flow = made(USED, COUNT, expires_after=Period(hours=48))
    begun = step(flow, Session(flow.id, flow.version), Started())
    assert StartWait(1, Period(hours=48)) in begun.effects
    assert step(flow, begun.session, WaitTimedOut(1)).effects == (EndSession(Outcome.EXPIRED),)


def test_one_nudge_goes_out_for_a_question_however_long_they_talk_about_it() -> None:
    flow = made(USED, COUNT, nudge_after=Period(hours=20))
    session = start(flow)
    session = step(flow, session, WaitTimedOut(session.sprint)).session
    sprint = step(flow, session, Steered(Command.AGAIN))
    assert StartWait(sprint.session.sprint, flow.expires_after) in sprint.effects
    ended = step(flow, sprint.session, WaitTimedOut(sprint.session.sprint))
    assert ended.effects == (EndSession(Outcome.EXPIRED),)


def test_a_session_that_has_ended_hears_nothing_more() -> None:
    flow = made(USED)
    session = reply(flow, start(flow), "yes").session
    for given in (Replied("no", TODAY), Chose("used", 1), Steered(Command.BACK), WaitTimedOut(session.sprint)):
        assert step(flow, session, given).session is session


@pytest.mark.parametrize(
    ("question", "explained"),
    [
        (USED, 'Please send only the number of your answer. For example, 1 for "Yes".'),
        (COUNT, "Please send only a number. For example: 20"),
        (Scale(name="q", label="?", low="a", high="b"), "Please send only a number from 0 to 10. For example: 5"),
        (
            Scale(name="q", label="?", low="a", high="b", minimum=1, maximum=4),
            "Please send only a number from 1 to 4. For example: 3",
        ),
        (
            SelectOne(name="q", label="?", choices=BUS_OR_CAR),
            'Please send only the number of your answer. For example, 1 for "Bus".',
        ),
        (
            SelectMultiple(name="q", label="?", choices=BUS_OR_CAR),
            "Please send only the numbers of your answers. For example: 1 3",
        ),
        (Date(name="q", label="?"), "Please send the day, then the month. For example, 25 3 for 25 March."),
        (Text(name="q", label="?"), "Please write a few words."),
    ],
)
def test_the_second_miss_is_explained_by_an_example(question: Question, explained: str) -> None:
    flow = made(question)
    session = reply(flow, start(flow), "???").session
    sprint = reply(flow, session, "???")
    told = sprint.effects[0]
    assert isinstance(told, Say)
    assert fill(told.text, told.blanks, "en") == explained
    assert Ask(question) in sprint.effects


def test_what_is_known_and_does_not_apply_is_left_out() -> None:
    flow = made(USED, HOW, WHY, COUNT)
    sprint = step(flow, Session("made", 1), Started({"used": "yes", "why": "Too far"}))
    assert sprint.session.waiting_at == "how"
    session = reply(flow, sprint.session, "By bus").session
    assert session.answers == {"used": "yes", "how": "By bus"}
