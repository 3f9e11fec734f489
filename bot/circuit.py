"""Whether an account that fails again and again is left alone for a while. Pure: the time is an argument."""

from __future__ import annotations

#: So many failures one after another, and the account is left alone.
FAILURES = 5
#: For so many seconds, twice as long each time that it then fails again, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0


class Circuit:
    """Times are seconds since 1970. After a pause one message tries whether the account is back."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause = 0.0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the account is left alone, or tried with one message at a time."""
        return self._pause > 0

    def rests(self, now: float) -> float:
        """For how many more seconds it is left alone."""
        return max(self._until - now, 0.0) if self.is_open else 0.0

    def room(self, now: float, under_way: int) -> int | None:
        """How many more may be sent now; None: as many as there are."""
        if not self.is_open:
            return None
        return 0 if self.rests(now) > 0 or under_way else 1

    def failed(self, now: float) -> bool:
        """The account did not answer, or did not know us. Returns whether it is left alone from now on."""
        self._failures += 1
        if self._failures < FAILURES or self.rests(now) > 0:  # others that were under way tell nothing new
            return False
        opens = not self.is_open
        self._pause = min(self._pause * 2, LONGEST_PAUSE) or FIRST_PAUSE
        self._until = now + self._pause
        return opens

    def answered(self) -> bool:
        """It did: all is well. Returns whether it had been left alone."""
        was_open = self.is_open
        self._failures, self._pause = 0, 0.0
        return was_open
