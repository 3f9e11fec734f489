"""What a schema cannot say about a flow: names that must meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from string import Formatter

from domain.contact import Purpose
from flows.conditions import PREFER_NOT_TO_SAY, Condition, Is, Within, questions_in
from flows.model import Act, Choice, Flow, Group, Integer, Note, Question, Scale, SelectMultiple, SelectOne, YesNo

Place = tuple[str | int, ...]
#: What a score is to a condition: a number from 0 to 100.
_SCORE = Integer(name="score", label="", maximum=100)

#: The blanks that the project fills; a flow made by a function may add its own.
PROJECT_BLANKS = frozenset(
    {"phone", "emergency", "health_line", "health_option", "listeners", "text_word", "text_number"}
)


#: What a flow about events is filled with, when it is asked.
EVENT_BLANKS = frozenset(
    {"title", "when", "place", "way", "about", "welcome", "criteria", "fee", "until", "reason", "there"}
)


def problems(flow: Flow) -> Iterator[tuple[Place, str]]:
    """Each fault of the flow with its place in the file."""
    known = {n: SelectOne(name=n, label="", choices=_choices(values)) for n, values in flow.facts.items()}
    earlier: dict[str, Question] = {**known}
    names: set[str] = set(known)
    blanks = PROJECT_BLANKS | EVENT_BLANKS if flow.about_events else PROJECT_BLANKS
    for place, item, conditions in _items(flow):
        if item.name in names:
            yield (*place, "name"), f"another question is called {item.name!r}; names are columns of the data"
        names.add(item.name)
        for where, condition in conditions:
            yield from ((where, fault) for fault in _in_condition(condition, earlier))
        if isinstance(item, Act):
            continue
        yield from _in_texts(place, item, blanks)
        if not isinstance(item, Note):
            yield from _in_question(place, item, first=not earlier.keys() - known.keys())
            earlier[item.name] = item
    if flow.score is not None:
        for name in (*flow.score.questions, *flow.score.reverse):
            if not isinstance(earlier.get(name), Scale):
                yield ("score",), f"{name!r} is no scale question of this flow{perhaps(name, earlier)}"
        if unknown := set(flow.score.reverse) - set(flow.score.questions):
            yield ("score", "reverse"), f"{sorted(unknown)[0]!r} is not among the score's questions"
        if flow.score.at_least > len(flow.score.questions):
            yield ("score", "at_least"), "more answers are wanted than there are questions in the score"
        if flow.score.name in earlier:
            yield ("score", "name"), f"{flow.score.name!r} is also a question; names are columns of the data"
    if flow.one_a_day is not None:
        for fault in _in_condition(flow.one_a_day, earlier):
            yield ("one_a_day",), fault
    scored = {} if flow.score is None else {flow.score.name: _SCORE}
    for n, watch in enumerate(flow.watch):
        for fault in _in_condition(watch.when, {**earlier, **scored}):
            yield ("watch", n, "when"), fault
    if flow.repeats is not None:
        for fault in _in_condition(flow.repeats.when, earlier):
            yield ("repeats", "when"), fault


def perhaps(word: str, words: Iterable[str]) -> str:
    """ "; did you mean 'yes'?" where one of the words is near."""
    close = get_close_matches(word, list(words), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _items(flow: Flow) -> Iterator[tuple[Place, Question | Note | Act, list[tuple[Place, Condition]]]]:
    for n, item in enumerate(flow.questions):
        here: Place = ("questions", n)
        if isinstance(item, Group):
            for m, inner in enumerate(item.questions):
                place = (*here, "questions", m)
                yield place, inner, [((*here, "when"), item.when), ((*place, "when"), inner.when)]
        else:
            yield here, item, [((*here, "when"), item.when)]


def _in_condition(condition: Condition, earlier: dict[str, Question]) -> Iterator[str]:
    for one in questions_in(condition):
        question = earlier.get(one.question)
        if question is None:
            yield f"{one.question!r} is no earlier question{perhaps(one.question, earlier)}"
            continue
        match one, question:
            case Within(), Scale() | Integer():
                pass
            case Within(), _:
                yield f"{one.question!r} is not answered with a number"
            case Is(values=values), YesNo() | SelectOne() | SelectMultiple():
                known = {"yes", "no"} if isinstance(question, YesNo) else {c.name for c in question.choices}
                for value in values:
                    if value not in known | {PREFER_NOT_TO_SAY}:
                        yield f"{value!r} is no answer to {one.question!r}{perhaps(value, known)}"
            case Is(values=values), Scale() | Integer():
                for value in values:
                    if not value.isdigit() and value != PREFER_NOT_TO_SAY:
                        yield f"{value!r} is no number, and {one.question!r} is answered with one"
            case _:
                pass


def _choices(names: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(name=name, label=name) for name in names)


def _in_question(place: Place, question: Question, *, first: bool) -> Iterator[tuple[Place, str]]:
    match question:
        case SelectOne(offered=None, choices=choices) if len(choices) < 2:
            yield (*place, "choices"), "at least two answers are needed to choose from"
        case SelectOne(choices=choices) | SelectMultiple(choices=choices):
            for attribute in ("name", "label"):
                seen: set[str] = set()
                for n, choice in enumerate(choices):
                    value = getattr(choice, attribute)
                    if value in seen:
                        yield (*place, "choices", n), f"two answers have the {attribute} {value!r}"
                    seen.add(value)
        case Scale(minimum=low, maximum=high) | Integer(minimum=low, maximum=high) if low >= high:
            yield (*place, "maximum"), f"the maximum {high} is not above the minimum {low}"
        case Scale(minimum=low, maximum=high) if low < 0 or high - low > 10:
            yield (*place, "maximum"), "a scale has at most 11 points and none below 0"
        case YesNo(consent=purpose) if purpose is not None:
            if not question.required:
                yield place, "a consent cannot be skipped; say `required: true`"
            if not first and purpose is Purpose.QUESTIONNAIRES:
                yield place, "the consent to questions is the first question of its flow"
        case _:
            pass


def _in_texts(place: Place, item: Question | Note, filled: frozenset[str]) -> Iterator[tuple[Place, str]]:
    for where, text in _texts(place, item):
        try:
            blanks = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        except ValueError as error:
            yield where, f"a blank is not closed: {error}"
            continue
        for blank in sorted(blanks - filled):
            yield where, f"nothing fills the blank {{{blank}}}{perhaps(blank, filled)}"


def _texts(place: Place, item: Question | Note) -> Iterator[tuple[Place, str]]:
    """Every text of the item that people see, with its place."""
    yield (*place, "label"), item.label
    match item:
        case Scale(low=low, high=high):
            yield (*place, "low"), low
            yield (*place, "high"), high
        case SelectOne(choices=choices) | SelectMultiple(choices=choices):
            yield from (((*place, "choices", n, "label"), choice.label) for n, choice in enumerate(choices))
        case _:
            pass
