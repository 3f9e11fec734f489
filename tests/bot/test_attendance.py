"""Who came: what is noted, what each is asked after it and when, and the page for it in a real browser."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from axe_playwright_python.async_playwright import Axe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.async_api import async_playwright

from domain.code import CodeKind
from domain.event import EventRole, EventState
from flows.library import Library
from store import attendance, duties, people
from store import tables as t
from store.attendance import Guest
from store.times import from_ms, to_ms
from tests.bot.browser import BASE, chromium, client, phone
from tests.bot.held import ENDS, an_event, books, contact_of, hold, runs
from tests.conftest import Clock, World, make_world

ANA, BEN, CAT, FAY = "tel:+447700900101", "telegram:4711", "tel:+447700900103", "telegram:4712"
TOKEN = "a-token-of-thirty-two-characters"
LINK = f"{BASE}/attendance/{TOKEN}"


async def says(world: World, who: str, **facts: Any) -> None:
    """They said this of themselves."""
    contact_id, vault = await contact_of(world, who), world.app.vault
    async with world.app.database.begin() as connection:
        for name, value in facts.items():
            sealed = vault.seal(orjson.dumps([value, str(value)]), contact_id)
            row = {"contact_id": contact_id, "field": name, "sealed": sealed, "source": "self", "said_at": 1}
            await connection.execute(t.profile.insert().values(row))


async def guests(world: World) -> list[Guest]:
    async with world.app.database.read() as connection:
        return await attendance.sheet(connection, world.app.vault, 4711)


async def record(
    world: World, came: Mapping[str, bool], companions: Mapping[str, int] | None = None, walk_ins: int = 0
) -> int:
    by_contact = {await contact_of(world, who): there for who, there in came.items()}
    beside = {await contact_of(world, who): count for who, count in (companions or {}).items()}
    async with world.app.database.begin() as connection:
        return await attendance.record(connection, world.app.ids, 4711, by_contact, beside, walk_ins, world.clock())


async def due(world: World) -> dict[str, Any]:
    """What is still to be asked, and when, by key."""
    rows = await world.rows("SELECT key, flow, due_at FROM fires WHERE kind = 'event' ORDER BY key")
    return {key: (flow, from_ms(at)) for key, flow, at in rows}


async def linked(world: World) -> None:
    """Fay runs the event, and has the link to its list."""
    fay = await runs(world, FAY, "Fay", an_event())
    async with world.app.database.begin() as connection:
        until = await attendance.new_sheet(connection, world.app.vault, an_event(), fay, TOKEN, world.clock())
    assert until == ENDS + timedelta(days=3)


# What is noted, and what follows


async def test_the_list_has_those_with_a_place_by_name_and_what_they_need_on_the_day(world: World) -> None:
    event = await hold(world, an_event())
    for who, status in ((CAT, "booked"), (ANA, "booked"), (BEN, "booked"), (FAY, "waiting")):
        await books(world, who, event, companions=1 if who == BEN else 0, status=status)
    await says(
        world, ANA, nickname="Zoë", meeting=["diet", "transport", "wheelchair"], diet="halal",
        reading=["large_print", "interpreter"], interpreter_language="Sylheti", other_needs="private words",
    )  # fmt: skip
    await says(world, BEN, nickname="abdul", meeting="prefer_not_to_say", diet="of long ago")
    abdul, zoe, nameless = await guests(world)
    assert (zoe.nickname, zoe.needs) == ("Zoë", ("wheelchair", "diet", "interpreter"))
    assert (zoe.diet, zoe.interpreter_language) == ("halal", "Sylheti")
    assert (abdul.nickname, abdul.needs, abdul.diet, abdul.companions) == ("abdul", (), "", 1)
    assert (nameless.nickname, nameless.came) == ("", None)


async def test_who_came_is_asked_how_it_was_and_who_did_not_is_asked_why(world: World) -> None:
    event = await hold(world, an_event())
    one, two = await books(world, ANA, event, companions=1), await books(world, BEN, event)
    world.clock.now = ENDS - timedelta(minutes=30)
    assert await record(world, {ANA: True, BEN: False}, {ANA: 1, BEN: 1}, walk_ins=3) == 2
    expected = {
        f"event/{one}/feedback": ("feedback", ENDS + timedelta(hours=2)),
        f"event/{two}/missed": ("missed", ENDS + timedelta(days=1)),
    }
    assert await due(world) == expected
    fires = await world.rows("SELECT contact_id, urn_key, channel, session_id FROM fires ORDER BY channel")
    vault = world.app.vault
    assert [tuple(row) for row in fires if row[3] == event.id] == [
        (await contact_of(world, ANA), vault.find(ANA), "sms", event.id),
        (await contact_of(world, BEN), vault.find(BEN), "telegram", event.id),
    ]
    rows = await world.rows("SELECT came, companions_came FROM bookings ORDER BY position")
    assert [(bool(came), beside) for came, beside in rows] == [(True, 1), (False, 0)]
    assert (await world.rows("SELECT walk_ins FROM events"))[0][0] == 3
    world.clock.forward(timedelta(minutes=5))
    await record(world, {ANA: True, BEN: False}, {ANA: 1}, walk_ins=3)
    assert await due(world) == expected, "the same once more changes nothing"


async def test_who_is_noted_late_is_asked_now(world: World) -> None:
    event = await hold(world, an_event())
    one, two = await books(world, ANA, event), await books(world, BEN, event)
    world.clock.now = ENDS + timedelta(days=2)
    await record(world, {ANA: True, BEN: False})
    now = world.clock.now
    assert await due(world) == {f"event/{one}/feedback": ("feedback", now), f"event/{two}/missed": ("missed", now)}


async def test_who_has_no_place_or_is_not_named_is_left_as_they_were(world: World) -> None:
    event = await hold(world, an_event())
    await books(world, ANA, event)
    await books(world, BEN, event, status="out")
    await contact_of(world, CAT)
    assert await record(world, {BEN: True, CAT: True}) == 0
    assert await due(world) == {}
    (guest,) = await guests(world)
    assert guest.came is None
    async with world.app.database.begin() as connection:
        assert await attendance.record(connection, world.app.ids, 99, {1: True}, {}, 0, world.clock()) == 0


@given(notes=st.lists(st.sampled_from(["came", "missed", "ring"]), max_size=8))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_however_it_is_corrected_nobody_is_asked_twice(world: World, notes: list[str]) -> None:
    async with world.app.database.begin() as connection:
        for table in (t.events, t.bookings, t.fires):
            await connection.execute(table.delete())
    await hold(world, an_event())
    booking = await books(world, ANA, an_event())
    asked: list[str] = []
    noted = ""
    for what in notes:
        if what == "ring":
            asked += [flow for flow, _ in (await due(world)).values()]
            async with world.app.database.begin() as connection:
                await connection.execute(t.fires.delete())
        else:
            noted = "feedback" if what == "came" else "missed"
            await record(world, {ANA: what == "came"})
        left = await due(world)
        assert len(asked) + len(left) == (1 if noted else 0)
        assert not left or set(left) == {f"event/{booking}/{noted}"}


# The page


async def test_the_page_says_who_is_expected_and_keeps_what_is_noted(world: World) -> None:
    event = await hold(world, an_event())
    one, two = await books(world, ANA, event, companions=1), await books(world, BEN, event, companions=3)
    await says(world, ANA, nickname="<b>Ana</b>", meeting=["quiet_space"])
    await linked(world)
    async with client(world) as http:
        page = await http.get(LINK)
        assert page.status_code == 200
        assert "&lt;b&gt;Ana&lt;/b&gt;" in page.text
        assert "A quiet room to rest" in page.text
        assert "Guest 1" in page.text
        assert "447700900101" not in page.text
        assert "checked>" in page.text, "companions are taken to come"
        form = {
            f"came-{one}": "yes", f"with-{one}": "1", f"came-{two}": "no", f"with-{two}": "3", "walk_ins": "2",
            "note": "Good talk.\r\n<script>alert(1)</script>",
        }  # fmt: skip
        saved = await http.post(LINK, data=form)
        assert (saved.status_code, saved.headers["location"]) == (303, f"/attendance/{TOKEN}?saved=1")
        page = await http.get(saved.headers["location"])
        assert "Saved." in page.text
        assert "<script" not in page.text
        again = await http.post(LINK, data=form)
        assert again.status_code == 303
        assert [(g.came, g.companions_came) for g in await guests(world)] == [(True, 1), (False, 0)]
        assert len(await due(world)) == 2
        await http.post(LINK, data={**form, f"came-{one}": "no", "note": ""})
        assert [(g.came, g.companions_came) for g in await guests(world)] == [(False, 0), (False, 0)]
        assert set(await due(world)) == {f"event/{one}/missed", f"event/{two}/missed"}
    rows = await world.rows("SELECT sealed FROM duties")
    assert [tuple(row) for row in rows] == [(None,)]


async def test_a_note_is_sealed_for_who_wrote_it(world: World) -> None:
    event = await hold(world, an_event())
    await linked(world)
    async with client(world) as http:
        await http.post(LINK, data={"note": "One was tired.\r\nWe stopped early."})
        assert "One was tired.\nWe stopped early.</textarea>" in (await http.get(LINK)).text
    (row,) = await world.rows("SELECT sealed FROM duties")
    assert b"tired" not in bytes(row[0])
    async with world.app.database.read() as connection:
        fay = await contact_of(world, FAY)
        assert "tired" in await duties.note(connection, world.app.vault, event.id, fay)


@pytest.mark.parametrize(
    "wrong", [{"walk_ins": "many"}, {"walk_ins": "-1"}, {"walk_ins": "1000"}, {"walk_ins": "٣"}, {"note": "x" * 8001}]
)
async def test_what_cannot_be_is_said_and_nothing_is_saved_or_lost(world: World, wrong: dict[str, str]) -> None:
    one = await books(world, ANA, await hold(world, an_event()))
    await linked(world)
    async with client(world) as http:
        answer = await http.post(LINK, data={f"came-{one}": "yes", "walk_ins": "2", **wrong})
        assert answer.status_code == 400
        assert "Nothing is saved yet" in answer.text
        assert f'name="came-{one}" value="yes" checked' in answer.text
        assert next(iter(wrong.values())) in answer.text
        assert (await http.post(LINK, content=b"x" * 300_000)).status_code == 400
    assert (await guests(world))[0].came is None
    assert await due(world) == {}


async def test_a_list_is_open_to_who_runs_the_event_until_three_days_after_it(world: World) -> None:
    event = await hold(world, an_event())
    await linked(world)
    fay, vault, now = await contact_of(world, FAY), world.app.vault, world.clock()
    async with world.app.database.begin() as connection:
        key = vault.code("attendance/a-token-of-another-kind")
        await people.put_code(
            connection, vault, key, CodeKind.FILE, fay, {"event": "4711"}, uses=None, expires_at=ENDS, now=now
        )
    async with client(world) as http:
        for path in ("x", "a-token-of-another-kind", "nobody-was-given-this-one", "%00"):
            for method in ("GET", "POST"):
                answer = await http.request(method, f"{BASE}/attendance/{path}")
                assert (path, answer.status_code) == (path, 404)
                assert "coordinator" in answer.text
                assert answer.headers["cache-control"] == "no-store"
        world.clock.now = ENDS + timedelta(days=3) - timedelta(seconds=1)
        answer = await http.get(LINK)
        assert answer.status_code == 200
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert "form-action 'self'" in answer.headers["content-security-policy"]
        world.clock.forward(timedelta(seconds=1))
        assert (await http.get(LINK)).status_code == 404
        world.clock.now = now
        for method in ("PUT", "DELETE"):
            assert (await http.request(method, LINK)).status_code == 405
        async with world.app.database.begin() as connection:
            await connection.execute(t.events.update().values(state=EventState.CALLED_OFF.value))
        assert (await http.post(LINK)).status_code == 404
        async with world.app.database.begin() as connection:
            await connection.execute(t.events.update().values(state=EventState.PUBLISHED.value))
            assert await duties.take_away(connection, event.id, fay, EventRole.FACILITATOR)
        assert (await http.get(LINK)).status_code == 404


# In a browser


async def test_it_is_filled_in_on_a_phone_without_a_script_and_axe_finds_nothing(
    tmp_path: Path, flows: Library, clock: Clock
) -> None:
    urls = (f"sqlite+aiosqlite:///{tmp_path}/a.db", f"sqlite+aiosqlite:///{tmp_path}/b.db")
    world = await make_world(urls, flows, clock, public_base_url=BASE)
    event = await hold(world, an_event())
    for who, companions in ((ANA, 1), (BEN, 3), (CAT, 0)):
        await books(world, who, event, companions=companions)
    await says(world, ANA, nickname="Ana", meeting=["wheelchair", "diet"], diet="halal, no nuts")
    await says(world, BEN, nickname="علی", reading=["interpreter"], interpreter_language="Urdu")
    await linked(world)
    path = chromium()
    faults: list[str] = []
    async with client(world) as http, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            async with phone(browser, http, faults, color_scheme=scheme) as page:
                await page.goto(LINK)
                found = await Axe().run(page)
                assert found.violations_count == 0, found.generate_report()
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                    "no sideways scrolling"
                )
                heights = await page.evaluate(
                    "[...document.querySelectorAll('.choice label, button, input[type=number], textarea')]"
                    ".map(each => each.getBoundingClientRect().height)"
                )
                assert min(heights) >= 44, "as large as a finger (WCAG 2.2, 2.5.5)"
                await page.goto(f"{BASE}/attendance/nobody-was-given-this-one")
                found = await Axe().run(page)
                assert found.violations_count == 0, found.generate_report()
        async with phone(browser, http, faults, java_script_enabled=False) as page:
            await page.goto(LINK)
            await page.get_by_role("group", name="Ana").get_by_label("Came", exact=True).check()
            await page.get_by_role("group", name="علی").get_by_label("How many").fill("2")
            await page.get_by_role("group", name="علی").get_by_label("Came", exact=True).check()
            await page.get_by_role("group", name="Guest 1").get_by_label("Did not come").check()
            await page.get_by_label("without a booking").fill("4")
            await page.get_by_label("Your notes").fill("A good day.")
            await page.get_by_role("button", name="Save").click()
            assert await page.get_by_role("status").inner_text() == (
                "Saved. You can change it until Sunday 29 November, 15:30."
            )
            assert await page.get_by_role("group", name="Guest 1").get_by_label("Did not come").is_checked()
        await browser.close()
    noted = [(guest.nickname, guest.came, guest.companions_came) for guest in await guests(world)]
    assert noted == [("Ana", True, 1), ("علی", True, 2), ("", False, 0)]
    assert (await world.rows("SELECT walk_ins FROM events"))[0][0] == 4
    assert {flow for flow, _ in (await due(world)).values()} == {"feedback", "missed"}
    assert to_ms(world.clock()) < to_ms(ENDS)
    assert [fault for fault in faults if "404" not in fault and "favicon" not in fault] == []
    await world.app.close()
