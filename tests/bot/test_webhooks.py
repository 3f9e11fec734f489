"""The providers' doors over ASGI, on a real program: what they refuse, what they store, and what they answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from sqlalchemy import create_engine, make_url, text
from starlette.types import ASGIApp
from structlog.testing import capture_logs
from twilio.request_validator import HMAC_SHA256

from bot.app import asgi
from bot.channels.twilio import signature
from domain.contact import URN
from flows.library import Library
from store.history import history
from tests.bot.live import SECRET, Live, live
from tests.conftest import Clock

BASE = "https://mime.example.org"
TOKEN = "standin-auth-token-for-tests-only"
TELEGRAM, INBOUND, STATUS = "/webhooks/telegram", "/webhooks/twilio/inbound", "/webhooks/twilio/status"
ANN, ANNS_NUMBER = "tel:+447700900101", "+447700900101"
BEN, BENS_CHAT = "telegram:5001", 5001
#: What no answer and no log may hold.
PRIVATE = ("+447700900101", "447700900101", "my secret garden", "Benedict", "5001")

Form = Sequence[tuple[str, str]]


@dataclass
class Doors:
    """The doors of a program whose dispatcher runs."""

    world: Live
    http: httpx.AsyncClient

    async def telegram(self, update: Any, secret: str | bytes | None = SECRET) -> httpx.Response:
        body = update if isinstance(update, bytes) else orjson.dumps(update)
        headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
        return await self.http.post(TELEGRAM, content=body, headers=headers)  # type: ignore[arg-type]  # httpx takes bytes in headers too

    async def twilio(self, form: Form, path: str = INBOUND, **headers: str) -> httpx.Response:
        """Signed as Twilio signs, unless the headers say otherwise."""
        signed = {"X-Twilio-Signature": signature(TOKEN, BASE + path, form), **headers}
        return await self.post_form(urlencode(form).encode(), path, signed)

    async def post_form(self, body: bytes, path: str, headers: dict[str, str]) -> httpx.Response:
        kind = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        return await self.http.post(path, content=body, headers={**kind, **headers})

    async def stored(self) -> int:
        """How many rows there are, of whatever kind."""
        tables = ("seen", "inbox", "contacts", "urns", "sessions", "outbox", "alerts", "early_receipts")
        counted = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)
        ((count,),) = await self.world.rows(f"SELECT {counted}")
        return int(count)

    async def heard(self, who: str) -> list[str]:
        """What they said, as a coordinator reads it."""
        found = await history(self.world.app.database, self.world.app.vault, URN.parse(who))
        return [message.text for message in found if not message.ours]


@asynccontextmanager
async def open_doors(urls: tuple[str, str], flows: Library, clock: Clock, **given: Any) -> AsyncIterator[Doors]:
    async with live(urls, flows, clock, **{"public_base_url": BASE, **given}) as world:
        running = asyncio.create_task(world.app.dispatcher.run())
        async with client(asgi(world.app, role="web")) as http:
            yield Doors(world, http)
        world.app.dispatcher.stop()
        await running


def client(app: Any) -> httpx.AsyncClient:
    inner: ASGIApp = app
    return httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url="http://10.0.0.7:8000")


@pytest.fixture
async def doors(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[Doors]:
    """On each kind of database."""
    async with open_doors(store_urls, flows, clock) as doors:
        yield doors


@pytest.fixture
def sqlite_urls(tmp_path: Any) -> tuple[str, str]:
    return f"sqlite+aiosqlite:///{tmp_path}/mime.db", f"sqlite+aiosqlite:///{tmp_path}/evaluation.db"


@pytest.fixture
async def sqlite_doors(sqlite_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[Doors]:
    """Where the store makes no difference."""
    async with open_doors(sqlite_urls, flows, clock) as doors:
        yield doors


def sms(words: str, sid: str = "SM1", **more: str) -> list[tuple[str, str]]:
    return [
        ("MessageSid", sid), ("AccountSid", "AC1"), ("From", ANNS_NUMBER), ("To", "+447700900000"),
        ("Body", words), ("NumMedia", "0"), *more.items(),
    ]  # fmt: skip


def update(words: str, update_id: int = 1, chat_id: int = BENS_CHAT) -> dict[str, Any]:
    who = {"id": chat_id, "is_bot": False, "first_name": "Benedict", "language_code": "en"}
    chat = {"id": chat_id, "type": "private", "first_name": "Benedict"}
    return {"update_id": update_id, "message": {"message_id": 1, "date": 1, "chat": chat, "from": who, "text": words}}


# Who may come in


@pytest.mark.parametrize("path", [INBOUND, STATUS])
async def test_what_is_not_signed_by_twilio_is_refused_and_nothing_is_stored(sqlite_doors: Doors, path: str) -> None:
    form = sms("my secret garden", MessageStatus="delivered")
    body = urlencode(form).encode()
    right = signature(TOKEN, BASE + path, form)
    wrong = [
        ({}, body),
        ({"X-Twilio-Signature": ""}, body),
        ({"X-Twilio-Signature": "nonsense"}, body),
        ({"X-Twilio-Signature": right[:-3] + "AA="}, body),
        ({"X-Twilio-Signature": signature("another token", BASE + path, form)}, body),
        ({"X-Twilio-Signature": signature(TOKEN, f"{BASE}{path}?m=1", form)}, body),
        ({"X-Twilio-Signature": signature(TOKEN, f"http://10.0.0.7:8000{path}", form)}, body),
        ({"X-Twilio-Signature": right}, body + b"&Body=STOP"),
        ({"X-Twilio-Signature": right}, body.replace(b"garden", b"gardem")),
        ({"X-Twilio-Signature": right}, b""),
        ({"X-Twilio-Signature": right}, b"Body=\xff\xfe"),
        ({"X-Twilio-Signature": right}, b"&".join(b"a=%d" % n for n in range(300))),
        ({"X-Twilio-Signature": right, "X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_MD5"}, body),
    ]
    with capture_logs() as logged:
        for headers, content in wrong:
            answer = await sqlite_doors.post_form(content, path, headers)
            assert (answer.status_code, headers) == (403, headers)
            assert no_private_word(answer.text)
    assert no_private_word(str(logged))
    assert await sqlite_doors.stored() == 0


async def test_what_does_not_know_the_secret_is_refused_and_nothing_is_stored(sqlite_doors: Doors) -> None:
    for secret in (None, "", "wrong", SECRET + "x", SECRET[:-1], SECRET.upper(), "ključ".encode(), b"\xff"):
        answer = await sqlite_doors.telegram(update("my secret garden"), secret)
        assert (answer.status_code, secret) == (403, secret)
        assert no_private_word(answer.text)
    assert await sqlite_doors.stored() == 0


async def test_the_address_that_is_signed_is_ours_whatever_the_host_header_says(sqlite_doors: Doors) -> None:
    answer = await sqlite_doors.twilio(sms("hello"), Host="evil.example.com")
    assert answer.status_code == 200
    evil = signature(TOKEN, f"https://evil.example.com{INBOUND}", sms("again", "SM2"))
    headers = {"X-Twilio-Signature": evil, "Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com"}
    assert (await sqlite_doors.twilio(sms("again", "SM2"), **headers)).status_code == 403


async def test_the_query_is_signed_as_it_was_sent(sqlite_doors: Doors) -> None:
    form = [("MessageSid", "SM1"), ("MessageStatus", "delivered")]
    for query in ("?m=123", "?m=123&x=%20a+b", "?x=%C5%82&m=123"):
        assert (await sqlite_doors.twilio(form, STATUS + query)).status_code == 200
    moved = {"X-Twilio-Signature": signature(TOKEN, f"{BASE}{STATUS}?m=123", form)}
    assert (await sqlite_doors.twilio(form, f"{STATUS}?m=124", **moved)).status_code == 403


async def test_a_program_behind_a_path_of_its_own_is_signed_with_that_path(
    sqlite_urls: tuple[str, str], flows: Library, clock: Clock
) -> None:
    """A server in front may take a prefix off: what Twilio signed is the address that it was given."""
    base = "https://example.org/involvement/mime"
    async with open_doors(sqlite_urls, flows, clock, public_base_url=f"{base}/") as doors:
        signed = {"X-Twilio-Signature": signature(TOKEN, base + INBOUND, sms("hello"))}
        assert (await doors.twilio(sms("hello"), **signed)).status_code == 200


async def test_a_signature_with_sha256_says_so(sqlite_doors: Doors) -> None:
    strong = signature(TOKEN, BASE + INBOUND, sms("hello"), HMAC_SHA256)
    settings = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    headers = {"X-Twilio-Signature": strong, "X-Twilio-Webhooks-Signature-Settings": settings}
    assert (await sqlite_doors.twilio(sms("hello"), **headers)).status_code == 200
    del headers["X-Twilio-Webhooks-Signature-Settings"]
    assert (await sqlite_doors.twilio(sms("hello"), **headers)).status_code == 403


@pytest.mark.parametrize("path", [TELEGRAM, INBOUND, STATUS])
async def test_a_door_takes_only_posts_and_only_so_much(sqlite_doors: Doors, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        assert (await sqlite_doors.http.request(method, path)).status_code == 405
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "X-Twilio-Signature": "x"}

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"a" * 2**16

    for content in (b"a" * (2**20 + 1), parts()):
        answer = await sqlite_doors.http.post(path, content=content, headers=headers)
        assert answer.status_code == 413
    assert await sqlite_doors.stored() == 0


async def test_the_door_of_a_channel_without_credentials_is_shut(
    sqlite_urls: tuple[str, str], flows: Library, clock: Clock
) -> None:
    off = {"telegram_bot_token": "", "twilio_auth_token": ""}
    async with open_doors(sqlite_urls, flows, clock, **off) as doors:
        assert (await doors.telegram(update("hello"))).status_code == 404
        assert (await doors.twilio(sms("hello"))).status_code == 404
        assert (await doors.twilio(sms("hello"), STATUS)).status_code == 404
        assert await doors.stored() == 0
    async with open_doors(sqlite_urls, flows, clock, telegram_webhook_secret="") as doors:
        assert (await doors.telegram(update("hello"), "")).status_code == 404  # no secret, no door


async def test_a_landline_that_texts_is_not_answered(
    sqlite_urls: tuple[str, str], flows: Library, clock: Clock
) -> None:
    async with open_doors(sqlite_urls, flows, clock, allow_test_numbers=False) as doors:
        for sid, number in (("SM1", ANNS_NUMBER), ("SM2", "+441245606789"), ("SM3", "+441632960123")):
            form = [(n, number if n == "From" else v) for n, v in sms("CHECKIN", sid)]
            assert (await doors.twilio(form)).status_code == 200
        assert await doors.world.rows("SELECT id FROM outbox") == []


# What is not of the documented form


MALFORMED: list[tuple[bytes, str]] = [
    (b"", "not JSON"),
    (b"my secret garden", "not JSON"),
    (b'{"update_id": 1, "message": {"text": "my secret garden"', "not JSON"),
    (b'{"update_id": 1, "message": {"text": "\\ud800 my secret garden"}}', "not JSON"),
    (b"\xff\xfe{}", "not JSON"),
    (b'["my secret garden"]', "not an update of the Telegram Bot API (TypeError)"),
    (b'{"message": {"text": "my secret garden"}}', "not an update of the Telegram Bot API (KeyError)"),
    (b'{"update_id": "my secret garden"}', "not an update of the Telegram Bot API (ValueError)"),
    (b"[" * 100_000, "not JSON"),
]


async def test_an_update_of_no_known_form_is_answered_with_a_sentence(
    sqlite_doors: Doors, capfd: pytest.CaptureFixture[str]
) -> None:
    with capture_logs() as logged:
        for body, sentence in MALFORMED:
            answer = await sqlite_doors.telegram(body)
            assert (answer.status_code, answer.text) == (400, sentence)
        spoilt = update("my secret garden")
        del spoilt["message"]["chat"]["id"]
        answer = await sqlite_doors.telegram(spoilt)
        assert answer.status_code == 400
    assert [line["event"] for line in logged] == ["malformed webhook"] * (len(MALFORMED) + 1)
    assert no_private_word(str(logged), answer.text, *capfd.readouterr())
    assert await sqlite_doors.stored() == 0


async def test_a_signed_form_of_no_known_form_is_answered_with_a_sentence(
    sqlite_doors: Doors, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = sms("my secret garden")
    with capture_logs() as logged:
        for missing in ("MessageSid", "From", "Body"):
            answer = await sqlite_doors.twilio([pair for pair in whole if pair[0] != missing])
            assert (answer.status_code, answer.text) == (400, f"an inbound text without a {missing}")
        for form, path in (
            (whole, STATUS),
            ([*whole, ("MessageStatus", "exploded")], STATUS),
            ([*whole, ("MessageStatus", "sent")], f"{STATUS}?m=abc"),
        ):
            answer = await sqlite_doors.twilio(form, path)
            assert answer.status_code == 400
            assert no_private_word(answer.text)
    assert [line["event"] for line in logged] == ["malformed webhook"] * 6
    assert no_private_word(str(logged), *capfd.readouterr())
    assert await sqlite_doors.stored() == 0


def no_private_word(*texts: str) -> bool:
    return not any(word in text for word in PRIVATE for text in texts)


async def test_a_whole_conversation_leaves_no_private_word_in_any_log(
    doors: Doors, capfd: pytest.CaptureFixture[str]
) -> None:
    with capture_logs() as logged:
        for n, words in enumerate(("CHECKIN", "yes", "my secret garden", "what", "and this", "7", "person")):
            assert (await doors.twilio(sms(words, f"SM{n}"))).status_code == 200
            assert (await doors.telegram(update(words, n))).status_code == 200
    assert no_private_word(str(logged), *capfd.readouterr())
    for path in ("/readyz", "/metrics", "/healthz"):
        answer = await doors.http.get(path)
        assert answer.status_code == 200
        assert no_private_word(answer.text)


# What is answered


async def test_a_text_is_answered_with_empty_twiml(sqlite_doors: Doors) -> None:
    for answer in (
        await sqlite_doors.twilio(sms("CHECKIN")),
        await sqlite_doors.twilio([("MessageSid", "SM1"), ("MessageStatus", "delivered")], f"{STATUS}?m=1"),
        await sqlite_doors.twilio([("MessageSid", "SM1"), ("MessageStatus", "queued")], STATUS),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/xml"
        assert answer.content == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


async def test_a_pressed_button_is_noticed_in_the_answer(sqlite_doors: Doors) -> None:
    await sqlite_doors.telegram(update("/checkin"))
    (asked,) = await sqlite_doors.world.told(BEN)
    token = asked.buttons[0][0][1]
    pressed = {
        "id": "4382000000000000001",
        "from": update("")["message"]["from"],
        "chat_instance": "1",
        "data": token,
    }
    answer = await sqlite_doors.telegram({"update_id": 2, "callback_query": pressed})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"method": "answerCallbackQuery", "callback_query_id": "4382000000000000001"}
    assert (await sqlite_doors.world.told(BEN))[-1].text.startswith("How content are you")
    assert (await sqlite_doors.telegram(update("7", 3))).json() == {}


async def test_an_answer_comes_only_when_the_rows_are_there(
    store_urls: tuple[str, str], flows: Library, clock: Clock
) -> None:
    async with (
        live(store_urls, flows, clock, public_base_url=BASE) as world,
        client(asgi(world.app, role="web")) as http,
    ):
        doors = Doors(world, http)
        bringing = [
            asyncio.create_task(doors.telegram(update("/checkin"))),
            asyncio.create_task(doors.twilio(sms("CHECKIN"))),
        ]
        for _ in range(20):
            await world.rows("SELECT 1")
        assert not any(task.done() for task in bringing)  # nobody commits yet
        running = asyncio.create_task(world.app.dispatcher.run())
        for task in asyncio.as_completed(bringing):
            assert (await task).status_code == 200
            assert len(await world.rows("SELECT id FROM inbox")) >= 1
        assert len(await world.rows("SELECT id FROM outbox")) == 2
        world.app.dispatcher.stop()
        await running


async def test_a_message_brought_again_is_answered_once(doors: Doors) -> None:
    for _ in range(3):
        assert (await doors.twilio(sms("CHECKIN"))).status_code == 200
        assert (await doors.telegram(update("/checkin"))).status_code == 200
    assert len(await doors.world.told(ANN)) == 1
    assert len(await doors.world.told(BEN)) == 1


# A store that is away


@asynccontextmanager
async def away(world: Live, server: str | None) -> AsyncIterator[None]:
    """PostgreSQL lets nobody in and throws out who is there; SQLite's file has lost its tables."""
    if server is None:
        tables = ("seen", "early_receipts", "alembic_version")
        await renamed(world, *((name, f"{name}_away") for name in tables))
        yield
        await renamed(world, *((f"{name}_away", name) for name in tables))
        return
    name = make_url(world.app.settings.database_url).database
    admin = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
        yield
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()


