"""The clock that drives what is not driven by people: fires, the push of answers, housekeeping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from store import fires
from store.changes import Due
from store.database import Database

log = structlog.get_logger()


class _Every(IntervalTrigger):  # type: ignore[misc]  # the library ships no types, so to mypy its class is Any
    """After a leap of the clock it goes on from there. The library's own lists every ring that was missed,
    which for a year of seconds takes minutes and gigabytes.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        following: datetime = super().get_next_fire_time(previous_fire_time, now)
        return max(following, now)


class Ticker:
    """APScheduler rings; what is due stands in our own tables, so a missed ring is only a late one.

    `misfire_grace_time=None`, because by default a ring that is one second late is dropped in silence.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._scheduler: Any = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        self.alive_at: datetime | None = None

    def every(self, seconds: float, name: str, job: Callable[[datetime], Awaitable[object]]) -> None:
        """Call `job` with the time, now and then every so many seconds. One that fails is called again."""

        async def ring() -> None:
            now = self._clock()
            try:
                await job(now)
            except asyncio.CancelledError:
                return  # the program stops; the task ends here, and APScheduler would call it a fault
            except Exception as error:  # a store is away, or a fault: the next ring tries again
                log.warning("job failed", job=name, error=type(error).__name__)
            self.alive_at = now

        self._scheduler.add_job(ring, _Every(seconds=seconds, timezone=UTC), id=name, next_run_time=self._clock())

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)


async def ring_due(
    database: Database, fire: Callable[[Due], Awaitable[None]], now: datetime, *, at_once: int = 500
) -> int:
    """Hand what is due to `fire`, which takes it for good; returns how many."""
    due = await fires.due(database, now, at_once)
    waiting = [fire(one) for one in due]  # all handed over before the first is waited for: one batch
    for one in waiting:
        await one
    return len(due)
