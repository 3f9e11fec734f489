"""The hours and days on which somebody wants to hear from us, beside the project's quiet hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.clock import edges, jump, last_before, shown
from domain.quiet import QuietHours

_STORED = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d) ([0-6]+)", re.ASCII)
_EXPECTED = "expected hours such as 11:00-20:00 02345"
_A_DAY = timedelta(days=1)
_TWO_WEEKS = timedelta(days=14)
ALL_DAYS = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class PreferredHours:
    """From `start` to before `end` by the clock where they are (an `end` of midnight is the end of the day), on
    `days` (0 is Monday).

    Raises ValueError for hours that hold no minute, or parts of one: whoever has such hours could never be reached.
    """

    start: time = time(0)
    end: time = time(0)
    days: frozenset[int] = ALL_DAYS

    def __post_init__(self) -> None:
        if any(clock != time(clock.hour, clock.minute) for clock in (self.start, self.end)):
            raise ValueError("expected whole minutes, without a zone")
        if self.end != time(0) and self.end <= self.start:
            raise ValueError("expected an end after the start")
        if not self.days or not self.days <= ALL_DAYS:
            raise ValueError("expected a day or more, from 0 (Monday) to 6")

    def __str__(self) -> str:
        """As it is stored: `11:00-20:00 02345`."""
        return f"{self.start:%H:%M}-{self.end:%H:%M} {''.join(map(str, sorted(self.days)))}"

    @classmethod
    def parse(cls, stored: str) -> PreferredHours:
        """Raises ValueError for what `str` did not write."""
        if not (found := _STORED.fullmatch(stored)):
            raise ValueError(_EXPECTED)
        hours = cls(time.fromisoformat(found[1]), time.fromisoformat(found[2]), frozenset(map(int, found[3])))
        if str(hours) != stored:
            raise ValueError(_EXPECTED)
        return hours

    def suit(self, instant: datetime, zone: ZoneInfo) -> bool:
        local = instant.astimezone(zone)
        late = self.end != time(0) and local.time() >= self.end
        return local.weekday() in self.days and local.time() >= self.start and not late

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant itself, or the first one after it that suits; in UTC.

        Hours that the clocks skip are left out that day, and those that they show twice come twice.
        """
        instant = instant.astimezone(UTC)
        if self.suit(instant, zone):
            return instant
        day = instant.astimezone(zone).date()
        while True:
            for opening in self._openings(day, zone):
                if opening > instant and self.suit(opening, zone):
                    return opening
            day += _A_DAY

    def edges(self, earliest: datetime, latest: datetime, zone: ZoneInfo) -> set[datetime]:
        """Between the two, every moment at which the hours can begin or end, and a few more; in UTC."""
        return edges(earliest, latest, {self.start, self.end}, zone)

    def _openings(self, day: date, zone: ZoneInfo) -> list[datetime]:
        """When that day can begin to suit: at the start, or where the clocks jump into the hours."""
        starts = set(shown(day, self.start, zone))
        change = jump(day, zone)
        return sorted(starts if change is None else starts | {change})


def in_hours(instant: datetime, quiet: QuietHours, preferred: PreferredHours) -> datetime:
    """The first moment from that instant on that suits both; where none does within two weeks, the end of the
    quiet hours, since somebody who left us no hour at all must still be reached.
    """
    awake = moment = quiet.after(instant)
    while (suits := preferred.after(moment, quiet.zone)) - instant <= _TWO_WEEKS:
        moment = quiet.after(suits)
        if moment == suits:
            return moment
    return awake


def in_hours_before(
    instant: datetime,
    quiet: QuietHours,
    preferred: PreferredHours,
    zone: ZoneInfo,
    *,
    room: timedelta,
    within: timedelta,
) -> datetime | None:
    """The instant itself, or the last moment before it that suits both, `room` before it ends to suit (at the
    beginning, where a stretch that suits is shorter), in UTC. `zone` is where the person is.

    Where none does `within` that time before, the quiet hours decide alone: somebody who left us hardly an hour
    must still be reached. None where they leave no moment either.
    """
    earliest = instant.astimezone(UTC) - within

    def suits(moment: datetime) -> bool:
        return not quiet.cover(moment) and preferred.suit(moment, zone)

    both = quiet.edges(earliest, instant) | preferred.edges(earliest, instant, zone)
    found = last_before(instant, suits, both, earliest=earliest, room=room)
    return quiet.before(instant, room=room, within=within) if found is None else found
