"""An event as people write it, in a short YAML file or field by field: read, and written so that it reads the same.

Times are those of the project's clocks. A time that the clocks skip is refused; one that they show twice is the first
of the two, and the second with `again` behind it. With a date before it (2026-12-09 01:00) an end is on another day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from domain.event import REMINDERS, Access, Criterion, Day, Event, EventKind, Texts, Venue
from flows.library import SOURCE_LANGUAGE
from flows.lint import perhaps
from flows.yaml_files import FileError, compose, composed, faults, located, plain
from store.event_rules import EventRefused, Fault, Place
from store.written import Written, a_day, a_list, a_number, a_text, a_yes, as_yaml, several, without_empty

_CLOCK = re.compile(r"(?:(\d{4}-\d\d-\d\d) +)?(\d{1,2})[:.](\d\d)( +again)?")
_AMOUNT = re.compile(r"(\d{1,6})(?:\.(\d\d))?")
_SPAN = re.compile(r"(\d{1,6}) *(week|day|hour|minute)s?")
_UNITS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}


@dataclass(frozen=True, slots=True)
class Clock:
    """A time as it was written: on another day than the others, or the second of the two that the clocks show."""

    at: time
    day: date | None = None
    again: bool = False


def _one_of(kind: type[Access] | type[EventKind], text: Any) -> Any:
    names = [one.value for one in kind]
    if text not in names:
        raise ValueError(f"{text!r} is none of {', '.join(names)}{perhaps(str(text), names)}")
    return kind(text)


def _kind(text: Any) -> Any:
    return _one_of(EventKind, text)


def _access(text: Any) -> Any:
    return _one_of(Access, text)


def _texts(given: Any) -> Any:
    match given:
        case str():
            return {SOURCE_LANGUAGE: given.strip()} if given.strip() else {}
        case dict() if all(isinstance(text, str) for text in given.values()):
            return {language: text.strip() for language, text in given.items()}
    raise ValueError('expected a text, or one for each language: {en: "...", pl: "..."}')


def _clock(text: Any) -> Any:
    found = _CLOCK.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or int(found[2]) > 23 or int(found[3]) > 59:
        raise ValueError(f"{text!r} is no time: write it such as 14:00")
    return Clock(time(int(found[2]), int(found[3])), None if found[1] is None else a_day(found[1]), bool(found[4]))


def _no_number(text: Any) -> Any:
    return None if text in ("", "none", "no limit") else a_number(text)


def _pounds(text: Any) -> Any:
    found = _AMOUNT.fullmatch(text.strip().lstrip("£")) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no amount: write pounds, such as 45 or 45.50")
    return int(found[1]) * 100 + int(found[2] or 0)


def _span(text: Any) -> Any:
    found = _SPAN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no time before: write it such as 1 week, 1 day or 2 hours")
    return int(found[1]) * _UNITS[found[2]]


def _each_day(given: Any) -> Any:
    return {"date": given} if isinstance(given, str) else given


def _criterion(given: Any) -> Any:
    if not isinstance(given, dict):
        raise ValueError("expected its name: and label:")
    return given


def _venue(given: Any) -> Any:
    match given:
        case str() if given.strip():
            return {"name": given}
        case dict():
            return given
    raise ValueError("expected the name of a venue, or its name, address, postcode and so on")


_Words = Annotated[str, BeforeValidator(a_text)]
_Texts = Annotated[Mapping[str, str], BeforeValidator(_texts)]
_Names = Annotated[tuple[_Words, ...], BeforeValidator(several)]
_Date = Annotated[date, BeforeValidator(a_day)]
_OneDate = Annotated[date | None, BeforeValidator(a_day)]
_Clock = Annotated[Clock | None, BeforeValidator(_clock)]
_STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _DayWritten:
    __pydantic_config__ = _STRICT
    date: _Date
    from_: Annotated[_Clock, Field(alias="from")] = None
    to: _Clock = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _VenueWritten:
    __pydantic_config__ = _STRICT
    name: _Words
    address: _Words = ""
    postcode: _Words = ""
    room: _Words = ""
    way: _Texts = field(default_factory=dict)
    access: Annotated[tuple[Annotated[Access, BeforeValidator(_access)], ...], BeforeValidator(several)] = ()
    district: _Words = ""
    cost: Annotated[int | None, BeforeValidator(_pounds)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _CriterionWritten:
    __pydantic_config__ = _STRICT
    name: _Words
    label: _Texts
    why: _Texts = field(default_factory=dict)
    districts: _Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _EventWritten:
    __pydantic_config__ = _STRICT
    kind: Annotated[EventKind, BeforeValidator(_kind)]
    title: _Texts
    date: _OneDate = None
    from_: Annotated[_Clock, Field(alias="from")] = None
    to: _Clock = None
    days: Annotated[tuple[Annotated[_DayWritten, BeforeValidator(_each_day)], ...], BeforeValidator(a_list)] = ()
    venue: Annotated[_VenueWritten, BeforeValidator(_venue)]
    capacity: Annotated[int | None, BeforeValidator(_no_number)] = None
    places_for_companions: Annotated[int, BeforeValidator(a_number)] = 0
    criteria: Annotated[
        tuple[Annotated[_CriterionWritten, BeforeValidator(_criterion)], ...], BeforeValidator(a_list)
    ] = ()
    welcome: _Texts = field(default_factory=dict)
    about: _Texts = field(default_factory=dict)
    fee: _Texts = field(default_factory=dict)
    food: Annotated[bool, BeforeValidator(a_yes)] = False
    languages: _Names = ()
    after: Annotated[int | None, BeforeValidator(_no_number)] = None
    reminders: Annotated[tuple[Annotated[timedelta, BeforeValidator(_span)], ...], BeforeValidator(several)] = REMINDERS


_WRITTEN = TypeAdapter(_EventWritten)
#: The fields of an event's file, in the order in which they are written.
FIELDS = tuple(one.name.rstrip("_") for one in fields(_EventWritten))
_KNOWN = sorted(
    {one.name.rstrip("_") for kind in (_EventWritten, _VenueWritten, _CriterionWritten) for one in fields(kind)}
)


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that has no number yet. `by_name`: of its venue only the name was given, to be found in the store."""

    event: Event
    by_name: bool


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file that was read, for faults that show only later."""

    path: Path
    root: yaml.Node
    draft: Draft

    def fault(self, refused: EventRefused) -> FileError:
        """What the store refused, with the lines."""
        return located(self.path, self.root, [(self._place(fault), fault.sentence) for fault in refused.faults])

    def _place(self, fault: Fault) -> Place:
        """Where a file gives one day, it has no list of days."""
        named = {key.value for key, _ in self.root.value}
        return ("date",) if fault.place[:1] == ("days",) and "days" not in named else fault.place


def read_event(path: Path, zone: ZoneInfo) -> EventFile:
    """The event of a file. Raises FileError, with the file, the line and what to do, for each fault."""
    root = compose(path)
    try:
        return EventFile(path, root, event_of(plain(root, path), zone))
    except EventRefused as error:
        raise located(path, root, [(fault.place, fault.sentence) for fault in error.faults]) from error


def event_of(written: Any, zone: ZoneInfo) -> Draft:
    """The event of what was written, in the zone of the project's clocks. Raises EventRefused."""
    if not isinstance(written, dict):
        raise EventRefused(Fault((), "expected the fields of an event, such as title: and date:, a line each"))
    try:
        found = _WRITTEN.validate_python(written)
    except ValidationError as error:
        raise EventRefused(*(Fault(place, said) for place, said in faults(error, _KNOWN))) from error
    venue = found.venue
    event = Event(
        id=0,
        number=0,
        kind=found.kind,
        title=found.title,
        venue=Venue(
            name=venue.name,
            address=venue.address,
            postcode=venue.postcode,
            room=venue.room,
            way=venue.way,
            access=frozenset(venue.access),
            district=venue.district,
            cost=venue.cost,
        ),
        days=_the_days(found, zone),
        about=found.about,
        welcome=found.welcome,
        fee=found.fee,
        criteria=tuple(
            Criterion(name=one.name, label=one.label, why=one.why, districts=frozenset(one.districts))
            for one in found.criteria
        ),
        capacity=found.capacity,
        kept=found.places_for_companions,
        food=found.food,
        languages=found.languages,
        after=found.after,
        reminders=found.reminders,
    )
    return Draft(event, by_name=isinstance(written["venue"], str))


