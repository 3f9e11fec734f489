"""Events put into a flow: its blanks filled, and what is open or who it is for among the answers on offer. Pure.

The texts around them stand in `definitions/`, where translators see them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import Locale

from domain.event import Access, Event, Venue, text_in
from domain.opportunity import Opportunity
from flows.conditions import Answer, holds
from flows.localized import LocalFlow
from flows.model import Act, Choice, Group, Note, Question, SelectOne
from flows.phrases import Phrases
from flows.render import cldr, form, span
from flows.texts import with_blanks

_CHOICE = "event_"


def with_events(
    flow: LocalFlow,
    about: Sequence[Event | Opportunity],
    facts: Mapping[str, Answer],
    zone: ZoneInfo,
    *,
    until: datetime | None = None,
) -> LocalFlow:
    """The flow as it is asked about these events or opportunities, where these facts are known. What it says of one
    is of the first. `until` is how long an offer holds.
    """
    language = flow.language
    blanks: dict[str, str] = dict.fromkeys(
        ("title", "when", "place", "way", "about", "welcome", "criteria", "fee", "reason", "until", "there"), ""
    )
    offered: dict[str, tuple[Choice, ...]] = {"events": (), "criteria": ()}
    if about:
        blanks |= blanks_of(about[0], language, zone)
        if isinstance(about[0], Event):
            blanks["there"] = there(about[0], language, flow.phrases)
        offered["events"] = tuple(
            Choice(name=f"{_CHOICE}{one.id}", label=named(one, language, zone), keywords=_keywords(one, language))
            for one in about
        )
        offered["criteria"] = tuple(
            Choice(name=one.name, label=text_in(one.label, language)) for one in about[0].criteria
        )
    if until is not None:
        blanks["until"] = form(until.astimezone(zone), language)

    def filled(item: Question | Note | Act) -> Question | Note | Act:
        if isinstance(item, Act):
            return item
        told = replace(item, label=with_blanks(item.label, blanks))
        if isinstance(told, SelectOne) and told.offered is not None:
            own = (choice for choice in told.choices if holds(choice.when, facts))
            return replace(told, choices=(*offered[told.offered], *own))
        return told

    questions = tuple(
        replace(one, questions=tuple(map(filled, one.questions))) if isinstance(one, Group) else filled(one)
        for one in flow.questions
    )
    return replace(flow, questions=questions)


def chosen(answer: object) -> int | None:
    """The event that an answer names; None where it names none."""
    text = str(answer)
    return int(text.removeprefix(_CHOICE)) if text.startswith(_CHOICE) else None


def blanks_of(event: Event | Opportunity, language: str, zone: ZoneInfo) -> dict[str, str]:
    """What can be said of an event, or of an opportunity, in that language."""
    criteria = "\n".join(f"- {text_in(one.label, language)}" for one in event.criteria)
    if isinstance(event, Opportunity):
        return {
            "title": text_in(event.title, language),
            "about": text_in(event.about, language),
            "criteria": criteria,
            "fee": text_in(event.payment, language),
            "reason": text_in(event.explanation, language),
            "until": form(event.closes_at.astimezone(zone), language),
        }
    return {
        "title": text_in(event.title, language),
        "when": when(event, language, zone),
        "place": place(event.venue),
        "way": text_in(event.venue.way, language),
        "about": text_in(event.about, language),
        "welcome": text_in(event.welcome, language),
        "criteria": criteria,
        "fee": text_in(event.fee, language),
        "reason": text_in(event.reason, language),
    }


def when(event: Event, language: str, zone: ZoneInfo) -> str:
    """All its days: "Tuesday 8 December, 2pm-4pm", a line each."""
    return "\n".join(span(d.starts_at.astimezone(zone), d.ends_at.astimezone(zone), language) for d in event.days)


def place(venue: Venue) -> str:
    """ "Town Library, Room 2, 1 High Street, CO1 1AA"."""
    return ", ".join(filter(None, (venue.name, venue.room, venue.address, venue.postcode)))


def there(event: Event, language: str, phrases: Phrases) -> str:
    """What somebody who needs it wants to know before they come, a line each: what the place has for them, the
    languages spoken, and whether there is something to eat.
    """
    facts = ", ".join(str(getattr(phrases, f"access_{one.value}")) for one in Access if one in event.venue.access)
    spoken = list(dict.fromkeys(tag.partition("-")[0] for tag in event.languages))
    names = Locale.parse(cldr(language)).languages
    lines = (
        facts and phrases.event_access.replace("{facts}", facts),
        # to readers of the one language that is spoken it would say nothing
        phrases.event_spoken.replace("{languages}", ", ".join(names.get(tag, tag) for tag in spoken))
        if spoken and spoken != [language.partition("-")[0]]
        else "",
        phrases.event_food if event.food else "",
    )
    return "\n".join(filter(None, lines))


def named(event: Event | Opportunity, language: str, zone: ZoneInfo) -> str:
    """The event in one line of a list."""
    if isinstance(event, Opportunity):
        return text_in(event.title, language)
    start = form(event.starts_at.astimezone(zone), language)
    return ", ".join(filter(None, (text_in(event.title, language), start, event.venue.name)))


def _keywords(event: Event | Opportunity, language: str) -> tuple[str, ...]:
    """What people may type for it instead of its number in the list."""
    return (text_in(event.title, language),)


def nearest_first(events: Iterable[Event], district: str | None) -> list[Event]:
    """Those in somebody's own district first; each by date."""
    return sorted(
        events, key=lambda one: (not one.venue.district or one.venue.district != district, one.starts_at, one.number)
    )
