"""An event loop whose time runs faster than the wall's: its pauses, its time limits, and the clock to go with it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any


class _Selector(selectors.DefaultSelector):
    def __init__(self, times: float) -> None:
        super().__init__()
        self._times = times

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout / self._times if timeout else timeout)


class QuickLoop(asyncio.SelectorEventLoop):
    """So many seconds pass in it while one passes on the wall. What takes time by itself (a computation, a database, a
    socket) seems so many times slower in it.
    """

    def __init__(self, times: float) -> None:
        self._times = times
        super().__init__(_Selector(times))

    def time(self) -> float:
        return super().time() * self._times


class QuickClock:
    """The time of day in such a loop, from a given moment on; it can be moved forward at a stroke."""

    def __init__(self, begins: datetime) -> None:
        self._begins = begins
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()

    def __call__(self) -> datetime:
        return self._begins + timedelta(seconds=self._loop.time() - self._since)

    def seconds(self) -> float:
        return self().timestamp()

    def forward(self, by: timedelta) -> None:
        self._begins += by


def run(main: Coroutine[Any, Any, None], times: float) -> None:
    with asyncio.Runner(loop_factory=lambda: QuickLoop(times)) as runner:
        runner.run(main)