async def renamed(world: Live, *names: tuple[str, str]) -> None:
    async with world.app.database.begin() as connection:
        for old, new in names:
            await connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


async def test_while_the_store_is_away_nothing_is_acknowledged_and_after_it_all_goes_on(
    doors: Doors, request: pytest.FixtureRequest
) -> None:
    sqlite = doors.world.app.database.is_sqlite
    await doors.twilio(sms("CHECKIN", "SM1"))
    assert (await doors.http.get("/readyz")).status_code == 200
    async with away(doors.world, None if sqlite else request.getfixturevalue("postgres")):
        for _ in range(3):
            assert (await doors.twilio(sms("yes", "SM2"))).status_code == 503
            assert (await doors.telegram(update("/checkin"))).status_code == 503
            report = [("MessageSid", "SM9"), ("MessageStatus", "delivered")]
            assert (await doors.twilio(report, STATUS)).status_code == 503
        ready = await doors.http.get("/readyz")
        assert ready.status_code == 503
        assert "the operational store" in ready.json()["faults"][0]
        assert (await doors.http.get("/healthz")).status_code == 200
    assert await doors.world.rows("SELECT external_id FROM early_receipts") == []
    assert len(await doors.world.rows("SELECT id FROM inbox")) == 1
    for _ in range(2):  # brought again, and once more
        assert (await doors.twilio(sms("yes", "SM2"))).status_code == 200
        assert (await doors.telegram(update("/checkin"))).status_code == 200
    assert (await doors.http.get("/readyz")).status_code == 200
    assert [told.text[:11] for told in await doors.world.told(ANN)] == ["Hello from ", "How content"]
    assert len(await doors.world.told(BEN)) == 1


