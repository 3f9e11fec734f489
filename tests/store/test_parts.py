"""The parts of the tables that grow: made ahead, dropped when their time is over, and never a row too many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

import store.migrations
from bot.app import _start_ticker
from bot.migrate import config
from domain.ids import lowest
from flows.library import Library
from store import bulk, erasure
from store import tables as t
from store.bulk import fetch
from store.database import Database
from store.parts import PARTED, drop_past, following, make_ahead, parts, quarter
from store.retention import Periods, Tidied, tidy
from store.times import to_ms
from tests.conftest import Clock, World, make_world, new_postgres_database

NOW = datetime(2028, 2, 10, 9, 0, tzinfo=UTC)
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
PERIODS = Periods(messages=12, answers=15, silent_people=600)
CONTACTS = (1, 2, 3)
ANN = "tel:+447700900101"


@dataclass(frozen=True)
class Kept:
    """A row of each table: whose, of when, whether nothing keeps it from going; `late`: for how long its session had
    been open when the answer came.
    """

    contact_id: int
    at: datetime
    over: bool
    late: timedelta = timedelta()


_ROWS = st.lists(
    st.builds(
        Kept,
        st.sampled_from(CONTACTS),
        st.one_of(
            st.integers(0, 590 * 86_400).map(lambda seconds: NOW - timedelta(seconds=seconds)),
            st.sampled_from(
                [datetime(2027, 1, 1, tzinfo=UTC), NOW.replace(year=2027), NOW.replace(year=2026, month=11)]
            ),
        ),
        st.booleans(),
        st.timedeltas(timedelta(), timedelta(days=7)),
    ),
    max_size=15,
)


@pytest.fixture
async def pg(postgres: str, flows: Library, clock: Clock) -> AsyncIterator[World]:
    world = await make_world((new_postgres_database(postgres), new_postgres_database(postgres)), flows, clock)
    yield world
    await world.app.close()


def inbox(n: int, one: Kept) -> dict[str, Any]:
    return {
        "id": lowest(one.at) + n, "contact_id": one.contact_id, "channel": "sms", "sealed": b"x" * 40,
        "received_at": to_ms(one.at),
    }  # fmt: skip


def outbox(n: int, one: Kept, key: str = "") -> dict[str, Any]:
    return {
        "id": lowest(one.at) + n, "key": key or f"in/{n}", "contact_id": one.contact_id, "urn_key": 1, "channel": "sms",
        "message_class": 1, "status": "delivered" if one.over else "queued", "sealed": b"x", "send_after": 1,
        "expires_at": 1, "created_at": to_ms(one.at),
    }  # fmt: skip


def answer(n: int, one: Kept) -> dict[str, Any]:
    return {
        "id": lowest(one.at) + n, "session_id": lowest(one.at - one.late), "contact_id": one.contact_id,
        "flow": "wellbeing", "version": 1, "question": f"q{n}", "revision": 1, "withdrawn": False, "sealed": b"x",
        "language": "en", "channel": "sms", "answered_at": to_ms(one.at), "exported_at": 1 if one.over else None,
    }  # fmt: skip


async def fill(connection: AsyncConnection, rows: list[Kept]) -> None:
    for table in (*PARTED, t.contacts):
        await connection.execute(table.delete())
    for id in CONTACTS:
        await connection.execute(insert(t.contacts).values(id=id, created_at=1, consents="newsletter"))
    for n, one in enumerate(rows):
        for table, row in ((t.inbox, inbox(n, one)), (t.outbox, outbox(n, one)), (t.answers, answer(n, one))):
            await connection.execute(insert(table).values(row))


async def parts_since(database: Database, at: datetime) -> int:
    made = 0
    while at <= NOW:
        made += await make_ahead(database, at)
        at = following(at)
    return made


async def tidied(world: World, now: datetime = NOW) -> Tidied:
    return await tidy(world.app.database, world.app.vault, world.app.ids, lambda: "REF", PERIODS, now)


async def ids(world: World, table: Table) -> set[int]:
    async with world.app.database.read() as connection:
        return set((await connection.execute(select(table.c.id))).scalars())


async def names(database: Database, table: Table) -> list[str]:
    async with database.read() as connection:
        return [part.name for part in await parts(connection, table)]


async def where(world: World, table: str) -> list[str]:
    """In which part each row is, in the order of ids."""
    return [name for (name,) in await world.rows(f"SELECT tableoid::regclass::text FROM {table} ORDER BY id")]


# What is kept


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
async def test_what_is_left_is_what_looking_at_each_row_would_leave(world: World, rows: list[Kept]) -> None:
    database = world.app.database
    await parts_since(database, datetime(2026, 4, 1, tzinfo=UTC))
    async with database.begin() as connection:
        await fill(connection, rows)
    done = await tidied(world)
    year, longer = NOW.replace(year=2027), NOW.replace(year=2026, month=11)
    numbered = list(enumerate(rows))
    last = {
        one.contact_id: max(inbox(n, o)["id"] for n, o in numbered if o.contact_id == one.contact_id) for one in rows
    }
    expected = {
        t.inbox: {
            row["id"] for n, o in numbered if (row := inbox(n, o)) and (o.at > year or row["id"] in last.values())
        },
        t.outbox: {outbox(n, o)["id"] for n, o in numbered if o.at > year or not o.over},
        t.answers: {answer(n, o)["id"] for n, o in numbered if o.at > longer or not o.over},
    }
    for table, left in expected.items():
        assert await ids(world, table) == left
        assert done.rows[table.name] == len(rows) - len(left)
    if not database.is_sqlite:
        for table, before in ((t.inbox, year), (t.outbox, year), (t.answers, longer)):
            async with database.read() as connection:
                assert all(part.high > lowest(before) for part in await parts(connection, table))
        assert await world.rows("SELECT key FROM outbox_keys ORDER BY key") == await world.rows(
            "SELECT key FROM outbox ORDER BY key"
        )
    assert not any((await tidied(world)).rows.values())


async def test_a_part_goes_whole_and_its_last_words_stay(pg: World) -> None:
    database = pg.app.database
    await parts_since(database, datetime(2026, 7, 1, tzinfo=UTC))
    old, newer = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
    async with database.begin() as connection:
        await fill(connection, [Kept(1, old, True), Kept(1, newer, True), Kept(2, old, True), Kept(3, NOW, False)])
    assert "inbox_2026_07" in await names(database, t.inbox)
    done = await tidied(pg)
    assert (done.rows["inbox"], done.rows["outbox"], done.rows["answers"]) == (1, 3, 3)
    assert "inbox_2026_07" not in await names(database, t.inbox)
    assert await where(pg, "inbox") == ["inbox_rest", "inbox_rest", "inbox_2028_01"]
    assert await pg.rows("SELECT to_regclass('inbox_2026_07'), to_regclass('outbox_2026_07')") == [(None, None)]


async def test_a_part_with_much_that_stays_is_tidied_row_by_row(pg: World) -> None:
    """10,000 rows are carried over at the most, for nobody can write meanwhile."""
    database = pg.app.database
    await parts_since(database, datetime(2026, 7, 1, tzinfo=UTC))
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO outbox (id, key, contact_id, urn_key, channel, message_class, status, sealed, send_after,"
                f" expires_at, created_at) SELECT {lowest(datetime(2026, 8, 1, tzinfo=UTC))} + n, 'k' || n, 0, 1, 'sms'"
                ", 1, CASE WHEN n <= 10 THEN 'failed' ELSE 'queued' END, '', 1, 1, 1 FROM generate_series(1, 10011) n"
            )
        )
    waiting = t.outbox.c.status == "queued"
    assert await drop_past(database, t.outbox, [waiting], NOW) == 0
    assert "outbox_2026_07" in await names(database, t.outbox)
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM outbox WHERE key = 'k10011'"))
    assert await drop_past(database, t.outbox, [waiting], NOW) == 10
    assert "outbox_2026_07" not in await names(database, t.outbox)
    assert await pg.rows("SELECT count(*), count(DISTINCT tableoid) FROM outbox") == [(10_000, 1)]
    assert await pg.rows("SELECT count(*) FROM outbox_keys") == [(10_000,)]


async def test_who_reads_for_long_keeps_a_part_and_not_what_is_in_it(pg: World) -> None:
    """A backup, for one. What has had its time goes all the same, and its part another day."""
    database = pg.app.database
    await parts_since(database, datetime(2026, 7, 1, tzinfo=UTC))
    async with database.begin() as connection:
        await fill(connection, [Kept(1, datetime(2026, 8, 1, tzinfo=UTC), True), Kept(1, NOW, True)])
    async with database.read() as reader:
        await reader.execute(text("SELECT count(*) FROM inbox_2026_07"))
        assert (await tidied(pg)).rows["inbox"] == 1
        assert "inbox_2026_07" in await names(database, t.inbox)
    await tidied(pg)
    assert "inbox_2026_07" not in await names(database, t.inbox)


async def test_two_that_tidy_at_once_drop_a_part_once(pg: World) -> None:
    database = pg.app.database
    await parts_since(database, FIRST)
    async with database.begin() as connection:
        await fill(connection, [Kept(n % 3 + 1, FIRST + timedelta(days=40 * n), True) for n in range(24)])
    both = await asyncio.gather(tidied(pg), tidied(pg))
    assert sum(done.rows["outbox"] for done in both) == 24 - len(await ids(pg, t.outbox)) > 0
    assert len(await ids(pg, t.inbox)) == len(
        [n for n in range(24) if FIRST + timedelta(days=40 * n) > NOW.replace(year=2027)]
    )


# Parts are made ahead


async def test_there_are_parts_for_this_quarter_and_the_next(pg: World) -> None:
    database = pg.app.database
    assert await make_ahead(database, NOW) == 2 * len(PARTED)
    for table in PARTED:
        assert (await names(database, table))[-2:] == [f"{table.name}_2028_01", f"{table.name}_2028_04"]
    assert await make_ahead(database, NOW) == 0
    assert await make_ahead(database, NOW + timedelta(days=60)) == len(PARTED)


async def test_a_worker_makes_them_when_it_starts(pg: World) -> None:
    async with pg.app.database.begin() as connection:
        await connection.execute(text("DROP TABLE IF EXISTS answers_2027_01"))
    _start_ticker(pg.app)
    try:
        async with asyncio.timeout(120):
            while "answers_2027_01" not in await names(pg.app.database, t.answers):
                pass
    finally:
        pg.app.ticker.stop()


async def test_replicas_that_make_the_same_part_at_once_make_it_once(pg: World) -> None:
    url = pg.app.database.engine.url.render_as_string(hide_password=False)
    replicas = [Database(url) for _ in range(4)]
    try:
        made = await asyncio.gather(*(make_ahead(one, NOW) for one in replicas))
    finally:
        for one in replicas:
            await one.close()
    assert sum(made) == 2 * len(PARTED)


async def test_a_message_without_a_part_is_kept_and_taken_over(pg: World) -> None:
    """Nothing is refused where nobody made parts for half a year; the next start makes up for it."""
    database = pg.app.database
    rows = [Kept(1, NOW, True), Kept(2, NOW + timedelta(days=1), False), Kept(3, NOW + timedelta(days=200), False)]
    async with database.begin() as connection:
        await fill(connection, rows)
    assert await where(pg, "outbox") == ["outbox_rest"] * 3
    before = await ids(pg, t.outbox)
    assert await make_ahead(database, NOW) == 2 * len(PARTED)
    assert await where(pg, "outbox") == ["outbox_2028_01", "outbox_2028_01", "outbox_rest"]
    assert await where(pg, "answers") == ["answers_2028_01", "answers_2028_01", "answers_rest"]
    assert await ids(pg, t.outbox) == before
    with pytest.raises(IntegrityError):
        async with database.begin() as connection:
            await connection.execute(insert(t.outbox).values(outbox(9, rows[0], "in/0")))


async def test_a_new_part_has_the_keys_and_indexes_of_the_others(pg: World) -> None:
    await make_ahead(pg.app.database, NOW)
    for table in PARTED:
        definitions = [
            {" ".join(words.split(" USING ")[1:]) for (words,) in await pg.rows(
                f"SELECT indexdef FROM pg_indexes WHERE tablename = '{name}'"
            )}
            for name in (table.name, f"{table.name}_2028_01", f"{table.name}_rest")
        ]  # fmt: skip
        assert definitions[0] == definitions[1] == definitions[2] != set()


async def test_people_are_answered_across_a_new_part_and_a_restart(pg: World, flows: Library, clock: Clock) -> None:
    told = await pg.say(ANN, "CHECKIN")
    assert await make_ahead(pg.app.database, NOW) > 0
    told += await pg.say(ANN, "yes")
    url = pg.app.database.engine.url.render_as_string(hide_password=False)
    evaluation = pg.app.evaluation.engine.url.render_as_string(hide_password=False)
    again = await make_world((url, evaluation), flows, clock)
    try:
        assert await make_ahead(again.app.database, NOW) == 0
        again.count = iter(range(100, 200))
        told += await again.say(ANN, "7")
        assert len(await again.rows("SELECT id FROM outbox")) == len(told) == 3
    finally:
        await again.app.close()


@given(st.integers(0, 68 * 365 * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds)))
def test_each_moment_is_in_one_quarter(at: datetime) -> None:
    begins = quarter(at)
    assert begins <= at < following(begins)
    assert quarter(following(begins) - timedelta(milliseconds=1)) == begins
    assert lowest(begins) <= lowest(at) < lowest(following(begins))


# What must hold over all parts


async def test_a_message_s_key_is_one_s_alone_over_all_parts(world: World) -> None:
    database, old = world.app.database, NOW - timedelta(days=300)
    await parts_since(database, FIRST)
    async with database.begin() as connection:
        await connection.execute(insert(t.outbox).values(outbox(1, Kept(1, old, True), "in/sms/1")))
    with pytest.raises(IntegrityError):
        async with database.begin() as connection:
            await connection.execute(insert(t.outbox).values(outbox(2, Kept(1, NOW, True), "in/sms/1")))
    async with database.begin() as connection:
        await connection.execute(t.outbox.delete())
        await connection.execute(insert(t.outbox).values(outbox(2, Kept(1, NOW, True), "in/sms/1")))


async def test_what_was_queued_in_another_part_is_not_queued_again(world: World) -> None:
    database = world.app.database
    await parts_since(database, datetime(2027, 4, 1, tzinfo=UTC))
    rows = [outbox(n, Kept(n, NOW - timedelta(days=100 * n), True), f"broadcast/7/{n % 2}") for n in (1, 2, 3)]
    put = bulk.insert(t.outbox, tuple(rows[0]), unless_there=("key",), keys="outbox_keys")
    for row in rows:
        async with database.hot() as tx:
            tx.write(put, [tuple(row.values())])
    assert await world.rows("SELECT contact_id FROM outbox ORDER BY contact_id") == [(1,), (2,)]


async def test_an_erasure_reaches_all_parts(world: World) -> None:
    database = world.app.database
    await parts_since(database, FIRST)
    async with database.begin() as connection:
        await fill(connection, [Kept(n % 2 + 1, FIRST + timedelta(days=70 * n), n % 4 < 2) for n in range(20)])
    async with database.begin() as connection:
        await erasure.erase(connection, world.app.vault, world.app.ids, 1, "REF", NOW)
    for table in PARTED:
        assert await world.rows(f"SELECT DISTINCT contact_id FROM {table.name}") == [(2,)]
    if not database.is_sqlite:
        assert len(await world.rows("SELECT key FROM outbox_keys")) == 10


async def test_the_hot_statements_are_planned_once(pg: World) -> None:
    async with pg.app.database.hot() as tx:
        assert await tx.fetch(fetch("SHOW plan_cache_mode")) == [[("force_generic_plan",)]]
    async with pg.app.database.read() as connection:
        assert (await connection.execute(text("SHOW plan_cache_mode"))).scalar_one() == "auto"


# A store that is older than parts


@pytest.fixture
async def engine(empty_urls: tuple[str, str]) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(empty_urls[0])
    yield engine
    await engine.dispose()


async def test_a_store_of_before_loses_no_row(engine: AsyncEngine) -> None:
    await _to(engine, "0007")
    rows = [Kept(n % 3 + 1, FIRST + timedelta(days=9 * n), n % 2 == 0) for n in range(80)]
    async with engine.begin() as connection:
        await fill(connection, rows)
    before = await _all(engine)
    assert [len(found) for found in before.values()] == [80] * 3
    await _to(engine, "head")
    assert await _all(engine) == before
    with pytest.raises(IntegrityError):
        async with engine.begin() as connection:
            await connection.execute(insert(t.outbox).values(outbox(99, Kept(1, NOW, True), "in/5")))
    async with engine.begin() as connection:
        for table, row in ((t.inbox, inbox(99, rows[0])), (t.outbox, outbox(99, Kept(1, NOW, True)))):
            await connection.execute(insert(table).values(row))
    if engine.dialect.name == "postgresql":
        async with engine.connect() as connection:
            first = (await parts(connection, t.inbox))[0]
            assert (first.name, first.low) == ("inbox_before", None)
            counted = await connection.execute(text("SELECT count(*) FROM inbox_before"))
            assert counted.scalar_one() == 81
    await _to(engine, "0007", down=True)
    after = await _all(engine)
    assert {name: len(found) for name, found in after.items()} == {"inbox": 81, "outbox": 81, "answers": 80}
    assert all(set(before[name]) <= set(after[name]) for name in before)


async def _to(engine: AsyncEngine, step: str, *, down: bool = False) -> None:
    def run(connection: Connection) -> None:
        (command.downgrade if down else command.upgrade)(config(store.migrations, connection), step)

    async with engine.begin() as connection:
        await connection.run_sync(run)


async def _all(engine: AsyncEngine) -> dict[str, list[tuple[Any, ...]]]:
    async with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in await connection.execute(select(table).order_by(table.c.id))]
            for table in PARTED
        }
