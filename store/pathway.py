"""How people go on from their first event to leading others: their steps, what they can do, and who is ready for more.

The steps are not kept: they follow from who came to what, and who had which duty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.event import Event, EventKind, EventRole, EventState, text_in
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.library import SOURCE_LANGUAGE
from store import people
from store import tables as t
from store.event_rows import COLUMNS, as_event
from store.times import to_ms
from store.vault import Vault


class Step(StrEnum):
    """A step on the way, in the order in which most people take them."""

    FIRST_EVENT = "first event"
    ADVISORY_GROUP = "advisory group"
    TRAINING = "training"
    FACILITATOR = "facilitator"


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that somebody has taken: when, and at which event."""

    step: Step
    at: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class Path:
    """One person, for the team's eyes. `name` is what they want to be called (empty: they did not say). `came` are the
    events they came to and `done` what they did at events (role, event), both the first one first. `skills` and
    `languages` (besides English) are the answers they chose, `other_skills` and `other_languages` their own words for
    more. `written_in` is the language we write to them in. `stopped`: they asked for no more messages.
    """

    contact_id: int
    name: str
    came: tuple[Event, ...]
    done: tuple[tuple[EventRole, Event], ...]
    skills: tuple[str, ...]
    other_skills: str
    languages: tuple[str, ...]
    other_languages: str
    written_in: str
    stopped: bool

    @property
    def steps(self) -> tuple[Taken, ...]:
        """Those taken so far, the first one first."""
        firsts = {
            Step.FIRST_EVENT: next(iter(self.came), None),
            Step.ADVISORY_GROUP: next((one for one in self.came if one.kind is EventKind.ADVISORY_GROUP), None),
            Step.TRAINING: next((one for one in self.came if one.kind is EventKind.TRAINING), None),
            Step.FACILITATOR: next((one for role, one in self.done if role is EventRole.FACILITATOR), None),
        }
        taken = [Taken(step, event.starts_at, event) for step, event in firsts.items() if event is not None]
        return tuple(sorted(taken, key=lambda one: one.at))


@dataclass(frozen=True, slots=True)
class Ready:
    """Somebody who can be asked for a role, and why, in words."""

    path: Path
    why: str


#: Who is ready to be asked for a role, as the team reads it.
RULES: Mapping[EventRole, str] = {
    EventRole.FACILITATOR: "came to 2 events or more, and to training",
    EventRole.NOTE_TAKER: "came to an event, and said that they can take notes",
    EventRole.INTERPRETER: "speaks a language besides English",
    EventRole.SPEAKER: "came to an event, and said that they can speak in public",
}
#: The answer that none of the others fits.
_NOTHING = "nothing"
_FIELDS = ("nickname", "skills", "other_skills", "languages_spoken", "other_languages")


async def paths(connection: AsyncConnection, vault: Vault, now: datetime) -> list[Path]:
    """Everybody who came to an event, had a duty at one, or said what they can do; those furthest on the way first."""
    came = await _came(connection)
    done = await _done(connection, now)
    said = await _said(connection, vault)
    c = t.contacts.c
    found = []
    for id, language, stopped_at in await connection.execute(select(c.id, c.language, c.stopped_at).order_by(c.id)):
        theirs = said.get(id, {})
        found.append(
            Path(
                id,
                str(theirs.get("nickname", "")),
                tuple(came.get(id, ())),
                tuple(done.get(id, ())),
                _chosen(theirs.get("skills", ())),
                str(theirs.get("other_skills", "")),
                _chosen(theirs.get("languages_spoken", ())),
                str(theirs.get("other_languages", "")),
                language or "",
                stopped_at is not None,
            )
        )
    begun = (one for one in found if one.came or one.done or one.skills or one.languages)
    return sorted(begun, key=lambda one: (-len(one.steps), -len(one.came), one.contact_id))


async def ready_for(connection: AsyncConnection, vault: Vault, role: EventRole, now: datetime) -> list[Ready]:
    """Whom the team can ask for that role by its rule in RULES, or because they have had it; those who came most often
    first. Nobody who asked for no more messages.
    """
    found = []
    for path in await paths(connection, vault, now):
        why = None if path.stopped else _why(path, role)
        if why is not None:
            found.append(Ready(path, why))
    return sorted(found, key=lambda one: -len(one.path.came))