async def test_a_web_process_is_not_ready_before_its_senders_and_its_ticker_live(sqlite_doors: Doors) -> None:
    world = sqlite_doors.world
    async with client(asgi(world.app, role="all")) as http:
        faults = (await http.get("/readyz")).json()["faults"]
        assert faults == [
            "the sender for telegram is not alive",
            "the sender for sms is not alive",
            "the ticker is not alive",
        ]
        for sender in world.app.senders:
            sender.alive_at = world.clock()
        assert (await http.get("/readyz")).json()["faults"] == ["the ticker is not alive"]
        world.app.ticker.alive_at = world.clock()
        assert (await http.get("/readyz")).status_code == 200
        world.clock.forward(timedelta(minutes=1))
        assert (await http.get("/readyz")).status_code == 503


# Words of any kind


NASTY = [
    "\x00",
    "7\x00",
    "\x00" * 1000,
    "'; DROP TABLE answers; --",
    "%s %d {phone} {0} ${x} \\",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://evil.example.com")',
    "\u202eabc\u202d \u2066x\u2069",
    "Z\u0351\u036b\u0343\u036a\u0302" * 200,
    "\u200b\u200c\u200d\ufeff",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16") * 500,
    "👩‍👩‍👧‍👦🏴‍☠️",
    "\ufdd0\uffff\U0010ffff",
    "\r\n\t\v\f\x1b[31m\x07\x7f\x85\u2028\u2029",
    "﷽" * 500,
    "ـ" * 3000,
    "ﷺ１２３",
    "ᄀ" * 2000,
    "7" * 5000,
    "a" * 100_000,
    " ".join(["not"] * 20_000),
    "İ" * 4000,
    "ß\u0301ﬃ",
    "-1",
    "1e999",
    "NaN",
    "½",
    "Ⅷ",
    "൭",
]


