"""How fast a channel may send: over all, and to one address. Pure: the time is an argument."""

from __future__ import annotations

import math
from collections import OrderedDict, deque

_REMEMBERED = 10_000  # addresses; one written to longer ago than that may be written to at once
#: Messages that may leave within so many seconds are taken together.
_AHEAD = 1 / 14
#: So many seconds of lateness a busy sender makes up for; more would bring a second's worth at once, and then a reply
#: would wait for the next second.
_LATE = 0.2


class Pace:
    """`rate` units a second (a unit is a message, or an SMS segment), never more in any one second, and `gap` seconds
    between two messages to one address.

    Both hold by the provider's clock, however long a request is on its way: it may arrive at any moment
    between its leaving and its answer, so it counts until a second after the answer. A message of more units than
    the rate goes alone, and counts for as many seconds as it takes at the rate.

    Where several processes send for one account, each has only a part of the rate, and for a while: its `share`.

    A message goes through `take` (its turn), `full` (whether it must wait all the same), `left` and `answered`.
    """

    def __init__(self, rate: float, gap: float = 0) -> None:
        self._whole = rate
        self.gap = gap
        self.most = max(1, math.floor(rate))  # in any one second, of all who send for the account
        self._rate = rate
        self._most = self.most  # of those, ours
        self._ours_until = math.inf
        self._free_at = -math.inf  # when the next may leave, by the rate
        self.held_until = -math.inf
        self._taken = 0  # units that have their turn and have not left
        self._under_way = 0  # units that have left and are not answered
        self._answered: deque[tuple[float, int]] = deque()  # (until when they count, units)
        self._recent = 0  # units of those
        self._next: OrderedDict[str, float] = OrderedDict()
        self._now = -math.inf

    def share(self, units: int, until: float) -> None:
        """Until then so many of the `most` units in any one second are ours; after that none, before we have a new
        share.
        """
        self._most = units
        self._rate = self._whole * units / self.most
        self._ours_until = until

    def ours(self, now: float) -> int:
        """How many units in any one second are ours."""
        return self._most if self._see(now) < self._ours_until else 0

    def room(self, now: float) -> int:
        """How many units may be taken now."""
        now = self._see(now)
        if self.held_until > now or not self.ours(now):
            return 0
        by_rate = 1 + math.floor((_AHEAD - max(self._free_at - now, 0.0)) * self._rate)
        free = self._most - self._under_way - self._recent - self._taken
        if free < by_rate:  # who is taken now may leave when the next of these count no more: `full` sees to that
            free += self._over_by(now + _AHEAD)
        return max(0, min(by_rate, free))

    def apart(self, now: float, address: str) -> float:
        """Seconds until that address may have its next message."""
        now = self._see(now)
        return max(0.0, self._next.get(address, now) - now)

    def take(self, now: float, units: int) -> float:
        """Takes a turn for so many units; returns the seconds until it. Where nothing is ours any more it is at once,
        and the message is given up then.
        """
        now = self._see(now)
        self._taken += units
        if not self.ours(now):
            return 0.0
        at = max(now, self._free_at)
        self._free_at = max(self._free_at, now - _LATE) + units / self._rate
        return at - now

    def full(self, now: float, units: int) -> float:
        """Seconds to wait before looking again whether so many units may leave; 0: they may, or never will."""
        now = self._see(now)
        counting = self._under_way + self._recent
        if not self.ours(now) or counting == 0 or counting + units <= self._most:
            return 0.0
        return max(_LOOK_AGAIN, self._answered[0][0] - now) if self._answered else _LOOK_AGAIN

    def left(self, units: int) -> None:
        """They leave now."""
        self._taken -= units
        self._under_way += units

    def given_up(self, units: int) -> None:
        """They had their turn, and do not leave."""
        self._taken -= units

    def answered(self, now: float, address: str, units: int) -> None:
        """The provider answered, or will not any more."""
        now = self._see(now)
        self._under_way -= units
        self._recent += units
        self._answered.append((now + max(1.0, units / (self._rate or self._whole)), units))
        if self.gap:
            self._remember(address, now + self.gap)

    def written(self, at: float, address: str) -> None:
        """Another process had its answer for that address then."""
        if at + self.gap > self._next.get(address, -math.inf):
            self._remember(address, at + self.gap)

    def hold(self, until: float) -> None:
        """The provider said to wait: no room until then."""
        self.held_until = max(self.held_until, until)

    def held(self, now: float) -> float:
        """For how many more seconds the provider said to wait."""
        now = self._see(now)
        return max(0.0, self.held_until - now)

    def next_room(self, now: float) -> float:
        """Seconds until there may be room for one unit; where only an answer can make it, until the next look."""
        if self.room(now) > 0:
            return 0.0
        now = self._now
        if not self.ours(now):
            return _NO_SHARE
        by_most = 0.0
        if self._under_way + self._recent + self._taken >= self._most:
            by_most = self._answered[0][0] - _AHEAD - now if self._answered else _LOOK_AGAIN
        return max(self.held_until - now, self._free_at - _AHEAD - now, by_most, _LOOK_AGAIN)

    def _over_by(self, then: float) -> int:
        """How many of the units that count now will not then."""
        over = 0
        for until, units in self._answered:
            if until > then:
                break
            over += units
        return over

    def _remember(self, address: str, until: float) -> None:
        self._next.pop(address, None)
        self._next[address] = until
        if len(self._next) > _REMEMBERED:
            self._next.popitem(last=False)

    def _see(self, now: float) -> float:
        """The time is that, or a little later, if somebody looked at the clock before and came after another."""
        if (back := self._now - now) > _SET_BACK:  # what was to be in a second still is
            self._free_at -= back
            self.held_until -= back
            self._answered = deque((until - back, units) for until, units in self._answered)
            for address in self._next:
                self._next[address] -= back
            self._now = now
        self._now = max(self._now, now)
        while self._answered and self._answered[0][0] <= self._now:
            self._recent -= self._answered.popleft()[1]
        return self._now


_LOOK_AGAIN = 0.005
_NO_SHARE = 0.25
#: A clock that goes back by more seconds was set back; by less, it is waited for.
_SET_BACK = 10.0
