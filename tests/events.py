"""Events in the store of a test, as a coordinator would have made them, and what their rows say."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert, select

from domain.event import Day, Event, EventKind, EventState, Venue
from store import tables as t
from store.database import Database
from store.event_rows import as_row
from store.times import to_ms


def an_event(
    id: int,
    starts_at: datetime,
    *,
    capacity: int | None = None,
    kept: int = 0,
    title: str = "Coffee morning",
    state: EventState = EventState.PUBLISHED,
) -> Event:
    """Two hours long; its number is its id."""
    return Event(
        id=id,
        number=id,
        kind=EventKind.CONSULTATION,
        title={"en": title},
        venue=Venue(name="Town Library", address="1 High Street"),
        days=(Day(starts_at, starts_at + timedelta(hours=2)),),
        capacity=capacity,
        kept=kept,
        state=state,
    )


async def put_event(database: Database, event: Event, now: datetime) -> None:
    """With all its places free."""
    async with database.begin() as connection:
        await connection.execute(insert(t.events).values(id=event.id, created_at=to_ms(now), **as_row(event)))


async def counted(database: Database, event_id: int) -> tuple[int, int, int]:
    """How many places are taken, how many of them by companions, and how many have asked; by the event's row, which is
    held against the bookings.
    """
    e, b = t.events.c, t.bookings.c
    async with database.read() as connection:
        rows = await connection.execute(select(e.taken, e.beside, e.asked).where(e.id == event_id))
        taken, beside, asked = rows.one()
        holding = select(b.companions).where(b.event_id == event_id, b.status.in_(("booked", "offered")))
        companions = (await connection.execute(holding)).scalars().all()
    assert (taken, beside) == (len(companions) + sum(companions), sum(companions))
    return taken, beside, asked
