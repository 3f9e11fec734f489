"""The words of a coordinator's own chat, and which of them a stranger would hardly send by chance. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

#: The errands that answer a coordinator: to a message, to a flow that they have answered, to "send at ...".
DESK, DESK_ANSWER, DESK_AT = "desk", "desk_answer", "desk_at"
#: The flows of a coordinator's chat: a new one takes the place of the last.
INVITE, PEOPLE, BROADCAST, ALERT, CALL = "invite", "invite_people", "broadcast_card", "alert_card", "call_card"
DESK_FLOWS = frozenset({INVITE, PEOPLE, BROADCAST, ALERT, CALL})
#: The card that asks a second person whether a broadcast may go out.
ASKED = f"{BROADCAST}/asked"


class DeskOrder(StrEnum):
    """The words stay English in every language, as the team's others do."""

    INVITE = "invite"
    EVENTS = "events"
    ALERTS = "alerts"
    TODAY = "today"
    CALLS = "calls"
    BROADCASTS = "broadcasts"
    BROADCAST = "broadcast"
    MORE = "more"


@dataclass(frozen=True, slots=True)
class Desked:
    """`number` is the broadcast's; 0: none is named."""

    order: DeskOrder
    number: int = 0


_ALONE = re.compile(r"/?(invite|events|alerts|today|calls|broadcasts|more)[.!]?", re.IGNORECASE)
_NUMBERED = re.compile(r"/?broadcast[ _]+(\d{1,6})[.!]?", re.IGNORECASE)
_AT = re.compile(r"/?send(?: it)? (?:at|on|tomorrow|today)\b.*", re.IGNORECASE)
_LONGEST = 40
#: Everybody may send these; and what people say by chance is no attempt.
_PUBLIC = re.compile(r"/?(events|more)[.!]?", re.IGNORECASE)
_SLASHED = re.compile(
    r"/(invite|alerts|today|calls|broadcasts?|take|done|programme|new_event|event|publish|places|move|room|call_off"
    r"|list|came)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_UNMISTAKABLE = re.compile(
    r"(invite|alerts|broadcasts|new event|(take|publish|places|call off|broadcast) \d{1,6}\b.*)[.!]?",
    re.IGNORECASE | re.DOTALL,
)


def desk_order(text: str) -> Desked | None:
    """The order that a coordinator's words are; None where they are none."""
    text = text.strip()
    if alone := _ALONE.fullmatch(text):
        return Desked(DeskOrder(alone[1].lower()))
    if numbered := _NUMBERED.fullmatch(text):
        return Desked(DeskOrder.BROADCAST, int(numbered[1]))
    return None


def send_at(text: str) -> str | None:
    """What "send at 10am tomorrow" says of when; None for other words."""
    text = " ".join(text.split())
    return text[:_LONGEST] if _AT.fullmatch(text) else None


def attempted(text: str, *, open_question: bool) -> bool:
    """Whether somebody who is not on the team has sent a word of the team's. Where a question waits for them, only what
    begins with a stroke is one: anything else may be their answer.
    """
    text = text.strip()
    if _PUBLIC.fullmatch(text):
        return False
    return bool(_SLASHED.fullmatch(text)) or (not open_question and bool(_UNMISTAKABLE.fullmatch(text)))
