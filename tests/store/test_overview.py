"""What a coordinator sees at a glance, on both databases: the events to come, and what the day brings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from domain.event import EventState
from domain.need import Need
from store import alerts, overview, team
from store import tables as t
from store.overview import Coming, Today
from store.times import to_ms
from tests.conftest import World
from tests.crowd import Somebody, phone, put
from tests.events import an_event, put_event

LONDON = ZoneInfo("Europe/London")


async def the_day(world: World) -> Today:
    app = world.app
    async with app.database.read() as connection:
        return await overview.today(connection, app.vault, {}, LONDON, world.clock())


async def to_come(world: World) -> list[Coming]:
    async with world.app.database.read() as connection:
        return await overview.coming(connection, world.clock())


async def book(world: World, who: int, event: int, need: Need | None = None) -> None:
    """They have a place there, and need something that is not arranged yet."""
    app, now = world.app, to_ms(world.clock())
    place = {
        "id": app.ids(), "event_id": event, "contact_id": who, "urn_key": app.vault.find(phone(0)), "channel": "sms",
        "status": "booked", "asked_at": now, "position": 1, "changed_at": now,
    }  # fmt: skip
    async with app.database.begin() as connection:
        await connection.execute(insert(t.bookings).values(place))
        if need is not None:
            task = {"id": app.ids(), "event_id": event, "contact_id": who, "kind": need.value, "due_at": now}
            await connection.execute(insert(t.tasks).values({**task, "created_at": now}))


async def test_a_quiet_day_brings_nothing(world: World) -> None:
    assert await the_day(world) == Today((), 0, 0, (), 0, 0, 0, 0)
    assert await to_come(world) == []


async def test_the_day_is_the_one_of_the_clocks_that_people_read(world: World) -> None:
    """At half past midnight in summer it is yesterday in UTC."""
    world.clock.now = datetime(2027, 6, 1, 8, tzinfo=UTC)
    for n, starts_at in enumerate(
        (
            datetime(2027, 5, 31, 23, 30, tzinfo=UTC),  # 00:30 on the first
            datetime(2027, 6, 1, 22, 30, tzinfo=UTC),  # 23:30 on the first
            datetime(2027, 6, 1, 23, 30, tzinfo=UTC),  # 00:30 on the second
        ),
        start=1,
    ):
        await put_event(world.app.database, an_event(n, starts_at), world.clock())
    world.clock.now = datetime(2027, 6, 1, 0, tzinfo=UTC)  # the first has not ended
    assert [one.listed.event.number for one in (await the_day(world)).events] == [1, 2]


async def test_what_is_open_is_counted_until_it_is_seen_to(world: World) -> None:
    app, now = world.app, world.clock()
    (who,) = await put(app, [Somebody()])
    await put_event(app.database, an_event(1, now + timedelta(hours=3)), now)
    await put_event(app.database, an_event(2, now + timedelta(days=9), state=EventState.DRAFT), now)
    await book(world, who, 1, Need.INTERPRETER)
    row = {
        "contact_id": who, "urn_key": 1, "channel": "sms", "message_class": 2, "sealed": b"", "send_after": 0,
        "expires_at": 0,
    }  # fmt: skip
    yesterday = to_ms(now - timedelta(days=1))
    async with app.database.begin() as connection:
        await team.raise_alert(connection, app.ids(), "person", who, "", 1, "sms", now)
        for id, (status, at) in enumerate((("failed", to_ms(now)), ("failed", yesterday), ("sent", to_ms(now)))):
            made = {"id": id + 1, "key": str(id), "status": status, "created_at": at}
            await connection.execute(insert(t.outbox).values(row | made))
        for id, due in enumerate((now + timedelta(hours=1), now + timedelta(days=1))):
            fire = {"id": id + 1, "key": f"remind/{id}", "kind": "remind", "contact_id": who, "urn_key": 1}
            await connection.execute(insert(t.fires).values(**fire, channel="sms", due_at=to_ms(due)))
        assert await alerts.note_stranger(connection, app.ids, who, LONDON, now)
        assert not await alerts.note_stranger(connection, app.ids, who, LONDON, now + timedelta(hours=1))
    found = await the_day(world)
    assert [one.listed.event.number for one in found.events] == [1]
    assert [one.need for one in found.due] == [Need.INTERPRETER]
    counts = (found.to_call, found.open_alerts, found.reminders, found.failed, found.broadcasts, found.strangers)
    assert counts == (1, 1, 1, 1, 0, 1)
    assert [(one.listed.event.number, one.open_needs) for one in await to_come(world)] == [(1, 1), (2, 0)]
    async with app.database.begin() as connection:
        await connection.execute(t.tasks.update().values(settled_at=to_ms(now)))
    assert [one.open_needs for one in await to_come(world)] == [0, 0]
    world.clock.forward(timedelta(days=1))
    found = await the_day(world)
    assert (found.events, found.failed, found.strangers) == ((), 0, 0)


async def test_every_open_alert_gets_a_number_once(world: World) -> None:
    app, now = world.app, world.clock()
    (who,) = await put(app, [Somebody()])
    async with app.database.begin() as connection:
        for kind in ("parked", "not_sent", "person"):
            await team.raise_alert(connection, app.ids(), kind, who, "", 1, "sms", now)
        await team.number_all(connection)
        first = {one.kind: one.number for one in await team.numbered(connection, 9)}
        await team.number_all(connection)
        assert {one.kind: one.number for one in await team.numbered(connection, 9)} == first
        assert await team.called(connection) == []  # nobody was called for any of them
    assert sorted(first.values()) == [1, 2, 3]
