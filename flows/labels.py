"""What an answer's code means, in the words of the question it was given to."""

from __future__ import annotations

from typing import assert_never

from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.model import Date, Flow, Hours, Integer, Locality, Scale, SelectMultiple, SelectOne, Text, YesNo


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
