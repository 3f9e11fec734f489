"""Two phones on a page: what is typed there takes a provider's way in, and the store is what is shown.

There is no login, for the demo is for one's own machine only.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import phonenumbers
from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.app import App
from bot.channels import telegram, twilio
from bot.dispatcher import Fact, StoreAway
from domain.contact import URN
from domain.message import Status
from store.history import Buttons, Message, history

_HERE = Path(__file__).resolve().parent
#: Nothing from elsewhere is loaded, nothing is sent elsewhere, and no other page may frame this one.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LARGEST = 1 << 16  # bytes of a form; the longest message of either phone takes less
_LARGEST_CHAT_ID = (1 << 52) - 1  # Bot API: an id has at most 52 significant bits

#: What a status is called under a message of ours.
STATUS_WORDS = {
    Status.QUEUED: "Waiting",
    Status.SENDING: "Waiting",
    Status.ERRORED: "Waiting",
    Status.UNKNOWN: "Waiting",
    Status.SENT: "Sent",
    Status.DELIVERED: "Delivered",
    Status.FAILED: "Not sent",
    Status.EXPIRED: "Too late to send",
    Status.CANCELLED: "Cancelled",
}
_WAITING = frozenset(status for status, words in STATUS_WORDS.items() if words == "Waiting")


class Refused(Exception):
    """A request that is answered with this status and this sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Phone:
    """One of the two phones.

    `usual` is the address it has where the page's own address names no other; `read` makes an address
    of what somebody typed, or raises ValueError with a sentence; `receive` makes facts of an address,
    a text and a button's token, as the provider's adapter does. `longest` is in characters. `files`: it
    shows those that come with a message.
    """

    name: str
    title: str
    address_label: str
    address_hint: str
    scheme: str
    usual: str
    longest: int
    files: bool
    read: Callable[[str], str]
    receive: Callable[[str, str, str | None], Sequence[Fact]]


