"""The team: who belongs to it, whose turn it is, and what waits for one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import Role
from domain.hours import PreferredHours
from flows.fold import fold
from store import fires
from store import tables as t
from store.changes import Due
from store.circle import Address, channel_of
from store.times import from_ms, to_ms
from store.vault import Vault

_NUMBERED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the team. `turn` is their place on the rota; None: they are not on it. `hours` is when they are
    called; None: at any time.
    """

    address: Address
    name: str
    role: Role
    turn: int | None
    hours: PreferredHours | None = None


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that nobody has closed. `number` is 0 until the team was first called."""

    id: int
    kind: str
    contact_id: int | None
    number: int
    urn_key: int
    channel: str
    taken_by: int | None
    taken_at: datetime | None
    pages: int
    heard_at: datetime | None
    created_at: datetime


def called_at(hours: str) -> PreferredHours | None:
    """When somebody of the team is called, as their row says it; None: at any time."""
    return PreferredHours.parse(hours) if hours else None


def name_of(vault: Vault, contact_id: int, sealed: bytes | None) -> str:
    """What somebody of the team is called, of their row; also of somebody who has none any more."""
    return "somebody who has left the team" if sealed is None else vault.open(sealed, contact_id).decode()


async def members(connection: AsyncConnection, vault: Vault) -> list[Member]:
    """The whole team, those on the rota first, in the order of their turns."""
    s, u, c = t.staff.c, t.urns.c, t.contacts.c
    rows = await connection.execute(
        select(s.contact_id, s.sealed, s.role, s.turn, s.hours, u.key, u.scheme, c.language)
        .join(t.urns, (u.contact_id == s.contact_id) & u.blocked_at.is_(None))
        .join(t.contacts, (c.id == s.contact_id) & c.stopped_at.is_(None))
        .order_by(u.created_at)
    )
    found = {}
    for contact_id, sealed, role, turn, hours, key, scheme, language in rows:
        address = Address(contact_id, key, channel_of(scheme), language)
        found[contact_id] = Member(address, vault.open(sealed, contact_id).decode(), Role(role), turn, called_at(hours))
    return sorted(found.values(), key=lambda m: (m.turn is None, m.turn or 0, m.address.contact_id))


async def called_so(connection: AsyncConnection, vault: Vault, name: str) -> list[int]:
    """The contacts of those of the team who are called that, however it is written."""
    everybody = await members(connection, vault)
    return sorted({one.address.contact_id for one in everybody if fold(one.name) == fold(name)})


def on_duty(team: Sequence[Member], now: datetime, zone: ZoneInfo) -> list[Member]:
    """Those on the rota whose hours it is; if it is nobody's, all on the rota: somebody must be called."""
    rota = [member for member in team if member.turn is not None]
    present = [m for m in rota if m.hours is None or m.hours.suit(now, zone)]
    return present or rota


async def join(
    connection: AsyncConnection,
    vault: Vault,
    contact_id: int,
    name: str,
    role: Role,
    turn: int | None,
    hours: str,
    now: datetime,
) -> None:
    """Somebody is on the team from now on; their contact has the role as well."""
    await connection.execute(delete(t.staff).where(t.staff.c.contact_id == contact_id))
    await connection.execute(
        insert(t.staff).values(
            contact_id=contact_id,
            sealed=vault.seal(name.encode(), contact_id),
            role=role.value,
            turn=turn,
            hours=hours,
            created_at=to_ms(now),
        )
    )
    await add_role(connection, contact_id, role)


async def leave(connection: AsyncConnection, contact_id: int) -> bool:
    """Whether they were on the team."""
    gone = await connection.execute(delete(t.staff).where(t.staff.c.contact_id == contact_id))
    for role in (Role.COORDINATOR, Role.FACILITATOR):
        await drop_role(connection, contact_id, role)
    return gone.rowcount > 0


async def add_role(connection: AsyncConnection, contact_id: int, role: Role) -> None:
    await _set_roles(connection, contact_id, await _roles(connection, contact_id) | {role.value})


async def drop_role(connection: AsyncConnection, contact_id: int, role: Role) -> None:
    await _set_roles(connection, contact_id, await _roles(connection, contact_id) - {role.value})


