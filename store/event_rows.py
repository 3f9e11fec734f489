"""An event as it is stored: the whole value as JSON, with the columns that find and count beside it."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from domain.event import Event, EventState

_EVENT = TypeAdapter(Event)


def document_of(event: Event) -> str:
    return _EVENT.dump_json(event).decode()


def event_of(document: str, state: str, revision: int) -> Event:
    """The event, in the state that its columns tell. Raises ValueError for what `document_of` did not write."""
    return replace(_EVENT.validate_json(document), state=EventState(state), revision=revision)
