"""Where one contact is in one flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from domain.value import value
from flows.conditions import Answer


class Outcome(StrEnum):
    """How a session ended."""

    COMPLETED = "completed"
    DECLINED = "declined"
    EXPIRED = "expired"
    STOPPED = "stopped"
    REPLACED = "replaced"
    FLOW_CHANGED = "flow_changed"


@value
class Session:
    """A value; each step of the engine makes a new one.

    `sprint` counts the steps that changed something. `waiting_at` names the question that waits for
    its reply; None before the start and after the end. `said` names the notes said so far. `misses`
    counts replies to the present question that meant nothing. `paused`: they asked for a rest.
    `nudged`: the one friendly reminder for this question has gone out. `picked`: the choices pressed so
    far, where several may be; or the places that a postcode lies in, where one is to be chosen. `resting`:
    the question where it waits is asked only a day later. `given` names the answers known without asking.
    `about` are the events that it is about, by their ids.
    """

    flow: str
    version: int
    sprint: int = 0
    waiting_at: str | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    misses: int = 0
    paused: bool = False
    nudged: bool = False
    picked: tuple[str, ...] = ()
    resting: bool = False
    given: tuple[str, ...] = ()
    about: tuple[int, ...] = ()
