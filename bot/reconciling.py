"""Texts that no webhook brought, found in the provider's own log: an outage of ours loses none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from domain.message import Received
from store import bookmarks
from store.database import Database
from store.fires import KEEP_SEEN, unseen
from store.vault import Vault

log = structlog.get_logger()

#: How often the log is read, and how soon again where that failed.
EVERY, AGAIN = timedelta(hours=1), timedelta(minutes=5)
#: A text may enter the log a little late, and the clocks of both sides may differ.
OVERLAP = timedelta(minutes=10)
#: What came by webhook is known by its name for as long as `seen` keeps it: beyond that it would be handled twice.
FURTHEST = KEEP_SEEN - timedelta(hours=6)
#: So many are handed over at once, in their order; how far it got is noted after each lot.
LOT = 100
BOOKMARK = "sms/inbound"


class Log(Protocol):
    """A provider that can be asked what people sent."""

    async def received_since(self, moment: datetime) -> list[tuple[datetime, Received]]:
        """With when each was sent, the oldest first. Raises SendError."""
        ...


class Reconciliation:
    """`tick` is called often, and reads the log when it is time: at once after a start, then every hour."""

    def __init__(
        self, provider: Log, database: Database, vault: Vault, submit: Callable[[Received], Awaitable[None]]
    ) -> None:
        self._provider = provider
        self._database = database
        self._vault = vault
        self._submit = submit
        self._next: datetime | None = None

    async def tick(self, now: datetime) -> int:
        """Returns how many texts were found that no webhook had brought. Raises SendError where the log cannot be
        read, StoreAway where the store is away; what was handled stays handled, and the next time goes on from there.
        """
        if self._next is not None and now < self._next:
            return 0
        self._next = now + AGAIN
        found = await self._reconcile(now)
        self._next = now + EVERY
        if found:
            log.warning("texts that no webhook brought were found in the provider's log", texts=found)
        return found

    async def _reconcile(self, now: datetime) -> int:
        read_until = await bookmarks.read(self._database, BOOKMARK)
        if read_until is None:  # a new installation: what was before it is not its own
            await bookmarks.put(self._database, BOOKMARK, now)
            return 0
        sent = await self._provider.received_since(max(read_until - OVERLAP, now - FURTHEST))
        missed = await self._missed(sent)
        for start in range(0, len(missed), LOT):
            lot = missed[start : start + LOT]
            await asyncio.gather(*(self._submit(received) for _, received in lot))
            await bookmarks.put(self._database, BOOKMARK, min(lot[-1][0], now))
        await bookmarks.put(self._database, BOOKMARK, now)
        return len(missed)

    async def _missed(self, sent: Sequence[tuple[datetime, Received]]) -> list[tuple[datetime, Received]]:
        """Those that the dispatcher would not know; it looks again itself."""
        keys = {self._vault.find(f"{one.channel}/{one.external_id}"): (at, one) for at, one in sent}
        new = await unseen(self._database, list(keys))
        return [one for key, one in keys.items() if key in new]