def in_words(text: str, name: str) -> Any:
    """A value as it would stand in a file: `[1 day, 2 hours]` is a list. Text that is nothing else is itself. Raises
    EventRefused.
    """
    if not text.strip():
        return ""
    try:
        return plain(composed(text, name), name)
    except FileError:
        return text


def _the_days(found: _EventWritten, zone: ZoneInfo) -> tuple[Day, ...]:
    if found.date is not None and found.days:
        raise EventRefused(Fault(("date",), "give date: for one day, or days: for several, and not both"))
    if found.date is None and not found.days:
        raise EventRefused(Fault((), "'date' is missing: write it such as date: 2026-12-08"))
    days: list[Day] = []
    wrong: list[Fault] = []
    single: list[tuple[Place, _DayWritten]] = [] if found.date is None else [((), _DayWritten(date=found.date))]
    for place, written in single + [(("days", n), day) for n, day in enumerate(found.days)]:
        try:
            days.append(_the_day(place, written, written.from_ or found.from_, written.to or found.to, zone))
        except EventRefused as error:
            wrong += error.faults
    if wrong:
        raise EventRefused(*wrong)
    return tuple(days)


def _the_day(place: Place, written: _DayWritten, start: Clock | None, end: Clock | None, zone: ZoneInfo) -> Day:
    at: list[datetime] = []
    wrong: list[Fault] = []
    for name, clock in (("from", start), ("to", end)):
        if clock is None:
            wrong.append(Fault(place, f"{name!r} is missing: write it such as {name}: 14:00"))
            continue
        try:
            at.append(_instant(clock, written.date, zone))
        except ValueError as error:
            wrong.append(Fault((*place, name), str(error)))
    if len(at) == 2 and at[1] <= at[0]:
        next_day = written.date + timedelta(days=1)
        sentence = f"it ends before it starts: change one of the two, or for the day after write to: {next_day} 01:00"
        wrong.append(Fault((*place, "to"), sentence))
    if wrong:
        raise EventRefused(*wrong)
    return Day(*at)


