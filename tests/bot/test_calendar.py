"""What calendars are told of events: files and feeds that an icalendar reader of its own makes sense of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from bot.app import asgi
from bot.events.calendar_file import event_file
from domain.code import CodeKind
from domain.event import Day, EventRole, EventState, Venue
from store import duties, people, roster
from tests.bot.held import ENDS, HALL, STARTS, an_event, hold, on_the_team, runs
from tests.conftest import World

BASE = "https://mime.example.org"
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PHONE = "01632 960123"
ANA, BEN = "tel:+447700900101", "telegram:4711"
TOKEN = "a-token-of-thirty-two-characters"


def client(world: World) -> httpx.AsyncClient:
    inner: Any = asgi(world.app, role="web")
    return httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url=BASE)


def entries(content: bytes) -> list[Any]:
    """What a calendar program reads in it, by the names of the properties."""
    return Calendar.from_ical(content.decode()).walk("VEVENT")


def test_a_file_says_when_and_where_it_is_and_how_to_get_there() -> None:
    content = event_file(an_event(revision=2), "en", LONDON, PHONE, NOW)
    assert b"METHOD:PUBLISH\r\n" in content
    assert b"DTSTART:20261126T133000Z\r\n" in content
    assert b"DTEND:20261126T153000Z\r\n" in content
    (entry,) = entries(content)
    assert entry["summary"] == "Speaking in meetings"
    assert entry["location"] == "Quaker House, Garden room, 6 Church Street, Colchester, CO1 1NF"
    assert entry["description"] == "Five minutes from the station.\nTel. 01632 960123"
    assert (entry["status"], entry["sequence"]) == ("CONFIRMED", 2)
    assert entry["dtstamp"].dt == NOW


def test_the_texts_are_in_the_language_asked_for_and_else_in_english() -> None:
    (urdu,) = entries(event_file(an_event(), "ur", LONDON, PHONE, NOW))
    assert urdu["summary"] == "اجلاس میں بولنا"
    assert urdu["description"].startswith("اسٹیشن سے پانچ منٹ۔")
    (polish,) = entries(event_file(an_event(), "pl", LONDON, PHONE, NOW))
    assert polish["summary"] == "Speaking in meetings"


def test_each_day_of_a_module_is_an_entry_that_keeps_its_name_when_it_moves() -> None:
    week = timedelta(weeks=1)
    module = an_event(days=tuple(Day(STARTS + n * week, ENDS + n * week) for n in range(4)))
    moved = an_event(days=tuple(Day(d.starts_at + week, d.ends_at + week) for d in module.days), revision=1)
    before, after = (entries(event_file(one, "en", LONDON, PHONE, NOW)) for one in (module, moved))
    assert [entry["summary"] for entry in before] == [f"Speaking in meetings ({n}/4)" for n in (1, 2, 3, 4)]
    assert len({entry["uid"] for entry in before}) == 4
    assert [entry["uid"] for entry in before] == [entry["uid"] for entry in after]
    assert all(entry["sequence"] == 1 for entry in after)


def test_an_event_that_is_called_off_strikes_its_entry_out() -> None:
    (entry,) = entries(event_file(an_event(state=EventState.CALLED_OFF, revision=1), "en", LONDON, PHONE, NOW))
    assert (entry["status"], entry["sequence"]) == ("CANCELLED", 1)


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=120).map(str.strip)


@given(title=_WORDS.filter(bool), address=_WORDS, way=_WORDS)
def test_whatever_a_text_says_it_stays_one_text_of_one_entry(title: str, address: str, way: str) -> None:
    venue = Venue(name="Hall", address=address, way={"en": way})
    content = event_file(an_event(title={"en": title}, venue=venue), "en", LONDON, PHONE, NOW)
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))  # octets (RFC 5545, 3.1)
    (entry,) = entries(content)
    assert entry["summary"] == title
    assert address in entry["location"]
    assert way in entry["description"]


def test_a_new_line_in_a_text_begins_no_property() -> None:
    nasty = "Tea\r\nATTACH:file:///etc/passwd\nEND:VEVENT\r\nBEGIN:VEVENT"
    (entry,) = entries(event_file(an_event(title={"en": nasty}), "en", LONDON, PHONE, NOW))
    assert "attach" not in entry


async def test_everybody_can_subscribe_to_what_was_published_and_is_not_over(world: World) -> None:
    day = timedelta(days=1)
    await hold(world, an_event(id=1, number=1, title={"en": "A draft"}, state=EventState.DRAFT))
    await hold(world, an_event(id=2, number=2, title={"en": "To come"}))
    await hold(world, an_event(id=3, number=3, title={"en": "Called off"}, state=EventState.CALLED_OFF))
    await hold(world, an_event(id=4, number=4, title={"en": "Over"}, days=(Day(STARTS - 9 * day, ENDS - 9 * day),)))
    async with client(world) as http:
        answer = await http.get("/calendar/events.ics")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=600"
        found = {entry["summary"]: entry["status"] for entry in entries(answer.content)}
        assert found == {"To come": "CONFIRMED", "Called off": "CANCELLED"}
        again = await http.get("/calendar/events.ics", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        world.clock.forward(timedelta(minutes=5))
        again = await http.get("/calendar/events.ics", headers={"If-None-Match": f'"x", W/{answer.headers["etag"]}'})
        assert again.status_code == 304, "time alone changes nothing"
        await hold(world, an_event(id=5, number=5))
        changed = await http.get("/calendar/events.ics", headers={"If-None-Match": answer.headers["etag"]})
        assert (changed.status_code, len(entries(changed.content))) == (200, 3)
        for language, status in (("ur", 200), ("en-simple", 200), ("e\r\nn", 400), ("x" * 40, 400), ("é", 400)):
            got = await http.get("/calendar/events.ics", params={"language": language})
            assert (language, got.status_code) == (language, status)


async def test_a_feed_with_no_event_is_a_calendar_still(world: World) -> None:
    async with client(world) as http:
        answer = await http.get("/calendar/events.ics")
    assert answer.status_code == 200
    assert entries(answer.content) == []


async def linked(world: World, contact_id: int, token: str = TOKEN) -> str:
    async with world.app.database.begin() as connection:
        await duties.new_calendar(connection, world.app.vault, contact_id, token, world.clock())
    return f"/calendar/{token}.ics"


async def test_a_facilitator_s_feed_has_what_they_do_and_how_many_come(world: World) -> None:
    one = await hold(world, an_event(id=1, number=1, title={"en": "Mine"}), taken=12)
    two = await hold(world, an_event(id=2, number=2, title={"en": "Mine too"}, capacity=None), taken=3)
    await hold(world, an_event(id=3, number=3, title={"en": "Another's"}))
    draft = await hold(world, an_event(id=4, number=4, title={"en": "Not yet"}, state=EventState.DRAFT))
    ana = await runs(world, ANA, "Ana", one)
    async with world.app.database.begin() as connection:
        for event, role in ((one, EventRole.SPEAKER), (two, EventRole.NOTE_TAKER), (draft, EventRole.FACILITATOR)):
            assert await duties.give(connection, event.id, ana, role, world.clock())
            assert not await duties.give(connection, event.id, ana, role, world.clock())
    async with client(world) as http:
        answer = await http.get(await linked(world, ana))
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["referrer-policy"] == "no-referrer"
    found = {str(entry["summary"]): entry for entry in entries(answer.content)}
    assert set(found) == {"Mine", "Mine too", "Not yet"}
    assert found["Mine"]["description"].startswith("You: facilitator, speaker.\nPlaces: 12 of 20 taken.")
    assert found["Mine too"]["description"].startswith("You: note taker.\nPlaces: 3 taken, no limit.")
    assert found["Not yet"]["status"] == "TENTATIVE"


async def test_a_duty_that_is_taken_away_is_in_the_feed_no_more(world: World) -> None:
    event = await hold(world, an_event())
    ana = await runs(world, ANA, "Ana", event)
    address = await linked(world, ana)
    async with world.app.database.begin() as connection:
        (helper,) = await duties.at(connection, world.app.vault, event.id)
        assert (helper.contact_id, helper.name, helper.role) == (ana, "Ana", EventRole.FACILITATOR)
        assert await duties.take_away(connection, event.id, ana, EventRole.FACILITATOR)
        assert not await duties.take_away(connection, event.id, ana, EventRole.FACILITATOR)
    async with client(world) as http:
        assert entries((await http.get(address)).content) == []


async def test_only_the_newest_link_of_somebody_on_the_team_shows_anything(world: World) -> None:
    event = await hold(world, an_event())
    ana = await runs(world, ANA, "Ana", event)
    old = await linked(world, ana)
    new = await linked(world, ana, "another-token-of-more-than-16")
    ben = await on_the_team(world, BEN, "Ben")
    theirs = await linked(world, ben, "a-third-token-of-more-than-16")
    now, key = world.clock(), world.app.vault.code("calendar/a-token-of-another-kind")
    async with world.app.database.begin() as connection:
        await people.put_code(
            connection, world.app.vault, key, CodeKind.FILE, ana, {}, uses=None, expires_at=None, now=now
        )
    async with client(world) as http:
        assert len(entries((await http.get(new)).content)) == 1
        assert entries((await http.get(theirs)).content) == []
        for path in (old, "/calendar/a-token-of-another-kind.ics", "/calendar/x.ics", "/calendar/%00.ics"):
            answer = await http.get(path)
            assert (path, answer.status_code) == (path, 404)
            assert "new link" in answer.text
        async with world.app.database.begin() as connection:
            await roster.remove(connection, world.app.vault, world.app.ids, "Ana", now)
        assert entries((await http.get(new)).content) == [], "who has left the team sees nothing"


@pytest.mark.parametrize("path", ["/calendar/events.ics", f"/calendar/{TOKEN}.ics"])
async def test_a_feed_is_only_read(world: World, path: str) -> None:
    async with client(world) as http:
        for method in ("POST", "PUT", "DELETE"):
            assert (await http.request(method, path)).status_code == 405


def test_the_place_is_told_as_far_as_it_is_known() -> None:
    (entry,) = entries(event_file(an_event(venue=Venue(name="")), "en", LONDON, "", NOW))
    assert "location" not in entry
    assert "description" not in entry
    assert HALL.name in event_file(an_event(), "en", LONDON, "", NOW).decode()