def _why(path: Path, role: EventRole) -> str | None:
    """Why somebody is ready for that role; None where they are not, or not yet."""
    fits = _FITS[role](path)
    had = [event for one, event in path.done if one is role]
    before = f"did it at {_title(had[-1])}" if had else ""
    return "; ".join(filter(None, (fits, before))) or None


def _facilitates(path: Path) -> str:
    training = [one for one in path.came if one.kind is EventKind.TRAINING]
    return f"{_times(path)}, and to training: {_title(training[-1])}" if len(path.came) >= 2 and training else ""


def _takes_notes(path: Path) -> str:
    return f"{_times(path)}, and can take notes" if path.came and "take_notes" in path.skills else ""


def _speaks_up(path: Path) -> str:
    return f"{_times(path)}, and can speak in public" if path.came and "speak_in_public" in path.skills else ""


def _interprets(path: Path) -> str:
    chosen = [one.replace("_", " ").title() for one in path.languages if one != "other"]
    own_words = [f'"{path.other_languages}"'] if path.other_languages and "other" in path.languages else []
    if path.languages:
        return f"speaks {', '.join((*chosen, *own_words)) or 'a language that they did not name'}"
    if path.written_in and path.written_in.partition("-")[0] != SOURCE_LANGUAGE:
        return f"reads our messages in {path.written_in}"
    return ""


_FITS: Mapping[EventRole, Callable[[Path], str]] = {
    EventRole.FACILITATOR: _facilitates,
    EventRole.NOTE_TAKER: _takes_notes,
    EventRole.INTERPRETER: _interprets,
    EventRole.SPEAKER: _speaks_up,
}


def _chosen(answer: Answer) -> tuple[str, ...]:
    several = answer if isinstance(answer, tuple) else (str(answer),)
    return tuple(one for one in several if one != _NOTHING)


def _times(path: Path) -> str:
    return "came to 1 event" if len(path.came) == 1 else f"came to {len(path.came)} events"


def _title(event: Event) -> str:
    return text_in(event.title, SOURCE_LANGUAGE)


async def _came(connection: AsyncConnection) -> dict[int, list[Event]]:
    b, e = t.bookings.c, t.events.c
    rows = await connection.execute(
        select(*(e[name] for name in COLUMNS), b.contact_id)
        .select_from(t.bookings)
        .join(t.events, e.id == b.event_id)
        .where(b.came.is_(True), e.state == EventState.PUBLISHED.value)
        .order_by(e.starts_at, e.id)
    )
    found: dict[int, list[Event]] = {}
    for *event, contact_id in rows:
        found.setdefault(contact_id, []).append(as_event(event))
    return found


async def _done(connection: AsyncConnection, now: datetime) -> dict[int, list[tuple[EventRole, Event]]]:
    """Duties at events that were held and are over."""
    d, e = t.duties.c, t.events.c
    rows = await connection.execute(
        select(*(e[name] for name in COLUMNS), d.contact_id, d.role)
        .select_from(t.duties)
        .join(t.events, e.id == d.event_id)
        .where(e.state == EventState.PUBLISHED.value, e.ends_at <= to_ms(now))
        .order_by(e.starts_at, e.id, d.role)
    )
    found: dict[int, list[tuple[EventRole, Event]]] = {}
    for *event, contact_id, role in rows:
        found.setdefault(contact_id, []).append((EventRole(role), as_event(event)))
    return found


async def _said(connection: AsyncConnection, vault: Vault) -> dict[int, dict[str, Answer]]:
    """What people said of themselves, without what they would rather not say."""
    p = t.profile.c
    found: dict[int, dict[str, Answer]] = {}
    rows = await connection.execute(select(p.contact_id, p.field, p.sealed).where(p.field.in_(_FIELDS)))
    for contact_id, field, answer in _opened(rows, vault):
        if answer != PREFER_NOT_TO_SAY:
            found.setdefault(contact_id, {})[field] = answer
    return found


def _opened(rows: Any, vault: Vault) -> Iterator[tuple[int, str, Answer]]:
    for contact_id, field, sealed in rows:
        yield contact_id, field, people.kept_value(vault, contact_id, sealed)
