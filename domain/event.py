"""What people attend: an event, its venue, its days, and whom it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

#: A text by language; English is always there.
Texts = Mapping[str, str]


class EventKind(StrEnum):
    """The kinds of events that a project holds."""

    CONSULTATION = "consultation"
    TRAINING = "training"
    ADVISORY_GROUP = "advisory_group"
    SUPERVISION = "supervision"
    STAND = "stand"
    WORKSHOP = "workshop"
    VISIT = "visit"


class EventState(StrEnum):
    """A draft is seen by the team only; a published event can be booked; one that is called off will not be held."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CALLED_OFF = "called_off"


class Access(StrEnum):
    """What a venue has for those who need it."""

    STEP_FREE = "step_free"
    TOILET = "accessible_toilet"
    QUIET_ROOM = "quiet_room"
    HEARING_LOOP = "hearing_loop"
    PARKING = "parking"
    NEAR_BUS = "near_bus"


class EventRole(StrEnum):
    """What somebody does at an event beside attending it."""

    FACILITATOR = "facilitator"
    NOTE_TAKER = "note_taker"
    INTERPRETER = "interpreter"
    SPEAKER = "speaker"


#: How long before each day of an event its reminders go out, if the event does not say otherwise.
REMINDERS = (timedelta(weeks=1), timedelta(days=1), timedelta(hours=2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Where an event is held. `way` tells how to get there. `cost` is what the team pays for it, in pence."""

    name: str
    address: str = ""
    postcode: str = ""
    room: str = ""
    way: Texts = field(default_factory=dict)
    access: frozenset[Access] = frozenset()
    district: str = ""
    cost: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """Whom an event is for, in plain words that go on after "people who are ...". Where `districts` are named,
    somebody whose district we know need not be asked. `why` explains it to who does not fit.
    """

    name: str
    label: Texts
    why: Texts = field(default_factory=dict)
    districts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Day:
    """One day of an event, in UTC. Raises ValueError where it ends before it starts, or has no zone."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.starts_at.utcoffset() is None or self.ends_at.utcoffset() is None:
            raise ValueError("expected times with a zone")
        if self.ends_at <= self.starts_at:
            raise ValueError("expected an end after the start")

    def overlaps(self, other: Day) -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`number` is what the team calls it. `welcome` is the kind word beside the criteria. `days` has one day or, for
    a module, several that are booked together. `capacity` counts everybody who sits down, companions as well; None:
    no limit. `kept` of them are for companions until they are asked for. `after` is the number of the event that
    must come before this one: the first part of a training. `fee` is what it costs the people ("free"); `food`:
    there is something to eat. `revision` counts its changes (an iCalendar SEQUENCE, RFC 5545 3.8.7.4). `reason` is
    why it was called off, for those who had a place.
    """

    id: int
    number: int
    kind: EventKind
    title: Texts
    venue: Venue
    days: tuple[Day, ...]
    about: Texts = field(default_factory=dict)
    welcome: Texts = field(default_factory=dict)
    fee: Texts = field(default_factory=dict)
    criteria: tuple[Criterion, ...] = ()
    capacity: int | None = None
    kept: int = 0
    food: bool = False
    languages: tuple[str, ...] = ()
    after: int | None = None
    reminders: tuple[timedelta, ...] = REMINDERS
    state: EventState = EventState.DRAFT
    revision: int = 0
    reason: Texts = field(default_factory=dict)

    @property
    def starts_at(self) -> datetime:
        return self.days[0].starts_at

    @property
    def ends_at(self) -> datetime:
        return self.days[-1].ends_at

    def open(self, now: datetime) -> bool:
        """Whether a place can still be asked for: it is published, and has not begun."""
        return self.state is EventState.PUBLISHED and now < self.starts_at


def text_in(texts: Texts, language: str) -> str:
    """In that language, in the one it is a variant of (en-simple: en), or in English; nothing where there is none."""
    return texts.get(language) or texts.get(language.partition("-")[0]) or texts.get("en", "")
