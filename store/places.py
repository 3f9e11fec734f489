"""Places at events whose holder is there no more, or twice: given back exactly, outside of the hot path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.places import HOLDS, LIVE, BookingStatus
from store import fires
from store import tables as t
from store.changes import Due
from store.times import to_ms
from store.vault import Vault

#: The better of two bookings of one person comes first; any other status after these.
_WORTH = {BookingStatus.BOOKED: 0, BookingStatus.OFFERED: 1, BookingStatus.WAITING: 2}
#: What falls due for somebody about an event. `session_id` of such a fire is the event's id.
_ABOUT_EVENTS = ("offer", "lapse", "remind", "event")


async def give_back(
    connection: AsyncConnection, ids: Callable[[], int], contact_id: int, because: str, now: datetime
) -> None:
    """All bookings of a contact, who is locked, go; what they held is free, and offered to whoever waits. `because`
    makes the fire that sees to it one of its own.
    """
    starts = await _hold_events(connection, contact_id)
    b = t.bookings.c
    rows = await connection.execute(select(b.event_id, b.status, b.companions).where(b.contact_id == contact_id))
    for row in rows.mappings().all():
        await _free(connection, ids, row, starts, because, now)
    await connection.execute(delete(t.bookings).where(b.contact_id == contact_id))


async def join(
    connection: AsyncConnection,
    vault: Vault,
    ids: Callable[[], int],
    other: int,
    into: int,
    because: str,
    now: datetime,
) -> None:
    """All bookings of two contacts, who are locked, are those of `into`. Of two for one event the better one stays, or
    the one that was asked for first; what the other held is given back.
    """
    starts = await _hold_events(connection, other, into)
    b = t.bookings.c
    rows = await connection.execute(select(t.bookings).where(b.contact_id.in_((other, into))).order_by(b.event_id))
    for _, several in groupby(rows.mappings().all(), key=lambda row: row["event_id"]):
        best, *lesser = sorted(several, key=lambda row: (_WORTH.get(row["status"], len(_WORTH)), row["position"]))
        values: dict[str, Any] = {}
        for row in lesser:
            await _free(connection, ids, row, starts, because, now)
            await _drop(connection, row)
            if row["came"] and not best["came"]:
                values |= {"came": True, "companions_came": row["companions_came"]}
        if best["contact_id"] == other:
            sealed = best["sealed"]
            anew = None if sealed is None else vault.seal(vault.open(sealed, other), into)
            values |= {"contact_id": into, "sealed": anew}
        if values:
            await connection.execute(update(t.bookings).where(b.id == best["id"]).values(values))


async def to_come(connection: AsyncConnection, contact_id: int, now: datetime, *, at: int | None = None) -> list[int]:
    """The numbers of the events to come at which somebody has a place or waits for one, the next first; with `at`,
    of those about which they are written to at that address (its key).
    """
    b, e = t.bookings.c, t.events.c
    wanted = (
        select(e.number)
        .join(t.bookings, b.event_id == e.id)
        .where(b.contact_id == contact_id, b.status.in_(LIVE), e.state == "published", e.starts_at > to_ms(now))
        .order_by(e.starts_at, e.number)
    )
    found = await connection.execute(wanted if at is None else wanted.where(b.urn_key == at))
    return [int(number) for number in found.scalars()]


async def _hold_events(connection: AsyncConnection, *contact_ids: int) -> Mapping[int, int]:
    """When those events begin (ms) at which these people have or had anything, locked as the dispatcher locks them:
    people first, then events in the order of their ids. Until the transaction ends nobody is offered a place there.
    """
    e, b = t.events.c, t.bookings.c
    theirs = select(b.event_id).where(b.contact_id.in_(contact_ids))
    found = await connection.execute(select(e.id, e.starts_at).where(e.id.in_(theirs)).order_by(e.id).with_for_update())
    return {id: starts_at for id, starts_at in found}


async def _free(
    connection: AsyncConnection,
    ids: Callable[[], int],
    booking: Mapping[Any, Any],
    starts: Mapping[int, int],
    because: str,
    now: datetime,
) -> None:
    """Count what the booking held as free, if it held anything; where the event is still to come, whoever is next is
    offered it at once.
    """
    event_id, companions = booking["event_id"], booking["companions"]
    if booking["status"] not in HOLDS:
        return
    e = t.events.c
    await connection.execute(
        update(t.events).where(e.id == event_id).values(taken=e.taken - 1 - companions, beside=e.beside - companions)
    )
    if starts.get(event_id, 0) > to_ms(now):
        key = f"places/{event_id}/{because}"
        await fires.put(connection, Due(ids(), key, "places", 0, 0, "", event_id, None), now)


async def _drop(connection: AsyncConnection, booking: Mapping[Any, Any]) -> None:
    """The booking goes, and what it had put into the diary."""
    f = t.fires.c
    await connection.execute(delete(t.bookings).where(t.bookings.c.id == booking["id"]))
    await connection.execute(
        delete(t.fires).where(
            f.contact_id == booking["contact_id"],
            f.session_id == booking["event_id"],
            f.kind.in_(_ABOUT_EVENTS),
        )
    )
