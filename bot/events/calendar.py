"""Feeds of events to subscribe to: one for everybody, and one for each person of the team. Read only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.events.calendar_file import MEDIA_TYPE, Listed, calendar_file
from bot.pages import HEADERS, is_token
from domain.event import EventRole, EventState
from flows.library import SOURCE_LANGUAGE
from store import duties
from store import tables as t
from store.database import Database
from store.duties import Duty
from store.event_rows import COLUMNS, as_event
from store.times import from_ms, to_ms
from store.vault import Vault

_ROLES = {
    EventRole.FACILITATOR: "facilitator",
    EventRole.NOTE_TAKER: "note taker",
    EventRole.INTERPRETER: "interpreter",
    EventRole.SPEAKER: "speaker",
}
#: How long a feed shows what is over: for who looks back to see where they were.
_LOOKS_BACK = timedelta(days=30)
#: Seconds for which a copy of the public feed is good enough.
_FRESH = 600


def routes(
    database: Database, vault: Vault, clock: Callable[[], datetime], zone: ZoneInfo, contact_phone: str
) -> list[BaseRoute]:
    """The feeds, to be served beside the program's other addresses. Read only."""
    feeds = _Feeds(database, vault, clock, zone, contact_phone)
    return [Route("/calendar/events.ics", feeds.everybody), Route("/calendar/{token}.ics", feeds.one)]


@dataclass(frozen=True, slots=True)
class _Feeds:
    database: Database
    vault: Vault
    clock: Callable[[], datetime]
    zone: ZoneInfo
    contact_phone: str

    async def everybody(self, request: Request) -> Response:
        """All that was published and is not over yet; in the language that `?language=` names, or English."""
        language = request.query_params.get("language", SOURCE_LANGUAGE)
        if not language.replace("-", "").isalnum() or not language.isascii() or len(language) > 16:
            return PlainTextResponse("language is no tag such as en, ur or pl", 400, HEADERS)
        events = await self._published()
        content = calendar_file(events, language, self.zone, self.contact_phone, "MIME")
        cached = {"Cache-Control": f"public, max-age={_FRESH}", "X-Content-Type-Options": "nosniff"}
        return _feed(request, content, cached)

    async def one(self, request: Request) -> Response:
        """What one person of the team does, with the numbers of those who come."""
        token = request.path_params["token"]
        now = self.clock()
        if not is_token(token):
            return _gone()
        async with self.database.read() as connection:
            contact_id = await duties.calendar_of(connection, self.vault, token, now)
            if contact_id is None:
                return _gone()
            found = await duties.of(connection, contact_id, now - _LOOKS_BACK)
        events = [Listed(duty.event, from_ms(duty.changed_at), _told(duty)) for duty in found]
        content = calendar_file(events, SOURCE_LANGUAGE, self.zone, self.contact_phone, "MIME")
        return _feed(request, content, HEADERS | {"Cache-Control": "private, no-cache"})

    async def _published(self) -> list[Listed]:
        """Also what was called off since: a calendar that had it strikes it out."""
        e = t.events.c
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(*(e[name] for name in COLUMNS), e.published_at, e.called_off_at)
                .where(e.published_at.is_not(None), e.state != EventState.DRAFT.value)
                .where(e.ends_at > to_ms(self.clock()))
                .order_by(e.starts_at, e.id)
            )
            return [Listed(as_event(row), from_ms(called_off or published)) for *row, published, called_off in rows]


def _told(duty: Duty) -> str:
    roles = ", ".join(_ROLES[role] for role in duty.roles)
    capacity = duty.event.capacity
    places = f"{duty.taken} taken, no limit" if capacity is None else f"{duty.taken} of {capacity} taken"
    return f"You: {roles}.\nPlaces: {places}."


def _feed(request: Request, content: bytes, headers: dict[str, str]) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**headers, "ETag": tag}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=MEDIA_TYPE)


def _gone() -> Response:
    return PlainTextResponse("There is no such calendar any more. Ask a coordinator for a new link.", 404, HEADERS)
