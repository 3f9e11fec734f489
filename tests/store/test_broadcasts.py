"""Broadcasts on both databases: who gets them, once, at a known price, and what keeps them from being sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from domain.broadcast import Broadcast, BroadcastRefused, BroadcastState, LeftOut, Wording
from domain.contact import Purpose
from domain.event import Criterion
from domain.message import MessageClass, Status
from domain.segment import Known, Segment, meant
from domain.sms import segments as counted
from flows.library import Library
from store import erasure
from store import tables as t
from store.broadcasts import course, drafts, preparing, previews
from store.broadcasts.course import Progress
from store.broadcasts.drafts import Post
from store.database import Database
from tests.conftest import Clock, World, make_world
from tests.crowd import Somebody, phone, put
from tests.events import an_event, put_event

ENGLISH = "Come and have your say on Tuesday at 2pm. There is tea."
POLISH = "Zapraszamy we wtorek o 14. Będzie herbata."
TEXTS = {"en": Wording(ENGLISH, "the team"), "pl": Wording(POLISH, "A. Kowalska")}


def draft(**given: Any) -> Broadcast:
    chosen: dict[str, Any] = {"id": 0, "number": 0, "name": "Tea", "segment": Segment(), "texts": TEXTS}
    return Broadcast(**{**chosen, **given})


async def made(world: World, **given: Any) -> Broadcast:
    app = world.app
    async with app.database.begin() as connection:
        return await drafts.add(connection, app.post, draft(**given), None, app.clock())


async def begun(world: World, post: Post | None = None, **given: Any) -> Broadcast:
    broadcast = await made(world, **given)
    await course.start(post or world.app.post, broadcast.number, world.clock())
    return broadcast


async def progress(world: World, broadcast: Broadcast) -> Progress:
    async with world.app.database.read() as connection:
        found = await course.progress(connection, broadcast.number)
    assert found is not None
    return found


async def refusal(world: World, post: Post | None = None, **given: Any) -> str:
    """What is said of why it is not sent; nothing is queued."""
    broadcast = await made(world, **given)
    with pytest.raises(BroadcastRefused) as refused:
        await course.start(post or world.app.post, broadcast.number, world.clock())
    assert await preparing.tend(world.app.post, world.clock()) == 0
    assert await world.rows("SELECT id FROM outbox") == []
    return str(refused.value)


async def order(world: World, what: str, number: int) -> None:
    async with world.app.database.begin() as connection:
        if what == "pause":
            await course.pause(connection, number)
        else:
            await course.stop(connection, number, world.clock())


def with_terms(world: World, **given: Any) -> Post:
    return replace(world.app.post, terms=replace(world.app.post.terms, **given))


# who gets it, and at what price


async def test_what_is_previewed_is_what_is_queued_and_paid_for(world: World) -> None:
    await put(world.app, [Somebody(), Somebody(language="pl"), Somebody(urns=(("telegram:4711", False),))])
    broadcast = await made(world)
    ahead = await previews.preview(world.app.post, broadcast, world.clock())
    await course.start(world.app.post, broadcast.number, world.clock())
    assert await preparing.tend(world.app.post, world.clock()) == 3
    assert {key: tally.people for key, tally in ahead.tallies.items()} == {
        ("en", "sms"): 1,
        ("pl", "sms"): 1,
        ("en", "telegram"): 1,
    }
    world.clock.forward(timedelta(minutes=5))
    for sender in world.app.senders:
        await sender.drain()
    told = {who: [m.text for m in await world.told(who)] for who in (phone(0), phone(1), "telegram:4711")}
    assert told == {phone(0): [ENGLISH], phone(1): [POLISH], "telegram:4711": [ENGLISH]}
    assert {key: tally.shown for key, tally in ahead.tallies.items()} == {
        ("en", "sms"): ENGLISH,
        ("pl", "sms"): POLISH,
        ("en", "telegram"): ENGLISH,
    }
    assert ahead.segments == counted(ENGLISH).count + counted(POLISH).count
    found = await progress(world, broadcast)
    assert found.messages[Status.SENT] + found.messages[Status.DELIVERED] == 3
    assert found.kept.queued_segments == ahead.segments


async def test_who_is_left_out_is_told_with_the_reason(world: World) -> None:
    crowd = [
        Somebody(),
        Somebody(stopped=True),
        Somebody(consents=("newsletter",)),
        Somebody(urns=(("telegram:1", True),)),
        Somebody(discreet=True),
        Somebody(language="ro"),
    ]
    ids = await put(world.app, crowd)
    async with world.app.database.begin() as connection:
        gone = {"id": ids[-1] + 1, "created_at": 0, "language": "en", "consents": "invitations"}
        await connection.execute(insert(t.contacts).values(gone))  # of an address that was given up
    ahead = await previews.preview(world.app.post, await made(world), world.clock())
    assert ahead.meant == 7
    assert ahead.people == 1
    assert ahead.left_out == {
        LeftOut.STOPPED: 1,
        LeftOut.NO_CONSENT: 1,
        LeftOut.BLOCKED: 1,
        LeftOut.DISCREET: 1,
        LeftOut.NO_TEXT: 1,
        LeftOut.NO_ADDRESS: 1,
    }


async def test_a_number_that_takes_no_texts_is_left_out_until_one_arrives(world: World) -> None:
    (id,) = await put(world.app, [Somebody()])
    row = {
        "contact_id": id, "urn_key": world.app.vault.find(phone(0)), "channel": "sms", "message_class": 1,
        "sealed": b"", "send_after": 0, "expires_at": 0, "created_at": 0,
    }  # fmt: skip
    async with world.app.database.begin() as connection:
        await connection.execute(
            insert(t.outbox).values(row | {"id": 1, "key": "a", "status": "failed", "error": "30006"})
        )
    broadcast = await made(world)
    assert (await previews.preview(world.app.post, broadcast, world.clock())).left_out == {LeftOut.UNREACHABLE: 1}
    async with world.app.database.begin() as connection:
        await connection.execute(insert(t.outbox).values(row | {"id": 2, "key": "b", "status": "delivered"}))
    assert (await previews.preview(world.app.post, broadcast, world.clock())).people == 1


async def test_people_are_chosen_by_what_they_told(world: World) -> None:
    crowd = [
        Somebody(told=(("district", "tendring"), ("groups", ("refugee", "lgbt")))),
        Somebody(told=(("district", "harlow"), ("groups", ("refugee",)))),
        Somebody(told=(("district", "tendring"), ("relation", "carer"))),
    ]
    await put(world.app, crowd)
    there = Segment(districts=("tendring",), groups=("refugee",))
    assert (await previews.preview(world.app.post, draft(segment=there), world.clock())).meant == 1
    carers = await previews.preview(
        world.app.post, draft(segment=Segment(districts=("tendring", "harlow"))), world.clock()
    )
    assert carers.meant == 3


async def test_on_a_shared_phone_each_message_says_whose_it_is(world: World) -> None:
    who = phone(1)
    for words in ("JOIN", "yes", "Ann", "1", "6"):
        await world.say(who, words)
    for words in ("SHARE", "Ann", "Zoë"):
        await world.say(who, words)
    async with world.app.database.begin() as connection:
        await connection.execute(text("UPDATE contacts SET consents = 'invitations', language = 'en'"))
    broadcast = await begun(world)
    assert await preparing.tend(world.app.post, world.clock()) == 2
    last = {message.text for message in (await world.told(who))[-2:]}
    assert last == {f"Ann: {ENGLISH}", f"Zoë: {ENGLISH}"}
    found = await progress(world, broadcast)
    assert found.kept.queued_segments == found.kept.segments == sum(counted(one).count for one in last)


async def test_a_text_that_names_people_is_counted_for_each(world: World) -> None:
    named = {"en": Wording("Dear {nickname},\n" + "a" * 150, "the team")}
    crowd = [Somebody(told=(("nickname", "Jo"),)), Somebody(told=(("nickname", "Zażółć"),)), Somebody()]
    await put(world.app, crowd)
    broadcast = await begun(world, texts=named)
    await preparing.tend(world.app.post, world.clock())
    told = [(await world.told(phone(n)))[0].text for n in range(3)]
    assert told == [f"Dear Jo,\n{'a' * 150}", f"Dear Zażółć,\n{'a' * 150}", "a" * 150]
    assert (await progress(world, broadcast)).kept.queued_segments == sum(counted(one).count for one in told) == 5


_PEOPLE = st.builds(
    Somebody,
    language=st.sampled_from([None, "en", "pl", "ro"]),
    consents=st.sets(st.sampled_from(["invitations", "newsletter", "quotes"])).map(lambda found: tuple(sorted(found))),
    stopped=st.booleans(),
    discreet=st.booleans(),
    roles=st.sampled_from(["", "carer", "facilitator coordinator"]),
    hours=st.sampled_from(["", "11:00-20:00 02345"]),
    told=st.lists(
        st.sampled_from([("district", "tendring"), ("district", "harlow"), ("groups", ("refugee",))]),
        unique_by=lambda one: one[0],
    ).map(tuple),
)
_SEGMENTS = st.builds(
    Segment,
    consent=st.sampled_from([Purpose.INVITATIONS, Purpose.NEWSLETTER]),
    districts=st.sampled_from([(), ("tendring",), ("tendring", "harlow")]),
    languages=st.sampled_from([(), ("pl",), ("en", "ro")]),
    groups=st.sampled_from([(), ("refugee",)]),
)


@pytest.fixture
async def a_world(tmp_path: Path, flows: Library, clock: Clock) -> AsyncIterator[World]:
    urls = f"sqlite+aiosqlite:///{tmp_path}/mime.db", f"sqlite+aiosqlite:///{tmp_path}/evaluation.db"
    world = await make_world(urls, flows, clock)
    yield world
    await world.app.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crowd=st.lists(_PEOPLE, min_size=1, max_size=12), segment=_SEGMENTS, page=st.integers(1, 5))
async def test_nobody_is_written_to_who_is_not_meant_or_did_not_agree(
    a_world: World, crowd: list[Somebody], segment: Segment, page: int
) -> None:
    app = a_world.app
    async with app.database.begin() as connection:
        for table in (t.contacts, t.urns, t.profile, t.outbox, t.broadcasts):
            await connection.execute(table.delete())
    ids = await put(app, crowd)
    news = segment.consent is Purpose.NEWSLETTER
    kind = MessageClass.NEWSLETTER if news else MessageClass.INVITATION
    post = replace(app.post, page=page)
    broadcast = await made(a_world, segment=segment, message_class=kind, without=frozenset({"ro"}))
    ahead = await previews.preview(post, broadcast, app.clock())
    if ahead.people:
        await course.start(post, broadcast.number, app.clock())
        await preparing.tend(post, app.clock())
    got = Counter(row.contact_id for row in await a_world.rows("SELECT contact_id FROM outbox"))
    expected = Counter(
        id
        for id, one in zip(ids, crowd, strict=True)
        if not one.stopped
        and segment.consent in one.consents
        and not one.discreet
        and one.language != "ro"
        and meant(segment, _known(one))
    )
    assert got == expected
    assert ahead.people == expected.total()
    assert ahead.meant == sum(meant(segment, _known(one)) for one in crowd) == ahead.people + ahead.left_out.total()


def _known(one: Somebody) -> Known:
    told = dict(one.told)
    groups = told.get("groups", ())
    return Known(
        one.language or "en",
        frozenset(one.roles.split()),
        str(told.get("district", "")),
        frozenset(groups if isinstance(groups, tuple) else ()),
        carer="carer" in one.roles,
    )


# once, whatever happens


class Killed(Exception):
    """The process is gone."""


async def test_killed_in_the_middle_it_goes_on_without_doubles(world: World) -> None:
    await put(world.app, [Somebody() for _ in range(23)])
    broadcast = await begun(world)
    left = iter(range(13))

    def dies() -> int:
        if next(left, None) is None:
            raise Killed
        return world.app.ids()

    with pytest.raises(Killed):
        await preparing.tend(replace(world.app.post, page=5, ids=dies), world.clock())
    assert (await progress(world, broadcast)).kept.queued == 10  # the third page is undone as a whole
    assert await preparing.tend(replace(world.app.post, page=4), world.clock()) == 13
    rows = await world.rows("SELECT contact_id FROM outbox")
    assert len(rows) == len(set(rows)) == 23
    assert (await progress(world, broadcast)).kept.prepared


async def test_two_programs_prepare_it_together_once(world: World) -> None:
    await put(world.app, [Somebody() for _ in range(40)])
    await begun(world)
    other = Database(world.app.database.engine.url.render_as_string(hide_password=False))
    try:
        posts = [replace(world.app.post, page=3), replace(world.app.post, page=3, database=other)]
        queued = await asyncio.gather(*(preparing.tend(post, world.clock()) for post in posts))
    finally:
        await other.close()
    assert sum(queued) == 40
    assert len(await world.rows("SELECT id FROM outbox")) == 40


async def test_who_stops_before_their_page_gets_nothing_and_after_it_neither(world: World) -> None:
    await put(world.app, [Somebody() for _ in range(4)])
    broadcast = await begun(world, send_at=world.clock() + timedelta(hours=3))
    assert await preparing.tend(world.app.post, world.clock()) == 0  # nothing is prepared so early
    await world.say(phone(0), "STOP")
    world.clock.forward(timedelta(hours=2, minutes=50))
    assert await preparing.tend(world.app.post, world.clock()) == 3
    await world.say(phone(1), "STOP")
    world.clock.forward(timedelta(minutes=30))
    for sender in world.app.senders:
        await sender.drain()
    got = {
        n: [m.text for m in await world.told(phone(n)) if m.text == ENGLISH and m.status == "sent"] for n in range(4)
    }
    assert {n for n, texts in got.items() if texts} == {2, 3}
    await preparing.tend(world.app.post, world.clock())
    assert (await progress(world, broadcast)).kept.broadcast.state is BroadcastState.DONE


# when


async def test_each_is_written_to_in_hours_that_suit_them_and_at_the_channels_pace(world: World) -> None:
    await put(world.app, [*(Somebody() for _ in range(5)), Somebody(hours="15:00-18:00 0123456")])
    await begun(world)
    await preparing.tend(world.app.post, world.clock())
    now = int(world.clock().timestamp() * 1000)
    at = [row.send_after - now for row in await world.rows("SELECT send_after FROM outbox ORDER BY id")]
    assert at == [0, 1000, 2000, 3000, 4000, 5 * 3_600_000]  # a segment a second; the last one's hours begin at 3pm


async def test_it_is_spread_over_days_and_each_days_part_is_prepared_on_the_day(world: World) -> None:
    await put(world.app, [Somebody() for _ in range(6)])
    await begun(world, replace(world.app.post, page=1), days=3)
    post = replace(world.app.post, page=1)
    queued = []
    for _ in range(3):
        queued.append(await preparing.tend(post, world.clock()))
        world.clock.forward(timedelta(days=1))
    assert queued == [2, 2, 2]


async def test_paused_it_holds_everything_back_and_resumed_it_goes_on_from_then(world: World) -> None:
    await put(world.app, [Somebody() for _ in range(5)])
    broadcast = await begun(world)
    await preparing.tend(world.app.post, world.clock())
    await order(world, "pause", broadcast.number)
    world.clock.forward(timedelta(hours=4))
    for sender in world.app.senders:
        await sender.drain()
    assert (await progress(world, broadcast)).messages == {Status.QUEUED: 5}
    await course.resume(world.app.post, broadcast.number, world.clock())
    rows = await world.rows("SELECT send_after, expires_at FROM outbox ORDER BY id")
    now = int(world.clock().timestamp() * 1000)
    assert [row.send_after - now for row in rows] == [0, 1000, 2000, 3000, 4000]
    assert all(row.expires_at > row.send_after for row in rows)
    world.clock.forward(timedelta(minutes=1))
    for sender in world.app.senders:
        await sender.drain()
    assert (await progress(world, broadcast)).messages.total() == 5
    assert Status.QUEUED not in (await progress(world, broadcast)).messages


async def test_stopped_nothing_more_goes_out(world: World) -> None:
    await put(world.app, [Somebody() for _ in range(5)])
    broadcast = await begun(world)
    await preparing.tend(world.app.post, world.clock())
    await order(world, "stop", broadcast.number)
    assert (await progress(world, broadcast)).messages == {Status.CANCELLED: 5}
    with pytest.raises(BroadcastRefused, match="stopped already"):
        await order(world, "stop", broadcast.number)


# stopped before the first message


async def test_an_empty_segment_is_refused(world: World) -> None:
    await put(world.app, [Somebody(stopped=True)])
    assert "all 1 are left out (1 told us to stop)" in await refusal(world)
    assert "the segment means nobody" in await refusal(world, segment=Segment(districts=("harlow",)))


async def test_a_language_without_a_reviewed_text_is_refused_unless_it_is_left_out(world: World) -> None:
    await put(world.app, [Somebody(), Somebody(language="ro"), Somebody(language="ur")])
    texts = {**TEXTS, "ro": Wording("Veniți.")}
    said = await refusal(world, texts=texts)
    assert "1 person read ro, and its text has not been reviewed: add one" in said
    assert "1 person read ur, and there is no text for them" in said
    ahead = await previews.preview(
        world.app.post, await begun(world, texts=texts, without=frozenset({"ro", "ur"})), world.clock()
    )
    assert ahead.people == 1


@pytest.mark.parametrize("blank", ["{date}", "[time]", "<place>", "____", "{"])
async def test_a_text_with_a_blank_is_refused(world: World, blank: str) -> None:
    with pytest.raises(BroadcastRefused, match="is not filled"):
        await made(world, texts={"en": Wording(f"Come on {blank}.\nSee you.", "the team")})


async def test_one_that_would_go_on_into_the_night_is_refused(world: World) -> None:
    await put(world.app, [Somebody() for _ in range(30)])
    late = datetime(2026, 11, 23, 19, 50, tzinfo=world.clock().tzinfo)
    slow = with_terms(world, a_second={"sms": 0.02, "telegram": 1})
    said = await refusal(world, slow, send_at=late)
    assert "By sms it takes 25 min a day; begun at 19:50 it would end at 20:15 on 23 November" in said
    assert "spread it over 3 days" in said
    await begun(world, slow, send_at=late, days=3)


async def test_a_price_over_the_cap_is_refused_and_what_waits_counts(world: World) -> None:
    await put(world.app, [Somebody() for _ in range(10)])
    capped = with_terms(world, cap=50)
    first = await begun(world, capped)  # 40p
    broadcast = await made(world)
    with pytest.raises(BroadcastRefused, match=r"It would cost £0\.40, and £0\.10 of this month's £0\.50 are left"):
        await course.start(capped, broadcast.number, world.clock())
    await preparing.tend(capped, world.clock())
    with pytest.raises(BroadcastRefused, match="are left"):
        await course.start(capped, broadcast.number, world.clock())
    await order(world, "stop", first.number)
    await course.start(capped, broadcast.number, world.clock())


async def test_one_under_way_is_paused_when_the_months_money_is_spent(world: World) -> None:
    (id, *_) = await put(world.app, [Somebody() for _ in range(3)])
    broadcast = await begun(world, with_terms(world, cap=12))
    async with world.app.database.begin() as connection:
        await connection.execute(
            insert(t.outbox).values(
                id=1, key="other", contact_id=id, urn_key=1, channel="sms", message_class=1, status="sent", sealed=b"",
                send_after=0, expires_at=0, created_at=0, segments=1, sent_at=int(world.clock().timestamp() * 1000),
            )
        )  # fmt: skip
    assert await preparing.tend(with_terms(world, cap=12), world.clock()) == 0
    kept = (await progress(world, broadcast)).kept
    assert kept.broadcast.state is BroadcastState.PAUSED
    assert kept.why == "it would cost more than the month may"


async def test_where_two_people_are_wanted_nobody_approves_their_own(world: World) -> None:
    await put(world.app, [Somebody()])
    app, both = world.app, with_terms(world, two_people=True)
    async with app.database.begin() as connection:
        broadcast = await drafts.add(connection, both, draft(), 7, app.clock())
    with pytest.raises(BroadcastRefused, match="a second person must approve it"):
        await course.start(both, broadcast.number, app.clock())
    for by in (7, None):
        with pytest.raises(BroadcastRefused, match="a second person"):
            async with app.database.begin() as connection:
                await drafts.approve(connection, both.terms, broadcast.number, by)
    async with app.database.begin() as connection:
        await drafts.approve(connection, both.terms, broadcast.number, 8)
    with pytest.raises(BroadcastRefused, match="is approved, and stays as it was read: make a new one"):
        async with app.database.begin() as connection:
            await drafts.change(connection, both, replace(broadcast, name="Other"), app.clock())
    await course.start(both, broadcast.number, app.clock())
    assert (await progress(world, broadcast)).kept.approved_by == 8


async def test_a_draft_can_be_changed_until_it_is_sent(world: World) -> None:
    await put(world.app, [Somebody(), Somebody(told=(("district", "tendring"),))])
    app, broadcast = world.app, await made(world)
    async with app.database.begin() as connection:
        wanted = replace(broadcast, segment=Segment(districts=("tendring",)), name="Coast")
        assert await drafts.change(connection, app.post, wanted, app.clock()) == wanted
    assert (await course.start(app.post, broadcast.number, app.clock())).people == 1
    with pytest.raises(BroadcastRefused, match=f"broadcast {broadcast.number} is sending: make a new one"):
        async with app.database.begin() as connection:
            await drafts.change(connection, app.post, broadcast, app.clock())


async def test_a_change_that_is_wrong_leaves_the_draft_as_it_was(world: World) -> None:
    app, broadcast = world.app, await made(world)
    with pytest.raises(BroadcastRefused, match=r"text en: \[date\] is not filled"):
        async with app.database.begin() as connection:
            texts = {"en": Wording("Come on [date].", "the team")}
            await drafts.change(connection, app.post, replace(broadcast, texts=texts), app.clock())
    assert (await progress(world, broadcast)).kept.broadcast == broadcast


# an invitation to an event


async def test_an_invitation_is_answered_with_a_booking(world: World) -> None:
    await put(world.app, [Somebody(), Somebody(language="pl"), Somebody(discreet=True), Somebody(stopped=True)])
    criterion = Criterion(name="adult", label={"en": "over 16"})
    event = replace(an_event(5, world.clock() + timedelta(days=20)), criteria=(criterion,))
    await put_event(world.app.database, event, world.clock())
    broadcast = await begun(world, texts={}, event=5)
    ahead = await previews.preview(world.app.post, broadcast, world.clock())
    assert await preparing.tend(world.app.post, world.clock()) == 3
    world.clock.forward(timedelta(minutes=1))
    await world.ring()
    asked = [(await world.told(phone(n)))[-1].text for n in range(3)]
    assert asked[0] == ahead.tallies["en", "sms"].shown
    assert asked[1] == ahead.tallies["pl", "sms"].shown
    assert "Coffee morning" in asked[0]
    assert "Coffee" not in asked[2]  # others may see that phone
    assert ahead.silent == 1
    assert ahead.segments == sum(counted(one).count for one in asked)
    await world.say(phone(0), "1")
    booked = await world.say(phone(0), "9") or await world.told(phone(0))
    assert booked
    assert [tuple(row) for row in await world.rows("SELECT event_id, status FROM bookings")] == [(5, "booked")]
    again = await previews.preview(world.app.post, broadcast, world.clock())
    assert again.left_out[LeftOut.HAS_PLACE] == 1
    await preparing.tend(world.app.post, world.clock())
    assert (await progress(world, broadcast)).waiting == 0


async def test_who_is_busy_is_invited_a_day_later(world: World) -> None:
    await put(world.app, [Somebody()])
    await put_event(world.app.database, an_event(5, world.clock() + timedelta(days=20)), world.clock())
    await world.say(phone(0), "CHECKIN")
    before = len(await world.told(phone(0)))
    broadcast = await begun(world, texts={}, event=5)
    await preparing.tend(world.app.post, world.clock())
    await world.ring()
    assert len(await world.told(phone(0))) == before
    assert (await progress(world, broadcast)).waiting == 1
    world.clock.forward(timedelta(days=1, minutes=1))
    await world.ring()
    assert "Coffee morning" in (await world.told(phone(0)))[-1].text


async def test_people_of_another_district_are_not_invited(world: World) -> None:
    await put(world.app, [Somebody(told=(("district", one),)) for one in ("tendring", "harlow")])
    criterion = Criterion(name="north", label={"en": "in the north"}, districts=frozenset({"tendring"}))
    event = replace(an_event(5, world.clock() + timedelta(days=20)), criteria=(criterion,))
    await put_event(world.app.database, event, world.clock())
    ahead = await previews.preview(world.app.post, await made(world, texts={}, event=5), world.clock())
    assert (ahead.people, ahead.left_out) == (1, {LeftOut.NOT_FOR_THEM: 1})


async def test_a_paused_invitation_waits_and_a_stopped_one_is_gone(world: World) -> None:
    await put(world.app, [Somebody()])
    await put_event(world.app.database, an_event(5, world.clock() + timedelta(days=20)), world.clock())
    broadcast = await begun(world, texts={}, event=5)
    await preparing.tend(world.app.post, world.clock())
    await order(world, "pause", broadcast.number)
    await world.ring()
    assert await world.told(phone(0)) == []
    await course.resume(world.app.post, broadcast.number, world.clock())
    assert (await progress(world, broadcast)).waiting == 1
    await order(world, "stop", broadcast.number)
    await world.ring()
    assert await world.told(phone(0)) == []


async def test_a_broadcast_outlives_who_made_it(world: World) -> None:
    """They may ask to be forgotten as anybody: then nothing says that it was them."""
    app = world.app
    ids = await put(app, [Somebody(), Somebody()])
    async with app.database.begin() as connection:
        await drafts.add(connection, app.post, draft(), ids[0], app.clock())
        await erasure.erase(connection, app.vault, app.ids, ids[0], "AAAAAAAA", app.clock())
    assert [tuple(row) for row in await world.rows("SELECT number, made_by FROM broadcasts")] == [(1, None)]
