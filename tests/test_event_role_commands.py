"""Roles at events, and the links that go with them, by command: as coordinators type them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from bot.app import asgi, utc_now
from bot.commands import event_roles
from domain.event import Day, EventState
from flows.library import Library
from tests.bot.held import ENDS, STARTS, an_event, books, hold, on_the_team
from tests.conftest import Clock, World, make_world

BASE = "https://mime.example.org"
ANA, FAY = "tel:+447700900101", "telegram:4712"

Mime = Callable[..., Any]


@pytest.fixture
async def world(tmp_path: Path, flows: Library, clock: Clock) -> AsyncIterator[World]:
    clock.now = utc_now()
    urls = (f"sqlite+aiosqlite:///{tmp_path}/mime.db", f"sqlite+aiosqlite:///{tmp_path}/evaluation.db")
    world = await make_world(urls, flows, clock, public_base_url=BASE)
    move = clock.now - STARTS
    await hold(world, an_event(days=(Day(STARTS + move, ENDS + move),)))
    await hold(world, an_event(id=2, number=4, state=EventState.DRAFT))
    await on_the_team(world, FAY, "Fay")
    yield world
    await world.app.close()


@pytest.fixture
def mime(tmp_path: Path) -> Mime:
    """The command `mime event`, on the store of the world; what it wrote, and how it ended."""
    app = typer.Typer()
    event_roles.register(app)
    settings = {
        "MIME_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/mime.db",
        "MIME_EVALUATION_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/evaluation.db",
        "MIME_SECRET_KEY": "a secret for tests only",
        "MIME_PUBLIC_BASE_URL": BASE,
    }

    async def run(*words: str, **given: str) -> tuple[int, str]:
        # in a thread of its own, because each command runs a loop of its own
        ended = await asyncio.to_thread(CliRunner().invoke, app, words, env={**settings, **given})
        return ended.exit_code, ended.output

    return run


async def test_a_role_is_given_and_taken_away(world: World, mime: Mime) -> None:
    for _ in range(2):
        assert await mime("role", "3", "--who", "fay") == (0, "Event 3, Speaking in meetings:\n  Fay, facilitator\n")
    code, told = await mime("role", "3", "--who", "Fay", "--role", "note_taker")
    assert (code, told.count("Fay")) == (0, 2)
    for role in ("note_taker", "facilitator"):
        code, told = await mime("role", "3", "--who", "Fay", "--role", role, "--remove")
        assert code == 0
    assert "Nobody has a role." in told
    assert await mime("role", "3", "--who", "Fay", "--remove") == (1, "Fay is not facilitator of event 3\n")


async def test_a_calendar_s_link_leads_to_their_events(world: World, mime: Mime) -> None:
    await mime("role", "3", "--who", "Fay")
    links = []
    for _ in range(2):
        code, told = await mime("calendar", "--who", "Fay")
        assert code == 0
        links.append(re.findall(rf"{BASE}/calendar/[\w-]{{32}}\.ics", told)[0])
    inner: Any = asgi(world.app, role="web")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url=BASE) as http:
        assert (await http.get(links[0])).status_code == 404
        assert "Speaking in meetings" in (await http.get(links[1])).text


async def test_a_list_s_link_leads_to_who_is_expected(world: World, mime: Mime) -> None:
    await books(world, ANA, an_event())
    code, told = await mime("attendance", "3", "--who", "Fay")
    assert (code, told) == (
        1, "Fay has no role at event 3: give them one by mime event role 3 --who 'Fay'\n",
    )  # fmt: skip
    await mime("role", "3", "--who", "Fay")
    code, told = await mime("attendance", "3", "--who", "Fay")
    assert code == 0
    link = re.findall(rf"{BASE}/attendance/[\w-]{{32}}", told)[0]
    inner: Any = asgi(world.app, role="web")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url=BASE) as http:
        assert "Guest 1" in (await http.get(link)).text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("role", "9", "--who", "Fay"), "there is no event 9: see mime event list\n"),
        (("role", "3", "--who", "Nobody"), "nobody on the team is called 'Nobody': see mime team list\n"),
        (("calendar", "--who", "Nobody"), "nobody on the team is called 'Nobody': see mime team list\n"),
        (("attendance", "4", "--who", "Fay"), "event 4 is not published: nobody can book it, and nobody has a place\n"),
    ],
)
async def test_what_is_wrong_is_said(world: World, mime: Mime, words: tuple[str, ...], told: str) -> None:
    assert await mime(*words) == (1, told)


async def test_without_an_address_of_ours_there_is_no_link(world: World, mime: Mime) -> None:
    code, told = await mime("calendar", "--who", "Fay", MIME_PUBLIC_BASE_URL="")
    assert code == 1
    assert "MIME_PUBLIC_BASE_URL is empty" in told
