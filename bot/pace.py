"""How fast a channel may send: over all, and to one person. Pure: the time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from heapq import heappop, heappush

_REMEMBERED = 10_000  # people; one written to longer ago than that may be written to at once


class Pace:
    """`rate` units a second over all (a unit is a message, or an SMS segment), `gap` seconds between
    two messages to one person. Units may be taken ahead; then there is no room until they are paid back.
    Those of a message that waits for its person's turn count when it goes, so that no second sees too many.
    """

    def __init__(self, rate: float, gap: float = 0) -> None:
        self._rate = rate
        self._gap = gap
        self._burst = max(1.0, min(rate / 14, rate))  # so that no second sees more than the rate and a little
        self._tokens = self._burst
        self._at: float | None = None
        self._held_until = 0.0
        self._waiting: list[tuple[float, int]] = []  # (when it goes, units), the earliest first
        self._next: OrderedDict[int, float] = OrderedDict()

    def room(self, now: float) -> int:
        """How many units may be taken now."""
        if now < self._held_until:
            return 0
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        while self._waiting and self._waiting[0][0] <= now:
            self._tokens -= heappop(self._waiting)[1]
        return int(self._tokens)

    def take(self, now: float, person: int, units: int) -> float:
        """Take units for a message to that person; returns the seconds to wait before sending it."""
        at = max(now, self._next.pop(person, 0.0))
        if at > now:
            heappush(self._waiting, (at, units))
        else:
            self._tokens -= units
        if self._gap:
            self._next[person] = at + self._gap
            if len(self._next) > _REMEMBERED:
                self._next.popitem(last=False)
        return at - now

    def hold(self, until: float) -> None:
        """The provider said to wait: no room until then."""
        self._held_until = max(self._held_until, until)

    def next_room(self, now: float) -> float:
        """Seconds until there is room for one unit."""
        return max(self._held_until - now, (1 - self._tokens) / self._rate, 0.0)