async def _roles(connection: AsyncConnection, contact_id: int) -> set[str]:
    c = t.contacts.c
    found = (await connection.execute(select(c.roles).where(c.id == contact_id).with_for_update())).scalar()
    return set((found or "").split())


async def _set_roles(connection: AsyncConnection, contact_id: int, roles: set[str]) -> None:
    told = " ".join(sorted(roles))
    await connection.execute(update(t.contacts).where(t.contacts.c.id == contact_id).values(roles=told))


_ALERT = (
    t.alerts.c.id,
    t.alerts.c.kind,
    t.alerts.c.contact_id,
    t.alerts.c.number,
    t.alerts.c.urn_key,
    t.alerts.c.channel,
    t.alerts.c.taken_by,
    t.alerts.c.taken_at,
    t.alerts.c.pages,
    t.alerts.c.heard_at,
    t.alerts.c.created_at,
)


async def alert(connection: AsyncConnection, id: int) -> OpenAlert | None:
    """That alert, locked; None where it is closed."""
    return await _one_alert(connection, t.alerts.c.id == id)


async def alert_numbered(connection: AsyncConnection, number: int) -> OpenAlert | None:
    """The open alert that the team calls by that number, locked."""
    return await _one_alert(connection, t.alerts.c.number == number)


async def _one_alert(connection: AsyncConnection, which: ColumnElement[bool]) -> OpenAlert | None:
    row = (
        await connection.execute(select(*_ALERT).where(which, t.alerts.c.done_at.is_(None)).with_for_update())
    ).first()
    return None if row is None else _open(row)


async def called(connection: AsyncConnection, limit: int = 20) -> list[OpenAlert]:
    """The open alerts to which the team was called, the newest first."""
    return await _open_ones(connection, t.alerts.c.pages > 0, limit)


async def numbered(connection: AsyncConnection, limit: int) -> list[OpenAlert]:
    """The open alerts that have a number (see `number_all`), also where nobody was called; the newest first."""
    return await _open_ones(connection, t.alerts.c.number.is_not(None), limit)


async def _open_ones(connection: AsyncConnection, which: ColumnElement[bool], limit: int) -> list[OpenAlert]:
    a = t.alerts.c
    rows = await connection.execute(
        select(*_ALERT).where(a.done_at.is_(None), which).order_by(a.id.desc()).limit(limit)
    )
    return [_open(row) for row in rows]


def _open(row: Any) -> OpenAlert:
    id, kind, contact_id, number, urn_key, channel, taken_by, taken_at, pages, heard_at, created_at = row
    return OpenAlert(
        id,
        kind,
        contact_id,
        number or 0,
        urn_key,
        channel,
        taken_by,
        None if taken_at is None else from_ms(taken_at),
        pages,
        None if heard_at is None else from_ms(heard_at),
        from_ms(created_at),
    )


async def page(connection: AsyncConnection, found: OpenAlert) -> int:
    """Note that somebody is called for it once more; its number, given at the first call."""
    number = found.number
    if not number:
        highest = (await connection.execute(select(func.max(t.alerts.c.number)))).scalar()
        number = (highest or 0) + 1
    await connection.execute(
        update(t.alerts).where(t.alerts.c.id == found.id).values(number=number, pages=found.pages + 1)
    )
    return number


async def number_all(connection: AsyncConnection) -> None:
    """Give every open alert the number by which the team can take or close it; nobody is called."""
    a = t.alerts.c
    unnumbered = select(a.id).where(a.done_at.is_(None), a.number.is_(None)).order_by(a.id).limit(_NUMBERED_AT_ONCE)
    ids = (await connection.execute(unnumbered.with_for_update())).scalars().all()
    highest = (await connection.execute(select(func.max(a.number)))).scalar() or 0
    for number, id in enumerate(ids, start=highest + 1):
        await connection.execute(update(t.alerts).where(a.id == id).values(number=number))


async def take(connection: AsyncConnection, found: OpenAlert, contact_id: int, now: datetime) -> None:
    await connection.execute(
        update(t.alerts).where(t.alerts.c.id == found.id).values(taken_by=contact_id, taken_at=to_ms(now))
    )


async def close(connection: AsyncConnection, found: OpenAlert, now: datetime) -> None:
    """It is dealt with; whoever wrote about it with the team writes with the bot again."""
    await connection.execute(update(t.alerts).where(t.alerts.c.id == found.id).values(done_at=to_ms(now)))
    await set_handover(connection, None, found.id)


