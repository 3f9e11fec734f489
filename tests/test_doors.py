"""Every address that the program answers at is a webhook that demands a signature, or on the list of public ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from bot.app import App, asgi, build
from bot.commands.demo import demo_settings
from bot.simulator.pages import routes
from bot.webhooks import Doors
from flows.library import Library
from tests.bot.live import live
from tests.conftest import Clock

#: They ask who is there, by a signature or a secret.
WEBHOOKS = {"/webhooks/telegram", "/webhooks/twilio/inbound", "/webhooks/twilio/status"}
#: They hold no word of a person, and need not ask. A new one is added here by somebody who has thought about it.
PUBLIC = {"/healthz", "/readyz", "/metrics", "/calendar/events.ics", "/news"}
#: They hold words about one person, for whoever has the link that this person was sent (tests/bot/test_my_data.py,
#: tests/bot/test_certificate.py).
BY_LINK = {"/my-data/{token}", "/my-data/{token}.json", "/certificate/{token}"}
#: They show what one person of the team needs for an event, for whoever has that person's link.
OF_THE_TEAM = {"/calendar/{token}.ics", "/attendance/{token}"}
#: They show newsletters, with nothing of any person (tests/bot/test_news_pages.py).
NEWSLETTERS = {"/n/{token}", "/news/{language}", "/news/{language}/{month}"}
#: `mime demo` alone has them, on one's own machine.
DEMO = {"/", "/simulator", "/simulator/{phone}/messages", "/simulator/static"}


@pytest.fixture
async def app(tmp_path: Path, flows: Library, clock: Clock) -> AsyncIterator[App]:
    """As `mime serve` builds it, with every channel on."""
    urls = (f"sqlite+aiosqlite:///{tmp_path}/a.db", f"sqlite+aiosqlite:///{tmp_path}/b.db")
    async with live(urls, flows, clock, public_base_url="https://mime.example.org") as world:
        running = asyncio.create_task(world.app.dispatcher.run())
        yield world.app
        world.app.dispatcher.stop()
        await running


def client(app: App) -> httpx.AsyncClient:
    inner: Any = asgi(app, role="web")
    return httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url="http://mime.example.org")


def addresses(app: App) -> tuple[set[str], set[str]]:
    """The webhooks, and all else that is behind the doors."""
    doors = asgi(app, role="all")
    assert isinstance(doors, Doors)
    inner: Any = doors._inner
    return set(doors._doors), set(paths(inner.routes))


def paths(routes: Iterable[BaseRoute]) -> list[str]:
    found = [route.path for route in routes if isinstance(route, Route | Mount)]
    assert len(found) == len(list(routes)), "a route of a kind that is not known here"
    return found


async def test_there_is_no_address_that_nobody_thought_about(app: App) -> None:
    assert addresses(app) == (WEBHOOKS, PUBLIC | BY_LINK | OF_THE_TEAM | NEWSLETTERS)


async def test_the_simulator_is_the_demo_s_alone(tmp_path: Path, flows: Library, clock: Clock) -> None:
    app = build(demo_settings(tmp_path), clock=clock, simulate=True, flows=flows)
    try:
        assert set(paths(routes(app))) == DEMO
        assert addresses(app) == (WEBHOOKS, PUBLIC | BY_LINK | OF_THE_TEAM | NEWSLETTERS)
        app.routes += routes(app)
        async with client(app) as http:
            for webhook in WEBHOOKS:  # the phones are on the page: nobody else brings anything
                assert (await http.post(webhook)).status_code == 404
    finally:
        await app.close()


@pytest.mark.parametrize("path", sorted(WEBHOOKS))
async def test_a_webhook_asks_who_is_there(app: App, path: str) -> None:
    async with client(app) as http:
        assert (await http.post(path, content=b"{}")).status_code == 403
        assert (await http.post(f"{path}?m=1", content=b"a=b")).status_code == 403


@pytest.mark.parametrize("path", sorted(PUBLIC))
async def test_a_public_address_is_only_read(app: App, path: str) -> None:
    async with client(app) as http:
        assert (await http.get(path)).status_code == 200
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await http.request(method, path, content=b"x")).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/", "/simulator", "/docs", "/openapi.json", "/webhooks", "/webhooks/", "/webhooks/telegram/",
        "/webhooks//telegram", "/WEBHOOKS/telegram", "/webhooks/twilio", "/webhooks/twilio/inbound/x",
        "/healthz/../webhooks", "/.env", "/%00",
    ],
)  # fmt: skip
async def test_there_is_nothing_anywhere_else(app: App, path: str) -> None:
    async with client(app) as http:
        for method in ("GET", "POST"):
            assert (await http.request(method, path)).status_code == 404


async def test_an_answer_tells_nothing_of_what_serves_it(app: App) -> None:
    async with client(app) as http:
        for path in (*PUBLIC, *WEBHOOKS, "/nowhere"):
            answer = await http.get(path)
            assert not {"server", "x-powered-by", "set-cookie"} & set(answer.headers)
