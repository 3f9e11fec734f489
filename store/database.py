"""The two databases behind one door: transactions for anybody, and fast ones for the hot path."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store.bulk import Fetch, Write
from store.postgres import deadline, make_engine

Row = Sequence[Any]


class HotTransaction(Protocol):
    """A transaction that takes its statements several at a time, and reads before it writes."""

    async def fetch(self, *reads: Fetch) -> list[list[Row]]:
        """The rows of each read; all of them travel together."""
        ...

    def write(self, statement: Write, rows: Sequence[Row]) -> None:
        """To be written when the transaction ends without an error. No rows: nothing is done."""
        ...


class Database:
    """An operational or an evaluation store: SQLite in a file, or PostgreSQL.

    SQLite takes one writer at a time, so the writers of this process queue here, in order, instead
    of polling the file's lock.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine: AsyncEngine = (
            create_async_engine(url, connect_args={"cached_statements": 512, "factory": _Together})
            if self.is_sqlite
            else make_engine(url, pool_size=pool_size)
        )
        self._turn = asyncio.Lock()
        self._hot: AsyncConnection | None = None
        self._refused_at = 0.0
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _sqlite_settings)
            event.listen(self.engine.sync_engine, "begin", _sqlite_begin)

    @property
    def name(self) -> str:
        """Where it is, without the password."""
        return self.engine.url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write."""
        if self.is_sqlite:
            async with self._turn, self.engine.connect() as connection:
                await connection.execution_options(writes=True)
                async with connection.begin():
                    yield connection
        else:
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that only reads."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def hot(self) -> AsyncIterator[HotTransaction]:
        """A transaction for the hot path, on a connection of its own."""
        asked_at = asyncio.get_running_loop().time()
        async with self._turn:
            if self._hot is None:
                self._hot = await self._connect_hot(asked_at)
            raw = (await self._hot.get_raw_connection()).driver_connection
            transaction = _Sqlite(raw) if self.is_sqlite else _Postgres(raw)
            try:
                yield transaction
                await transaction.commit()
            except BaseException as error:
                await self._give_up(transaction, error)
                raise

    async def _connect_hot(self, asked_at: float) -> AsyncConnection:
        """PostgreSQL plans each of the few hot statements once. By itself it plans those that look into a table's parts
        anew each time, because it thinks that fewer parts may do; the planning costs more than the looking (ADR 0023).
        """
        connection = await self._connected(asked_at)
        if not self.is_sqlite:
            await connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
            await connection.commit()
        return connection

    async def _connected(self, asked_at: float) -> AsyncConnection:
        """Who stood in line while somebody tried in vain does not try again: a host that is cut off lets each wait."""
        if self._refused_at > asked_at:
            raise ConnectionError("the store could not be reached just now")
        try:
            return await self.engine.connect()
        except Exception:
            self._refused_at = asyncio.get_running_loop().time()
            raise

    async def scrub(self) -> None:
        """Take what was deleted out of a SQLite file's log as well; in the file itself it is overwritten already
        (`secure_delete`). PostgreSQL gives dead rows' space back by its own vacuum. A reader that is at work
        keeps the log for now: the next call empties it.
        """
        if not self.is_sqlite:
            return
        async with self._turn, self.engine.connect() as connection:
            autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await autocommit.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        async with self._turn:
            if self._hot is not None:
                await self._hot.close()
                self._hot = None
        await self.engine.dispose()

    async def _give_up(self, transaction: _Sqlite | _Postgres, error: BaseException) -> None:
        """Roll back; a connection that cannot even do that (the server is away), or leads to a server that does not
        write any more, is thrown away.
        """
        useless = self.is_lost(error)
        try:
            await transaction.rollback()
        except Exception:
            useless = True
        if useless and self._hot is not None:
            await self._hot.invalidate()
            self._hot = None

    def is_lost(self, error: BaseException) -> bool:
        """Whether PostgreSQL went away under a transaction, so that another host may take its place within seconds.
        What it wrote is there or not: only the rows tell. SQLite does not go away and come back.
        """
        return (
            not self.is_sqlite and not is_refusal(error) and any(kind.__name__ in _LOST for kind in type(error).__mro__)
        )


def _sqlite_settings(connection: Any, _: object) -> None:
    """FULL, always: with shared commits it costs little, and NORMAL may lose answers at a power cut."""
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=10000",
        "cache_size=-16000",
        "secure_delete=ON",
        "journal_size_limit=67108864",
        "wal_autocheckpoint=4000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Any) -> None:
    """A writer takes the lock at once: one that first reads and then writes could be refused midway."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class _Together(sqlite3.Connection):
    """Takes several statements as one, so that a batch is not a trip to aiosqlite's thread for each of them: a trip
    is some 15 to 80 us, and wakes the event loop while the thread wants Python's lock for the next.
    """

    def execute(self, sql: Any, parameters: Any = (), /) -> Any:
        """As `sqlite3.Connection.execute`; of a list of statements with their values, run in order until one fails,
        the rows of each.
        """
        execute = super().execute
        if isinstance(sql, list):
            return _Results([execute(*one).fetchall() for one in sql])
        return execute(sql, parameters)


