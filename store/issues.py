"""Newsletters as they go out: the month's issue, and before it each answer to those who said what it answers.

Each is a broadcast, made here of the items that there are and sent by `store.broadcasts`; and here is what was sent
for its page, for the archive, and for who asks for the news again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import Broadcast, BroadcastRefused, BroadcastState
from domain.contact import Purpose
from domain.message import MessageClass
from domain.newsletter import OWED_AFTER, Item, ItemKind, Owed, answered, first_day, month_of
from domain.segment import Segment
from flows.newsletter import Issue
from store import newsletter, sayers
from store import tables as t
from store.broadcasts import drafts
from store.broadcasts.drafts import Post
from store.newsletter_rules import Press
from store.vault import Vault

_UNBEGUN = (BroadcastState.DRAFT, BroadcastState.APPROVED)


@dataclass(frozen=True, slots=True)
class Wish:
    """How an issue is to be sent; see `domain.broadcast.Broadcast`. `made_by` is who of the team orders it."""

    made_by: int | None = None
    send_at: datetime | None = None
    days: int = 1
    without: frozenset[str] = field(default_factory=frozenset)


async def month_s_issue(
    connection: AsyncConnection, post: Post, month: str, wish: Wish, token: str, now: datetime
) -> Broadcast:
    """The draft of the month's newsletter with all its items, those that answer people's words on top; nobody gets an
    item twice, whatever was sent before. The same draft as before, as long as it was not begun; `token` names the page
    of a new one. Raises BroadcastRefused.
    """
    try:
        first_day(month)
    except ValueError as error:
        raise BroadcastRefused(str(error)) from error
    items = [kept.item for kept in await newsletter.listing(connection, month)]
    if not items:
        raise BroadcastRefused(f"{month} has no items: mime newsletter add")
    name = f"News of {month}"
    return await _draft(connection, post, name, month, sorted(items, key=in_order), wish, token, now, theirs=False)


async def first_to_hear(
    connection: AsyncConnection, post: Post, number: int, wish: Wish, token: str, now: datetime
) -> Broadcast:
    """The draft of one item for those alone who said what it answers. Raises BroadcastRefused."""
    kept = await newsletter.numbered(connection, number)
    if kept is None:
        raise BroadcastRefused(f"there is no item {number}: see mime newsletter list")
    item = kept.item
    if item.heard is None:
        raise BroadcastRefused(f"item {number} does not say whose words it answers (heard): it goes with its month")
    name = f"Item {number}, to those who said it"
    return await _draft(connection, post, name, item.month, [item], wish, token, now, theirs=True)


async def _draft(
    connection: AsyncConnection,
    post: Post,
    name: str,
    month: str,
    items: list[Item],
    wish: Wish,
    token: str,
    now: datetime,
    *,
    theirs: bool,
) -> Broadcast:
    wanted = Broadcast(
        id=0,
        number=0,
        name=name,
        segment=Segment(consent=Purpose.NEWSLETTER),
        message_class=MessageClass.NEWSLETTER,
        send_at=wish.send_at,
        days=wish.days,
        without=wish.without,
        month=month,
        items=tuple(one.id for one in items),
        theirs=theirs,
        token=token,
    )
    for there in await newsletter.with_items(connection):
        same = theirs and there.items == wanted.items
        if there.theirs is theirs and there.month == month and (same or not theirs) and there.state in _UNBEGUN:
            wanted = replace(wanted, id=there.id, number=there.number, token=there.token, state=there.state)
            return there if wanted == there else await drafts.change(connection, post, wanted, now)
    return await drafts.add(connection, post, wanted, wish.made_by, now)


# what was sent


@dataclass(frozen=True, slots=True)
class Sent:
    """A newsletter that went out, or waits to. `issue` is what stood in it."""

    broadcast: Broadcast
    issue: Issue


async def opened(connection: AsyncConnection, press: Press, vault: Vault, token: str) -> Sent | None:
    """What the page of that token shows; None where there is none. Drafts have one too, for who tries them out."""
    found = next((one for one in await newsletter.with_items(connection) if one.token == token), None)
    if found is None:
        return None
    return Sent(found, await newsletter.issue_of(connection, press, found, vault))


async def newest(connection: AsyncConnection, press: Press, now: datetime) -> Sent | None:
    """The month's newsletter that went out last; None where there was none yet."""
    b = t.broadcasts.c
    begun = await connection.execute(
        select(b.number)
        .where(b.month.is_not(None), b.started_at.is_not(None), b.state != BroadcastState.STOPPED.value)
        .order_by(b.started_at.desc(), b.number.desc())
    )
    for number in begun.scalars().all():
        kept = await drafts.numbered(connection, number)
        if kept is not None and _is_out(kept.broadcast, now):
            return Sent(kept.broadcast, await newsletter.issue_of(connection, press, kept.broadcast))
    return None


