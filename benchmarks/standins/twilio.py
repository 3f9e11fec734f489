"""A stand-in for Twilio's Messages API: takes texts, reports what became of them, and brings people's replies."""

from __future__ import annotations

import argparse
import asyncio
import base64
import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from random import Random
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import orjson
from twilio.request_validator import RequestValidator

from benchmarks.standins.control import PREFIX, control
from benchmarks.standins.messages_api import (
    ERRORS,
    HELP_WORDS,
    NUMBER,
    START_WORDS,
    STOP_WORDS,
    Reading,
    read_creation,
    read_listing,
)
from benchmarks.standins.posting import Posted, Posting
from benchmarks.standins.serving import Answer, Request, json_answer, run_alone
from benchmarks.standins.trouble import Fault, Faults, Trouble
from domain.sms import segments

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "standin-auth-token-for-tests-only"
#: One of the numbers that Ofcom keeps for drama: nobody has it.
NUMBER_OF_OURS = "+447700900000"

_API = "2010-04-01"
#: Where a message stands; a status never goes back.
_RANK = {"accepted": 0, "queued": 0, "sent": 1, "delivered": 2, "undelivered": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioFaults(Faults):
    """Twilio's faults. Shares strike the `actions` named (create, list, fetch, account).

    `refused` numbers are answered 400 with their error code (21211, 21614, 21408, ...).
    `undelivered` numbers are taken and then reported undelivered with their code (30003, 30006, ...);
    `undelivered_share` does so by chance, with `undelivered_code`. Of the status callbacks, shares of
    messages have theirs out of order, each posted twice, or lost; all come `callback_delay` seconds
    after the message was taken. `inbound_doubled` is the share of people's texts posted twice.
    `retry_after`: a 429 says in Retry-After to wait so many seconds.
    """

    actions: frozenset[str] = frozenset({"create"})
    refused: Mapping[str, int] = field(default_factory=dict)
    undelivered: Mapping[str, int] = field(default_factory=dict)
    undelivered_share: float = 0.0
    undelivered_code: int = 30003
    retry_after: int | None = None
    callback_delay: float = 0.0
    callbacks_reordered: float = 0.0
    callbacks_doubled: float = 0.0
    callbacks_lost: float = 0.0
    inbound_doubled: float = 0.0


@dataclass(slots=True)
class TextMessage:
    """A message in Twilio's log, in either direction. Times are seconds since 1970."""

    sid: str
    position: int
    direction: str
    from_: str | None
    to: str
    body: str
    status: str
    created: float
    updated: float
    sent: float | None
    num_segments: int
    num_media: int = 0
    service_sid: str | None = None
    error_code: int | None = None
    status_callback: str | None = None
    validity_period: int | None = None
    smart_encoded: bool | None = None


class TwilioStandin:
    """Twilio with one account and one number, to be served by `serving.loopback` or `serving.run_alone`.

    `service_sid` is the account's Messaging Service, if it has one; with `advanced_opt_out` a reply
    that it acts on says so (OptOutType). What people say is posted to `inbound_url`, as it is set at
    that time; without one it goes to the log alone. `clock` gives seconds since 1970.

    A message that waits to be sent is listed by the time at which it was created: Twilio does not say
    how it lists one.

    To be read at any time: `violations` (sentences without people's words), `messages` (the log),
    `requests` (by action), `accepted` and `per_second` (messages taken, by whole second), `arrivals`
    (when a message came, taken or not, and its segments), `posts`
    (attempts to post a webhook, by the status answered, 0 where no answer came), `stopped` (the
    numbers that are blocked), `trouble`.
    """

    def __init__(
        self,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        *,
        number: str = NUMBER_OF_OURS,
        service_sid: str | None = None,
        advanced_opt_out: bool = False,
        inbound_url: str = "",
        faults: TwilioFaults | None = None,
        random: Random | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.account_sid = account_sid
        self.number = number
        self.service_sid = service_sid
        self.inbound_url = inbound_url
        self.clock = clock
        self.violations: list[str] = []
        self.messages: list[TextMessage] = []
        self.requests: Counter[str] = Counter()
        self.accepted = 0
        self.per_second: Counter[int] = Counter()
        self.arrivals: list[tuple[float, int]] = []
        self.posts: Counter[int] = Counter()
        self.stopped: set[str] = set()
        self._random = random or Random(0)
        self.trouble = Trouble(faults or TwilioFaults(), self._random)
        self._advanced_opt_out = advanced_opt_out
        self._authorization = "Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode("ascii")
        self._sign: Callable[[str, dict[str, str]], str] = RequestValidator(auth_token).compute_signature
        self._posting = Posting(seconds=15, at_once=50)
        self._by_sid: dict[str, TextMessage] = {}
        self._to: dict[str, list[TextMessage]] = {}
        self._from: dict[str, list[TextMessage]] = {}

    @property
    def faults(self) -> TwilioFaults:
        return self.trouble.faults

    @faults.setter
    def faults(self, faults: TwilioFaults) -> None:
        self.trouble.faults = faults

    # What people do.

    def say(self, from_: str, text: str, media_urls: Sequence[str] = ()) -> str:
        """Somebody texts our number; the SID of the message. Their texts are posted in their order.

        A text that is only STOP (or a word like it) blocks our sends to them; START unblocks.
        """
        now = self.clock()
        message = self._new(
            direction="inbound",
            from_=from_,
            to=self.number,
            body=text,
            status="received",
            created=now,
            updated=now,
            sent=now,
            num_segments=segments(text).count,
            num_media=len(media_urls),
            service_sid=self.service_sid,
        )
        form = self._inbound_form(message, media_urls)
        if opted := self._opt(from_, text):
            form["OptOutType"] = opted
        if url := self.inbound_url:
            self._posting.add(from_, lambda: self._post_inbound(url, form))
        return message.sid

    # What tests and benchmarks ask.

    def sent_to(self, number: str) -> list[TextMessage]:
        """What was sent to this number, oldest first."""
        return list(self._to.get(number, []))

    async def settled(self, within: float = 10.0) -> None:
        """Returns when every webhook was posted. Raises TimeoutError after `within` seconds."""
        async with asyncio.timeout(within):
            await self._posting.settled()

    def log(self, since: int = 0) -> dict[str, Any]:
        """What was counted, and the messages from the `since`-th on, in both directions."""
        return {
            "requests": self.requests,
            "accepted": self.accepted,
            "per_second": {str(second): count for second, count in self.per_second.items()},
            "faults": {fault.value: count for fault, count in self.trouble.count.items()},
            "webhook_posts": {str(status): count for status, count in self.posts.items()},
            "messages": [self._shown(message) for message in self.messages[since:]],
        }

    # What is asked over HTTP.

    async def open(self) -> None:
        await self._posting.open()

    async def close(self) -> None:
        await self._posting.close()

    def release(self) -> None:
        self.trouble.let_go()

    async def answer(self, request: Request) -> Answer | None:
        if request.path.startswith(PREFIX):
            return control(request, self.log, self.violations, self.trouble, {"say": self.say})
        found = re.fullmatch(rf"/{_API}/Accounts/(\w+)(/Messages(?:/(\w+))?)?\.json", request.path)
        action = None
        if found is not None:
            where = "account" if found[2] is None else "messages" if found[3] is None else "message"
            action = {
                ("GET", "account"): "account",
                ("POST", "messages"): "create",
                ("GET", "messages"): "list",
                ("GET", "message"): "fetch",
            }.get((request.method, where))
        if found is None or action is None:
            self.violations.append(f"{request.method}: the product may use no such address")
            return _error(20404 if found is None else 20004)
        self.requests[action] += 1
        if request.headers.get("authorization") != self._authorization:
            self.violations.append(f"{action}: the credentials are not this account's")
            return _error(20003)
        if found[1] != self.account_sid:
            self.violations.append(f"{action}: the account is not the one of the credentials")
            return _error(20404)
        return await self._serve(action, request, found[3])

    async def _serve(self, action: str, request: Request, sid: str) -> Answer | None:
        reading = self._read(action, request)
        self.violations += reading.complaints
        if action == "create":
            self.arrivals.append((self.clock(), segments(reading.values.get("Body", "")).count))
        struck = action in self.faults.actions
        fault = self.trouble.strikes() if struck else None
        match fault:
            case Fault.DROP_BEFORE:
                return None
            case Fault.THROTTLED:
                wait = self.faults.retry_after
                answer = _error(20429, headers=() if wait is None else (("Retry-After", str(wait)),))
            case Fault.SERVER_ERROR:
                answer = _error(20500)
            case Fault.UNAVAILABLE:
                answer = _error(20503)
            case _:
                answer = self._carry_out(action, request, reading, sid)
        if struck and (delay := self.trouble.delay()):
            await asyncio.sleep(delay)
        if fault is Fault.SILENT:
            await self.trouble.silence()
        return None if fault in (Fault.DROP_AFTER, Fault.SILENT) else answer

    def _read(self, action: str, request: Request) -> Reading:
        try:
            match action:
                case "create" if request.media_type() != "application/x-www-form-urlencoded":
                    return Reading({}, ["create: the body is no form"], 20001)
                case "create":
                    return read_creation(request.form())
                case "list":
                    return read_listing(request.asked())
                case _:
                    return Reading({}, [], None)
        except ValueError:
            return Reading({}, [f"{action}: the parameters are not UTF-8"], 20001)

    def _carry_out(self, action: str, request: Request, reading: Reading, sid: str) -> Answer:
        if reading.code is not None:
            return _error(reading.code, reading.values.get("To", ""))
        match action:
            case "create":
                return self._create(reading.values)
            case "list":
                return self._list(request, reading.values)
            case "fetch":
                message = self._by_sid.get(sid)
                return _error(20404) if message is None else json_answer(200, self._shown(message))
            case _:
                return json_answer(200, self._account())

    def _create(self, values: dict[str, Any]) -> Answer:
        to, from_, service_sid = values["To"], values.get("From"), values.get("MessagingServiceSid")
        if from_ is not None and from_ != self.number:
            self.violations.append("create: From is not a number of this account")
            return _error(21606)
        if service_sid is not None and service_sid != self.service_sid:
            self.violations.append("create: MessagingServiceSid is not a service of this account")
            return _error(21705)
        if to == self.number:
            self.violations.append("create: To is our own number")
            return _error(21266, to)
        if (code := self.faults.refused.get(to)) is not None:
            return _error(code, to)
        if to in self.stopped:
            return _error(21610)
        now = self.clock()
        waits_for_sender = from_ is None
        message = self._new(
            direction="outbound-api",
            from_=from_,
            to=to,
            body=values["Body"],
            status="accepted" if waits_for_sender else "queued",
            created=now,
            updated=now,
            sent=None,
            # known when the service has chosen a sender
            num_segments=0 if waits_for_sender else segments(values["Body"]).count,
            service_sid=service_sid,
            status_callback=values.get("StatusCallback"),
            validity_period=values.get("ValidityPeriod"),
            smart_encoded=values.get("SmartEncoded"),
        )
        self.accepted += 1
        self.per_second[int(now)] += 1
        answer = json_answer(201, self._shown(message))
        if message.status_callback is None and not self.faults.callback_delay:
            for status, code in self._course(message):
                self._advance(message, status, code)
        else:
            self._posting.add(message.sid, lambda: self._deliver(message))
        return answer

    def _list(self, request: Request, values: dict[str, Any]) -> Answer:
        size, page = values.get("PageSize", 50), values.get("Page", 0)
        before = len(self.messages)
        if (token := values.get("PageToken")) is not None:
            last = self._by_sid.get(token.removeprefix("PA"))
            if last is None:
                self.violations.append("list: the PageToken is none that was given out")
                return _error(20001)
            before = last.position
        found: list[TextMessage] = []
        more = False
        for message in self._newest_first(values, before):
            if len(found) == size:
                more = True
                break
            found.append(message)
        asked = [(name, value) for name, value in request.asked() if name not in ("Page", "PageToken")]
        if "PageSize" not in values:
            asked.append(("PageSize", str(size)))

        def uri(number: int, page_token: str | None = None) -> str:
            given = [*asked, ("Page", str(number))]
            return f"{request.path}?{urlencode(given + ([('PageToken', page_token)] if page_token else []))}"

        return json_answer(
            200,
            {
                "messages": [self._shown(message) for message in found],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(len(found) - 1, 0),
                "uri": uri(page, token),
                "first_page_uri": uri(0),
                "next_page_uri": uri(page + 1, "PA" + found[-1].sid) if more else None,
                "previous_page_uri": None,
            },
        )

    def _newest_first(self, values: dict[str, Any], before: int) -> Iterator[TextMessage]:
        to, from_ = values.get("To"), values.get("From")
        log = self.messages
        if to is not None:
            log = self._to.get(to, [])
        elif from_ is not None:
            log = self._from.get(from_, [])
        earliest, latest = _period(values)
        for index in range(bisect_left(log, before, key=lambda each: each.position) - 1, -1, -1):
            message = log[index]
            if from_ is not None and message.from_ != from_:
                continue
            if earliest <= int(message.created if message.sent is None else message.sent) <= latest:
                yield message

    # What becomes of a message.

    def _course(self, message: TextMessage) -> list[tuple[str, int | None]]:
        """The statuses that this message goes through, each with its error code."""
        faults = self.faults
        code = faults.undelivered.get(message.to)
        if code is None and self.trouble.chance(faults.undelivered_share):
            code = faults.undelivered_code
        return [("sent", None), ("delivered" if code is None else "undelivered", code)]

    def _advance(self, message: TextMessage, status: str, code: int | None) -> None:
        now = self.clock()
        if message.sent is None:
            message.sent = now
            message.from_ = message.from_ or self.number
            message.num_segments = segments(message.body).count
        if _RANK[status] > _RANK[message.status]:
            message.status, message.error_code, message.updated = status, code, now

    async def _deliver(self, message: TextMessage) -> None:
        faults, chance = self.faults, self.trouble.chance
        if faults.callback_delay:
            await asyncio.sleep(faults.callback_delay)
        course = self._course(message)
        if chance(faults.callbacks_reordered):
            course.reverse()
        times = 2 if chance(faults.callbacks_doubled) else 1
        lost = chance(faults.callbacks_lost)
        for status, code in course:
            self._advance(message, status, code)
            if message.status_callback is not None and not lost:
                form = self._status_form(message, status, code)
                for _ in range(times):
                    await self._post(message.status_callback, form)

    def _opt(self, from_: str, text: str) -> str | None:
        """What Twilio does about a text that is only one of its words; the OptOutType that it tells."""
        word = text.strip().upper()
        opted = None
        if word in STOP_WORDS:
            self.stopped.add(from_)
            opted = "STOP"
        elif word in START_WORDS:
            self.stopped.discard(from_)
            opted = "START"
        elif word in HELP_WORDS:
            opted = "HELP"
        return opted if self._advanced_opt_out else None

    async def _post_inbound(self, url: str, form: dict[str, str]) -> None:
        for _ in range(2 if self.trouble.chance(self.faults.inbound_doubled) else 1):
            posted = await self._post(url, form)
            if posted.accepted and (complaint := _twiml_complaint(posted)):
                self.violations.append(complaint)

    async def _post(self, url: str, form: dict[str, str]) -> Posted:
        """Posts a signed form; a second time only where no connection could be made, as Twilio does."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": self._sign(url, form),
            "I-Twilio-Idempotency-Token": f"{self._random.getrandbits(128):032x}",
        }
        body = urlencode(form).encode("ascii")
        posted = await self._posting.post(url, body, headers)
        self.posts[posted.status or 0] += 1
        if not posted.connected:
            posted = await self._posting.post(url, body, headers)
            self.posts[posted.status or 0] += 1
        return posted

    # How Twilio shows messages.

    def _new(self, **content: Any) -> TextMessage:
        prefix = "MM" if content.get("num_media") else "SM"
        sid = f"{prefix}{self._random.getrandbits(128):032x}"
        message = TextMessage(sid=sid, position=len(self.messages), **content)
        self.messages.append(message)
        self._by_sid[sid] = message
        self._to.setdefault(message.to, []).append(message)
        self._from.setdefault(message.from_ or self.number, []).append(message)
        return message

    def _shown(self, message: TextMessage) -> dict[str, Any]:
        uri = f"/{_API}/Accounts/{self.account_sid}/Messages/{message.sid}"
        final = message.status in ("delivered", "undelivered", "received")
        return {
            "account_sid": self.account_sid,
            "api_version": _API,
            "body": message.body,
            "date_created": _date(int(message.created)),
            "date_sent": None if message.sent is None else _date(int(message.sent)),
            "date_updated": _date(int(message.updated)),
            "direction": message.direction,
            "error_code": message.error_code,
            "error_message": None if message.error_code is None else "The message was not delivered",
            "from": message.from_,
            "messaging_service_sid": message.service_sid,
            "num_media": str(message.num_media),
            "num_segments": str(message.num_segments),
            "price": f"{-0.04 * message.num_segments:.5f}" if final else None,
            "price_unit": "USD" if final else None,
            "sid": message.sid,
            "status": message.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.to,
            "uri": f"{uri}.json",
        }

    def _inbound_form(self, message: TextMessage, media_urls: Sequence[str]) -> dict[str, str]:
        form = {
            "ToCountry": "GB",
            "ToState": "",
            "SmsMessageSid": message.sid,
            "NumMedia": str(message.num_media),
            "ToCity": "",
            "FromZip": "",
            "SmsSid": message.sid,
            "FromState": "",
            "SmsStatus": "received",
            "FromCity": "",
            "Body": message.body,
            "FromCountry": "GB",
            "To": message.to,
            "ToZip": "",
            "NumSegments": str(message.num_segments),
            "MessageSid": message.sid,
            "AccountSid": self.account_sid,
            "From": message.from_ or "",
            "ApiVersion": _API,
        }
        if self.service_sid is not None:
            form["MessagingServiceSid"] = self.service_sid
        for number, url in enumerate(media_urls):
            form[f"MediaUrl{number}"] = url
            form[f"MediaContentType{number}"] = "image/jpeg"
        return form

    def _status_form(self, message: TextMessage, status: str, code: int | None) -> dict[str, str]:
        form = {
            "SmsSid": message.sid,
            "SmsStatus": status,
            "MessageStatus": status,
            "To": message.to,
            "MessageSid": message.sid,
            "AccountSid": self.account_sid,
            "From": message.from_ or "",
            "ApiVersion": _API,
        }
        if message.service_sid is not None:
            form["MessagingServiceSid"] = message.service_sid
        if code is not None:
            form["ErrorCode"] = str(code)
        return form

    def _account(self) -> dict[str, Any]:
        return {
            "sid": self.account_sid,
            "friendly_name": "Stand-in",
            "status": "active",
            "type": "Full",
            "uri": f"/{_API}/Accounts/{self.account_sid}.json",
        }


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def _period(values: dict[str, Any]) -> tuple[float, float]:
    """The first and last whole second, since 1970, that the filters by date leave; both ends are in it."""
    earliest, latest = float("-inf"), float("inf")
    for name in ("DateSent", "DateSent>"):
        if name in values:
            earliest = max(earliest, values[name][0].timestamp())
    for name in ("DateSent", "DateSent<"):
        if name in values:
            latest = min(latest, values[name][1].timestamp())
    return earliest, latest


def _twiml_complaint(posted: Posted) -> str | None:
    """What is wrong with the answer to somebody's text, which Twilio would read as TwiML."""
    if not posted.body:
        return None
    if posted.content_type not in ("text/xml", "application/xml"):
        return "inbound: the answer is not declared as XML (Twilio's error 12300)"
    try:
        root = ElementTree.fromstring(posted.body)
    except ElementTree.ParseError:
        return "inbound: the answer is no XML (Twilio's error 12100)"
    if root.tag != "Response" or len(root) > 0 or (root.text or "").strip():
        return "inbound: the answer is not an empty <Response/>, so Twilio would send something"
    return None


def _error(code: int, to: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    status, message = ERRORS.get(code, (400, "The message cannot be sent"))
    content = {
        "code": code,
        "message": message.format(to=to),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Answer(status, orjson.dumps(content), headers=headers)


def main() -> None:
    """Runs the stand-in as a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standins.twilio", description=__doc__)
    parser.add_argument("--port", type=int, default=8082, help="on 127.0.0.1; 0 takes any free one")
    parser.add_argument("--account-sid", default=ACCOUNT_SID, help="default: %(default)s")
    parser.add_argument("--auth-token", default=AUTH_TOKEN, help="default: %(default)s")
    parser.add_argument("--number", default=NUMBER_OF_OURS, help="our number (default: %(default)s)")
    parser.add_argument("--service-sid", default=None, help="the account's Messaging Service, if any")
    parser.add_argument("--inbound-url", default="", help="where people's texts are posted")
    parser.add_argument("--seed", type=int, default=0, help="of the chance that draws faults and SIDs")
    given = parser.parse_args()
    if not NUMBER.fullmatch(given.number):
        parser.error("--number must look like +447700900000")
    standin = TwilioStandin(
        given.account_sid,
        given.auth_token,
        number=given.number,
        service_sid=given.service_sid,
        inbound_url=given.inbound_url,
        random=Random(given.seed),
    )
    run_alone(standin, "Twilio", given.port)


if __name__ == "__main__":
    main()
