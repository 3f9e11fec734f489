"""A stand-in for Telegram's Bot API: takes what a bot sends, and brings it what people say and press."""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from benchmarks.standins.bot_api import METHODS, UPDATE_KINDS, Reading, Upload, read
from benchmarks.standins.control import PREFIX, control
from benchmarks.standins.pace import Pace
from benchmarks.standins.serving import Answer, Request, json_answer, run_alone
from benchmarks.standins.trouble import Fault, Faults, Trouble
from benchmarks.standins.updates import Conflict, Updates, Webhook

TOKEN = "110201543:AAHstandin-for-tests-and-benchmarks"

_METHODS_IN_ANY_CASE = {method.lower(): method for method in METHODS}
_SENDS = frozenset({"sendMessage", "sendDocument"})
_BAD_GATEWAY = Answer(
    502,
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n",
    "text/html",
)

#: Seconds after a 429 in which another send to that chat may have been under way already.
_UNDER_WAY = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramFaults(Faults):
    """Telegram's faults. Shares strike the `methods` named; the others always work.

    `throttled_chats` are answered 429 whatever the share. A 429 says `retry_after` seconds, and the
    chat is answered so until they have passed. `unknown_chats` are not found. `repeated_updates` is
    the share of updates that are posted to the webhook again although they were taken.
    """

    methods: frozenset[str] = _SENDS
    retry_after: int = 1
    throttled_chats: frozenset[int] = frozenset()
    unknown_chats: frozenset[int] = frozenset()
    repeated_updates: float = 0.0


@dataclass(slots=True)
class SentMessage:
    """A message that the bot sent. `text` is the caption where there is a document."""

    message_id: int
    chat_id: int
    text: str
    time: float
    reply_markup: dict[str, Any] | None
    document: Upload | str | None = None
    #: Whether the bot was told that it was taken.
    answered: bool = True

    @property
    def buttons(self) -> list[tuple[str, str]]:
        """The inline buttons that give a token, as (label, token), row after row."""
        rows = (self.reply_markup or {}).get("inline_keyboard", [])
        return [(b["text"], b["callback_data"]) for row in rows for b in row if "callback_data" in b]


@dataclass(slots=True)
class _Chat:
    """What is known of one private chat."""

    language_code: str | None = None
    blocked: bool = False
    messages: list[SentMessage] = field(default_factory=list)


