"""Our pages in a real browser, on a phone's screen; what they ask for comes from the program, and from nobody else."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route

from bot.app import asgi
from tests.conftest import World

BASE = "https://mime.example.org"


def client(world: World) -> httpx.AsyncClient:
    inner: Any = asgi(world.app, role="web")
    return httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url=BASE)


def chromium() -> str:
    """Where it is; a failure where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("There is no chromium to test the pages with. Install it: make chromium")
    return path


@asynccontextmanager
async def phone(browser: Browser, http: httpx.AsyncClient, faults: list[str], **options: Any) -> AsyncIterator[Page]:
    """A page on a phone's screen; what it asks for comes from the program, and from nobody else."""

    async def answer(route: Route) -> None:
        asked = route.request
        if not asked.url.startswith(BASE):
            faults.append(asked.url)
        kind = {"content-type": asked.headers.get("content-type", "")}
        got = await http.request(asked.method, asked.url, content=asked.post_data_buffer, headers=kind)
        await route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.content)

    context: BrowserContext = await browser.new_context(viewport={"width": 360, "height": 740}, **options)
    page = await context.new_page()
    page.on("console", lambda said: faults.append(said.text))
    await page.route("**/*", answer)
    yield page
    await context.close()
