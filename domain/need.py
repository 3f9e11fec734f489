"""What somebody needs at an event that a person of the team must see to, and by when. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from domain.event import Access, Event, Venue


class Need(StrEnum):
    """The needs that somebody must see to. Their names are those of the answers that people give."""

    INTERPRETER = "interpreter"
    BSL = "bsl"
    LARGE_PRINT = "large_print"
    DIET = "diet"
    TRANSPORT = "transport"
    QUIET_SPACE = "quiet_space"
    WHEELCHAIR = "wheelchair"
    COMPANION = "companion"
    ONE_TO_ONE = "one_to_one"


#: What a venue has, and the need that is met by it: then nobody has to do anything.
_MET_BY = {Need.QUIET_SPACE: Access.QUIET_ROOM, Need.WHEELCHAIR: Access.STEP_FREE}
#: How long before an event its tasks are due: so long, or for who comes late to it, at latest the day before.
_DUE, _AT_LATEST = timedelta(days=3), timedelta(days=1)


def needs_at(event: Event, said: Collection[str]) -> tuple[Need, ...]:
    """What of the answers that somebody gave about their needs must be seen to at that event."""
    return tuple(need for need in Need if need in said and (need is not Need.DIET or event.food))


def meets(venue: Venue, need: Need) -> bool:
    """Whether the venue itself is all that the need asks for."""
    return _MET_BY.get(need) in venue.access


def due_at(event: Event, made_at: datetime) -> datetime:
    """When a task made at that time is due: three days before the event, at latest the day before, and never before
    it was made.
    """
    for before in (_DUE, _AT_LATEST):
        if (due := event.starts_at - before) >= made_at:
            return due
    return made_at