class TelegramStandin:
    """Telegram with one bot, to be served by `serving.loopback` or `serving.run_alone`.

    Every private chat exists, unless the faults say otherwise. `clock` gives seconds since 1970.
    `pace_limit` records a violation where messages come faster than Telegram takes them. Updates
    that the webhook does not take are posted again after `webhook_pause` seconds, then twice that,
    up to `longest_webhook_pause`.

    To be read at any time: `violations` (sentences without people's words), `sent`, `requests` (by
    method), `accepted` and `per_second` (messages taken, by whole second), `arrivals` (when a message
    came and for which chat, taken or not), `commands`, `descriptions` and `short_descriptions` (by
    language), `updates`, `trouble`.
    """

    def __init__(
        self,
        token: str = TOKEN,
        *,
        faults: TelegramFaults | None = None,
        random: Random | None = None,
        clock: Callable[[], float] = time.time,
        pace_limit: bool = False,
        webhook_pause: float = 0.1,
        longest_webhook_pause: float = 5.0,
    ) -> None:
        chance = random or Random(0)
        self.token = token
        self.clock = clock
        self.trouble = Trouble(faults or TelegramFaults(), chance)
        self.updates = Updates(
            chance.randrange(100_000_000, 900_000_000),
            clock,
            lambda: self.trouble.chance(self.faults.repeated_updates),
            webhook_pause,
            longest_webhook_pause,
        )
        self.violations: list[str] = []
        self.sent: list[SentMessage] = []
        self.requests: Counter[str] = Counter()
        self.accepted = 0
        self.per_second: Counter[int] = Counter()
        self.arrivals: list[tuple[float, int]] = []
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.descriptions: dict[str, str] = {}
        self.short_descriptions: dict[str, str] = {}
        self._me = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Stand-in",
            "username": "standin_bot",
        }
        self._chats: dict[int, _Chat] = {}
        self._last_message_id = 0
        self._last_query = 0
        self._open_queries: set[str] = set()
        self._throttled_until: dict[int, tuple[float, float]] = {}
        self._pace = Pace() if pace_limit else None

    @property
    def faults(self) -> TelegramFaults:
        return self.trouble.faults

    @faults.setter
    def faults(self, faults: TelegramFaults) -> None:
        self.trouble.faults = faults

    # What people do.

    def say(self, chat_id: int, text: str, language_code: str | None = None) -> int:
        """Somebody writes to the bot. A language once given is their interface's from then on."""
        chat = self._chat(chat_id)
        chat.language_code = language_code or chat.language_code
        message = self._incoming(chat_id)
        message["text"] = text
        if found := re.match(r"/[A-Za-z0-9_@]+", text):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": found.end()}]
        return self.updates.add(chat_id, "message", message)

    def edit(self, chat_id: int, message_id: int, text: str) -> int:
        """Somebody changes a message that they sent before."""
        message = self._incoming(chat_id) | {"message_id": message_id, "text": text}
        message["edit_date"] = message["date"]
        return self.updates.add(chat_id, "edited_message", message)

    def send(self, chat_id: int, **content: Any) -> int:
        """Somebody sends anything else: `photo=[...]`, `voice={...}`, as the Bot API describes it."""
        return self.updates.add(chat_id, "message", self._incoming(chat_id) | content)

    def press(self, chat_id: int, token: str) -> int:
        """Somebody presses the newest button with this token. Raises LookupError where there is none."""
        for message in reversed(self._chat(chat_id).messages):
            if any(token == each for _, each in message.buttons):
                break
        else:
            raise LookupError("there is no button with this token in the chat")
        self._last_query += 1
        query = str(4_382_000_000_000_000_000 + self._last_query)
        self._open_queries.add(query)
        return self.updates.add(
            chat_id,
            "callback_query",
            {
                "id": query,
                "from": self._person(chat_id),
                "message": self._shown(message),
                "chat_instance": str(7_000_000_000 + chat_id),
                "data": token,
            },
        )

    def block(self, chat_id: int) -> int:
        """Somebody blocks the bot: it is told, and its sends are answered 403 from now on."""
        return self._member(chat_id, blocked=True)

    def unblock(self, chat_id: int) -> int:
        return self._member(chat_id, blocked=False)

    # What tests and benchmarks ask.

    def messages(self, chat_id: int) -> list[SentMessage]:
        """What the bot sent to this chat, oldest first."""
        return self._chat(chat_id).messages

    async def settled(self, within: float = 10.0) -> None:
        """Returns when the bot has every update. Raises TimeoutError after `within` seconds."""
        async with asyncio.timeout(within):
            await self.updates.settled()

    def log(self, since: int = 0) -> dict[str, Any]:
        """What was counted, and the messages sent from the `since`-th on."""
        return {
            "requests": self.requests,
            "accepted": self.accepted,
            "per_second": {str(second): count for second, count in self.per_second.items()},
            "faults": {fault.value: count for fault, count in self.trouble.count.items()},
            "pending_updates": self.updates.pending,
            "webhook_posts": {str(status): count for status, count in self.updates.posts.items()},
            "messages": [
                {
                    "message_id": message.message_id,
                    "chat_id": message.chat_id,
                    "text": message.text,
                    "time": message.time,
                    "reply_markup": message.reply_markup,
                    "document": message.document.name if isinstance(message.document, Upload) else None,
                }
                for message in self.sent[since:]
            ],
        }

    # What is asked over HTTP.

    async def open(self) -> None:
        await self.updates.open()

    async def close(self) -> None:
        await self.updates.close()

    def release(self) -> None:
        self.updates.release()
        self.trouble.let_go()

    async def answer(self, request: Request) -> Answer | None:
        if found := re.fullmatch(r"/bot([^/]*)/([A-Za-z]+)", request.path):
            if found[1] != self.token:
                self.violations.append(f"{found[2][:64]}: the token is not this bot's")
                return _refusal(401, "Unauthorized")
            return await self._call(found[2], request)
        if request.path.startswith(PREFIX):
            acts: dict[str, Callable[..., Any]] = {
                "say": self.say,
                "press": self.press,
                "edit": self.edit,
                "send": self.send,
                "block": self.block,
                "unblock": self.unblock,
            }
            return control(request, self.log, self.violations, self.trouble, acts)
        if found := re.fullmatch(r"/file/bot([^/]*)/documents/([0-9]+)", request.path):
            return self._file(found[1], int(found[2]))
        self.violations.append(f"{request.method}: the Bot API has no such address")
        return _refusal(404, "Not Found")

    async def _call(self, name: str, request: Request) -> Answer | None:
        method = _METHODS_IN_ANY_CASE.get(name.lower())
        if method is None:
            self.violations.append(f"{name[:64]}: is no method that the product may use")
            return _refusal(404, "Not Found")
        self.requests[method] += 1
        try:
            reading = read(method, given_by(request))
        except ValueError as error:
            self.violations.append(f"{method}: the body cannot be read ({type(error).__name__})")
            return _refusal(400, "Bad Request: strings must be encoded in UTF-8")
        self.violations += reading.complaints
        if method in _SENDS and isinstance(chat_id := reading.values.get("chat_id"), int):
            self.arrivals.append((self.clock(), chat_id))
        fault = self._fault(method, reading)
        if fault is Fault.DROP_BEFORE:
            return None
        answer = self._failure(fault) or await self._carry_out(method, reading)
        if fault in (Fault.DROP_AFTER, Fault.SILENT) and method in _SENDS and answer.status == 200:
            self.sent[-1].answered = False
        if method in self.faults.methods and (delay := self.trouble.delay()):
            await asyncio.sleep(delay)
        if fault is Fault.SILENT:
            await self.trouble.silence()
        chat_id = reading.values.get("chat_id")
        if fault is Fault.THROTTLED and isinstance(chat_id, int):  # an answer that was cut off binds nobody
            now = self.clock()
            self._throttled_until[chat_id] = (now, now + self.faults.retry_after)
        return None if fault in (Fault.DROP_AFTER, Fault.SILENT) else answer

    def _fault(self, method: str, reading: Reading) -> Fault | None:
        """The fault that strikes this request."""
        faults = self.faults
        if method not in faults.methods:
            return None
        chat_id = reading.values.get("chat_id")
        always = Fault.THROTTLED if chat_id in faults.throttled_chats else None
        return self.trouble.strikes(always)

    def _failure(self, fault: Fault | None) -> Answer | None:
        match fault:
            case Fault.THROTTLED:
                return _too_many(self.faults.retry_after)
            case Fault.SERVER_ERROR:
                return _refusal(500, "Internal Server Error")
            case Fault.UNAVAILABLE:
                return _BAD_GATEWAY
            case _:
                return None

    async def _carry_out(self, method: str, reading: Reading) -> Answer:
        if reading.refusal is not None:
            return _refusal(413 if reading.refusal == "Request Entity Too Large" else 400, reading.refusal)
        values = reading.values
        match method:
            case "sendMessage":
                return self._send(values, values["text"])
            case "sendDocument":
                return self._send(values, values.get("caption", ""), values["document"])
            case "getUpdates":
                return await self._get_updates(values)
            case "setWebhook":
                return await self._set_webhook(values)
            case "deleteWebhook":
                await self.updates.set_webhook(None, values.get("drop_pending_updates", False))
                return _result(True, "Webhook was deleted")
            case "getWebhookInfo":
                return _result(self.updates.webhook_info())
            case "answerCallbackQuery":
                return self._answer_query(values["callback_query_id"])
            case "editMessageReplyMarkup":
                return self._edit_markup(values)
            case "setMyCommands":
                key = (values.get("scope", {}).get("type", "default"), values.get("language_code", ""))
                self.commands[key] = values["commands"]
                return _result(True)
            case "setMyDescription":
                self.descriptions[values.get("language_code", "")] = values.get("description", "")
                return _result(True)
            case "setMyShortDescription":
                language = values.get("language_code", "")
                self.short_descriptions[language] = values.get("short_description", "")
                return _result(True)
            case _:  # getMe
                rights = {"can_join_groups": False, "can_read_all_group_messages": False}
                return _result(self._me | rights | {"supports_inline_queries": False})

    def _send(self, values: dict[str, Any], text: str, document: Upload | str | None = None) -> Answer:
        chat_id = values["chat_id"]
        if isinstance(chat_id, str) or chat_id in self.faults.unknown_chats:
            return _refusal(400, "Bad Request: chat not found")
        now = self.clock()
        if chat_id in self._throttled_until and (wait := self._still_throttled(chat_id, now)):
            return _too_many(wait)
        chat = self._chat(chat_id)
        if chat.blocked:
            return _refusal(403, "Forbidden: bot was blocked by the user")
        message = SentMessage(self._new_message_id(), chat_id, text, now, values.get("reply_markup"), document)
        self.sent.append(message)
        chat.messages.append(message)
        self.accepted += 1
        self.per_second[int(now)] += 1
        if self._pace is not None:
            self.violations += self._pace.complaints(chat_id, now)
        return _result(self._shown(message))

    def forget_waits_after(self, time: float) -> None:
        """The waits that end after this (seconds since 1970) were told to a program that was killed before it could
        note them: nobody is left who could heed them.
        """
        self._throttled_until = {chat: wait for chat, wait in self._throttled_until.items() if wait[1] <= time}

    def _still_throttled(self, chat_id: int, now: float) -> int:
        """Whole seconds that the chat's last 429 has still to run; sending before is a violation."""
        since, until = self._throttled_until[chat_id]
        if now >= until:
            del self._throttled_until[chat_id]
            return 0
        if now - since > _UNDER_WAY:
            self.violations.append("pace: a message was sent to a chat before its retry_after had passed")
        return math.ceil(until - now)

    async def _get_updates(self, values: dict[str, Any]) -> Answer:
        if "allowed_updates" in values:
            self.updates.allowed = values["allowed_updates"] or UPDATE_KINDS
        offset, limit, seconds = (values.get(name, 0) for name in ("offset", "limit", "timeout"))
        try:
            found = await self.updates.take(offset, limit or 100, min(seconds, 50))
        except Conflict as conflict:
            return _refusal(409, str(conflict))
        return _result(found)

    async def _set_webhook(self, values: dict[str, Any]) -> Answer:
        if "allowed_updates" in values:
            self.updates.allowed = values["allowed_updates"] or UPDATE_KINDS
        webhook = None
        if values["url"]:
            webhook = Webhook(values["url"], values.get("secret_token"), values.get("max_connections", 40))
        await self.updates.set_webhook(webhook, values.get("drop_pending_updates", False))
        return _result(True, "Webhook was set" if webhook else "Webhook was deleted")

    def _answer_query(self, query: str) -> Answer:
        if query not in self._open_queries:
            return _refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        self._open_queries.discard(query)
        return _result(True)

    def _edit_markup(self, values: dict[str, Any]) -> Answer:
        chat_id, message_id = values["chat_id"], values["message_id"]
        messages = self._chats[chat_id].messages if chat_id in self._chats else []
        message = next((each for each in reversed(messages) if each.message_id == message_id), None)
        if message is None:
            return _refusal(400, "Bad Request: message to edit not found")
        markup = values.get("reply_markup")
        if (markup or {"inline_keyboard": []}) == (message.reply_markup or {"inline_keyboard": []}):
            return _refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message",
            )
        message.reply_markup = markup
        return _result(self._shown(message))

    def _file(self, token: str, message_id: int) -> Answer:
        """A document that the bot sent, by the id of its message."""
        found = [message for message in self.sent if message.message_id == message_id]
        if token != self.token or not found or not isinstance(found[0].document, Upload):
            return _refusal(404, "Not Found")
        return Answer(200, found[0].document.content, "application/octet-stream")

    # How Telegram shows people and messages.

    def _chat(self, chat_id: int) -> _Chat:
        if (chat := self._chats.get(chat_id)) is None:
            chat = self._chats[chat_id] = _Chat()
        return chat

    def _new_message_id(self) -> int:
        self._last_message_id += 1
        return self._last_message_id

    def _person(self, chat_id: int) -> dict[str, Any]:
        person: dict[str, Any] = {"id": chat_id, "is_bot": False, "first_name": "Person"}
        if (language_code := self._chat(chat_id).language_code) is not None:
            person["language_code"] = language_code
        return person

    def _incoming(self, chat_id: int) -> dict[str, Any]:
        return {
            "message_id": self._new_message_id(),
            "from": self._person(chat_id),
            "chat": {"id": chat_id, "first_name": "Person", "type": "private"},
            "date": int(self.clock()),
        }

    def _shown(self, message: SentMessage) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "message_id": message.message_id,
            "from": self._me,
            "chat": {"id": message.chat_id, "first_name": "Person", "type": "private"},
            "date": int(message.time),
        }
        if message.document is None:
            shown["text"] = message.text
        else:
            shown["document"] = _document(message)
            if message.text:
                shown["caption"] = message.text
        if message.reply_markup and "inline_keyboard" in message.reply_markup:
            shown["reply_markup"] = message.reply_markup
        return shown

    def _member(self, chat_id: int, *, blocked: bool) -> int:
        chat = self._chat(chat_id)
        was = self._membership(chat.blocked)
        chat.blocked = blocked
        change = {
            "chat": {"id": chat_id, "first_name": "Person", "type": "private"},
            "from": self._person(chat_id),
            "date": int(self.clock()),
            "old_chat_member": was,
            "new_chat_member": self._membership(blocked),
        }
        return self.updates.add(chat_id, "my_chat_member", change)

    def _membership(self, blocked: bool) -> dict[str, Any]:
        if blocked:
            return {"user": self._me, "status": "kicked", "until_date": 0}
        return {"user": self._me, "status": "member"}