def _is_out(broadcast: Broadcast, now: datetime) -> bool:
    """Whether the time has come for which it was ordered."""
    return broadcast.send_at is None or broadcast.send_at <= now


async def public_months(connection: AsyncConnection, now: datetime) -> list[str]:
    """The months of which anybody may read something, the newest first."""
    there = await _public(connection, now)
    return sorted({one.month for one in there}, reverse=True)


async def public_issue(
    connection: AsyncConnection, press: Press, vault: Vault, month: str, now: datetime
) -> Issue | None:
    """What anybody may read of that month; None where it is nothing."""
    items = [one for one in await _public(connection, now) if one.month == month]
    if not items:
        return None
    return await _shown(connection, press, vault, month, items)


async def _public(connection: AsyncConnection, now: datetime) -> list[Item]:
    """The public items of newsletters that went out to everybody."""
    sent = [
        one
        for one in await newsletter.with_items(connection)
        if not one.theirs and one.state in (BroadcastState.SENDING, BroadcastState.DONE) and _is_out(one, now)
    ]
    ids = list(dict.fromkeys(id for one in sent for id in one.items))
    return [one for one in await newsletter.by_ids(connection, ids) if one.public]


async def tell_again(
    connection: AsyncConnection, press: Press, ids: Callable[[], int], contact_id: int, now: datetime
) -> tuple[Issue, frozenset[int]] | None:
    """The newest newsletter for somebody who asks for it, whole, and which of its items answer what they had said; None
    where there is none.
    """
    sent = await newest(connection, press, now)
    if sent is None:
        return None
    return sent.issue, await newsletter.told(connection, ids, contact_id, sent.broadcast, now)


# what must not be forgotten


async def unsent(connection: AsyncConnection, month: str) -> list[Item]:
    """The month's items that no newsletter has brought to everybody."""
    sent = {
        id
        for one in await newsletter.with_items(connection)
        if not one.theirs and one.state not in (*_UNBEGUN, BroadcastState.STOPPED)
        for id in one.items
    }
    return [kept.item for kept in await newsletter.listing(connection, month) if kept.item.id not in sent]


async def owed(connection: AsyncConnection, press: Press, now: datetime) -> list[Owed]:
    """Where people said what they think three months ago or longer, and have not heard what came of it."""
    made = [(kept.item, kept.made_at.astimezone(press.zone).date()) for kept in await newsletter.listing(connection)]
    return await sayers.owed(connection, press.library, answered(made), now - OWED_AFTER, press.zone)


def near_the_end(now: datetime, zone: ZoneInfo, days: int) -> str | None:
    """The month of which so many days or fewer are left; None where there are more."""
    today: date = now.astimezone(zone).date()
    month = month_of(today)
    return month if month_of(date.fromordinal(today.toordinal() + days)) != month else None


async def of_month(connection: AsyncConnection, press: Press, vault: Vault, month: str) -> Issue | None:
    """All items of the month, sent or not, as for everybody; None where there are none."""
    items = [kept.item for kept in await newsletter.listing(connection, month)]
    if not items:
        return None
    return await _shown(connection, press, vault, month, items)


async def _shown(connection: AsyncConnection, press: Press, vault: Vault, month: str, items: list[Item]) -> Issue:
    ids = tuple(one.id for one in sorted(items, key=in_order))
    shown = Broadcast(id=0, number=0, name="", segment=Segment(), month=month, items=ids)
    return replace(await newsletter.issue_of(connection, press, shown, vault), page="")


def in_order(item: Item) -> tuple[bool, int]:
    """What answers people's words stands on top."""
    return item.kind is not ItemKind.YOU_SAID, item.number
