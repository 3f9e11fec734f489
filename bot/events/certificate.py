"""A certificate of attendance as a PDF that a screen reader can read (PDF/UA-1), and the link that brings it."""

from __future__ import annotations

import asyncio
import importlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog
from babel.dates import format_datetime
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.pages import HEADERS, is_token, show
from bot.sheet import NoTypst
from domain.event import Day, Event, text_in
from flows.library import SOURCE_LANGUAGE, Library
from flows.programme import place
from store.certificates import opened_certificate
from store.database import Database
from store.vault import Vault

log = structlog.get_logger()

#: Of a name; longer ones would not stand on the line.
_LONGEST_NAME = 80
#: What turns the letters around it, and a mark that PDF/UA-1 does not take.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_NOT_LETTERS = frozenset({"Cc", "Cs", "Co", "Cn"})


class NoFont(Exception):
    """No font has the letters of a name or a title. The message says what to install."""


def pdf(
    name: str, event: Event, days: Sequence[Day], zone: ZoneInfo, language: str, *, right_to_left: bool = False
) -> bytes:
    """One page that says that somebody came to the event on these days. It is in English, for whoever they show it to;
    the event's title stands on it in their language as well, if there is one. Raises NoTypst and NoFont.
    """
    try:
        typst: Any = importlib.import_module("typst")
    except ModuleNotFoundError as error:
        raise NoTypst("a certificate needs Typst, which make install brings") from error
    own_title = text_in(event.title, language)
    title = text_in(event.title, SOURCE_LANGUAGE)
    # all that people wrote is handed over as data: nothing of it is ever read as Typst
    given = {
        "name": printable(name) or "The holder of this certificate",
        "title": printable(title),
        "own": printable(own_title) if own_title != title else "",
        "language": language.partition("-")[0],
        "direction": "rtl" if right_to_left else "ltr",
        "days": orjson.dumps([_day(day, zone) for day in days]).decode(),
        "hours": _hours(sum((day.ends_at - day.starts_at for day in days), timedelta())),
        "place": printable(place(event.venue), 300),
    }
    try:
        made: bytes = typst.compile(_PAGE.encode(), format="pdf", sys_inputs=given, pdf_standards="ua-1")
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise
        raise NoFont("no font here has all letters of this certificate: install the fonts-noto packages") from None
    return made


def printable(text: str, longest: int = _LONGEST_NAME) -> str:
    """The text in one line, without what is no letter or would turn others round."""
    kept = "".join(
        " " if letter.isspace() else letter
        for letter in unicodedata.normalize("NFC", text)
        if letter.isspace() or (unicodedata.category(letter) not in _NOT_LETTERS and letter not in _TURNING)
    )
    return " ".join(kept.split())[:longest].rstrip()


def _day(day: Day, zone: ZoneInfo) -> str:
    starts, ends = (
        format_datetime(at, pattern, tzinfo=zone, locale="en_GB")
        for at, pattern in ((day.starts_at, "EEEE d MMMM y, HH:mm"), (day.ends_at, "HH:mm"))
    )
    return f"{starts} to {ends}"


def _hours(together: timedelta) -> str:
    """In halves of an hour, as people count them."""
    halves = max(1, round(together / timedelta(minutes=30)))
    return "1 hour" if halves == 2 else f"{halves / 2:g} hours"


#: PDF/UA-1: a title, a language, headings in order, and tags, which Typst makes of these.
_PAGE = """
#set document(title: "Certificate of attendance", author: "MIME", date: none)
#set page(paper: "a4", margin: 25mm)
#let fonts = ("Noto Sans", "DejaVu Sans", "Liberation Sans", "Libertinus Serif")
#set text(lang: "en", region: "GB", size: 14pt, font: fonts)
#set par(spacing: 1.2em)
#set align(center)
#v(30mm)
#show title: set text(size: 28pt)
#title()
#v(10mm)
This is to say that

#block(text(size: 24pt, weight: "bold", sys.inputs.name))

came to this training:

#block(text(size: 20pt, weight: "bold", sys.inputs.title))
#if sys.inputs.own != "" {
  let direction = if sys.inputs.direction == "rtl" { rtl } else { ltr }
  block(text(size: 16pt, lang: sys.inputs.language, dir: direction, sys.inputs.own))
}
#v(5mm)
#for day in json(bytes(sys.inputs.days)) { block(day) }
#block(sys.inputs.hours + " in all")
#if sys.inputs.place != "" { block(sys.inputs.place) }
#v(1fr)
MIME helps people in Essex have their say.
"""


def routes(
    database: Database, vault: Vault, library: Library, clock: Callable[[], datetime], zone: ZoneInfo
) -> list[BaseRoute]:
    """The certificates, to be served beside the program's other addresses. Read only."""
    return [Route("/certificate/{token}", _Certificates(database, vault, library, clock, zone).bring)]


@dataclass(frozen=True, slots=True)
class _Certificates:
    database: Database
    vault: Vault
    library: Library
    clock: Callable[[], datetime]
    zone: ZoneInfo

    async def bring(self, request: Request) -> Response:
        token = request.path_params["token"]
        if not is_token(token):
            return _instead(404, _GONE)
        async with self.database.read() as connection:
            found = await opened_certificate(connection, self.vault, token, self.clock())
        if found is None:
            return _instead(404, _GONE)
        language = self.library.language(found.language)
        turned = self.library.languages[language].right_to_left
        try:  # beside the loop: it takes some tenths of a second
            made = await asyncio.to_thread(
                pdf, found.name, found.event, found.event.days, self.zone, language, right_to_left=turned
            )
        except (NoTypst, NoFont) as error:
            log.error("a certificate cannot be made", why=str(error))
            return _instead(503, _NOT_NOW)
        name = {"Content-Disposition": 'inline; filename="certificate.pdf"'}
        return Response(made, headers=HEADERS | name, media_type="application/pdf")


_GONE = ("There is no certificate here", "The link may be old, or it is not noted yet that you came.")
_NOT_NOW = ("We cannot make your certificate just now", "We are sorry. This is our mistake and not yours.")


def _instead(status: int, told: tuple[str, str]) -> Response:
    title, why = told
    return show("certificate_gone.html", status, tag=SOURCE_LANGUAGE, direction="ltr", title=title, why=why)