def _document(message: SentMessage) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "file_id": f"documents/{message.message_id}",
        "file_unique_id": f"unique{message.message_id}",
    }
    if isinstance(message.document, Upload):
        shown["file_name"] = message.document.name
        shown["mime_type"] = message.document.media_type
        shown["file_size"] = len(message.document.content)
    return shown


def _result(result: Any, description: str | None = None) -> Answer:
    content = {"ok": True, "result": result}
    if description is not None:
        content["description"] = description
    return json_answer(200, content)


def _refusal(code: int, description: str, **parameters: int) -> Answer:
    content: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        content["parameters"] = parameters
    return json_answer(code, content)


def _too_many(seconds: int) -> Answer:
    return _refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def given_by(request: Request) -> dict[str, Any]:
    """The parameters of a call: of the query, and of the body. Raises ValueError for an unreadable one."""
    given: dict[str, Any] = dict(request.asked()) if request.query else {}
    if not request.body:
        return given
    match request.media_type():
        case "application/x-www-form-urlencoded":
            given.update(request.form())
        case "application/json":
            content = orjson.loads(request.body)
            if not isinstance(content, dict):
                raise ValueError("the body is no JSON object")
            given.update(content)
        case "multipart/form-data":
            given.update(_parts(request))
        case _:
            raise ValueError("the body is neither a form nor JSON")
    return given


