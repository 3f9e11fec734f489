"""The simulator's page in a real browser, before a real `mime demo`: typing, pressing, keyboard, no JavaScript."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, async_playwright, expect

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20_000  # milliseconds, for a busy machine
expect.set_options(timeout=PATIENCE)
#: Each page gets a person of its own, so that the tests do not meet on the one demo that they share.
_people = itertools.count(100)

Open = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo that runs while the tests of this file do."""
    folder = tmp_path_factory.mktemp("demo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "bot", "demo", "--port", str(port), "--folder", str(folder / "data")]
    errors = folder / "errors"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            if not any("/simulator" in line for line in process.stdout):
                pytest.fail(f"mime demo did not start: {errors.read_text()}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)
    assert process.returncode == 0, errors.read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("There is no chromium to test the pages with. Install it: make chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(chromium: Browser, demo: str) -> AsyncIterator[Open]:
    """Opens the page as somebody new, in a window with the given options. In the end: no script has
    failed, and nothing was asked of any other machine.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    async def open_page(query: str | None = None, **options: Any) -> Page:
        context = await chromium.new_context(base_url=demo, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Security Policy" in said.text else None)
        page.on("request", lambda request: None if request.url.startswith(demo) else faults.append(request.url))
        n = next(_people)
        await page.goto(f"/simulator?{query or f'sms=+447700900{n}&telegram=2{n}'}")
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert faults == []


def last(page: Page, phone: str) -> Locator:
    """The last message on a phone."""
    return page.locator(f".{phone} .message").last


async def write(page: Page, phone: str, words: str, reply: str) -> None:
    """Type the words, send them with Enter, and wait for a last message that holds the reply."""
    box = page.locator(f"#{phone}-text")
    await box.fill(words)
    await box.press("Enter")
    await expect(last(page, phone)).to_contain_text(reply)


async def press(page: Page, label: str, reply: str) -> None:
    """Press a button under our last message with buttons, and wait for the reply."""
    await page.locator(".telegram .keys").last.get_by_role("button", name=label, exact=True).click()
    await expect(last(page, "telegram")).to_contain_text(reply)


async def state(page: Page, script: str) -> Any:
    return await page.evaluate(script)


async def test_a_check_in_by_typing(open_page: Open) -> None:
    page = await open_page()
    await expect(page.locator(".sms .nothing")).to_be_visible()
    await write(page, "sms", "CHECKIN", "8 short questions")
    await expect(page.locator(".sms .nothing")).to_be_hidden()
    await write(page, "sms", "yes", "How content are you")
    for reply, question in (
        ("7", "things you do matter"),
        ("eight", "mood been"),
        ("5", "worried"),
        ("3", "people listen"),
        ("9", "part of a group"),
        ("10", "anything else"),
        ("skip", "ask you again"),
        ("no", "Your answers are safe with us"),
    ):
        await write(page, "sms", reply, question)
    await expect(page.locator("#sms-text")).to_be_focused()
    await expect(page.locator("#sms-text")).to_have_value("")
    await expect(page.locator(".sms .message")).to_have_count(20)
    await expect(last(page, "sms").locator(".status")).to_have_text("Sent")
    await expect(last(page, "sms")).to_be_in_viewport()
    await expect(page.locator(".telegram .message")).to_have_count(0)


async def test_a_check_in_by_pressing(open_page: Open) -> None:
    page = await open_page()
    await page.locator(".telegram .words").get_by_role("button", name="polski").click()
    await expect(last(page, "telegram")).to_contain_text("po polsku")
    await page.locator(".telegram .words").get_by_role("button", name="CHECKIN").click()
    await expect(last(page, "telegram")).to_contain_text("krótkich pytań")
    await press(page, "Tak", "zadowala")
    first_keys = page.locator(".telegram .keys").first
    await press(page, "7", "0 = nigdy")
    await first_keys.get_by_role("button", name="Nie").click()  # an old one: it answers to that
    await expect(last(page, "telegram").get_by_role("button", name="10", exact=True)).to_be_visible()
    said = page.locator(".telegram .theirs .text")  # a press is shown by the words on its button
    await expect(said).to_have_text(["polski", "CHECKIN", "Tak", "7", "Nie"])
    await expect(page.locator(".sms .message")).to_have_count(0)


async def test_only_the_newest_buttons_stand_out(open_page: Open) -> None:
    page = await open_page()
    await write(page, "telegram", "CHECKIN", "8 short questions")
    colour = "button => getComputedStyle(button).backgroundColor"
    yes = page.locator(".telegram .keys button").first
    bright = await yes.evaluate(colour)
    await press(page, "Yes", "How content")
    assert await page.locator(".telegram .keys").last.locator("button").first.evaluate(colour) == bright
    assert await yes.evaluate(colour) != bright


async def test_the_conversation_is_there_after_a_reload(open_page: Open) -> None:
    page = await open_page()
    await write(page, "telegram", "CHECKIN", "8 short questions")
    await write(page, "telegram", "yes", "How content are you")
    await page.reload()
    await expect(page.locator(".telegram .message")).to_have_count(4)
    await expect(last(page, "telegram")).to_be_in_viewport()
    await press(page, "7", "things you do matter")


async def test_new_messages_come_by_themselves(open_page: Open) -> None:
    one = await open_page()
    other = await open_page(query=one.url.partition("?")[2])
    await write(one, "sms", "CHECKIN", "8 short questions")
    await expect(last(other, "sms")).to_contain_text("8 short questions")
    await expect(last(other, "sms").locator(".status")).to_have_text("Sent")
    await expect(last(other, "sms")).to_be_in_viewport()
    await expect(other.locator(".sms .message")).to_have_count(2)


async def test_a_page_out_of_sight_does_not_look_for_messages(open_page: Open) -> None:
    page = await open_page()
    await page.clock.install()
    await page.reload()
    looks: list[str] = []
    page.on("request", lambda request: looks.append(request.url) if "&after=" in request.url else None)
    async with page.expect_request("**/sms/messages?*after=*"), page.expect_request("**/telegram/messages?*after=*"):
        await page.clock.run_for(1_100)
    await page.wait_for_load_state("networkidle")
    await state(page, "() => { Object.defineProperty(document, 'hidden', { get: () => window.away }); away = true }")
    looks.clear()
    await page.clock.run_for(10_000)
    async with page.expect_request("**/sms/messages?*after=*"), page.expect_request("**/telegram/messages?*after=*"):
        await state(page, "() => { away = false; document.dispatchEvent(new Event('visibilitychange')) }")
    assert len(looks) == 2, "only those of the moment it came into sight again"


async def test_messages_in_haste_keep_their_order(open_page: Open) -> None:
    page = await open_page()
    posted: list[str | None] = []
    go_on = asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method == "POST":
            posted.append(route.request.post_data)
            await go_on.wait()
        await route.continue_()

    await page.route("**/sms/messages?*", hold)
    await page.locator("#sms-text").focus()
    for word in ("alpha", "beta", "gamma"):
        await page.keyboard.type(word)
        await page.keyboard.press("Enter")
    async with page.expect_request("**/telegram/messages?*after=*"):
        pass  # time for all three to set out, if they did not wait for each other
    assert posted == ["text=alpha"]
    go_on.set()
    await expect(page.locator(".sms .theirs .text")).to_have_text(["alpha", "beta", "gamma"])


async def test_words_that_could_not_be_sent_are_not_lost(open_page: Open) -> None:
    page = await open_page()
    await write(page, "sms", "hello", "CHECKIN")
    await page.context.set_offline(True)
    await page.locator("#sms-text").fill("CHECKIN")
    await page.locator("#sms-text").press("Enter")
    await expect(page.locator(".sms .trouble")).to_contain_text("Your message was not taken")
    await expect(page.locator("#sms-text")).to_have_value("CHECKIN")
    await expect(page.locator(".telegram .trouble")).to_contain_text("The demo does not answer")
    await page.context.set_offline(False)
    await expect(page.locator(".telegram .trouble")).to_be_empty()
    await page.locator("#sms-text").press("Enter")
    await expect(last(page, "sms")).to_contain_text("8 short questions")
    await expect(page.locator(".sms .trouble")).to_be_empty()


async def tab_to(page: Page, target: str, key: str = "Tab") -> None:
    """Go to the target with that key alone. At every stop the focus must be seen."""
    for _ in range(80):
        await page.keyboard.press(key)
        seen = await state(
            page,
            """() => {
              const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
              return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
                && box.bottom > 0 && box.top < innerHeight && box.width > 1;
            }""",
        )
        assert seen, await state(page, "() => document.activeElement.outerHTML")
        if await page.locator(target).evaluate("one => one === document.activeElement"):
            return
    pytest.fail(f"{key} does not lead to {target}")


async def test_everything_goes_by_keyboard(open_page: Open) -> None:
    page = await open_page(viewport={"width": 1000, "height": 700})
    keys = page.keyboard
    await tab_to(page, ".jump a >> nth=0")
    await keys.press("Enter")
    await expect(page.locator("#sms-text")).to_be_focused()
    await keys.type("CHECKIN")
    await keys.press("Enter")
    await expect(last(page, "sms")).to_contain_text("8 short questions")
    await expect(page.locator("#sms-text")).to_be_focused()
    await keys.type("1")
    await tab_to(page, ".sms .write button")
    await keys.press("Space")
    await expect(last(page, "sms")).to_contain_text("How content")
    await tab_to(page, ".sms .words button >> text=SKIP")
    await keys.press("Enter")
    await expect(last(page, "sms")).to_contain_text("things you do matter")
    await tab_to(page, ".sms .log", "Shift+Tab")  # so that its older messages can be scrolled to
    await keys.press("Home")
    await expect(page.locator(".sms .message").first).to_be_in_viewport()
    await tab_to(page, "#telegram-text")
    await keys.type("CHECKIN")
    await keys.press("Enter")
    await expect(last(page, "telegram")).to_contain_text("8 short questions")
    await tab_to(page, ".telegram .keys button >> text=Yes", "Shift+Tab")
    await keys.press("Enter")
    await expect(last(page, "telegram")).to_contain_text("How content")
    await expect(last(page, "telegram").locator(".status")).to_have_text("Sent")
    await expect(page.locator(".telegram .keys button >> text=Yes")).to_be_focused()
    await tab_to(page, ".telegram .keys button >> text=7")
    await keys.press("Space")
    await expect(last(page, "telegram")).to_contain_text("things you do matter")
    await tab_to(page, "#telegram-address")
    await keys.press("Control+a")
    await keys.type("777")
    await keys.press("Enter")
    await expect(page.locator("#telegram-title")).to_contain_text("777")
    await expect(page.locator(".telegram .message")).to_have_count(0)
    await expect(last(page, "sms")).to_contain_text("things you do matter")  # the other phone stays as it was


async def test_all_works_without_javascript(open_page: Open) -> None:
    page = await open_page(java_script_enabled=False)
    await write(page, "sms", "CHECKIN", "8 short questions")
    await expect(page.locator("#sms-text")).to_be_focused()
    await write(page, "sms", "yes", "How content")
    await write(page, "sms", "7", "things you do matter")
    await expect(last(page, "sms")).to_be_in_viewport()
    await write(page, "telegram", "română", "română")
    await page.locator(".telegram .words").get_by_role("button", name="CHECKIN").click()
    await expect(last(page, "telegram")).to_contain_text("8 întrebări")
    await press(page, "Da", "0 =")
    await press(page, "7", "0 =")
    await expect(page.locator("#telegram-text")).to_be_focused()
    await page.get_by_role("link", name="Look for new messages").click()
    await expect(page.locator(".sms .message")).to_have_count(6)
    await expect(last(page, "sms").locator(".status")).to_have_text("Sent")
    await page.locator("#sms-address").fill("07700 900999")
    await page.locator(".sms .whose button").click()
    await expect(page.locator("#sms-title")).to_contain_text("+447700900999")
    await expect(page.locator(".telegram .message")).not_to_have_count(0)


async def test_a_language_is_written_in_its_own_direction(open_page: Open) -> None:
    page = await open_page()
    await write(page, "sms", "hello", "CHECKIN")
    await page.locator(".sms .words").get_by_role("button", name="اردو").click()
    await expect(page.locator(".sms .message")).to_have_count(4)
    direction = "text => getComputedStyle(text).direction"
    texts = await page.locator(".sms .text").all()
    assert [await one.evaluate(direction) for one in texts] == ["ltr", "ltr", "rtl", "rtl"]


async def violations(page: Page) -> str:
    """What axe finds wrong with the page; empty where it finds nothing."""
    results = await Axe().run(page)
    return str(results.generate_report()) if results.violations_count else ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
async def test_axe_finds_nothing(open_page: Open, scheme: str, width: int) -> None:
    page = await open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    assert await violations(page) == ""
    await write(page, "sms", "CHECKIN", "8 short questions")
    await write(page, "sms", "اردو", "8")
    await write(page, "telegram", "CHECKIN", "8 short questions")
    await press(page, "Yes", "How content")
    await page.context.set_offline(True)
    await expect(page.locator(".sms .trouble")).to_contain_text("does not answer")
    assert await violations(page) == ""


async def test_axe_finds_nothing_on_a_page_with_a_fault(open_page: Open) -> None:
    page = await open_page(query="sms=hello&telegram=-5")
    await expect(page.locator(".fault")).to_have_count(2)
    assert await violations(page) == ""


async def test_axe_can_find_something(open_page: Open) -> None:
    page = await open_page()
    await state(page, "() => document.querySelector('label').remove()")
    assert "label" in await violations(page)


@pytest.mark.parametrize("height", [640, 256])
async def test_a_narrow_window_and_a_large_zoom_need_no_sideways_scrolling(open_page: Open, height: int) -> None:
    page = await open_page(viewport={"width": 320, "height": height})  # 1280 x 1024 at 400 % is 320 x 256
    await write(page, "telegram", "CHECKIN", "8 short questions")
    await write(page, "telegram", "yes", "How content")
    await write(page, "sms", "x" * 500, "CHECKIN")
    wide = """() => [...document.querySelectorAll("html, .log, button, input")].filter(one =>
      one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > innerWidth
    ).map(one => one.outerHTML.slice(0, 80))"""
    assert await state(page, wide) == []
    size = "one => [one.getBoundingClientRect().width, one.getBoundingClientRect().height]"
    for button in await page.locator("button").all():
        assert min(await button.evaluate(size)) >= 24, "WCAG 2.2, 2.5.8"
    phones = await page.locator(".phone").all()
    tops = [await phone.evaluate("one => one.offsetTop") for phone in phones]
    assert tops[0] < tops[1], "one below the other"
