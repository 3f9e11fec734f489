"""What one transaction gathers in memory before it writes. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.turn import Moment, Turn
from domain.message import BlockingChanged, Received
from flows.inputs import Command
from store.changes import Changes, Due, Person
from store.circle import Circle
from store.programme import NO_PROGRAMME, Programme


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A turn that wishes for places: what it says is known when the rows of the events are locked."""

    fact: Received | BlockingChanged | Due
    person: Person
    turn: Turn
    channel: str
    urn_key: int
    key: str
    circle: Circle


@dataclass(slots=True)
class Batch:
    """What one transaction gathers before it writes. `fact` is the one in hand; `unsettled` turns wish for places.
    `commands` are those that were looked for in words already, with the language of who reads them, by the fact's `id`.
    """

    moment: Moment
    changes: Changes = field(default_factory=Changes)
    programme: Programme = NO_PROGRAMME
    commands: dict[int, tuple[str, Command | None]] = field(default_factory=dict)
    fact: Received | BlockingChanged | Due | None = None
    unsettled: list[Unsettled] = field(default_factory=list)
