"""SMS by Twilio: its signed webhooks in, its messages API out."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from json import JSONDecodeError

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256
from twilio.rest import Client

from bot.channels.base import (
    TOO_MANY,
    ConnectionFailed,
    ContactStopped,
    MalformedRequest,
    Misconfigured,
    Rejected,
    SendError,
    Sent,
    Throttled,
    Uncertain,
    Unreachable,
)
from bot.channels.http import UNSENT, TwilioHttp
from domain.contact import URN
from domain.message import DeliveryReport, OutgoingMessage, Received, Status
from domain.sms import segments

#: Single words to which Twilio itself answers, and after which it sends nothing more (support.twilio.com
#: 223134027; "Advanced Opt-Out" can change them).
STOPS_AT = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
#: What Twilio says became of a message. `queued`, `accepted`, `scheduled` and `sending` tell us nothing
#: that we did not know.
STATUS = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
#: Nobody is at that number, or it takes no texts: of a refusal (no valid number, no mobile), and of a receipt (the
#: handset cannot be reached, blocks us, is unknown, or is a landline).
NO_SUCH_NUMBER = frozenset({"21211", "21614"})
NEVER_ARRIVES = frozenset({"30003", "30004", "30005", "30006"})
_UNDECIDED = frozenset({"queued", "accepted", "scheduled", "sending", "receiving", "received", "partially_delivered"})
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_LONGEST_VALIDITY = 36_000  # seconds (Message resource, ValidityPeriod)
_PAGE = 1000  # the most that Twilio lists at once
_CLOCKS_DIFFER = timedelta(minutes=5)
#: What may come of a request; the last two of an answer that is not Twilio's but a gateway's page.
_SEND_FAULTS = (TwilioException, aiohttp.ClientError, TimeoutError, JSONDecodeError, UnicodeDecodeError)
_HASHES = {HMAC_SHA1: hashlib.sha1, HMAC_SHA256: hashlib.sha256}

Form = Sequence[tuple[str, str]]


def signature(token: str, url: str, form: Form, algorithm: str = HMAC_SHA1) -> str:
    """What X-Twilio-Signature must be: the library's RequestValidator.compute_signature, on pairs.

    The form's values count as they came, blanks and spaces with them. Raises ValueError for an
    algorithm that is not Twilio's.
    """
    if (kind := _HASHES.get(algorithm.upper())) is None:
        raise ValueError("not one of Twilio's signature algorithms")
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return b64encode(hmac.digest(token.encode(), signed.encode("utf-8", "surrogatepass"), kind)).decode()


def is_signed(token: str, url: str, form: Form, given: str, algorithm: str = HMAC_SHA1) -> bool:
    try:
        return hmac.compare_digest(signature(token, url, form, algorithm).encode(), given.encode())
    except ValueError:
        return False


def receive_inbound(form: Mapping[str, str], own_numbers: frozenset[str]) -> list[Received]:
    """An inbound text as a fact; none from ourselves or from a short code, which would go round in
    circles. Raises MalformedRequest.
    """
    external_id, sender = form.get("MessageSid") or form.get("SmsSid"), form.get("From")
    if not external_id or len(external_id) > 64:
        raise MalformedRequest("an inbound text without a MessageSid")
    if not sender:
        raise MalformedRequest("an inbound text without a From")
    if "Body" not in form:
        raise MalformedRequest("an inbound text without a Body")
    if not _E164.fullmatch(sender) or sender in own_numbers:
        return []
    # Advanced Opt-Out reads words of its own choosing; what it read counts
    text = form["OptOutType"] if form.get("OptOutType") in ("STOP", "START") else form["Body"]
    return [Received("sms", external_id, URN("tel", sender), text)]


def receive_status(form: Mapping[str, str], message_id: str | None) -> list[DeliveryReport]:
    """A status callback as a fact; `message_id` is the `m` that we put into its address.

    Raises MalformedRequest, also for a status that Twilio does not have.
    """
    external_id, word = (
        form.get("MessageSid") or form.get("SmsSid"),
        form.get("MessageStatus") or form.get("SmsStatus"),
    )
    if not external_id or len(external_id) > 64 or not word:
        raise MalformedRequest("a status callback without a MessageSid or a MessageStatus")
    if word in _UNDECIDED:
        return []
    if word not in STATUS:
        raise MalformedRequest(f"a status callback with the unknown status {word[:20]!r}")
    if message_id is not None and not _is_id(message_id):
        raise MalformedRequest("a status callback whose m is not one of our ids")
    return [
        DeliveryReport(
            "sms",
            external_id,
            STATUS[word],
            None if message_id is None else int(message_id),
            code := form.get("ErrorCode"),
            unreachable=STATUS[word] is Status.FAILED and code in NEVER_ARRIVES,
        )
    ]


def _is_id(text: str) -> bool:
    """Whether it can be an id of ours: 63 bits, as every row's."""
    return text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 1 << 63


