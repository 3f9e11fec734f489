"""Broadcasts: kept, previewed, and turned into messages and invitations that wait for their hour."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import structlog
from pydantic import TypeAdapter
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import (
    SMS,
    Broadcast,
    BroadcastRefused,
    BroadcastState,
    Course,
    Preview,
    Tally,
    Terms,
    faults_in,
    starts,
    what_stops,
)
from domain.contact import Purpose
from domain.event import Event, EventState
from domain.message import MessageClass, Status
from domain.newsletter import Heard, lacking
from domain.quiet import QuietHours
from domain.segment import Segment
from domain.silence import LONG_SILENCE
from flows.fold import fold
from flows.library import Library
from flows.newsletter import Issue
from flows.render import Renderer
from store import newsletter, outbox, people, recipients, sayers
from store import tables as t
from store.broadcast_words import STILL_YOU, Words
from store.bulk import delete as bulk_delete
from store.bulk import fetch
from store.bulk import insert as bulk_insert
from store.bulk import update as bulk_update
from store.changes import Due, Queued
from store.database import Database, HotTransaction, Row
from store.event_rows import COLUMNS, as_event
from store.fires import CARD
from store.newsletter_rules import ITEM_SEGMENTS, Press
from store.recipients import Recipient, Sought
from store.times import from_ms, to_ms
from store.turns import message_to_seal
from store.vault import Vault

log = structlog.get_logger()

#: The kind of fire that begins an invitation to an event (`bot.event_fires`).
INVITE = "invite"
#: The kind of fire for who has been silent for long: they are asked first whether it is still them.
ASK_FIRST = "ask_first"
#: An invitation to an event waits so long for their yes; any other as long as such a message is worth sending.
_WAITS_FOR_YES = timedelta(days=14)
_A_DAY_MS = 24 * 3_600_000
#: The messages of a day are prepared so long before it begins: who changes their mind until then is heard.
_LEAD = timedelta(minutes=15)
#: Added to the time of what waits in a paused broadcast: some five hundred years.
_HELD = 1 << 44
_WAITING = (Status.QUEUED.value, Status.ERRORED.value)
_UNFINISHED = (*_WAITING, Status.SENDING.value, Status.UNKNOWN.value)
_LOOK_AGAIN_MS = 30_000
_LONGEST_NAME = 80

_BROADCAST = TypeAdapter(Broadcast)
_SEGMENT = TypeAdapter(Segment)


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


@dataclass(frozen=True, slots=True)
class Progress:
    """What has become of a broadcast: its messages by where they stand, the invitations that wait for their hour, and
    what was paid for (segments). `unsure` are people who were silent for long: it waits for their yes.
    """

    kept: Kept
    messages: Counter[Status] = field(default_factory=Counter)
    waiting: int = 0
    segments: int = 0
    unsure: int = 0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A broadcast, who would get it now, at what price, and each reason not to send it, with what to do."""

    kept: Kept
    ahead: Preview
    terms: Terms
    stops: tuple[str, ...] = ()

    @property
    def pence(self) -> int:
        return self.terms.price(self.ahead.segments)


# what is kept


async def save_segment(connection: AsyncConnection, id: int, name: str, segment: Segment, now: datetime) -> None:
    """Keep a segment under that name; one of the same name is replaced. Raises BroadcastRefused for no name."""
    name = _name(name)
    if (there := await _segment_id(connection, name)) is not None:
        written = {"document": _SEGMENT.dump_json(segment).decode()}
        await connection.execute(update(t.segments).where(t.segments.c.id == there).values(written))
        return
    document = _SEGMENT.dump_json(segment).decode()
    await connection.execute(insert(t.segments).values(id=id, name=name, document=document, created_at=to_ms(now)))


async def segments(connection: AsyncConnection) -> dict[str, Segment]:
    """All that are kept, by their names."""
    s = t.segments.c
    rows = await connection.execute(select(s.name, s.document).order_by(s.name))
    return {name: _SEGMENT.validate_json(document) for name, document in rows}


async def _segment_id(connection: AsyncConnection, name: str) -> int | None:
    s = t.segments.c
    found: int | None = (await connection.execute(select(s.id).where(s.name == name))).scalar()
    return found


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not fold(name) or len(name) > _LONGEST_NAME:
        raise BroadcastRefused(f"the name must have a letter in it, and at most {_LONGEST_NAME}: give another")
    return name


