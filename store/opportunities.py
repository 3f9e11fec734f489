"""Opportunities, and who has put themselves forward for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.event import Texts
from domain.opportunity import Opportunity, OpportunityState
from store import fires
from store import tables as t
from store.changes import Due
from store.circle import Address
from store.event_rules import Fault, Known, in_texts
from store.opportunity_rules import OpportunityRefused, opportunity_faults
from store.times import from_ms, to_ms

_DOCUMENT = TypeAdapter(Opportunity)
#: Coordinators who add one in the same instant want the same number; the later ones ask for the next.
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Interest:
    """Somebody has put themselves forward, from that address."""

    id: int
    opportunity_id: int
    contact_id: int
    urn_key: int
    channel: str
    at: datetime


class Shown(StrEnum):
    """What came of putting oneself forward. `not_open`: it is closed, withdrawn, or not to be seen."""

    SHOWN = "shown"
    ALREADY = "already"
    NOT_OPEN = "not_open"


async def add(connection: AsyncConnection, opportunity: Opportunity, now: datetime, known: Known) -> Opportunity:
    """Keep it, under the next free number; the one it comes with is not looked at. Raises OpportunityRefused."""
    _look(opportunity, known, now)
    for _ in range(_TRIES - 1):
        try:
            async with connection.begin_nested():
                return await _insert(connection, opportunity, now)
        except IntegrityError:
            continue
    return await _insert(connection, opportunity, now)


async def publish(connection: AsyncConnection, number: int, now: datetime) -> bool:
    """Let people see it. False where there is no draft with that number, or its time is over."""
    found = await _one(connection, t.opportunities.c.number == number, now, lock=True)
    if found is None or found.state is not OpportunityState.DRAFT or found.closes_at <= now:
        return False
    await _keep(connection, replace(found, state=OpportunityState.PUBLISHED))
    return True


async def change(
    connection: AsyncConnection, number: int, wanted: Callable[[Opportunity], Opportunity], now: datetime, known: Known
) -> Opportunity | None:
    """Make of it what is wanted, but for its number and state. Where it was closed because its time was over, and gets
    more, people may ask for it again. None where there is none with that number. Raises OpportunityRefused: also where
    it is withdrawn.
    """
    found = await _one(connection, t.opportunities.c.number == number, now, lock=True)
    if found is None:
        return None
    if found.state is OpportunityState.WITHDRAWN:
        raise OpportunityRefused(Fault((), f"opportunity {number} is withdrawn: add a new one in its place"))
    state = OpportunityState.PUBLISHED if found.state is OpportunityState.CLOSED else found.state
    changed = replace(wanted(found), id=found.id, number=found.number, state=state)
    _look(changed, known, now)
    await _keep(connection, changed)
    return changed


def _look(one: Opportunity, known: Known, now: datetime) -> None:
    if wrong := list(opportunity_faults(one, known, now)):
        raise OpportunityRefused(*wrong)


async def opportunities(connection: AsyncConnection, now: datetime) -> list[Opportunity]:
    """All of them, by their numbers."""
    o = t.opportunities.c
    documents = (await connection.execute(select(o.document).order_by(o.number))).scalars()
    return [_DOCUMENT.validate_json(document).at(now) for document in documents]


async def open_opportunities(connection: AsyncConnection, now: datetime) -> list[Opportunity]:
    """Those that people may put themselves forward for, the one that closes first at the top."""
    o = t.opportunities.c
    documents = await connection.execute(
        select(o.document)
        .where(o.state == OpportunityState.PUBLISHED.value, o.closes_at > to_ms(now))
        .order_by(o.closes_at, o.number)
    )
    return [_DOCUMENT.validate_json(document) for document in documents.scalars()]


async def opportunity(connection: AsyncConnection, id: int, now: datetime) -> Opportunity | None:
    return await _one(connection, t.opportunities.c.id == id, now)


async def numbered(connection: AsyncConnection, number: int, now: datetime) -> Opportunity | None:
    """The one that the team calls by that number."""
    return await _one(connection, t.opportunities.c.number == number, now)


async def show_interest(
    connection: AsyncConnection, ids: Callable[[], int], id: int, address: Address, now: datetime
) -> Shown:
    """Somebody puts themselves forward for the opportunity `id`, and is written to about it at that address."""
    # the lock keeps a withdrawal from passing between the look and the note: whoever is in, is told of it
    found = await _one(connection, t.opportunities.c.id == id, now, lock=True)
    if found is None or not found.open:
        return Shown.NOT_OPEN
    i = t.interests.c
    theirs = (i.opportunity_id == id) & (i.contact_id == address.contact_id)
    row = (await connection.execute(select(i.id, i.withdrawn_at).where(theirs))).first()
    written = {"urn_key": address.urn_key, "channel": address.channel, "at": to_ms(now)}
    if row is None:
        values = {"id": ids(), "opportunity_id": id, "contact_id": address.contact_id, **written}
        await connection.execute(insert(t.interests).values(values))
    elif row.withdrawn_at is None:
        return Shown.ALREADY
    else:
        await connection.execute(update(t.interests).where(theirs).values(**written, withdrawn_at=None))
    return Shown.SHOWN


async def take_back(connection: AsyncConnection, id: int, contact_id: int, now: datetime) -> bool:
    """They put themselves forward no more. False where they did not."""
    i = t.interests.c
    gone = await connection.execute(
        update(t.interests)
        .where(i.opportunity_id == id, i.contact_id == contact_id, i.withdrawn_at.is_(None))
        .values(withdrawn_at=to_ms(now))
    )
    return gone.rowcount > 0


async def interests(connection: AsyncConnection, id: int) -> list[Interest]:
    """Who puts themselves forward for the opportunity `id`, in the order in which they did."""
    i = t.interests.c
    rows = await connection.execute(
        select(i.id, i.opportunity_id, i.contact_id, i.urn_key, i.channel, i.at)
        .where(i.opportunity_id == id, i.withdrawn_at.is_(None))
        .order_by(i.at, i.id)
    )
    return [Interest(*row[:-1], from_ms(row.at)) for row in rows]


async def how_many(connection: AsyncConnection) -> Mapping[int, int]:
    """How many put themselves forward, by the opportunity's id; those that nobody asked for are not in it."""
    i = t.interests.c
    rows = await connection.execute(
        select(i.opportunity_id, func.count()).where(i.withdrawn_at.is_(None)).group_by(i.opportunity_id)
    )
    return {id: count for id, count in rows}


