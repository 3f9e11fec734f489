"""Whatever is typed, pressed or left unsaid, a session waits at a question or has ended.

MIME_WALKS says how many inputs all walks together take: 200000 is a full run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.hours import PreferredHours
from flows.conditions import PREFER_NOT_TO_SAY, Answer, holds
from flows.effects import Ask, EndSession, RecordConsent, SaveAnswer, Say, StartWait, WithdrawAnswer
from flows.engine import SILENT, step
from flows.inputs import Chose, Command, Input, Replied, Started, Steered, WaitTimedOut
from flows.localized import LocalFlow
from flows.model import Date, Hours, Integer, Locality, Question, Scale, SelectMultiple, SelectOne, Text, YesNo
from flows.render import Renderer
from flows.replies import ELSEWHERE, command, is_greeting, language_named
from flows.session import Session
from tests.flows.shipped import FLOW_IDS, LANGUAGES, facts_of, library, local
from tests.flows.transcripts import kept

INPUTS = int(os.environ.get("MIME_WALKS", "20000"))
PER_WALK = 24
WALKS = max(1, INPUTS // PER_WALK // (len(FLOW_IDS) * len(LANGUAGES)))

Happening = Callable[[Session], Input]

_IDLE = st.sampled_from([timedelta(), timedelta(minutes=5), timedelta(hours=3), timedelta(days=4), timedelta(days=900)])
_TODAY = st.dates(date(2000, 1, 1), date(2099, 12, 31))
_ANY_CHARACTER = st.characters(exclude_categories=())  # halves of characters, too: JSON can bring them
_ANYTHING = st.text(_ANY_CHARACTER, max_size=30)
_LONG = st.builds(
    lambda piece, times: (piece * times)[:5000], st.text(_ANY_CHARACTER, min_size=1, max_size=12), st.just(5000)
)
_NUMBERS = (
    st.integers(-3, 10**7).map(str) | st.integers(0, 31).map(str) | st.sampled_from(["7" * 4400, "٣", "⑦", "1.5"])
)


@cache
def _vocabulary(flow: str, language: str) -> tuple[str, ...]:
    """Words that mean something somewhere: labels, commands, numbers, months, polite words, negations."""
    told = local(flow, language)
    labels = [c.label for q in told.asked() if isinstance(q, SelectOne | SelectMultiple) for c in q.choices]
    lex = told.words
    several = (lex.yes_no, lex.commands, lex.numbers, lex.languages, lex.not_, lex.and_, lex.out_of, lex.small_talk)
    more = (lex.greetings, lex.option, lex.days, lex.months, lex.stop_alone, lex.stop_words)
    return tuple(labels + sorted({word for group in (*several, *more) for word in group}))


def _happenings(flow: str, language: str) -> st.SearchStrategy[Happening]:
    told = local(flow, language)
    word = st.sampled_from(_vocabulary(flow, language)) | _NUMBERS
    sentence = st.builds(
        lambda words, between: between.join(words),
        st.lists(word, min_size=1, max_size=6),
        st.sampled_from([" ", ", ", " and ", "/", "\n", ""]),
    )
    digit = st.integers(0, 12).map(str)
    typed = st.one_of(digit, digit, word, sentence, _ANYTHING, _LONG)
    names = st.sampled_from([*told.place, "", "no such question", "wellbeing_score"])
    options = st.integers(-3, 31) | st.sampled_from([-(10**9), 10**9])

    def replied(text: str, today: date, idle: timedelta) -> Happening:
        return lambda session: Replied(text, today, idle)

    def answered(n: int, today: date) -> Happening:
        """What is most likely understood at the waiting question, so that walks get far."""

        def of(session: Session) -> Input:
            match told.question(session.waiting_at or ""):
                case YesNo(consent=consent) if consent is not None:
                    return Replied("1", today)
                case Date():
                    return Replied(f"{n + 1} 3", today)
                case Text():
                    return Replied("words of one's own", today)
                case _:
                    return Replied(str(n % 3 + 1), today)

        return of

    def chose(name: str | None, option: int, idle: timedelta) -> Happening:
        return lambda session: Chose(session.waiting_at or "" if name is None else name, option, idle)

    def steered(steering: Command, idle: timedelta) -> Happening:
        return lambda session: Steered(steering, idle)

    def silent(off: int) -> Happening:
        return lambda session: WaitTimedOut(session.sprint + off)

    return st.one_of(
        st.builds(answered, st.integers(0, 8), _TODAY),
        st.builds(answered, st.integers(0, 8), _TODAY),
        st.builds(replied, typed, _TODAY, _IDLE),
        st.builds(chose, st.none() | names, options, _IDLE),
        st.builds(
            steered, st.sampled_from([Command.BACK, Command.BACK, Command.SKIP, *Command]), _IDLE
        ),
        st.builds(silent, st.sampled_from([0, -1, 1, -7, 10**6])),
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("flow", FLOW_IDS)
def test_whatever_happens_a_session_waits_or_has_ended(flow: str, language: str) -> None:
    @settings(max_examples=WALKS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(_happenings(flow, language), min_size=PER_WALK, max_size=PER_WALK))
    def walks(happenings: list[Happening]) -> None:
        walk = Walk(local(flow, language))
        for happening in happenings:
            walk.take(happening(walk.session))
            if walk.ended and walk.after_the_end > 2:
                walk = Walk(local(flow, language))

    walks()


@pytest.mark.parametrize("language", LANGUAGES)
def test_readers_of_steering_words_take_any_text(language: str) -> None:
    words = library().words[language]

    @settings(max_examples=max(WALKS, 30), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_ANYTHING | _LONG | _NUMBERS)
    def reads(text: str) -> None:
        assert command(text, words) in (None, *Command)
        assert language_named(text, words) in (None, *LANGUAGES)
        assert is_greeting(text, words) in (True, False)

    reads()


@dataclass
class Walk:
    """One session and all that must hold after each of its steps."""

    flow: LocalFlow
    session: Session = field(init=False)
    kept: dict[str, Answer] = field(default_factory=dict)
    ended: bool = False
    after_the_end: int = 0

    def __post_init__(self) -> None:
        self.renderer = Renderer([self.flow])
        self.session = Session(self.flow.id, self.flow.version)
        self.take(Started(facts_of(self.flow)))

    def take(self, given: Input) -> None:
        before = self.session
        sprint = step(self.flow, before, given)
        after = sprint.session
        if after == before or not sprint.effects:
            assert after is before
            assert sprint.effects == ()
        else:
            assert after.sprint == before.sprint + 1
        ends = [e for e in sprint.effects if isinstance(e, EndSession)]
        waits = [e for e in sprint.effects if isinstance(e, StartWait)]
        if self.ended:
            assert after is before
            self.after_the_end += 1
        elif after.waiting_at is None:
            assert len(ends) == 1
            assert waits == []
            self.ended = True
        else:
            assert ends == []
            assert self.flow.question(after.waiting_at) is not None
            if after is not before:
                assert [w.sprint for w in waits] == [after.sprint]
                assert waits[0].timeout.ms > 0
        assert 0 <= after.misses <= SILENT
        self._answers(sprint.effects, after)
        self._said(sprint.effects)
        self.session = kept(after)
        assert self.session == after
        if after is before:
            self.session = before

    def _answers(self, effects: tuple[object, ...], session: Session) -> None:
        for effect in effects:
            match effect:
                case SaveAnswer(question, value):
                    self.kept[question] = value
                case RecordConsent(_, agreed, question):
                    self.kept[question] = "yes" if agreed else "no"
                case WithdrawAnswer(question):
                    del self.kept[question]
        if self.flow.score is not None:
            figure = self.kept.pop(self.flow.score.name, 0)
            assert isinstance(figure, int) and 0 <= figure <= 100
        told = {name: answer for name, answer in session.answers.items() if name not in self.flow.facts}
        assert self.kept == told, "what was saved is not what the session holds"
        for place in self.flow.steps:
            if (answer := session.answers.get(place.item.name)) is not None:
                asked = self.flow.question(place.item.name)
                assert asked is not None
                assert valid(asked, answer), (asked.name, answer)
                assert holds(place.when, session.answers), f"{asked.name} does not apply, and is kept"

    def _said(self, effects: tuple[object, ...]) -> None:
        said = [e for e in effects if isinstance(e, Say | Ask)]
        if not said:
            return
        phrases, language = self.flow.phrases, self.flow.language
        for sms in (True, False):
            message = self.renderer.message(said, phrases, language, buttons=not sms, sms=sms)
            assert message.text.strip()
            assert message.text.encode("utf-8")


def valid(question: Question, answer: Answer) -> bool:
    """Whether it is an answer that the question can have."""
    if answer == PREFER_NOT_TO_SAY:
        return not question.required
    match question:
        case Scale(minimum=low, maximum=high) | Integer(minimum=low, maximum=high):
            return type(answer) is int and low <= answer <= high
        case YesNo():
            return answer in ("yes", "no")
        case SelectOne(choices=choices):
            return answer in [c.name for c in choices]
        case SelectMultiple(choices=choices):
            names = [c.name for c in choices]
            return isinstance(answer, tuple) and bool(answer) and list(answer) == [n for n in names if n in answer]
        case Date():
            return isinstance(answer, str) and date.fromisoformat(answer).isoformat() == answer
        case Text(max_length=longest):
            return isinstance(answer, str) and bool(answer.strip()) and len(answer) <= longest
        case Locality(places=places):
            return answer in [*(place.name for place in places), ELSEWHERE]
        case Hours():
            return isinstance(answer, str) and str(PreferredHours.parse(answer)) == answer
