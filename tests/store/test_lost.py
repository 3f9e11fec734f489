"""A store that goes away for a moment: what was under way is found out by its rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import create_engine, make_url, text

from flows.library import Library
from store import outbox
from store.times import to_ms
from tests.conftest import Clock, World, make_world, new_postgres_database

ANN = "telegram:5001"
LEASE_MS = 8000


@pytest.fixture
async def on_postgres(postgres: str, flows: Library, clock: Clock) -> AsyncIterator[World]:
    world = await make_world((new_postgres_database(postgres), new_postgres_database(postgres)), flows, clock)
    yield world
    await world.app.close()


def throw_out_everybody(world: World, server: str) -> None:
    name = make_url(world.app.settings.database_url).database
    admin = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
    admin.dispose()


async def test_a_connection_that_was_lost_costs_nobody_their_message(on_postgres: World, postgres: str) -> None:
    world = on_postgres
    serving = asyncio.create_task(world.app.dispatcher.run())
    for n, words in enumerate(("CHECKIN", "yes", "7")):
        await world.app.dispatcher.submit(world.received(ANN, words, id=f"in-{n}"))
        throw_out_everybody(world, postgres)
    await world.app.dispatcher.submit(world.received(ANN, "7", id="in-2"))  # brought again after all
    world.app.dispatcher.stop()
    await serving
    assert len(await world.told(ANN)) == 3  # the consent, and two questions


async def claimed(world: World) -> list[int]:
    app = world.app
    now_ms = to_ms(world.clock())
    found = await outbox.claim(app.database, app.vault, app.ids, "telegram", now_ms, LEASE_MS, 10, quiet=False)
    return [message.id for message in found]


async def test_a_claim_in_doubt_is_given_back_and_nobody_elses(world: World) -> None:
    await world.say(ANN, "CHECKIN")
    (id,) = await claimed(world)
    until = to_ms(world.clock()) + LEASE_MS
    await outbox.give_back(world.app.database, {id: until + 1})  # another's claim
    assert await claimed(world) == []
    await outbox.give_back(world.app.database, {id: until})
    assert await claimed(world) == [id]