async def interested(connection: AsyncConnection, contact_id: int, now: datetime) -> list[Opportunity]:
    """What that person puts themselves forward for, by its numbers; also what is closed or withdrawn by now."""
    o, i = t.opportunities.c, t.interests.c
    documents = await connection.execute(
        select(o.document)
        .join(t.interests, i.opportunity_id == o.id)
        .where(i.contact_id == contact_id, i.withdrawn_at.is_(None))
        .order_by(o.number)
    )
    return [_DOCUMENT.validate_json(document).at(now) for document in documents.scalars()]


async def withdraw(
    connection: AsyncConnection,
    ids: Callable[[], int],
    number: int,
    explanation: Texts,
    now: datetime,
    known: Known,
) -> int | None:
    """It is not to be: everybody who put themselves forward is told why, also where it was closed already.

    How many they are; None where there is none with that number, or it is withdrawn already. Raises OpportunityRefused
    for an explanation that cannot be sent.
    """
    found = await _one(connection, t.opportunities.c.number == number, now, lock=True)
    if found is None or found.state is OpportunityState.WITHDRAWN:
        return None
    if wrong := list(in_texts(("explanation",), "explanation", explanation, known)):
        raise OpportunityRefused(*wrong)
    await _keep(connection, replace(found, state=OpportunityState.WITHDRAWN, explanation=explanation))
    told = await interests(connection, found.id)
    for one in told:
        key = f"opportunity/{one.id}/withdrawn"
        due = Due(ids(), key, "opportunity", one.contact_id, one.urn_key, one.channel, found.id, "withdrawn")
        await fires.put(connection, due, now)
    return len(told)


async def _insert(connection: AsyncConnection, opportunity: Opportunity, now: datetime) -> Opportunity:
    highest = (await connection.execute(select(func.max(t.opportunities.c.number)))).scalar()
    numbered = replace(opportunity, number=(highest or 0) + 1, closes_at=opportunity.closes_at.astimezone(UTC))
    await connection.execute(
        insert(t.opportunities).values(id=numbered.id, number=numbered.number, created_at=to_ms(now), **_row(numbered))
    )
    return numbered


async def _one(
    connection: AsyncConnection, which: ColumnElement[bool], now: datetime, *, lock: bool = False
) -> Opportunity | None:
    statement = select(t.opportunities.c.document).where(which)
    document = (await connection.execute(statement.with_for_update() if lock else statement)).scalar()
    return None if document is None else _DOCUMENT.validate_json(document).at(now)


async def _keep(connection: AsyncConnection, changed: Opportunity) -> None:
    await connection.execute(update(t.opportunities).where(t.opportunities.c.id == changed.id).values(**_row(changed)))


def as_opportunity(document: str) -> Opportunity:
    """What `document` of a row holds."""
    return _DOCUMENT.validate_json(document)


def _row(opportunity: Opportunity) -> dict[str, str | int]:
    return {
        "kind": opportunity.kind.value,
        "state": opportunity.state.value,
        "closes_at": to_ms(opportunity.closes_at),
        "document": _DOCUMENT.dump_json(opportunity).decode(),
    }
