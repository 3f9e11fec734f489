"""Newsletters on both databases: who said it hears first, everybody once, and what keeps it from going out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text, update

from domain.broadcast import BroadcastRefused, BroadcastState, LeftOut
from domain.event import EventKind, EventState
from domain.message import Status
from domain.newsletter import Heard, ItemKind, Owed
from domain.sms import prepare, segments
from flows.library import Library
from store import issues, newsletter, sayers
from store import tables as t
from store.broadcasts import course, drafts, preparing, previews
from store.event_rows import as_row
from store.newsletter_rules import ItemRefused
from store.times import to_ms
from tests.conftest import Clock, World, make_world
from tests.crowd import Somebody, phone, put
from tests.events import an_event, put_event
from tests.newsletters import (
    DONE,
    EVENINGS,
    MONTH,
    NEWS,
    TOKEN,
    answer_to,
    answered,
    change,
    finish,
    first,
    go_out,
    item,
    kept,
    the_month,
    words,
)

READER = ("newsletter",)


async def texts(world: World, who: str) -> list[str]:
    return [one.text for one in await world.told(who)]


async def refusal(world: World, number: int) -> str:
    before = await world.rows("SELECT COUNT(*) FROM outbox")
    with pytest.raises(BroadcastRefused) as refused:
        await course.start(world.app.post, number, world.clock())
    assert await world.rows("SELECT COUNT(*) FROM outbox") == before
    assert ("draft",) in [
        tuple(row) for row in await world.rows(f"SELECT state FROM broadcasts WHERE number = {number}")
    ]
    return str(refused.value)


async def said_by(world: World, heard: Heard, page: int = 2) -> list[int]:
    """Who said it, read in pages of two."""
    found: list[int] = []
    search = sayers.search(heard, world.app.library, world.app.settings.quiet.zone)
    while True:
        async with world.app.database.hot() as tx:
            ids = await sayers.next_sayers(tx, world.app.vault, search, found[-1] if found else 0, page)
        if not ids:
            return found
        found += ids


# who said it


async def test_who_answered_so_said_it_and_nobody_else(world: World) -> None:
    a, b, c, d, e = await put(world.app, [Somebody() for _ in range(5)])
    await answered(world, a, ["evenings", "weekends"])
    await answered(world, a, ["evenings"])
    await answered(world, b, ["mornings"])
    await answered(world, c, "prefer_not_to_say")
    await answered(world, d, ["evenings"], withdrawn=True)
    await answered(world, e, 4, question="minutes")
    assert await said_by(world, EVENINGS) == [a]
    assert await said_by(world, Heard(questionnaire="opening_hours", question="open_when")) == [a, b]
    assert await said_by(world, Heard(questionnaire="opening_hours")) == [a, b, e]
    assert await said_by(world, Heard(questionnaire="opening_hours", question="minutes", answers=("4",))) == [e]
    assert await said_by(world, Heard(questionnaire="wellbeing")) == []


async def test_a_period_has_both_its_days_by_the_project_s_clocks(world: World) -> None:
    a, b, c = await put(world.app, [Somebody() for _ in range(3)])
    # in London it is summer: the day of 1 June begins at 23:00 UTC of 31 May
    for who, at in ((a, "2026-05-31T23:00"), (b, "2026-05-31T22:59"), (c, "2026-06-30T22:59")):
        world.clock.now = world.clock.now.fromisoformat(f"{at}:00+00:00")
        await answered(world, who, 7, flow="wellbeing", question="mood")
    june = Heard(since=date(2026, 6, 1), until=date(2026, 6, 30))
    assert await said_by(world, june) == [a, c]
    assert await said_by(world, replace(june, until=None)) == [a, c]
    assert await said_by(world, Heard(until=date(2026, 5, 31))) == [b]


async def test_what_is_kept_of_somebody_is_no_opinion(world: World) -> None:
    (a,) = await put(world.app, [Somebody()])
    await answered(world, a, "harlow", flow="about_you", question="district")
    await answered(world, a, "yes", flow="wellbeing", question="consent")
    assert await said_by(world, Heard(since=date(2026, 1, 1))) == []


async def test_who_was_at_an_event_or_filled_in_its_form_or_wanted_more(world: World) -> None:
    a, b, c = await put(world.app, [Somebody() for _ in range(3)])
    event = replace(an_event(70, world.clock() - timedelta(days=9)), number=7)
    await put_event(world.app.database, event, world.clock())
    for n, (who, came) in enumerate(((a, True), (b, False), (c, None))):
        row = {"id": n + 1, "event_id": 70, "contact_id": who, "status": "booked", "position": n, "came": came}
        async with world.app.database.begin() as connection:
            more = {"urn_key": 1, "channel": "sms", "asked_at": 1, "changed_at": 1}
            await connection.execute(insert(t.bookings).values({**row, **more}))
    await answered(world, c, 9, flow="event_feedback", question="score", event_id=70)
    await answered(world, b, 9, flow="event_feedback", question="score", event_id=71)
    for who, district in ((a, "harlow"), (b, "tendring")):
        async with world.app.database.begin() as connection:
            wanted = {"id": who, "contact_id": who, "kind": "research", "district": district}
            await connection.execute(insert(t.demands).values(**wanted, at=to_ms(world.clock())))
    assert await said_by(world, Heard(came_to=7)) == [a]
    assert await said_by(world, Heard(feedback_on=7)) == [c]
    assert await said_by(world, Heard(wanted="research")) == [a, b]
    assert await said_by(world, Heard(wanted="research", districts=("tendring",))) == [b]
    assert await said_by(world, Heard(wanted="social")) == []


# they hear first, and everybody hears once


async def test_who_said_it_hears_first_as_theirs_and_everybody_hears_each_item_once(world: World) -> None:
    sayer, other, polish, _silent, _off = await put(
        world.app,
        [
            Somebody(consents=READER),
            Somebody(consents=READER),
            Somebody(consents=READER, language="pl", urns=(("telegram:4711", False),)),
            Somebody(consents=("invitations",)),
            Somebody(consents=READER, stopped=True),
        ],
    )
    await answered(world, sayer, ["evenings"])
    await kept(world)
    done = await kept(world, answer_to())
    assert [done.number, other > sayer, polish > other] == [2, True, True]
    early = await the_month(world)
    assert "Item 2 answers what 1 person told us, who must hear it first: mime newsletter first 2 --send" in (
        await refusal(world, early.number)
    )
    theirs = await first(world, 2)
    ahead = await previews.preview(world.app.post, theirs, world.clock())
    assert (ahead.meant, ahead.people) == (1, 1)
    await course.start(world.app.post, theirs.number, world.clock())
    assert "Item 2 is on its way to those who told us" in await refusal(world, early.number)
    await finish(world)
    (told,) = await texts(world, phone(0))
    assert told == (
        "Hello from MIME. You told us what you think. This came of it.\n\n"
        "Open in the evening\nYou told us: Places close too early.\n"
        "This came of it: The Oak Centre is open until 9pm on Tuesdays.\n\n"
        "No more news? Send STOP NEWS."
    )
    assert await texts(world, phone(1)) == []

    month = await the_month(world)
    assert month.number == early.number  # the same draft
    ahead = await previews.preview(world.app.post, month, world.clock())
    assert ahead.left_out == {LeftOut.NO_CONSENT: 1, LeftOut.STOPPED: 1}
    await go_out(world, month)
    again = (await texts(world, phone(0)))[1]
    assert again == (
        "News from MIME, November 2026\n\nA new room\nWe meet in the library now.\n\nNo more news? Send STOP NEWS."
    )
    (whole,) = await texts(world, phone(1))
    assert whole.index("People told us: Places close too early.") < whole.index("A new room")
    assert "It has a lift" not in whole  # by SMS what is short
    (on_telegram,) = await texts(world, "telegram:4711")
    assert "Nowości z MIME, listopad 2026" in on_telegram
    assert ahead.segments == sum(segments(one).count for one in (again, whole))
    rows = await world.rows("SELECT contact_id, theirs FROM newsletter_told ORDER BY contact_id, theirs")
    assert [(who, bool(mine)) for who, mine in rows] == [
        (sayer, False),
        (sayer, True),
        (other, False),
        (polish, False),
    ]

    once_more = await the_month(world, token="another2")
    assert once_more.number != month.number
    assert "3 have had every item of it already" in await refusal(world, once_more.number)


async def test_what_was_added_after_the_issue_goes_alone_to_those_who_had_the_rest(world: World) -> None:
    await put(world.app, [Somebody(consents=READER)])
    await kept(world)
    await go_out(world, await the_month(world))
    await kept(world, item(words={"en": words("A second thing", "There is tea.")}))
    await go_out(world, await the_month(world, token="another2"))
    first_text, second = await texts(world, phone(0))
    assert "A new room" in first_text
    assert "A second thing" in second
    assert "A new room" not in second


async def test_a_message_that_never_came_tells_nobody(world: World) -> None:
    ids = await put(world.app, [Somebody(consents=READER), Somebody(consents=READER)])
    await kept(world)
    month = await the_month(world)
    await course.start(world.app.post, month.number, world.clock())
    await preparing.tend(world.app.post, world.clock())
    assert len(await world.rows("SELECT id FROM newsletter_told")) == 2
    async with world.app.database.begin() as connection:
        o = t.outbox.c
        await connection.execute(
            update(t.outbox).where(o.contact_id == ids[0]).values(status=Status.FAILED.value, error="30006")
        )
    await finish(world)
    assert [tuple(row) for row in await world.rows("SELECT contact_id FROM newsletter_told")] == [(ids[1],)]


async def test_what_is_stopped_tells_only_those_who_got_it(world: World) -> None:
    await put(world.app, [Somebody(consents=READER) for _ in range(3)])
    await kept(world)
    month = await the_month(world)
    await course.start(world.app.post, month.number, world.clock())
    await preparing.tend(world.app.post, world.clock())
    for sender in world.app.senders:
        await sender.drain()  # the first is due at once, the others a little later
    got = [row[0] for row in await world.rows("SELECT contact_id FROM outbox WHERE status <> 'queued'")]
    assert 1 <= len(got) < 3
    async with world.app.database.begin() as connection:
        await course.stop(connection, month.number, world.clock())
    assert [row[0] for row in await world.rows("SELECT contact_id FROM newsletter_told ORDER BY contact_id")] == got


async def test_paused_and_resumed_it_goes_on_without_doubles(world: World) -> None:
    await put(world.app, [Somebody(consents=READER) for _ in range(5)])
    await kept(world)
    month = await the_month(world)
    post = replace(world.app.post, page=2)
    await course.start(post, month.number, world.clock())
    await preparing.tend(post, world.clock())
    async with world.app.database.begin() as connection:
        await course.pause(connection, month.number)
    await course.resume(post, month.number, world.clock())
    await finish(world)
    assert [len(await texts(world, phone(n))) for n in range(5)] == [1] * 5
    async with world.app.database.read() as connection:
        found = await course.progress(connection, month.number)
    assert found is not None
    assert found.kept.broadcast.state is BroadcastState.DONE


_ORDERS = st.lists(
    st.sampled_from(["add", "answer", "first", "issue", "stopped issue", "lost issue", "news 0", "news 1"]),
    min_size=3,
    max_size=9,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=_ORDERS)
async def test_whatever_is_ordered_nobody_gets_an_item_twice(
    tmp_path_factory: pytest.TempPathFactory, flows: Library, orders: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("world")
    urls = f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db"
    world = await make_world(urls, flows, Clock())
    try:
        await _ordered(world, orders)
    finally:
        await world.app.close()


async def _ordered(world: World, orders: list[str]) -> None:
    """Each order is carried out as far as it can be; then who got what is counted, but for what they asked for."""
    ids = await put(world.app, [Somebody(consents=READER) for _ in range(3)])
    await answered(world, ids[0], ["evenings"])
    asked: list[list[str]] = [[], [], []]
    titles: list[str] = []
    for n, order in enumerate(orders):
        if order in ("add", "answer"):
            titles.append(f"Thing {n}.")
            said = {"en": words(titles[-1], "It is so.", "We said so." if order == "answer" else "")}
            await kept(world, answer_to(words=said) if order == "answer" else item(words=said))
        elif order.startswith("news"):
            who = int(order[-1])
            asked[who] += await world.say(phone(who), "NEWS")
        else:
            with suppress(BroadcastRefused):
                await _sent(world, order, f"{n:08}", len(titles))
    for who in range(3):
        told = [one for one in await world.told(phone(who)) if one.status in ("sent", "delivered")]
        unasked = [one.text for one in told if one.text not in asked[who]]
        for title in titles:
            assert sum(title in one for one in unasked) <= 1, (orders, title, who, unasked)


async def _sent(world: World, order: str, token: str, last: int) -> None:
    broadcast = await (first(world, last, token) if order == "first" else the_month(world, token=token))
    await course.start(world.app.post, broadcast.number, world.clock())
    if order == "lost issue":
        await preparing.tend(world.app.post, world.clock())
        async with world.app.database.begin() as connection:
            latest = text("SELECT MAX(id) FROM outbox WHERE status = 'queued'")
            id = (await connection.execute(latest)).scalar()
            await connection.execute(update(t.outbox).where(t.outbox.c.id == id).values(status="failed"))
    if order == "stopped issue":
        await preparing.tend(world.app.post, world.clock())
        for sender in world.app.senders:
            await sender.drain()
        async with world.app.database.begin() as connection:
            await course.stop(connection, broadcast.number, world.clock())
        return
    await finish(world)


# what keeps it from going out


async def test_a_language_without_reviewed_words_stops_it_before_the_first_message(world: World) -> None:
    await put(world.app, [Somebody(consents=READER), Somebody(consents=READER, language="ro")])
    await kept(world)
    await kept(world, item(words={**NEWS, "ro": words("Sală nouă", "Ne vedem la bibliotecă.", by="")}))
    month = await the_month(world)
    assert await refusal(world, month.number) == (
        "1 person read ro, and there is no text for them in items 1, 2: add one that a speaker has read, or say that"
        " readers of ro are left out."
    )
    ro = words("Sală nouă", "Ne vedem la bibliotecă.")
    await change(world, 1, words={**NEWS, "ro": ro})
    assert "no text for them in item 2:" in await refusal(world, month.number)
    await change(world, 2, words={**NEWS, "ro": ro})
    await go_out(world, month)
    assert "Sală nouă" in (await texts(world, phone(1)))[0]


async def test_readers_of_a_language_are_left_out_where_the_team_says_so(world: World) -> None:
    await put(world.app, [Somebody(consents=READER), Somebody(consents=READER, language="ro")])
    await kept(world)
    await go_out(world, await the_month(world, without=frozenset({"ro"})))
    assert [len(await texts(world, phone(n))) for n in range(2)] == [1, 0]


async def test_a_month_that_is_over_is_not_sent(world: World) -> None:
    await put(world.app, [Somebody(consents=READER)])
    await kept(world)
    month = await the_month(world)
    world.clock.now = world.clock.now.replace(month=12, day=1)
    assert "2026-11 is over: move the items to this month" in await refusal(world, month.number)
    await change(world, 1, month="2026-12")
    await go_out(world, await the_month(world, "2026-12", token="another2"))


async def test_more_than_a_text_message_holds_is_not_sent(world: World) -> None:
    await put(world.app, [Somebody(consents=READER)])
    for n in range(6):
        await kept(world, item(words={"en": words(f"Thing {n}", "a b " * 100 + ".")}))
    found = await refusal(world, (await the_month(world)).number)
    assert "By sms it has" in found
    assert "a message holds 1600: shorten it, or move an item to another month" in found


async def test_the_price_is_known_before_and_the_cap_holds(world: World) -> None:
    await put(world.app, [Somebody(consents=READER)])
    await kept(world)
    month = await the_month(world)
    ahead = await previews.preview(world.app.post, month, world.clock())
    (tally,) = ahead.tallies.values()
    assert ahead.segments == segments(prepare(tally.shown)).count
    poor = replace(world.app.post, terms=replace(world.app.post.terms, cap=1))
    with pytest.raises(BroadcastRefused, match="It would cost"):
        await course.start(poor, month.number, world.clock())


async def test_an_item_that_changes_must_be_approved_anew_and_one_that_was_sent_stays_as_it_is(world: World) -> None:
    await put(world.app, [Somebody(consents=READER)])
    await kept(world)
    month = await the_month(world)
    post = replace(world.app.post, terms=replace(world.app.post.terms, two_people=True))
    async with world.app.database.begin() as connection:
        await drafts.approve(connection, post.terms, month.number, 5)
    assert (await the_month(world)).state is BroadcastState.APPROVED  # looked at again, nothing has changed
    await change(world, 1, link="https://www.example.org/room")
    assert await world.rows("SELECT state, approved_by FROM broadcasts") == [("draft", None)]
    await go_out(world, month)
    with pytest.raises(ItemRefused, match=r"has been sent \(broadcast 1\) and stays as it is"):
        await change(world, 1, link="")
    async with world.app.database.begin() as connection:
        with pytest.raises(ItemRefused, match="stays as it is"):
            await newsletter.remove(connection, 1)


async def test_an_item_that_is_gone_or_an_event_that_is_off_stops_it(world: World) -> None:
    await put(world.app, [Somebody(consents=READER)])
    event = an_event(7, world.clock() + timedelta(days=9))
    await put_event(world.app.database, event, world.clock())
    await kept(world)
    await kept(world, item(kind=ItemKind.EVENT, event=7))
    month = await the_month(world)
    async with world.app.database.begin() as connection:
        await newsletter.remove(connection, 1)
    assert "an item of it is gone: make it anew" in await refusal(world, month.number)
    month = await the_month(world)
    await course.start(world.app.post, month.number, world.clock())
    async with world.app.database.begin() as connection:
        off = as_row(replace(event, state=EventState.CALLED_OFF))
        await connection.execute(update(t.events).where(t.events.c.id == 7).values(off))
    assert await preparing.tend(world.app.post, world.clock()) == 0
    rows = await world.rows("SELECT state, why FROM broadcasts")
    assert [tuple(row) for row in rows] == [("paused", "an event in it is called off")]


async def test_an_event_in_the_news_says_when_and_where_and_how_to_book(world: World) -> None:
    await put(world.app, [Somebody(consents=READER, language="pl")])
    await put_event(world.app.database, an_event(7, world.clock() + timedelta(days=9)), world.clock())
    await kept(world, item(kind=ItemKind.EVENT, event=7))
    await go_out(world, await the_month(world))
    (told,) = await texts(world, phone(0))
    assert "środa, 2 grudnia, 10:00-12:00\nTown Library, 1 High Street\nAby się zapisać, wyślij WYDARZENIA." in told


async def test_a_link_to_the_page_stands_in_it_where_we_have_an_address(world: World) -> None:
    await put(world.app, [Somebody(consents=READER), Somebody(consents=READER, language="pl")])
    await kept(world)
    month = await the_month(world)
    here = replace(world.app.post, public_base_url="https://mime.example.org")
    shown = {tag: one.shown for (tag, _), one in (await previews.preview(here, month, world.clock())).tallies.items()}
    assert f"All of it to read: https://mime.example.org/n/{TOKEN}-en\nNo more news? Send STOP NEWS." in shown["en"]
    assert f"Całość do przeczytania: https://mime.example.org/n/{TOKEN}-pl\n" in shown["pl"]
    for one in (await previews.preview(world.app.post, month, world.clock())).tallies.values():
        assert "http" not in one.shown


async def test_it_goes_to_one_of_the_team_first(world: World) -> None:
    (me,) = await put(world.app, [Somebody(consents=())])
    await kept(world, answer_to())
    theirs = await first(world, 1)
    async with world.app.database.begin() as connection:
        await course.try_out(connection, world.app.post, theirs.number, me, "pl", world.clock())
    (told,) = await texts(world, phone(0))
    assert "Powiedzieliście nam: Miejsca zamykają za wcześnie." in told
    assert await world.rows("SELECT id FROM newsletter_told") == []


async def test_what_cannot_be_made_is_refused_with_what_to_do(world: World) -> None:
    with pytest.raises(BroadcastRefused, match="2026-11 has no items: mime newsletter add"):
        await the_month(world)
    with pytest.raises(BroadcastRefused, match="is no month: write it such as 2026-12"):
        await the_month(world, "November")
    with pytest.raises(BroadcastRefused, match="there is no item 4: see mime newsletter list"):
        await first(world, 4)
    await kept(world)
    with pytest.raises(BroadcastRefused, match="does not say whose words it answers"):
        await first(world, 1)
    await kept(world, answer_to())
    assert "the segment means nobody" in await refusal(world, (await first(world, 2)).number)
    await put(world.app, [Somebody(consents=READER)])
    await go_out(world, await the_month(world))  # nobody said it: nobody must hear of it first


# what must not be forgotten


async def test_who_has_not_heard_back_is_owed_until_an_item_names_it(world: World) -> None:
    a, b, c = await put(world.app, [Somebody() for _ in range(3)])
    start = world.clock()
    await answered(world, a, ["evenings"])
    await answered(world, b, ["evenings"])
    await answered(world, c, 5, flow="about_you", question="age_band")
    event = replace(an_event(70, world.clock()), number=7, kind=EventKind.CONSULTATION)
    await put_event(world.app.database, event, world.clock())
    await answered(world, c, 9, flow="event_feedback", question="score", event_id=70)
    assert await owed(world) == []
    world.clock.forward(timedelta(days=92))
    said = Owed(2, start.date(), start.date(), questionnaire="opening_hours")
    assert await owed(world) == [Owed(1, start.date(), start.date(), event=7), said]
    month = "2027-02"
    await kept(world, answer_to(Heard(feedback_on=7), month=month))
    assert await owed(world) == [said]
    await answered(world, c, ["evenings"])
    await kept(world, answer_to(replace(EVENINGS, until=start.date()), month=month))
    assert await owed(world) == []
    world.clock.forward(timedelta(days=92))
    assert [(one.people, one.questionnaire) for one in await owed(world)] == [(1, "opening_hours")]
    world.clock.forward(timedelta(days=500))
    assert await owed(world) == []  # nobody is told of what they said so long ago


async def owed(world: World) -> list[Owed]:
    async with world.app.database.read() as connection:
        return await issues.owed(connection, world.app.post.press, world.clock())


async def test_a_quote_is_shown_only_while_its_person_agrees(world: World) -> None:
    a, b = await put(world.app, [Somebody(consents=("quotes",)), Somebody(consents=("newsletter",))])
    mine = await answered(world, a, "More light, please.", question="change")
    theirs = await answered(world, b, "I am Ben of Harwich.", question="change")
    async with world.app.database.read() as connection:
        found = await newsletter.quotable(connection, world.app.vault, "opening_hours", ["change"])
        event = await newsletter.quotable(connection, world.app.vault, "opening_hours", ["change"], 7)
    assert [(one.answer_id, one.words) for one in found] == [(mine, "More light, please.")]
    assert event == []
    chosen = await answered(world, a, ["evenings"])
    for other in (theirs, chosen, 4711):
        with pytest.raises(ItemRefused, match="quote: nobody who agrees to be quoted said this"):
            await kept(world, answer_to(quote=other))
    await kept(world, answer_to(quote=mine))
    await kept(world, answer_to(quote=mine))
    assert await quoted(world) == ["More light, please."] * 2
    async with world.app.database.begin() as connection:
        await connection.execute(text("UPDATE contacts SET consents = ''"))
    assert await quoted(world) == ["", ""]


async def quoted(world: World) -> list[str]:
    async with world.app.database.read() as connection:
        issue = await issues.of_month(connection, world.app.post.press, world.app.vault, MONTH)
    assert issue is not None
    return [issue.shown(one, "en").quote for one in issue.items]


# what is wrong with an item


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"month": "2026-10"}, "month: 2026-10 is over: give this month or one to come"),
        ({"words": {"pl": NEWS["pl"]}}, "texts: it is not there in English: add en"),
        ({"words": {**NEWS, "tlh": NEWS["en"]}}, "texts.tlh: 'tlh' is no language of ours"),
        ({"words": {"en": words("", "b")}}, "texts.en.title: it is empty: write it"),
        ({"words": {"en": words("a\nb", "b")}}, "texts.en.title: a title is one line"),
        ({"words": {"en": words("a", "Come on {date}.")}}, "texts.en.text: {date} is not filled"),
        ({"words": {"en": words("a", "The psychiatric ward moves.")}}, "'psychiatric' gives away"),
        ({"words": {"en": words("a", "b" * 455)}}, "texts.en.text: longer than 450 letters: make it shorter"),
        ({"words": {"en": words("a", "b", "c")}}, "only you_said_we_did says what people told us"),
        ({"words": {"en": words("a", "ż" * 300)}}, "it takes 5 segments by SMS, and an item may take 3: shorten it"),
        ({"kind": ItemKind.YOU_SAID}, "texts.en.said: it is missing"),
        ({"link": "http://example.org"}, "link: a link begins with https://"),
        ({"link": "https://me:pw@example.org"}, "link: it holds a name or a password"),
        ({"link": "https://example.org/a b"}, "link: this is no web address"),
        ({"link": "https://localhost"}, "link: this is no web address"),
        ({"link": "https://[example.org"}, "link: this is no web address"),
        ({"link": "https://example.org/" + "a" * 110}, "link: longer than 120 letters"),
        ({"kind": ItemKind.EVENT}, "event: it is missing: give the number"),
        ({"kind": ItemKind.EVENT, "event": 9}, "event: there is no event 9"),
        ({"event": 9}, "event: only an item of the kind event is about one"),
        ({"heard": EVENINGS}, "heard: only you_said_we_did answers what people told us"),
    ],
)
async def test_a_fault_is_said_with_what_to_do(world: World, given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ItemRefused) as refused:
        await kept(world, item(**given))
    assert expected in str(refused.value)
    assert await world.rows("SELECT id FROM newsletter_items") == []


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (Heard(), "heard: it says nothing: give a questionnaire, an event, what was wanted, or since and until"),
        (Heard(wanted="research", came_to=1), "heard: came_to and wanted: give one of them"),
        (Heard(questionnaire="wellbein"), "'wellbein' is no questionnaire whose answers are kept; did you mean 'well"),
        (Heard(questionnaire="needs"), "'needs' is no questionnaire whose answers are kept"),
        (Heard(questionnaire="wellbeing", question="moods"), "has no such question; did you mean 'mood'?"),
        (Heard(questionnaire="wellbeing", question="consent"), "wellbeing has no such question"),
        (Heard(question="mood"), "heard.question: of which questionnaire?"),
        (Heard(questionnaire="opening_hours", answers=("yes",)), "heard.answers: to which question?"),
        (replace(EVENINGS, answers=("evening",)), "'evening' is no answer to open_when; did you mean 'evenings'?"),
        (Heard(questionnaire="opening_hours", question="helped", answers=("11",)), "'11' is no answer to helped"),
        (Heard(questionnaire="opening_hours", question="used", answers=("maybe",)), "give yes, no"),
        (Heard(questionnaire="opening_hours", question="change", answers=("x",)), "in their own words: leave answers"),
        (Heard(feedback_on=3), "heard.feedback_on: there is no event 3"),
        (Heard(wanted="researc"), "heard.wanted: 'researc' is nothing that people are asked"),
        (Heard(wanted="research", districts=("Paris",)), "heard.districts.0: 'Paris' is no district"),
        (replace(EVENINGS, districts=("harlow",)), "heard.districts: districts go with wanted"),
        (Heard(since=date(2026, 6, 2), until=date(2026, 6, 1)), "heard.until: it is before since"),
    ],
)
async def test_whose_words_it_answers_must_be_something_they_could_say(
    world: World, heard: Heard, expected: str
) -> None:
    with pytest.raises(ItemRefused) as refused:
        await kept(world, answer_to(heard))
    assert expected in str(refused.value)


async def test_the_segments_of_an_item_are_those_of_the_longer_way_to_tell_it(world: World) -> None:
    post = replace(world.app.post, item_segments=1)
    async with world.app.database.begin() as connection:
        with pytest.raises(ItemRefused, match="it takes 2 segments by SMS, and an item may take 1"):
            await newsletter.add(connection, post.press, 1, answer_to(words=DONE), world.clock())
