"""Events as calendars have them (iCalendar, RFC 5545): a file of one of them, or of several. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar
from icalendar import Event as Entry

from domain.event import Event, EventState, text_in
from flows.programme import place

#: What a calendar file is to mail programs, browsers and Telegram.
MEDIA_TYPE = "text/calendar"
_STATUS = {EventState.DRAFT: "TENTATIVE", EventState.PUBLISHED: "CONFIRMED", EventState.CALLED_OFF: "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Listed:
    """An event for a calendar. `stamp` is since when it stands as it does; `more` goes on top of its description."""

    event: Event
    stamp: datetime
    more: str = ""


def event_file(event: Event, language: str, zone: ZoneInfo, contact_phone: str, stamp: datetime) -> bytes:
    """One event as a file to be opened: an entry for each of its days, its texts in that language. `stamp` is when the
    file is made. The same event later has the same entries with a higher SEQUENCE, so that a calendar changes those.
    """
    return calendar_file([Listed(event, stamp)], language, zone, contact_phone)


def calendar_file(events: Iterable[Listed], language: str, zone: ZoneInfo, contact_phone: str, name: str = "") -> bytes:
    """Several events as one calendar, which subscribers see under that name."""
    calendar = Calendar()
    calendar.add("prodid", "-//mime//events//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-timezone", zone.key)  # the times are in UTC; this is where they are meant to be seen
    if name:
        calendar.add("x-wr-calname", name)
        calendar.add("refresh-interval", timedelta(hours=1), {"value": "DURATION"})  # RFC 7986, 5.7
    for listed in events:
        for n in range(len(listed.event.days)):
            calendar.add_component(_entry(listed, n, language, contact_phone))
    content: bytes = calendar.to_ical()
    return content


def _entry(listed: Listed, n: int, language: str, contact_phone: str) -> Entry:
    event, day = listed.event, listed.event.days[n]
    title = text_in(event.title, language)
    count = f" ({n + 1}/{len(event.days)})" if len(event.days) > 1 else ""
    entry = Entry()
    entry.add("uid", f"{event.id}-{n}@mime")
    entry.add("dtstamp", listed.stamp)
    entry.add("sequence", event.revision)
    entry.add("dtstart", day.starts_at)
    entry.add("dtend", day.ends_at)
    entry.add("summary", f"{title}{count}", {"language": language})
    entry.add("status", _STATUS[event.state])
    if location := place(event.venue):
        entry.add("location", location)
    tells = [listed.more, text_in(event.venue.way, language), contact_phone and f"Tel. {contact_phone}"]
    if description := "\n".join(told for told in tells if told):
        entry.add("description", description)
    return entry
