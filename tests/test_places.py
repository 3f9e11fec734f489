"""The last places of an event, asked for by many at once: each is given once, and the others wait in their order."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from datetime import timedelta

import orjson
import pytest

from flows.library import Library
from tests.conftest import Clock, World, make_world, new_postgres_database
from tests.events import an_event, counted, put_event
from tests.process import ROOT, environment
from tests.racing import names, percentile, prepare, race, racer

PEOPLE = int(os.environ.get("MIME_RACES", "60"))
EVENT = 7


def places_for(people: int) -> int:
    return min(20, people // 6)


async def order(world: World) -> list[tuple[str, str, int]]:
    """Who asked, what became of it, and their number in the order; by that number."""
    rows = await world.rows(
        f"SELECT u.key, b.status, b.position FROM bookings b JOIN urns u ON u.contact_id = b.contact_id"
        f" WHERE b.event_id = {EVENT} ORDER BY b.position"
    )
    who = {world.app.vault.find(racer(number)): racer(number) for number in range(PEOPLE)}
    return [(who[key], status, position) for key, status, position in rows]


async def assert_exact(world: World, places: int) -> list[str]:
    """Exactly so many have a place, all others wait, nobody is there twice; who, in the order of asking."""
    found = await order(world)
    assert [position for _, _, position in found] == list(range(1, PEOPLE + 1))
    assert [status for _, status, _ in found] == ["booked"] * places + ["waiting"] * (PEOPLE - places)
    assert {who for who, _, _ in found} == {racer(number) for number in range(PEOPLE)}
    assert await counted(world.app.database, EVENT) == (places, 0, PEOPLE)
    phrases = world.app.library.phrases["en"]
    for n, (who, _, _) in enumerate(found):
        told = (await world.told(who))[-1].text
        said = phrases.booked if n < places else phrases.waiting_place.replace("{number}", str(n + 1 - places))
        assert told.startswith(said.partition("{")[0] if n < places else said), told
    return [who for who, _, _ in found]


async def assert_each_freed_place_goes_to_the_next(world: World, in_order: Sequence[str], places: int) -> None:
    """They give up one after the other; each time the first who waits is offered the place, and takes it."""
    for n, who in enumerate(in_order[:places]):
        await world.say(who, "OUT")
        await world.say(who, "yes")
        following = in_order[places + n]
        assert [(one, status) for one, status, _ in await order(world) if status == "offered"] == [
            (following, "offered")
        ]
        assert (await counted(world.app.database, EVENT))[0] == places
        before = len(await world.told(following))
        await world.ring()
        (offered,) = (await world.told(following))[before:]
        assert offered.text.startswith("Good news: there is a place for you now.")
        (told,) = await world.say(following, "yes")
        assert told.startswith("You have a place.")
    statuses = {who: status for who, status, _ in await order(world)}
    assert [statuses[who] for who in in_order] == (
        ["out"] * places + ["booked"] * places + ["waiting"] * (PEOPLE - 2 * places)
    )
    assert await counted(world.app.database, EVENT) == (places, 0, PEOPLE)


def show(kind: str, places: int, waited: Sequence[float]) -> None:
    print(
        f"\n{kind}: {len(waited)} people at once for {places} places: {places} booked, {len(waited) - places} wait in"
        f" order; p50 {percentile(waited, 0.5):.0f} ms, p99 {percentile(waited, 0.99):.0f} ms"
    )


async def test_the_last_places_are_given_once_each(world: World) -> None:
    app, places, count = world.app, places_for(PEOPLE), names("race")
    await put_event(app.database, an_event(EVENT, world.clock() + timedelta(days=30), capacity=places), world.clock())
    serving = asyncio.create_task(app.dispatcher.run())
    await prepare(app, range(PEOPLE), count)
    waited = await race(app, range(PEOPLE), count)
    app.dispatcher.stop()
    await serving
    show("sqlite" if app.database.is_sqlite else "postgresql", places, waited)
    in_order = await assert_exact(world, places)
    assert in_order == [racer(number) for number in range(PEOPLE)]  # as they came
    await assert_each_freed_place_goes_to_the_next(world, in_order, places)


@pytest.fixture
async def shared(postgres: str, flows: Library, clock: Clock) -> tuple[World, str]:
    """A program on PostgreSQL, and the address of its store for other processes."""
    urls = new_postgres_database(postgres), new_postgres_database(postgres)
    return await make_world(urls, flows, clock), urls[0]


async def replica(url: str, first: int, people: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.racing", url, str(first), str(people),
        cwd=ROOT, env=environment(ROOT), stdin=PIPE, stdout=PIPE, limit=1 << 20,
    )  # fmt: skip


async def line(process: Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


async def test_two_processes_give_each_place_once(shared: tuple[World, str]) -> None:
    world, url = shared
    places, now = places_for(PEOPLE), world.clock()
    await put_event(world.app.database, an_event(EVENT, now + timedelta(days=30), capacity=places), now)
    half = PEOPLE // 2
    both = [await replica(url, 0, half), await replica(url, half, PEOPLE - half)]
    assert [await line(one) for one in both] == [b"ready\n"] * 2
    for one in both:
        assert one.stdin is not None
        one.stdin.write(b"go\n")
        await one.stdin.drain()
    waited = [seconds for one in both for seconds in orjson.loads(await line(one))]
    assert [await one.wait() for one in both] == [0, 0]
    show("postgresql, two processes", places, waited)
    in_order = await assert_exact(world, places)
    for part in (range(half), range(half, PEOPLE)):
        theirs = {racer(number) for number in part}
        assert [who for who in in_order if who in theirs] == [racer(number) for number in part]
    await assert_each_freed_place_goes_to_the_next(world, in_order, places)
    await world.app.close()
