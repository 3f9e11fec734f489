"""Opportunities on both databases: seen while they are open, asked for once, and never withdrawn in silence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.event import Criterion
from domain.opportunity import Opportunity, OpportunityKind, OpportunityState
from store import fires, opportunities
from store.circle import Address
from store.event_rules import known_of
from store.opportunities import Shown
from tests.conftest import World

ANA, BEN = Address(101, 1, "sms", "en"), Address(102, 2, "telegram", "pl")
WHY = {"en": "The service chose another way.", "pl": "Wybrano inny sposób."}


def panel(world: World, *, days: int = 7) -> Opportunity:
    return Opportunity(
        id=world.app.ids(),
        number=0,
        kind=OpportunityKind.TENDER_PANEL,
        title={"en": "Choosing a new service", "ur": "نئی خدمت"},
        about={"en": "Two days in Chelmsford."},
        criteria=(Criterion(name="north", label={"en": "living in North Essex"}, districts=frozenset({"tendring"})),),
        payment={"en": "£20 an hour"},
        closes_at=(world.clock() + timedelta(days=days)).astimezone(ZoneInfo("Europe/London")),
    )


async def added(world: World, *, days: int = 7, published: bool = True) -> Opportunity:
    async with world.app.database.begin() as tx:
        one = await opportunities.add(tx, panel(world, days=days), world.clock(), known_of(world.app.library))
        if published:
            assert await opportunities.publish(tx, one.number, world.clock())
    return one


async def seen(world: World, one: Opportunity) -> Opportunity:
    async with world.app.database.read() as tx:
        found = await opportunities.opportunity(tx, one.id, world.clock())
    assert found is not None
    return found


async def asks(world: World, one: Opportunity, who: Address) -> Shown:
    async with world.app.database.begin() as tx:
        return await opportunities.show_interest(tx, world.app.ids, one.id, who, world.clock())


async def takes_back(world: World, one: Opportunity, who: Address) -> bool:
    async with world.app.database.begin() as tx:
        return await opportunities.take_back(tx, one.id, who.contact_id, world.clock())


async def withdrawn(world: World, one: Opportunity) -> int | None:
    async with world.app.database.begin() as tx:
        return await opportunities.withdraw(
            tx, world.app.ids, one.number, WHY, world.clock(), known_of(world.app.library)
        )


async def who_asked(world: World, one: Opportunity) -> list[int]:
    async with world.app.database.read() as tx:
        return [interest.contact_id for interest in await opportunities.interests(tx, one.id)]


async def numbers_open(world: World) -> list[int]:
    async with world.app.database.read() as tx:
        return [one.number for one in await opportunities.open_opportunities(tx, world.clock())]


async def test_what_is_kept_is_read_as_it_was_and_numbered_from_one(world: World) -> None:
    first = await added(world, published=False)
    second = await added(world, published=False)
    assert (first.number, second.number) == (1, 2)
    assert await seen(world, first) == first
    assert first == replace(panel(world), id=first.id, number=1)
    async with world.app.database.read() as tx:
        assert await opportunities.numbered(tx, 2, world.clock()) == second
        assert await opportunities.numbered(tx, 3, world.clock()) is None
        assert await opportunities.opportunities(tx, world.clock()) == [first, second]


async def test_two_coordinators_at_once_get_two_numbers(world: World) -> None:
    made = await asyncio.gather(*(added(world) for _ in range(8)))
    assert sorted(one.number for one in made) == list(range(1, 9))


async def test_people_see_what_is_published_and_not_closed_soonest_first(world: World) -> None:
    draft, week, days = await added(world, published=False), await added(world), await added(world, days=3)
    assert await numbers_open(world) == [days.number, week.number]
    world.clock.forward(timedelta(days=3))
    assert await numbers_open(world) == [week.number]
    assert (await seen(world, days)).state is OpportunityState.CLOSED
    assert (await seen(world, week)).state is OpportunityState.PUBLISHED
    world.clock.forward(timedelta(days=30))
    assert (await seen(world, draft)).state is OpportunityState.DRAFT


async def test_only_a_draft_whose_time_is_to_come_is_published(world: World) -> None:
    one, late = await added(world), await added(world, published=False)
    world.clock.forward(timedelta(days=7))
    async with world.app.database.begin() as tx:
        for number in (one.number, late.number, 99):
            assert not await opportunities.publish(tx, number, world.clock())


async def test_somebody_asks_once_and_may_take_it_back_and_ask_again(world: World) -> None:
    one, other = await added(world), await added(world)
    assert await asks(world, one, ANA) is Shown.SHOWN
    assert await asks(world, one, ANA) is Shown.ALREADY
    world.clock.forward(timedelta(minutes=1))
    assert await asks(world, one, BEN) is Shown.SHOWN
    assert await who_asked(world, one) == [ANA.contact_id, BEN.contact_id]
    assert await takes_back(world, one, ANA)
    assert not await takes_back(world, one, ANA)
    assert not await takes_back(world, other, BEN)
    assert await who_asked(world, one) == [BEN.contact_id]
    world.clock.forward(timedelta(minutes=1))
    moved = replace(ANA, urn_key=7, channel="telegram")
    assert await asks(world, one, moved) is Shown.SHOWN
    async with world.app.database.read() as tx:
        _, last = await opportunities.interests(tx, one.id)
        assert (last.contact_id, last.urn_key, last.channel, last.at) == (101, 7, "telegram", world.clock())
        assert await opportunities.how_many(tx) == {one.id: 2}
        assert await opportunities.interested(tx, BEN.contact_id, world.clock()) == [await seen(world, one)]
        assert await opportunities.interested(tx, 999, world.clock()) == []


async def test_what_is_not_open_cannot_be_asked_for(world: World) -> None:
    draft, one, gone = await added(world, published=False), await added(world), await added(world)
    assert await withdrawn(world, gone) == 0
    for closed in (draft, gone, replace(draft, id=4711)):
        assert await asks(world, closed, ANA) is Shown.NOT_OPEN
    world.clock.forward(timedelta(days=7))
    assert await asks(world, one, ANA) is Shown.NOT_OPEN
    assert await world.rows("SELECT id FROM interests") == []


async def test_everybody_who_asked_is_told_of_a_withdrawal_and_nobody_else(world: World) -> None:
    one, other = await added(world), await added(world)
    for who in (ANA, BEN, replace(ANA, contact_id=103)):
        await asks(world, one, who)
    await takes_back(world, one, replace(ANA, contact_id=103))
    await asks(world, other, replace(ANA, contact_id=104))
    assert await withdrawn(world, one) == 2
    due = await fires.due(world.app.database, world.clock())
    async with world.app.database.read() as tx:
        named = {interest.contact_id: interest.id for interest in await opportunities.interests(tx, one.id)}
    assert {(d.kind, d.key, d.contact_id, d.urn_key, d.channel, d.session_id, d.flow) for d in due} == {
        ("opportunity", f"opportunity/{named[w.contact_id]}/withdrawn", w.contact_id, w.urn_key, w.channel, one.id,
         "withdrawn")
        for w in (ANA, BEN)
    }  # fmt: skip
    found = await seen(world, one)
    assert (found.state, found.explanation) == (OpportunityState.WITHDRAWN, WHY)
    assert await withdrawn(world, one) is None
    assert await withdrawn(world, replace(one, number=99)) is None
    assert len(await world.rows("SELECT id FROM fires")) == 2


async def test_one_that_is_closed_can_still_be_withdrawn(world: World) -> None:
    one = await added(world)
    await asks(world, one, ANA)
    world.clock.forward(timedelta(days=8))
    assert await withdrawn(world, one) == 1
    assert (await seen(world, one)).state is OpportunityState.WITHDRAWN


async def test_nobody_slips_in_beside_a_withdrawal(world: World) -> None:
    """Whoever was told that they are in, is told that it is withdrawn."""
    one = await added(world)
    crowd = [replace(ANA, contact_id=n, urn_key=n) for n in range(200, 220)]
    asked = [asks(world, one, who) for who in (*crowd, *crowd[:5])]
    first, told, rest = await asyncio.gather(
        asyncio.gather(*asked[:12]), withdrawn(world, one), asyncio.gather(*asked[12:])
    )
    in_it = [*first, *rest].count(Shown.SHOWN)
    assert (told, len(await who_asked(world, one))) == (in_it, in_it)
    assert len(await world.rows("SELECT id FROM fires WHERE kind = 'opportunity'")) == in_it


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        Opportunity(
            id=1,
            number=1,
            kind=OpportunityKind.LAY_ASSESSOR,
            title={"en": "Visits"},
            closes_at=datetime.fromisoformat("2026-12-01"),
        )