def _parts(request: Request) -> dict[str, Any]:
    """The parts of a multipart body: text, or an Upload where there is a file's name."""
    boundary = re.search(r'boundary="?([^";]+)', request.headers["content-type"])
    if boundary is None:
        raise ValueError("the multipart body has no boundary")
    mark = b"--" + boundary[1].encode("latin-1")
    first, *parts, last = (b"\r\n" + request.body).split(b"\r\n" + mark)
    if first or last.strip() != b"--":
        raise ValueError("the multipart body does not begin and end with its boundary")
    found: dict[str, Any] = {}
    for part in parts:
        head, blank, content = part.partition(b"\r\n\r\n")
        headers = head.decode("utf-8")
        name = re.search(r'(?i)^content-disposition:\s*form-data;.*?\bname="([^"]+)"', headers, re.MULTILINE)
        if name is None or not blank:
            raise ValueError("a part has no name")
        if name[1] in found:
            raise ValueError("two parts have one name")
        if file_name := re.search(r'\bfilename="([^"]*)"', headers):
            media_type = re.search(r"(?i)^content-type:\s*([^\s;]+)", headers, re.MULTILINE)
            found[name[1]] = Upload(file_name[1], media_type[1] if media_type else "", content)
        else:
            found[name[1]] = content.decode("utf-8")
    return found


def main() -> None:
    """Runs the stand-in as a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standins.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="on 127.0.0.1; 0 takes any free one")
    parser.add_argument("--token", default=TOKEN, help="the bot's token (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the chance that draws faults")
    parser.add_argument("--pace-limit", action="store_true", help="sending too fast is a violation")
    given = parser.parse_args()
    standin = TelegramStandin(given.token, random=Random(given.seed), pace_limit=given.pace_limit)
    run_alone(standin, "Telegram", given.port)


if __name__ == "__main__":
    main()
