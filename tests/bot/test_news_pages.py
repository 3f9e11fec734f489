"""Newsletters on the web and on paper: what is shown to whom, in which language, and read with a real browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from bot.events.certificate import NoFont
from bot.news import paper
from domain.newsletter import ItemKind
from flows.library import Library
from store import issues
from tests.bot.browser import BASE, chromium, client, phone
from tests.conftest import Clock, World, make_world
from tests.crowd import Somebody, put
from tests.events import an_event, put_event
from tests.newsletters import (
    DONE_EVERYWHERE,
    MONTH,
    NEWS_EVERYWHERE,
    TOKEN,
    answer_to,
    answered,
    first,
    go_out,
    item,
    kept,
    the_month,
    words,
)

PAGE = f"{BASE}/n/{TOKEN}"
SECRET = "A thing for our readers alone"


@pytest.fixture
async def here(tmp_path: Path, flows: Library, clock: Clock) -> AsyncIterator[World]:
    """A program with an address, on SQLite."""
    urls = (f"sqlite+aiosqlite:///{tmp_path}/a.db", f"sqlite+aiosqlite:///{tmp_path}/b.db")
    world = await make_world(urls, flows, clock, public_base_url=BASE)
    yield world
    await world.app.close()


async def an_issue(world: World) -> None:
    """What came of what Ann said, news, an event, and something that is not for everybody: sent."""
    ann, _ = await put(world.app, [Somebody(consents=("newsletter", "quotes")), Somebody(consents=("newsletter",))])
    said = await answered(world, ann, "More light.\nAnd tea & <cake>.", question="change")
    await answered(world, ann, ["evenings"])
    await put_event(world.app.database, an_event(7, world.clock() + timedelta(days=9)), world.clock())
    await kept(world, item(words=NEWS_EVERYWHERE, link="https://www.example.org/room?a=1&b=2"))
    await kept(world, answer_to(words=DONE_EVERYWHERE, quote=said))
    await kept(world, item(kind=ItemKind.EVENT, words=NEWS_EVERYWHERE, event=7))
    await kept(world, item(words={"en": words(SECRET, "Read this.")}, public=False, month="2026-12"))
    await go_out(world, await first(world, 2))
    await go_out(world, await the_month(world))


async def test_the_page_shows_the_newsletter_in_the_language_of_its_address(here: World) -> None:
    await an_issue(here)
    async with client(here) as http:
        answer = await http.get(f"{PAGE}-en")
        assert answer.status_code == 200
        assert '<html lang="en" dir="ltr">' in answer.text
        assert "<h1>News from MIME, November 2026</h1>" in answer.text
        assert "<p>People told us: Places close too early.</p>" in answer.text
        assert "More light.\nAnd tea &amp; &lt;cake&gt;." in answer.text
        assert 'href="https://www.example.org/room?a=1&amp;b=2" rel="noreferrer">More about this: A new room</a>' in (
            answer.text
        )
        assert "Wednesday 2 December, 10am-12pm" in answer.text
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers
        assert (await http.get(PAGE)).text == answer.text
        urdu = (await http.get(f"{PAGE}-ur")).text
        assert '<html lang="ur" dir="rtl">' in urdu
        assert "نیا کمرہ" in urdu
        assert "More light." not in urdu, "a quote stays in the language in which it was said"
        theirs = (await http.get(f"{BASE}/n/ftheards-en")).text
        assert "<p>You told us: Places close too early.</p>" in theirs
        for wrong in ("abcdefgx-en", f"{TOKEN}-tlh", f"{TOKEN}-", "%00", f"{TOKEN}-en-", TOKEN.upper()):
            answer = await http.get(f"{BASE}/n/{wrong}")
            assert (wrong, answer.status_code) == (wrong, 404)
            assert "There is no news at this address" in answer.text
        for method in ("POST", "PUT", "DELETE"):
            assert (await http.request(method, PAGE)).status_code == 405


async def test_who_opens_it_leaves_no_trace(here: World) -> None:
    await an_issue(here)
    tables = "contacts", "inbox", "outbox", "newsletter_told", "codes", "seen", "bookmarks", "broadcasts"
    before = [await here.rows(f"SELECT * FROM {table}") for table in tables]
    async with client(here) as http:
        for path in ("/n/abcdefgh-en", "/news", "/news/pl/2026-11"):
            assert (await http.get(f"{BASE}{path}")).status_code == 200
    assert [await here.rows(f"SELECT * FROM {table}") for table in tables] == before


async def test_a_page_in_a_language_that_lacks_an_item_is_not_there(here: World) -> None:
    await put(here.app, [Somebody(consents=("newsletter",))])
    await kept(here)
    await kept(here, item(words={"en": NEWS_EVERYWHERE["en"]}))
    await the_month(here)
    async with client(here) as http:
        assert (await http.get(f"{PAGE}-en")).status_code == 200, "who tries it out can open it"
        assert (await http.get(f"{PAGE}-pl")).status_code == 404
        assert "polski" not in (await http.get(f"{PAGE}-en")).text


async def test_the_archive_shows_what_is_public_of_what_was_sent(here: World) -> None:
    async with client(here) as http:
        assert "There is no earlier news here yet." in (await http.get(f"{BASE}/news")).text
        await an_issue(here)
        await kept(here, item(words={"en": words("Not sent", "Not yet.")}))
        here.clock.now = here.clock.now.replace(month=12, day=1)
        december = await the_month(here, "2026-12", "december")
        assert (await http.get(f"{BASE}/news/en/2026-12")).status_code == 404
        await go_out(here, december)
        archive = (await http.get(f"{BASE}/news")).text
        assert re.findall(r'<a href="(/news/en/[^"]+)">([^<]+)</a>', archive) == [
            ("/news/en/2026-11", "November 2026")
        ], "there is nothing in December that anybody may read"
        month = (await http.get(f"{BASE}/news/en/2026-11")).text
        assert "A new room" in month
        assert "Not sent" not in month
        assert SECRET not in month
        assert SECRET in (await http.get(f"{BASE}/n/december-en")).text
        polish = (await http.get(f"{BASE}/news/pl")).text
        assert "listopad 2026" in polish
        assert '<html lang="pl" dir="ltr">' in polish
        for wrong in ("/news/tlh", "/news/en/2026-13", "/news/en/2026-10", "/news/tlh/2026-11"):
            assert (await http.get(f"{BASE}{wrong}")).status_code == 404


async def test_it_reads_on_a_phone_without_a_script_and_axe_finds_nothing(here: World) -> None:
    await an_issue(here)
    faults: list[str] = []
    path = chromium()
    async with client(here) as http, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            async with phone(browser, http, faults, color_scheme=scheme) as page:
                for address in (f"{PAGE}-en", f"{PAGE}-ur", f"{PAGE}-bn", f"{BASE}/news", f"{BASE}/n/nonesuch"):
                    await page.goto(address)
                    found = await Axe().run(page)
                    assert found.violations_count == 0, found.generate_report()
                    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        async with phone(browser, http, faults, java_script_enabled=False) as page:
            await page.goto(f"{PAGE}-en")
            assert await page.get_by_role("heading", level=1).inner_text() == "News from MIME, November 2026"
            assert await page.get_by_role("article").count() == 3
            await page.get_by_role("link", name="اردو").click()
            assert page.url == f"{PAGE}-ur"
            await page.get_by_role("link", name="پچھلی خبریں").click()
            await page.get_by_role("link", name="نومبر 2026").click()
            assert page.url == f"{BASE}/news/ur/{MONTH}"
            await page.emulate_media(media="print")
            assert not await page.get_by_role("navigation").is_visible()
            assert await page.get_by_text("https://www.example.org/room").is_visible()
        await browser.close()
    assert [fault for fault in faults if "404" not in fault and "favicon" not in fault] == []


# on paper


@pytest.mark.parametrize("language", ["en", "en-simple", "pl", "ro", "ur", "bn"])
async def test_a_pdf_has_its_title_and_language_and_is_tagged(here: World, language: str) -> None:
    made = await printed(here, language)
    assert made.startswith(b"%PDF")
    for mark in (b"/MarkInfo", b"/StructTreeRoot", b"pdfuaid:part", f"({language[:2]}".encode()):
        assert mark in made, mark


async def test_large_print_takes_more_pages(here: World) -> None:
    ordinary, large = await printed(here, "en"), await printed(here, "en", large=True)
    assert ordinary != large


async def printed(world: World, language: str, *, large: bool = False) -> bytes:
    if not await world.rows("SELECT id FROM newsletter_items"):
        await kept(world, item(words=NEWS_EVERYWHERE, link="https://www.example.org/room"))
        await kept(world, answer_to(words=DONE_EVERYWHERE))
    async with world.app.database.read() as connection:
        issue = await issues.of_month(connection, world.app.post.press, world.app.vault, MONTH)
    assert issue is not None
    library = world.app.library
    turned = library.languages[language].right_to_left
    return paper.pdf(issue, language, library.phrases[language], right_to_left=turned, large=large)


async def test_letters_that_no_font_has_are_said_and_not_left_out(here: World) -> None:
    strange = "".join(chr(code) for code in range(0x1E030, 0x1E034)) + "\U0001e2c0\U00016ac0\U00018b00"
    await kept(here, item(words={"en": words("A", strange)}))
    with pytest.raises(NoFont, match="install the fonts-noto packages"):
        await printed(here, "en")
