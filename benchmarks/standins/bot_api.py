"""What the Telegram Bot API 10.1 takes: the methods and parameters that the product may use, and their limits.

Written down from https://core.telegram.org/bots/api. A parameter that the API has and the product
does not use is missing here on purpose: using it begins with adding it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

#: What the product may ask to be told of (the kinds of an Update).
UPDATE_KINDS = frozenset({"message", "edited_message", "callback_query", "my_chat_member"})

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_WEBHOOK_PORTS = frozenset({80, 88, 443, 8443})


class Wrong(ValueError):
    """A value breaks the rules: `why` completes "<method>: <parameter> ...", without repeating the value.

    `answer` is what Telegram answers; None where Telegram lets it pass and ignores the value.
    """

    def __init__(self, why: str, answer: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.answer = answer


Check = Callable[[Any], Any]


class Parameter(NamedTuple):
    """How a value is read (from JSON, or from a form where it is text), and Telegram's answer where a
    required one is missing; None: it may be missing."""

    read: Check
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a multipart body."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A request held against the rules.

    `values` by parameter, typed; `complaints` are sentences without people's words; `refusal` is what
    Telegram answers with 400, or None.
    """

    values: dict[str, Any]
    complaints: list[str]
    refusal: str | None


def read(method: str, given: Mapping[str, Any]) -> Reading:
    """Holds the parameters against those of the method. Raises KeyError for a method not in METHODS."""
    parameters = METHODS[method]
    values: dict[str, Any] = {}
    wrongs: list[tuple[str, Wrong]] = []
    for name, parameter in parameters.items():
        if (value := given.get(name)) is None:
            if parameter.missing is not None:
                wrongs.append((name, Wrong("is missing", parameter.missing)))
            continue
        try:
            values[name] = parameter.read(value)
        except Wrong as wrong:
            wrongs.append((name, wrong))
    unknown = [
        f"{method}: {name[:64]!r} is no parameter that the product may use" for name in given if name not in parameters
    ]
    complaints = unknown + [f"{method}: {name} {wrong.why}" for name, wrong in wrongs]
    return Reading(values, complaints, next((wrong.answer for _, wrong in wrongs if wrong.answer), None))


def _integer(least: int | None = None, most: int | None = None, answer: str | None = None) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong("is no integer", answer)
        if (least is not None and value < least) or (most is not None and value > most):
            raise Wrong(f"is {value}; it may be {least} to {most}", answer)
        return value

    return check


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, bool):
        raise Wrong("is neither true nor false")
    return value


def _text(least: int, most: int, empty: str, long: str) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Wrong("is no text", empty)
        text = value.strip()  # as Telegram does
        if len(text) < least:
            raise Wrong(f"has {len(text)} characters; at least {least} are needed", empty)
        if len(text) > most:
            raise Wrong(f"has {len(text)} characters; at most {most} are taken", long)
        return text

    return check


def _chat_id(value: Any) -> int | str:
    if isinstance(value, str) and re.fullmatch(r"@[A-Za-z0-9_]{4,32}", value):
        return value
    checked: int = _integer(answer="Bad Request: chat not found")(value)
    if checked == 0:
        raise Wrong("is 0, which is no chat", "Bad Request: chat_id is empty")
    return checked


def _json(value: Any, answer: str | None) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Wrong("is no JSON", answer) from error


def _object(parameters: Mapping[str, Parameter], answer: str | None = None) -> Check:
    """An object with these fields and no others; what is wrong in a field is wrong in the object."""

    def check(value: Any) -> dict[str, Any]:
        found = _json(value, answer)
        if not isinstance(found, dict):
            raise Wrong("is no object", answer)
        for name in found:
            if name not in parameters:
                raise Wrong(f"has the field {name[:64]!r}, which the product may not use")
        for name, (read_value, missing) in parameters.items():
            if (inner := found.get(name)) is None:
                if missing is not None:
                    raise Wrong(f"has no {name}", missing)
                continue
            try:
                found[name] = read_value(inner)
            except Wrong as wrong:
                raise Wrong(f"has a field that is wrong: {name} {wrong.why}", wrong.answer) from wrong
        return found

    return check


