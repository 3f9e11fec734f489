"""Telegram: its updates in, its messages out, by python-telegram-bot's client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import aiohttp
import structlog
from telegram import (
    Bot,
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    Update,
)
from telegram.error import (
    BadRequest,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.channels.base import (
    ConnectionFailed,
    ContactStopped,
    MalformedRequest,
    Misconfigured,
    Rejected,
    Sent,
    Throttled,
    Uncertain,
    Unreachable,
)
from bot.channels.http import UNSENT, TelegramRequest
from domain.code import code_in
from domain.contact import URN
from domain.message import Attachment, Blocking, BlockingChanged, OutgoingMessage, Received

log = structlog.get_logger()

#: What we ask Telegram for.
ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member"]
#: Enough for the 30 a second that the provider allows, with answers that take half a second.
IN_FLIGHT = 16
_LONGEST = 4096  # characters of a message (Bot API, sendMessage)
_LONGEST_CAPTION = 1024  # characters of the words under a file (Bot API, sendDocument)


def receive(update: Any) -> list[Received | BlockingChanged]:
    """One update of the Bot API as facts; none for what is not ours to answer (groups, other bots).

    Reads the fields itself: python-telegram-bot's `Update.de_json` takes as long as a whole turn of
    ours. The tests hold this against it. Raises MalformedRequest.
    """
    try:
        external_id = str(int(update["update_id"]))
        if (message := update.get("message")) is not None:
            return _message(external_id, message)
        if (query := update.get("callback_query")) is not None:
            return _query(external_id, query)
        if (member := update.get("my_chat_member")) is not None:
            return _member(external_id, member)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedRequest(f"not an update of the Telegram Bot API ({type(error).__name__})") from error
    return []


def query_id(update: Any) -> str | None:
    """The id under which Telegram waits to hear that a pressed button was noticed."""
    query = update.get("callback_query") if isinstance(update, Mapping) else None
    return str(query["id"]) if isinstance(query, Mapping) and "id" in query else None


def _message(external_id: str, message: Mapping[str, Any]) -> list[Received | BlockingChanged]:
    sender = message.get("from")
    if message["chat"]["type"] != "private" or sender is None or sender.get("is_bot"):
        return []
    text = message.get("text", "")
    if not isinstance(text, str):
        raise MalformedRequest("the text of a message is not text")
    if text.startswith("/"):
        text = _command(text)
    return [_received(external_id, int(message["chat"]["id"]), text, sender)]


def _query(external_id: str, query: Mapping[str, Any]) -> list[Received | BlockingChanged]:
    sender = query["from"]
    if sender.get("is_bot") or not isinstance(query.get("data"), str):
        return []
    return [_received(external_id, int(sender["id"]), "", sender, query["data"])]


def _member(external_id: str, member: Mapping[str, Any]) -> list[Received | BlockingChanged]:
    if member["chat"]["type"] != "private":
        return []
    gone = member["new_chat_member"]["status"] in ("kicked", "left")
    urn = URN("telegram", str(int(member["chat"]["id"])))
    return [BlockingChanged("telegram", external_id, urn, Blocking.BLOCKED if gone else Blocking.UNBLOCKED)]


def _received(
    external_id: str, chat_id: int, text: str, sender: Mapping[str, Any], button: str | None = None
) -> Received:
    language = sender.get("language_code")
    return Received(
        "telegram",
        external_id,
        URN("telegram", str(chat_id)),
        text,
        button,
        language if isinstance(language, str) else None,
    )


def _command(text: str) -> str:
    """ "/checkin@our_bot" is "/checkin". "/start TOKEN" stays whole; what else may follow "/start" is none of ours."""
    first = text.split(maxsplit=1)[0]
    word = first.partition("@")[0]
    whole = word + text[len(first) :]
    return word if word == "/start" and code_in(whole) is None else whole


class Telegram:
    """One bot. `api_base` is Telegram's address, or a stand-in's; `timeout` is in seconds, of one call."""

    name = "telegram"
    in_flight = IN_FLIGHT

    def __init__(self, token: str, api_base: str, *, timeout: float = 10) -> None:
        self._requests = (TelegramRequest(timeout, IN_FLIGHT + 4), TelegramRequest(timeout, 1))
        self.bot: Bot = Bot(
            token,
            base_url=f"{api_base}/bot",
            base_file_url=f"{api_base}/file/bot",
            request=self._requests[0],
            get_updates_request=self._requests[1],
        )

    async def send(self, message: OutgoingMessage, now: datetime) -> Sent:
        keyboard = [
            [InlineKeyboardButton(label, callback_data=token) for label, token in row] for row in message.buttons
        ]
        markup = InlineKeyboardMarkup(keyboard) if keyboard else None
        if message.edits is not None:
            return await self._edit(message, markup)
        if message.attachment is not None:
            return await self._send_file(message, message.attachment, markup)
        return await self._send_text(message, markup)

    async def _send_text(self, message: OutgoingMessage, markup: InlineKeyboardMarkup | None) -> Sent:
        try:
            sent = await self.bot.send_message(
                chat_id=int(message.urn.path),
                text=message.text[:_LONGEST],
                reply_markup=markup,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        except TelegramError as error:
            raise _send_error(error) from error
        return Sent(str(sent.message_id))  # without the chat's id, which is somebody's address

    async def _send_file(self, message: OutgoingMessage, file: Attachment, markup: InlineKeyboardMarkup | None) -> Sent:
        """The file with the text under it. A text too long for that goes first, and is what counts as sent: where
        the file then fails, it is lost, for another try would say the whole text once more.
        """
        if len(message.text) <= _LONGEST_CAPTION:
            try:
                return Sent(await self._document(message, file, message.text, markup))
            except TelegramError as error:
                raise _send_error(error) from error
        sent = await self._send_text(message, markup)
        try:
            await self._document(message, file, None, None)
        except TelegramError as error:
            log.warning("a text went without its file", message=message.id, error=type(error).__name__)
        return sent

    async def _document(
        self, message: OutgoingMessage, file: Attachment, caption: str | None, markup: InlineKeyboardMarkup | None
    ) -> str:
        given = InputFile(file.content, filename=file.name)
        given.mimetype = file.media_type  # the library guesses it from the name
        sent = await self.bot.send_document(
            chat_id=int(message.urn.path), document=given, caption=caption or None, reply_markup=markup
        )
        return str(sent.message_id)

    async def _edit(self, message: OutgoingMessage, markup: InlineKeyboardMarkup | None) -> Sent:
        if not (number := message.edits or "").isdigit():
            raise Rejected("never sent")  # the message whose buttons it would have been
        try:
            await self.bot.edit_message_reply_markup(
                chat_id=int(message.urn.path), message_id=int(number), reply_markup=markup
            )
        except BadRequest as error:
            if "not modified" not in str(error).lower():
                raise _send_error(error) from error
        except TelegramError as error:
            raise _send_error(error) from error
        return Sent(f"{number}/{message.id}")

    async def look_up(self, message: OutgoingMessage) -> None:
        """Telegram does not tell which messages it took."""

    def cost(self, message: OutgoingMessage) -> int:
        return 2 if message.attachment is not None and len(message.text) > _LONGEST_CAPTION else 1

    async def noticed(self, query: str) -> None:
        """Stop the little clock on a pressed button. Of no matter if it fails."""
        try:
            await self.bot.answer_callback_query(query)
        except TelegramError:
            return

    async def updates(self, after: int) -> list[dict[str, Any]]:
        """The next updates above that id, waiting a while for one. Raises SendError."""
        try:
            updates: Sequence[Update] = await self.bot.get_updates(
                offset=after + 1, timeout=_POLL_SECONDS, allowed_updates=ALLOWED_UPDATES
            )
        except TelegramError as error:
            raise _send_error(error) from error
        return [update.to_dict() for update in updates]

    async def introduce(
        self, webhook: str | None, secret: str, commands: Mapping[str, Sequence[tuple[str, str]]]
    ) -> None:
        """Tell Telegram where to bring updates (None: we fetch them), and our commands by language.

        Raises SendError.
        """
        try:
            if webhook is None:
                await self.bot.delete_webhook()
            else:
                await self.bot.set_webhook(
                    webhook, secret_token=secret or None, allowed_updates=ALLOWED_UPDATES, max_connections=40
                )
            for language, several in commands.items():
                await self.bot.set_my_commands(
                    [BotCommand(word, what) for word, what in several],
                    language_code=None if language == "en" else language[:2],  # ISO 639-1 (setMyCommands)
                )
        except TelegramError as error:
            raise _send_error(error) from error

    async def close(self) -> None:
        for request in self._requests:
            await request.shutdown()


_POLL_SECONDS = 25


def _send_error(
    error: TelegramError,
) -> ConnectionFailed | ContactStopped | Misconfigured | Rejected | Throttled | Uncertain | Unreachable:
    match error:  # BadRequest is a NetworkError to the library: it must come first, or it would be retried
        case RetryAfter():
            wait = error.retry_after
            return Throttled("429", float(wait.total_seconds() if hasattr(wait, "total_seconds") else wait))
        case Forbidden():
            return Unreachable("403 gone") if "deactivated" in str(error).lower() else ContactStopped("403")
        case InvalidToken():
            return Misconfigured("401")
        case BadRequest():
            return Unreachable("400 chat") if "chat not found" in str(error).lower() else Rejected("400")
        case TimedOut() | NetworkError() if isinstance(error.__cause__, UNSENT):
            return ConnectionFailed("no connection")
        case TimedOut():
            return Uncertain("no answer")
        case NetworkError() if isinstance(error.__cause__, aiohttp.ClientError):
            return Uncertain("connection lost")
        case _:
            return ConnectionFailed(type(error).__name__)  # 5xx, 409
