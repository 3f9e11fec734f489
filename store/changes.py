"""What a batch loads and what it writes, as values: people, their talks, and every row to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.contact import URN, Contact
from domain.message import Attachment, MessageClass
from domain.places import Booking, Places
from domain.value import value
from flows.conditions import Answer
from flows.render import Buttons
from flows.session import Outcome, Session


@dataclass(slots=True)
class Talk:
    """A stored session: the engine's value, and what the store keeps beside it. `asked` is the id of the
    message that asked the present question.
    """

    id: int
    contact_id: int
    session: Session
    channel: str
    urn_key: int
    started_at: int
    heard_at: int
    deadline_at: int
    wakes_at: int
    outcome: Outcome | None = None
    asked: int | None = None


@dataclass(slots=True)
class Person:
    """A contact as loaded, and changed in memory while their messages of a batch are handled.

    `unreadable`: there is a session, but what is stored of it cannot be understood. `suspended` is the talk
    they go back to after this one.
    """

    contact: Contact
    chatter: int = 0
    talk: Talk | None = None
    unreadable: bool = False
    suspended: Talk | None = None


@dataclass(slots=True)
class Phone:
    """An address that may speak for more than its owner: `shared` by several people, or lent until `voice_until`
    (ms) to `voice_id`. `held` is what somebody wrote before they said who they are.
    """

    key: int
    owner_id: int
    shared: bool
    voice_id: int | None = None
    voice_until: int = 0
    held: str | None = None


@value
class Due:
    """A fire whose time has come."""

    id: int
    key: str
    kind: str
    contact_id: int
    urn_key: int
    channel: str
    session_id: int | None
    flow: str | None


@value
class Queued:
    """A message for the outbox, or new buttons for the message `edits`. `key` says what it is; `buttons`
    are rows of (label, option), and a press of one comes back as `token.option`.
    """

    id: int
    key: str
    contact_id: int
    urn_key: int
    channel: str
    message_class: MessageClass
    text: str
    token: str
    buttons: Buttons
    send_after: int
    expires_at: int
    edits: int | None = None
    attachment: Attachment | None = None


@value
class AnswerRow:
    """An answer, or its withdrawal, at the sprint `revision` of its session; `event_id`: of what it tells."""

    session_id: int
    contact_id: int
    flow: str
    version: int
    question: str
    revision: int
    withdrawn: bool
    value: Answer
    label: str
    language: str
    channel: str
    answered_at: int
    helper: str = ""
    event_id: int | None = None


@value
class AlertRow:
    """Something that a person of the team must look at; `urn_key` and `channel` are where it came from."""

    id: int
    kind: str
    contact_id: int | None
    detail: str
    urn_key: int = 0
    channel: str = ""


@value
class ProfileRow:
    """Something that a person said of themselves and wants kept."""

    contact_id: int
    field: str
    value: Answer
    label: str
    source: str
    said_at: int


@value
class CodeRow:
    """A new code: the key is its keyed hash."""

    key: int
    kind: str
    contact_id: int
    detail: Mapping[str, str]
    uses: int | None
    expires_at: int | None


@dataclass(slots=True)
class Changes:
    """Every row that a batch writes. Filled by the dispatcher, saved by `save`. `fires` are by their keys;
    `profile` by contact and field: what was said, by whom; `phones` by their keys; `heard_handovers`: when the
    last word of each was said; `used_codes` how often each may still be used and was; `carers` what they may do now;
    `blocked` says since when an address takes nothing from us (None: it does), by its key. What waits in
    the outbox for the `cancelled_*` (contacts; contacts and addresses) is not sent, but what this batch adds is.
    `rooms` are events whose places were counted anew, `bookings` by event and contact, `reasons` why somebody does
    not come (by the same), `demands` what is wanted, by contact and kind: the row's id and the district.
    """

    seen: list[tuple[int, int]] = field(default_factory=list)
    inbox: list[tuple[int, int, str, str, int, int]] = field(default_factory=list)
    new_people: dict[int, Person] = field(default_factory=dict)
    new_urns: list[tuple[int, int, URN]] = field(default_factory=list)
    people: dict[int, Person] = field(default_factory=dict)
    new_talks: dict[int, Talk] = field(default_factory=dict)
    talks: dict[int, Talk] = field(default_factory=dict)
    answers: dict[tuple[int, str], AnswerRow] = field(default_factory=dict)
    outbox: list[Queued] = field(default_factory=list)
    fires: dict[str, tuple[str, str, int, int, str, int | None, str | None, int]] = field(default_factory=dict)
    done_fires: list[tuple[int]] = field(default_factory=list)
    consents: list[tuple[int, str, bool, str, int, str, str, str, int]] = field(default_factory=list)
    alerts: list[AlertRow] = field(default_factory=list)
    profile: dict[tuple[int, str], ProfileRow] = field(default_factory=dict)
    phones: dict[int, Phone] = field(default_factory=dict)
    sharers: list[tuple[int, int, str]] = field(default_factory=list)
    new_codes: list[CodeRow] = field(default_factory=list)
    used_codes: dict[int, tuple[int | None, int]] = field(default_factory=dict)
    heard_handovers: dict[int, int] = field(default_factory=dict)
    ended_carers: dict[int, int] = field(default_factory=dict)
    rooms: dict[int, Places] = field(default_factory=dict)
    bookings: dict[tuple[int, int], Booking] = field(default_factory=dict)
    reasons: dict[tuple[int, int], str] = field(default_factory=dict)
    demands: dict[tuple[int, str], tuple[int, str]] = field(default_factory=dict)
    carers: dict[int, str] = field(default_factory=dict)
    blocked: dict[int, int | None] = field(default_factory=dict)
    cancelled_for_contact: dict[int, None] = field(default_factory=dict)
    cancelled_for_urn: dict[tuple[int, int], None] = field(default_factory=dict)


@value
class Loaded:
    """What the store knows of the people of a batch. `urns` gives contacts by address key; `blocked` are
    the addresses that take nothing from us, `phones` those that may speak for several. `heard`
    says when those with a flow due last wrote (ms).
    """

    seen: frozenset[int]
    urns: dict[int, int]
    people: dict[int, Person]
    due: frozenset[int]
    blocked: frozenset[int] = frozenset()
    phones: dict[int, Phone] = field(default_factory=dict)
    heard: dict[int, int] = field(default_factory=dict)
