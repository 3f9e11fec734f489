"""Who would get a broadcast, what they would see, its price, and what stops it; nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import SMS, Broadcast, BroadcastRefused, BroadcastState, Preview, Tally, Terms, what_stops
from domain.event import Event
from domain.newsletter import Heard, lacking
from domain.silence import LONG_SILENCE
from flows.newsletter import Issue
from store import newsletter, sayers
from store import tables as t
from store.broadcasts import recipients
from store.broadcasts.drafts import UNFINISHED, Kept, Post, event_numbered, numbered
from store.broadcasts.recipients import Sought
from store.broadcasts.words import Words
from store.times import to_ms

#: The kind of fire that begins an invitation to an event (`bot.events.fires`).
INVITE = "invite"


#: The kind of fire for who has been silent for long: they are asked first whether it is still them.
ASK_FIRST = "ask_first"


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


def sought_by(
    post: Post, broadcast: Broadcast, event: Event | None, now: datetime, issue: Issue | None = None
) -> tuple[Sought, Words]:
    """Whom the store is to look for, and the words for each of them."""
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
        event = None if broadcast.event is None else await event_numbered(connection, broadcast.event)
        issue = await newsletter.issue_of(connection, post.press, broadcast) if broadcast.items else None
    sought, words = sought_by(post, broadcast, event, now, issue)
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
        select(func.sum(o.segments)).where(o.channel == SMS, o.sent_at.is_(None), o.status.in_(UNFINISHED)),
        select(func.sum(b.segments - b.queued_segments)).where(
            b.state.in_((BroadcastState.SENDING.value, BroadcastState.PAUSED.value)), b.segments > b.queued_segments
        ),
    )
    promises = select(f.flow, func.count()).where(f.kind.in_((INVITE, ASK_FIRST))).group_by(f.flow)
    waiting = await connection.execute(promises)
    found = [(await connection.execute(one)).scalar() or 0 for one in sums]
    return int(sum(found) + sum(promised(flow) * n for flow, n in waiting))


def promised(flow: str | None) -> int:
    """The segments that a fire of a broadcast will take; behind them stands since when one of `ASK_FIRST` waits."""
    return int((flow or "0").partition(" ")[0])


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
