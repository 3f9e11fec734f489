"""The ticker: it calls again whatever failed, hands over the program's own time, and rings what is due."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from structlog.testing import capture_logs

from bot.app import utc_now
from scheduler.ticker import Ticker, ring_due
from store import fires
from store.changes import Due
from tests.conftest import World

ANN = "tel:+447700900101"
#: Seconds within which a ring that is due in some milliseconds must have come.
SOON = 10


async def test_a_job_is_called_at_once_and_then_again_and_again() -> None:
    ticker, rung = Ticker(utc_now), Rung(5)
    before = utc_now()
    ticker.every(0.01, "job", rung)
    assert ticker.alive_at is None
    ticker.start()
    try:
        await rung.enough()
    finally:
        ticker.stop()
    assert rung.times == sorted(rung.times)
    assert rung.times[0] >= before
    assert ticker.alive_at is not None and ticker.alive_at >= rung.times[-2]


async def test_a_job_that_fails_is_called_again_and_the_others_meanwhile() -> None:
    ticker, rung, other = Ticker(utc_now), Rung(5, failures=4), Rung(3)
    ticker.every(0.01, "failing", rung)
    ticker.every(0.01, "other", other)
    with capture_logs() as logged:
        ticker.start()
        try:
            await rung.enough()
            await other.enough()
        finally:
            ticker.stop()
    assert [line for line in logged if line["event"] == "job failed"] == [
        {"event": "job failed", "job": "failing", "error": "ConnectionError", "log_level": "warning"}
    ] * 4
    assert "secret words" not in str(logged)
    assert ticker.alive_at is not None  # one that fails does not make the ticker look dead


async def test_a_job_that_takes_long_is_not_called_a_second_time_beside_itself() -> None:
    ticker, going_on, calls = Ticker(utc_now), asyncio.Event(), count(1)
    beside = Rung(5)

    async def slow(now: datetime) -> None:
        assert next(calls) == 1
        await going_on.wait()

    ticker.every(0.01, "slow", slow)
    ticker.every(0.01, "beside", beside)
    ticker.start()
    try:
        await beside.enough()
    finally:
        going_on.set()
        ticker.stop()
    assert next(calls) == 2


async def test_a_clock_that_is_behind_or_leaps_is_handed_on_as_it_is() -> None:
    """The time is the program's own: what is due follows from it, and a leap makes nothing ring twice."""
    moments = [datetime(2020, 2, 29, 23, 59, tzinfo=UTC) + timedelta(days=400 * n) for n in range(40)]
    shown = iter(moments)
    ticker, rung = Ticker(lambda: next(shown)), Rung(4)
    ticker.every(0.01, "job", rung)
    ticker.start()
    try:
        await rung.enough()
    finally:
        ticker.stop()
    assert rung.times == moments[1 : len(rung.times) + 1]  # the first was for the plan


async def test_what_is_due_rings_once_by_the_moved_clock_and_not_before(world: World) -> None:
    await world.say(ANN, "CHECKIN")
    rung: list[str] = []

    async def fire(due: Due) -> None:
        rung.append(due.kind)
        await world.app.dispatcher.handle([due], world.clock())

    world.clock.forward(timedelta(hours=19, minutes=59))
    assert await ring_due(world.app.database, fire, world.clock()) == 0
    world.clock.forward(timedelta(minutes=1))
    assert await ring_due(world.app.database, fire, world.clock()) == 1
    assert await ring_due(world.app.database, fire, world.clock()) == 0
    assert rung == ["wait"]


async def test_a_crowd_that_is_due_is_rung_a_part_at_a_time_the_oldest_first(world: World) -> None:
    for n in range(10):
        await world.say(f"telegram:{8000 + n}", "/checkin")
        world.clock.forward(timedelta(minutes=1))
    world.clock.forward(timedelta(days=1))
    order = [due.id for due in await fires.due(world.app.database, world.clock())]
    rung: list[int] = []

    async def fire(due: Due) -> None:
        rung.append(due.id)
        await world.app.dispatcher.handle([due], world.clock())

    assert [await ring_due(world.app.database, fire, world.clock(), at_once=4) for _ in range(4)] == [4, 4, 2, 0]
    assert rung == order


async def test_a_job_under_way_when_the_program_stops_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    ticker, begun, ended = Ticker(utc_now), asyncio.Event(), asyncio.Event()

    async def job(now: datetime) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    ticker.every(1000, "slow", job)
    ticker.start()
    async with asyncio.timeout(SOON):
        await begun.wait()
        ticker.stop()
        await ended.wait()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


class Rung:
    """A job that notes when it was called; the first calls fail, if so said."""

    def __init__(self, wanted: int, *, failures: int = 0) -> None:
        self.times: list[datetime] = []
        self._wanted = wanted
        self._failures = failures
        self._enough = asyncio.Event()

    async def __call__(self, now: datetime) -> None:
        self.times.append(now)
        if len(self.times) >= self._wanted:
            self._enough.set()
        if len(self.times) <= self._failures:
            raise ConnectionError("secret words")

    async def enough(self) -> None:
        async with asyncio.timeout(SOON):
            await self._enough.wait()
