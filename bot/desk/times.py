"""The day and the time that a coordinator names: "8.12. 10am", "tomorrow at 9:30". Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flows.fold import fold
from flows.model import Date
from flows.replies import understand
from flows.words import Lexicon

#: With a dot only where am or pm follows: "8.12" alone is a day.
_CLOCK = re.compile(
    r"\b(\d{1,2})(?:[:.](\d\d))? ?(am|pm)\b|\b(\d{1,2}):(\d\d)\b|\bat (\d{1,2})(?=$| (?:today|tomorrow|on)\b)",
    re.IGNORECASE,
)
_AROUND = re.compile(r"^(?:send )?(?:it )?|\b(?:at|on)\b|,", re.IGNORECASE)


def moment_said(text: str, words: Lexicon, now: datetime, zone: ZoneInfo) -> datetime | None:
    """That moment by the zone's clock; without a day the next time that it is so late. None where no time is named, or
    the rest is no day to come.
    """
    clocks = list(_CLOCK.finditer(text))
    if not clocks or (at := _time(clocks[-1])) is None:
        return None
    rest = f"{text[: clocks[-1].start()]} {text[clocks[-1].end() :]}".strip()
    said = fold(_AROUND.sub(" ", rest))
    local = now.astimezone(zone)
    if not said:
        today = datetime.combine(local.date(), at, zone)
        return today if today > local else datetime.combine(local.date() + timedelta(days=1), at, zone)
    day = _day(" ".join(_AROUND.sub(" ", rest).split()), said, words, local.date())
    if day is None:
        return None
    moment = datetime.combine(day, at, zone)
    return moment if moment > local else None


def _time(found: re.Match[str]) -> time | None:
    hour, minute = int(found[1] or found[4] or found[6]), int(found[2] or found[5] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[3].lower() == "pm" else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _day(text: str, said: str, words: Lexicon, today: date) -> date | None:
    if said in ("today", "tomorrow"):
        return today + timedelta(days=said == "tomorrow")
    answer = understand(Date(name="day", label="", tense="future"), text, words, today)
    return None if answer is None else date.fromisoformat(str(answer))
