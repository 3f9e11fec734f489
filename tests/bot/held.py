"""An event that is held, who booked it and who runs it, for the tests of what goes with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from domain.contact import Role
from domain.event import Day, Event, EventKind, EventRole, EventState, Venue
from store import duties, team
from store import tables as t
from store.event_rows import as_row
from store.times import to_ms
from tests.conftest import World

STARTS = datetime(2026, 11, 26, 13, 30, tzinfo=UTC)
ENDS = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)
HALL = Venue(
    name="Quaker House", room="Garden room", address="6 Church Street, Colchester", postcode="CO1 1NF",
    way={"en": "Five minutes from the station.", "ur": "اسٹیشن سے پانچ منٹ۔"},
)  # fmt: skip


def an_event(**given: Any) -> Event:
    return Event(
        **{
            "id": 4711,
            "number": 3,
            "kind": EventKind.TRAINING,
            "title": {"en": "Speaking in meetings", "ur": "اجلاس میں بولنا"},
            "venue": HALL,
            "days": (Day(STARTS, ENDS),),
            "capacity": 20,
            "state": EventState.PUBLISHED,
            **given,
        }
    )


async def hold(world: World, event: Event, **counts: int) -> Event:
    """The event is in the store, published an hour ago if it ever was."""
    now = to_ms(world.clock())
    published = None if event.state is EventState.DRAFT else now - 3_600_000
    called_off = now - 60_000 if event.state is EventState.CALLED_OFF else None
    row = {**as_row(event), "id": event.id, "created_at": now - 7_200_000, **counts}
    async with world.app.database.begin() as connection:
        await connection.execute(insert(t.events).values(**row, published_at=published, called_off_at=called_off))
    return event


async def contact_of(world: World, who: str) -> int:
    """Whose address that is; they write to us first, if they never did."""
    key = world.app.vault.find(who)
    if not (rows := await world.rows(f"SELECT contact_id FROM urns WHERE key = {key}")):
        await world.say(who, "hello")
        rows = await world.rows(f"SELECT contact_id FROM urns WHERE key = {key}")
    return int(rows[0][0])


async def books(world: World, who: str, event: Event, companions: int = 0, status: str = "booked") -> int:
    """They have a place; the booking's id."""
    contact_id, id, now = await contact_of(world, who), world.app.ids(), to_ms(world.clock())
    row = {
        "id": id, "event_id": event.id, "contact_id": contact_id, "status": status, "companions": companions,
        "position": next(world.count), "urn_key": world.app.vault.find(who),
        "channel": "sms" if who.startswith("tel:") else "telegram", "asked_at": now, "changed_at": now,
    }  # fmt: skip
    async with world.app.database.begin() as connection:
        await connection.execute(insert(t.bookings).values(row))
    return id


async def on_the_team(world: World, who: str, name: str) -> int:
    contact_id = await contact_of(world, who)
    async with world.app.database.begin() as connection:
        await team.join(connection, world.app.vault, contact_id, name, Role.FACILITATOR, None, "", world.clock())
    return contact_id


async def runs(world: World, who: str, name: str, event: Event, role: EventRole = EventRole.FACILITATOR) -> int:
    """Somebody of the team has that role at the event; their contact."""
    contact_id = await on_the_team(world, who, name)
    async with world.app.database.begin() as connection:
        assert await duties.give(connection, event.id, contact_id, role, world.clock())
    return contact_id
