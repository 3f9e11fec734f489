"""The page of one's own data: who has the link reads all of it, nobody else anything, and in a browser as well."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Route, async_playwright
from sqlalchemy import delete, insert

from bot.app import asgi
from domain.code import CodeKind
from domain.contact import Role
from flows.library import Library
from store import people, team
from store import tables as t
from store.times import to_ms
from tests.conftest import Clock, World, make_world
from tests.events import an_event, put_event

BASE = "https://mime.example.org"
ANA, BEN, CLEO = "tel:+447700900101", "telegram:4711", "tel:+447700900103"


@pytest.fixture
async def world(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[World]:
    world = await make_world(store_urls, flows, clock, public_base_url=BASE)
    yield world
    await world.app.close()


def client(world: World) -> httpx.AsyncClient:
    inner: Any = asgi(world.app, role="web")
    return httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url=BASE)


async def link(world: World, who: str) -> str:
    """The link that somebody is sent after MY DATA."""
    (told,) = await world.say(who, "MY DATA")
    found = re.search(rf"{BASE}/my-data/[\w-]+", told)
    assert found is not None, told
    return found[0]


async def joined(world: World, who: str, name: str) -> None:
    for words in ("JOIN", "yes", name, "1", "2"):
        await world.say(who, words)


def words_of(page: str) -> str:
    """What there is to read on a page, in one line."""
    body = re.sub("</?(?:span|time|bdi|strong)[^>]*>", "", page.partition("<body>")[2])
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", body)).split())


async def test_all_that_is_kept_stands_on_the_page_and_in_the_file(world: World) -> None:
    await joined(world, ANA, "Ana")
    for words in ("CHECKIN", "yes", "7", "skip", "BACK", "person"):
        await world.say(ANA, words)
    await joined(world, BEN, "Benedict")
    address = await link(world, ANA)
    async with client(world) as http:
        page, file = await http.get(address), await http.get(f"{address}.json")
    assert (page.status_code, file.status_code) == (200, 200)
    read = words_of(page.text)
    assert "tel:+447700900101" in read
    assert "news: Yes, 23 Nov 2026, 10:00, by text message" in read
    assert "Shall we send you our short news" in read
    assert "Wording: joining, version 1, news" in read
    assert "What may we call you? A first name or a nickname is enough. Ana" in read
    assert "How content are you" in read
    assert "Which is most like you? I use support services, or did" in read
    assert "You wrote, 23 Nov 2026, 10:00, by text message CHECKIN" in read
    assert "You wanted to talk to a person" in read
    assert "Benedict" not in read
    kept = orjson.loads(file.content)
    assert [one["address"] for one in kept["addresses"]] == ["tel:+447700900101"]
    assert {one["question"]: one["value"] for one in kept["answers"]}["content"] == 7
    profile = {one["field"]: one["value"] for one in kept["profile"]}
    assert (profile["nickname"], profile["relation"]) == ("Ana", "service_user")
    assert [one["text"] for one in kept["messages"] if not one["from_us"]][:3] == ["JOIN", "yes", "Ana"]
    assert "Benedict" not in file.text


async def test_no_row_about_somebody_is_missing_from_the_file(world: World) -> None:
    await joined(world, ANA, "Ana")
    for words in ("CARER", "3", "yes", "Ana", "CHECKIN", "yes", "7", "person"):
        await world.say(ANA, words)
    await around_events(world, ANA)
    address = await link(world, ANA)
    async with client(world) as http:
        kept = orjson.loads((await http.get(f"{address}.json")).content)
    tables = {
        "addresses": "urns", "consents": "consents", "profile": "profile", "answers": "answers",
        "questionnaires": "sessions", "alerts": "alerts", "codes": "codes", "planned": "fires",
        "bookings": "bookings", "duties": "duties", "arranged": "tasks", "wanted": "demands", "interests": "interests",
        "news": "newsletter_told",
    }  # fmt: skip
    counted = {name: (await world.rows(f"SELECT count(*) FROM {table}"))[0][0] for name, table in tables.items()}
    assert all(counted.values()), counted
    assert {name: len(kept[name]) for name in tables} == counted
    said = (await world.rows("SELECT count(*) FROM inbox"))[0][0] + (await world.rows("SELECT count(*) FROM outbox"))[
        0
    ][0]
    assert len(kept["messages"]) == said


async def test_it_is_in_the_person_s_language_as_far_as_there_are_words_in_it(world: World) -> None:
    await world.say(ANA, "اردو")
    await world.say(ANA, "CHECKIN")
    await world.say(ANA, "ہاں")
    await world.say(ANA, "۷")
    async with client(world) as http:
        page = (await http.get(await link(world, ANA))).text
    urdu = world.app.library.phrases["ur"]
    flow = world.app.library.flow("wellbeing", "ur")
    assert flow is not None
    assert '<html lang="ur" dir="rtl">' in page
    assert f"<h1>{urdu.my_data_head.rstrip(': ')}</h1>" in page
    question = flow.question("content")
    assert question is not None
    assert f'<span lang="ur" dir="rtl">{html.escape(question.label)}</span>' in page
    assert f'<span lang="en" dir="ltr">{flow.title}</span>' in page
    assert '<div lang="en" dir="ltr">' in page


async def test_what_somebody_wrote_is_shown_and_never_run(world: World) -> None:
    await world.say(ANA, "<script>alert(1)</script> & <b>so</b>")
    async with client(world) as http:
        answer = await http.get(await link(world, ANA))
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;so&lt;/b&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("ending", ["", ".json"])
async def test_no_page_or_file_is_kept_or_found_by_anybody_on_the_way(world: World, ending: str) -> None:
    await joined(world, ANA, "Ana")
    address = await link(world, ANA)
    async with client(world) as http:
        for path in (address, f"{BASE}/my-data/nobody-has-this-one"):
            headers = (await http.get(path + ending)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["x-robots-tag"] == "noindex"


@pytest.mark.parametrize("ending", ["", ".json"])
async def test_a_link_that_is_unknown_or_old_or_another_s_says_how_to_get_a_new_one(world: World, ending: str) -> None:
    await joined(world, ANA, "Ana")
    address = await link(world, ANA)
    (told,) = await world.say(ANA, "LINK")
    code = re.search(r"(\d{4}) (\d{4})", told)
    assert code is not None
    unknown = [f"{BASE}/my-data/{token}" for token in ("x" * 32, "x", code[1] + code[2], "%00", "a.b")]
    async with client(world) as http:
        assert (await http.get(address + ending)).status_code == 200
        for path in unknown:
            answer = await http.get(path + ending)
            assert (path, answer.status_code) == (path, 404)
            assert "MY DATA" in answer.text
            assert "447700900101" not in answer.text
        world.clock.forward(timedelta(hours=23, minutes=59))
        assert (await http.get(address + ending)).status_code == 200
        world.clock.forward(timedelta(minutes=1))
        assert (await http.get(address + ending)).status_code == 404


async def test_a_code_of_another_kind_opens_no_page(world: World) -> None:
    await joined(world, ANA, "Ana")
    (ana,) = (await world.rows("SELECT id FROM contacts"))[0]
    app, now, ends = world.app, world.clock(), world.clock() + timedelta(days=1)
    async with client(world) as http:
        for kind, token, status in ((CodeKind.JOIN, "j" * 32, 404), (CodeKind.FILE, "f" * 32, 200)):
            async with app.database.begin() as tx:
                key = app.vault.code(f"file/{token}")
                await people.put_code(tx, app.vault, key, kind, ana, {}, uses=1, expires_at=ends, now=now)
            assert (await http.get(f"{BASE}/my-data/{token}")).status_code == status


async def test_the_link_of_somebody_who_was_forgotten_leads_nowhere(world: World) -> None:
    await joined(world, ANA, "Ana")
    address = await link(world, ANA)
    for words in ("FORGET ME", "yes"):
        await world.say(ANA, words)
    async with world.app.database.begin() as connection:
        await connection.exec_driver_sql("UPDATE outbox SET status = 'sent'")
    world.clock.forward(timedelta(minutes=1))
    await world.ring()
    assert await world.rows("SELECT id FROM contacts") == []
    async with client(world) as http:
        assert (await http.get(address)).status_code == 404


async def test_the_page_is_only_read(world: World) -> None:
    await joined(world, ANA, "Ana")
    address = await link(world, ANA)
    async with client(world) as http:
        assert (await http.head(address)).status_code == 200
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await http.request(method, address)).status_code == 405


async def test_a_carer_is_named_to_nobody_and_both_see_what_the_carer_may_do(world: World) -> None:
    await joined(world, ANA, "Ana")
    told = [line for words in ("CARER", "3", "yes", "Ana") for line in await world.say(ANA, words)]
    code = re.search(r"\d{4} \d{4}", " ".join(told))
    assert code is not None, told
    await world.say(CLEO, code[0])
    async with client(world) as http:
        ana, cleo = [words_of((await http.get(await link(world, who))).text) for who in (ANA, CLEO)]
    assert "Your carer knows you as Ana and may do this: get reminders and see the questions" in ana
    assert "You are the carer of Ana and may do this: get reminders and see the questions" in cleo
    assert "447700900103" not in ana
    assert "447700900101" not in cleo


async def test_others_words_are_left_out_of_what_somebody_of_the_team_is_shown(world: World) -> None:
    await world.say(CLEO, "hello")
    (cleo,) = (await world.rows("SELECT id FROM contacts"))[0]
    async with world.app.database.begin() as connection:
        await team.join(connection, world.app.vault, cleo, "Cleo", Role.FACILITATOR, 1, "", world.clock())
    await world.say(ANA, "person")
    await world.say(CLEO, "TAKE")
    await world.say(ANA, "my landlord is selling up")
    await world.say(CLEO, "I am here for you")
    await world.say(CLEO, "DONE")
    async with client(world) as http:
        cleos = words_of((await http.get(await link(world, CLEO))).text)
        anas = words_of((await http.get(await link(world, ANA))).text)
    assert "landlord" not in cleos
    assert "447700900101" not in cleos
    assert "I am here for you" in cleos
    assert re.search(r"You are on the team: [3-9] messages to you", cleos)
    assert "Cleo, facilitator" in cleos
    assert "landlord" in anas
    assert "Cleo: I am here for you" in anas


@pytest.mark.parametrize("language", ["en", "ur"])
async def test_axe_finds_nothing_and_the_browser_asks_nobody_else(world: World, language: str) -> None:
    await joined(world, ANA, "Ana")
    await world.say(ANA, world.app.library.languages[language].name)
    for words in ("CARER", "3", "1", "Ana", "CHECKIN", "1", "7", "x" * 400):
        await world.say(ANA, words)
    await world.say(ANA, "STOP")
    await world.say(ANA, "START")
    await around_events(world, ANA)
    address = await link(world, ANA)
    faults: list[str] = []

    async def answer(route: Route) -> None:
        if not route.request.url.startswith(BASE):
            faults.append(route.request.url)
        got = await http.get(route.request.url)
        await route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.content)

    path = shutil.which("chromium")
    if path is None:
        pytest.fail("There is no chromium to test the pages with. Install it: make chromium")
    async with client(world) as http, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 320, "height": 700})
        page.on("console", lambda said: faults.append(said.text))
        await page.route("**/*", answer)
        for where, head in ((address, "h2 >> nth=2"), (f"{BASE}/my-data/nobody-has-this-one", "strong")):
            await page.goto(where)
            assert await page.locator(head).is_visible()
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"
            assert await page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "672px"
        await browser.close()
    assert [fault for fault in faults if "404" not in fault and "favicon" not in fault] == []


async def around_events(world: World, who: str) -> None:
    """A place to come, one given up with a reason, a duty with a note, what is arranged and what they would like."""
    app, now = world.app, world.clock()
    await put_event(app.database, an_event(7, now + timedelta(days=30), title="Tea & talk"), now)
    await put_event(app.database, an_event(8, now - timedelta(days=30), title="Old times"), now)
    for words in ("EVENTS", "1", "yes", "nothing special"):
        await world.say(who, words)
    (id,) = (await world.rows(f"SELECT contact_id FROM urns WHERE key = {app.vault.find(who)}"))[0]
    ms = to_ms(now)
    async with app.database.begin() as tx:
        await tx.execute(
            insert(t.bookings).values(
                id=app.ids(), event_id=8, contact_id=id, status="out", position=3, urn_key=1, channel="sms", came=False,
                sealed=app.vault.seal(b"transport", id), asked_at=ms, changed_at=ms,
            )
        )  # fmt: skip
        note = app.vault.seal(b"we ran out of chairs", id)
        await tx.execute(
            insert(t.duties).values(event_id=8, contact_id=id, role="note_taker", sealed=note, created_at=ms)
        )
        await tx.execute(
            insert(t.tasks).values(
                id=app.ids(), event_id=7, contact_id=id, kind="quiet_space", due_at=ms, created_at=ms
            )
        )
        await tx.execute(
            insert(t.tasks).values(
                id=app.ids(), event_id=7, contact_id=-5, kind="interpreter", owner_id=id, due_at=ms, created_at=ms
            )
        )
        await tx.execute(
            insert(t.demands).values(id=app.ids(), contact_id=id, kind="research", district="colchester", at=ms)
        )
        await tx.execute(
            insert(t.opportunities).values(
                id=31, number=1, kind="interview", state="published", closes_at=ms,
                document=orjson.dumps({"title": {"en": "Choosing new staff"}}).decode(), created_at=ms,
            )
        )  # fmt: skip
        await tx.execute(
            insert(t.interests).values(id=app.ids(), opportunity_id=31, contact_id=id, urn_key=1, channel="sms", at=ms)
        )
        await tx.execute(
            insert(t.broadcasts).values(
                id=41, number=1, state="done", document=orjson.dumps({"name": "Item 3"}).decode(), created_at=ms
            )
        )
        for newsletter, theirs in ((41, True), (42, False)):
            await tx.execute(
                insert(t.newsletter_told).values(
                    id=app.ids(), broadcast_id=newsletter, contact_id=id, theirs=theirs, at=ms
                )
            )


async def test_what_is_kept_around_events_stands_on_the_page_and_in_the_file(world: World) -> None:
    await joined(world, ANA, "Ana")
    await around_events(world, ANA)
    address = await link(world, ANA)
    async with client(world) as http:
        page, file = await http.get(address), await http.get(f"{address}.json")
    read = words_of(page.text)
    assert "Tea & talk, 23 Dec 2026, 10:00 You have a place, 23 Nov 2026, 10:00" in read
    assert "Old times, 24 Oct 2026, 11:00 You gave it up" in read
    assert "you were not there It is hard to get there" in read
    assert "Old times, 24 Oct 2026, 11:00: note taker we ran out of chairs" in read
    assert "Tea & talk: quiet space, to be done by" in read
    assert "Tea & talk: interpreter, for somebody else, by you, to be done by" in read
    assert "How to do research, Colchester, 23 Nov 2026" in read
    assert "Choosing new staff, 23 Nov 2026" in read
    assert "Item 3, 23 Nov 2026, 10:00: it answers what you told us" in read
    assert "We remind you of a place" in read
    kept = orjson.loads(file.content)
    assert [(one["event"], one["status"], one["reason"]) for one in kept["bookings"]] == [
        (7, "booked", ""), (8, "out", "transport")
    ]  # fmt: skip
    assert [(one["role"], one["note"]) for one in kept["duties"]] == [("note_taker", "we ran out of chairs")]
    assert [(one["kind"], one["district"]) for one in kept["wanted"]] == [("research", "colchester")]
    assert [(one["name"], one["theirs"]) for one in kept["news"]] == [("Item 3", True), ("", False)]
    assert [one["title"] for one in kept["interests"]] == [{"en": "Choosing new staff"}]
    assert {one["kind"]: one["theirs"] for one in kept["arranged"]} == {"quiet_space": False, "interpreter": True}


async def test_my_data_names_the_places_to_come(world: World) -> None:
    await joined(world, ANA, "Ana")
    await around_events(world, ANA)
    (told,) = await world.say(ANA, "MY DATA")
    assert "You have a place: Tea & talk\nWednesday 23 December, 10am-12pm" in told
    assert "Old times" not in told


async def test_an_event_that_is_gone_keeps_nobody_from_their_page(world: World) -> None:
    await joined(world, ANA, "Ana")
    await around_events(world, ANA)
    async with world.app.database.begin() as tx:
        await tx.execute(delete(t.events))
        await tx.execute(delete(t.opportunities))
    address = await link(world, ANA)
    async with client(world) as http:
        page, file = await http.get(address), await http.get(f"{address}.json")
    assert (page.status_code, file.status_code) == (200, 200)
    assert "It is gone You have a place" in words_of(page.text)
