"""Who we exchange messages with, and the addresses they are reached at."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.value import value


@value
class URN:
    """An address with its scheme: `tel:+447700900123`, `telegram:4711`."""

    scheme: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.path}"

    @classmethod
    def parse(cls, text: str) -> URN:
        """Raises ValueError where there is no `scheme:path`."""
        scheme, colon, path = text.partition(":")
        if not (colon and scheme and path):
            raise ValueError(f"{scheme!r} is no address: expected scheme:path, such as tel:+447700900123")
        return cls(scheme, path)


class Purpose(StrEnum):
    """What somebody may agree to, one by one."""

    NEWSLETTER = "newsletter"
    INVITATIONS = "invitations"
    QUESTIONNAIRES = "questionnaires"
    CARER = "reminders_to_carer"
    QUOTES = "quotes"


class Role(StrEnum):
    """What somebody is beside a member."""

    COORDINATOR = "coordinator"
    FACILITATOR = "facilitator"
    CARER = "carer"


@value
class Contact:
    """A person we exchange messages with, as the store keeps them.

    `language` is None until the person chose one or we could tell. `stopped_at` is when they told us
    to stop; nothing is sent to them after it but the answer to that very message. `suspended_id` is the
    conversation they come back to after the present one. `handover_id` is the alert for which a person of
    the team talks with them, or they with somebody as such a person. `hours` are those that suit them (see
    `domain.hours`), and `discreet`: what comes unasked says nothing until they write. `wrong_codes` counts
    since `wrong_codes_at`.
    """

    id: int
    language: str | None = None
    stopped_at: datetime | None = None
    session_id: int | None = None
    consents: frozenset[str] = frozenset()
    suspended_id: int | None = None
    handover_id: int | None = None
    roles: frozenset[str] = frozenset()
    hours: str = ""
    discreet: bool = False
    wrong_codes: int = 0
    wrong_codes_at: int = 0
