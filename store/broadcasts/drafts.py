"""Broadcasts as they are kept: drafted, changed, approved, found again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import Broadcast, BroadcastRefused, BroadcastState, Terms, faults_in
from domain.contact import Purpose
from domain.event import Event
from domain.message import MessageClass, Status
from domain.quiet import QuietHours
from flows.library import Library
from flows.render import Renderer
from store import newsletter
from store import tables as t
from store.database import Database
from store.event_rows import COLUMNS, as_event
from store.newsletter_rules import ITEM_SEGMENTS, Press
from store.times import from_ms, to_ms
from store.vault import Vault

BROADCAST = TypeAdapter(Broadcast)


WAITING = (Status.QUEUED.value, Status.ERRORED.value)
UNFINISHED = (*WAITING, Status.SENDING.value, Status.UNKNOWN.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What broadcasts are prepared with. `numbers` fill the project's blanks; `worth` is how long a message of each
    class is worth sending; so many people at a time are looked at in one transaction (`page`). One item of a newsletter
    may take `item_segments` of an SMS; `public_base_url` is where our pages are.
    """

    database: Database
    vault: Vault
    library: Library
    renderer: Renderer
    quiet: QuietHours
    ids: Callable[[], int]
    terms: Terms
    numbers: Mapping[str, str]
    worth: Mapping[MessageClass, timedelta]
    page: int = 1000
    item_segments: int = ITEM_SEGMENTS
    public_base_url: str = ""

    @property
    def press(self) -> Press:
        """What newsletters are made with."""
        return Press(
            library=self.library,
            numbers=self.numbers,
            zone=self.quiet.zone,
            item_segments=self.item_segments,
            public_base_url=self.public_base_url,
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """A broadcast and how far it is. `people` and `segments` were foreseen when it was started; `queued` of them have
    their message or invitation. `why`: what paused it, if not the team.
    """

    broadcast: Broadcast
    made_by: int | None
    approved_by: int | None
    people: int
    segments: int
    queued: int
    queued_segments: int
    prepared: bool
    why: str
    started_at: datetime | None


async def add(
    connection: AsyncConnection,
    post: Post,
    draft: Broadcast,
    made_by: int | None,
    now: datetime,
) -> Broadcast:
    """Keep a draft under the next number. Raises BroadcastRefused for what is wrong with it."""
    await check(connection, post, draft, now)
    b = t.broadcasts.c
    last = (await connection.execute(select(func.max(b.number)))).scalar() or 0
    made = replace(draft, id=post.ids(), number=last + 1, state=BroadcastState.DRAFT)
    await connection.execute(
        insert(t.broadcasts).values(
            id=made.id,
            number=made.number,
            state=made.state.value,
            document=BROADCAST.dump_json(made).decode(),
            made_by=made_by,
            created_at=to_ms(now),
            month=made.month if made.items and not made.theirs else None,
            token=made.token or None,
        )
    )
    return made


async def change(connection: AsyncConnection, post: Post, wanted: Broadcast, now: datetime) -> Broadcast:
    """Keep it as it is wanted now. Raises BroadcastRefused, also where it is no draft any more."""
    await changeable(connection, wanted.number)
    await check(connection, post, wanted, now)
    changed = replace(wanted, state=BroadcastState.DRAFT)
    await keep(connection, changed)
    return changed


async def changeable(connection: AsyncConnection, number: int) -> Kept:
    """That draft, locked. Raises BroadcastRefused: what somebody approved is sent as they read it, or not at all."""
    kept = await unbegun(connection, number)
    if kept.broadcast.state is not BroadcastState.DRAFT:
        raise BroadcastRefused(f"broadcast {number} is approved, and stays as it was read: make a new one")
    return kept


async def check(connection: AsyncConnection, post: Post, broadcast: Broadcast, now: datetime) -> None:
    """Raises BroadcastRefused for all that is wrong with it, in one go."""
    faults = list(faults_in(broadcast, post.library.languages, post.numbers))
    if broadcast.message_class not in (MessageClass.INVITATION, MessageClass.NEWSLETTER):
        faults.append("it is an invitation or news, and nothing else")
    wanted = Purpose.NEWSLETTER if broadcast.message_class is MessageClass.NEWSLETTER else Purpose.INVITATIONS
    if broadcast.segment.consent is not wanted:
        faults.append(f"such a message goes only to people who agreed to {wanted.value}: choose consent {wanted.value}")
    if broadcast.event is not None:
        event = await event_numbered(connection, broadcast.event)
        if event is None:
            faults.append(f"there is no event {broadcast.event}: see mime event list")
        elif not event.open(now):
            faults.append(f"event {broadcast.event} cannot be booked: publish it first, or choose another")
    if broadcast.items:
        faults += await newsletter.faults_of(connection, post.press, broadcast, now)
    if faults:
        raise BroadcastRefused(*faults)


async def event_numbered(connection: AsyncConnection, number: int) -> Event | None:
    """The event that an invitation is for, as it is now."""
    columns = [t.events.c[name] for name in COLUMNS]
    row = (await connection.execute(select(*columns).where(t.events.c.number == number))).first()
    return None if row is None else as_event(row)


async def keep(connection: AsyncConnection, broadcast: Broadcast, **more: Any) -> None:
    """Write it down as it is now, and what `more` of its row has changed."""
    await connection.execute(
        update(t.broadcasts)
        .where(t.broadcasts.c.id == broadcast.id)
        .values(state=broadcast.state.value, document=BROADCAST.dump_json(broadcast).decode(), **more)
    )


_KEPT = (
    "document",
    "state",
    "made_by",
    "approved_by",
    "people",
    "segments",
    "queued",
    "queued_segments",
    "prepared",
    "why",
    "started_at",
)


async def numbered(connection: AsyncConnection, number: int, *, lock: bool = False) -> Kept | None:
    b = t.broadcasts.c
    asked = select(*(b[name] for name in _KEPT)).where(b.number == number)
    row = (await connection.execute(asked.with_for_update() if lock else asked)).first()
    return None if row is None else _kept(row)


async def listing(connection: AsyncConnection) -> list[Kept]:
    """All of them, the newest first."""
    b = t.broadcasts.c
    rows = await connection.execute(select(*(b[name] for name in _KEPT)).order_by(b.number.desc()))
    return [_kept(row) for row in rows]


def _kept(row: Any) -> Kept:
    began = None if row.started_at is None else from_ms(row.started_at)
    return Kept(
        replace(BROADCAST.validate_json(row.document), state=BroadcastState(row.state)),
        row.made_by,
        row.approved_by,
        row.people,
        row.segments,
        row.queued,
        row.queued_segments,
        bool(row.prepared),
        row.why,
        began,
    )


async def locked(connection: AsyncConnection, number: int) -> Kept:
    """That broadcast, which nobody else changes meanwhile. Raises BroadcastRefused where there is none."""
    if (kept := await numbered(connection, number, lock=True)) is None:
        raise BroadcastRefused(f"there is no broadcast {number}: see mime broadcast list")
    return kept


async def unbegun(connection: AsyncConnection, number: int) -> Kept:
    """That broadcast, locked, and not sent yet. Raises BroadcastRefused."""
    kept = await locked(connection, number)
    if kept.broadcast.state not in (BroadcastState.DRAFT, BroadcastState.APPROVED):
        raise BroadcastRefused(f"broadcast {number} is {kept.broadcast.state.value}: make a new one")
    return kept


async def approve(connection: AsyncConnection, terms: Terms, number: int, by: int | None, seen: str = "") -> None:
    """Raises BroadcastRefused, also where the project wants a second person and it is the one who made it, or where it
    is not any more what they have `seen` (its fingerprint; empty: not asked).
    """
    kept = await unbegun(connection, number)
    if seen and seen != fingerprint(kept.broadcast):
        raise BroadcastRefused(f"broadcast {number} was changed meanwhile: look at it again")
    if terms.two_people and (by is None or by == kept.made_by):
        raise BroadcastRefused("a second person must approve it: somebody of the team who did not make it")
    await keep(connection, replace(kept.broadcast, state=BroadcastState.APPROVED), approved_by=by)


def fingerprint(broadcast: Broadcast) -> str:
    """Eight letters that are others once it says something else, or to others, or at another time: by them it is seen
    whether somebody decides about what they have read.
    """
    told = replace(broadcast, state=BroadcastState.DRAFT, without=frozenset())
    without = " ".join(sorted(broadcast.without))
    return sha256(BROADCAST.dump_json(told) + without.encode()).hexdigest()[:8]


def key_of(broadcast_id: int, contact_id: int | str) -> str:
    """The key of its row for one person, by which nobody gets it twice."""
    return f"broadcast/{broadcast_id}/{contact_id}"


def rows_of(table: Any, broadcast_id: int) -> Any:
    """Its rows in the outbox, or among the fires."""
    return table.c.key.like(key_of(broadcast_id, "%"))
