"""What came in, what goes out, and where an outgoing message stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from domain.contact import URN
from domain.value import value


@value
class Received:
    """A message somebody sent us. `text` and `button` hold people's words: they are never logged.

    `external_id` is the provider's name for the message: the same one twice is the same message.
    `button` is the token of an inline button pressed instead of typing. `language` is the sender's
    hint (Telegram's interface language), not their choice.
    """

    channel: str
    external_id: str
    urn: URN
    text: str
    button: str | None = None
    language: str | None = None


class Blocking(StrEnum):
    """What a person told the provider, not us."""

    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"


@dataclass(frozen=True, slots=True)
class BlockingChanged:
    """Somebody blocked or unblocked us at the provider (Telegram `my_chat_member`, Twilio `OptOutType`)."""

    channel: str
    external_id: str
    urn: URN
    change: Blocking


class Status(StrEnum):
    """Where an outgoing message stands.

    `errored` will be tried again; `unknown` was perhaps sent and is looked up first; the last
    four are final.
    """

    QUEUED = "queued"
    SENDING = "sending"
    ERRORED = "errored"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


#: A receipt moves a message up this ladder, never down it: receipts may come out of order.
RANK = {
    Status.QUEUED: 0,
    Status.ERRORED: 0,
    Status.SENDING: 1,
    Status.UNKNOWN: 1,
    Status.SENT: 2,
    Status.EXPIRED: 3,
    Status.CANCELLED: 3,
    Status.FAILED: 3,
    Status.DELIVERED: 3,
}


class MessageClass(IntEnum):
    """What kind of message it is: smaller goes first. Replies and crisis texts ignore quiet hours."""

    CRISIS = 0
    REPLY = 1
    REMINDER = 2
    INVITATION = 3
    NEWSLETTER = 4

    @property
    def waits_for_morning(self) -> bool:
        return self >= MessageClass.REMINDER


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What the provider says became of a message of ours, found by our id or by the provider's. `unreachable`: nothing
    will ever arrive at that address.
    """

    channel: str
    external_id: str
    status: Status
    message_id: int | None = None
    error_code: str | None = None
    unreachable: bool = False


@value
class Attachment:
    """A file that goes with a message, on the channels that carry one."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@value
class OutgoingMessage:
    """A message on its way: a row of the outbox with its address opened.

    `buttons` are rows of (label, token), for the channels that have them. `valid_until` is when
    the provider should give up. With `edits` it is no message of its own, but new buttons for the one
    that the provider knows by that name. `written_at`: when a process of several last wrote to that address.
    """

    id: int
    channel: str
    contact_id: int
    urn: URN
    text: str
    message_class: MessageClass
    attempts: int
    valid_until: datetime
    buttons: tuple[tuple[tuple[str, str], ...], ...] = field(default=())
    edits: str | None = None
    created_at: datetime | None = None
    attachment: Attachment | None = None
    urn_key: int = 0
    written_at: datetime | None = None
