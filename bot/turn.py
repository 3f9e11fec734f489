"""What one happening brings, before any of it is a row: what to say to whom, and what to do. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from domain.contact import Purpose
from domain.message import Attachment, MessageClass
from domain.places import Wish
from domain.value import value
from flows.conditions import Answer
from flows.effects import AlertKind, Ask, Effect, Say
from store.changes import CodeRow, Talk
from store.circle import Address, Circle, Code
from store.programme import NO_PROGRAMME, Programme
from store.times import to_ms


@value
class Moment:
    """The time of a batch, in the forms that every turn in it needs: `ms` since 1970, `today` where we are."""

    at: datetime
    ms: int
    today: date

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> Moment:
        return cls(at, to_ms(at), at.astimezone(zone).date())


@value
class MaybeCode:
    """What in a message might be a code: the key it is looked up by, and whether it has the `form` of one; a poster's
    word has not.
    """

    key: int
    form: bool


@value
class Setting:
    """What surrounds one message beyond the person who sent it.

    `typed`: the text has the form of a code, and `code` is the one that it names, if there is one. `helper` says
    who answers in the person's place (a carer), and `reader` is their language. `offer`: a language that somebody
    new may like to be told of. `greeting` is said before all else. `programme` is what is known of events. `alarmed`:
    whether the words were found to hold an alarm; None where nobody has looked yet. `only_named`: they only said who
    writes.
    """

    circle: Circle = field(default_factory=Circle)
    typed: bool = False
    code: Code | None = None
    helper: str = ""
    reader: str | None = None
    offer: str | None = None
    greeting: Say | None = None
    programme: Programme = NO_PROGRAMME
    alarmed: bool | None = None
    only_named: bool = False


@value
class Errand:
    """Something that takes more than the batch has loaded; done in a transaction of its own, right after it.

    `about` is the number of what it concerns: an alert, a contact, an event; with `of_message`, the message that
    asked for it. `after_ms` puts it off.
    """

    kind: str
    about: int | None = None
    detail: str = ""
    after_ms: int = 0
    of_message: bool = False


@value
class Relay:
    """Words for somebody other than who wrote, in their language."""

    to: Address
    said: tuple[Say | Ask, ...]
    language: str
    message_class: MessageClass = MessageClass.REPLY


@value
class Wished:
    """A wish for a place, to be settled when the rows of the event are locked. What became of it is said as the
    `at`-th of what the turn says; `quietly`: nothing is said.
    """

    wish: Wish
    event_id: int
    at: int
    companions: int = 0
    quietly: bool = False


@value
class Next:
    """The flow that follows when the present one has ended: what it is about, and what is known."""

    flow: str
    about: tuple[int, ...]
    known: Mapping[str, Answer] = field(default_factory=dict)


@value
class Alert:
    """To be seen by a person of the team."""

    id: int
    kind: AlertKind | str
    detail: str = ""


@dataclass(slots=True)
class Turn:
    """What one happening brings: what to say, what to do, and the talks it changed or began.

    `said` is in `language`. `pressed` is the label of the button that was pressed, if one was. `consents` were
    given or withdrawn outside of a flow. `carers` is what they may do from now on, `ended_carers` that none may
    do anything. `shares` are the names of two people on one phone, the writer's first. `used` is a code that has
    done its work. `heard` are alerts whose talk with the team went on. `programme` is what is known of events;
    `wishes` are for places, `reasons` why somebody does not come to an event, `demands` what they want more of.
    `follows` is the flow that comes next. After `worth_until` (ms) it is not worth sending. `attachment` goes with it
    where the channel carries files.
    """

    language: str
    helper: str = ""
    said: list[Say | Ask] = field(default_factory=list)
    done: list[tuple[Talk, Effect]] = field(default_factory=list)
    changed: list[Talk] = field(default_factory=list)
    begun: list[Talk] = field(default_factory=list)
    message_class: MessageClass = MessageClass.REPLY
    pressed: str = ""
    alerts: list[Alert] = field(default_factory=list)
    errands: list[Errand] = field(default_factory=list)
    relayed: list[Relay] = field(default_factory=list)
    consents: list[tuple[Purpose, bool]] = field(default_factory=list)
    codes: list[CodeRow] = field(default_factory=list)
    used: Code | None = None
    carers: str = ""
    ended_carers: bool = False
    shares: tuple[str, str] | None = None
    heard: list[int] = field(default_factory=list)
    programme: Programme = NO_PROGRAMME
    wishes: list[Wished] = field(default_factory=list)
    reasons: list[tuple[int, str]] = field(default_factory=list)
    demands: list[str] = field(default_factory=list)
    follows: Next | None = None
    worth_until: int | None = None
    attachment: Attachment | None = None
