"""When a provider fails on purpose: shares of requests that meet a fault, drawn by a given source of chance."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Generic, TypeVar

#: How long a request that gets no answer is held open, in seconds: longer than any client waits.
SILENCE = 120.0


class Fault(StrEnum):
    """What can happen to a request. The names are those of the shares in `Faults`."""

    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults that both providers have. Shares are between 0 and 1 and together at most 1.

    `throttled`: 429. `server_error`: 500. `unavailable`: Telegram's 502 with a page of HTML, Twilio's
    503. `drop_before`: the connection is dropped, nothing was accepted. `drop_after`: the request was
    carried out, and then the connection is dropped: the sender cannot tell. `silent`: it was carried
    out, and no answer comes. `delay`: seconds from the request's being carried out to its answer, and
    `delay_spread`: up to so many more, so that answers come in another order. `times`: so many faults,
    then none; None for no limit.
    """

    throttled: float = 0.0
    server_error: float = 0.0
    unavailable: float = 0.0
    drop_before: float = 0.0
    drop_after: float = 0.0
    silent: float = 0.0
    delay: float = 0.0
    delay_spread: float = 0.0
    times: int | None = None

    def __post_init__(self) -> None:
        shares = [getattr(self, fault) for fault in Fault]
        if any(share < 0 for share in shares) or sum(shares) > 1:
            raise ValueError("shares of faults are between 0 and 1, and together at most 1")
        if min(self.delay, self.delay_spread) < 0:
            raise ValueError("a delay is a number of seconds, not below 0")


AnyFaults = TypeVar("AnyFaults", bound=Faults)


class Trouble(Generic[AnyFaults]):
    """Draws faults by the shares now set, and counts those that struck."""

    def __init__(self, faults: AnyFaults, random: Random) -> None:
        self._random = random
        self.count: Counter[Fault] = Counter()
        self.faults = faults
        self._silent: set[asyncio.Future[None]] = set()

    @property
    def faults(self) -> AnyFaults:
        return self._faults

    @faults.setter
    def faults(self, faults: AnyFaults) -> None:
        self._faults = faults
        self._left = faults.times
        self._shares = [(fault, share) for fault in Fault if (share := getattr(faults, fault)) > 0]

    def strikes(self, always: Fault | None = None) -> Fault | None:
        """The fault that this request meets, if any; `always` is one that it meets whatever the draw."""
        if self._left == 0 or not (self._shares or always):
            return None
        struck = always or self._draw()
        if struck is not None:
            self.count[struck] += 1
            if self._left is not None:
                self._left -= 1
        return struck

    def delay(self) -> float:
        """Seconds from the next request's being carried out to its answer."""
        spread = self.faults.delay_spread
        return self.faults.delay + (self._random.uniform(0, spread) if spread else 0.0)

    async def silence(self) -> None:
        """Held open until no client waits any more, or until `let_go`."""
        waiting = asyncio.get_running_loop().create_future()
        self._silent.add(waiting)
        with suppress(TimeoutError):
            await asyncio.wait_for(waiting, SILENCE)
        self._silent.discard(waiting)

    def let_go(self) -> None:
        """The server is about to stop."""
        for waiting in self._silent:
            if not waiting.done():
                waiting.set_result(None)

    def chance(self, share: float) -> bool:
        """Whether something that happens in this share of cases happens now."""
        return share > 0 and self._random.random() < share

    def _draw(self) -> Fault | None:
        point = self._random.random()
        for fault, share in self._shares:
            if point < share:
                return fault
            point -= share
        return None
