"""The store's form of an instant: whole milliseconds since 1970, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def to_ms(instant: datetime) -> int:
    """The store's form of an instant. A naive datetime is refused: it names no instant."""
    if instant.tzinfo is None:
        raise ValueError("a datetime without a time zone cannot be stored")
    return int(instant.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
