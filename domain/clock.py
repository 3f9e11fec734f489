"""When the clocks of a zone come to a time of day, so that hours by those clocks can be looked for backwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_A_DAY = timedelta(days=1)


def shown(day: date, clock: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When the zone's clocks show that time on that day, in UTC, the earlier first. On most days both are one moment.
    Where the clocks skip the time, it is by those before they jump and by those after.
    """
    both = sorted(datetime.combine(day, clock.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))
    return both[0], both[1]


def jump(day: date, zone: ZoneInfo) -> datetime | None:
    """The moment of that day at which the clocks change; None on most days."""
    before, after = (datetime.combine(d, time(0), zone).astimezone(UTC) for d in (day, day + _A_DAY))
    offset = before.astimezone(zone).utcoffset()
    if after.astimezone(zone).utcoffset() == offset:
        return None
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def edges(earliest: datetime, latest: datetime, clocks: Collection[time], zone: ZoneInfo) -> set[datetime]:
    """Every moment between the two, in UTC, at which the zone's clocks come to one of these times, or jump: nothing
    that is said by these times alone can begin or end at another. A few more may be among them.
    """
    found: set[datetime] = set()
    day, last = earliest.astimezone(zone).date() - _A_DAY, latest.astimezone(zone).date() + _A_DAY
    while day <= last:
        found.update(moment for clock in clocks for moment in shown(day, clock, zone))
        if (change := jump(day, zone)) is not None:
            found.add(change)
        day += _A_DAY
    return {moment for moment in found if earliest < moment < latest}


def last_before(
    instant: datetime,
    suits: Callable[[datetime], bool],
    edges: Iterable[datetime],
    *,
    earliest: datetime,
    room: timedelta,
) -> datetime | None:
    """The instant itself where it suits. Else a moment in the last stretch before it that does: `room` before the
    stretch ends, or at its beginning where it is shorter. None where nothing suits from `earliest` on. In UTC.

    What suits begins and ends at `edges` only.
    """
    instant = instant.astimezone(UTC)
    if suits(instant):
        return instant
    begin = end = None
    edge = instant
    for start in sorted({earliest.astimezone(UTC), *edges}, reverse=True):
        if suits(start):
            begin, end = start, end or edge
            if start <= end - room:
                return end - room
        elif begin is not None:
            return begin
        edge = start
    return begin
