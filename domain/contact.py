"""Who we exchange messages with, and the addresses they are reached at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
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

    QUESTIONNAIRES = "questionnaires"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person we exchange messages with, as the store keeps them.

    `language` is None until the person chose one or we could tell. `stopped_at` is when they told us
    to stop; nothing is sent to them after it but the answer to that very message.
    """

    id: int
    language: str | None = None
    stopped_at: datetime | None = None
    session_id: int | None = None
    consents: frozenset[str] = frozenset()
