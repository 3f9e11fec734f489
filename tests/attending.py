"""People with places and needs in the store of a test, without the conversations that brought them there."""

from __future__ import annotations

import orjson
from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import Role
from domain.event import EventRole
from domain.places import BookingStatus
from store import duties, team
from store import tables as t
from store.times import to_ms
from tests.conftest import World

Said = dict[str, str | list[str]]


async def put_person(world: World, id: int, said: Said | None = None, *, language: str = "en") -> None:
    """Somebody with that contact id and phone, who said this of themselves."""
    vault, now = world.app.vault, to_ms(world.clock())
    urn = f"tel:+4477009{id:05}"
    async with world.app.database.begin() as tx:
        await tx.execute(insert(t.contacts).values(id=id, language=language, created_at=now))
        await tx.execute(
            insert(t.urns).values(
                key=vault.find(urn), contact_id=id, scheme="tel", sealed=vault.seal(urn.encode(), id), created_at=now
            )
        )
        await tell(tx, world, id, said or {})


async def tell(tx: AsyncConnection, world: World, id: int, said: Said) -> None:
    """They say this of themselves, in the place of what they said before."""
    p = t.profile.c
    for field, answer in said.items():
        await tx.execute(delete(t.profile).where(p.contact_id == id, p.field == field))
        sealed = world.app.vault.seal(orjson.dumps([answer, ""]), id)
        row = {"contact_id": id, "field": field, "sealed": sealed, "source": "self", "said_at": 0}
        await tx.execute(insert(t.profile).values(row))


async def put_booking(
    tx: AsyncConnection,
    world: World,
    event_id: int,
    contact_id: int,
    status: BookingStatus = BookingStatus.BOOKED,
    *,
    companions: int = 0,
    came: bool | None = None,
) -> None:
    """That booking, in the place of the one before."""
    b = t.bookings.c
    await tx.execute(delete(t.bookings).where(b.event_id == event_id, b.contact_id == contact_id))
    row = {
        "id": world.app.ids(), "event_id": event_id, "contact_id": contact_id, "status": status.value, "position": 1,
        "companions": companions, "came": came, "urn_key": 1, "channel": "sms", "asked_at": 0, "changed_at": 0,
    }  # fmt: skip
    await tx.execute(insert(t.bookings).values(row))


async def put_staff(world: World, id: int, name: str, role: Role, turn: int | None, leads: int | None = None) -> None:
    """Somebody of the team, who leads that event."""
    await put_person(world, id)
    async with world.app.database.begin() as tx:
        await team.join(tx, world.app.vault, id, name, role, turn, "", world.clock())
        if leads is not None:
            await duties.give(tx, leads, id, EventRole.FACILITATOR, world.clock())


async def stop(tx: AsyncConnection, id: int) -> None:
    await tx.execute(update(t.contacts).where(t.contacts.c.id == id).values(stopped_at=1))
