"""When a question applies: conditions on earlier answers, as data with a closed vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

#: An answer as it is kept: a choice's name, a number, a text, an ISO date, or several choices' names.
Answer = str | int | tuple[str, ...]

#: What is kept when somebody would rather not answer. An answer, unlike silence.
PREFER_NOT_TO_SAY = "prefer_not_to_say"


@dataclass(frozen=True, slots=True)
class Is:
    """The question was answered with one of these; with several choices, one of them is among these."""

    question: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """The question was answered with a number from `low` to `high` (None: no bound)."""

    question: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class All:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


Condition = Is | Within | All | Any_ | Not
ALWAYS = All(())


def holds(condition: Condition, answers: Mapping[str, Answer]) -> bool:
    """A condition on a question that was not answered does not hold (so `not` of it does)."""
    match condition:
        case Is(question, values):
            match answers.get(question):
                case tuple(several):
                    return any(one in values for one in several)
                case None:
                    return False
                case answer:
                    return str(answer) in values
        case Within(question, low, high):
            answer = answers.get(question)
            return isinstance(answer, int) and (low is None or low <= answer) and (high is None or answer <= high)
        case All(conditions):
            return all(holds(one, answers) for one in conditions)
        case Any_(conditions):
            return any(holds(one, answers) for one in conditions)
        case Not(one):
            return not holds(one, answers)
        case _:
            assert_never(condition)


def questions_in(condition: Condition) -> Iterator[Is | Within]:
    """Every condition on a single question within this one."""
    match condition:
        case Is() | Within():
            yield condition
        case All(conditions) | Any_(conditions):
            for one in conditions:
                yield from questions_in(one)
        case Not(one):
            yield from questions_in(one)
        case _:
            assert_never(condition)


def parse(data: Any) -> Condition:
    """`{coming: yes}`, `{mood: {at_most: 3}}`, `all:`, `any:` and `not:`; raises ValueError.

    Several questions in one mapping must all hold. A list of values means one of them.
    """
    if isinstance(data, Is | Within | All | Any_ | Not):
        return data
    if not isinstance(data, Mapping) or not data:
        raise ValueError("expected a question and its answer, such as {coming: yes}")
    conditions = tuple(_one(str(key), value) for key, value in data.items())
    return conditions[0] if len(conditions) == 1 else All(conditions)


def _one(key: str, value: Any) -> Condition:
    match key, value:
        case "all" | "any", list():
            several = tuple(parse(one) for one in value)
            return All(several) if key == "all" else Any_(several)
        case "all" | "any", _:
            raise ValueError(f"{key!r} takes a list of conditions")
        case "not", _:
            return Not(parse(value))
        case question, Mapping() if value:
            if unknown := {str(bound) for bound in value} - {"at_least", "at_most"}:
                raise ValueError(f"{min(unknown)!r} is no comparison; use at_least or at_most")
            return Within(question, _bound(value.get("at_least")), _bound(value.get("at_most")))
        case question, list():
            return Is(question, tuple(str(one) for one in value))
        case question, str() | int():
            return Is(question, (str(value),))
    raise ValueError(f"{key!r}: expected an answer, a list of answers, or at_least/at_most")


def _bound(value: Any) -> int | None:
    match value:
        case None | int():
            return value
        case str() if value.strip().removeprefix("-").isdecimal():
            return int(value)
    raise ValueError("at_least and at_most take a number")
