"""An event as the store keeps it: its row, with the whole of it as one document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from domain.event import Event, EventState, Venue
from flows.fold import fold
from store.times import to_ms

#: What `as_event` reads, in this order.
COLUMNS = ("id", "number", "state", "revision", "capacity", "kept", "taken", "beside", "asked", "document")
#: As long as the column of the room.
_LONGEST_ROOM = 200

_EVENT = TypeAdapter(Event)


def as_event(row: Sequence[Any]) -> Event:
    """The event of a row of COLUMNS. Where a column says what the document says as well, the column is right."""
    id, number, state, revision, capacity, kept, *_, document = row
    return replace(
        _EVENT.validate_json(document),
        id=id,
        number=number,
        state=EventState(state),
        revision=revision,
        capacity=capacity,
        kept=kept,
    )


def as_row(event: Event) -> dict[str, Any]:
    """The columns that say what the event is; those that count who comes are not among them."""
    return {
        "number": event.number,
        "kind": event.kind.value,
        "state": event.state.value,
        "starts_at": to_ms(event.starts_at),
        "ends_at": to_ms(event.ends_at),
        "room": room_of(event.venue),
        "capacity": event.capacity,
        "kept": event.kept,
        "revision": event.revision,
        "document": _EVENT.dump_json(event).decode(),
    }


def room_of(venue: Venue) -> str:
    """What two events cannot be in at once: the room, or the whole venue where no room is named."""
    return f"{fold(venue.name)}/{fold(venue.room)}"[:_LONGEST_ROOM]
