"""stub until merged"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.event import Event
from domain.hours import PreferredHours
from domain.quiet import QuietHours


@dataclass(frozen=True, slots=True)
class Reminder:
    day: int
    before: timedelta
    due_at: datetime


def reminders(event: Event, now: datetime, quiet: QuietHours, hours: PreferredHours | None) -> list[Reminder]:
    return [Reminder(0, b, event.starts_at - b) for b in event.reminders if event.starts_at - b > now]