async def set_handover(connection: AsyncConnection, alert_id: int | None, was: int | None, *contacts: int) -> None:
    """Who writes for that alert: these contacts, or none any more of those who did for the alert `was`."""
    c = t.contacts.c
    which = c.id.in_(contacts) if contacts else c.handover_id == was
    await connection.execute(update(t.contacts).where(which).values(handover_id=alert_id))


async def raise_alert(
    connection: AsyncConnection,
    id: int,
    kind: str,
    contact_id: int,
    detail: str,
    urn_key: int,
    channel: str,
    now: datetime,
) -> None:
    """Something about somebody that the team must look at; `urn_key` and `channel` are where they wrote."""
    await connection.execute(
        insert(t.alerts).values(
            id=id,
            kind=kind,
            contact_id=contact_id,
            detail=detail,
            urn_key=urn_key,
            channel=channel,
            created_at=to_ms(now),
        )
    )


async def is_called_for(connection: AsyncConnection, kind: str, contact_id: int) -> bool:
    """Whether an alert of that kind about somebody is open."""
    a = t.alerts.c
    open_one = select(a.id).where(a.kind == kind, a.contact_id == contact_id, a.done_at.is_(None)).limit(1)
    return (await connection.execute(open_one)).first() is not None


async def raise_drill(connection: AsyncConnection, id: int, now: datetime) -> None:
    """An alert that is an exercise: about nobody."""
    await connection.execute(insert(t.alerts).values(id=id, kind="drill", created_at=to_ms(now)))


async def is_coordinator(connection: AsyncConnection, contact_id: int) -> bool:
    """Whether they are on the team, and may change what is planned."""
    role = (await connection.execute(select(t.staff.c.role).where(t.staff.c.contact_id == contact_id))).scalar()
    return role == Role.COORDINATOR.value


async def handover_of(connection: AsyncConnection, contact_id: int) -> int | None:
    """The alert for which somebody writes with a person of the team, or is that person; None: they do not."""
    c = t.contacts.c
    found: int | None = (await connection.execute(select(c.handover_id).where(c.id == contact_id))).scalar()
    return found


async def call_for(
    connection: AsyncConnection, ids: Callable[[], int], kind: str, about: Address, now: datetime
) -> None:
    """Somebody needs a person of the team: an alert, and the call to whose turn it is."""
    alert_id = ids()
    await connection.execute(
        insert(t.alerts).values(
            id=alert_id,
            kind=kind,
            contact_id=about.contact_id,
            urn_key=about.urn_key,
            channel=about.channel,
            created_at=to_ms(now),
        )
    )
    await call(connection, ids(), alert_id, about, now)


async def call(connection: AsyncConnection, page: int, alert_id: int, about: Address | None, now: datetime) -> None:
    """Whose turn it is is called for an alert, by the fire `page`, and then the next until somebody takes it. `about`
    is who needs them; None: nobody does, it is an exercise.
    """
    id, urn_key, channel = (about.contact_id, about.urn_key, about.channel) if about is not None else (0, 0, "")
    due = Due(page, f"page/{alert_id}/{page}", "page", id, urn_key, channel, alert_id, "")
    await fires.put(connection, due, now)


async def give_back(connection: AsyncConnection, ids: Callable[[], int], contact_id: int, now: datetime) -> int:
    """What somebody had taken and not closed waits for another again, and the rota is called: whom they wrote with must
    not go on writing to somebody who has left. Returns how many. What is about themself is nobody's to take.
    """
    a, c = t.alerts.c, t.contacts.c
    theirs = (await connection.execute(select(a.id).where(a.taken_by == contact_id, a.done_at.is_(None)))).scalars()
    given_back = 0
    for id in theirs.all():
        found = await alert(connection, id)
        if found is None or found.contact_id == contact_id:
            continue
        await connection.execute(update(t.alerts).where(a.id == id).values(taken_by=None, taken_at=None))
        await connection.execute(
            update(t.contacts).where(c.id == contact_id, c.handover_id == id).values(handover_id=None)
        )
        await call(connection, ids(), id, Address(found.contact_id or 0, found.urn_key, found.channel, None), now)
        given_back += 1
    return given_back
