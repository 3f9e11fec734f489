"""What people text, as Twilio posts it: signed forms, ready to be written to a connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from benchmarks.checkin import SCRIPT
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS
from domain.phone import is_mobile

PATH = "/webhooks/twilio/inbound"


#: North American area codes, each with 100 numbers for fiction (555-0100 to 555-0199) that nobody has.
#: Ofcom's thousand for drama would be too few.
_AREAS = [area for area in range(201, 990) if is_mobile(f"+1{area}5550100", allow_test=False)]
MOST = 100 * len(_AREAS)


def number(member: int) -> str:
    """A mobile number that nobody has, for each member below MOST."""
    return f"+1{_AREAS[member // 100]}55501{member % 100:02}"


def signed_texts(port: int, members: int, *, first: int = 0, script: Sequence[str] = SCRIPT) -> Iterator[list[bytes]]:
    """The members' texts step by step, as requests to the webhook at this port."""
    validator = RequestValidator(AUTH_TOKEN)
    for step, words in enumerate(script):
        yield [
            _request(validator, port, f"SM{step:08x}{member:024x}", number(member), words)
            for member in range(first, first + members)
        ]


def _request(validator: RequestValidator, port: int, sid: str, sender: str, words: str) -> bytes:
    form = {
        "ToCountry": "GB",
        "ToState": "",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "",
        "SmsSid": sid,
        "FromState": "",
        "SmsStatus": "received",
        "FromCity": "",
        "Body": words,
        "FromCountry": "GB",
        "To": NUMBER_OF_OURS,
        "ToZip": "",
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": ACCOUNT_SID,
        "From": sender,
        "ApiVersion": "2010-04-01",
    }
    body = urlencode(form).encode()
    signature = validator.compute_signature(f"http://127.0.0.1:{port}{PATH}", form)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
