"""What a channel is, and the ways in which a send can go wrong: whose fault it is, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.message import OutgoingMessage


class MalformedRequest(Exception):
    """A provider's request that is not of its documented form. The message says what is missing, not
    what somebody wrote.
    """


class SendError(Exception):
    """The provider did not take the message. `code` is the provider's, or our word for it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ConnectionFailed(SendError):
    """It never reached the provider, or the provider is down. -> errored, retried with backoff."""


class Uncertain(SendError):
    """It may have been taken: no answer came. -> unknown, cleared up before anything is sent again."""


#: The codes of Throttled, of all providers: what a message in the outbox has while its account waits.
TOO_MANY = ("429", "20429", "21611")


class Throttled(SendError):
    """Too many. -> errored; the account waits for `retry_after` seconds. `code` is one of TOO_MANY."""

    def __init__(self, code: str, retry_after: float) -> None:
        super().__init__(code)
        self.retry_after = retry_after


class Rejected(SendError):
    """Understood and refused. -> failed."""


class ContactStopped(SendError):
    """They blocked us, or told the provider STOP. -> failed; nothing more is sent to that address."""


class Unreachable(SendError):
    """There is no such number or account any more. -> failed; nothing more is sent to that address, and the team
    is told to reach them in another way.
    """


class Misconfigured(SendError):
    """Our credentials or our number are wrong. -> errored, and a coordinator is told."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it. `external_id` is its name there; `segments` what is paid for, if it tells."""

    external_id: str
    segments: int | None = None


class Channel(Protocol):
    """A way to reach the addresses of one scheme, with its credentials."""

    name: str
    #: How many sends may be under way at once.
    in_flight: int

    async def send(self, message: OutgoingMessage, now: datetime) -> Sent:
        """Raises one of the SendErrors."""
        ...

    async def look_up(self, message: OutgoingMessage) -> list[str] | None:
        """The provider's names of messages that may be this one, the newest last; None where it keeps no
        log that can be asked. Raises SendError.
        """
        ...

    def cost(self, message: OutgoingMessage) -> int:
        """What it takes of the account's rate: one message, or its segments."""
        ...

    async def close(self) -> None: ...
