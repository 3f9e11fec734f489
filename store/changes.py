"""What a batch loads and what it writes, as values: people, their talks, and every row to come."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.contact import URN, Contact
from domain.message import MessageClass
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

    `unreadable`: there is a session, but what is stored of it cannot be understood.
    """

    contact: Contact
    chatter: int = 0
    talk: Talk | None = None
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer, or its withdrawal, at the sprint `revision` of its session."""

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


@dataclass(slots=True)
class Changes:
    """Every row that a batch writes. Filled by the dispatcher, saved by `save`. `fires` are by their keys;
    `blocked` says since when an address takes nothing from us (None: it does), by its key. What waits in
    the outbox for the `cancelled_*` (contacts; contacts and addresses) is not sent, but what this batch adds is.
    """

    seen: list[tuple[int, int]] = field(default_factory=list)
    inbox: list[tuple[int, int, str, str, int]] = field(default_factory=list)
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
    alerts: list[tuple[str, int | None, str, int]] = field(default_factory=list)
    blocked: dict[int, int | None] = field(default_factory=dict)
    cancelled_for_contact: dict[int, None] = field(default_factory=dict)
    cancelled_for_urn: dict[tuple[int, int], None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the store knows of the people of a batch. `urns` gives contacts by address key; `blocked` are
    the addresses that take nothing from us.
    """

    seen: frozenset[int]
    urns: dict[int, int]
    people: dict[int, Person]
    due: frozenset[int]
    blocked: frozenset[int] = frozenset()
