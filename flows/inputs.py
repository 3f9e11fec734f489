"""Inputs are facts: they tell the engine what happened, in the past tense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, timedelta
from enum import StrEnum

from domain.value import value
from flows.conditions import Answer


class Command(StrEnum):
    """Words that steer instead of answering. The engine knows the first four; the rest steer the bot."""

    BACK = "back"
    AGAIN = "again"
    SKIP = "skip"
    PAUSE = "pause"
    STOP = "stop"
    START = "start"
    HELP = "help"
    LANGUAGE = "language"
    PERSON = "person"
    CHECKIN = "checkin"
    JOIN = "join"
    EVENTS = "events"
    BOOKINGS = "bookings"
    OUT = "out"
    HERE = "here"
    NEWS = "news"
    MY_DATA = "my_data"
    FORGET_ME = "forget_me"
    DELETE_LAST = "delete_last"
    TAKE_PART = "take_part"
    ABOUT_ME = "about_me"
    NEEDS = "needs"
    CARER = "carer"
    UNLINK = "unlink"
    SHARE = "share"
    LINK = "link"
    ME = "me"


#: Buttons that are no answers: leave the question out; these were all (where several may be chosen).
SKIP, DONE = -1, -2

STEERING = frozenset({Command.BACK, Command.AGAIN, Command.SKIP, Command.PAUSE})


@value
class Started:
    """The session begins. `known` are answers we have already, which are not asked for."""

    known: Mapping[str, Answer] = field(default_factory=dict)


@value
class Replied:
    """Somebody typed this, `idle` after they were last heard; `today` is the date where they are."""

    text: str
    today: date
    idle: timedelta = timedelta()


@value
class Chose:
    """Somebody pressed a button: the `option`-th on offer under that question, or SKIP, or DONE."""

    question: str
    option: int
    idle: timedelta = timedelta()


@value
class Steered:
    """Somebody sent BACK, AGAIN, SKIP or PAUSE."""

    command: Command
    idle: timedelta = timedelta()


@value
class WaitTimedOut:
    """The wait that began in that sprint has lasted its time."""

    sprint: int


Input = Started | Replied | Chose | Steered | WaitTimedOut
