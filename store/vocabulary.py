"""What our languages, places, groups and wishes are called: the names that a list or a segment may say."""

from __future__ import annotations

from datetime import date

from domain.member import Choices, Vocabulary
from domain.segment import Names
from flows.library import Library
from flows.model import Locality, SelectMultiple, SelectOne
from flows.replies import ELSEWHERE


def vocabulary(flows: Library, today: date) -> Vocabulary:
    """What may stand in a list's columns, as our languages and questions have it."""
    districts: dict[str, tuple[str, ...]] = {}
    sources: dict[str, tuple[str, ...]] = {}
    for question in (question for flow in flows.flows.values() for question in flow.asked()):
        match question:
            case Locality(kept="district", places=places):
                districts |= {place.name: (place.label,) for place in places if place.stands(today)}
            case SelectOne(kept="heard_from", choices=choices):
                sources |= {choice.name: (choice.label,) for choice in choices}
    districts[ELSEWHERE] = ("Elsewhere",)
    languages = {
        tag: (language.english_name, language.name, *language.names) for tag, language in flows.languages.items()
    }
    return Vocabulary(Choices(languages), Choices(districts), Choices(sources))


def names_of(flows: Library, today: date) -> Names:
    """What may stand in a segment, as our languages and questions have it."""
    words = vocabulary(flows, today)
    groups: dict[str, tuple[str, ...]] = {}
    wanted: dict[str, tuple[str, ...]] = {}
    for question in (question for flow in flows.flows.values() for question in flow.asked()):
        match question:
            case SelectMultiple(kept="groups", choices=choices):
                groups |= {choice.name: (choice.label,) for choice in choices}
            case SelectOne(name="wanted", choices=choices):
                wanted |= {choice.name: (choice.label,) for choice in choices}
            case _:
                pass
    return Names(words.languages, words.districts, Choices(groups), Choices(wanted))
