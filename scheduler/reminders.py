"""When somebody who comes to an event is reminded of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.clock import shown
from domain.event import Event, EventState
from domain.hours import PreferredHours, in_hours_before
from domain.quiet import QuietHours

_A_DAY = timedelta(days=1)
#: Before hours that suit are over, a reminder needs time to be sent at the pace that providers allow.
_ROOM = timedelta(minutes=15)
#: One that would have to come so much sooner comes when it is not quiet, whatever the person's own hours.
_SOONEST = timedelta(hours=48)
#: Two that are no further apart than this say the same twice; one so soon repeats what has just been said.
_TOGETHER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Reminder:
    """`day` counts the event's days from 0. `before` is how long before it starts they asked to be reminded, and
    names the reminder; `due_at` (UTC) may be earlier than that, so what is said goes by `due_at`.
    """

    day: int
    before: timedelta
    due_at: datetime


def reminders(
    event: Event,
    now: datetime,
    quiet: QuietHours,
    hours: PreferredHours | None,
    zone: ZoneInfo | None = None,
) -> list[Reminder]:
    """Those still to come, in order. The event goes by the clock of `quiet.zone`, the person's `hours` by that of
    `zone` (None: the same one).

    One that would fall into quiet hours, or outside the person's own, comes earlier, never later: one after the
    fact is worse than none. On holidays they come as on any day, for the event does not wait. `now` is when they were
    last told of it, by the confirmation of their place or of a change. The later `now`, the fewer there are, and no
    other ones.
    """
    if event.state is EventState.CALLED_OFF:
        return []
    quiet = quiet.on_any_day
    planned = [
        Reminder(n, before, due_at)
        for n, day in enumerate(event.days)
        for before in event.reminders
        if n == 0 or before <= _A_DAY  # nobody wants a week's notice of each day of a module
        if (due_at := _moved(_due(day.starts_at, before, quiet.zone), quiet, hours, zone)) is not None
        if due_at < day.starts_at
    ]
    soonest = now.astimezone(UTC) + _TOGETHER
    return [one for one in _apart(event, planned) if one.due_at >= soonest]


def _due(starts_at: datetime, before: timedelta, zone: ZoneInfo) -> datetime:
    """Whole days by the calendar and the clock, the rest as it passes. Where the clocks skip that time or show it
    twice, the earlier moment: a reminder may be early, and never late.
    """
    days, rest = divmod(before, _A_DAY)
    if not days:
        return starts_at.astimezone(UTC) - rest
    local = starts_at.astimezone(zone)
    return shown(local.date() - timedelta(days=days), local.time(), zone)[0] - rest


def _moved(due_at: datetime, quiet: QuietHours, hours: PreferredHours | None, zone: ZoneInfo | None) -> datetime | None:
    if hours is None:
        return quiet.before(due_at, room=_ROOM, within=_SOONEST)
    return in_hours_before(due_at, quiet, hours, zone or quiet.zone, room=_ROOM, within=_SOONEST)


def _apart(event: Event, planned: Iterable[Reminder]) -> list[Reminder]:
    """In order, without those that another says as well. The one nearer to what it is about stays: it was asked for
    as the last word, and who gets only one wants to hear "today at two", not "next week".
    """
    kept: list[Reminder] = []
    for one in sorted(planned, key=lambda one: (event.days[one.day].starts_at, one.before)):
        if all(abs(one.due_at - other.due_at) > _TOGETHER for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.due_at)
