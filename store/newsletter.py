"""The items of newsletters: kept, changed, taken out, read; and who has been told which of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import orjson
from pydantic import TypeAdapter
from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import Broadcast, BroadcastState, Preview
from domain.contact import Purpose
from domain.event import Event
from domain.message import Status
from domain.newsletter import Item, month_of
from flows.conditions import PREFER_NOT_TO_SAY
from flows.library import Library
from flows.newsletter import Issue
from store import tables as t
from store.bulk import fetch
from store.database import HotTransaction
from store.event_rows import COLUMNS, as_event
from store.event_rules import Fault
from store.newsletter_rules import ItemRefused, Press, faults_in
from store.sayers import own_words
from store.times import from_ms, to_ms
from store.vault import Vault

_ITEM = TypeAdapter(Item)
_BROADCAST = TypeAdapter(Broadcast)
#: How a message ended that its person never had.
_NOT_THERE = (Status.CANCELLED.value, Status.FAILED.value, Status.EXPIRED.value)


@dataclass(frozen=True, slots=True)
class Kept:
    """An item and when it was made. `sent_with` are the numbers of the broadcasts with it that were begun."""

    item: Item
    made_at: datetime
    sent_with: tuple[int, ...] = ()


# what is kept


async def add(connection: AsyncConnection, press: Press, id: int, draft: Item, now: datetime) -> Item:
    """Keep it under the next number. Raises ItemRefused for what is wrong with it."""
    await _check(connection, press, draft, now)
    last = (await connection.execute(select(func.max(t.newsletter_items.c.number)))).scalar() or 0
    made = replace(draft, id=id, number=last + 1)
    await connection.execute(insert(t.newsletter_items).values(**_row(made), created_at=to_ms(now)))
    return made


async def change(connection: AsyncConnection, press: Press, wanted: Item, now: datetime) -> Item:
    """Keep it as it is wanted now; what was approved with it must be approved anew. Raises ItemRefused, also once it
    has been sent to anybody.
    """
    kept = await _unsent(connection, wanted.number)
    changed = replace(wanted, id=kept.item.id)
    await _check(connection, press, changed, now, kept.item)
    await connection.execute(
        update(t.newsletter_items).where(t.newsletter_items.c.id == changed.id).values(**_row(changed))
    )
    await _unapprove(connection, changed.id)
    return changed


async def remove(connection: AsyncConnection, number: int) -> Item:
    """Take it out. Raises ItemRefused once it has been sent to anybody."""
    kept = await _unsent(connection, number)
    await connection.execute(delete(t.newsletter_items).where(t.newsletter_items.c.id == kept.item.id))
    await _unapprove(connection, kept.item.id)
    return kept.item


async def numbered(connection: AsyncConnection, number: int) -> Kept | None:
    found = await _read(connection, t.newsletter_items.c.number == number)
    return found[0] if found else None


async def listing(connection: AsyncConnection, month: str | None = None) -> list[Kept]:
    """Those of the month, or all, by their months and numbers."""
    return await _read(connection, *(() if month is None else (t.newsletter_items.c.month == month,)))


async def by_ids(connection: AsyncConnection, ids: Sequence[int]) -> tuple[Item, ...]:
    """In the order of the ids; one that is gone is not there."""
    rows = await connection.execute(
        select(t.newsletter_items.c.id, t.newsletter_items.c.document).where(t.newsletter_items.c.id.in_(ids))
    )
    found = {id: _ITEM.validate_json(document) for id, document in rows}
    return tuple(found[id] for id in ids if id in found)


async def _read(connection: AsyncConnection, *conditions: Any) -> list[Kept]:
    i = t.newsletter_items.c
    rows = (
        await connection.execute(select(i.document, i.created_at).where(*conditions).order_by(i.month, i.number))
    ).all()
    sent: dict[int, list[int]] = {}
    for broadcast in await with_items(connection) if rows else ():
        if broadcast.state not in (BroadcastState.DRAFT, BroadcastState.APPROVED):
            for id in broadcast.items:
                sent.setdefault(id, []).append(broadcast.number)
    items = [(_ITEM.validate_json(document), from_ms(at)) for document, at in rows]
    return [Kept(item, at, tuple(sent.get(item.id, ()))) for item, at in items]


async def with_items(connection: AsyncConnection) -> list[Broadcast]:
    """The broadcasts that were made of items, the oldest first."""
    b = t.broadcasts.c
    rows = await connection.execute(select(b.document, b.state).where(b.token.is_not(None)).order_by(b.number))
    return [replace(_BROADCAST.validate_json(document), state=BroadcastState(state)) for document, state in rows]


async def _unsent(connection: AsyncConnection, number: int) -> Kept:
    kept = await numbered(connection, number)
    if kept is None:
        raise ItemRefused(Fault((), f"there is no item {number}: see mime newsletter list"))
    if kept.sent_with:
        sentence = f"item {number} has been sent (broadcast {kept.sent_with[0]}) and stays as it is: make a new one"
        raise ItemRefused(Fault((), sentence))
    return kept


async def _unapprove(connection: AsyncConnection, id: int) -> None:
    """Who approved it approved other words."""
    b = t.broadcasts.c
    numbers = [
        one.number for one in await with_items(connection) if id in one.items and one.state is BroadcastState.APPROVED
    ]
    if numbers:
        written = {"state": BroadcastState.DRAFT.value, "approved_by": None}
        await connection.execute(update(t.broadcasts).where(b.number.in_(numbers)).values(written))


async def _check(connection: AsyncConnection, press: Press, item: Item, now: datetime, was: Item | None = None) -> None:
    events = await _events(connection, [item])
    faults = list(faults_in(item, press, events, now.astimezone(press.zone).date(), was=was))
    if item.quote is not None and not await _may_be_quoted(connection, press.library, item.quote):
        faults.append(Fault(("quote",), "nobody who agrees to be quoted said this: see mime newsletter quotes"))
    if faults:
        raise ItemRefused(*faults)


def _row(item: Item) -> dict[str, Any]:
    document = _ITEM.dump_json(item).decode()
    return {"id": item.id, "number": item.number, "month": item.month, "document": document}


# what goes together


async def issue_of(
    connection: AsyncConnection, press: Press, broadcast: Broadcast, vault: Vault | None = None
) -> Issue:
    """The items of a broadcast that was made of such. With `vault`, what may be quoted with them."""
    items = await by_ids(connection, broadcast.items)
    events = await _events(connection, items)
    quotes = {} if vault is None else await quotes_of(connection, vault, items)
    return _issue(press, broadcast, items, events, quotes, await with_items(connection))


_ITEMS = "SELECT id, document FROM newsletter_items WHERE id {keys}"
_EVENTS = f"SELECT {', '.join(COLUMNS)} FROM events WHERE number {{keys}}"


_BROADCASTS = "SELECT document FROM broadcasts WHERE token IS NOT NULL"


async def hot_issue_of(tx: HotTransaction, press: Press, broadcast: Broadcast) -> Issue:
    """The same, in the transaction that prepares it."""
    (rows,) = await tx.fetch(fetch(_ITEMS, list(broadcast.items)))
    found = {id: _ITEM.validate_json(document) for id, document in rows}
    items = tuple(found[id] for id in broadcast.items if id in found)
    (events,) = await tx.fetch(fetch(_EVENTS, _event_numbers(items)))
    (others,) = await tx.fetch(fetch(_BROADCASTS))
    there = [_BROADCAST.validate_json(document) for (document,) in others]
    return _issue(press, broadcast, items, {one.number: one for one in map(as_event, events)}, {}, there)


def _issue(
    press: Press,
    broadcast: Broadcast,
    items: tuple[Item, ...],
    events: dict[int, Event],
    quotes: dict[int, tuple[str, str]],
    others: Iterable[Broadcast],
) -> Issue:
    mine = set(broadcast.items)
    return Issue(
        month=broadcast.month,
        items=items,
        zone=press.zone,
        numbers=press.numbers,
        events=events,
        page=f"{press.public_base_url}/n/{broadcast.token}" if press.public_base_url else "",
        theirs=broadcast.theirs,
        quotes=quotes,
        earlier={one.id: one.items for one in others if not mine.isdisjoint(one.items)},
    )


def _event_numbers(items: Iterable[Item]) -> list[int]:
    named = {one.event for one in items}
    for one in items:
        if one.heard is not None:
            named |= {one.heard.feedback_on, one.heard.came_to}
    return sorted(number for number in named if number is not None)


async def _events(connection: AsyncConnection, items: Iterable[Item]) -> dict[int, Event]:
    if not (numbers := _event_numbers(items)):
        return {}
    columns = [t.events.c[name] for name in COLUMNS]
    rows = await connection.execute(select(*columns).where(t.events.c.number.in_(numbers)))
    return {one.number: one for one in map(as_event, rows.all())}


async def all_events(connection: AsyncConnection) -> dict[int, Event]:
    """Those that an item may name, by their numbers."""
    rows = await connection.execute(select(*(t.events.c[name] for name in COLUMNS)))
    return {one.number: one for one in map(as_event, rows.all())}


async def faults_of(connection: AsyncConnection, press: Press, broadcast: Broadcast, now: datetime) -> list[str]:
    """What is wrong with the items of a broadcast, such as an event that was called off meanwhile."""
    items = await by_ids(connection, broadcast.items)
    if len(items) < len(broadcast.items):
        return ["an item of it is gone: make it anew"]
    events, today = await _events(connection, items), now.astimezone(press.zone).date()
    return [f"item {one.number}: {fault}" for one in items for fault in faults_in(one, press, events, today, was=one)]


async def stops(
    connection: AsyncConnection, broadcast: Broadcast, items: Sequence[Item], ahead: Preview, today: date
) -> list[str]:
    """Why a newsletter must not be sent yet, with what to do: its month is over, or those who said what an item answers
    have not heard of it first.
    """
    found = []
    if broadcast.month < month_of(today):
        found.append(
            f"{broadcast.month} is over: move the items to this month (mime newsletter edit NUMBER --set"
            f" month={month_of(today)})."
        )
    if broadcast.theirs:
        return found
    first = {id: one for one in await with_items(connection) if one.theirs for id in one.items}
    for item in items:
        if item.heard is None:
            continue
        sent = first.get(item.id)
        if sent is None or sent.state in (BroadcastState.DRAFT, BroadcastState.APPROVED):
            if many := ahead.first.get(item.number, 0):
                people = "1 person" if many == 1 else f"{many} people"
                found.append(
                    f"Item {item.number} answers what {people} told us, who must hear it first: mime newsletter first"
                    f" {item.number} --send"
                )
        elif sent.state in (BroadcastState.SENDING, BroadcastState.PAUSED):
            found.append(
                f"Item {item.number} is on its way to those who told us: wait until broadcast {sent.number} is done,"
                f" or end it (mime broadcast show {sent.number})."
            )
    return found


# what may be quoted


@dataclass(frozen=True, slots=True)
class Quotable:
    """Words of somebody who agrees to be quoted, by the answer's id, with their language. Nothing of who it is."""

    answer_id: int
    question: str
    words: str
    language: str
    said_on: date