class _Results(list[list[Row]]):
    """What several statements gave, in the form in which aiosqlite asks for the rows of one."""

    def fetchall(self) -> list[list[Row]]:
        return self


class _Sqlite:
    """Statements are handed to aiosqlite's thread together and run there in order: a batch costs two trips between
    the threads, one for its reads and one for its writes.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._writes: list[tuple[Any, ...]] = []
        self._begun = False

    async def fetch(self, *reads: Fetch) -> list[list[Row]]:
        statements: list[tuple[Any, ...]] = [(read.sqlite, read.sqlite_parameters()) for read in reads]
        if self._begun:
            return list(await self._raw.execute_fetchall(statements))
        self._begun = True
        return list((await self._raw.execute_fetchall([("BEGIN IMMEDIATE",), *statements]))[1:])

    def write(self, statement: Write, rows: Sequence[Row]) -> None:
        self._writes.extend(statement.sqlite(rows))

    async def commit(self) -> None:
        if not self._begun:
            await self.fetch()
        await self._raw.execute_fetchall([*self._writes, ("COMMIT",)])

    async def rollback(self) -> None:
        if self._raw.in_transaction:
            await self._raw.execute_fetchall("ROLLBACK")


class _Postgres:
    """Reads travel in one round trip and writes with their COMMIT in another (libpq's pipeline mode)."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._writes: list[tuple[str, list[str]]] = []
        self._warned = False

    async def fetch(self, *reads: Fetch) -> list[list[Row]]:
        with deadline(self._raw):
            async with self._raw.pipeline():
                cursors = [await self._raw.execute(read.postgres, read.values) for read in reads]
            return [await cursor.fetchall() for cursor in cursors]

    def write(self, statement: Write, rows: Sequence[Row]) -> None:
        if rows:
            self._writes.append((statement.postgres, [array_literal(column) for column in zip(*rows, strict=True)]))

    async def commit(self) -> None:
        self._raw.add_notice_handler(self._hear)
        try:
            with deadline(self._raw):
                async with self._raw.pipeline():
                    for sql, columns in self._writes:
                        await self._raw.execute(sql, columns)
                    await self._raw.commit()
        finally:
            self._raw.remove_notice_handler(self._hear)
        if self._warned:
            raise CommitInDoubt

    async def rollback(self) -> None:
        with deadline(self._raw):
            await self._raw.rollback()

    def _hear(self, notice: Any) -> None:
        self._warned = self._warned or notice.severity_nonlocalized == "WARNING"


class CommitInDoubt(Exception):
    """PostgreSQL committed, and warned: somebody cancelled the wait for the synchronous standby, so a failover would
    lose it. What was written is asked for again, and acknowledged when a later commit has reached the standby.
    """


def array_literal(column: Sequence[Any]) -> str:
    """A column of rows as PostgreSQL writes an array (its documentation, 8.15.2); the statement casts it. What is in
    it is of one type, or None. Raises TypeError for a type that no column has.

    The driver can do this as well, but takes a third of a batch's time for it.
    """
    kind = type(column[0])
    if kind is int and None not in column:
        return "{" + ",".join(map(str, column)) + "}"
    if kind is bytes and None not in column:
        return '{"\\\\x' + '","\\\\x'.join(map(bytes.hex, column)) + '"}'
    return "{" + ",".join(map(_element, column)) + "}"


def _element(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case str():
            if "\\" in value or '"' in value:
                value = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{value}"'
        case bool():
            return "t" if value else "f"
        case int():
            return str(value)
        case bytes():
            return f'"\\\\x{value.hex()}"'
    raise TypeError(f"no array holds a {type(value).__name__}")


#: Of PEP 249, and PostgreSQL's two ways to say that replicas stood in each other's way.
_REFUSALS = frozenset({"IntegrityError", "DataError", "DeadlockDetected", "SerializationFailure"})


#: Of PEP 249 and of Python: the server is away, hung up, or only reads any more.
_LOST = frozenset(
    {"OperationalError", "InterfaceError", "ReadOnlySqlTransaction", "CommitInDoubt", "TimeoutError", "OSError"}
)


def is_refusal(error: BaseException) -> bool:
    """Whether the database is there and refused the rows: a key that exists, a value that does not fit,
    another replica's transaction. The hot path runs on the drivers themselves, so their names count.
    """
    return any(kind.__name__ in _REFUSALS for kind in type(error).__mro__)
