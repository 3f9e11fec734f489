"""What Twilio's Messages resource takes: the parameters that the product may use, their limits, and error codes.

Written down from https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/api/errors. A parameter that the API has and the product does not use is
missing here on purpose: using it begins with adding it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

#: Code -> HTTP status and message. Messages name the number as Twilio's own do, so that a product
#: which logs them shows it.
ERRORS: dict[int, tuple[int, str]] = {
    20001: (400, "Bad request"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service unavailable"),
    21211: (400, "Invalid 'To' Phone Number: {to}"),
    21266: (400, "'To' and 'From' number cannot be the same: {to}"),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number provided is not a valid, message-capable number of this account"),
    21609: (400, "The 'StatusCallback' URL is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "Message cannot be sent with the current combination of 'To' ({to}) and 'From'"),
    21614: (400, "'To' number is not a valid mobile number: {to}"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21624: (400, "Invalid validity period value"),
    21705: (400, "The Messaging Service Sid is invalid"),
}  # fmt: skip

#: Words that Twilio itself acts on when they are all of a text: it blocks, or unblocks, its sends.
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


class Wrong(ValueError):
    """A value breaks the rules: `why` completes "<parameter> ...", without repeating the value.

    `code` is Twilio's error; None where Twilio lets it pass and ignores the value.
    """

    def __init__(self, why: str, code: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.code = code


@dataclass(frozen=True, slots=True)
class Reading:
    """A request held against the rules: its values, sentences without people's words, and the error."""

    values: dict[str, Any]
    complaints: list[str]
    code: int | None


_Check = Callable[[str], Any]


def read_creation(fields: Iterable[tuple[str, str]]) -> Reading:
    """The form of a message to be created."""
    pairs = list(fields)
    reading = _read("create", pairs, _CREATION)
    given = {name for name, value in pairs if value}
    missing = [
        (name, code)
        for name, code, names in (
            ("To", 21604, {"To"}),
            ("From", 21603, {"From", "MessagingServiceSid"}),
            ("Body", 21602, {"Body"}),
        )
        if not names & given
    ]
    complaints = [*reading.complaints, *(f"create: {name} is missing" for name, _ in missing)]
    return Reading(reading.values, complaints, reading.code or next((code for _, code in missing), None))


def read_listing(fields: Iterable[tuple[str, str]]) -> Reading:
    """The query of a list of messages."""
    reading = _read("list", fields, _LISTING)
    if reading.values.get("Page", 0) > 0 and "PageToken" not in reading.values:
        reading.complaints.append("list: a page is asked for without its PageToken")
        return Reading(reading.values, reading.complaints, reading.code or 20001)
    return reading


def _read(action: str, fields: Iterable[tuple[str, str]], checks: dict[str, _Check]) -> Reading:
    values: dict[str, Any] = {}
    complaints: list[str] = []
    code: int | None = None
    for name, value in fields:
        if name not in checks:
            complaints.append(f"{action}: {name[:64]!r} is no parameter that the product may use")
            continue
        if name in values:
            complaints.append(f"{action}: {name} is given twice")
        try:
            values[name] = checks[name](value)
        except Wrong as wrong:
            complaints.append(f"{action}: {name} {wrong.why}")
            code = code or wrong.code
    return Reading(values, complaints, code)


def _number(code: int) -> _Check:
    def check(value: str) -> str:
        if not NUMBER.fullmatch(value):
            raise Wrong("is no phone number in E.164 form", code)
        return value

    return check


def _sid(prefix: str, code: int) -> _Check:
    def check(value: str) -> str:
        if not re.fullmatch(prefix + "[0-9a-fA-F]{32}", value):
            raise Wrong(f"is not {prefix} and 32 hexadecimal digits", code)
        return value

    return check


def _body(value: str) -> str:
    if len(value) > 1600:
        raise Wrong(f"has {len(value)} characters; at most 1600 are taken", 21617)
    return value


def _callback(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise Wrong("is no URL", 21609) from error
    if parts.scheme not in ("http", "https") or not host or "_" in host:
        raise Wrong("is no http or https URL with a valid host name", 21609)
    return value


def _whole(least: int, most: int | None, code: int) -> _Check:
    def check(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise Wrong("is no whole number", code)
        if int(value) < least or (most is not None and int(value) > most):
            raise Wrong(f"is {int(value)}; it may be {least} to {most}", code)
        return int(value)

    return check


def _boolean(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise Wrong("is neither true nor false")
    return value.lower() == "true"


def _one_of(*words: str) -> _Check:
    def check(value: str) -> str:
        if value not in words:
            raise Wrong(f"is none of {', '.join(words)}", 20001)
        return value

    return check


def _moment(value: str) -> tuple[datetime, datetime]:
    """The first and the last moment meant: a whole day, or one second. Days are GMT."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = datetime.fromisoformat(value).replace(tzinfo=UTC)
            return day, day + timedelta(days=1, microseconds=-1)
        if re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3})?Z?", value):
            moment = datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
            return moment, moment + timedelta(seconds=1, microseconds=-1)
    except ValueError as error:
        raise Wrong("is no day that exists", 20001) from error
    raise Wrong("is neither YYYY-MM-DD nor a time in GMT such as YYYY-MM-DDThh:mm:ssZ", 20001)


_CREATION: dict[str, _Check] = {
    "To": _number(21211),
    "From": _number(21606),
    "MessagingServiceSid": _sid("MG", 21705),
    "Body": _body,
    "StatusCallback": _callback,
    "ValidityPeriod": _whole(1, 36000, 21624),
    "SmartEncoded": _boolean,
    "RiskCheck": _one_of("enable", "disable"),
    "ContentRetention": _one_of("retain", "discard"),
    "AddressRetention": _one_of("retain", "obfuscate"),
}
_LISTING: dict[str, _Check] = {
    "To": _number(20001),
    "From": _number(20001),
    "DateSent": _moment,
    "DateSent<": _moment,
    "DateSent>": _moment,
    "PageSize": _whole(1, 1000, 20001),
    "Page": _whole(0, None, 20001),
    "PageToken": str,
}
