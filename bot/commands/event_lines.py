"""An event in lines for the team: all there is to know of it, to be read or listened to."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from domain.event import Day, Event, Texts
from flows.library import SOURCE_LANGUAGE
from store.event_files import as_written
from store.events import Listed


def lines_of(found: Listed, zone: ZoneInfo) -> Iterator[str]:
    event, venue = found.event, found.event.venue
    yield f"Event {event.number}, {state(event)}: {event.title.get(SOURCE_LANGUAGE, '')}"
    yield from _translations(event.title)
    yield f"  Kind: {event.kind.value.replace('_', ' ')}"
    for day in event.days:
        yield f"  When: {when(day, zone)}"
    yield f"  Where: {', '.join(part for part in (venue.name, venue.room, venue.address, venue.postcode) if part)}"
    yield from _texts("How to get there", venue.way)
    if venue.access:
        yield f"  Access: {', '.join(sorted(one.value.replace('_', ' ') for one in venue.access))}"
    if venue.district:
        yield f"  District: {venue.district}"
    if venue.cost is not None:
        yield f"  What the venue costs us: £{venue.cost // 100}.{venue.cost % 100:02}"
    yield f"  Places: {places(found)}"
    for criterion in event.criteria:
        yield from _texts(f"For people who are ({criterion.name})", criterion.label)
        yield from _texts("  Why", criterion.why)
        if criterion.districts:
            yield f"    Not asked of people in: {', '.join(sorted(criterion.districts))}"
    yield from _texts("Welcome", event.welcome)
    yield from _texts("About", event.about)
    yield from _texts("Costs people", event.fee)
    yield f"  Food: {'yes' if event.food else 'no'}"
    if event.languages:
        yield f"  Languages: {', '.join(event.languages)}"
    if event.after is not None:
        yield f"  Comes after: event {event.after}"
    spans = as_written(event, zone).get("reminders", ["1 week", "1 day", "2 hours"])
    yield f"  Reminders: {', '.join(spans) + ' before' if spans else 'none'}"
    if event.revision:
        yield f"  Changes since it was published: {event.revision}"
    if found.unread:
        yield f"  Have not said yet that they read of the last change: {found.unread}"
    yield from _texts("Why it is called off", event.reason)


def state(event: Event) -> str:
    return event.state.value.replace("_", " ")


def when(day: Day, zone: ZoneInfo) -> str:
    start, end = day.starts_at.astimezone(zone), day.ends_at.astimezone(zone)
    ends = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%a %d %b %H:%M}"
    return f"{start:%a %d %b %Y}, {start:%H:%M} to {ends}"


def places(found: Listed) -> str:
    """How many are taken, kept and waited for, in a few words."""
    event = found.event
    taken = f"{found.taken} taken, no limit" if event.capacity is None else f"{found.taken} of {event.capacity} taken"
    beside = f", {found.beside} of them by companions" if found.beside else ""
    kept = f", {event.kept} kept for companions" if event.kept else ""
    return f"{taken}{beside}{kept}, {found.waiting} waiting"


def _texts(name: str, texts: Texts) -> Iterator[str]:
    if texts:
        yield f"  {name}: {texts.get(SOURCE_LANGUAGE, '')}"
        yield from _translations(texts)


def _translations(texts: Texts) -> Iterator[str]:
    for language, text in texts.items():
        if language != SOURCE_LANGUAGE:
            yield f"    {language}: {text}"
