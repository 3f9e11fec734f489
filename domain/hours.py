"""The hours and days on which somebody wants to hear from us, beside the project's quiet hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.quiet import QuietHours

_STORED = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d) ([0-6]+)")
ALL_DAYS = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class PreferredHours:
    """From `start` to `end` by the clock where they are (an `end` of midnight is the end of the day), on
    `days` (0 is Monday).
    """

    start: time = time(0)
    end: time = time(0)
    days: frozenset[int] = ALL_DAYS

    def __str__(self) -> str:
        """As it is stored: `11:00-20:00 02345`."""
        return f"{self.start:%H:%M}-{self.end:%H:%M} {''.join(map(str, sorted(self.days)))}"

    @classmethod
    def parse(cls, stored: str) -> PreferredHours:
        """Raises ValueError for what `str` did not write."""
        if not (found := _STORED.fullmatch(stored)):
            raise ValueError("expected hours such as 11:00-20:00 02345")
        return cls(time.fromisoformat(found[1]), time.fromisoformat(found[2]), frozenset(map(int, found[3])))

    def suit(self, instant: datetime, zone: ZoneInfo) -> bool:
        local = instant.astimezone(zone)
        late = self.end != time(0) and local.time() >= self.end
        return local.weekday() in self.days and local.time() >= self.start and not late

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant itself, or the next beginning of hours that suit; in UTC."""
        if self.suit(instant, zone):
            return instant
        day = instant.astimezone(zone).date()
        while True:
            opening = datetime.combine(day, self.start, zone).astimezone(UTC)
            if opening > instant and day.weekday() in self.days:
                return opening
            day += timedelta(days=1)


def in_hours(instant: datetime, quiet: QuietHours, preferred: PreferredHours) -> datetime:
    """The first moment from that instant on that suits both; where none does within two weeks, the end of the
    quiet hours, since somebody who left us no hour at all must still be reached.
    """
    moment = quiet.after(instant)
    for _ in range(14):
        suits = preferred.after(moment, quiet.zone)
        moment = quiet.after(suits)
        if moment == suits:
            return moment
    return quiet.after(instant)
