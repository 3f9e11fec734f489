"""Who came to an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Guest:
    contact_id: int
    name: str
    companions: int


async def sheet(connection: AsyncConnection, vault: Vault, event_id: int) -> list[Guest]:
    return []


async def record(
    connection: AsyncConnection,
    ids: Callable[[], int],
    event_id: int,
    came: Mapping[int, bool],
    companions: Mapping[int, int],
    walk_ins: int,
    now: datetime,
) -> None:
    """stub"""
