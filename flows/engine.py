"""The flow engine: an input goes in, a new session and effects come out.

No clock, no disk, no network and no language: everything that decides what a contact is asked next
stands in this file, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import assert_never

from domain.hours import PreferredHours
from domain.value import value
from flows.conditions import ALWAYS, PREFER_NOT_TO_SAY, Answer, holds, questions_in
from flows.effects import (
    AlertKind,
    Ask,
    Do,
    Effect,
    EndSession,
    Mark,
    RaiseAlert,
    RecordConsent,
    RepeatFlow,
    SaveAnswer,
    Say,
    StartWait,
    WithdrawAnswer,
)
from flows.inputs import DONE, SKIP, Chose, Command, Input, Replied, Started, Steered, WaitTimedOut
from flows.localized import LocalFlow
from flows.model import (
    Act,
    Choice,
    Date,
    Hours,
    Integer,
    Locality,
    Note,
    Period,
    Question,
    Scale,
    SelectMultiple,
    SelectOne,
    Step,
    Text,
    YesNo,
)
from flows.phrases import Phrases
from flows.replies import ELSEWHERE, Cut, Narrowed, is_greeting, understand
from flows.score import score
from flows.session import Outcome, Session

#: After this long a returning person is told where they are before they are asked on.
RECAP_AFTER = timedelta(hours=3)
#: Replies that mean nothing: the second is explained differently, from the third a person is offered,
#: and after the last the bot is silent until it understands again (the other end may be a machine).
EXPLAIN, OFFER, SILENT = 2, 3, 8
_A_DAY = Period(hours=24)


@value
class Sprint:
    """One step of the engine: the session after it, and what the world is asked to do."""

    session: Session
    effects: tuple[Effect, ...] = ()


def step(flow: LocalFlow, session: Session, given: Input) -> Sprint:
    """What follows when this happens to somebody who is there in the flow.

    A step that changes nothing returns the very same session and no effects.
    """
    if isinstance(given, Started):
        knowing = replace(session, given=tuple(given.known))
        return _go_on(flow, knowing, {**session.answers, **given.known}, -1, [])
    if session.waiting_at is None:
        return Sprint(session)
    question = asked(flow, session)
    if question is None:
        return _end(session, Outcome.FLOW_CHANGED, Say(flow.phrases.flow_changed))
    match given:
        case Replied():
            return _take_reply(flow, session, question, given)
        case Chose(name, option, idle):
            return _take_button(flow, session, question, name, option, idle)
        case Steered(command, idle):
            return _steer(flow, session, question, command, idle)
        case WaitTimedOut(sprint) if sprint == session.sprint:
            return _take_silence(flow, session, question)
        case WaitTimedOut():
            return Sprint(session)  # too late: the session has moved on
        case _:
            assert_never(given)


def asked(flow: LocalFlow, session: Session) -> Question | None:
    """The question that waits for its reply, as it stands: with the places that are left to choose from, where
    a postcode lies in several. None where the flow has no such question (any more).
    """
    question = flow.question(session.waiting_at or "")
    if not (isinstance(question, Locality) and session.picked):
        return question
    left = tuple(Choice(name=p.name, label=p.label) for p in question.places if p.name in session.picked)
    elsewhere = Choice(name=ELSEWHERE, label=flow.phrases.somewhere_else)
    return SelectOne(
        name=question.name,
        label=flow.phrases.which_place,
        choices=(*left, elsewhere),
        required=question.required,
        sensitive=question.sensitive,
    )


def _take_reply(flow: LocalFlow, session: Session, question: Question, given: Replied) -> Sprint:
    if session.resting:  # they would rather go on at once
        return _ask_again(flow, session, question)
    away = session.paused or given.idle >= RECAP_AFTER
    if away and isinstance(question, Text) and (session.paused or is_greeting(given.text, flow.words)):
        return _ask_again(flow, session, question, *_recap(flow, session))
    answer = understand(question, given.text, flow.words, given.today)
    if isinstance(answer, Narrowed):
        several = replace(session, picked=answer.names, paused=False)
        return _ask_again(flow, several, asked(flow, several) or question)
    if answer is not None:
        return _answered(flow, session, question, answer, *(_recap(flow, session, 1) if away else ()))
    if away:  # the first word after a long time is more likely a hello than a try
        return _ask_again(flow, session, question, *_recap(flow, session))
    return _misunderstood(flow, session, question)


def _take_button(
    flow: LocalFlow, session: Session, question: Question, name: str, option: int, idle: timedelta
) -> Sprint:
    if name != question.name:
        earlier = flow.question(name)
        if earlier is not None and session.answers.get(name, "") == pressed(earlier, option):
            return Sprint(session)  # the same button pressed twice
        return _ask_again(flow, session, question, Say(flow.phrases.earlier_button))
    if option == SKIP:
        return _steer(flow, session, question, Command.SKIP, idle)
    if isinstance(question, SelectMultiple):
        return _pick(flow, session, question, option, idle)
    answer = pressed(question, option)
    if answer is None:
        return _ask_again(flow, session, question, Say(flow.phrases.earlier_button))
    recap = _recap(flow, session, 1) if session.paused or idle >= RECAP_AFTER else ()
    return _answered(flow, session, question, answer, *recap)


def _pick(flow: LocalFlow, session: Session, question: SelectMultiple, option: int, idle: timedelta) -> Sprint:
    """One of several was pressed: it is picked, or given up again; DONE makes the picked ones the answer."""
    if option == DONE and session.picked:
        recap = _recap(flow, session, 1) if session.paused or idle >= RECAP_AFTER else ()
        return _answered(flow, session, question, session.picked, *recap)
    if not 0 <= option < len(question.choices):
        return _misunderstood(flow, session, question)
    name = question.choices[option].name
    kept = {*session.picked} ^ {name}
    picked = tuple(choice.name for choice in question.choices if choice.name in kept)
    marked = replace(session, sprint=session.sprint + 1, picked=picked, paused=False)
    return Sprint(marked, (Mark(question, picked), _wait(flow, marked)))


def pressed(question: Question, option: int) -> Answer | None:
    """The answer behind the `option`-th button under a question; None where it has no such button."""
    match question:
        case YesNo():
            return ("yes", "no")[option] if option in (0, 1) else None
        case SelectOne(choices=choices):
            return choices[option].name if 0 <= option < len(choices) else None
        case Scale(minimum=low, maximum=high):
            return low + option if 0 <= option <= high - low else None
        case SelectMultiple() | Integer() | Text() | Date() | Locality() | Hours():
            return None
        case _:
            assert_never(question)


def _steer(flow: LocalFlow, session: Session, question: Question, command: Command, idle: timedelta) -> Sprint:
    phrases = flow.phrases
    match command:
        case Command.AGAIN:
            return _ask_again(flow, session, question)
        case Command.PAUSE:
            paused = replace(session, sprint=session.sprint + 1, paused=True, misses=0, resting=False)
            return Sprint(paused, (Say(phrases.paused), StartWait(paused.sprint, flow.expires_after)))
        case Command.SKIP if question.required:
            return _ask_again(flow, session, question, Say(phrases.needed))
        case Command.SKIP:
            return _answered(flow, session, question, PREFER_NOT_TO_SAY)
        case Command.BACK:
            earlier = _before(flow, session, question)
            if earlier is None:
                return _ask_again(flow, session, question, Say(phrases.first_question))
            return _ask_again(flow, replace(session, waiting_at=earlier.name, picked=()), earlier)
        case _:
            return Sprint(session)  # not the engine's word


def _take_silence(flow: LocalFlow, session: Session, question: Question) -> Sprint:
    if session.resting and not session.nudged:
        return _ask_again(flow, session, question)
    if session.paused or session.nudged or flow.nudge_after is None:
        return _end(session, Outcome.EXPIRED)
    nudged = replace(session, sprint=session.sprint + 1, nudged=True)
    return Sprint(nudged, (Say(flow.phrases.nudge), Ask(question), StartWait(nudged.sprint, flow.expires_after)))


def _answered(flow: LocalFlow, session: Session, question: Question, answer: Answer | Cut, *before: Effect) -> Sprint:
    effects = [*before]
    if isinstance(answer, Cut):
        effects.append(Say(flow.phrases.text_cut))
        answer = answer.text
    elif isinstance(question, Date) and answer != PREFER_NOT_TO_SAY:
        effects.append(Say(flow.phrases.date_noted, {"date": date.fromisoformat(str(answer))}))
    elif isinstance(question, Hours) and answer != PREFER_NOT_TO_SAY:
        effects.append(Say(flow.phrases.hours_noted, {"hours": PreferredHours.parse(str(answer))}))
    if isinstance(question, YesNo) and question.consent is not None:
        effects.append(RecordConsent(question.consent, answer == "yes", question.name))
    else:
        effects.append(SaveAnswer(question.name, answer))
    answers = {**session.answers, question.name: answer}
    if question.name in session.answers:  # changed: at once, so that who falls silent now contradicts nothing
        effects += _withdrawn(flow, answers)
    return _go_on(flow, session, answers, flow.place[question.name], effects)


def _withdrawn(flow: LocalFlow, answers: dict[str, Answer]) -> Iterator[WithdrawAnswer]:
    """Takes out the answers to questions that no longer apply."""
    for step_ in flow.steps:
        if step_.item.name in answers and not holds(step_.when, answers):
            del answers[step_.item.name]
            yield WithdrawAnswer(step_.item.name)


def _go_on(flow: LocalFlow, session: Session, answers: dict[str, Answer], after: int, effects: list[Effect]) -> Sprint:
    """Say the notes that apply until a question must wait for its reply, or the flow ends.

    What was answered before and still applies is passed over; what no longer applies is withdrawn.
    """
    said = session.said
    for step_ in flow.steps[after + 1 :]:
        item = step_.item
        applies = step_.when is ALWAYS or holds(step_.when, answers)
        if isinstance(item, Note):
            if applies and item.name not in said:
                said = (*said, item.name)
                effects.append(Say(item.label))
                if item.ends:
                    return _end(_moved(session, None, answers, said), Outcome.DECLINED, *effects)
        elif isinstance(item, Act):
            if applies and item.name not in said:
                said = (*said, item.name)
                effects.append(Do(item.action))
        elif item.name in answers:
            if not applies:
                del answers[item.name]
                effects.append(WithdrawAnswer(item.name))
        elif applies:
            waiting = _moved(session, item.name, answers, said)
            if after >= 0 and _rests(flow, flow.steps[after], step_, answers):
                resting = replace(waiting, resting=True)
                return Sprint(resting, (*effects, Say(flow.phrases.tomorrow), StartWait(resting.sprint, _A_DAY)))
            return Sprint(waiting, (*effects, Ask(item), _wait(flow, waiting)))
    done = _moved(session, None, answers, said)
    return _end(done, Outcome.COMPLETED, *effects, *_closing(flow, done))


def _moved(session: Session, waiting_at: str | None, answers: dict[str, Answer], said: tuple[str, ...]) -> Session:
    """The session one sprint on, with a fresh start at the question where it waits."""
    return Session(
        session.flow,
        session.version,
        session.sprint + 1,
        waiting_at,
        answers,
        said,
        given=session.given,
        about=session.about,
    )


def _rests(flow: LocalFlow, last: Step, following: Step, answers: Mapping[str, Answer]) -> bool:
    """Whether the following question waits for tomorrow: not where it follows up the last one, nor right
    behind the question of how fast to go.
    """
    if flow.one_a_day is None or not holds(flow.one_a_day, answers):
        return False
    name = last.item.name
    return all(name != one.question for one in (*questions_in(following.when), *questions_in(flow.one_a_day)))


def _closing(flow: LocalFlow, session: Session) -> Iterator[Effect]:
    answers = session.answers
    for name in session.given:  # what was known without asking is an answer too, now that they went through with it
        question = flow.question(name)
        if question is not None and not (isinstance(question, YesNo) and question.consent is not None):
            yield SaveAnswer(name, answers[name])
    if flow.score is not None and (figure := score(flow, answers)) is not None:
        answers = {**answers, flow.score.name: figure}
        yield SaveAnswer(flow.score.name, figure)
    if any(holds(watch.when, answers) for watch in flow.watch):
        yield RaiseAlert(AlertKind.LOW_SCORE)
        yield Say(flow.phrases.hard_times)
    if flow.repeats is not None and holds(flow.repeats.when, session.answers):
        yield RepeatFlow(flow.id, flow.repeats.every)


def _ask_again(flow: LocalFlow, session: Session, question: Question, *effects: Effect) -> Sprint:
    several = session.picked if isinstance(flow.question(question.name), Locality) else ()
    again = replace(session, sprint=session.sprint + 1, misses=0, paused=False, resting=False, picked=several)
    return Sprint(again, (*effects, Ask(question), _wait(flow, again)))


def _misunderstood(flow: LocalFlow, session: Session, question: Question) -> Sprint:
    missed = replace(session, sprint=session.sprint + 1, misses=session.misses + 1)
    if missed.misses > SILENT:
        return Sprint(session)
    phrases = flow.phrases
    effects: tuple[Effect, ...]
    if missed.misses < EXPLAIN:
        effects = (Say(phrases.not_understood), Ask(question))
    elif missed.misses < OFFER:
        effects = (_explanation(phrases, question), Ask(question))
    elif missed.misses == OFFER:
        effects = (RaiseAlert(AlertKind.STUCK), Say(phrases.offer_person))
    else:
        effects = (Say(phrases.offer_person),)
    return Sprint(missed, (*effects, _wait(flow, missed)))


def _explanation(phrases: Phrases, question: Question) -> Say:
    match question:
        case Scale(minimum=low, maximum=high):
            return Say(phrases.explain_scale, {"low": low, "high": high, "example": (low + high + 1) // 2})
        case YesNo():
            return Say(phrases.explain_one, {"example": 1, "label": phrases.yes})
        case SelectOne(choices=choices):
            return Say(phrases.explain_one, {"example": 1, "label": choices[0].label})
        case SelectMultiple():
            return Say(phrases.explain_several)
        case Integer():
            return Say(phrases.explain_number)
        case Date():
            return Say(phrases.explain_date)
        case Text(nickname=True):
            return Say(phrases.explain_nickname)
        case Text(lock_screen=True):
            return Say(phrases.explain_lock_screen)
        case Text():
            return Say(phrases.explain_text)
        case Locality():
            return Say(phrases.explain_place)
        case Hours():
            return Say(phrases.explain_hours)
        case _:
            assert_never(question)


def _recap(flow: LocalFlow, session: Session, answered_now: int = 0) -> tuple[Effect, ...]:
    """Where a returning person is; nothing where no question is left to come."""
    left = sum(
        1
        for s in flow.steps
        if not isinstance(s.item, Note | Act) and s.item.name not in session.answers and holds(s.when, session.answers)
    )
    left -= answered_now
    if left < 1:
        return ()
    return (Say(flow.phrases.welcome_back.of(left), {"count": left}),)


def _before(flow: LocalFlow, session: Session, question: Question) -> Question | None:
    """The question asked before this one: the last one above it that they themselves answered."""
    for step_ in reversed(flow.steps[: flow.place[question.name]]):
        item = step_.item
        if isinstance(item, Act) and item.final and item.name in session.said:
            return None  # what is done cannot be taken back by another answer
        if isinstance(item, Note | Act) or item.name not in session.answers or not holds(step_.when, session.answers):
            continue
        if not (isinstance(item, YesNo) and item.consent is not None):  # consent is withdrawn by STOP, not by BACK
            return item
    return None


def _wait(flow: LocalFlow, session: Session) -> StartWait:
    silent_before = flow.nudge_after is None or session.nudged or session.paused
    return StartWait(session.sprint, flow.expires_after if silent_before else flow.nudge_after or flow.expires_after)


def _end(session: Session, outcome: Outcome, *effects: Effect) -> Sprint:
    ended = session
    if session.waiting_at is not None:
        ended = replace(session, sprint=session.sprint + 1, waiting_at=None, misses=0, paused=False)
    return Sprint(ended, (*effects, EndSession(outcome)))
