"""An event by questions in the terminal: one thing at a time, and each answer is checked at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import typer

from domain.event import Access, EventKind, Venue
from flows.dates import read_date
from flows.fold import fold
from flows.words import Lexicon
from store.event_files import Draft, event_of
from store.event_rules import EventRefused, Fault, Known, Place, faults_in
from store.written import Written


@dataclass(slots=True)
class Interview:
    """`zone` is that of the project's clocks, `words` those in which days are said; `venue_named` looks for a venue
    that we know.
    """

    zone: ZoneInfo
    words: Lexicon
    known: Known
    now: datetime
    venue_named: Callable[[str], Venue | None]
    written: Written = field(default_factory=dict)

    def draft(self) -> Draft:
        """Ask for everything. Raises typer.Abort where the answers end before the questions."""
        typer.echo("Empty answers leave out what need not be given.")
        self._ask(("kind",), f"Kind ({', '.join(one.value for one in EventKind)})")
        self._ask(("title",), "Title, in English")
        self._ask_days()
        self._ask_venue()
        self._ask(("capacity",), "How many people at most", needed=False)
        if self.written.get("capacity"):
            self._ask(("places_for_companions",), "How many of these are kept for companions", default="0")
        self._ask_criteria()
        self._ask(("welcome",), "A kind word to those it is for", needed=False)
        self._ask(("about",), "What it is about", needed=False)
        self._ask(("fee",), "What it costs people", default="free")
        self._ask(("food",), "Is there something to eat, yes or no", default="no")
        self._ask(("languages",), "Languages spoken there", default="en")
        self._ask(("after",), "Number of the event that must come first", needed=False)
        self._ask(("reminders",), "Reminders before each day", default="1 week, 1 day, 2 hours")
        return event_of(self.written, self.zone)

    def _ask_days(self) -> None:
        days: list[Written] = self.written.setdefault("days", [])
        while True:
            n = len(days)
            days.append({})
            another = "Another day, if there is one" if n else "Day, such as 8 December or 2026-12-08"
            if not self._ask(("days", n, "date"), another, needed=not n, read=self._day):
                days.pop()
                return
            self._ask(("days", n, "from"), "From, such as 14:00")
            self._ask(("days", n, "to"), "To, such as 16:00")

    def _ask_venue(self) -> None:
        self._ask(("venue",), "Venue, by its name")
        name = self.written["venue"]
        if (venue := self.venue_named(name)) is not None:
            typer.echo(f"We know it: {', '.join(part for part in (venue.name, venue.address, venue.postcode) if part)}")
            return
        self.written["venue"] = {"name": name}
        self._ask(("venue", "room"), "Room", needed=False)
        self._ask(("venue", "address"), "Address", needed=False)
        self._ask(("venue", "postcode"), "Postcode", needed=False)
        self._ask(("venue", "district"), "District, such as colchester", needed=False)
        self._ask(("venue", "way"), "How to get there", needed=False)
        self._ask(("venue", "access"), f"Access ({', '.join(one.value for one in Access)})", needed=False)

    def _ask_criteria(self) -> None:
        criteria: list[Written] = self.written.setdefault("criteria", [])
        while True:
            n = len(criteria)
            criteria.append({"name": f"criterion_{n + 1}"})
            question = "Whom it is for: people who are ..." if not n else "And people who are ..."
            if not self._ask(("criteria", n, "label"), question, needed=False):
                criteria.pop()
                return
            criteria[n]["name"] = _name(criteria[n]["label"], n, [one["name"] for one in criteria[:n]])
            self._ask(("criteria", n, "why"), "Why, for those it does not fit", needed=False)
            self._ask(("criteria", n, "districts"), "Districts that fit without asking", needed=False)

    def _ask(
        self,
        place: Place,
        question: str,
        *,
        needed: bool = True,
        default: str = "",
        read: Callable[[str], str] | None = None,
    ) -> str:
        """The answer, which is kept at that place; asked again until nothing is wrong with it."""
        while True:
            answer = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
            if not answer and not needed:
                return ""
            said = read(answer) if read and answer else answer
            wrong = "Please answer this one." if not answer else self._put(place, said)
            if wrong is None:
                return said
            typer.echo(wrong)

    def _put(self, place: Place, answer: str) -> str | None:
        """Keep it there; what is wrong with it, if anything: then it is not kept."""
        inner: Any = self.written
        for part in place[:-1]:
            inner = inner[part]
        inner[place[-1]] = answer
        for fault in self._faults():
            ours = fault.place[: len(place)] == place or (place[:1] == ("days",) and fault.place == place[:2])
            if ours:
                del inner[place[-1]]
                return fault.sentence
        return None

    def _faults(self) -> tuple[Fault, ...]:
        """What is wrong so far, with something harmless where nothing was said yet."""
        tomorrow = (self.now + timedelta(days=1)).astimezone(self.zone).date().isoformat()
        so_far = {"kind": "visit", "title": "-", "venue": "-", **self.written}
        days = [{"date": tomorrow, **_clocks(day), **day} for day in self.written.get("days", ())]
        so_far["days"] = days or [{"date": tomorrow, **_clocks({})}]
        so_far["criteria"] = [{"label": "-", **one} for one in self.written.get("criteria", ())]
        try:
            event = event_of(so_far, self.zone).event
        except EventRefused as error:
            return error.faults
        # whether there is such an event is looked up when it is added
        return tuple(fault for fault in faults_in(event, self.known, self.now) if fault.place[:1] != ("after",))

    def _day(self, answer: str) -> str:
        today = self.now.astimezone(self.zone).date()
        found = read_date(answer, self.words, today, "future") or read_date(answer, self.words, today)
        return answer if found is None else found.isoformat()


def _clocks(day: Written) -> Written:
    """Harmless times for a day of which the others are not said yet."""
    return {"from": "23:58", "to": "23:59"} if "from" not in day else {"to": "23:59"}


def _name(label: str, n: int, taken: list[str]) -> str:
    """What a criterion is called in the data: its first words."""
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in fold(label)).split()
    name = "_".join(words)[:40].strip("_")
    return name if name[:1].isalpha() and name not in taken else f"criterion_{n + 1}"