def _instant(clock: Clock, day: date, zone: ZoneInfo) -> datetime:
    """Raises ValueError for a time that the clocks do not show on that day."""
    local = datetime.combine(clock.day or day, clock.at, zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ValueError(f"the clocks go forward and skip {clock.at:%H:%M} that day: give another time")
    if clock.again:
        second = local.replace(fold=1).astimezone(UTC)
        if second == instant:
            raise ValueError(f"the clocks show {clock.at:%H:%M} only once that day: leave out again")
        return second
    return instant


def as_written(event: Event, zone: ZoneInfo) -> Written:
    """What a file would say that gives the same event; what it would say without words is left out."""
    single = event.days[0] if len(event.days) == 1 else None
    venue = event.venue
    written: Written = {
        "kind": event.kind.value,
        "title": _shortest(event.title),
        **({} if single is None else _day_written(single, zone)),
        "days": [] if single is not None else [_day_written(day, zone) for day in event.days],
        "venue": without_empty(
            {
                "name": venue.name,
                "address": venue.address,
                "postcode": venue.postcode,
                "room": venue.room,
                "way": _shortest(venue.way),
                "access": sorted(one.value for one in venue.access),
                "district": venue.district,
                "cost": "" if venue.cost is None else f"{venue.cost // 100}.{venue.cost % 100:02}",
            }
        ),
        "capacity": "" if event.capacity is None else str(event.capacity),
        "places_for_companions": str(event.kept) if event.kept else "",
        "criteria": [
            without_empty(
                {
                    "name": one.name,
                    "label": _shortest(one.label),
                    "why": _shortest(one.why),
                    "districts": sorted(one.districts),
                }
            )
            for one in event.criteria
        ],
        "welcome": _shortest(event.welcome),
        "about": _shortest(event.about),
        "fee": _shortest(event.fee),
        "food": "yes" if event.food else "",
        "languages": list(event.languages),
        "after": "" if event.after is None else str(event.after),
    }
    written = without_empty(written)
    if event.reminders != REMINDERS:
        written["reminders"] = [_span_written(before) for before in event.reminders]
    return written


def file_of(event: Event, zone: ZoneInfo) -> str:
    """The text of a file that gives the same event."""
    return as_yaml(as_written(event, zone))


def _day_written(day: Day, zone: ZoneInfo) -> Written:
    start, end = day.starts_at.astimezone(zone), day.ends_at.astimezone(zone)
    other_day = f"{end:%Y-%m-%d} " if end.date() != start.date() else ""
    return {
        "date": start.date().isoformat(),
        "from": f"{start:%H:%M}{_again(start)}",
        "to": f"{other_day}{end:%H:%M}{_again(end)}",
    }


def _again(local: datetime) -> str:
    return " again" if local.fold else ""


def _span_written(before: timedelta) -> str:
    name, unit = next((name, unit) for name, unit in _UNITS.items() if not before % unit)
    count = before // unit
    return f"{count} {name}{'' if count == 1 else 's'}"


def _shortest(texts: Texts) -> str | dict[str, str]:
    return texts[SOURCE_LANGUAGE] if texts.keys() == {SOURCE_LANGUAGE} else dict(texts)
