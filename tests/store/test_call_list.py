"""The call list on both databases: who is on it and why, what a call changes, and that it is theirs like all else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import insert, update

from domain.call_list import Outcome, Why
from domain.event import EventState
from domain.message import MessageClass
from flows.session import Session
from store import erasure, merging, retention
from store import tables as t
from store.call_list import ToCall, call_list, called, record
from store.dossier import dossier
from store.event_rows import as_row
from store.sessions import stored
from store.team import raise_alert
from store.times import to_ms
from tests.bot.held import an_event, books, contact_of, hold, on_the_team
from tests.conftest import World

ANN, BEN, CLEO, DAN = (f"tel:+44770090010{n}" for n in range(1, 5))
TESS = "telegram:5001"
WELLBEING = {"wellbeing": "How are you"}


async def listed(world: World) -> list[ToCall]:
    async with world.app.database.read() as tx:
        found = await call_list(tx, world.app.vault, WELLBEING, world.clock())
    assert found.total == len(found.people)
    return list(found.people)


async def whys(world: World) -> dict[int, list[Why]]:
    return {one.contact_id: [reason.why for reason in one.reasons] for one in await listed(world)}


async def noted(world: World, who: str, outcome: Outcome, note: str = "", again: timedelta | None = None) -> None:
    now = world.clock()
    again_at = None if again is None else now + again
    async with world.app.database.begin() as tx:
        (id,) = await called(tx, world.app.vault, who)
        assert await record(tx, world.app.vault, world.app.ids, id, outcome, note, again_at, now)


async def alert(world: World, who: str, kind: str) -> int:
    id = await contact_of(world, who)
    async with world.app.database.begin() as tx:
        await raise_alert(tx, world.app.ids(), kind, id, "", world.app.vault.find(who), "sms", world.clock())
    return id


async def agrees(world: World, who: str) -> int:
    """They agree to be invited."""
    id = await contact_of(world, who)
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.contacts).where(t.contacts.c.id == id).values(consents="invitations"))
    return id


async def message(world: World, who: str, status: str, **given: Any) -> None:
    """One of ours to them, made now."""
    id, now = await contact_of(world, who), to_ms(world.clock())
    row = {
        "id": world.app.ids(), "key": f"test/{world.app.ids()}", "contact_id": id, "urn_key": world.app.vault.find(who),
        "channel": "sms", "message_class": int(MessageClass.INVITATION), "status": status,
        "sealed": world.app.vault.seal(b'["hello", "", []]', id), "send_after": now, "expires_at": now + 1,
        "created_at": now,
    }  # fmt: skip
    async with world.app.database.begin() as tx:
        await tx.execute(insert(t.outbox).values({**row, **given}))


async def session(world: World, who: str, flow: str, **answers: str) -> None:
    id, now = await contact_of(world, who), to_ms(world.clock())
    sealed = world.app.vault.seal(stored(Session(flow, 1, answers=answers)), id)
    async with world.app.database.begin() as tx:
        await tx.execute(
            insert(t.sessions).values(
                id=world.app.ids(), contact_id=id, urn_key=world.app.vault.find(who), channel="sms", flow=flow,
                version=1, sprint=1, sealed=sealed, started_at=now, heard_at=now, deadline_at=now, wakes_at=now,
            )
        )  # fmt: skip


async def fact(world: World, id: int, field: str, value: object) -> None:
    sealed = world.app.vault.seal(orjson.dumps([value, ""]), id)
    async with world.app.database.begin() as tx:
        await tx.execute(insert(t.profile).values(contact_id=id, field=field, sealed=sealed, source="self", said_at=1))


async def test_alerts_that_nobody_has_taken_lead_to_a_call_the_most_urgent_first(world: World) -> None:
    ann, ben, cleo = [await alert(world, who, kind) for who, kind in (
        (ANN, "stuck"), (BEN, "person"), (CLEO, "distress"))]  # fmt: skip
    await alert(world, ANN, "low_score")
    await alert(world, DAN, "not_sent")  # is no reason by itself
    assert [one.contact_id for one in await listed(world)] == [cleo, ben, ann]
    assert (await whys(world))[ann] == [Why.LOW_SCORE, Why.STUCK]
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.alerts).where(t.alerts.c.kind == "person").values(taken_by=ann))
    assert ben not in await whys(world)


async def test_only_so_many_are_opened_and_the_others_are_counted(world: World) -> None:
    ann = await alert(world, ANN, "person")
    for who in (BEN, CLEO):
        await agrees(world, who)
    world.clock.forward(timedelta(minutes=5))
    for who in (BEN, CLEO):
        await message(world, who, "sent")
    world.clock.forward(timedelta(days=4))
    async with world.app.database.read() as tx:
        found = await call_list(tx, world.app.vault, WELLBEING, world.clock(), limit=1)
    assert ([one.contact_id for one in found.people], found.total, found.encouraged) == ([ann], 3, 2)


async def test_whoever_calls_is_told_all_they_must_know(world: World) -> None:
    id = await alert(world, ANN, "worried")
    for field, value in (
        ("nickname", "Ana"), ("meeting", ["interpreter", "quiet_space"]), ("reading", ["bsl"]),
        ("interpreter_language", "Romani"),
    ):  # fmt: skip
        await fact(world, id, field, value)
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.contacts).where(t.contacts.c.id == id).values(hours="11:00-20:00 01234"))
    await session(world, ANN, "warm_up", unsure="yes", worry="the stairs")
    world.clock.forward(timedelta(hours=1))
    await session(world, ANN, "warm_up", unsure="yes", worry="the bus home")
    await session(world, ANN, "warm_up", unsure="no")
    (one,) = await listed(world)
    assert (one.nickname, one.addresses, one.language) == ("Ana", (ANN,), None)
    assert (one.helps, one.interpreter_language) == (("interpreter", "bsl"), "Romani")
    assert (one.hours, one.worry, one.tries) == ("11:00-20:00 01234", "the bus home", 0)


async def test_who_has_not_said_that_they_know_of_a_change_is_called_and_then_knows(world: World) -> None:
    event = await hold(world, an_event())
    for who in (ANN, BEN):
        await books(world, who, event)
    ann = await contact_of(world, ANN)
    assert await whys(world) == {}
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.events).values(revision=1))
        await tx.execute(update(t.bookings).where(t.bookings.c.contact_id != ann).values(acknowledged=1))
    assert await whys(world) == {ann: [Why.CHANGED]}
    (one,) = await listed(world)
    assert (one.reasons[0].about, one.reasons[0].event_at) == ("Speaking in meetings", event.starts_at)
    world.clock.forward(timedelta(days=2))
    assert await whys(world) == {ann: [Why.SOON_CHANGED]}
    await noted(world, ANN, Outcome.REACHED)
    assert await whys(world) == {}
    async with world.app.database.begin() as tx:
        off = {**as_row(an_event(state=EventState.CALLED_OFF)), "revision": 2, "called_off_at": to_ms(world.clock())}
        await tx.execute(update(t.events).values(off))
        await tx.execute(update(t.bookings).where(t.bookings.c.contact_id != ann).values(acknowledged=2))
    assert await whys(world) == {ann: [Why.SOON_CALLED_OFF]}
    world.clock.forward(timedelta(days=3))
    assert await whys(world) == {}  # it is over


async def test_who_was_invited_and_says_nothing_is_called_after_three_days(world: World) -> None:
    ann, ben = await agrees(world, ANN), await agrees(world, BEN)
    await contact_of(world, CLEO)  # has agreed to nothing
    world.clock.forward(timedelta(minutes=5))
    for who in (ANN, BEN, CLEO):
        await message(world, who, "delivered")
    await session(world, BEN, "wellbeing")
    await session(world, ANN, "needs")
    world.clock.forward(timedelta(days=2))
    assert await whys(world) == {}
    world.clock.forward(timedelta(days=1))
    assert await whys(world) == {ann: [Why.INVITATION], ben: [Why.QUESTION]}
    assert next(one.reasons[0].about for one in await listed(world) if one.contact_id == ben) == "How are you"
    await world.say(ANN, "hello")
    await world.say(BEN, "STOP")
    assert await whys(world) == {}


async def test_nobody_is_called_for_an_invitation_of_long_ago_nor_the_team_at_all(world: World) -> None:
    await agrees(world, ANN)
    await agrees(world, BEN)
    await on_the_team(world, BEN, "Ben")
    world.clock.forward(timedelta(minutes=5))
    for who in (ANN, BEN):
        await message(world, who, "sent")
    world.clock.forward(timedelta(days=5))
    assert [*(await whys(world)).values()] == [[Why.INVITATION]]
    world.clock.forward(timedelta(days=60))
    assert await whys(world) == {}


async def test_who_came_once_and_has_no_other_place_is_missed_after_six_weeks(world: World) -> None:
    event = await hold(world, an_event())
    for who in (ANN, BEN):
        await agrees(world, who)
        await books(world, who, event)
    ann = await contact_of(world, ANN)
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.bookings).values(came=True))
    world.clock.forward(timedelta(days=40))
    assert await whys(world) == {}
    world.clock.forward(timedelta(days=10))
    later = an_event(
        id=4712,
        number=4,
        days=tuple(
            type(day)(world.clock() + timedelta(days=9), world.clock() + timedelta(days=9, hours=1))
            for day in event.days
        ),
    )
    await books(world, BEN, await hold(world, later))
    assert await whys(world) == {ann: [Why.CAME_ONCE]}
    await noted(world, ANN, Outcome.BOOKED)
    assert await whys(world) == {}


async def test_a_number_that_failed_for_good_is_to_be_found_out(world: World) -> None:
    ids = [await contact_of(world, who) for who in (ANN, BEN, CLEO, DAN)]
    world.clock.forward(timedelta(minutes=5))
    kind = int(MessageClass.REMINDER)
    await message(world, ANN, "failed", message_class=kind, error="30006")
    await message(world, BEN, "failed", message_class=kind, error="30003")
    await message(world, BEN, "delivered", message_class=kind)
    await message(world, CLEO, "failed", message_class=kind, error="perhaps sent")
    await message(world, DAN, "failed", message_class=kind, error="21610")
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.urns).where(t.urns.c.contact_id == ids[3]).values(blocked_at=1))
    assert await whys(world) == {ids[0]: [Why.FAILED]}
    assert (await listed(world))[0].reasons[0].about == "30006"
    world.clock.forward(timedelta(minutes=5))
    await world.say(ANN, "hello")
    assert await whys(world) == {}


async def test_what_came_of_a_call_is_noted_in_one_step(world: World) -> None:
    ann = await alert(world, ANN, "worried")
    world.clock.forward(timedelta(minutes=5))
    await noted(world, ANN, Outcome.NOT_REACHED, again=timedelta(days=1))
    assert await whys(world) == {}
    world.clock.forward(timedelta(days=1))
    assert [one.tries for one in await listed(world)] == [1]
    await noted(world, ANN, Outcome.REACHED, "wants a lift")
    assert await whys(world) == {}
    assert await world.rows("SELECT done_at IS NULL FROM alerts") == [(False,)]
    await noted(world, ANN, Outcome.NO_MORE_CALLS)
    world.clock.forward(timedelta(minutes=5))
    await alert(world, ANN, "worried")
    assert await whys(world) == {}
    await alert(world, ANN, "person")
    assert await whys(world) == {ann: [Why.PERSON]}


async def test_an_alert_that_somebody_of_the_team_sees_to_stays_theirs(world: World) -> None:
    kim = await on_the_team(world, TESS, "Kim")
    await alert(world, ANN, "person")
    async with world.app.database.begin() as tx:
        await tx.execute(update(t.alerts).values(taken_by=kim, taken_at=1))
    await noted(world, ANN, Outcome.REACHED)
    assert await world.rows("SELECT done_at FROM alerts") == [(None,)]


async def test_nothing_is_noted_of_who_is_gone(world: World) -> None:
    async with world.app.database.begin() as tx:
        assert await called(tx, world.app.vault, ANN) == []
        assert not await record(tx, world.app.vault, world.app.ids, 1, Outcome.REACHED, "", None, world.clock())
    assert await world.rows("SELECT * FROM calls") == []


async def test_everybody_of_a_shared_phone_is_called_at_it(world: World) -> None:
    ann, ben = await alert(world, ANN, "worried"), await alert(world, BEN, "stuck")
    key = world.app.vault.find(ANN)
    async with world.app.database.begin() as tx:
        sealed = world.app.vault.seal(b"Ben", ben)
        await tx.execute(insert(t.sharers).values(urn_key=key, contact_id=ben, sealed=sealed, created_at=1))
        assert await called(tx, world.app.vault, ANN) == sorted((ann, ben))
    found = {one.contact_id: set(one.addresses) for one in await listed(world)}
    assert found == {ann: {ANN}, ben: {ANN, BEN}}


async def test_calls_are_theirs_to_read_move_with_them_and_go_with_them(world: World) -> None:
    app = world.app
    ann, tess = await contact_of(world, ANN), await contact_of(world, TESS)
    await noted(world, TESS, Outcome.NOT_REACHED, again=timedelta(days=1))
    await noted(world, TESS, Outcome.REACHED, "likes the choir")
    async with app.database.begin() as tx:
        assert await merging.merge(tx, app.vault, app.ids, tess, ann, "ABCDEFGH", world.clock())
    async with app.database.read() as tx:
        kept = await dossier(tx, app.vault, ann, world.clock())
    assert kept is not None
    assert [(one.outcome, one.note) for one in kept.calls] == [("not_reached", ""), ("reached", "likes the choir")]
    async with app.database.begin() as tx:
        await erasure.erase(tx, app.vault, app.ids, ann, "ABCDEFGJ", world.clock())
    assert await world.rows("SELECT * FROM calls") == []


async def test_a_call_is_kept_two_years_but_for_the_wish_not_to_be_called(world: World) -> None:
    await agrees(world, ANN)
    await noted(world, ANN, Outcome.REACHED, "likes the choir")
    await noted(world, ANN, Outcome.NO_MORE_CALLS)
    for days, left in ((700, 2), (60, 1), (4000, 1)):
        world.clock.forward(timedelta(days=days))
        await world.say(ANN, "hello")
        app = world.app
        await retention.tidy(app.database, app.vault, app.ids, lambda: "ABCDEFGH", retention.Periods(), world.clock())
        assert len(await world.rows("SELECT id FROM calls")) == left
