"""The providers' stand-ins, driven by the providers' own clients over loopback."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import httpx
import orjson
import pytest
from telegram import Bot, BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut
from telegram.request import HTTPXRequest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from benchmarks.standins.pace import Pace
from benchmarks.standins.serving import Answer, Request, loopback
from benchmarks.standins.telegram import TOKEN, TelegramFaults, TelegramStandin
from benchmarks.standins.trouble import Fault, Faults, Trouble
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS, TwilioFaults, TwilioStandin

pytestmark = [
    # twilio 9.13 calls aiohttp in a way that aiohttp 4 will drop; python-telegram-bot announces a new type
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type.*"),
]

ANNA = 4711
BELA = 4712
HER_NUMBER = "+447700900123"
HIS_NUMBER = "+447700900124"
CHOICES = InlineKeyboardMarkup(
    [[InlineKeyboardButton("Yes", callback_data="t-yes"), InlineKeyboardButton("No", callback_data="t-no")]]
)


@dataclass
class Clock:
    """Seconds since 1970, moved by the test."""

    now: float = datetime(2026, 12, 8, 12, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@dataclass
class Door:
    """The product's webhook: keeps what is posted, and answers with the given statuses, then 204.

    Nothing is answered before `waits_for` requests have come.
    """

    statuses: list[int | None] = field(default_factory=list)
    waits_for: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    body: bytes = b""
    content_type: str = "text/xml"
    requests: list[Request] = field(default_factory=list)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def release(self) -> None: ...

    async def answer(self, request: Request) -> Answer | None:
        self.requests.append(request)
        if len(self.requests) >= self.waits_for:
            self.opened.set()
        await self.opened.wait()
        status = self.statuses.pop(0) if self.statuses else 200 if self.body else 204
        return None if status is None else Answer(status, self.body, self.content_type)

    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(request.body.decode(), keep_blank_values=True)) for request in self.requests]

    def updates(self) -> list[dict[str, Any]]:
        return [orjson.loads(request.body) for request in self.requests]


@asynccontextmanager
async def bot_at(standin: TelegramStandin, token: str = TOKEN, seconds: float = 5) -> AsyncIterator[Bot]:
    async with loopback(standin) as url, bot_on(url, token, seconds) as bot:
        yield bot


@asynccontextmanager
async def bot_on(url: str, token: str = TOKEN, seconds: float = 5) -> AsyncIterator[Bot]:
    requests = [HTTPXRequest(read_timeout=seconds) for _ in range(2)]
    bot = Bot(
        token, f"{url}/bot", base_file_url=f"{url}/file/bot", request=requests[0], get_updates_request=requests[1]
    )
    for request in requests:
        await request.initialize()
    try:
        yield bot
    finally:
        for request in requests:
            await request.shutdown()


async def until(bot: Bot, is_so: Callable[[], bool]) -> None:
    """Asks the stand-in something harmless until that is so."""
    async with asyncio.timeout(5):
        while not is_so():
            await bot.get_me()


@asynccontextmanager
async def client_at(standin: TwilioStandin, token: str = AUTH_TOKEN) -> AsyncIterator[Client]:
    async with loopback(standin) as url, AsyncTwilioHttpClient() as http:
        client = Client(ACCOUNT_SID, token, http_client=http)
        client.api.base_url = url
        yield client


async def text(client: Client, to: str = HER_NUMBER, body: str = "Hello", **more: Any) -> Any:
    if "messaging_service_sid" not in more:
        more.setdefault("from_", NUMBER_OF_OURS)
    return await client.messages.create_async(to=to, body=body, **more)


# Telegram: sending


async def test_a_message_is_kept_with_its_buttons_and_gets_a_higher_id_than_the_one_before() -> None:
    standin = TelegramStandin(clock=Clock())
    async with bot_at(standin) as bot:
        first = await bot.send_message(ANNA, "Shall we begin?", reply_markup=CHOICES)
        second = await bot.send_message(BELA, "Hello")
    assert second.message_id > first.message_id
    assert first.text == "Shall we begin?"
    assert first.date == datetime(2026, 12, 8, 12, tzinfo=UTC)
    assert first.reply_markup == CHOICES
    [kept] = standin.messages(ANNA)
    assert (kept.chat_id, kept.text, kept.time) == (ANNA, "Shall we begin?", Clock().now)
    assert kept.buttons == [("Yes", "t-yes"), ("No", "t-no")]
    assert standin.messages(BELA)[0].buttons == []
    assert standin.accepted == 2
    assert standin.requests["sendMessage"] == 2
    assert standin.per_second == {int(Clock().now): 2}
    assert standin.violations == []


async def test_the_bot_learns_who_it_is() -> None:
    async with bot_at(TelegramStandin("99:abc"), "99:abc") as bot:
        me = await bot.get_me()
    assert (me.id, me.is_bot) == (99, True)


async def test_a_wrong_token_is_refused_and_noted() -> None:
    standin = TelegramStandin()
    async with bot_at(standin, token="1:wrong") as bot:
        with pytest.raises(InvalidToken):
            await bot.send_message(ANNA, "Hello")
    assert standin.violations == ["sendMessage: the token is not this bot's"]
    assert standin.sent == []


async def test_forms_json_and_multipart_say_the_same() -> None:
    standin = TelegramStandin()
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "t-yes"}]]}
    as_text = {"chat_id": str(ANNA), "text": "سلام +&=", "reply_markup": orjson.dumps(markup).decode()}
    async with loopback(standin) as url, httpx.AsyncClient() as client:
        address = f"{url}/bot{TOKEN}/sendMessage"
        answers = [
            await client.post(address, data=as_text),
            await client.post(address, json={"chat_id": ANNA, "text": "سلام +&=", "reply_markup": markup}),
            await client.post(address, files={name: (None, value) for name, value in as_text.items()}),
            await client.get(address, params=as_text),
        ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {(each.chat_id, each.text) for each in standin.sent} == {(ANNA, "سلام +&=")}
    assert [each.buttons for each in standin.sent] == [[("Yes", "t-yes")]] * 4
    assert standin.violations == []


async def test_a_document_comes_through_byte_for_byte() -> None:
    standin = TelegramStandin()
    content = bytes(range(256)) + b"\r\n--not the boundary--\r\n"
    async with bot_at(standin) as bot:
        sent = await bot.send_document(ANNA, content, filename="report.pdf", caption="What came of it")
        assert sent.document is not None
        async with httpx.AsyncClient() as client:
            found = await client.get(f"{bot.base_file_url}/{sent.document.file_id}")
            missing = await client.get(f"{bot.base_file_url}/documents/999")
    assert (sent.caption, sent.document.file_name, sent.document.file_size) == (
        "What came of it",
        "report.pdf",
        len(content),
    )
    assert found.content == content
    assert missing.status_code == 404
    assert standin.violations == []


async def test_the_buttons_of_a_message_can_be_taken_away_once() -> None:
    standin = TelegramStandin()
    async with bot_at(standin) as bot:
        sent = await bot.send_message(ANNA, "Shall we begin?", reply_markup=CHOICES)
        await bot.edit_message_reply_markup(ANNA, sent.message_id)
        with pytest.raises(BadRequest, match="not modified"):
            await bot.edit_message_reply_markup(ANNA, sent.message_id)
        with pytest.raises(BadRequest, match="Message to edit not found"):
            await bot.edit_message_reply_markup(BELA, sent.message_id)
    assert standin.messages(ANNA)[0].buttons == []
    with pytest.raises(LookupError):
        standin.press(ANNA, "t-yes")


async def test_commands_and_descriptions_are_kept_by_language() -> None:
    standin = TelegramStandin()
    async with bot_at(standin) as bot:
        await bot.set_my_commands([BotCommand("events", "What is on")])
        await bot.set_my_commands([BotCommand("events", "Co się dzieje")], language_code="pl")
        await bot.set_my_description("Surveys and bookings")
        await bot.set_my_short_description("Ankiety", language_code="pl")
    assert standin.commands["default", ""] == [{"command": "events", "description": "What is on"}]
    assert standin.commands["default", "pl"] == [{"command": "events", "description": "Co się dzieje"}]
    assert standin.descriptions == {"": "Surveys and bookings"}
    assert standin.short_descriptions == {"pl": "Ankiety"}
    assert standin.violations == []


Call = Callable[[Any], Awaitable[Any]]  # Any, since the client's types would refuse some of these

#: What is wrong, the call, and what Telegram says.
REFUSED: list[tuple[str, Call, str]] = [
    ("sendMessage: text has 4097 characters", lambda b: b.send_message(ANNA, "x" * 4097), "message is too long"),
    ("sendMessage: text has 0 characters", lambda b: b.send_message(ANNA, " \n "), "text is empty"),
    ("sendMessage: text is missing", lambda b: b.send_message(ANNA, None), "text is empty"),
    (
        "sendMessage: chat_id is missing",
        lambda b: b.send_message(None, "Hello"),
        "chat_id is empty",
    ),
    ("sendMessage: chat_id is no integer", lambda b: b.send_message("Anna", "Hello"), "chat not found"),
    (
        "is 65 bytes long",
        lambda b: b.send_message(ANNA, "Hello", reply_markup=one_button(callback_data="ł" * 32 + "x")),
        "BUTTON_DATA_INVALID",
    ),
    (
        "needs exactly one of callback_data and url",
        lambda b: b.send_message(ANNA, "Hello", reply_markup=one_button()),
        "text buttons are unallowed",
    ),
    (
        "more than 8 buttons a row",
        lambda b: b.send_message(
            ANNA, "Hello", reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton("x", callback_data="x")] * 9])
        ),
        "reply markup is too long",
    ),
    (
        "sendMessage: reply_markup is no JSON",
        lambda b: b.send_message(ANNA, "Hello", reply_markup="{"),
        "can't parse reply keyboard markup",
    ),
    (
        "sendDocument: caption has 1025 characters",
        lambda b: b.send_document(ANNA, b"x", filename="x.txt", caption="x" * 1025),
        "caption is too long",
    ),
    (
        "answerCallbackQuery: text has 201 characters",
        lambda b: b.answer_callback_query("1", text="x" * 201),
        "MESSAGE_TOO_LONG",
    ),
    ("setWebhook: url is no https URL", lambda b: b.set_webhook("http://mime.example/t"), "HTTPS URL must be"),
    (
        "setWebhook: url has the port 8080",
        lambda b: b.set_webhook("https://mime.example:8080/t"),
        "ports 80, 88, 443 or 8443",
    ),
    (
        "setWebhook: secret_token is not",
        lambda b: b.set_webhook("https://mime.example/t", secret_token="a secret"),
        "unallowed characters",
    ),
    (
        "setMyCommands: language_code is no two-letter",
        lambda b: b.set_my_commands([BotCommand("events", "x")], language_code="zh_Hans"),
        "LANG_CODE_INVALID",
    ),
    (
        "setMyCommands: commands has 101 commands",
        lambda b: b.set_my_commands([BotCommand(f"c{n}", "x") for n in range(101)]),
        "BOT_COMMANDS_TOO_MUCH",
    ),
    (
        "setMyCommands: commands has a field that is wrong: command is not",
        lambda b: b.set_my_commands([BotCommand("My-Data", "x")]),
        "BOT_COMMAND_INVALID",
    ),
    (
        "setMyShortDescription: short_description has 121 characters",
        lambda b: b.set_my_short_description("x" * 121),
        "short description is too long",
    ),
]


def one_button(**action: Any) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton("Yes", **action)]])


@pytest.mark.parametrize(("complaint", "call", "says"), REFUSED, ids=[complaint for complaint, _, _ in REFUSED])
async def test_what_breaks_telegrams_rules_is_refused_and_noted(complaint: str, call: Call, says: str) -> None:
    standin = TelegramStandin()
    async with bot_at(standin) as bot:
        with pytest.raises(BadRequest, match=f"(?i){says}"):  # the client changes capitals
            await call(bot)
    [violation] = standin.violations
    assert complaint in violation
    assert standin.sent == []


#: What Telegram overlooks, and the stand-in does not.
OVERLOOKED: list[tuple[str, Call]] = [
    ("'colour' is no parameter", lambda b: b.send_message(ANNA, "Hello", api_kwargs={"colour": "red"})),
    (
        "disable_notification is neither true nor false",
        lambda b: b.send_message(ANNA, "Hello", api_kwargs={"disable_notification": "perhaps"}),
    ),
    ("limit is 101; it may be 1 to 100", lambda b: b.get_updates(limit=101)),
    ("allowed_updates names a kind", lambda b: b.get_updates(allowed_updates=["poll"])),
    ("sendMessage: 'parse_mode' is no parameter", lambda b: b.send_message(ANNA, "Hello", parse_mode="HTML")),
]


@pytest.mark.parametrize(("complaint", "call"), OVERLOOKED, ids=[complaint for complaint, _ in OVERLOOKED])
async def test_what_telegram_overlooks_is_noted_all_the_same(complaint: str, call: Call) -> None:
    standin = TelegramStandin()
    async with bot_at(standin) as bot:
        await call(bot)
    [violation] = standin.violations
    assert complaint in violation


async def test_a_method_that_the_product_may_not_use_is_not_found_and_noted() -> None:
    standin = TelegramStandin()
    async with loopback(standin) as url, httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/bot{TOKEN}/sendDice", json={"chat_id": ANNA})
        elsewhere = await client.get(f"{url}/")
    assert (answer.status_code, answer.json()) == (
        404,
        {"ok": False, "error_code": 404, "description": "Not Found"},
    )
    assert elsewhere.status_code == 404
    assert len(standin.violations) == 2


async def test_bytes_that_are_no_utf_8_are_refused_and_noted() -> None:
    standin = TelegramStandin()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with loopback(standin) as url, httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/bot{TOKEN}/sendMessage", content=b"chat_id=1&text=%ff%fe", headers=headers)
    assert answer.status_code == 400
    assert standin.violations == ["sendMessage: the body cannot be read (UnicodeDecodeError)"]


async def test_a_violation_never_repeats_what_was_said() -> None:
    standin = TelegramStandin()
    async with bot_at(standin) as bot:
        with pytest.raises(BadRequest):
            await bot.send_message(ANNA, "my secret " * 500)
        with pytest.raises(BadRequest):
            await bot.send_message(ANNA, "x", reply_markup=one_button(callback_data="my secret " * 9))
    assert len(standin.violations) == 2
    assert "secret" not in "".join(standin.violations)


# Telegram: updates


async def test_updates_are_handed_out_again_until_a_higher_offset_confirms_them() -> None:
    standin = TelegramStandin()
    for number in range(5):
        standin.say(ANNA, f"message {number}")
    async with bot_at(standin) as bot:
        first = await bot.get_updates(limit=2)
        same = await bot.get_updates(limit=2)
        rest = await bot.get_updates(offset=first[-1].update_id + 1)
        assert standin.updates.pending == 3
        newest = await bot.get_updates(offset=-1)
        none = await bot.get_updates(offset=rest[-1].update_id + 1)
        await standin.settled(within=1)
    assert [update.update_id for update in first] == [update.update_id for update in same]
    assert [update.effective_message.text for update in (*first, *rest) if update.effective_message] == [
        f"message {number}" for number in range(5)
    ]
    assert [update.update_id for update in newest] == [rest[-1].update_id]
    assert none == ()
    assert all(after.update_id == before.update_id + 1 for before, after in pairwise((*first, *rest)))
    assert standin.violations == []


async def test_a_long_poll_is_answered_when_somebody_writes() -> None:
    standin = TelegramStandin()

    async with bot_at(standin) as bot:
        poll = asyncio.create_task(bot.get_updates(timeout=10))
        await until(bot, lambda: standin.requests["getUpdates"] > 0)
        standin.say(ANNA, "hello", language_code="pl")
        async with asyncio.timeout(5):
            [update] = await poll
    assert update.message is not None
    assert update.message.text == "hello"
    assert update.message.from_user is not None
    assert (update.message.chat.id, update.message.from_user.language_code) == (ANNA, "pl")


async def test_a_long_poll_without_news_ends_empty() -> None:
    async with bot_at(TelegramStandin()) as bot:
        assert await bot.get_updates(timeout=1) == ()


async def test_a_second_poll_ends_the_first_with_a_conflict() -> None:
    standin = TelegramStandin()
    async with bot_at(standin) as bot:
        first = asyncio.create_task(bot.get_updates(timeout=10))
        await until(bot, lambda: standin.requests["getUpdates"] > 0)
        await bot.get_updates(timeout=0)
        with pytest.raises(Conflict, match="terminated by other getUpdates"):
            await first


async def test_a_stand_in_stops_at_once_though_a_long_poll_is_open() -> None:
    standin = TelegramStandin()
    async with asyncio.timeout(5), AsyncExitStack() as later:
        async with loopback(standin) as url:
            bot = await later.enter_async_context(bot_on(url))
            poll = asyncio.create_task(bot.get_updates(timeout=30))
            await until(bot, lambda: standin.requests["getUpdates"] > 0)
        assert await poll == ()


async def test_the_webhook_gets_updates_with_the_secret_in_order_and_again_until_it_takes_them() -> None:
    standin = TelegramStandin(webhook_pause=0.001)
    door = Door(statuses=[500, None, 503])
    async with loopback(door) as address, bot_at(standin) as bot:
        await bot.set_webhook(f"{address}/webhooks/telegram?x=%C5%82", secret_token="s3cret")
        ids = [standin.say(ANNA, f"message {number}") for number in range(4)]
        await standin.settled()
        info = await bot.get_webhook_info()
    assert [update["update_id"] for update in door.updates()] == [ids[0]] * 4 + ids[1:]
    assert {request.headers["x-telegram-bot-api-secret-token"] for request in door.requests} == {"s3cret"}
    assert {(request.method, request.path, request.query) for request in door.requests} == {
        ("POST", "/webhooks/telegram", "x=%C5%82")
    }
    assert standin.updates.posts == {500: 1, 0: 1, 503: 1, 204: 4}
    assert info.pending_update_count == 0
    assert info.last_error_message == "Wrong response from the webhook: 503"
    update = Update.de_json(door.updates()[-1], None)
    assert update.effective_message is not None
    assert update.effective_message.text == "message 3"


async def test_one_chat_that_the_webhook_fails_for_does_not_hold_up_another() -> None:
    standin = TelegramStandin(webhook_pause=60, longest_webhook_pause=60)
    door = Door(statuses=[500])
    async with loopback(door) as address, bot_at(standin) as bot:
        await bot.set_webhook(address)
        standin.say(ANNA, "first")
        await until(bot, lambda: bool(door.requests))
        standin.say(ANNA, "second")
        third = standin.say(BELA, "third")
        await until(bot, lambda: standin.updates.pending == 2)
        assert [update["update_id"] for update in door.updates()][1:] == [third]


async def test_updates_wait_for_a_webhook_and_go_back_to_waiting_without_one() -> None:
    standin = TelegramStandin(webhook_pause=60)
    door = Door(statuses=[500])
    async with loopback(door) as address, bot_at(standin) as bot:
        waiting = standin.say(ANNA, "hello")
        await bot.set_webhook(address)
        with pytest.raises(Conflict, match="webhook is active"):
            await bot.get_updates()
        await until(bot, lambda: bool(door.requests))
        assert (await bot.get_webhook_info()).pending_update_count == 1
        await bot.delete_webhook()
        assert [update.update_id for update in await bot.get_updates()] == [waiting]
        await bot.set_webhook(address)
        await standin.settled()
        await bot.delete_webhook()
        standin.say(ANNA, "to be dropped")
        await bot.delete_webhook(drop_pending_updates=True)
        assert await bot.get_updates() == ()
    assert [update["update_id"] for update in door.updates()] == [waiting, waiting]


async def test_a_stand_in_that_is_served_again_posts_what_was_not_taken_before() -> None:
    standin = TelegramStandin(webhook_pause=60)
    door = Door(statuses=[500])
    async with loopback(door) as address:
        async with bot_at(standin) as bot:
            await bot.set_webhook(address)
            said = standin.say(ANNA, "hello")
            await until(bot, lambda: bool(door.requests))
        async with loopback(standin):
            await standin.settled()
    assert [update["update_id"] for update in door.updates()] == [said, said]


async def test_an_update_that_was_taken_may_be_posted_again() -> None:
    standin = TelegramStandin(faults=TelegramFaults(repeated_updates=1))
    door = Door()
    async with loopback(door) as address, bot_at(standin) as bot:
        await bot.set_webhook(address)
        standin.say(ANNA, "hello")
        await standin.settled()
    assert len(door.requests) == 2
    assert door.requests[0].body == door.requests[1].body


async def test_only_the_kinds_asked_for_are_handed_out() -> None:
    standin = TelegramStandin()
    async with bot_at(standin) as bot:
        await bot.get_updates(allowed_updates=["message", "callback_query"])
        standin.block(ANNA)
        said = standin.say(ANNA, "hello")
        assert [update.update_id for update in await bot.get_updates()] == [said]
        await bot.get_updates(allowed_updates=[])
        unblocked = standin.unblock(ANNA)
        assert [update.update_id for update in await bot.get_updates()] == [said, unblocked]


async def test_a_button_pressed_brings_its_token_and_can_be_answered_once() -> None:
    standin = TelegramStandin()
    standin.say(ANNA, "/start abc", language_code="ur")
    async with bot_at(standin) as bot:
        sent = await bot.send_message(ANNA, "Shall we begin?", reply_markup=CHOICES)
        standin.press(ANNA, "t-no")
        begun, pressed = await bot.get_updates()
        query = pressed.callback_query
        assert query is not None
        assert query.message is not None
        await bot.answer_callback_query(query.id)
        with pytest.raises(BadRequest, match="Query is too old"):
            await bot.answer_callback_query(query.id)
    assert (query.data, query.from_user.id, query.from_user.language_code) == ("t-no", ANNA, "ur")
    assert query.message.message_id == sent.message_id
    assert begun.message is not None
    assert [(each.type, each.length) for each in begun.message.entities] == [("bot_command", 6)]
    with pytest.raises(LookupError):
        standin.press(BELA, "t-no")


async def test_somebody_who_blocks_the_bot_is_out_of_reach_until_they_unblock_it() -> None:
    standin = TelegramStandin()
    async with bot_at(standin) as bot:
        standin.block(ANNA)
        with pytest.raises(Forbidden, match="blocked by the user"):
            await bot.send_message(ANNA, "Hello")
        await bot.send_message(BELA, "Hello")
        standin.unblock(ANNA)
        await bot.send_message(ANNA, "Hello")
        changes = [update.my_chat_member for update in await bot.get_updates()]
    assert [(each.old_chat_member.status, each.new_chat_member.status) for each in changes if each] == [
        ("member", "kicked"),
        ("kicked", "member"),
    ]
    assert standin.violations == []


async def test_a_message_can_be_edited_and_anything_else_can_be_sent() -> None:
    standin = TelegramStandin()
    standin.edit(ANNA, 7, "I meant yes")
    standin.send(ANNA, location={"latitude": 51.7, "longitude": 0.5})
    async with bot_at(standin) as bot:
        edited, located = await bot.get_updates()
    assert edited.edited_message is not None
    assert (edited.edited_message.message_id, edited.edited_message.text) == (7, "I meant yes")
    assert located.message is not None
    assert located.message.location is not None


# Telegram: faults


@pytest.mark.parametrize(
    ("faults", "error", "accepted"),
    [
        (TelegramFaults(throttled=1, retry_after=3), RetryAfter, 0),
        (TelegramFaults(server_error=1), NetworkError, 0),
        (TelegramFaults(unavailable=1), NetworkError, 0),
        (TelegramFaults(drop_before=1), NetworkError, 0),
        (TelegramFaults(drop_after=1), NetworkError, 1),
        (TelegramFaults(unknown_chats=frozenset({ANNA})), BadRequest, 0),
    ],
    ids=lambda value: str(value)[:70],
)
async def test_a_fault_of_telegrams_reaches_the_client_as_the_right_error(
    faults: TelegramFaults, error: type[Exception], accepted: int
) -> None:
    standin = TelegramStandin(faults=faults)
    async with bot_at(standin) as bot:
        with pytest.raises(error) as raised:
            await bot.send_message(ANNA, "Hello")
        await bot.get_me()  # faults strike sends only
        standin.faults = TelegramFaults()
        await bot.send_message(BELA, "Hello")
    assert type(raised.value) is error
    assert len(standin.messages(ANNA)) == accepted
    assert standin.accepted == accepted + 1
    assert standin.violations == []


async def test_a_slow_answer_of_telegrams_is_given_up_while_the_message_was_taken() -> None:
    standin = TelegramStandin(faults=TelegramFaults(delay=1))
    async with bot_at(standin, seconds=0.5) as bot:
        with pytest.raises(TimedOut):
            await bot.send_message(ANNA, "Hello")
        await bot.get_me()
    assert standin.accepted == 1
    assert standin.violations == []


async def test_a_throttled_chat_is_refused_until_its_time_has_passed_and_others_are_not() -> None:
    clock = Clock()
    faults = TelegramFaults(throttled_chats=frozenset({ANNA}), retry_after=5, times=1)
    standin = TelegramStandin(faults=faults, clock=clock)
    async with bot_at(standin) as bot:
        with pytest.raises(RetryAfter) as first:
            await bot.send_message(ANNA, "Hello")
        await bot.send_message(BELA, "Hello")
        clock.now += 2
        with pytest.raises(RetryAfter) as early:
            await bot.send_message(ANNA, "Hello")
        assert standin.violations == ["pace: a message was sent to a chat before its retry_after had passed"]
        clock.now += 3
        await bot.send_message(ANNA, "Hello")
    assert "5 seconds" in str(first.value)
    assert "3 seconds" in str(early.value)
    assert len(standin.violations) == 1
    assert [message.chat_id for message in standin.sent] == [BELA, ANNA]


async def test_faults_can_be_limited_to_a_number_and_to_methods() -> None:
    faults = TelegramFaults(server_error=1, times=2, methods=frozenset({"getMe"}))
    standin = TelegramStandin(faults=faults)
    async with bot_at(standin) as bot:
        await bot.send_message(ANNA, "Hello")
        for _ in range(2):
            with pytest.raises(NetworkError):
                await bot.get_me()
        await bot.get_me()
    assert standin.trouble.count == {Fault.SERVER_ERROR: 2}


def test_shares_of_faults_are_drawn_by_the_given_chance_alone() -> None:
    faults = Faults(throttled=0.2, drop_before=0.1, drop_after=0.05)
    struck = [Trouble(faults, Random(seed)) for seed in (1, 1, 2)]
    drawn = [[trouble.strikes() for _ in range(2000)] for trouble in struck]
    assert drawn[0] == drawn[1] != drawn[2]
    shares = {fault: count / 2000 for fault, count in struck[0].count.items()}
    assert shares == pytest.approx({Fault.THROTTLED: 0.2, Fault.DROP_BEFORE: 0.1, Fault.DROP_AFTER: 0.05}, abs=0.03)


@pytest.mark.parametrize("wrong", [{"throttled": 1.1}, {"throttled": -0.1}, {"throttled": 0.6, "drop_after": 0.6}])
def test_shares_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Faults(**wrong)


def test_thirty_messages_in_any_second_are_in_order_and_thirty_one_are_not() -> None:
    pace = Pace()
    assert [pace.complaints(chat, 100 + chat / 29) for chat in range(29 * 3)] == [[]] * 29 * 3
    pace = Pace()
    noted = [pace.complaints(chat, 100.5 + chat / 1000) for chat in range(40)]
    assert noted[:30] == [[]] * 30
    assert noted[30] == ["pace: more than 30 messages within one second"]
    assert noted[31:] == [[]] * 9  # the same flood is noted once


def test_one_chat_may_get_three_at_once_and_then_one_a_second() -> None:
    too_fast = ["pace: more than one message a second to one chat, beyond a burst of 3"]
    pace = Pace()
    assert [pace.complaints(ANNA, at) for at in (10, 10, 10, 11, 11.98, 13)] == [[]] * 6
    assert pace.complaints(ANNA, 13.5) == too_fast
    pace = Pace()
    assert [pace.complaints(ANNA, 10) for _ in range(4)] == [[], [], [], too_fast]
    assert pace.complaints(BELA, 10) == []
    assert [pace.complaints(ANNA, 1000) for _ in range(4)] == [[], [], [], too_fast]  # silence saves up no more


async def test_the_pace_is_watched_only_where_that_was_asked_for() -> None:
    for limit, violations in ((True, 1), (False, 0)):
        standin = TelegramStandin(pace_limit=limit, clock=Clock())
        async with bot_at(standin) as bot:
            for _ in range(4):
                await bot.send_message(ANNA, "Hello")
        assert len(standin.violations) == violations


# Twilio: sending


async def test_a_text_is_taken_counted_in_segments_and_found_again() -> None:
    standin = TwilioStandin(clock=Clock())
    async with client_at(standin) as client:
        sent = await text(client, body="ł" * 71, smart_encoded=False, validity_period=3600)
        fetched = await client.messages(sent.sid).fetch_async()
        with pytest.raises(TwilioRestException) as unknown:
            await client.messages("SM" + "0" * 32).fetch_async()
    assert sent.sid.startswith("SM")
    assert len(sent.sid) == 34
    assert (sent.status, sent.num_segments, sent.direction) == ("queued", "2", "outbound-api")
    assert (sent.date_created, sent.date_sent) == (datetime(2026, 12, 8, 12, tzinfo=UTC), None)
    assert (fetched.sid, fetched.status, fetched.body) == (sent.sid, "delivered", "ł" * 71)
    assert (unknown.value.status, unknown.value.code) == (404, 20404)
    [kept] = standin.sent_to(HER_NUMBER)
    assert (kept.smart_encoded, kept.validity_period) == (False, 3600)
    assert standin.accepted == 1
    assert standin.per_second == {int(Clock().now): 1}
    assert standin.violations == []


async def test_a_messaging_service_chooses_the_sender_after_it_has_accepted() -> None:
    service = "MG" + "a" * 32
    standin = TwilioStandin(service_sid=service)
    door = Door()
    async with loopback(door) as address, client_at(standin) as client:
        sent = await text(client, messaging_service_sid=service, status_callback=f"{address}/status")
        await standin.settled()
        fetched = await client.messages(sent.sid).fetch_async()
        with pytest.raises(TwilioRestException) as foreign:
            await text(client, messaging_service_sid="MG" + "b" * 32)
    assert (sent.status, sent.from_, sent.num_segments) == ("accepted", None, "0")
    assert (fetched.status, fetched.from_, fetched.num_segments) == ("delivered", NUMBER_OF_OURS, "1")
    assert [form["MessagingServiceSid"] for form in door.forms()] == [service, service]
    assert foreign.value.code == 21705


async def test_wrong_credentials_are_refused_and_noted() -> None:
    standin = TwilioStandin()
    async with client_at(standin, token="wrong") as client:
        with pytest.raises(TwilioRestException) as raised:
            await text(client)
    assert (raised.value.status, raised.value.code) == (401, 20003)
    assert standin.violations == ["create: the credentials are not this account's"]
    assert standin.messages == []


async def test_the_account_can_be_asked_for() -> None:
    standin = TwilioStandin()
    async with client_at(standin) as client:
        account = await client.api.accounts(ACCOUNT_SID).fetch_async()
    assert (account.sid, account.status) == (ACCOUNT_SID, "active")


@pytest.mark.parametrize(
    ("complaint", "given", "code"),
    [
        ("create: Body has 1601 characters", {"body": "x" * 1601}, 21617),
        ("create: Body is missing", {"body": ""}, 21602),
        ("create: To is no phone number", {"to": "07700 900123"}, 21211),
        ("create: To is our own number", {"to": NUMBER_OF_OURS}, 21266),
        ("create: From is not a number of this account", {"from_": HIS_NUMBER}, 21606),
        ("create: From is no phone number", {"from_": "MIME"}, 21606),
        ("create: ValidityPeriod is 36001", {"validity_period": 36001}, 21624),
        ("create: ValidityPeriod is 0", {"validity_period": 0}, 21624),
        ("create: StatusCallback is no http", {"status_callback": "/webhooks/status"}, 21609),
        ("create: MessagingServiceSid is not MG", {"messaging_service_sid": "MG1"}, 21705),
        ("create: RiskCheck is none of", {"risk_check": "no"}, 20001),
    ],
)
async def test_what_breaks_twilios_rules_is_refused_and_noted(complaint: str, given: dict[str, Any], code: int) -> None:
    standin = TwilioStandin()
    async with client_at(standin) as client:
        with pytest.raises(TwilioRestException) as raised:
            await text(client, **given)
    assert (raised.value.status, raised.value.code) == (400, code)
    [violation] = standin.violations
    assert complaint in violation
    assert "x" * 20 not in violation
    assert standin.messages == []


async def test_a_sender_and_a_recipient_are_needed() -> None:
    standin = TwilioStandin()
    async with loopback(standin) as url, httpx.AsyncClient(auth=(ACCOUNT_SID, AUTH_TOKEN)) as client:
        address = f"{url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        no_sender = await client.post(address, data={"To": HER_NUMBER, "Body": "Hello"})
        no_recipient = await client.post(address, data={"From": NUMBER_OF_OURS, "Body": "Hello"})
        as_json = await client.post(address, json={"To": HER_NUMBER, "Body": "Hello"})
        elsewhere = await client.delete(address)
    assert no_sender.json()["code"] == 21603
    assert set(no_sender.json()) == {"code", "message", "more_info", "status"}
    assert no_recipient.json()["code"] == 21604
    assert as_json.status_code == 400
    assert elsewhere.status_code == 405
    assert len(standin.violations) == 4


async def test_a_parameter_that_the_product_may_not_use_is_noted_and_the_text_is_sent() -> None:
    standin = TwilioStandin()
    async with client_at(standin) as client:
        await text(client, max_price=1)
    assert standin.violations == ["create: 'MaxPrice' is no parameter that the product may use"]
    assert standin.accepted == 1


# Twilio: what becomes of a text


async def test_receipts_are_signed_and_in_order() -> None:
    standin = TwilioStandin()
    door = Door()
    async with loopback(door) as address, client_at(standin) as client:
        url = f"{address}/webhooks/twilio/status?message=7&x=%2B%7E"  # a client that tidies URLs would write ~
        sent = await text(client, status_callback=url)
        await standin.settled()
    assert [form["MessageStatus"] for form in door.forms()] == ["sent", "delivered"]
    assert {form["MessageSid"] for form in door.forms()} == {sent.sid}
    assert {request.query for request in door.requests} == {"message=7&x=%2B%7E"}
    validator = RequestValidator(AUTH_TOKEN)
    for request, form in zip(door.requests, door.forms(), strict=True):
        assert validator.validate(url, form, request.headers["x-twilio-signature"])
        assert not validator.validate(url, form | {"MessageStatus": "failed"}, request.headers["x-twilio-signature"])


@pytest.mark.parametrize(
    ("faults", "statuses", "final"),
    [
        (TwilioFaults(callbacks_reordered=1), ["delivered", "sent"], "delivered"),
        (TwilioFaults(callbacks_doubled=1), ["sent", "sent", "delivered", "delivered"], "delivered"),
        (TwilioFaults(callbacks_lost=1), [], "delivered"),
        (TwilioFaults(callback_delay=0.01), ["sent", "delivered"], "delivered"),
        (TwilioFaults(undelivered={HER_NUMBER: 30006}), ["sent", "undelivered"], "undelivered"),
        (TwilioFaults(undelivered={HIS_NUMBER: 30006}), ["sent", "delivered"], "delivered"),
        (TwilioFaults(undelivered_share=1, undelivered_code=30003), ["sent", "undelivered"], "undelivered"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
async def test_receipts_may_be_in_disorder_while_the_log_stays_true(
    faults: TwilioFaults, statuses: list[str], final: str
) -> None:
    standin = TwilioStandin(faults=faults)
    door = Door()
    async with loopback(door) as address, client_at(standin) as client:
        sent = await text(client, status_callback=address)
        await standin.settled()
        fetched = await client.messages(sent.sid).fetch_async()
    assert [form["MessageStatus"] for form in door.forms()] == statuses
    assert fetched.status == final
    code = next(iter(faults.undelivered.values()), faults.undelivered_code) if final == "undelivered" else None
    assert fetched.error_code == code
    assert [form.get("ErrorCode") for form in door.forms() if form["MessageStatus"] == "undelivered"] == (
        [str(code)] if code else []
    )


@pytest.mark.parametrize(
    ("faults", "code", "accepted"),
    [
        (TwilioFaults(throttled=1), (429, 20429), 0),
        (TwilioFaults(server_error=1), (500, 20500), 0),
        (TwilioFaults(unavailable=1), (503, 20503), 0),
        (TwilioFaults(refused={HER_NUMBER: 21211}), (400, 21211), 0),
        (TwilioFaults(refused={HER_NUMBER: 21614}), (400, 21614), 0),
    ],
    ids=lambda value: str(value),
)
async def test_a_fault_of_twilios_reaches_the_client_with_its_code(
    faults: TwilioFaults, code: tuple[int, int], accepted: int
) -> None:
    standin = TwilioStandin(faults=faults)
    async with client_at(standin) as client:
        with pytest.raises(TwilioRestException) as raised:
            await text(client)
        standin.faults = TwilioFaults(refused=faults.refused)
        await text(client, to=HIS_NUMBER)
    assert (raised.value.status, raised.value.code) == code
    assert len(standin.sent_to(HER_NUMBER)) == accepted
    assert standin.violations == []


@pytest.mark.parametrize(
    ("faults", "accepted"), [(TwilioFaults(drop_before=1), 0), (TwilioFaults(drop_after=1), 1)], ids=["before", "after"]
)
async def test_an_uncertain_text_can_be_looked_up_afterwards(faults: TwilioFaults, accepted: int) -> None:
    standin = TwilioStandin(faults=faults)
    async with client_at(standin) as client:
        with pytest.raises(aiohttp.ClientError):
            await text(client)
        found = await client.messages.list_async(to=HER_NUMBER, date_sent_after=datetime(2026, 1, 1, tzinfo=UTC))
    assert len(found) == accepted
    assert standin.violations == []


async def test_a_slow_answer_of_twilios_is_given_up_while_the_text_was_taken() -> None:
    standin = TwilioStandin(faults=TwilioFaults(delay=1))
    async with client_at(standin) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await text(client)
        found = await client.messages.list_async(to=HER_NUMBER)
    assert len(found) == 1


# Twilio: what people text


async def test_what_somebody_texts_is_posted_signed_and_kept_in_the_log() -> None:
    standin = TwilioStandin()
    door = Door(body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>')
    async with loopback(door) as address:
        standin.inbound_url = f"{address}/webhooks/twilio/inbound?a=1"
        async with client_at(standin) as client:
            sids = [standin.say(HER_NUMBER, said) for said in (" tak, dziękuję ", "2")]
            await standin.settled()
            found = await client.messages.list_async(to=NUMBER_OF_OURS)
    forms = door.forms()
    assert [form["MessageSid"] for form in forms] == sids
    assert forms[0]["Body"] == " tak, dziękuję "
    assert (
        forms[0].items()
        >= {
            "SmsSid": sids[0],
            "AccountSid": ACCOUNT_SID,
            "From": HER_NUMBER,
            "To": NUMBER_OF_OURS,
            "NumMedia": "0",
            "NumSegments": "1",
            "FromCity": "",
        }.items()
    )
    signature = door.requests[0].headers["x-twilio-signature"]
    assert RequestValidator(AUTH_TOKEN).validate(standin.inbound_url, forms[0], signature)
    assert not RequestValidator("another").validate(standin.inbound_url, forms[0], signature)
    assert [(each.sid, each.direction, each.status) for each in found] == [
        (sid, "inbound", "received") for sid in reversed(sids)
    ]
    assert standin.violations == []


async def test_the_texts_of_one_person_come_one_after_another_and_those_of_others_beside_them() -> None:
    standin = TwilioStandin()
    door = Door(waits_for=2)
    async with loopback(door) as address, loopback(standin):
        standin.inbound_url = address
        sids = [standin.say(*said) for said in ((HER_NUMBER, "1"), (HER_NUMBER, "2"), (HIS_NUMBER, "3"))]
        await standin.settled()
    assert [form["MessageSid"] for form in door.forms()] == [sids[0], sids[2], sids[1]]


async def test_pictures_come_with_their_addresses() -> None:
    standin = TwilioStandin()
    door = Door()
    async with loopback(door) as address, loopback(standin):
        standin.inbound_url = address
        sid = standin.say(HER_NUMBER, "", ["https://media.example/1"])
        await standin.settled()
    [form] = door.forms()
    assert sid.startswith("MM")
    assert (form["NumMedia"], form["MediaUrl0"], form["MediaContentType0"]) == (
        "1",
        "https://media.example/1",
        "image/jpeg",
    )


async def test_a_webhook_is_tried_again_only_where_no_connection_could_be_made() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        standin = TwilioStandin(inbound_url=f"http://127.0.0.1:{nobody.getsockname()[1]}/inbound")
        async with loopback(standin):
            standin.say(HER_NUMBER, "hello")
            await standin.settled()
    assert standin.posts == {0: 2}
    door = Door(statuses=[None, 500])
    async with loopback(door) as address, loopback(standin):
        standin.inbound_url = address
        standin.say(HER_NUMBER, "dropped")
        standin.say(HER_NUMBER, "failed")
        await standin.settled()
    assert [form["Body"] for form in door.forms()] == ["dropped", "failed"]
    assert standin.posts == {0: 3, 500: 1}


async def test_a_text_may_be_posted_twice_with_one_sid() -> None:
    standin = TwilioStandin(faults=TwilioFaults(inbound_doubled=1))
    door = Door()
    async with loopback(door) as address, loopback(standin):
        standin.inbound_url = address
        sid = standin.say(HER_NUMBER, "hello")
        await standin.settled()
    assert [form["MessageSid"] for form in door.forms()] == [sid, sid]


async def test_a_text_sent_while_nobody_listened_is_found_in_the_log() -> None:
    clock = Clock()
    standin = TwilioStandin(clock=clock)
    standin.say(HER_NUMBER, "long ago")
    clock.now += 60
    missed = standin.say(HER_NUMBER, "are you there?")
    async with client_at(standin) as client:
        found = await client.messages.list_async(
            to=NUMBER_OF_OURS, date_sent_after=datetime.fromtimestamp(clock.now, UTC)
        )
    assert [each.sid for each in found] == [missed]


@pytest.mark.parametrize(
    ("word", "blocked"), [("STOP", True), (" cancel ", True), ("STOP please", False), ("NO", False)]
)
async def test_a_stop_word_alone_blocks_our_texts_and_start_unblocks_them(word: str, blocked: bool) -> None:
    standin = TwilioStandin()
    async with client_at(standin) as client:
        standin.say(HER_NUMBER, word)
        if blocked:
            with pytest.raises(TwilioRestException) as raised:
                await text(client)
            assert (raised.value.status, raised.value.code) == (400, 21610)
        else:
            await text(client)
        await text(client, to=HIS_NUMBER)
        standin.say(HER_NUMBER, "start")
        await text(client)
    assert standin.violations == []


@pytest.mark.parametrize(("advanced", "told"), [(True, ["STOP", "START", "HELP", None]), (False, [None] * 4)])
async def test_advanced_opt_out_says_what_twilio_did(advanced: bool, told: list[str | None]) -> None:
    standin = TwilioStandin(advanced_opt_out=advanced)
    door = Door()
    async with loopback(door) as address, loopback(standin):
        standin.inbound_url = address
        for word in ("Stop", "YES", "info", "hello"):
            standin.say(HER_NUMBER, word)
        await standin.settled()
    assert [form.get("OptOutType") for form in door.forms()] == told


@pytest.mark.parametrize(
    ("body", "content_type", "complaint"),
    [
        (b"<Response/>", "application/json", "12300"),
        (b"<Response", "text/xml", "12100"),
        (b"<Response><Message>Hello</Message></Response>", "text/xml", "would send something"),
    ],
)
async def test_an_answer_that_twilio_would_act_on_or_not_understand_is_noted(
    body: bytes, content_type: str, complaint: str
) -> None:
    standin = TwilioStandin()
    async with loopback(Door(body=body, content_type=content_type)) as address, loopback(standin):
        standin.inbound_url = address
        standin.say(HER_NUMBER, "hello")
        await standin.settled()
    [violation] = standin.violations
    assert complaint in violation


# Twilio: the log


async def test_the_log_is_filtered_by_number_and_by_day() -> None:
    clock = Clock(datetime(2026, 12, 7, 23, 59, 59, tzinfo=UTC).timestamp())
    standin = TwilioStandin(clock=clock)
    async with client_at(standin) as client:
        monday = (await text(client)).sid
        clock.now += 10 * 3600
        tuesday = (await text(client)).sid
        his = (await text(client, to=HIS_NUMBER)).sid
        reply = standin.say(HER_NUMBER, "2")
        clock.now += 24 * 3600
        wednesday = (await text(client)).sid

        async def listed(**filters: Any) -> list[str]:
            return [each.sid for each in await client.messages.list_async(**filters)]

        assert await listed() == [wednesday, reply, his, tuesday, monday]
        assert await listed(to=HER_NUMBER) == [wednesday, tuesday, monday]
        assert await listed(from_=HER_NUMBER) == [reply]
        assert await listed(from_=NUMBER_OF_OURS, to=HIS_NUMBER) == [his]
        assert await listed(from_=HIS_NUMBER, to=NUMBER_OF_OURS) == []
        assert await listed(to=HER_NUMBER, date_sent="2026-12-08") == [tuesday]
        assert await listed(to=HER_NUMBER, date_sent_before="2026-12-08") == [tuesday, monday]
        assert await listed(to=HER_NUMBER, date_sent_after="2026-12-08") == [wednesday, tuesday]
        at_noon = datetime(2026, 12, 8, 12, tzinfo=UTC)
        assert await listed(to=HER_NUMBER, date_sent_after=at_noon) == [wednesday]
        assert await listed(to=HER_NUMBER, date_sent_before=at_noon) == [tuesday, monday]
    assert standin.violations == []


async def test_a_page_goes_on_where_the_last_one_ended_whatever_comes_in_meanwhile() -> None:
    standin = TwilioStandin()
    async with client_at(standin) as client:
        sids = [(await text(client, body=str(number))).sid for number in range(5)]
        page = await client.messages.page_async(to=HER_NUMBER, page_size=2)
        found = [each.sid for each in page]
        await text(client, body="meanwhile")
        pages = 1
        while (following := await page.next_page_async()) is not None:
            page, pages = following, pages + 1
            found += [each.sid for each in page]
        assert len(await client.messages.list_async(to=HER_NUMBER, page_size=2)) == 6
        assert len(await client.messages.list_async(to=HER_NUMBER, limit=3)) == 3
    assert found == sids[::-1]
    assert pages == 3
    assert standin.violations == []


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("PageSize=1001", "PageSize is 1001"),
        ("Page=1", "without its PageToken"),
        ("Page=1&PageToken=PASM00", "none that was given out"),
        ("DateSent=yesterday", "DateSent is neither"),
        ("DateSent=2026-02-30", "DateSent is no day"),
        ("To=0770", "To is no phone number"),
    ],
)
async def test_a_list_asked_for_wrongly_is_refused_and_noted(query: str, complaint: str) -> None:
    standin = TwilioStandin()
    async with loopback(standin) as url, httpx.AsyncClient(auth=(ACCOUNT_SID, AUTH_TOKEN)) as client:
        answer = await client.get(f"{url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?{query}")
    assert answer.status_code == 400
    [violation] = standin.violations
    assert complaint in violation


async def test_the_same_chance_and_clock_give_the_same_sids_and_another_gives_others() -> None:
    said = [TwilioStandin(random=Random(seed), clock=Clock()).say(HER_NUMBER, "hello") for seed in (1, 1, 2)]
    assert said[0] == said[1] != said[2]


# Driven from another process


async def test_telegrams_stand_in_is_read_and_driven_over_http() -> None:
    standin = TelegramStandin()
    async with loopback(standin) as url, bot_on(url) as bot, httpx.AsyncClient(base_url=f"{url}/_standin") as http:
        await bot.send_message(ANNA, "Shall we begin?", reply_markup=CHOICES)
        said = await http.post("/say", json=[{"chat_id": ANNA, "text": "hello"}, {"chat_id": BELA, "text": "hi"}])
        pressed = await http.post("/press", json={"chat_id": ANNA, "token": "t-yes"})
        nothing = await http.post("/press", json={"chat_id": ANNA, "token": "none"})
        updates = await bot.get_updates()
        log = (await http.get("/log")).json()
        assert (await http.get("/log?since=1")).json()["messages"] == []
        changed = await http.post("/faults", json={"throttled": 1, "throttled_chats": [BELA], "retry_after": 7})
        with pytest.raises(RetryAfter, match="7 seconds"):
            await bot.send_message(ANNA, "Hello")
        misspelt = await http.post("/faults", json={"throttle": 1})
        await http.post("/faults", json={})
        with pytest.raises(BadRequest):
            await bot.send_message(BELA, "")
        violations = (await http.get("/violations")).json()
        counted = (await http.get("/log?since=1")).json()["faults"]
        assert (await http.get("/nothing")).status_code == 404
    assert [*said.json(), pressed.json()] == [update.update_id for update in updates]
    assert nothing.status_code == 400
    assert log["requests"]["sendMessage"] == 1
    assert (log["accepted"], sum(log["per_second"].values())) == (1, 1)
    assert [(each["chat_id"], each["text"]) for each in log["messages"]] == [(ANNA, "Shall we begin?")]
    assert changed.json()["throttled_chats"] == [BELA]
    assert misspelt.status_code == 400
    assert violations == standin.violations
    assert len(violations) == 1
    assert counted == {"throttled": 1}


async def test_twilios_stand_in_is_read_and_driven_over_http() -> None:
    standin = TwilioStandin()
    async with client_at(standin) as client, httpx.AsyncClient(base_url=client.api.base_url) as http:
        sid = (await http.post("/_standin/say", json={"from": HER_NUMBER, "text": "hello"})).json()
        await http.post("/_standin/faults", json={"refused": {HER_NUMBER: 21614}})
        with pytest.raises(TwilioRestException):
            await text(client)
        await text(client, to=HIS_NUMBER)
        log = (await http.get("/_standin/log")).json()
        violations = (await http.get("/_standin/violations")).json()
    assert (log["messages"][0]["sid"], log["messages"][0]["direction"]) == (sid, "inbound")
    assert [each["to"] for each in log["messages"]] == [NUMBER_OF_OURS, HIS_NUMBER]
    assert (log["accepted"], log["requests"]) == (1, {"create": 2})
    assert violations == []


@pytest.mark.parametrize("provider", ["telegram", "twilio"])
async def test_a_stand_in_runs_as_a_process_of_its_own_and_stops_when_told(provider: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"benchmarks.standins.{provider}",
        "--port",
        "0",
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            assert process.stdout is not None
            url = (await process.stdout.readline()).decode().rpartition(" ")[2].strip()
            async with httpx.AsyncClient(base_url=url) as http:
                assert (await http.get("/_standin/log")).json()["accepted"] == 0
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, out, err) == (0, b"", b"")
