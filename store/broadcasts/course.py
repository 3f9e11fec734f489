"""The course of a broadcast: tried, sent, paused, resumed, stopped; and how far it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import SMS, BroadcastRefused, BroadcastState, Course, Preview
from domain.message import MessageClass, Status
from store import newsletter, outbox, people
from store import tables as t
from store.broadcasts.drafts import (
    WAITING,
    Kept,
    Post,
    check,
    event_numbered,
    keep,
    key_of,
    locked,
    numbered,
    rows_of,
    unbegun,
)
from store.broadcasts.previews import ASK_FIRST, preview, promised, sought_by, spent, stops
from store.broadcasts.recipients import Recipient
from store.bulk import fetch
from store.bulk import update as bulk_update
from store.changes import Queued
from store.times import to_ms

#: Added to the time of what waits in a paused broadcast: some five hundred years.
HELD = 1 << 44


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


async def try_out(
    connection: AsyncConnection, post: Post, number: int, contact_id: int, language: str | None, now: datetime
) -> None:
    """Send it to one person of the team, at once, in that language or their own. Raises BroadcastRefused."""
    kept = await locked(connection, number)
    broadcast = kept.broadcast
    address = await people.address_of(connection, contact_id)
    if address is None:
        raise BroadcastRefused("you cannot be reached: write to the bot from your own phone first")
    event = None if broadcast.event is None else await event_numbered(connection, broadcast.event)
    issue = await newsletter.issue_of(connection, post.press, broadcast) if broadcast.items else None
    _, words = sought_by(post, broadcast, event, now, issue)
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
        again = await unbegun(connection, number)
        items = await newsletter.by_ids(connection, again.broadcast.items)
        if again.broadcast != kept.broadcast or items != before:
            raise BroadcastRefused(f"broadcast {number} was changed meanwhile: look at it again")
        if post.terms.two_people and again.broadcast.state is not BroadcastState.APPROVED:
            raise BroadcastRefused("a second person must approve it first: mime broadcast approve")
        await check(connection, post, kept.broadcast, now)
        paid = await spent(connection, post, now)
        if faults := await stops(connection, post, kept.broadcast, ahead, paid, now):
            raise BroadcastRefused(*faults)
        await keep(
            connection,
            replace(kept.broadcast, state=BroadcastState.SENDING),
            people=ahead.people,
            segments=ahead.segments,
            started_at=to_ms(now),
        )
    return ahead


async def pause(connection: AsyncConnection, number: int, why: str = "") -> None:
    """Nothing more goes out; what is being sent just now still does. Raises BroadcastRefused."""
    kept = await locked(connection, number)
    if kept.broadcast.state is not BroadcastState.SENDING:
        raise BroadcastRefused(f"broadcast {number} is {kept.broadcast.state.value}, and is not being sent")
    id, o, f = kept.broadcast.id, t.outbox.c, t.fires.c
    await keep(connection, replace(kept.broadcast, state=BroadcastState.PAUSED), why=why)
    await connection.execute(
        update(t.outbox)
        .where(rows_of(t.outbox, id), o.status.in_(WAITING))
        .values(status=Status.QUEUED.value, send_after=o.send_after + HELD)
    )
    await connection.execute(update(t.fires).where(rows_of(t.fires, id)).values(due_at=f.due_at + HELD))


_AGAIN = bulk_update(t.outbox, ("send_after", "expires_at"))
_RESUMED = bulk_update(t.broadcasts, ("state", "why", "clocks", "latest_at"))
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
        kept = await locked(connection, number)
        if kept.broadcast.state is not BroadcastState.PAUSED:
            raise BroadcastRefused(f"broadcast {number} is {kept.broadcast.state.value}, and is not paused")
        id = kept.broadcast.id
    course, now_ms = Course(post.quiet, post.terms.a_second), to_ms(now)
    worth = int(post.worth[kept.broadcast.message_class].total_seconds() * 1000)
    latest = now_ms
    async with post.database.hot() as tx:
        pattern = key_of(id, "%")
        state, rows, fires = await tx.fetch(
            fetch("SELECT state FROM broadcasts WHERE id = {value}", id, locking=" FOR UPDATE"),
            fetch(_HELD_ROWS, pattern, HELD),
            fetch(_HELD_FIRES, pattern, HELD),
        )
        if state[0][0] != BroadcastState.PAUSED:
            return
        again = []
        for row_id, channel, count, hours in rows:
            at = course.next(channel, units(channel, count or 0), now_ms, hours)
            again.append((at, at + worth, row_id))
            latest = max(latest, at)
        begun = []
        for row_id, channel, count, hours in fires:
            at = course.next(channel, units(channel, promised(count)), now_ms, hours)
            begun.append((at, row_id))
            latest = max(latest, at)
        tx.write(_AGAIN, again)
        tx.write(_AGAIN_FIRES, begun)
        tx.write(_RESUMED, [(BroadcastState.SENDING.value, "", json.dumps(course.clocks), latest, id)])


def units(channel: str, segments: int) -> int:
    """What one message counts for its provider's pace: a text message, its segments."""
    return segments if channel == SMS else 1


async def stop(connection: AsyncConnection, number: int, now: datetime) -> int:
    """It is over; what has not gone out never will. How many messages and invitations that were. Raises
    BroadcastRefused.
    """
    kept = await locked(connection, number)
    if kept.broadcast.state in (BroadcastState.STOPPED, BroadcastState.DONE):
        raise BroadcastRefused(f"broadcast {number} is {kept.broadcast.state.value} already")
    id, o = kept.broadcast.id, t.outbox.c
    await keep(connection, replace(kept.broadcast, state=BroadcastState.STOPPED), ended_at=to_ms(now))
    cancelled = await connection.execute(
        update(t.outbox).where(rows_of(t.outbox, id), o.status.in_(WAITING)).values(status=Status.CANCELLED.value)
    )
    gone = await connection.execute(delete(t.fires).where(rows_of(t.fires, id)))
    if kept.broadcast.items:
        await newsletter.untell(connection, id, key_of(id, "%"))
    return cancelled.rowcount + gone.rowcount


async def progress(connection: AsyncConnection, number: int) -> Progress | None:
    kept = await numbered(connection, number)
    if kept is None:
        return None
    id, o = kept.broadcast.id, t.outbox.c
    rows = await connection.execute(
        select(o.status, func.count(), func.sum(o.segments)).where(rows_of(t.outbox, id)).group_by(o.status)
    )
    messages: Counter[Status] = Counter()
    paid = 0
    for status, n, count in rows:
        messages[Status(status)] += n
        if status in (Status.SENT, Status.DELIVERED, Status.FAILED):
            paid += int(count or 0)
    f = t.fires.c
    rows = await connection.execute(select(f.kind, func.count()).where(rows_of(t.fires, id)).group_by(f.kind))
    waiting = {kind: n for kind, n in rows}
    unsure = waiting.pop(ASK_FIRST, 0)
    return Progress(kept, messages, sum(waiting.values()), paid, unsure)
