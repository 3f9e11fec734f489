"""What is wrong with an opportunity before it is kept, in sentences that say what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from domain.opportunity import Opportunity
from flows.fold import fold
from flows.library import SOURCE_LANGUAGE
from store.event_rules import Fault, Known, Refused, in_criteria, in_texts


class OpportunityRefused(Refused):
    """An opportunity cannot be kept so."""


def opportunity_faults(one: Opportunity, known: Known, now: datetime) -> Iterator[Fault]:
    """Each fault, by the fields that an opportunity has for who writes it."""
    if not fold(one.title.get(SOURCE_LANGUAGE, "")):
        yield Fault(("title",), "it has no letter in it: write what it is, in a few words")
    if any("\n" in text for text in one.title.values()):
        yield Fault(("title",), "a title is one line")
    for name in ("title", "about", "payment", "explanation"):
        yield from in_texts((name,), name, getattr(one, name), known)
    yield from in_criteria(one.criteria, known)
    if one.closes_at <= now:
        yield Fault(("closes",), "it has passed: give the last day on which people may ask")