async def test_words_of_any_kind_come_back_as_they_were_and_wedge_nobody(doors: Doors) -> None:
    """At a scale, at a yes or no, and where words of one's own are asked for."""
    for n, nasty in enumerate(NASTY):
        said = ["CHECKIN", nasty, "1", nasty, "5", "5", "5", "5", "5", "5", nasty]
        chat = 7000 + n
        number = f"+4477009002{n:02}"
        for step, words in enumerate(said):
            form = [(name, number if name == "From" else v) for name, v in sms(words, f"SM{n}-{step}")]
            answers = await asyncio.gather(doors.telegram(update(words, n * 100 + step, chat)), doors.twilio(form))
            assert [answer.status_code for answer in answers] == [200, 200], nasty[:20]
        assert await doors.heard(f"telegram:{chat}") == said
        assert await doors.heard(f"tel:{number}") == said
    assert await doors.world.alerts() == []
    # each of them is in the middle of it or at its end, and can still say how it goes on
    for n in range(len(NASTY)):
        await doors.telegram(update("/checkin", 10_000 + n, 7000 + n))
        assert (await doors.world.told(f"telegram:{7000 + n}"))[-1].text


async def test_half_a_character_is_refused_and_the_conversation_goes_on(sqlite_doors: Doors) -> None:
    await sqlite_doors.telegram(update("/checkin"))
    half = json.dumps(update("\ud83d", 2)).encode()
    assert b"\\ud83d" in half
    assert (await sqlite_doors.telegram(half)).status_code == 400
    await sqlite_doors.telegram(update("yes", 3))
    assert (await sqlite_doors.world.told(BEN))[-1].text.startswith("How content are you")
