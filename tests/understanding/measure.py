"""How well people are understood: the labelled sets, read and counted. `make understanding` prints the table.

Each set was written by somebody who had not seen the words and lists that it measures; afterwards these were mended
with it, so on messages that nobody has shown us the figures will be lower.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from flows.inputs import Command
from flows.library import Library
from flows.model import Choice, Scale, SelectOne, YesNo
from flows.replies import command, understand
from flows.words import Lexicon
from tests.flows.shipped import TODAY, library

HERE = Path(__file__).parent
LANGUAGES = ("en", "pl", "ro", "ur", "bn")

AGAIN = YesNo(name="again", label="Shall we ask you again in a month?")
MOOD = Scale(name="mood", label="How good has your mood been?", low="very low", high="very good")


@dataclass
class Tally:
    """`wrong` are (what was sent, what was expected, what was understood)."""

    total: int = 0
    wrong: list[tuple[str, Any, Any]] = field(default_factory=list)

    @property
    def right(self) -> float:
        """The share that was understood, from 0 to 1."""
        return 1 - len(self.wrong) / self.total

    def add(self, text: str, expected: Any, found: Any) -> None:
        self.total += 1
        if found != expected:
            self.wrong.append((text, expected, found))


@dataclass
class Measured:
    """One language's figures. A reply that is asked again though a person could have told is wrong as well."""

    language: str
    yes_no: Tally = field(default_factory=Tally)
    number: Tally = field(default_factory=Tally)
    option: Tally = field(default_factory=Tally)
    missed_stop: Tally = field(default_factory=Tally)
    false_stop: Tally = field(default_factory=Tally)
    distress: Tally = field(default_factory=Tally)
    ordinary: Tally = field(default_factory=Tally)

    @property
    def replies(self) -> Tally:
        """Yes and no, numbers and options together."""
        parts = (self.yes_no, self.number, self.option)
        return Tally(sum(p.total for p in parts), [one for p in parts for one in p.wrong])

    @property
    def false_alarms(self) -> float:
        """In a thousand ordinary messages."""
        return 1000 * len(self.ordinary.wrong) / self.ordinary.total


def load(language: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / f"{language}.yaml").read_text("utf-8"))
    return found


@cache
def measured(language: str) -> Measured:
    shipped: Library = library()
    words = shipped.words[language]
    labelled = load(language)
    figures = Measured(language)
    for text, expected in _replies(labelled["yes_no"]):
        figures.yes_no.add(text, expected, _understood(AGAIN, text, words))
    for text, expected in _replies(labelled["number"]):
        figures.number.add(text, expected, _understood(MOOD, text, words))
    for asked in labelled["option"]:
        choices = tuple(Choice(name=f"c{n}", label=label) for n, label in enumerate(asked["labels"], start=1))
        question = SelectOne(name="which", label="Which?", choices=choices)
        for text, expected in _replies(asked["replies"]):
            found = _understood(question, text, words)
            figures.option.add(text, expected, int(found[1:]) if isinstance(found, str) else None)
    for text, expected in _replies(labelled["stop"]):
        stops = command(text, words) is Command.STOP
        (figures.missed_stop if expected else figures.false_stop).add(text, expected, stops)
    for text in labelled["distress"]:
        figures.distress.add(text, True, shipped.distress.hears(text))
    for text in labelled["ordinary"]:
        figures.ordinary.add(text, False, shipped.distress.hears(text))
    return figures


def _replies(rows: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    return ((row["text"], row["means"]) for row in rows)


def _understood(question: YesNo | Scale | SelectOne, text: str, words: Lexicon) -> Any:
    """As the bot takes it: a word that steers and is no answer on offer answers nothing."""
    return understand(question, text, words, TODAY)