def read_number(text: str) -> str:
    """A phone number as people type it, in E.164. Raises ValueError with a sentence."""
    text = text.strip()
    # in an address a bare + is a space, so the + that was there may be lost
    if text and text[0] not in "+0":
        text = f"+{text}"
    try:
        number = phonenumbers.parse(text, "GB")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise ValueError("This is not a phone number. Write one such as +447700900001.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def read_chat_id(text: str) -> str:
    """The id of a private chat. Raises ValueError with a sentence."""
    text = text.strip()
    if not re.fullmatch(r"[0-9]{1,16}", text) or not 0 < int(text) <= _LARGEST_CHAT_ID:
        raise ValueError("This is not a chat id. Write a number such as 1001.")
    return str(int(text))


def receive_sms(address: str, text: str, button: str | None) -> Sequence[Fact]:
    """What follows when that number texts, by way of the form that Twilio would send."""
    form = {"MessageSid": f"sim/{secrets.token_hex(16)}", "From": address, "Body": text, "NumMedia": "0"}
    return twilio.receive_inbound(form, frozenset())


def receive_telegram(address: str, text: str, button: str | None) -> Sequence[Fact]:
    """What follows when that chat writes or presses, by way of the update that Telegram would send."""
    update_id = secrets.randbits(62)  # a number, as the Bot API has it, that was not there before
    person = {"id": int(address), "is_bot": False, "first_name": "Demo"}
    chat = {"id": int(address), "type": "private", "first_name": "Demo"}
    if button is not None:
        query = {"id": str(update_id), "from": person, "chat_instance": address, "data": button}
        return telegram.receive({"update_id": update_id, "callback_query": query})
    message = {"message_id": update_id, "from": person, "chat": chat, "date": 0, "text": text}
    return telegram.receive({"update_id": update_id, "message": message})


SMS = Phone(
    "sms",
    "SMS phone",
    "Phone number",
    "Numbers from +447700900000 to +447700900999 are for drama: they belong to nobody.",
    "tel",
    "+447700900001",
    1600,
    False,
    read_number,
    receive_sms,
)
TELEGRAM = Phone(
    "telegram",
    "Telegram phone",
    "Chat id",
    "Any number will do: each one is another person.",
    "telegram",
    "1001",
    4096,
    True,
    read_chat_id,
    receive_telegram,
)
PHONES = {phone.name: phone for phone in (SMS, TELEGRAM)}


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the page has it. `settled`: nothing about it will change any more. `file` is the name of what was
    sent with it, and `link` where that is to be had; on a phone that takes no files there is none.
    """

    id: str  # 63 bits: too many for a number of JavaScript's
    ours: bool
    text: str
    at: str
    time: str
    status: str
    status_words: str
    settled: bool
    buttons: Buttons
    file: str
    link: str


@dataclass(frozen=True, slots=True)
class Screen:
    """One phone as the page has it. `typed` and `fault` are what somebody wrote as its address, and what
    is wrong with that.
    """

    phone: Phone
    address: str
    typed: str
    fault: str
    messages: Sequence[Shown]


@dataclass(frozen=True, slots=True)
class Word:
    """Something to send. `language` is its tag, as far as it is a language's own name."""

    text: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Simulator:
    app: App
    templates: Environment = field(
        default_factory=lambda: Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
    )

    async def show(self, request: Request) -> Response:
        """The page. Its own address says whose phones they are."""
        screens = [await self._screen(phone, request.query_params.get(phone.name)) for phone in PHONES.values()]
        query = urlencode({screen.phone.name: screen.address for screen in screens})
        faulty = any(screen.fault for screen in screens)
        return self._page("phones.html", 400 if faulty else 200, screens=screens, words=self._words(), query=query)

    async def messages(self, request: Request) -> Response:
        """The messages of one phone after the one with the id `after`, the oldest first."""
        try:
            phone, address = _phone(request), _addresses(request)
            after = request.query_params.get("after", "0")
            if not re.fullmatch(r"[0-9]{1,19}", after):
                raise Refused(400, "after is not the id of a message.")
        except Refused as refused:
            return JSONResponse({"error": refused.sentence}, refused.status, _HEADERS)
        shown = await self._messages(phone, address[phone.name])
        found = [
            {
                "id": message.id,
                "ours": message.ours,
                "text": message.text,
                "status": message.status,
                "buttons": [[{"label": label, "token": token} for label, token in row] for row in message.buttons],
                "file": message.file,
                "html": self._message(message, phone, urlencode(address)),
            }
            for message in shown
            if int(message.id) > int(after)
        ]
        return JSONResponse({"messages": found}, headers=_HEADERS)

    async def send(self, request: Request) -> Response:
        """Somebody wrote (`text`) or pressed (`button`). Answered when it is durable."""
        try:
            phone, address = _phone(request), _addresses(request)
            if request.headers.get("sec-fetch-site") == "cross-site":
                raise Refused(403, "This was sent from another site, so it was not taken.")
            form = dict(await _form(request.stream()))
            text, button = form.get("text", ""), form.get("button") or None
            if not text.strip() and button is None:
                raise Refused(400, "There was nothing in it. Write a word first.")
            try:
                for durable in [
                    self.app.dispatcher.submit(fact) for fact in phone.receive(address[phone.name], text, button)
                ]:
                    await durable
            except StoreAway as error:
                raise Refused(
                    503, "It was not taken, because the store cannot be reached. Try again in a moment."
                ) from error
        except Refused as refused:
            if "application/json" in request.headers.get("accept", ""):
                return JSONResponse({"error": refused.sentence}, refused.status, _HEADERS)
            return self._page("refused.html", refused.status, sentence=refused.sentence, query=request.url.query)
        if "application/json" in request.headers.get("accept", ""):
            return Response(status_code=204, headers=_HEADERS)
        # the fragment brings the focus back to where one types
        return RedirectResponse(f"/simulator?{urlencode(address)}#{phone.name}-text", 303, _HEADERS)

    async def _screen(self, phone: Phone, typed: str | None) -> Screen:
        address, fault = phone.usual, ""
        if typed is not None:
            try:
                address = phone.read(typed)
            except ValueError as error:
                fault = str(error)
        messages = await self._messages(phone, address)
        return Screen(phone, address, typed if typed is not None and fault else address, fault, messages)

    async def _messages(self, phone: Phone, address: str) -> list[Shown]:
        found = await history(self.app.database, self.app.vault, URN(phone.scheme, address))
        now = self.app.clock().astimezone(self.app.settings.quiet.zone)
        return [_shown(message, now, files=phone.files) for message in found]

    def _message(self, message: Shown, phone: Phone, query: str) -> str:
        return self.templates.get_template("message.html").render(message=message, phone=phone, query=query)

    def _page(self, template: str, status: int, **context: object) -> HTMLResponse:
        return HTMLResponse(self.templates.get_template(template).render(**context), status, _HEADERS)

    def _words(self) -> list[tuple[str, list[Word]]]:
        """Something to send first, the languages, and what may be sent at any time."""
        library = self.app.library
        begin = ["JOIN", "CHECKIN", "EVENTS", *(word for flow in library.flows.values() for word in flow.starts_with)]
        steer = [
            "HELP",
            "BACK",
            "SKIP",
            "AGAIN",
            "LATER",
            "PERSON",
            "BOOKINGS",
            "OUT",
            "NEEDS",
            "ABOUT ME",
            "CARER",
            "STOP",
            "START",
        ]
        return [
            ("Begin with", [Word(text) for text in begin]),
            ("Language", [Word(library.languages[tag].name, tag) for tag in library.spoken]),
            ("Any time", [Word(text) for text in steer]),
        ]


def routes(app: App) -> list[BaseRoute]:
    """The simulator's addresses, to be served beside the app's own."""
    simulator = Simulator(app)
    return [
        Route("/", lambda request: RedirectResponse("/simulator")),
        Route("/simulator", simulator.show),
        Route("/simulator/{phone}/messages", simulator.messages, methods=["GET"]),
        Route("/simulator/{phone}/messages", simulator.send, methods=["POST"]),
        Mount("/simulator/static", StaticFiles(directory=_HERE / "static")),
    ]


def _phone(request: Request) -> Phone:
    phone = PHONES.get(request.path_params["phone"])
    if phone is None:
        raise HTTPException(404)
    return phone


def _addresses(request: Request) -> dict[str, str]:
    """The address of each phone, by the phone's name. Raises Refused."""
    try:
        return {phone.name: phone.read(request.query_params.get(phone.name, phone.usual)) for phone in PHONES.values()}
    except ValueError as error:
        raise Refused(400, str(error)) from error


async def _form(stream: AsyncIterable[bytes]) -> list[tuple[str, str]]:
    """The fields of a form. Raises Refused where it is too long."""
    body = b""
    async for part in stream:
        body += part
        if len(body) > _LARGEST:
            raise Refused(413, "It was not taken, because it is too long for one message.")
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def _shown(message: Message, now: datetime, *, files: bool) -> Shown:
    at = message.at.astimezone(now.tzinfo)
    pattern = "HH:mm" if at.date() == now.date() else "d MMM, HH:mm"
    status = Status(message.status) if message.ours else None
    file = message.attachment if files else None
    return Shown(
        str(message.id),
        message.ours,
        message.text,
        at.isoformat(timespec="seconds"),
        format_datetime(at, pattern, tzinfo=at.tzinfo, locale="en_GB"),
        message.status,
        "" if status is None else STATUS_WORDS[status],
        status not in _WAITING,
        message.buttons,
        "" if file is None else file.name,
        "" if file is None else f"data:{file.media_type};base64,{b64encode(file.content).decode()}",
    )
