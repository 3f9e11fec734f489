"""When things fall due, by the calendar of the people they are for. Pure."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.model import Period


def later(instant: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """The instant a period on, at the same time by the clock of `zone`; in UTC.

    A month on from the 31st is the last day of a shorter month. Where the clocks skip that time, it
    is an hour later by them; where it comes twice, the first.
    """
    local = instant.astimezone(zone)
    month = local.month - 1 + period.months
    year, month = local.year + month // 12, month % 12 + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    days, hours = divmod(period.hours, 24)
    if not (period.months or days):
        return instant.astimezone(UTC) + timedelta(hours=hours)
    moved = local.replace(year=year, month=month, day=day, fold=0) + timedelta(days=days)
    return moved.astimezone(UTC) + timedelta(hours=hours)
