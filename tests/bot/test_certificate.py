"""A certificate of attendance: a PDF that a screen reader can read, whatever a name is made of."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from bot.app import asgi
from bot.events import certificate
from bot.events.certificate import NoFont, pdf, printable
from bot.sheet import NoTypst
from domain.code import CodeKind
from domain.event import Day, EventKind
from store import certificates, people
from store import tables as t
from tests.bot.held import ENDS, STARTS, an_event, books, contact_of, hold
from tests.conftest import World

BASE = "https://mime.example.org"
LONDON = ZoneInfo("Europe/London")
ANA = "tel:+447700900101"
TOKEN = "a-token-of-thirty-two-characters"
LINK = f"{BASE}/certificate/{TOKEN}"
#: Each is an order, or the end of something, in a language that one might paste them into.
NASTY = [
    '#panic("x")', '"); #panic("x")', "#set document(title: [owned])", "= Head", "$x$ `y` *z* _w_ @ref <label>",
    "\\u{41}\\", "[", "]", "{", "}", "*/", "/*", "//", "#sys.inputs", "${HOME}", "%s %d {0}", "<script>", "' OR 1=1",
    "#image(\"/etc/passwd\")", "#read(\"/etc/passwd\")", "O'Brien-Ńowak", "x" * 5000,
    "a\x00b\x1b[2J\u202egnp\ufeff\ufffe\udc80",
]  # fmt: skip


def made(name: str, **given: Any) -> bytes:
    event = an_event(**given)
    return pdf(name, event, event.days, LONDON, "ur", right_to_left=True)


@pytest.mark.parametrize("name", ["Ana Example", "علی رضا", "Łukasz Żak", "Мария", "Ωμέγα", "יעל", ""])
def test_it_is_for_screen_readers_and_says_its_language_and_title(name: str) -> None:
    content = made(name)
    assert content.startswith(b"%PDF-")
    assert re.search(rb"<pdfuaid:part>1</pdfuaid:part>", content)
    assert b"Certificate of attendance</rdf:li>" in content
    assert re.search(rb"/Lang\s*\(en-GB\)", content)
    assert b"CreationDate" not in content, "the same is the same"


@pytest.mark.parametrize("name", NASTY)
def test_what_a_name_says_is_never_an_order(name: str) -> None:
    for content in (made(name), made("Ana", title={"en": name})):
        assert b"owned" not in content
        assert re.findall(rb"<dc:title>.*?</dc:title>", content, re.DOTALL) == [
            b'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Certificate of attendance</rdf:li></rdf:Alt></dc:title>'
        ]


def test_a_name_is_one_line_of_letters() -> None:
    assert printable("  Ana\r\n\tMaria\u2028 Example ") == "Ana Maria Example"
    assert printable("a\x00\x1b\u202eb\ufeff\ufffe\udc80") == "ab"
    assert printable("e\u0301") == "é"
    assert printable("می\u200cخواهم") == "می\u200cخواهم", "it belongs to how the word is written"
    assert printable("x" * 5000) == "x" * 80


def test_letters_that_no_font_has_are_said_and_not_left_out() -> None:
    with pytest.raises(NoFont, match="install the fonts-noto packages"):
        made(
            "\U000e0100 \u0bce"
            + "".join(chr(code) for code in range(0x1E030, 0x1E034))
            + "\U0001e2c0\U00016ac0\U00018b00"
        )


def test_the_days_are_told_as_people_here_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    summer = Day(STARTS.replace(month=7), ENDS.replace(month=7))
    assert certificate._day(summer, LONDON) == "Sunday 26 July 2026, 14:30 to 16:30"
    halves = [certificate._hours(timedelta(minutes=minutes)) for minutes in (5, 60, 90, 120, 600)]
    assert halves == ["0.5 hours", "1 hour", "1.5 hours", "2 hours", "10 hours"]
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(NoTypst, match="make install"):
        made("Ana")


def client(world: World) -> httpx.AsyncClient:
    inner: Any = asgi(world.app, role="web")
    return httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url=BASE)


async def came(world: World, there: bool | None) -> None:
    async with world.app.database.begin() as connection:
        await connection.execute(t.bookings.update().values(came=there))


async def test_the_link_brings_it_to_who_came_and_to_nobody_else(world: World) -> None:
    event = await hold(world, an_event())
    await books(world, ANA, event)
    ana, vault, now = await contact_of(world, ANA), world.app.vault, world.clock()
    async with world.app.database.begin() as connection:
        until = await certificates.new_certificate(connection, vault, event.id, ana, TOKEN, now, "Ana Example")
        key = vault.code("certificate/a-token-of-another-kind")
        await people.put_code(
            connection, vault, key, CodeKind.FILE, ana, {"event": "4711"}, uses=None, expires_at=until, now=now
        )
    async with client(world) as http:
        for there, status in ((None, 404), (False, 404), (True, 200)):
            await came(world, there)
            answer = await http.get(LINK)
            assert (there, answer.status_code) == (there, status)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content == pdf("Ana Example", event, event.days, LONDON, "en")
        for path in ("x", "%00", "nobody-was-given-this-one", "a-token-of-another-kind"):
            answer = await http.get(f"{BASE}/certificate/{path}")
            assert (path, answer.status_code) == (path, 404)
            assert "PERSON" in answer.text
        for method in ("POST", "PUT", "DELETE"):
            assert (await http.request(method, LINK)).status_code == 405
        async with world.app.database.begin() as connection:
            await connection.execute(t.events.update().values(kind=EventKind.VISIT.value))
        assert (await http.get(LINK)).status_code == 404
        async with world.app.database.begin() as connection:
            await connection.execute(t.events.update().values(kind=EventKind.TRAINING.value))
        world.clock.now = until
        assert (await http.get(LINK)).status_code == 404
