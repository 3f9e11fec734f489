"""Ids for rows: 63-bit numbers that sort by time and need no database to hand them out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

_EPOCH_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z: 41 bits of milliseconds last until 2094
_TAIL_BITS = 22
_TAIL = (1 << _TAIL_BITS) - 1


class Ids:
    """Hands out ids: the milliseconds since 2025, then a tail that counts up from a random start.

    Each process draws a new random start in each millisecond, so two replicas meet on one id about
    once in a hundred seconds *of full load*; the primary key then refuses the batch, which is run
    again with new ids. A sequence in the database would cost every batch a round trip instead.
    """

    def __init__(self, clock: Callable[[], float], random_bits: Callable[[int], int]) -> None:
        """`clock` gives seconds since 1970; `random_bits(n)` gives an int of n random bits."""
        self._clock = clock
        self._random_bits = random_bits
        self._ms = -1
        self._tail = 0

    def __call__(self) -> int:
        ms = max(int(self._clock() * 1000) - _EPOCH_MS, self._ms)  # a clock set back must not repeat ids
        if ms == self._ms:
            self._tail += 1
        else:
            self._ms, self._tail = ms, self._random_bits(_TAIL_BITS - 1)
        if self._tail > _TAIL:  # two million ids in one millisecond: borrow the next
            self._ms, self._tail = ms + 1, 0
        return (self._ms << _TAIL_BITS) | self._tail


def earlier(id: int, by: timedelta) -> int:
    """An id below all that were made within that time before this one, and above those made before it."""
    return max(id - (int(by.total_seconds() * 1000) << _TAIL_BITS), 0)


def lowest(at: datetime) -> int:
    """The lowest id that can be made at that moment: what was made before it is below."""
    return max(int(at.timestamp() * 1000) - _EPOCH_MS, 0) << _TAIL_BITS
