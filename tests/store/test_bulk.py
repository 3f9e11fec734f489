"""Many rows in a few statements do what one statement a row does, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from store.bulk import Write, delete, fetch, insert, update
from store.database import Database, is_refusal
from store.tables import metadata as shipped

metadata = sa.MetaData()


def _table(name: str) -> sa.Table:
    """Every type of column that our tables have."""
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("name", sa.String(40)),
        sa.Column("words", sa.Text),
        sa.Column("small", sa.SmallInteger),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("done", sa.Boolean),
        sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("7")),
        sa.UniqueConstraint("part", "name"),
    )


#: The one that is written to in bulk, and its twin, to which SQLAlchemy writes a row at a time.
BULK, TWIN = _table("bulk_rows"), _table("twin_rows")
COLUMNS = ("id", "part", "name", "words", "small", "sealed", "done", "revision")
#: Around the sizes of the chunks that SQLite's statements have, and above them all.
SIZES = (0, 1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 170, 200)


@pytest.fixture
async def database(empty_urls: tuple[str, str]) -> AsyncIterator[Database]:
    database = Database(empty_urls[0])
    async with database.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield database
    await database.close()


def row(dice: Random, id: int, revision: int = 1) -> tuple[Any, ...]:
    words = dice.choice((None, "", "it's", '"quoted"', "اردو 😊", "%s %% {x} ? :y", "\n\t\\", "x" * 5000))
    sealed = dice.choice((None, b"", b"\x00\xff" * 9, dice.randbytes(40)))
    small, done = dice.choice((None, -32768, 0, 32767)), dice.choice((None, True, False))
    return (id, id % 3, f"row {id}", words, small, sealed, done, revision)


async def write(database: Database, statement: Write, rows: Sequence[Sequence[Any]]) -> None:
    async with database.hot() as tx:
        tx.write(statement, rows)


async def one_by_one(database: Database, statements: Sequence[sa.Executable]) -> None:
    async with database.begin() as connection:
        for statement in statements:
            await connection.execute(statement)


async def rows(database: Database, table: sa.Table) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return [tuple(found) for found in await connection.execute(sa.select(table).order_by(table.c.id))]


async def both_are_alike(database: Database) -> list[tuple[Any, ...]]:
    found = await rows(database, BULK)
    assert found == await rows(database, TWIN)
    return found


async def fill(database: Database, n: int, dice: Random) -> list[tuple[Any, ...]]:
    """The same new rows into both."""
    given = [row(dice, id) for id in range(1, n + 1)]
    dice.shuffle(given)
    await write(database, insert(BULK, COLUMNS), given)
    await one_by_one(database, [TWIN.insert().values(dict(zip(COLUMNS, one, strict=True))) for one in given])
    return given


async def test_rows_of_every_size_of_batch_are_inserted(database: Database) -> None:
    for n in SIZES:
        given = await fill(database, n, Random(n))
        assert await both_are_alike(database) == sorted(given)
        await one_by_one(database, [BULK.delete(), TWIN.delete()])


async def test_a_column_that_is_not_named_has_its_default(database: Database) -> None:
    await write(database, insert(BULK, ("id", "part")), [(n, n) for n in range(70)])
    await one_by_one(database, [TWIN.insert().values(id=n, part=n) for n in range(70)])
    assert {found[-1] for found in await both_are_alike(database)} == {7}


async def test_rows_of_every_size_of_batch_are_updated(database: Database) -> None:
    await fill(database, 200, Random(1))
    for n in SIZES:
        dice = Random(n)
        changed = dice.sample(range(1, 300), n)  # some of them are of no row
        given = [(*row(dice, id)[3:7], id) for id in changed]
        await write(database, update(BULK, ("words", "small", "sealed", "done")), given)
        await one_by_one(
            database,
            [
                TWIN.update().where(TWIN.c.id == id).values(words=words, small=small, sealed=sealed, done=done)
                for words, small, sealed, done, id in given
            ],
        )
        await both_are_alike(database)


async def test_an_update_can_have_a_second_key_and_a_condition(database: Database) -> None:
    await fill(database, 200, Random(2))
    given = [(f"new {id}", id, id % 2 + 1) for id in range(1, 150)]  # every second one has another revision
    await write(database, update(BULK, ("words",), also_key="revision", only="done IS NOT NULL"), given)
    await one_by_one(
        database,
        [
            TWIN.update()
            .where(TWIN.c.id == id, TWIN.c.revision == revision, TWIN.c.done.is_not(None))
            .values(words=words)
            for words, id, revision in given
        ],
    )
    changed = [found for found in await both_are_alike(database) if str(found[3]).startswith("new ")]
    assert 20 < len(changed) < 100


async def test_rows_that_are_there_are_overwritten_and_the_others_added(database: Database) -> None:
    columns = ("id", "part", "name", "words", "revision")
    statement = insert(BULK, columns, update_on=("part", "name"))
    dialect: Any = sqlite if database.is_sqlite else postgresql
    await fill(database, 100, Random(3))
    for n in SIZES:
        dice = Random(n)
        given = [(1000 + id, id % 3, f"row {id}", f"again {n}", n) for id in dice.sample(range(1, 201), n)]
        given = [one for one in given if one[0] not in {found[0] for found in await rows(database, BULK)}]
        await write(database, statement, given)
        new = dialect.insert(TWIN)
        await one_by_one(
            database,
            [
                new.values(dict(zip(columns, one, strict=True))).on_conflict_do_update(
                    index_elements=("part", "name"),
                    set_={"words": new.excluded.words, "revision": new.excluded.revision},
                )
                for one in given
            ],
        )
        found = await both_are_alike(database)
        assert len({(part, name) for _, part, name, *_ in found}) == len(found)


async def test_an_older_row_never_overwrites_a_newer_one(database: Database) -> None:
    await fill(database, 90, Random(4))
    statement = insert(BULK, COLUMNS, update_on=("id",), newer="revision")
    given = [row(Random(id), id, revision=id % 3) for id in range(1, 91)]
    await write(database, statement, given)
    overwritten = {found[0] for found in await rows(database, BULK) if found[-1] == 2}
    assert overwritten == {id for id in range(1, 91) if id % 3 == 2}
    assert {found[-1] for found in await rows(database, BULK)} == {1, 2}


async def test_rows_of_every_size_of_batch_are_deleted(database: Database) -> None:
    for n in (0, 1, 17, 64, 200):
        await fill(database, 200, Random(5))
        gone = Random(n).sample(range(1, 260), n)
        await write(database, delete(BULK), [(id,) for id in gone])
        await one_by_one(database, [TWIN.delete().where(TWIN.c.id.in_(gone))])
        assert len(await both_are_alike(database)) == 200 - len([id for id in gone if id <= 200])
        names = Random(n).sample(range(1, 200), 20)
        await write(database, delete(BULK, key="name"), [(f"row {id}",) for id in names])
        await one_by_one(database, [TWIN.delete().where(TWIN.c.name.in_([f"row {id}" for id in names]))])
        await both_are_alike(database)
        await one_by_one(database, [BULK.delete(), TWIN.delete()])


async def test_a_list_of_any_length_can_be_asked_for(database: Database) -> None:
    await fill(database, 50, Random(6))
    for n in SIZES:
        ids = [n * 3 + k for k in range(n)]
        read = fetch("SELECT id FROM bulk_rows WHERE id {keys} AND part = {value}", ids, 1)
        names = fetch("SELECT id FROM bulk_rows WHERE name {keys}", [f"row {id}" for id in ids])
        async with database.hot() as tx:
            by_id, by_name = await tx.fetch(read, names)
        there = {id for id in ids if 1 <= id <= 50}
        assert {id for (id,) in by_id} == {id for id in there if id % 3 == 1}
        assert {id for (id,) in by_name} == there


async def test_a_refused_row_takes_the_whole_transaction_with_it(database: Database) -> None:
    await fill(database, 10, Random(7))
    with pytest.raises(Exception) as raised:
        async with database.hot() as tx:
            tx.write(delete(BULK), [(1,)])
            tx.write(insert(BULK, COLUMNS), [row(Random(1), 100), row(Random(1), 5)])
    assert is_refusal(raised.value)
    await both_are_alike(database)
    await write(database, delete(BULK), [(1,)])  # and the next one is taken
    assert len(await rows(database, BULK)) == 9


async def test_a_transaction_that_is_given_up_writes_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.hot() as tx:
            await tx.fetch(fetch("SELECT 1"))
            tx.write(insert(BULK, ("id", "part")), [(1, 1)])
            raise RuntimeError("our own fault")
    assert await rows(database, BULK) == []


def test_every_column_of_our_tables_has_an_array_type() -> None:
    for table in shipped.tables.values():
        assert insert(table, [column.name for column in table.columns]).postgres.count("%s") == len(table.columns)
    with pytest.raises(TypeError, match="no array type"):
        insert(sa.Table("clock", sa.MetaData(), sa.Column("at", sa.DateTime)), ("at",))
