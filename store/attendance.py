"""Who came to an event: the list of those booked, what was noted of them, and what follows for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.code import CodeKind
from domain.event import Event, EventState
from domain.places import BookingStatus
from flows.fold import fold
from store import duties, fires, people
from store import tables as t
from store.changes import Due
from store.event_rows import COLUMNS, as_event
from store.times import from_ms, to_ms
from store.vault import Vault

#: How long after an event its list can be corrected.
OPEN_FOR = timedelta(days=3)
#: When who came is asked how it was, and who did not is asked why: after the event's end.
ASK_WHO_CAME, ASK_WHO_MISSED = timedelta(hours=2), timedelta(days=1)
#: What of somebody's needs matters on the day.
ON_THE_DAY = ("wheelchair", "quiet_space", "one_to_one", "diet", "interpreter", "bsl", "companion")
_FIELDS = ("nickname", "meeting", "reading", "diet", "interpreter_language")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody with a place. `nickname` is empty where we know none; `needs` are some of ON_THE_DAY, and `diet` and
    `interpreter_language` what they said of those. `came` is None until somebody has looked.
    """

    booking_id: int
    contact_id: int
    nickname: str
    companions: int
    needs: tuple[str, ...]
    diet: str
    interpreter_language: str
    came: bool | None
    companions_came: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """Whose list of whom: the event, the person of the team, until when it is open, and how many came unbooked."""

    event: Event
    contact_id: int
    until: datetime
    walk_ins: int


async def new_sheet(
    connection: AsyncConnection, vault: Vault, event: Event, contact_id: int, token: str, now: datetime
) -> datetime:
    """The link with that token is somebody's list of who comes to the event. Returns until when it works."""
    until = event.ends_at + OPEN_FOR
    await people.put_code(
        connection,
        vault,
        vault.code(f"attendance/{token}"),
        CodeKind.ATTENDANCE,
        contact_id,
        {"event": str(event.id)},
        uses=None,
        expires_at=until,
        now=now,
    )
    return until


async def opened_sheet(connection: AsyncConnection, vault: Vault, token: str, now: datetime) -> Sheet | None:
    """The list behind that link; None where it works no more, the event is not held, or they do nothing there."""
    code = await people.code(connection, vault, vault.code(f"attendance/{token}"))
    if code is None or code.kind is not CodeKind.ATTENDANCE or code.expires_at is None or not code.works(to_ms(now)):
        return None
    event_id = int(code.detail["event"])
    e = t.events.c
    row = (await connection.execute(select(*(e[name] for name in COLUMNS), e.walk_ins).where(e.id == event_id))).first()
    if row is None or row.state != EventState.PUBLISHED.value:
        return None
    if not await duties.has(connection, event_id, code.contact_id):
        return None
    return Sheet(as_event(row[:-1]), code.contact_id, from_ms(code.expires_at), row.walk_ins)


async def sheet(connection: AsyncConnection, vault: Vault, event_id: int) -> list[Guest]:
    """Those who have a place, by their names; who has none we know comes last, in the order of asking."""
    b, p = t.bookings.c, t.profile.c
    booked = (b.event_id == event_id) & (b.status == BookingStatus.BOOKED.value)
    facts: dict[int, dict[str, Any]] = {}
    for contact_id, name, sealed in await connection.execute(
        select(p.contact_id, p.field, p.sealed)
        .join(t.bookings, b.contact_id == p.contact_id)
        .where(booked, p.field.in_(_FIELDS))
    ):
        value = orjson.loads(vault.open(sealed, contact_id))[0]
        facts.setdefault(contact_id, {})[name] = value
    rows = await connection.execute(
        select(b.id, b.contact_id, b.companions, b.came, b.companions_came).where(booked).order_by(b.position, b.id)
    )
    guests = [_guest(facts.get(contact_id, {}), id, contact_id, *more) for id, contact_id, *more in rows]
    return sorted(guests, key=lambda guest: (not guest.nickname, fold(guest.nickname)))


def _guest(
    facts: Mapping[str, Any], id: int, contact_id: int, companions: int, came: bool | None, with_them: int
) -> Guest:
    said = {*_several(facts.get("meeting")), *_several(facts.get("reading"))}
    needs = tuple(need for need in ON_THE_DAY if need in said)
    return Guest(
        booking_id=id,
        contact_id=contact_id,
        nickname=str(facts.get("nickname", "")),
        companions=companions,
        needs=needs,
        diet=str(facts.get("diet", "")) if "diet" in needs else "",
        interpreter_language=str(facts.get("interpreter_language", "")) if "interpreter" in needs else "",
        came=None if came is None else bool(came),
        companions_came=with_them,
    )


def _several(value: Any) -> tuple[str, ...]:
    """The choices; nothing for who would rather not say, which is one word."""
    return tuple(value) if isinstance(value, list) else ()


async def record(
    connection: AsyncConnection,
    ids: Callable[[], int],
    event_id: int,
    came: Mapping[int, bool],
    companions: Mapping[int, int],
    walk_ins: int,
    now: datetime,
) -> int:
    """Note who came (by contact), how many of their companions with them, and how many came without a booking.

    Who came is asked how it was, and who did not is asked why: once, by a fire, which a correction replaces as long
    as it has not rung. Whom it does not name stays as they were. The same once more changes nothing. Returns how
    many of those named have a place.
    """
    e, b = t.events.c, t.bookings.c
    held = (await connection.execute(select(e.ends_at).where(e.id == event_id).with_for_update())).first()
    if held is None:
        return 0
    await connection.execute(update(t.events).where(e.id == event_id).values(walk_ins=walk_ins))
    rows = await connection.execute(
        select(b.id, b.contact_id, b.urn_key, b.channel, b.came)
        .where(b.event_id == event_id, b.status == BookingStatus.BOOKED.value, b.contact_id.in_(list(came)))
        .order_by(b.id)
        .with_for_update()
    )
    found = rows.all()
    for row in found:
        there = came[row.contact_id]
        with_them = companions.get(row.contact_id, 0) if there else 0
        await connection.execute(update(t.bookings).where(b.id == row.id).values(came=there, companions_came=with_them))
        if row.came is not None and bool(row.came) == there:
            continue
        if row.came is not None and not await _taken_back(connection, row.id, came=not there):
            continue  # they were asked already
        await _ask(connection, ids, event_id, row, there, from_ms(held.ends_at), now)
    return len(found)


async def _ask(
    connection: AsyncConnection,
    ids: Callable[[], int],
    event_id: int,
    booking: Any,
    came: bool,
    ended_at: datetime,
    now: datetime,
) -> None:
    due_at = max(now, ended_at + (ASK_WHO_CAME if came else ASK_WHO_MISSED))
    flow = "feedback" if came else "missed"
    key, address = _key(booking.id, came=came), (booking.contact_id, booking.urn_key, booking.channel)
    await fires.put(connection, Due(ids(), key, "event", *address, event_id, flow), due_at)


async def _taken_back(connection: AsyncConnection, booking_id: int, *, came: bool) -> bool:
    """Whether there was a fire still that has not rung."""
    gone = await connection.execute(delete(t.fires).where(t.fires.c.key == _key(booking_id, came=came)))
    return gone.rowcount > 0


def _key(booking_id: int, *, came: bool) -> str:
    return f"event/{booking_id}/{'feedback' if came else 'missed'}"
