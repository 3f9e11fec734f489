"""An item of the newsletter by questions in the terminal: one thing at a time, and each answer is checked at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import typer

from domain.event import Event
from domain.newsletter import Item, ItemKind, month_of
from flows.library import SOURCE_LANGUAGE
from store.event_rules import Fault, Place
from store.newsletter_files import item_of
from store.newsletter_rules import ItemRefused, Press, faults_in
from store.written import Written

_PLACES = {
    "questionnaire": "Which questionnaire, such as opening_hours",
    "feedback_on": "After which event, by its number",
    "came_to": "At which event, by its number",
    "wanted": "What did they want more of, such as research",
}


@dataclass(slots=True)
class Interview:
    """`events` are those that an item may be about, by their numbers."""

    press: Press
    events: Mapping[int, Event]
    now: datetime
    written: Written = field(default_factory=dict)

    def item(self) -> Item:
        """Ask for everything. Raises typer.Abort where the answers end before the questions."""
        typer.echo("Empty answers leave out what need not be given.")
        kind = self._ask(("kind",), f"Kind ({', '.join(one.value for one in ItemKind)})")
        self._ask(("month",), "Month", default=month_of(self.now.astimezone(self.press.zone).date()))
        self._ask_words(SOURCE_LANGUAGE, "in English", kind)
        if kind == ItemKind.EVENT:
            self._ask(("event",), "Number of the event (mime event list)")
        if kind == ItemKind.YOU_SAID:
            self._ask_heard()
        self._ask(("link",), "A link to more, beginning with https://", needed=False)
        self._ask(("public",), "May anybody read it in the archive, yes or no", default="yes")
        self._ask_languages(kind)
        return item_of(self.written)

    def _ask_words(self, language: str, named: str, kind: str) -> None:
        place: Place = ("texts", language)
        self.written.setdefault("texts", {})[language] = {}
        self._ask((*place, "title"), f"Title, {named}")
        if kind == ItemKind.YOU_SAID:
            self._ask((*place, "said"), f"What people told you, in a sentence, {named}")
        told = "What came of it" if kind == ItemKind.YOU_SAID else "What it says"
        self._ask((*place, "text"), f"{told}, in a sentence or two, {named}")
        self._ask((*place, "more"), f"More, where there is room for it, {named}", needed=False)

    def _ask_languages(self, kind: str) -> None:
        while True:
            language = str(typer.prompt("Another language, by its code", default="", show_default=False)).strip()
            if not language:
                return
            if language not in self.press.library.languages or language in self.written["texts"]:
                typer.echo(f"Give one of {', '.join(sorted(self.press.library.languages))} that is not there yet.")
                continue
            self._ask_words(language, f"in {self.press.library.languages[language].english_name}", kind)
            self._ask(("texts", language, "reviewed_by"), "Who, speaking it, has read this", needed=False)

    def _ask_heard(self) -> None:
        """Where people said it; nothing where nobody knows."""
        question = f"Where did they say it ({', '.join(_PLACES)}, time)"
        while True:
            where = str(typer.prompt(question, default="", show_default=False)).strip()
            if not where:
                return
            if where in (*_PLACES, "time"):
                break
            typer.echo("Please give one of these, or nothing.")
        self.written["heard"] = {}
        if where in _PLACES:
            self._ask(("heard", where), _PLACES[where])
        if where == "questionnaire" and self._ask(("heard", "question"), "Which of its questions", needed=False):
            self._ask(("heard", "answers"), "Which answers to it", needed=False)
        if where == "wanted":
            self._ask(("heard", "districts"), "In which districts", needed=False)
        self._ask(("heard", "since"), "Since which day, such as 2026-09-01", needed=where == "time")
        self._ask(("heard", "until"), "Until which day", needed=False)

    def _ask(self, place: Place, question: str, *, needed: bool = True, default: str = "") -> str:
        """The answer, which is kept at that place; asked again until nothing is wrong with it."""
        while True:
            answer = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
            if not answer and not needed:
                return ""
            wrong = "Please answer this one." if not answer else self._put(place, answer)
            if wrong is None:
                return answer
            typer.echo(wrong)

    def _put(self, place: Place, answer: str) -> str | None:
        """Keep it there; what is wrong with it, if anything: then it is not kept."""
        inner: Any = self.written
        for part in place[:-1]:
            inner = inner[part]
        inner[place[-1]] = answer
        for fault in self._faults():
            if fault.place[: len(place)] == place:
                del inner[place[-1]]
                return fault.sentence
        return None

    def _faults(self) -> tuple[Fault, ...]:
        """What is wrong so far, with something harmless where nothing was said yet."""
        month = month_of(self.now.astimezone(self.press.zone).date())
        so_far = {"kind": "news", "month": month, "texts": {}, **self.written}
        texts = so_far["texts"] or {SOURCE_LANGUAGE: {}}
        so_far["texts"] = {tag: {"title": "-", "text": "-", **words} for tag, words in texts.items()}
        try:
            item = item_of(so_far)
        except ItemRefused as error:
            return error.faults
        return tuple(faults_in(item, self.press, self.events, self.now.astimezone(self.press.zone).date()))
