"""A broadcast under way: page by page its people get their message or invitation, which waits for its hour."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import SMS, Broadcast, BroadcastState, Course, starts
from domain.event import Event, EventState
from domain.message import Status
from store import newsletter
from store import tables as t
from store.broadcasts import recipients
from store.broadcasts.course import HELD, pause, units
from store.broadcasts.drafts import BROADCAST, UNFINISHED, Post, key_of, numbered, rows_of
from store.broadcasts.previews import ASK_FIRST, INVITE, sought_by, spent
from store.broadcasts.recipients import Recipient
from store.broadcasts.words import STILL_YOU, Words
from store.bulk import delete as bulk_delete
from store.bulk import fetch
from store.bulk import insert as bulk_insert
from store.bulk import update as bulk_update
from store.changes import Due, Queued
from store.database import HotTransaction, Row
from store.event_rows import COLUMNS, as_event
from store.fires import CARD
from store.times import from_ms, to_ms
from store.turns import message_to_seal

log = structlog.get_logger()


#: An invitation to an event waits so long for their yes; any other as long as such a message is worth sending.
_WAITS_FOR_YES = timedelta(days=14)
_A_DAY_MS = 24 * 3_600_000
#: The messages of a day are prepared so long before it begins: who changes their mind until then is heard.
_LEAD = timedelta(minutes=15)
_LOOK_AGAIN_MS = 30_000


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
        broadcast = BROADCAST.validate_json(document)
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
        sought, words = sought_by(post, broadcast, event, now, issue)
        page = await recipients.page(tx, post.vault, sought, cursor, post.page, lock=True)
        course = Course(post.quiet, post.terms.a_second, json.loads(clocks))
        made = []
        now_ms, segments = to_ms(now), 0
        for n, one in enumerate(page.recipients):
            text, count = words.of(one)
            count += words.asking(one)
            begin = max(now_ms, to_ms(_day(queued + n, foreseen, begins)))
            at = course.next(one.channel, units(one.channel, count), begin, one.hours)
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
    key = key_of(broadcast.id, one.contact_id)
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
    key = key_of(id, one.contact_id)
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
            at = course.next(one.channel, units(one.channel, count), now_ms, one.hours)
            if event is not None:
                key = f"{key_of(id, one.contact_id)}/yes"
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
    broadcast, event = BROADCAST.validate_json(rows[0][0]), None
    if broadcast.event is not None:
        (found,) = await tx.fetch(fetch(_EVENT, broadcast.event))
        event = as_event(found[0]) if found else None
        if event is None or not event.open(now):
            return None
    issue = await newsletter.hot_issue_of(tx, post.press, broadcast) if broadcast.items else None
    sought, words = sought_by(post, broadcast, event, now, issue)
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
        .where(f.contact_id == contact_id, f.kind == ASK_FIRST, f.flow.like("% %"), f.due_at < HELD)
        .values(due_at=to_ms(now))
    )


async def _end(post: Post, id: int, now: datetime) -> None:
    """The last message was due: it is done, unless something still waits. Then it is looked at again soon."""
    o, b = t.outbox.c, t.broadcasts.c
    async with post.database.begin() as connection:
        mine = select(o.id).where(rows_of(t.outbox, id), o.status.in_(UNFINISHED)).limit(1)
        ours = select(t.fires.c.id).where(rows_of(t.fires, id)).limit(1)
        waits = [(await connection.execute(one)).first() is not None for one in (mine, ours)]
        if not any(waits):
            await newsletter.untell(connection, id, key_of(id, "%"))
        values = (
            {"latest_at": to_ms(now) + _LOOK_AGAIN_MS}
            if any(waits)
            else {"state": BroadcastState.DONE.value, "ended_at": to_ms(now)}
        )
        await connection.execute(
            update(t.broadcasts).where(b.id == id, b.state == BroadcastState.SENDING.value).values(values)
        )
