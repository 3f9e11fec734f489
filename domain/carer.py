"""What a person lets their carer do, and so what a carer is ever told. Pure."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What somebody decided that a carer may do, from nothing to answering in their place."""

    NOTHING = "nothing"
    REMINDERS = "reminders"
    HELP = "help"
    ANSWER = "answer"


class Kind(StrEnum):
    """What a message to a person is about, as far as a carer is concerned."""

    REMINDER = "reminder"
    QUESTION = "question"
    ANSWERED = "answered"
    INVITATION = "invitation"
    NEWSLETTER = "newsletter"
    SETTINGS = "settings"
    MY_DATA = "my_data"
    TEAM = "team"
    CRISIS = "crisis"


#: Each scope holds what the one before it holds. What a person answered, what they agreed to, what they
#: write with the team and when they are in distress is never a carer's to know from us.
_GETS: dict[Scope, frozenset[Kind]] = {
    Scope.NOTHING: frozenset(),
    Scope.REMINDERS: frozenset({Kind.REMINDER}),
    Scope.HELP: frozenset({Kind.REMINDER, Kind.QUESTION}),
    Scope.ANSWER: frozenset({Kind.REMINDER, Kind.QUESTION}),
}


def carer_gets(scope: Scope, kind: Kind, *, agreed: bool) -> bool:
    """Whether a carer of that scope is sent a message of that kind, written for a carer. `agreed`: the
    person's consent to this stands now; without it a carer gets nothing, whatever the scope says.
    """
    return agreed and kind in _GETS[scope]


def may_answer(scope: Scope, *, agreed: bool) -> bool:
    """Whether a carer may answer from their own phone in the person's place."""
    return agreed and scope is Scope.ANSWER
