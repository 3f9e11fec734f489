"""The simulator's doors: whole check-ins through them on a real program, and what they refuse."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

import evaluation.migrations
import store.migrations
from bot.app import App, asgi, build
from bot.commands.demo import demo_settings
from bot.migrate import migrate
from bot.simulator.pages import STATUS_WORDS, read_chat_id, read_number, routes
from domain.message import Attachment, MessageClass, Status
from flows.library import Library
from flows.model import Act, Group
from store import outbox
from store.changes import Queued
from store.times import to_ms
from tests.conftest import Clock

JSON = {"Accept": "application/json"}
SCALES = ("content", "matters", "mood", "worry", "heard", "belonging")
ANSWERS = {*SCALES, "comment", "again", "wellbeing_score"}


@dataclass
class Browser:
    """A browser before the page, with one number and one chat id; without JavaScript."""

    app: App
    http: httpx.AsyncClient
    query: dict[str, str] = field(default_factory=dict)

    async def page(self) -> str:
        answer = await self.http.get("/simulator", params=self.query)
        assert answer.status_code == 200
        return answer.text

    async def messages(self, phone: str, after: str = "0") -> list[dict[str, Any]]:
        answer = await self.http.get(f"/simulator/{phone}/messages", params={**self.query, "after": after})
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    async def post(self, phone: str, form: dict[str, str], **options: Any) -> httpx.Response:
        return await self.http.post(f"/simulator/{phone}/messages", params=self.query, data=form, **options)

    async def told(self, phone: str, form: dict[str, str]) -> list[str]:
        """Send the form; what we say to it."""
        before = await self.messages(phone)
        answer = await self.post(phone, form)
        assert answer.status_code == 303, answer.text
        return [m["text"] for m in (await self.messages(phone))[len(before) :] if m["ours"]]

    async def type(self, phone: str, words: str) -> str:
        """Send the words; the one message that follows."""
        (reply,) = await self.told(phone, {"text": words})
        return reply

    async def press(self, label: str) -> str:
        """Press the button with that label under our last message; the one message that follows."""
        (reply,) = await self.told("telegram", {"button": await self.token(label)})
        return reply

    async def token(self, label: str) -> str:
        last = [m for m in await self.messages("telegram") if m["ours"]][-1]
        (token,) = [b["token"] for row in last["buttons"] for b in row if b["label"] == label]
        return str(token)

    async def statuses(self, phone: str) -> list[str]:
        return [m["status"] for m in await self.messages(phone) if m["ours"]]

    async def answered(self) -> set[str]:
        """The names of the questions with an answer in the store, of all people."""
        async with self.app.database.read() as connection:
            found = await connection.execute(text("SELECT question FROM answers WHERE NOT withdrawn"))
            return set(found.scalars())


@asynccontextmanager
async def demo(folder: Path, flows: Library, clock: Clock, *, migrated: bool = True) -> AsyncIterator[Browser]:
    """The demo on the files in that folder, as `mime demo` wires it."""
    app = build(demo_settings(folder), clock=clock, simulate=True, flows=flows)
    dispatching = asyncio.create_task(app.dispatcher.run())
    try:
        if migrated:
            await set_up(app)
        app.routes += routes(app)
        transport = httpx.ASGITransport(asgi(app, role="all"))
        async with httpx.AsyncClient(transport=transport, base_url="http://demo") as http:
            yield Browser(app, http)
    finally:
        app.dispatcher.stop()
        await dispatching
        await app.close()


async def set_up(app: App) -> None:
    await migrate(app.database.engine, store.migrations)
    await migrate(app.evaluation.engine, evaluation.migrations)


@pytest.fixture
async def browser(tmp_path: Path, flows: Library, clock: Clock) -> AsyncIterator[Browser]:
    async with demo(tmp_path, flows, clock) as browser:
        yield browser


def label(flows: Library, language: str, question: str) -> str:
    flow = flows.flow("wellbeing", language)
    assert flow is not None
    (found,) = [q.label for q in flow.questions if not isinstance(q, Group | Act) and q.name == question]
    return found


async def test_a_whole_check_in_by_sms_in_urdu(browser: Browser, flows: Library) -> None:
    await browser.type("sms", "اردو")
    assert label(flows, "ur", "consent") in await browser.type("sms", "CHECKIN")
    replies = ["ہاں", "۶", "۷", "۵", "۴", "۸", "۷", "آگے"]
    for reply, question in zip(replies, (*SCALES, "comment", "again"), strict=True):
        assert (await browser.type("sms", reply)).startswith(label(flows, "ur", question))
    last = await browser.type("sms", "ہاں")
    assert last == label(flows, "ur", "thanks").format(phone="01632 960123")
    assert await browser.answered() == ANSWERS


async def test_a_whole_check_in_in_telegram_with_polish_buttons(browser: Browser, flows: Library) -> None:
    await browser.type("telegram", "polski")
    assert await browser.type("telegram", "/checkin") == label(flows, "pl", "consent")
    replies = ["Tak", "7", "0", "10", "4", "Pomiń", "9", "Wolę nie mówić"]
    for reply, question in zip(replies, (*SCALES, "comment", "again"), strict=True):
        assert (await browser.press(reply)).startswith(label(flows, "pl", question))
    last = await browser.press("Nie")
    assert last == label(flows, "pl", "thanks").format(phone="01632 960123")
    assert await browser.answered() == ANSWERS


async def test_a_check_in_goes_on_after_a_restart(tmp_path: Path, flows: Library, clock: Clock) -> None:
    async with demo(tmp_path, flows, clock) as browser:
        await browser.type("telegram", "/checkin")
        await browser.press("Yes")
        matters = await browser.press("7")
        seen = await browser.messages("telegram")
    async with demo(tmp_path, flows, clock) as browser:
        assert await browser.messages("telegram") == seen
        assert matters.split("\n")[0] in await browser.page()
        mood = await browser.press("8")  # a button that was shown before the restart
        assert mood.startswith(label(flows, "en", "mood"))
        for reply in ("6", "3", "9", "10", "Prefer not to say"):
            await browser.press(reply)
        assert "01632 960123" in await browser.press("Yes")


async def test_a_button_of_an_earlier_question_can_still_be_pressed(browser: Browser) -> None:
    await browser.type("telegram", "/checkin")
    old = await browser.token("Yes")
    await browser.press("Yes")
    await browser.press("7")
    page = await browser.page()
    assert f'name="button" value="{old}"' in page
    (reply,) = await browser.told("telegram", {"button": old.replace(".0", ".1")})
    assert "earlier question" in reply


async def test_the_page_shows_who_said_what_and_the_buttons(browser: Browser) -> None:
    empty = await browser.page()
    assert empty.count("No messages yet. Send CHECKIN to begin.") == 2
    assert '<li class="message' not in empty
    await browser.type("sms", "CHECKIN")
    await browser.type("telegram", "CHECKIN")
    sms, telegram = (await browser.page()).split("Messages on the Telegram phone")
    assert re.search(r'class="message theirs".*?CHECKIN.*?class="message ours".*?8 short questions', sms, re.S)
    assert 'name="button"' not in sms
    assert re.findall(r'name="button" value="[^"]+" dir="auto">(\w+)</button>', telegram) == ["Yes", "No"]


async def test_what_somebody_writes_cannot_become_markup(browser: Browser) -> None:
    nasty = """<img src=x onerror="alert('&')">"""
    await browser.type("sms", nasty)
    assert nasty not in await browser.page()
    assert "&lt;img src=x onerror=" in await browser.page()
    theirs = (await browser.messages("sms"))[0]
    assert theirs["text"] == nasty
    assert nasty not in theirs["html"]
    assert "&lt;img src=x onerror=" in theirs["html"]


async def test_a_form_comes_back_to_the_page_and_to_its_box(browser: Browser) -> None:
    browser.query = {"sms": "+447700900002", "telegram": "1002"}
    answer = await browser.post("telegram", {"text": "hello"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/simulator?sms=%2B447700900002&telegram=1002#telegram-text"
    assert 'id="telegram-text"' in (await browser.http.get(answer.headers["location"])).text


async def test_a_script_is_answered_without_a_page(browser: Browser) -> None:
    answer = await browser.post("sms", {"text": "hello"}, headers=JSON)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [m["ours"] for m in await browser.messages("sms")] == [False, True]


async def test_our_message_waits_until_the_sender_has_taken_it(browser: Browser) -> None:
    await browser.type("sms", "hello")
    assert await browser.statuses("sms") == ["queued"]
    assert '<span class="status queued">Waiting</span>' in await browser.page()
    assert "data-settled" not in (await browser.messages("sms"))[-1]["html"]
    for sender in browser.app.senders:
        await sender.drain()
    assert await browser.statuses("sms") == ["sent"]
    assert '<span class="status sent">Sent</span>' in await browser.page()
    assert "data-settled" in (await browser.messages("sms"))[-1]["html"]


def test_each_status_has_a_word() -> None:
    assert set(STATUS_WORDS) == set(Status)


async def test_only_newer_messages_come_after_an_id(browser: Browser) -> None:
    await browser.type("sms", "hello")
    first = await browser.messages("sms")
    await browser.type("sms", "CHECKIN")
    every = await browser.messages("sms")
    newer = await browser.messages("sms", after=first[-1]["id"])
    assert newer == every[2:]
    assert newer[0]["text"] == "CHECKIN"
    assert await browser.messages("sms", after=every[-1]["id"]) == []


async def test_the_same_words_twice_are_two_messages(browser: Browser) -> None:
    for phone in ("sms", "telegram"):
        await browser.type(phone, "hello")
        await browser.type(phone, "hello")
        assert [m["text"] for m in await browser.messages(phone) if not m["ours"]] == ["hello", "hello"]


async def test_each_number_and_each_chat_is_another_person(browser: Browser) -> None:
    await browser.type("sms", "hello from the first")
    await browser.type("telegram", "hello from the first")
    browser.query = {"sms": "+447700900002", "telegram": "1002"}
    assert await browser.messages("sms") == await browser.messages("telegram") == []
    await browser.type("sms", "hello from the second")
    page = await browser.page()
    assert "hello from the second" in page
    assert "hello from the first" not in page
    browser.query = {}
    assert (await browser.page()).count("hello from the first") == 2


async def test_a_plus_in_the_address_is_taken_as_people_write_it(browser: Browser) -> None:
    page = await browser.http.get("/simulator?sms=+447700900007&telegram=1007")
    assert '<span class="address">+447700900007</span>' in page.text
    assert '<span class="address">1007</span>' in page.text


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+447700900001", "+447700900001"),
        (" 447700900001", "+447700900001"),
        (" 48512345678", "+48512345678"),
        ("07700 900 001", "+447700900001"),
        ("+48 512 345 678", "+48512345678"),
    ],
)
def test_a_number_is_read_as_people_write_it(typed: str, number: str) -> None:
    assert read_number(typed) == number


@pytest.mark.parametrize("typed", ["", " ", "hello", "+44", "12", "+", "+4477009000011234567"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="not a phone number"):
        read_number(typed)


@pytest.mark.parametrize("typed", ["", "0", "-5", "1e3", "one", "٣", "9" * 16, "9" * 5000])
def test_what_is_no_chat_id_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="not a chat id"):
        read_chat_id(typed)


async def test_a_wrong_address_is_said_beside_its_field(browser: Browser) -> None:
    answer = await browser.http.get("/simulator", params={"sms": '"hello"', "telegram": "-5"})
    assert answer.status_code == 400
    assert "This is not a phone number. Write one such as +447700900001." in answer.text
    assert "This is not a chat id. Write a number such as 1001." in answer.text
    assert 'value="&#34;hello&#34;"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert 'aria-describedby="sms-hint sms-fault"' in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/simulator/fax/messages", 404),
        ("POST", "/simulator/fax/messages", 404),
        ("GET", "/simulator/sms/messages?after=x", 400),
        ("GET", "/simulator/sms/messages?after=-1", 400),
        ("GET", "/simulator/sms/messages?after=" + "9" * 20, 400),
        ("GET", "/simulator/sms/messages?sms=hello", 400),
        ("POST", "/simulator/sms/messages?sms=hello", 400),
        ("POST", "/simulator/sms/messages", 400),
        ("DELETE", "/simulator/sms/messages", 405),
        ("POST", "/simulator", 405),
    ],
)
async def test_what_makes_no_sense_is_refused(browser: Browser, method: str, path: str, status: int) -> None:
    assert (await browser.http.request(method, path)).status_code == status


@pytest.mark.parametrize("form", [{}, {"text": ""}, {"text": " \n"}, {"button": ""}, {"txt": "hello"}])
async def test_nothing_is_not_sent(browser: Browser, form: dict[str, str]) -> None:
    answer = await browser.post("telegram", form)
    assert answer.status_code == 400
    assert "There was nothing in it. Write a word first." in answer.text
    assert await browser.messages("telegram") == []


async def test_a_very_long_message_is_not_taken(browser: Browser) -> None:
    assert (await browser.post("sms", {"text": "x" * 60_000})).status_code == 303
    answer = await browser.post("sms", {"text": "x" * 70_000}, headers=JSON)
    assert answer.status_code == 413
    assert "too long" in answer.json()["error"]
    assert len([m for m in await browser.messages("sms") if not m["ours"]]) == 1


async def test_bytes_that_are_no_text_are_taken_and_shown(browser: Browser) -> None:
    answer = await browser.http.post("/simulator/sms/messages", content=b"text=\xff%FF%ED%A0%80%00")
    assert answer.status_code == 303
    assert (await browser.messages("sms"))[0]["text"].startswith("\ufffd\ufffd")
    await browser.page()


async def test_another_site_cannot_send(browser: Browser) -> None:
    answer = await browser.post("sms", {"text": "hello"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert await browser.messages("sms") == []
    assert (await browser.post("sms", {"text": "a"}, headers={"Sec-Fetch-Site": "same-origin"})).status_code == 303


async def test_a_store_that_is_away_is_told_and_the_message_can_be_sent_again(
    tmp_path: Path, flows: Library, clock: Clock
) -> None:
    async with demo(tmp_path, flows, clock, migrated=False) as browser:  # its tables are not there yet
        answer = await browser.post("sms", {"text": "hello"}, headers=JSON)
        assert answer.status_code == 503
        assert "the store cannot be reached" in answer.json()["error"]
        browser.query = {"sms": "+447700900002", "telegram": "1001"}
        page = await browser.post("sms", {"text": "hello"})
        assert page.status_code == 503
        assert "the store cannot be reached" in page.text
        assert 'href="/simulator?sms=%2B447700900002&amp;telegram=1001"' in page.text
        await set_up(browser.app)
        assert "CHECKIN" in await browser.type("sms", "hello")


async def test_the_page_is_told_to_load_and_send_nothing_elsewhere(browser: Browser) -> None:
    await browser.type("sms", "hello")
    for path in ("/simulator", "/simulator?sms=hello", "/simulator/sms/messages"):
        answer = await browser.http.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'self'; form-action 'self'")
        assert answer.headers["cache-control"] == "no-store"
    page = await browser.page()
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert addresses
    assert all(address.startswith(("/simulator", "#")) for address in addresses)
    assert " style=" not in page
    assert "<style" not in page
    assert not re.search(r"<script(?! type=\"module\" src=\"/)", page)


async def test_what_the_page_loads_is_there(browser: Browser) -> None:
    page = await browser.page()
    for path in re.findall(r'"(/simulator/static/[^"]+)"', page):
        answer = await browser.http.get(path)
        assert answer.status_code == 200
        assert "http://" not in answer.text.replace("https://", "http://")


async def test_the_front_door_leads_to_the_phones(browser: Browser) -> None:
    answer = await browser.http.get("/")
    assert answer.is_redirect
    assert answer.headers["location"] == "/simulator"


async def test_the_page_offers_words_to_begin_with_and_all_languages(browser: Browser, flows: Library) -> None:
    page = await browser.page()
    starts = [word for flow in flows.flows.values() for word in flow.starts_with]
    assert starts
    for word in ("CHECKIN", "STOP", "LATER", *starts):
        assert page.count(f'name="text" value="{word}"') == 2
    for tag in flows.spoken:
        assert page.count(f'name="text" value="{flows.languages[tag].name}" lang="{tag}"') == 2


async def test_every_word_on_offer_is_understood(browser: Browser) -> None:
    words = re.findall(r'name="text" value="([^"]+)"', await browser.page())
    dunno = await browser.type("sms", "wibble")
    for word in dict.fromkeys(words):
        if word != "START":  # after STOP, it is the way back
            assert await browser.type("sms", word) != dunno, word
            if word == "STOP":
                await browser.type("sms", "START")


async def test_a_message_of_another_day_has_its_date(browser: Browser, clock: Clock) -> None:
    await browser.type("sms", "hello")
    assert ">10:00</time>" in await browser.page()
    clock.forward(timedelta(days=1))
    page = await browser.page()
    assert ">23 Nov, 10:00</time>" in page
    assert ">10:00</time>" not in page


async def test_a_file_is_on_the_phone_that_takes_files_and_can_be_opened_there(browser: Browser) -> None:
    app = browser.app
    file = Attachment("event.ics", "text/calendar", b"BEGIN:VCALENDAR")
    for phone, urn in (("sms", "tel:+447700900001"), ("telegram", "telegram:1001")):
        await browser.type(phone, "CHECKIN")
        key, now = app.vault.find(urn), to_ms(app.clock())
        async with app.database.begin() as connection:
            found = await connection.execute(text("SELECT contact_id FROM urns WHERE key = :key"), {"key": key})
            queued = Queued(
                id=app.ids(), key=phone, contact_id=found.scalar_one(), urn_key=key, channel=phone,
                message_class=MessageClass.REPLY, text="See you there", token="", buttons=(), send_after=now,
                expires_at=now + 1, attachment=file,
            )  # fmt: skip
            await outbox.queue(connection, app.vault, queued, now)
        assert (await browser.messages(phone))[-1]["file"] == ("event.ics" if phone == "telegram" else "")
    page = await browser.page()
    assert page.count("event.ics</a>") == 1
    assert '<a href="data:text/calendar;base64,QkVHSU46VkNBTEVOREFS" download="event.ics">' in page