async def quotable(
    connection: AsyncConnection, vault: Vault, flow: str, questions: Sequence[str], event: int | None = None
) -> list[Quotable]:
    """What was answered to these questions in people's own words by those who agree now to be quoted; of the form after
    the event of that number, where one is given.
    """
    a, c = t.answers.c, t.contacts.c
    wanted = [a.flow == flow, a.question.in_(questions), a.withdrawn.is_(False)]
    if event is not None:
        wanted.append(a.event_id.in_(select(t.events.c.id).where(t.events.c.number == event)))
    rows = await connection.execute(
        select(a.id, a.contact_id, a.question, a.sealed, a.language, a.answered_at, c.consents)
        .join(t.contacts, c.id == a.contact_id)
        .where(*wanted)
        .order_by(a.answered_at, a.id)
    )
    found = []
    for id, contact_id, question, sealed, language, at, consents in rows:
        if Purpose.QUOTES in consents.split():
            said = str(orjson.loads(vault.open(sealed, contact_id))[0])
            if said and said != PREFER_NOT_TO_SAY:
                found.append(Quotable(id, question, said, language, from_ms(at).date()))
    return found


async def _may_be_quoted(connection: AsyncConnection, library: Library, answer_id: int) -> bool:
    """Whether the answer is in somebody's own words, and they agree now to be quoted."""
    a, c = t.answers.c, t.contacts.c
    asked = select(a.flow, a.question, c.consents).join(t.contacts, c.id == a.contact_id)
    row = (await connection.execute(asked.where(a.id == answer_id, a.withdrawn.is_(False)))).first()
    if row is None or Purpose.QUOTES not in row.consents.split():
        return False
    flow = library.flows.get(row.flow)
    return flow is not None and row.question in own_words(flow)


