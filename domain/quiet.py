"""The hours and days on which nothing is sent that nobody has just asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.clock import edges, last_before, shown


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` by the clock of `zone`, over midnight or not; equal times mean none. And all day on each
    of the `holidays`.
    """

    start: time
    end: time
    zone: ZoneInfo
    holidays: frozenset[date] = frozenset()

    @property
    def on_any_day(self) -> QuietHours:
        """The hours alone, for what may not wait until after a holiday."""
        return replace(self, holidays=frozenset()) if self.holidays else self

    def on_holiday(self, instant: datetime) -> bool:
        return bool(self.holidays) and instant.astimezone(self.zone).date() in self.holidays

    def cover(self, instant: datetime) -> bool:
        return self.on_holiday(instant) or self._in_hours(instant)

    def _in_hours(self, instant: datetime) -> bool:
        if self.start == self.end:
            return False
        local = instant.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def after(self, instant: datetime) -> datetime:
        """The instant itself, or the end of the quiet hours and holidays that it falls into."""
        while True:
            if self._in_hours(instant):
                instant = self._next(instant, self.end)
            elif self.on_holiday(instant):
                instant = self._day_after(instant)
            else:
                return instant

    def before(self, instant: datetime, *, room: timedelta, within: timedelta) -> datetime | None:
        """The instant itself, or a moment before the quiet hours that it falls into: `room` before they begin, or at
        the end of those before them where there is less. None where it is quiet all of `within` before. In UTC.
        """
        earliest = instant.astimezone(UTC) - within
        return last_before(
            instant, lambda t: not self.cover(t), self.edges(earliest, instant), earliest=earliest, room=room
        )

    def edges(self, earliest: datetime, latest: datetime) -> set[datetime]:
        """Between the two, every moment at which quiet can begin or end, and a few more; in UTC."""
        clocks = {self.start, self.end, time(0)} if self.holidays else {self.start, self.end}
        return edges(earliest, latest, clocks, self.zone)

    def next_start(self, instant: datetime) -> datetime | None:
        """When quiet hours next begin, on whatever day; None where there are none."""
        return None if self.start == self.end else self._next(instant, self.start)

    def _day_after(self, instant: datetime) -> datetime:
        """When the next day begins; where the clocks skip midnight, the moment at which they do."""
        today = instant.astimezone(self.zone).date()
        begins = shown(today + timedelta(days=1), time(0), self.zone)
        return next(moment for moment in begins if moment.astimezone(self.zone).date() > today)

    def _next(self, instant: datetime, clock: time) -> datetime:
        """The next moment when the zone's clocks show that time; where they skip it, an hour later by them."""
        clock = clock.replace(fold=0)  # a time that the clocks skip is meant by the clocks before they do
        moment = datetime.combine(instant.astimezone(self.zone).date(), clock, self.zone)
        while True:
            if (found := moment.astimezone(UTC)) > instant:
                return found
            again = moment.replace(fold=1).astimezone(UTC)  # where the clocks go back and show it twice
            if again > instant:
                return again
            moment = datetime.combine(moment.date() + timedelta(days=1), clock, self.zone)
