"""What is wrong with an event before it is kept, in sentences that say what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from domain.event import Criterion, Event, EventState, Texts
from flows.library import SOURCE_LANGUAGE, Library
from flows.lint import perhaps
from flows.model import Locality
from flows.wording import gives_away

Place = tuple[str | int, ...]
#: A title stands in the first line of a text message; the others are read whole.
_LONGEST = {"title": 80, "about": 600, "welcome": 300, "fee": 100, "reason": 200, "way": 400, "label": 120, "why": 300}
_LONGEST |= {"payment": 300, "explanation": 200}  # of an opportunity
_LONGEST_NAME = 80
_MOST_PEOPLE = 10_000
_EARLIEST_REMINDER = timedelta(weeks=8)
_MOST_REMINDERS = 6
_MOST_DAYS = 60
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong: the field, as an event's file calls it, and a sentence that says what to do."""

    place: Place
    sentence: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.place))}: {self.sentence}" if self.place else self.sentence


class Refused(Exception):
    """Something cannot be kept so. `faults` has all that was found; the message has a line for each."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class EventRefused(Refused):
    """An event cannot be kept so."""


@dataclass(frozen=True, slots=True)
class Known:
    """The languages and districts that an event may name, by their codes."""

    languages: frozenset[str]
    districts: frozenset[str]


def known_of(library: Library) -> Known:
    """The languages that we ship, drafts as well, and the places that people are asked whether they live in."""
    questions = (question for flow in library.flows.values() for question in flow.asked())
    places = {place.name for question in questions if isinstance(question, Locality) for place in question.places}
    return Known(frozenset(library.languages), frozenset(places))


def faults_in(
    event: Event,
    known: Known,
    now: datetime,
    *,
    was: Event | None = None,
    taken: int = 0,
    first: Event | None = None,
    in_the_room: Iterable[Event] = (),
) -> Iterator[Fault]:
    """Each fault. `was`: what is to be changed; what has stood in it may stay. `taken` places are held by people;
    `first` is the event that `after` names, `in_the_room` what else is held in its room.
    """
    yield from _in_days(event, now, () if was is None else was.days)
    yield from _in_places(event, taken)
    yield from _in_words(event, known)
    yield from _in_venue(event, known)
    yield from in_criteria(event.criteria, known)
    yield from _in_reminders(event)
    yield from _in_after(event, first)
    for other in in_the_room:
        if any(day.overlaps(another) for day in event.days for another in other.days):
            room = event.venue.room or event.venue.name
            sentence = f"event {other.number} is in {room} at that time: choose another room or another time"
            yield Fault(("venue",), sentence)


def _in_days(event: Event, now: datetime, stood: Iterable[object]) -> Iterator[Fault]:
    if not event.days:
        yield Fault(("days",), "an event has a day at least: give a date")
    if len(event.days) > _MOST_DAYS:
        yield Fault(("days",), f"more than {_MOST_DAYS} days: make several events of them")
    for n, day in enumerate(event.days):
        if day.starts_at <= now and day not in stood:
            yield Fault(("days", n), "it begins in the past: give a day and time to come")
    for n, (one, next_one) in enumerate(pairwise(event.days), start=1):
        if next_one.overlaps(one):
            yield Fault(("days", n), "it begins before the day above it is over: change one of the two")
        elif next_one.starts_at < one.starts_at:
            yield Fault(("days", n), "it is before the day above it: put the days in order, the first on top")


def _in_places(event: Event, taken: int) -> Iterator[Fault]:
    if event.kept < 0:
        yield Fault(("places_for_companions",), "less than none: give 0 or more")
    if event.capacity is None:
        return
    if not 1 <= event.capacity <= _MOST_PEOPLE:
        yield Fault(("capacity",), f"give a number of people from 1 to {_MOST_PEOPLE}, or leave it out for no limit")
    elif event.capacity < taken:
        sentence = f"{taken} places are taken: give {taken} or more, or first ask people to give up their place"
        yield Fault(("capacity",), sentence)
    if event.kept > event.capacity:
        sentence = f"more than the capacity of {event.capacity}: keep fewer places, or raise the capacity"
        yield Fault(("places_for_companions",), sentence)


def _in_words(event: Event, known: Known) -> Iterator[Fault]:
    if not event.title:
        yield Fault(("title",), "the title is missing")
    if any("\n" in text for text in event.title.values()):
        yield Fault(("title",), "a title is one line")
    for name in ("title", "about", "welcome", "fee", "reason"):
        yield from in_texts((name,), name, getattr(event, name), known)
    for n, language in enumerate(event.languages):
        if language not in known.languages:
            yield Fault(("languages", n), _no_language(language, known))
        if language in event.languages[:n]:
            yield Fault(("languages", n), f"{language!r} is there twice: take one out")


def in_texts(place: Place, name: str, texts: Texts, known: Known) -> Iterator[Fault]:
    """What is wrong with a text that people read, in any of its languages; `name` says how long it may be."""
    if texts and not texts.get(SOURCE_LANGUAGE):
        yield Fault(place, "it is not there in English: add en")
    for language, text in texts.items():
        where = place if language == SOURCE_LANGUAGE else (*place, language)
        if language not in known.languages:
            yield Fault(where, _no_language(language, known))
        if not text.strip():
            yield Fault(where, "it is empty: write it, or leave it out")
        if (word := gives_away(text)) is not None:
            sentence = f"{word!r} gives away what it is about to whoever sees the phone: say it in other words"
            yield Fault(where, sentence)
        if len(text) > _LONGEST[name]:
            yield Fault(where, f"longer than {_LONGEST[name]} letters: make it shorter")


def _no_language(language: str, known: Known) -> str:
    ours = ", ".join(sorted(known.languages))
    return f"{language!r} is no language of ours{perhaps(language, known.languages)}: give one of {ours}"


def _in_venue(event: Event, known: Known) -> Iterator[Fault]:
    venue = event.venue
    if not venue.name.strip():
        yield Fault(("venue", "name"), "the venue has no name")
    for name in ("name", "room", "address"):
        if len(getattr(venue, name)) > _LONGEST_NAME * (2 if name == "address" else 1):
            yield Fault(("venue", name), "too long for a text message: make it shorter")
    if len(venue.postcode) > 10:
        yield Fault(("venue", "postcode"), "longer than any postcode: give one such as CO1 1AA")
    if venue.cost is not None and venue.cost < 0:
        yield Fault(("venue", "cost"), "less than nothing: give pounds, such as 45.00")
    yield from in_texts(("venue", "way"), "way", venue.way, known)
    if venue.district and venue.district not in known.districts:
        yield Fault(("venue", "district"), _no_district(venue.district, known))


def _no_district(district: str, known: Known) -> str:
    ours = ", ".join(sorted(known.districts))
    return f"{district!r} is no district{perhaps(district, known.districts)}: give one of {ours}"


def in_criteria(criteria: Iterable[Criterion], known: Known) -> Iterator[Fault]:
    """What is wrong with whom something is for."""
    names: set[str] = set()
    for n, criterion in enumerate(criteria):
        if not _NAME.fullmatch(criterion.name) or len(criterion.name) > 40:
            sentence = f"{criterion.name!r} is no name: use small letters, digits and _, beginning with a letter"
            yield Fault(("criteria", n, "name"), sentence)
        if criterion.name in names:
            yield Fault(("criteria", n, "name"), f"another criterion is called {criterion.name!r}: change one of them")
        names.add(criterion.name)
        if not criterion.label:
            yield Fault(("criteria", n, "label"), "it does not say whom this is for: write it")
        yield from in_texts(("criteria", n, "label"), "label", criterion.label, known)
        yield from in_texts(("criteria", n, "why"), "why", criterion.why, known)
        for district in sorted(criterion.districts - known.districts):
            yield Fault(("criteria", n, "districts"), _no_district(district, known))


def _in_reminders(event: Event) -> Iterator[Fault]:
    if len(event.reminders) > _MOST_REMINDERS:
        yield Fault(("reminders",), f"more than {_MOST_REMINDERS}: people would be written to too often")
    for n, before in enumerate(event.reminders):
        if not timedelta(minutes=10) <= before <= _EARLIEST_REMINDER:
            yield Fault(("reminders", n), "give a time between 10 minutes and 8 weeks before")
        if before in event.reminders[:n]:
            yield Fault(("reminders", n), "it is there twice: take one out")


def _in_after(event: Event, first: Event | None) -> Iterator[Fault]:
    if event.after is None:
        return
    if event.after == event.number:
        yield Fault(("after",), "an event cannot come after itself: give the number of the first part")
    elif first is None:
        yield Fault(("after",), f"there is no event {event.after}: give the number of the first part, or leave it out")
    elif first.state is EventState.CALLED_OFF:
        yield Fault(("after",), f"event {event.after} is called off: give another number, or leave it out")
    elif event.days and first.ends_at > event.starts_at:
        yield Fault(("after",), f"event {event.after} is not over when this one begins: change the day, or the number")