def _update_kinds(value: Any) -> frozenset[str]:
    found = _json(value, "Bad Request: can't parse allowed updates: expected an Array of String")
    if not isinstance(found, list) or not all(isinstance(kind, str) for kind in found):
        raise Wrong("is no array of strings", "Bad Request: expected an Array of String as allowed updates")
    if not UPDATE_KINDS.issuperset(found):
        raise Wrong("names a kind of update that the product does not handle")
    return frozenset(found)


_BAD_DATA = "Bad Request: BUTTON_DATA_INVALID"
_BAD_URL = "Bad Request: BUTTON_URL_INVALID"
_NO_ACTION = "Bad Request: text buttons are unallowed in the inline keyboard"
_NO_MARKUP = "Bad Request: object expected as reply markup"


def _callback_data(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("is no text", _BAD_DATA)
    if not 1 <= (size := len(value.encode())) <= 64:
        raise Wrong(f"is {size} bytes long; it may be 1 to 64", _BAD_DATA)
    return value


def _button_url(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(https?://|tg://)\S+", value):
        raise Wrong("is no HTTP or tg:// URL", _BAD_URL)
    return value


_LABEL = Parameter(
    _text(1, 256, "Bad Request: BUTTON_TEXT_INVALID", "Bad Request: BUTTON_TEXT_INVALID"),
    missing='Bad Request: field "text" of type String is required',
)
_PLACEHOLDER = Parameter(_text(1, 64, "Bad Request: PLACEHOLDER_INVALID", "Bad Request: PLACEHOLDER_INVALID"))
_INLINE_BUTTON = _object(
    {"text": _LABEL, "callback_data": Parameter(_callback_data), "url": Parameter(_button_url)},
    'Bad Request: field "inline_keyboard" must be an Array of Arrays',
)
_REPLY_BUTTON = _object(
    {"text": _LABEL, "request_contact": Parameter(_boolean), "request_location": Parameter(_boolean)},
    'Bad Request: field "keyboard" must be an Array of Arrays',
)


def _inline_button(value: Any) -> dict[str, Any]:
    button: dict[str, Any] = _INLINE_BUTTON(value)
    if sum(name in button for name in ("callback_data", "url")) != 1:
        raise Wrong("needs exactly one of callback_data and url", _NO_ACTION)
    return button


def _reply_button(value: Any) -> Any:
    return _REPLY_BUTTON({"text": value} if isinstance(value, str) else value)


def _rows(button: Check, widest: int) -> Check:
    def check(value: Any) -> list[list[Any]]:
        if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
            raise Wrong("is no array of arrays", "Bad Request: keyboard must be an Array of Arrays")
        if sum(map(len, value)) > 100 or any(len(row) > widest for row in value):
            raise Wrong(f"has more than {widest} buttons a row or 100 in all", "Bad Request: reply markup is too long")
        try:
            return [[button(each) for each in row] for row in value]
        except Wrong as wrong:
            raise Wrong(f"has a button that {wrong.why}", wrong.answer) from wrong

    return check


_INLINE_KEYBOARD = _object({"inline_keyboard": Parameter(_rows(_inline_button, 8), missing=_NO_MARKUP)}, _NO_MARKUP)
_MARKUPS: dict[str, Check] = {
    "inline_keyboard": _INLINE_KEYBOARD,
    "keyboard": _object(
        {
            "keyboard": Parameter(_rows(_reply_button, 12), missing=_NO_MARKUP),
            "is_persistent": Parameter(_boolean),
            "resize_keyboard": Parameter(_boolean),
            "one_time_keyboard": Parameter(_boolean),
            "input_field_placeholder": _PLACEHOLDER,
            "selective": Parameter(_boolean),
        }
    ),
    "remove_keyboard": _object(
        {"remove_keyboard": Parameter(_boolean, missing=_NO_MARKUP), "selective": Parameter(_boolean)}
    ),
    "force_reply": _object(
        {
            "force_reply": Parameter(_boolean, missing=_NO_MARKUP),
            "input_field_placeholder": _PLACEHOLDER,
            "selective": Parameter(_boolean),
        }
    ),
}


def _reply_markup(value: Any) -> dict[str, Any]:
    found = _json(value, "Bad Request: can't parse reply keyboard markup JSON object")
    if not isinstance(found, dict):
        raise Wrong("is no object", _NO_MARKUP)
    for name, check in _MARKUPS.items():
        if name in found:
            checked: dict[str, Any] = check(found)
            return checked
    raise Wrong("is no keyboard", _NO_MARKUP)


def _webhook_url(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("is no text", "Bad Request: bad webhook: invalid URL")
    if not value:
        return value
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise Wrong("is no URL", "Bad Request: bad webhook: invalid URL") from error
    if parts.hostname in _LOOPBACK and parts.scheme in ("http", "https"):
        return value  # the real Telegram could not reach it; a stand-in can
    if parts.scheme != "https" or not parts.hostname:
        raise Wrong("is no https URL", "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
    if port is not None and port not in _WEBHOOK_PORTS:
        raise Wrong(
            f"has the port {port}",
            "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        )
    return value


def _secret_token(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", value):
        raise Wrong(
            "is not 1 to 256 of A-Z, a-z, 0-9, _ and -",
            "Bad Request: secret token contains unallowed characters",
        )
    return value


def _language_code(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"([a-z]{2})?", value):
        raise Wrong("is no two-letter language code", "Bad Request: LANG_CODE_INVALID")
    return value


def _command_name(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"/?[a-z0-9_]{1,32}", value):
        raise Wrong("is not 1 to 32 of a-z, 0-9 and _", "Bad Request: BOT_COMMAND_INVALID")
    return value.removeprefix("/")


_BAD_COMMANDS = "Bad Request: can't parse commands: expected an Array of BotCommand"
_BAD_COMMAND_TEXT = "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID"
_COMMAND = _object(
    {
        "command": Parameter(_command_name, missing=_BAD_COMMANDS),
        "description": Parameter(_text(1, 256, _BAD_COMMAND_TEXT, _BAD_COMMAND_TEXT), missing=_BAD_COMMAND_TEXT),
    },
    _BAD_COMMANDS,
)


def _commands(value: Any) -> list[dict[str, Any]]:
    found = _json(value, _BAD_COMMANDS)
    if not isinstance(found, list):
        raise Wrong("is no array", _BAD_COMMANDS)
    if len(found) > 100:
        raise Wrong(f"has {len(found)} commands; at most 100 are taken", "Bad Request: BOT_COMMANDS_TOO_MUCH")
    return [_COMMAND(each) for each in found]


_BAD_SCOPE = "Bad Request: can't parse BotCommandScope"
_SCOPES = frozenset({"default", "all_private_chats", "all_group_chats", "all_chat_administrators", "chat"})
_SCOPE = _object(
    {
        "type": Parameter(_text(1, 64, _BAD_SCOPE, _BAD_SCOPE), missing=_BAD_SCOPE),
        "chat_id": Parameter(_chat_id),
    },
    _BAD_SCOPE,
)


def _scope(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = _SCOPE(value)
    if found["type"] not in _SCOPES or (found["type"] == "chat") != ("chat_id" in found):
        raise Wrong("is no scope of commands", "Bad Request: unsupported type specified")
    return found


def _document(value: Any) -> Upload | str:
    if isinstance(value, Upload):
        if not value.content:
            raise Wrong("is empty", "Bad Request: file must be non-empty")
        if len(value.content) > 50_000_000:
            raise Wrong("is above 50 MB", "Request Entity Too Large")
        if not re.fullmatch(r"[^/\\\x00-\x1f]{1,60}\.[A-Za-z0-9]{1,8}", value.name):
            raise Wrong("has no file name with an ending, by which a phone knows what to open it with")
        if not re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", value.media_type):
            raise Wrong("has no media type")
        return value
    if not isinstance(value, str) or not value:
        raise Wrong("is neither a file nor the id of one", "Bad Request: there is no document in the request")
    return value


_CHAT = Parameter(_chat_id, missing="Bad Request: chat_id is empty")
_YES_NO = Parameter(_boolean)
_MARKUP = Parameter(_reply_markup)
_LANGUAGE = Parameter(_language_code)
_REPLY = Parameter(
    _object(
        {
            "message_id": Parameter(
                _integer(1, answer="Bad Request: message to be replied not found"),
                missing="Bad Request: message to be replied not found",
            ),
            "chat_id": Parameter(_chat_id),
            "allow_sending_without_reply": _YES_NO,
        },
        "Bad Request: can't parse reply parameters JSON object",
    )
)
_PREVIEW = Parameter(
    _object(
        {
            "is_disabled": _YES_NO,
            "url": Parameter(_button_url),
            "prefer_small_media": _YES_NO,
            "prefer_large_media": _YES_NO,
            "show_above_text": _YES_NO,
        },
        "Bad Request: can't parse link preview options JSON object",
    )
)
_NO_TEXT = "Bad Request: message text is empty"
_NO_QUERY = "Bad Request: query is too old and response timeout expired or query ID is invalid"

METHODS: dict[str, dict[str, Parameter]] = {
    "getMe": {},
    "getUpdates": {
        "offset": Parameter(_integer()),
        "limit": Parameter(_integer(1, 100)),
        "timeout": Parameter(_integer(0)),
        "allowed_updates": Parameter(_update_kinds),
    },
    "setWebhook": {
        "url": Parameter(_webhook_url, missing="Bad Request: bad webhook: URL must be given"),
        "max_connections": Parameter(_integer(1, 100)),
        "allowed_updates": Parameter(_update_kinds),
        "drop_pending_updates": _YES_NO,
        "secret_token": Parameter(_secret_token),
    },
    "deleteWebhook": {"drop_pending_updates": _YES_NO},
    "getWebhookInfo": {},
    "sendMessage": {
        "chat_id": _CHAT,
        "text": Parameter(_text(1, 4096, _NO_TEXT, "Bad Request: message is too long"), missing=_NO_TEXT),
        "link_preview_options": _PREVIEW,
        "disable_notification": _YES_NO,
        "protect_content": _YES_NO,
        "reply_parameters": _REPLY,
        "reply_markup": _MARKUP,
    },
    "sendDocument": {
        "chat_id": _CHAT,
        "document": Parameter(_document, missing="Bad Request: there is no document in the request"),
        "caption": Parameter(_text(0, 1024, "", "Bad Request: message caption is too long")),
        "disable_content_type_detection": _YES_NO,
        "disable_notification": _YES_NO,
        "protect_content": _YES_NO,
        "reply_parameters": _REPLY,
        "reply_markup": _MARKUP,
    },
    "editMessageReplyMarkup": {
        "chat_id": _CHAT,
        "message_id": Parameter(
            _integer(1, answer="Bad Request: message to edit not found"),
            missing="Bad Request: message identifier is not specified",
        ),
        "reply_markup": Parameter(_INLINE_KEYBOARD),
    },
    "answerCallbackQuery": {
        "callback_query_id": Parameter(_text(1, 64, _NO_QUERY, _NO_QUERY), missing=_NO_QUERY),
        "text": Parameter(_text(0, 200, "", "Bad Request: MESSAGE_TOO_LONG")),
        "show_alert": _YES_NO,
        "cache_time": Parameter(_integer(0)),
    },
    "setMyCommands": {
        "commands": Parameter(_commands, missing='Bad Request: parameter "commands" is required'),
        "scope": Parameter(_scope),
        "language_code": _LANGUAGE,
    },
    "setMyDescription": {
        "description": Parameter(_text(0, 512, "", "Bad Request: description is too long")),
        "language_code": _LANGUAGE,
    },
    "setMyShortDescription": {
        "short_description": Parameter(_text(0, 120, "", "Bad Request: short description is too long")),
        "language_code": _LANGUAGE,
    },
}
