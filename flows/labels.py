"""What an answer's code means, in the words of the question it was given to."""

from __future__ import annotations

from typing import assert_never

from domain.hours import PreferredHours
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.library import Library
from flows.model import Date, Flow, Hours, Integer, Locality, Scale, SelectMultiple, SelectOne, Text, YesNo
from flows.render import form


def label(flow: Flow, name: str, answer: Answer) -> str:
    """The label for the evaluation data, in the flow's source language; a score is its own label."""
    if answer == PREFER_NOT_TO_SAY:
        return "Prefer not to say"
    match flow.question(name):
        case SelectOne(choices=choices) | SelectMultiple(choices=choices):
            named = {choice.name: choice.label for choice in choices}
            several = answer if isinstance(answer, tuple) else (str(answer),)
            return "; ".join(named.get(one, one) for one in several)
        case YesNo():
            return {"yes": "Yes", "no": "No"}.get(str(answer), str(answer))
        case Locality(places=places):
            return {place.name: place.label for place in places}.get(str(answer), "Elsewhere")
        case Scale() | Integer() | Text() | Date() | Hours() | None:
            return str(answer)
        case question:
            assert_never(question)


def told_as(library: Library, language: str, field: str, value: Answer) -> str:
    """Something that is kept with a person, in words of their language; as it was said, where no question of ours
    asks for it.
    """
    for flow in library.flows.values():
        for question in flow.asked():
            local = library.flow(flow.id, language) if question.kept == field else None
            if local is None:
                continue
            phrases = local.phrases
            match local.question(question.name):
                case YesNo(label=asked_for):
                    return f"{asked_for} {phrases.yes if value == 'yes' else phrases.no}"
                case SelectOne(choices=choices) | SelectMultiple(choices=choices):
                    named = {choice.name: choice.label for choice in choices}
                    several = value if isinstance(value, tuple) else (str(value),)
                    if named.keys() >= set(several):  # several questions may keep under one name
                        return ", ".join(named[one] for one in several)
                case Locality(places=places):
                    return {p.name: p.label for p in places}.get(str(value), phrases.somewhere_else)
                case Hours():
                    return form(PreferredHours.parse(str(value)), language)
                case _:
                    return str(value)
    return str(value)
