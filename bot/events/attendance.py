"""The page on which whoever runs an event notes who came: made for a phone, without a script, behind their own link."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.pages import FORM_HEADERS, is_token, show
from domain.event import text_in
from flows.library import SOURCE_LANGUAGE
from store import attendance, duties
from store.attendance import Guest, Sheet
from store.database import Database
from store.vault import Vault

_LARGEST = 1 << 18  # bytes of a form: a long note, and some hundred people
_LONGEST_NOTE = 8000  # characters
#: No room is larger, and no table of a database is the worse for it.
_MOST = 999
_NEEDS = {
    "wheelchair": "No steps, room for a wheelchair",
    "quiet_space": "A quiet room to rest",
    "one_to_one": "To talk with one person, not a group",
    "diet": "Special food",
    "interpreter": "Someone who speaks their language",
    "bsl": "British Sign Language",
    "companion": "Brings someone with them",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One guest as the page has them. `came` is "yes", "no" or empty; `beside` how many companions came, as typed."""

    booking_id: int
    name: str
    needs: tuple[str, ...]
    companions: int
    came: str
    beside: str


def routes(
    database: Database, vault: Vault, ids: Callable[[], int], clock: Callable[[], datetime], zone: ZoneInfo
) -> list[BaseRoute]:
    """The page, to be served beside the program's other addresses. Whoever has the link may write."""
    pages = _Pages(database, vault, ids, clock, zone)
    return [
        Route("/attendance/{token}", pages.page, methods=["GET"]),
        Route("/attendance/{token}", pages.save, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class _Pages:
    database: Database
    vault: Vault
    ids: Callable[[], int]
    clock: Callable[[], datetime]
    zone: ZoneInfo

    async def page(self, request: Request) -> Response:
        token = request.path_params["token"]
        if not is_token(token):
            return self._gone()
        async with self.database.read() as connection:
            found = await attendance.opened_sheet(connection, self.vault, token, self.clock())
            if found is None:
                return self._gone()
            guests = await attendance.sheet(connection, self.vault, found.event.id)
            note = await duties.note(connection, self.vault, found.event.id, found.contact_id)
        walk_ins = str(found.walk_ins or "")
        return self._show(found, lines(guests), walk_ins, note, saved="saved" in request.query_params)

    async def save(self, request: Request) -> Response:
        token = request.path_params["token"]
        if not is_token(token):
            return self._gone()
        form = await _form(request.stream())
        async with self.database.begin() as connection:
            found = await attendance.opened_sheet(connection, self.vault, token, self.clock())
            if found is None:
                return self._gone()
            guests = await attendance.sheet(connection, self.vault, found.event.id)
            if form is None:
                note = await duties.note(connection, self.vault, found.event.id, found.contact_id)
                fault = "That was too long. Nothing of it is saved."
                return self._show(found, lines(guests), str(found.walk_ins or ""), note, fault=fault)
            note = form.get("note", "").replace("\r\n", "\n").strip()
            wrong = [name for name in ("walk_ins", *(f"with-{guest.booking_id}" for guest in guests))
                     if _count(form.get(name, "")) is None]  # fmt: skip
            fault = ""
            if wrong:
                fault = f"Nothing is saved yet: write how many people came as a number from 0 to {_MOST}."
            elif len(note) > _LONGEST_NOTE:
                fault = f"Nothing is saved yet: the note has more than {_LONGEST_NOTE} letters."
            if fault:
                typed = form.get("walk_ins", "")
                return self._show(found, lines(guests, form), typed, note, fault=fault, wrong=frozenset(wrong))
            came = {
                guest.contact_id: form[name] == "yes"
                for guest in guests
                if form.get(name := f"came-{guest.booking_id}") in ("yes", "no")
            }
            beside = {
                guest.contact_id: min(_count(form.get(f"with-{guest.booking_id}", "")) or 0, guest.companions)
                for guest in guests
            }
            walk_ins = _count(form.get("walk_ins", "")) or 0
            event_id, now = found.event.id, self.clock()
            await attendance.record(connection, self.ids, event_id, came, beside, walk_ins, now)
            await duties.write_note(connection, self.vault, event_id, found.contact_id, note)
        # shown by another request, so that who loads the page again saves nothing again
        return RedirectResponse(f"/attendance/{token}?saved=1", 303, FORM_HEADERS)

    def _show(
        self,
        found: Sheet,
        lines: list[Line],
        walk_ins: str,
        note: str,
        *,
        saved: bool = False,
        fault: str = "",
        wrong: frozenset[str] = frozenset(),
    ) -> Response:
        return show(
            "attendance.html",
            400 if fault else 200,
            FORM_HEADERS,
            tag=SOURCE_LANGUAGE,
            direction="ltr",
            title=f"{'Not saved: ' if fault else ''}Who came?",
            event=text_in(found.event.title, SOURCE_LANGUAGE),
            days=[self._when(day.starts_at) for day in found.event.days],
            until=self._when(found.until),
            lines=lines,
            walk_ins=walk_ins,
            note=note,
            longest_note=_LONGEST_NOTE,
            most=_MOST,
            saved=saved,
            fault=fault,
            wrong=wrong,
        )

    def _when(self, at: datetime) -> str:
        return format_datetime(at, "EEEE d MMMM, HH:mm", tzinfo=self.zone, locale="en_GB")

    def _gone(self) -> Response:
        title = "This list is not open any more"
        return show("attendance_gone.html", 404, FORM_HEADERS, tag=SOURCE_LANGUAGE, direction="ltr", title=title)


def lines(guests: list[Guest], typed: Mapping[str, str] | None = None) -> list[Line]:
    """The guests as the page has them, with what was `typed` and is not saved yet. Who gave no name has a number."""
    found, nameless = [], 0
    for guest in guests:
        nameless += not guest.nickname
        came = "" if guest.came is None else "yes" if guest.came else "no"
        # before anybody has looked, companions are taken to come with whom they come with
        beside = str(guest.companions if guest.came is None else guest.companions_came)
        if typed is not None:
            came = typed.get(f"came-{guest.booking_id}", "")
            beside = typed.get(f"with-{guest.booking_id}", "")
        needs = tuple(_need(guest, need) for need in guest.needs)
        name = guest.nickname or f"Guest {nameless}"
        found.append(Line(guest.booking_id, name, needs, guest.companions, came, beside))
    return found


def _need(guest: Guest, need: str) -> str:
    more = {"diet": guest.diet, "interpreter": guest.interpreter_language}.get(need, "")
    return f"{_NEEDS[need]}: {more}" if more else _NEEDS[need]


def _count(text: str) -> int | None:
    """A number of people; nothing typed is nobody. None where it is no such number."""
    text = text.strip() or "0"
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 and int(text) <= _MOST else None


async def _form(stream: AsyncIterable[bytes]) -> dict[str, str] | None:
    """The fields of a form; None where it is too long."""
    body = b""
    async for part in stream:
        body += part
        if len(body) > _LARGEST:
            return None
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