class Twilio:
    """One account, sending from one number or one messaging service. Made inside the running loop. A text message
    carries no file: an attachment stays behind.

    `timeout` is in seconds, of one call.
    """

    name = "sms"
    in_flight = 16

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        api_base: str,
        *,
        from_: str = "",
        messaging_service_sid: str = "",
        status_callback: str = "",
        timeout: float = 15,
    ) -> None:
        self._http = TwilioHttp(timeout, self.in_flight + 8)
        self._client = Client(account_sid, auth_token, http_client=self._http)
        self._client.api.base_url = api_base
        self._sender = {"messaging_service_sid": messaging_service_sid} if messaging_service_sid else {"from_": from_}
        self._status_callback = status_callback

    async def send(self, message: OutgoingMessage, now: datetime) -> Sent:
        validity = int((message.valid_until - now).total_seconds())
        options: dict[str, object] = dict(self._sender)
        if self._status_callback:
            options["status_callback"] = f"{self._status_callback}?m={message.id}"
        try:
            sent = await self._client.messages.create_async(
                to=message.urn.path,
                body=message.text,
                smart_encoded=False,  # what we counted and showed is what goes out
                validity_period=min(max(validity, 6), _LONGEST_VALIDITY),
                **options,
            )
        except _SEND_FAULTS as error:
            raise _send_error(error) from error
        count = str(sent.num_segments or "")
        return Sent(str(sent.sid), int(count) if count.isdigit() else None)

    async def look_up(self, message: OutgoingMessage) -> list[str]:
        since = (message.created_at or message.valid_until) - _CLOCKS_DIFFER
        try:
            listed = await self._client.messages.list_async(to=message.urn.path, date_sent_after=since, limit=200)
        except _SEND_FAULTS as error:
            raise _send_error(error) from error
        ours = [m for m in listed if m.direction != "inbound" and m.body == message.text]
        return [str(m.sid) for m in reversed(ours)]  # Twilio lists the newest first

    async def received_since(self, moment: datetime, *, page: int = _PAGE) -> list[tuple[datetime, Received]]:
        """What people sent us since then, by Twilio's log, with when; the oldest first. `page` is how many
        are listed at once. Raises SendError.

        An account with a messaging service alone is asked for all of its texts, since its numbers are not known.
        """
        own = {"to": self._sender["from_"]} if "from_" in self._sender else {}
        numbers = frozenset(own.values())
        found: list[tuple[datetime, Received]] = []
        try:
            listed = await self._client.messages.page_async(date_sent_after=moment, page_size=page, **own)
            while listed is not None:
                for m in listed:
                    if m.direction != "inbound" or m.date_sent is None:
                        continue
                    form = {"MessageSid": str(m.sid), "From": str(m.from_ or ""), "Body": m.body or ""}
                    if m.from_:
                        found += [(m.date_sent, received) for received in receive_inbound(form, numbers)]
                listed = await listed.next_page_async()
        except _SEND_FAULTS as error:
            raise _send_error(error) from error
        found.reverse()  # Twilio lists the newest first; of one second it has the order
        return sorted(found, key=lambda one: one[0])

    def cost(self, message: OutgoingMessage) -> int:
        return segments(message.text).count

    async def close(self) -> None:
        await self._http.close()


def _send_error(error: Exception) -> SendError:
    match error:
        case TwilioRestException(status=status, code=code):
            return _refusal(int(status), str(code or status))
        case _ if isinstance(error, UNSENT):
            return ConnectionFailed("no connection")
        case TimeoutError() | aiohttp.ClientError():
            return Uncertain("no answer")
        case _:
            return Uncertain(type(error).__name__)


def _refusal(status: int, code: str) -> SendError:
    """Codes: twilio.com/docs/api/errors. The exception's own text may hold the number: it is not kept."""
    if code == "21610":
        return ContactStopped(code)
    if code in NO_SUCH_NUMBER:
        return Unreachable(code)
    if status == 429 or code in TOO_MANY:
        return Throttled(code if code in TOO_MANY else "429", 600 if code == "21611" else 2)
    if status in (401, 403) or code in ("20003", "21212", "21603", "21606", "21659", "21660"):
        return Misconfigured(code)
    if status >= 500:
        return Uncertain(code)
    return Rejected(code)
