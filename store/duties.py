"""Who does what at an event beside attending it, the notes they make of it, and the link of their own calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.code import CodeKind
from domain.event import Event, EventRole
from store import people
from store import tables as t
from store.event_rows import COLUMNS, as_event
from store.times import to_ms
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Duty:
    """What somebody does at an event, at which `taken` places are held. `changed_at` (ms) is when it was published
    or called off.
    """

    event: Event
    roles: tuple[EventRole, ...]
    taken: int
    changed_at: int


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody of the team who has a role at an event."""

    contact_id: int
    name: str
    role: EventRole


async def give(connection: AsyncConnection, event_id: int, contact_id: int, role: EventRole, now: datetime) -> bool:
    """From now on they have that role at the event. False where they have it already."""
    d = t.duties.c
    which = (d.event_id == event_id, d.contact_id == contact_id, d.role == role.value)
    if (await connection.execute(select(d.role).where(*which))).first() is not None:
        return False
    row = {"event_id": event_id, "contact_id": contact_id, "role": role.value, "created_at": to_ms(now)}
    await connection.execute(insert(t.duties).values(row))
    return True


async def take_away(connection: AsyncConnection, event_id: int, contact_id: int, role: EventRole) -> bool:
    """They have that role no more, and what they noted in it is gone. False where they did not have it."""
    d = t.duties.c
    gone = await connection.execute(
        delete(t.duties).where(d.event_id == event_id, d.contact_id == contact_id, d.role == role.value)
    )
    return gone.rowcount > 0


async def of(connection: AsyncConnection, contact_id: int, since: datetime) -> list[Duty]:
    """What somebody of the team does at the events that end after `since`, the first one first; also at drafts, and
    at those called off. Nothing for who is on the team no more.
    """
    d, e, s = t.duties.c, t.events.c, t.staff.c
    rows = await connection.execute(
        select(*(e[name] for name in COLUMNS), d.role, e.created_at, e.published_at, e.called_off_at)
        .join(t.duties, d.event_id == e.id)
        .join(t.staff, s.contact_id == d.contact_id)
        .where(d.contact_id == contact_id, e.ends_at > to_ms(since))
        .order_by(e.starts_at, e.id, d.role)
    )
    found: dict[int, Duty] = {}
    for *row, role, created_at, published_at, called_off_at in rows:
        event = as_event(row)
        before = found[event.id].roles if event.id in found else ()
        changed_at = called_off_at or published_at or created_at
        taken = row[COLUMNS.index("taken")]
        found[event.id] = Duty(event, (*before, EventRole(role)), taken, changed_at)
    return list(found.values())


async def at(connection: AsyncConnection, vault: Vault, event_id: int) -> list[Helper]:
    """Who of the team has a role at the event, in the order in which they were given it."""
    d, s = t.duties.c, t.staff.c
    rows = await connection.execute(
        select(d.contact_id, s.sealed, d.role)
        .join(t.staff, s.contact_id == d.contact_id)
        .where(d.event_id == event_id)
        .order_by(d.created_at, d.contact_id, d.role)
    )
    return [Helper(id, vault.open(sealed, id).decode(), EventRole(role)) for id, sealed, role in rows]


async def has(connection: AsyncConnection, event_id: int, contact_id: int) -> bool:
    """Whether somebody of the team has a role at the event still."""
    d, s = t.duties.c, t.staff.c
    found = select(d.role).join(t.staff, s.contact_id == d.contact_id)
    which = (d.event_id == event_id, d.contact_id == contact_id)
    return (await connection.execute(found.where(*which).limit(1))).first() is not None


async def note(connection: AsyncConnection, vault: Vault, event_id: int, contact_id: int) -> str:
    """What they noted of the event; empty where they noted nothing."""
    d = t.duties.c
    which = (d.event_id == event_id, d.contact_id == contact_id, d.sealed.is_not(None))
    sealed = (await connection.execute(select(d.sealed).where(*which).order_by(d.role).limit(1))).scalar()
    return "" if sealed is None else vault.open(sealed, contact_id).decode()


async def write_note(connection: AsyncConnection, vault: Vault, event_id: int, contact_id: int, text: str) -> None:
    """Their note of the event, in the place of the one before; an empty one takes it back."""
    sealed = vault.seal(text.encode("utf-8", "replace"), contact_id) if text else None
    d = t.duties.c
    await connection.execute(
        update(t.duties).where(d.event_id == event_id, d.contact_id == contact_id).values(sealed=sealed)
    )


async def new_calendar(connection: AsyncConnection, vault: Vault, contact_id: int, token: str, now: datetime) -> None:
    """The link with that token shows what they do from now on; one that they had before shows nothing any more."""
    c = t.codes.c
    await connection.execute(delete(t.codes).where(c.contact_id == contact_id, c.kind == CodeKind.CALENDAR.value))
    key = vault.code(f"calendar/{token}")
    await people.put_code(
        connection, vault, key, CodeKind.CALENDAR, contact_id, {}, uses=None, expires_at=None, now=now
    )


async def calendar_of(connection: AsyncConnection, vault: Vault, token: str, now: datetime) -> int | None:
    """Whose calendar the link with that token shows."""
    code = await people.code(connection, vault, vault.code(f"calendar/{token}"))
    return code.contact_id if code is not None and code.kind is CodeKind.CALENDAR and code.works(to_ms(now)) else None
