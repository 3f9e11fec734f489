"""The doors for providers, straight on ASGI: checked, understood, stored, answered."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs, parse_qsl

import orjson
import structlog
from twilio.request_validator import get_signature_algorithm

from bot.channels import telegram, twilio
from bot.channels.base import MalformedRequest
from bot.dispatcher import Fact, StoreAway

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATIENCE = 13.0  # seconds; Twilio waits for 15
_LARGEST = 1 << 20  # bytes of a request; an update or a text is some hundred
_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


class Submit(Protocol):
    def __call__(self, fact: Fact) -> Awaitable[None]: ...


class Refused(Exception):
    """Answered with this status and nothing stored."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Doors:
    """The webhooks, and everything else passed on to `inner`. A door without its secret is shut (404).

    A webhook answers 2xx only when what it brought is durable, and 5xx only if nothing is known to be stored.
    """

    def __init__(
        self,
        submit: Submit,
        inner: ASGI,
        *,
        telegram_secret: str | None,
        twilio_token: str | None,
        public_base_url: str,
        own_numbers: Iterable[str] = (),
    ) -> None:
        self._submit = submit
        self._inner = inner
        self._telegram_secret = None if telegram_secret is None else telegram_secret.encode()
        self._twilio_token = twilio_token
        self._public_base_url = public_base_url
        self._own_numbers = frozenset(own_numbers)
        self._doors: Mapping[str, Callable[[Scope, Receive], Awaitable[tuple[bytes, bytes]]]] = {
            "/webhooks/telegram": self._telegram,
            "/webhooks/twilio/inbound": self._twilio_inbound,
            "/webhooks/twilio/status": self._twilio_status,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        if door is None:
            await self._inner(scope, receive, send)
            return
        try:
            if scope["method"] != "POST":
                raise Refused(405, "only POST")
            kind, body = await door(scope, receive)
            await _answer(send, 200, kind, body)
        except MalformedRequest as error:
            log.warning("malformed webhook", path=scope["path"], why=str(error))
            await _answer(send, 400, b"text/plain", str(error).encode())
        except Refused as refused:
            log.warning("webhook refused", path=scope["path"], status=refused.status, why=refused.why)
            await _answer(send, refused.status, b"text/plain", refused.why.encode())
        except StoreAway:
            await _answer(send, 503, b"text/plain", b"the store is away; bring it again")

    async def _telegram(self, scope: Scope, receive: Receive) -> tuple[bytes, bytes]:
        if self._telegram_secret is None:
            raise Refused(404, "Telegram is off")
        given = _header(scope, b"x-telegram-bot-api-secret-token") or b""
        if not hmac.compare_digest(given, self._telegram_secret):
            raise Refused(403, "wrong or missing secret token")
        try:
            update = orjson.loads(await _body(scope, receive))
        except orjson.JSONDecodeError as error:
            raise MalformedRequest("not JSON") from error
        await self._store(telegram.receive(update))
        if (query := telegram.query_id(update)) is not None:
            # an answer may carry one call of the API: this one stops the clock on the pressed button
            return b"application/json", orjson.dumps({"method": "answerCallbackQuery", "callback_query_id": query})
        return b"application/json", b"{}"

    async def _twilio_inbound(self, scope: Scope, receive: Receive) -> tuple[bytes, bytes]:
        form = dict(await self._signed_form(scope, receive))
        await self._store(twilio.receive_inbound(form, self._own_numbers))
        return b"text/xml", _TWIML

    async def _twilio_status(self, scope: Scope, receive: Receive) -> tuple[bytes, bytes]:
        form = dict(await self._signed_form(scope, receive))
        message_id = parse_qs(scope["query_string"].decode("latin-1")).get("m", [None])[0]
        await self._store(twilio.receive_status(form, message_id))
        return b"text/xml", _TWIML

    async def _signed_form(self, scope: Scope, receive: Receive) -> list[tuple[str, str]]:
        if self._twilio_token is None:
            raise Refused(404, "Twilio is off")
        signature = _header(scope, b"x-twilio-signature")
        body = await _body(scope, receive)
        try:
            form = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=200)
        except ValueError as error:
            raise Refused(403, "a form that cannot be read cannot be signed") from error
        query = scope["query_string"].decode("latin-1")
        # the address as the provider was given it, never as a Host header claims it
        url = self._public_base_url + scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        url += f"?{query}" if query else ""
        settings = (_header(scope, b"x-twilio-webhooks-signature-settings") or b"").decode("latin-1")
        if signature is None or not twilio.is_signed(
            self._twilio_token, url, form, signature.decode("latin-1"), get_signature_algorithm(settings)
        ):
            raise Refused(403, "wrong or missing signature")
        return form

    async def _store(self, facts: Sequence[Fact]) -> None:
        """Raises StoreAway also where the store is there and takes too long: what is stored after all is not handled
        twice when it is brought again.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                for durable in [self._submit(fact) for fact in facts]:
                    await durable
        except TimeoutError as error:
            raise StoreAway from error


def _header(scope: Scope, name: bytes) -> bytes | None:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises Refused where it is too large or does not come."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the request broke off")
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise Refused(413, "too large")
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