async def quotes_of(connection: AsyncConnection, vault: Vault, items: Iterable[Item]) -> dict[int, tuple[str, str]]:
    """By item, the words that are shown with it and their language: only while their person agrees to it."""
    wanted = {one.id: one.quote for one in items if one.quote is not None}
    if not wanted:
        return {}
    a, c = t.answers.c, t.contacts.c
    rows = await connection.execute(
        select(a.id, a.contact_id, a.sealed, a.language, c.consents)
        .join(t.contacts, c.id == a.contact_id)
        .where(a.id.in_(set(wanted.values())), a.withdrawn.is_(False))
    )
    said = {
        id: (str(orjson.loads(vault.open(sealed, contact_id))[0]), language)
        for id, contact_id, sealed, language, consents in rows
        if Purpose.QUOTES in consents.split()
    }
    return {item: said[quote] for item, quote in wanted.items() if quote in said}


# who has been told


async def told(
    connection: AsyncConnection, ids: Callable[[], int], contact_id: int, broadcast: Broadcast, now: datetime
) -> frozenset[int]:
    """Note that somebody who asked for a newsletter has it. Returns the items of it that answer what they had said."""
    n = t.newsletter_told.c
    rows = await connection.execute(select(n.broadcast_id, n.theirs).where(n.contact_id == contact_id))
    had = {broadcast_id: bool(theirs) for broadcast_id, theirs in rows}
    if broadcast.id not in had:
        values = {
            "id": ids(),
            "broadcast_id": broadcast.id,
            "contact_id": contact_id,
            "theirs": False,
            "at": to_ms(now),
        }
        await connection.execute(insert(t.newsletter_told).values(values))
    first = [one for one in await with_items(connection) if had.get(one.id)]
    return frozenset(item for one in first for item in one.items)


async def untell(connection: AsyncConnection, broadcast_id: int, keys: str) -> None:
    """Those whose message of this broadcast never came, by the pattern of its `keys`, have not been told."""
    n, o = t.newsletter_told.c, t.outbox.c
    gone = select(o.contact_id).where(o.key.like(keys), o.status.in_(_NOT_THERE))
    await connection.execute(delete(t.newsletter_told).where(n.broadcast_id == broadcast_id, n.contact_id.in_(gone)))


async def told_of(connection: AsyncConnection, item_id: int) -> tuple[int, int, datetime | None]:
    """How many were told the item; how many of them had said what it answers; and when the first was told."""
    n = t.newsletter_told.c
    brought = [one.id for one in await with_items(connection) if item_id in one.items]
    rows = await connection.execute(
        select(
            func.count(n.contact_id.distinct()), func.count(case((n.theirs, n.contact_id)).distinct()), func.min(n.at)
        ).where(n.broadcast_id.in_(brought))
    )
    everybody, mine, first = rows.one()
    return everybody, mine, None if first is None else from_ms(first)
