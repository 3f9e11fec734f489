"""Effects are requests: they say what to do beyond changing the session, in the imperative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from enum import StrEnum

from domain.contact import Purpose
from domain.hours import PreferredHours
from domain.value import value
from flows.conditions import Answer
from flows.model import Action, Period, Question, SelectMultiple
from flows.session import Outcome

Blanks = Mapping[str, str | int | date | PreferredHours]


@value
class Say:
    """Say this; `blanks` fill its {blanks}, in the form of the contact's language."""

    text: str
    blanks: Blanks = field(default_factory=dict)


@value
class Ask:
    """Ask this question, with its answers on offer in the way of the contact's channel."""

    question: Question


@value
class Mark:
    """Show on the buttons of the question that was asked which choices are picked so far."""

    question: SelectMultiple
    picked: tuple[str, ...]


@value
class SaveAnswer:
    """Keep this answer, or this score; a later one to the same question takes its place."""

    question: str
    value: Answer


@value
class WithdrawAnswer:
    """An earlier answer was changed, and this question no longer applies."""

    question: str


@value
class RecordConsent:
    """They said yes or no to a purpose, to these very words."""

    purpose: Purpose
    given: bool
    question: str


@value
class StartWait:
    """Wait for a reply; if `sprint` is still the present one after `timeout`, say WaitTimedOut."""

    sprint: int
    timeout: Period


@value
class RepeatFlow:
    """Start this flow again after a while."""

    flow: str
    every: Period


@value
class Do:
    """Have this done; what is to be said of it is said where it is done."""

    action: Action


class AlertKind(StrEnum):
    """What a person of the team must look at."""

    DISTRESS = "distress"
    PERSON = "person"
    STUCK = "stuck"
    LOW_SCORE = "low_score"
    CALL = "call"
    DRILL = "drill"
    WORRIED = "worried"
    AT_THE_DOOR = "at_the_door"
    SECOND_PART = "second_part"


@value
class RaiseAlert:
    """A person of the team must look at this."""

    kind: AlertKind


@value
class EndSession:
    outcome: Outcome


Effect = (
    Say
    | Ask
    | Mark
    | SaveAnswer
    | WithdrawAnswer
    | RecordConsent
    | StartWait
    | RepeatFlow
    | Do
    | RaiseAlert
    | EndSession
)
