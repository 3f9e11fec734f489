"""What a coordinator must look at, and marking it done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import fires, people, team
from store import tables as t
from store.changes import Due
from store.circle import Address
from store.database import Database
from store.team import OpenAlert
from store.times import from_ms, to_ms
from store.vault import Vault

#: The team's numbers are small (a column of 32 bits), and ids never are.
_LARGEST_NUMBER = (1 << 31) - 1
#: Somebody who is not on the team has sent a word of the team's.
STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Alert:
    """`addresses` are the contact's, opened: for the eyes of the team only. `number` is what the team calls it, 0
    where the team was not called. `taken_by` is who sees to it since `taken_at`; empty: nobody yet.
    """

    id: int
    kind: str
    detail: str
    created_at: datetime
    addresses: tuple[str, ...]
    number: int = 0
    taken_by: str = ""
    taken_at: datetime | None = None


class Marked(StrEnum):
    """What came of marking an alert as dealt with. `told`: somebody of the team writes about it with the person just
    now; the running program tells both that it is over, and closes it.
    """

    UNKNOWN = "unknown"
    DONE = "done"
    TOLD = "told"


async def open_alerts(database: Database, vault: Vault, limit: int = 200) -> list[Alert]:
    """The oldest first."""
    a, s = t.alerts.c, t.staff.c
    async with database.read() as connection:
        rows = (
            await connection.execute(
                select(
                    a.id,
                    a.kind,
                    a.detail,
                    a.created_at,
                    a.contact_id,
                    a.urn_key,
                    a.number,
                    a.taken_by,
                    a.taken_at,
                    s.sealed,
                )
                .join(t.staff, s.contact_id == a.taken_by, isouter=True)
                .where(a.done_at.is_(None))
                .order_by(a.id)
                .limit(limit)
            )
        ).all()
        whose = {row.contact_id for row in rows if row.contact_id is not None}
        urns = await connection.execute(
            select(t.urns.c.contact_id, t.urns.c.sealed).where(t.urns.c.contact_id.in_(whose))
        )
        addresses: dict[int, list[str]] = {}
        for contact_id, sealed in urns:
            addresses.setdefault(contact_id, []).append(vault.open(sealed, contact_id).decode())
        for row in rows:  # a number that is another's now still tells the team whom to ask for a new one
            if row.contact_id is not None and row.contact_id not in addresses and row.urn_key:
                was = await people.urn_of(connection, vault, row.contact_id, row.urn_key)
                addresses[row.contact_id] = [was] if was else []
    return [
        Alert(
            row.id,
            row.kind,
            row.detail,
            from_ms(row.created_at),
            tuple(addresses.get(row.contact_id, ())),
            row.number or 0,
            "" if row.taken_by is None else team.name_of(vault, row.taken_by, row.sealed),
            None if row.taken_at is None else from_ms(row.taken_at),
        )
        for row in rows
    ]


async def note_stranger(
    connection: AsyncConnection, ids: Callable[[], int], contact_id: int, zone: ZoneInfo, now: datetime
) -> bool:
    """Somebody who is not on the team has sent a word of the team's. Noted once a day of theirs, as an alert that is
    closed: it is counted, and calls nobody. False where it was noted today.
    """
    a, today = t.alerts.c, _midnight(zone, now)
    await people.hold(connection, contact_id)
    noted = select(a.id).where(a.kind == STRANGER, a.contact_id == contact_id, a.created_at >= today).limit(1)
    if (await connection.execute(noted)).first() is not None:
        return False
    row = {"id": ids(), "kind": STRANGER, "contact_id": contact_id, "created_at": to_ms(now), "done_at": to_ms(now)}
    await connection.execute(insert(t.alerts).values(row))
    return True


async def strangers(connection: AsyncConnection, since: datetime) -> int:
    """How many people who are not on the team have sent a word of the team's since then."""
    a = t.alerts.c
    counted = select(func.count(a.contact_id.distinct())).where(a.kind == STRANGER, a.created_at >= to_ms(since))
    return int((await connection.execute(counted)).scalar_one())


def _midnight(zone: ZoneInfo, now: datetime) -> int:
    return to_ms(now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0))


async def mark_done(database: Database, ids: Callable[[], int], number: int, now: datetime) -> Marked:
    """`number` is what the team calls it, or its id."""
    async with database.begin() as connection:
        found = await team.alert_numbered(connection, number) if number <= _LARGEST_NUMBER else None
        found = found or await team.alert(connection, number)
        if found is None:
            return Marked.UNKNOWN
        if (staff := await _writes_about(connection, found)) is None:
            await team.close(connection, found, now)
            return Marked.DONE
        fire = ids()
        due = Due(fire, f"done/{found.id}/{fire}", "done", staff.contact_id, staff.urn_key, staff.channel, found.id, "")
        await fires.put(connection, due, now)
        return Marked.TOLD


async def _writes_about(connection: AsyncConnection, found: OpenAlert) -> Address | None:
    """Whoever of the team writes with the person about it just now, and can be reached."""
    c, s = t.contacts.c, t.staff.c
    writes = (
        select(s.contact_id)
        .join(t.contacts, c.id == s.contact_id)
        .where(s.contact_id == found.taken_by, c.handover_id == found.id)
    )
    contact_id = (await connection.execute(writes)).scalar()
    return None if contact_id is None else await people.address_of(connection, contact_id)