async def add(
    connection: AsyncConnection,
    post: Post,
    draft: Broadcast,
    made_by: int | None,
    now: datetime,
) -> Broadcast:
    """Keep a draft under the next number. Raises BroadcastRefused for what is wrong with it."""
    await _check(connection, post, draft, now)
    b = t.broadcasts.c
    last = (await connection.execute(select(func.max(b.number)))).scalar() or 0
    made = replace(draft, id=post.ids(), number=last + 1, state=BroadcastState.DRAFT)
    await connection.execute(
        insert(t.broadcasts).values(
            id=made.id,
            number=made.number,
            state=made.state.value,
            document=_BROADCAST.dump_json(made).decode(),
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
    await _check(connection, post, wanted, now)
    changed = replace(wanted, state=BroadcastState.DRAFT)
    await _write(connection, changed)
    return changed


async def changeable(connection: AsyncConnection, number: int) -> Kept:
    """That draft, locked. Raises BroadcastRefused: what somebody approved is sent as they read it, or not at all."""
    kept = await _unbegun(connection, number)
    if kept.broadcast.state is not BroadcastState.DRAFT:
        raise BroadcastRefused(f"broadcast {number} is approved, and stays as it was read: make a new one")
    return kept


async def _check(connection: AsyncConnection, post: Post, broadcast: Broadcast, now: datetime) -> None:
    faults = list(faults_in(broadcast, post.library.languages, post.numbers))
    if broadcast.message_class not in (MessageClass.INVITATION, MessageClass.NEWSLETTER):
        faults.append("it is an invitation or news, and nothing else")
    wanted = Purpose.NEWSLETTER if broadcast.message_class is MessageClass.NEWSLETTER else Purpose.INVITATIONS
    if broadcast.segment.consent is not wanted:
        faults.append(f"such a message goes only to people who agreed to {wanted.value}: choose consent {wanted.value}")
    if broadcast.event is not None:
        event = await _event_numbered(connection, broadcast.event)
        if event is None:
            faults.append(f"there is no event {broadcast.event}: see mime event list")
        elif not event.open(now):
            faults.append(f"event {broadcast.event} cannot be booked: publish it first, or choose another")
    if broadcast.items:
        faults += await newsletter.faults_of(connection, post.press, broadcast, now)
    if faults:
        raise BroadcastRefused(*faults)


async def _event_numbered(connection: AsyncConnection, number: int) -> Event | None:
    columns = [t.events.c[name] for name in COLUMNS]
    row = (await connection.execute(select(*columns).where(t.events.c.number == number))).first()
    return None if row is None else as_event(row)


async def _write(connection: AsyncConnection, broadcast: Broadcast, **more: Any) -> None:
    await connection.execute(
        update(t.broadcasts)
        .where(t.broadcasts.c.id == broadcast.id)
        .values(state=broadcast.state.value, document=_BROADCAST.dump_json(broadcast).decode(), **more)
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
        replace(_BROADCAST.validate_json(row.document), state=BroadcastState(row.state)),
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


async def _found(connection: AsyncConnection, number: int) -> Kept:
    if (kept := await numbered(connection, number, lock=True)) is None:
        raise BroadcastRefused(f"there is no broadcast {number}: see mime broadcast list")
    return kept


async def _unbegun(connection: AsyncConnection, number: int) -> Kept:
    kept = await _found(connection, number)
    if kept.broadcast.state not in (BroadcastState.DRAFT, BroadcastState.APPROVED):
        raise BroadcastRefused(f"broadcast {number} is {kept.broadcast.state.value}: make a new one")
    return kept


async def approve(connection: AsyncConnection, terms: Terms, number: int, by: int | None, seen: str = "") -> None:
    """Raises BroadcastRefused, also where the project wants a second person and it is the one who made it, or where it
    is not any more what they have `seen` (its fingerprint; empty: not asked).
    """
    kept = await _unbegun(connection, number)
    if seen and seen != fingerprint(kept.broadcast):
        raise BroadcastRefused(f"broadcast {number} was changed meanwhile: look at it again")
    if terms.two_people and (by is None or by == kept.made_by):
        raise BroadcastRefused("a second person must approve it: somebody of the team who did not make it")
    await _write(connection, replace(kept.broadcast, state=BroadcastState.APPROVED), approved_by=by)


def fingerprint(broadcast: Broadcast) -> str:
    """Eight letters that are others once it says something else, or to others, or at another time: by them it is seen
    whether somebody decides about what they have read.
    """
    told = replace(broadcast, state=BroadcastState.DRAFT, without=frozenset())
    without = " ".join(sorted(broadcast.without))
    return sha256(_BROADCAST.dump_json(told) + without.encode()).hexdigest()[:8]


# who gets it


def _sought(
    post: Post, broadcast: Broadcast, event: Event | None, now: datetime, issue: Issue | None = None
) -> tuple[Sought, Words]:
    words = Words(broadcast, event, post.library, post.renderer, post.numbers, post.quiet.zone, issue)
    said = None
    if issue is not None and broadcast.theirs:
        heard = next((item.heard for item in issue.items), None)
        said = sayers.search(heard or Heard(), post.library, post.quiet.zone)
    before = {} if issue is None else issue.earlier
    heard_after = now - LONG_SILENCE
    sought = Sought(broadcast.segment, event, words.language, heard_after, words.named, broadcast.items, before, said)
    return sought, words


async def preview(
    post: Post, broadcast: Broadcast, now: datetime, looked: Callable[[int], None] = lambda _: None
) -> Preview:
    """Who would get it now, what they would see and what it takes; nothing is written. `looked` is told after each
    page at how many people it was looked.
    """
    async with post.database.read() as connection:
        event = None if broadcast.event is None else await _event_numbered(connection, broadcast.event)
        issue = await newsletter.issue_of(connection, post.press, broadcast) if broadcast.items else None
    sought, words = _sought(post, broadcast, event, now, issue)
    ahead, last, total = Preview(), 0, 0
    while True:
        async with post.database.hot() as tx:
            page = await recipients.page(tx, post.vault, sought, last, post.page)
        for one in page.recipients:
            text, count = words.of(one)
            tally = ahead.tallies.setdefault((one.language, one.channel), Tally(shown=text))
            tally.people += 1
            tally.segments += count + words.asking(one)
            ahead.astray += one.astray
            ahead.silent += one.silent
            ahead.longest[one.channel] = max(ahead.longest.get(one.channel, 0), len(text))
        ahead.meant += page.meant
        ahead.left_out += page.left_out
        ahead.unread += page.unread
        last, total = page.last, total + page.looked
        looked(total)
        if page.looked < post.page:
            break
    if issue is not None and not broadcast.theirs:
        for item in issue.items:
            if item.heard is not None:
                theirs = await preview(post, replace(broadcast, items=(item.id,), theirs=True), now)
                ahead.first[item.number] = theirs.people
    return ahead


async def foresee(post: Post, number: int, now: datetime, looked: Callable[[int], None] = lambda _: None) -> Foreseen:
    """What would come of sending it now; nothing is written. Raises BroadcastRefused where there is none."""
    async with post.database.read() as connection:
        kept = await numbered(connection, number)
    if kept is None:
        raise BroadcastRefused(f"there is no broadcast {number}: see mime broadcast list")
    ahead = await preview(post, kept.broadcast, now, looked)
    async with post.database.read() as connection:
        paid = await spent(connection, post, now)
        why = await stops(connection, post, kept.broadcast, ahead, paid, now)
    return Foreseen(kept, ahead, post.terms, tuple(why))


async def try_out(
    connection: AsyncConnection, post: Post, number: int, contact_id: int, language: str | None, now: datetime
) -> None:
    """Send it to one person of the team, at once, in that language or their own. Raises BroadcastRefused."""
    kept = await _found(connection, number)
    broadcast = kept.broadcast
    address = await people.address_of(connection, contact_id)
    if address is None:
        raise BroadcastRefused("you cannot be reached: write to the bot from your own phone first")
    event = None if broadcast.event is None else await _event_numbered(connection, broadcast.event)
    issue = await newsletter.issue_of(connection, post.press, broadcast) if broadcast.items else None
    _, words = _sought(post, broadcast, event, now, issue)
    chosen = words.language(language or address.language)
    if chosen is None or (language is not None and chosen != language):
        raise BroadcastRefused(f"there is no reviewed text in {language or 'your language'}: add one")
    nickname = await people.nickname(connection, post.vault, contact_id) or ""
    asks = event is not None and bool(event.criteria)
    one = Recipient(contact_id, chosen, address.urn_key, address.channel, nickname=nickname, asks=asks)
    text, _ = words.of(one)
    id, now_ms = post.ids(), to_ms(now)
    ends = now_ms + int(post.worth[MessageClass.REPLY].total_seconds() * 1000)
    message = Queued(
        id, f"test/{broadcast.id}/{id}", contact_id, one.urn_key, one.channel, MessageClass.REPLY, text, "", (),
        now_ms, ends,
    )  # fmt: skip
    await outbox.queue(connection, post.vault, message, now_ms)


async def everybody(connection: AsyncConnection) -> int:
    """At how many people a preview looks."""
    count: int = (await connection.execute(select(func.count()).select_from(t.contacts))).scalar_one()
    return count


async def spent(connection: AsyncConnection, post: Post, now: datetime) -> int:
    """Segments of this month: those sent, those that wait, and those that broadcasts under way still need."""
    o, f, b = t.outbox.c, t.fires.c, t.broadcasts.c
    local = now.astimezone(post.quiet.zone)
    since = to_ms(local.replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    sums = (
        select(func.sum(o.segments)).where(o.channel == SMS, o.sent_at >= since),
        select(func.sum(o.segments)).where(o.channel == SMS, o.sent_at.is_(None), o.status.in_(_UNFINISHED)),
        select(func.sum(b.segments - b.queued_segments)).where(
            b.state.in_((BroadcastState.SENDING.value, BroadcastState.PAUSED.value)), b.segments > b.queued_segments
        ),
    )
    promises = select(f.flow, func.count()).where(f.kind.in_((INVITE, ASK_FIRST))).group_by(f.flow)
    waiting = await connection.execute(promises)
    found = [(await connection.execute(one)).scalar() or 0 for one in sums]
    promised: int = sum(_promised(flow) * n for flow, n in waiting)
    return int(sum(found)) + promised


async def stops(
    connection: AsyncConnection, post: Post, broadcast: Broadcast, ahead: Preview, paid: int, now: datetime
) -> list[str]:
    """Each reason not to send the first message, with what to do. `paid`: segments this month, sent or promised."""
    lacks, more = {}, []
    if broadcast.items:
        items = await newsletter.by_ids(connection, broadcast.items)
        lacks = lacking(items, ahead.unread)
        more = await newsletter.stops(connection, broadcast, items, ahead, now.astimezone(post.quiet.zone).date())
    return [*more, *what_stops(broadcast, ahead, post.terms, paid, post.quiet, now, lacks)]


# begun, paused, ended


async def start(post: Post, number: int, now: datetime, looked: Callable[[int], None] = lambda _: None) -> Preview:
    """Order it sent; the running program does the rest. Raises BroadcastRefused, before the first message, for all
    that stops it.
    """
    async with post.database.read() as connection:
        kept = await numbered(connection, number)
        before = () if kept is None else await newsletter.by_ids(connection, kept.broadcast.items)
    if kept is None:
        raise BroadcastRefused(f"there is no broadcast {number}: see mime broadcast list")
    ahead = await preview(post, kept.broadcast, now, looked)
    async with post.database.begin() as connection:
        again = await _unbegun(connection, number)
        items = await newsletter.by_ids(connection, again.broadcast.items)
        if again.broadcast != kept.broadcast or items != before:
            raise BroadcastRefused(f"broadcast {number} was changed meanwhile: look at it again")
        if post.terms.two_people and again.broadcast.state is not BroadcastState.APPROVED:
            raise BroadcastRefused("a second person must approve it first: mime broadcast approve")
        await _check(connection, post, kept.broadcast, now)
        paid = await spent(connection, post, now)
        if faults := await stops(connection, post, kept.broadcast, ahead, paid, now):
            raise BroadcastRefused(*faults)
        await _write(
            connection,
            replace(kept.broadcast, state=BroadcastState.SENDING),
            people=ahead.people,
            segments=ahead.segments,
            started_at=to_ms(now),
        )
    return ahead


def _key(broadcast_id: int, contact_id: int | str) -> str:
    return f"broadcast/{broadcast_id}/{contact_id}"


def _theirs(table: Any, broadcast_id: int) -> Any:
    return table.c.key.like(_key(broadcast_id, "%"))


async def pause(connection: AsyncConnection, number: int, why: str = "") -> None:
    """Nothing more goes out; what is being sent just now still does. Raises BroadcastRefused."""
    kept = await _found(connection, number)
    if kept.broadcast.state is not BroadcastState.SENDING:
        raise BroadcastRefused(f"broadcast {number} is {kept.broadcast.state.value}, and is not being sent")
    id, o, f = kept.broadcast.id, t.outbox.c, t.fires.c
    await _write(connection, replace(kept.broadcast, state=BroadcastState.PAUSED), why=why)
    await connection.execute(
        update(t.outbox)
        .where(_theirs(t.outbox, id), o.status.in_(_WAITING))
        .values(status=Status.QUEUED.value, send_after=o.send_after + _HELD)
    )
    await connection.execute(update(t.fires).where(_theirs(t.fires, id)).values(due_at=f.due_at + _HELD))


_AGAIN = bulk_update(t.outbox, ("send_after", "expires_at"))
_AGAIN_FIRES = bulk_update(t.fires, ("due_at",))
_HELD_ROWS = (
    "SELECT o.id, o.channel, o.segments, c.hours FROM outbox o JOIN contacts c ON c.id = o.contact_id"
    " WHERE o.key LIKE {value} AND o.send_after >= {value} AND o.status = 'queued' ORDER BY o.send_after, o.id"
)
_HELD_FIRES = (
    "SELECT f.id, f.channel, f.flow, c.hours FROM fires f JOIN contacts c ON c.id = f.contact_id"
    " WHERE f.key LIKE {value} AND f.due_at >= {value} ORDER BY f.due_at, f.id"
)


async def resume(post: Post, number: int, now: datetime) -> None:
    """It goes on from now, at its pace and outside quiet hours. Raises BroadcastRefused."""
    async with post.database.begin() as connection:
        kept = await _found(connection, number)
        if kept.broadcast.state is not BroadcastState.PAUSED:
            raise BroadcastRefused(f"broadcast {number} is {kept.broadcast.state.value}, and is not paused")
        id = kept.broadcast.id
    course, now_ms = Course(post.quiet, post.terms.a_second), to_ms(now)
    worth = int(post.worth[kept.broadcast.message_class].total_seconds() * 1000)
    latest = now_ms
    async with post.database.hot() as tx:
        pattern = _key(id, "%")
        state, rows, fires = await tx.fetch(
            fetch("SELECT state FROM broadcasts WHERE id = {value}", id, locking=" FOR UPDATE"),
            fetch(_HELD_ROWS, pattern, _HELD),
            fetch(_HELD_FIRES, pattern, _HELD),
        )
        if state[0][0] != BroadcastState.PAUSED:
            return
        again = []
        for row_id, channel, count, hours in rows:
            at = course.next(channel, _units(channel, count or 0), now_ms, hours)
            again.append((at, at + worth, row_id))
            latest = max(latest, at)
        begun = []
        for row_id, channel, count, hours in fires:
            at = course.next(channel, _units(channel, _promised(count)), now_ms, hours)
            begun.append((at, row_id))
            latest = max(latest, at)
        tx.write(_AGAIN, again)
        tx.write(_AGAIN_FIRES, begun)
        tx.write(_RESUMED, [(BroadcastState.SENDING.value, "", json.dumps(course.clocks), latest, id)])


_RESUMED = bulk_update(t.broadcasts, ("state", "why", "clocks", "latest_at"))


def _promised(flow: str | None) -> int:
    """The segments that a fire of a broadcast will take; behind them stands since when one of `ASK_FIRST` waits."""
    return int((flow or "0").partition(" ")[0])


def _units(channel: str, segments: int) -> int:
    return segments if channel == SMS else 1


async def stop(connection: AsyncConnection, number: int, now: datetime) -> int:
    """It is over; what has not gone out never will. How many messages and invitations that were. Raises
    BroadcastRefused.
    """
    kept = await _found(connection, number)
    if kept.broadcast.state in (BroadcastState.STOPPED, BroadcastState.DONE):
        raise BroadcastRefused(f"broadcast {number} is {kept.broadcast.state.value} already")
    id, o = kept.broadcast.id, t.outbox.c
    await _write(connection, replace(kept.broadcast, state=BroadcastState.STOPPED), ended_at=to_ms(now))
    cancelled = await connection.execute(
        update(t.outbox).where(_theirs(t.outbox, id), o.status.in_(_WAITING)).values(status=Status.CANCELLED.value)
    )
    gone = await connection.execute(delete(t.fires).where(_theirs(t.fires, id)))
    if kept.broadcast.items:
        await newsletter.untell(connection, id, _key(id, "%"))
    return cancelled.rowcount + gone.rowcount


async def progress(connection: AsyncConnection, number: int) -> Progress | None:
    kept = await numbered(connection, number)
    if kept is None:
        return None
    id, o = kept.broadcast.id, t.outbox.c
    rows = await connection.execute(
        select(o.status, func.count(), func.sum(o.segments)).where(_theirs(t.outbox, id)).group_by(o.status)
    )
    messages: Counter[Status] = Counter()
    paid = 0
    for status, n, count in rows:
        messages[Status(status)] += n
        if status in (Status.SENT, Status.DELIVERED, Status.FAILED):
            paid += int(count or 0)
    f = t.fires.c
    rows = await connection.execute(select(f.kind, func.count()).where(_theirs(t.fires, id)).group_by(f.kind))
    waiting = {kind: n for kind, n in rows}
    unsure = waiting.pop(ASK_FIRST, 0)
    return Progress(kept, messages, sum(waiting.values()), paid, unsure)


# the work


async def tend(post: Post, now: datetime) -> int:
    """What the running program does about broadcasts: prepares those that are due, and ends those that are over. How
    many messages and invitations it queued.
    """
    b = t.broadcasts.c
    async with post.database.read() as connection:
        rows = await connection.execute(
            select(b.id, b.number, b.prepared, b.latest_at)
            .where(b.state == BroadcastState.SENDING.value)
            .order_by(b.id)
        )
        under_way = rows.all()
    queued = 0
    for id, number, prepared, latest_at in under_way:
        if prepared:
            if latest_at <= to_ms(now):
                await _end(post, id, now)
            continue
        if await _over_cap(post, number, now) or await _out_of_date(post, number, now):
            continue
        while (more := await _prepare_page(post, id, now)) is not None:
            queued += more
    return queued


async def _over_cap(post: Post, number: int, now: datetime) -> bool:
    """What else was sent this month may have used up what a broadcast needs: then it waits for the team."""
    if post.terms.cap is None:
        return False
    async with post.database.begin() as connection:
        if post.terms.price(await spent(connection, post, now)) <= post.terms.cap:
            return False
        await pause(connection, number, "it would cost more than the month may")
    log.warning("a broadcast is paused: the month's money is spent", broadcast=number)
    return True


async def _out_of_date(post: Post, number: int, now: datetime) -> bool:
    """An event in a newsletter may have been called off since it was ordered: then it waits for the team."""
    async with post.database.read() as connection:
        kept = await numbered(connection, number)
        if kept is None or not kept.broadcast.items:
            return False
        if not await newsletter.faults_of(connection, post.press, kept.broadcast, now):
            return False
    async with post.database.begin() as connection:
        await pause(connection, number, "an event in it is called off")
    log.warning("a newsletter is paused: an event in it is called off", broadcast=number)
    return True


_ROW = (
    "SELECT document, state, prepared, cursor, queued, queued_segments, people, clocks, latest_at, started_at"
    " FROM broadcasts WHERE id = {value}"
)
_ADVANCE = bulk_update(
    t.broadcasts, ("cursor", "prepared", "queued", "queued_segments", "clocks", "latest_at"), only="state = 'sending'"
)
_LATEST = bulk_update(t.broadcasts, ("latest_at",))
_GIVEN_UP = bulk_update(t.broadcasts, ("state", "why", "ended_at"))
_EVENT = f"SELECT {', '.join(COLUMNS)} FROM events WHERE number = {{value}}"
_MESSAGES = bulk_insert(
    t.outbox,
    (
        "id",
        "key",
        "contact_id",
        "urn_key",
        "channel",
        "message_class",
        "status",
        "sealed",
        "send_after",
        "expires_at",
        "segments",
        "created_at",
    ),
    unless_there=("key",),
    keys="outbox_keys",
)
_TOLD = bulk_insert(
    t.newsletter_told,
    ("id", "broadcast_id", "contact_id", "theirs", "at"),
    unless_there=("broadcast_id", "contact_id"),
)
_INVITATIONS = bulk_insert(
    t.fires,
    ("id", "key", "kind", "contact_id", "urn_key", "channel", "session_id", "flow", "due_at"),
    unless_there=("key",),
)


async def _prepare_page(post: Post, id: int, now: datetime) -> int | None:
    """Queue the next page of people in one transaction; how many. None where there is nothing to do now."""
    async with post.database.hot() as tx:
        (rows,) = await tx.fetch(fetch(_ROW, id, locking=" FOR UPDATE"))
        document, state, prepared, cursor, queued, counted, foreseen, clocks, latest, started_at = rows[0]
        if state != BroadcastState.SENDING or prepared:
            return None
        broadcast = _BROADCAST.validate_json(document)
        begins = starts(broadcast.send_at, broadcast.days, post.quiet, from_ms(started_at))
        if _day(queued, foreseen, begins) > now + _LEAD:
            return None
        event = None
        if broadcast.event is not None:
            (found,) = await tx.fetch(fetch(_EVENT, broadcast.event))
            event = as_event(found[0]) if found else None
            if event is None or event.state is not EventState.PUBLISHED or now >= event.starts_at:
                tx.write(_GIVEN_UP, [(BroadcastState.STOPPED.value, "the event is over or off", to_ms(now), id)])
                return None
        issue = await newsletter.hot_issue_of(tx, post.press, broadcast) if broadcast.items else None
        sought, words = _sought(post, broadcast, event, now, issue)
        page = await recipients.page(tx, post.vault, sought, cursor, post.page, lock=True)
        course = Course(post.quiet, post.terms.a_second, json.loads(clocks))
        made = []
        now_ms, segments = to_ms(now), 0
        for n, one in enumerate(page.recipients):
            text, count = words.of(one)
            count += words.asking(one)
            begin = max(now_ms, to_ms(_day(queued + n, foreseen, begins)))
            at = course.next(one.channel, _units(one.channel, count), begin, one.hours)
            latest, segments = max(latest, at), segments + count
            made.append((one, text, count, at))
        tx.write(_INVITATIONS, [_fire(post, id, ASK_FIRST, id, *each) for each in made if each[0].astray])
        sure = [each for each in made if not each[0].astray]
        if event is not None:
            tx.write(_INVITATIONS, [_fire(post, id, INVITE, event.id, *each) for each in sure])
        else:
            tx.write(_MESSAGES, [_message(post, broadcast, *each, now_ms) for each in sure])
            if broadcast.items:
                told = [(post.ids(), id, one.contact_id, broadcast.theirs, now_ms) for one, *_ in sure]
                tx.write(_TOLD, told)
        done = page.looked < post.page
        tx.write(
            _ADVANCE,
            [(page.last, done, queued + len(made), counted + segments, json.dumps(course.clocks), latest, id)],
        )
    return len(made)


def _day(nth: int, of: int, begins: list[datetime]) -> datetime:
    """When the day begins on which the nth of so many is written to."""
    return begins[min(nth * len(begins) // max(of, 1), len(begins) - 1)]


def _message(
    post: Post, broadcast: Broadcast, one: Recipient, text: str, count: int, at: int, now_ms: int
) -> tuple[Any, ...]:
    id, kind = post.ids(), broadcast.message_class
    key = _key(broadcast.id, one.contact_id)
    expires_at = at + int(post.worth[kind].total_seconds() * 1000)
    queued = Queued(id, key, one.contact_id, one.urn_key, one.channel, kind, text, "", (), at, expires_at)
    sealed = post.vault.seal(message_to_seal(queued), one.contact_id)
    segments = count if one.channel == SMS else None
    status = Status.QUEUED.value
    return (
        id,
        key,
        one.contact_id,
        one.urn_key,
        one.channel,
        int(kind),
        status,
        sealed,
        at,
        expires_at,
        segments,
        now_ms,
    )


def _fire(post: Post, id: int, kind: str, about: int, one: Recipient, _: str, count: int, at: int) -> tuple[Any, ...]:
    """`flow` says what it will take, in segments: so much of the month's money is promised."""
    key = _key(id, one.contact_id)
    return (post.ids(), key, kind, one.contact_id, one.urn_key, one.channel, about, str(count), at)


_ITS_FIRE = "SELECT flow FROM fires WHERE id = {value}"
_PUT_OFF = bulk_update(t.fires, ("flow", "due_at"))
_TAKE_OUT = bulk_delete(t.fires)


async def ask_first(post: Post, due: Due, now: datetime) -> None:
    """Somebody who was silent for long is meant by the broadcast `session_id`: they are asked whether it is still them.
    It is theirs once they have written again, and nobody's if they do not.
    """
    now_ms, id = to_ms(now), due.session_id or 0
    async with post.database.hot() as tx:
        rows, fire = await tx.fetch(  # in this order, as whoever pauses it locks them
            fetch(_ROW, id, locking=" FOR UPDATE"), fetch(_ITS_FIRE, due.id, locking=" FOR UPDATE SKIP LOCKED")
        )
        if not fire:
            return  # another replica has it
        found = await _still_meant(tx, post, rows, due, now)
        if found is None:
            tx.write(_TAKE_OUT, [(due.id,)])
            return
        broadcast, event, one, words = found
        text, count = words.of(one)
        _, asked, since = fire[0][0].partition(" ")
        if not one.astray:
            tx.write(_TAKE_OUT, [(due.id,)])
            course = Course(post.quiet, post.terms.a_second)
            at = course.next(one.channel, _units(one.channel, count), now_ms, one.hours)
            if event is not None:
                key = f"{_key(id, one.contact_id)}/yes"
                row = (one.contact_id, one.urn_key, one.channel, event.id, str(count), at)
                tx.write(_INVITATIONS, [(post.ids(), key, INVITE, *row)])
            else:
                tx.write(_MESSAGES, [_message(post, broadcast, one, text, count, at, now_ms)])
                if broadcast.items:
                    tx.write(_TOLD, [(post.ids(), id, one.contact_id, broadcast.theirs, now_ms)])
            tx.write(_LATEST, [(at, id)])
        elif not asked:
            tx.write(_PUT_OFF, [(f"{count} {now_ms}", now_ms + _A_DAY_MS, due.id)])
            key = f"{STILL_YOU}/{one.contact_id}"  # of several broadcasts one asks
            asks = (one.contact_id, one.urn_key, one.channel, None, STILL_YOU, now_ms)
            tx.write(_INVITATIONS, [(post.ids(), key, CARD, *asks)])
        elif now_ms < int(since) + _waits_ms(post, broadcast):
            tx.write(_PUT_OFF, [(fire[0][0], now_ms + _A_DAY_MS, due.id)])
        else:
            tx.write(_TAKE_OUT, [(due.id,)])


async def _still_meant(
    tx: HotTransaction, post: Post, rows: list[Row], due: Due, now: datetime
) -> tuple[Broadcast, Event | None, Recipient, Words] | None:
    """The broadcast and whom it is for; None where it is over, or means them no more."""
    if not rows or rows[0][1] != BroadcastState.SENDING:
        return None
    broadcast, event = _BROADCAST.validate_json(rows[0][0]), None
    if broadcast.event is not None:
        (found,) = await tx.fetch(fetch(_EVENT, broadcast.event))
        event = as_event(found[0]) if found else None
        if event is None or not event.open(now):
            return None
    issue = await newsletter.hot_issue_of(tx, post.press, broadcast) if broadcast.items else None
    sought, words = _sought(post, broadcast, event, now, issue)
    page = await recipients.page(tx, post.vault, sought, due.contact_id - 1, 1, lock=True)
    one = next((one for one in page.recipients if one.contact_id == due.contact_id), None)
    return None if one is None else (broadcast, event, one, words)


def _waits_ms(post: Post, broadcast: Broadcast) -> int:
    waits = post.worth[broadcast.message_class] if broadcast.event is None else _WAITS_FOR_YES
    return int(waits.total_seconds() * 1000)


async def still_them(connection: AsyncConnection, contact_id: int, now: datetime) -> None:
    """They say that it is still them: what waited for that is due."""
    f = t.fires.c
    await connection.execute(
        update(t.fires)
        .where(f.contact_id == contact_id, f.kind == ASK_FIRST, f.flow.like("% %"), f.due_at < _HELD)
        .values(due_at=to_ms(now))
    )


async def _end(post: Post, id: int, now: datetime) -> None:
    """The last message was due: it is done, unless something still waits. Then it is looked at again soon."""
    o, b = t.outbox.c, t.broadcasts.c
    async with post.database.begin() as connection:
        mine = select(o.id).where(_theirs(t.outbox, id), o.status.in_(_UNFINISHED)).limit(1)
        ours = select(t.fires.c.id).where(_theirs(t.fires, id)).limit(1)
        waits = [(await connection.execute(one)).first() is not None for one in (mine, ours)]
        if not any(waits):
            await newsletter.untell(connection, id, _key(id, "%"))
        values = (
            {"latest_at": to_ms(now) + _LOOK_AGAIN_MS}
            if any(waits)
            else {"state": BroadcastState.DONE.value, "ended_at": to_ms(now)}
        )
        await connection.execute(
            update(t.broadcasts).where(b.id == id, b.state == BroadcastState.SENDING.value).values(values)
        )
