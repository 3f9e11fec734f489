"""What is deleted when its time is over, and what never is, on both databases, with a clock that is moved on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert

from bot.app import _tidy
from config.settings import SettingsError, read_settings
from domain.code import CodeKind
from flows.library import Library
from store import fires, people
from store import tables as t
from store.changes import Due
from store.retention import CHUNK, Periods, Tidied, tidy
from store.times import to_ms
from tests.bot.test_rights import (
    CHECKIN,
    COMMENT,
    assert_nothing_is_left,
    contact,
    heard,
    join_team,
    kept,
    link_carer,
    live,
    pushed,
    records,
    rows_of,
    say,
    sent,
    traces,
)
from tests.conftest import Clock, World, make_world
from tests.events import an_event, put_event

ANN, BEN, CEM = "tel:+447700900101", "tel:+447700900102", "tel:+447700900103"
TESS, KIM = "telegram:500177123", "telegram:500288234"
PERIODS = Periods()


async def tidied(world: World, periods: Periods = PERIODS) -> Tidied:
    app, names = world.app, itertools.count()
    return await tidy(app.database, app.vault, app.ids, lambda: f"REF{next(names):05}", periods, world.clock())


async def after(world: World, months: int, *, days: int = 0) -> Tidied:
    """On the day so many months (and days) on."""
    then = world.clock() + timedelta(days=days)
    year, month = divmod(then.year * 12 + then.month - 1 + months, 12)
    world.clock.now = then.replace(year=year, month=month + 1)
    return await tidied(world)


async def count(world: World, table: str, where: str = "1 = 1") -> int:
    return int((await world.rows(f"SELECT COUNT(*) FROM {table} WHERE {where}"))[0][0])


# The table of periods


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [
        (datetime(2026, 11, 23, tzinfo=UTC), 12, datetime(2025, 11, 23, tzinfo=UTC)),
        (datetime(2026, 3, 31, tzinfo=UTC), 1, datetime(2026, 2, 28, tzinfo=UTC)),
        (datetime(2028, 2, 29, 9, 30, tzinfo=UTC), 12, datetime(2027, 2, 28, 9, 30, tzinfo=UTC)),
        (datetime(2026, 1, 15, tzinfo=UTC), 1, datetime(2025, 12, 15, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), 72, datetime(2020, 12, 31, tzinfo=UTC)),
        (datetime(2026, 11, 23, tzinfo=UTC), 0, datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_months_are_those_of_the_calendar(now: datetime, months: int, then: datetime) -> None:
    assert Periods(messages=months).before("messages", now) == to_ms(then)


def test_the_settings_say_how_long() -> None:
    found = read_settings(None)
    assert (
        (
            found.keep_messages_months,
            found.keep_answers_months,
            found.keep_alerts_months,
            found.keep_silent_people_months,
        )
        == (PERIODS.messages, PERIODS.answers, PERIODS.alerts, PERIODS.silent_people)
        == (12, 72, 24, 36)
    )
    with pytest.raises(SettingsError, match="MIME_KEEP_ANSWERS_MONTHS"):
        read_settings(None, keep_answers_months=0)


async def test_the_program_keeps_to_its_settings(store_urls: tuple[str, str], flows: Library, clock: Clock) -> None:
    world = await make_world(store_urls, flows, clock, keep_messages_months=2, keep_silent_people_months=5)
    try:
        await say(world, ANN, "hello", "hello")
        await sent(world)
        clock.forward(timedelta(days=58))
        await _tidy(world.app, clock())
        assert await count(world, "outbox") == 2
        clock.forward(timedelta(days=6))
        await _tidy(world.app, clock())
        assert await count(world, "outbox") == 0
        assert await count(world, "contacts") == 1
        clock.forward(timedelta(days=120))
        await _tidy(world.app, clock())
        assert await count(world, "contacts") == 0
        ((reference,),) = await world.rows("SELECT reference FROM erasures")
        assert len(reference) == 8
    finally:
        await world.app.close()


# Messages


async def test_messages_go_after_a_year_both_ways(world: World) -> None:
    await say(world, ANN, "JOIN", "yes", "skip", "skip", "skip", "hello", COMMENT)
    await sent(world)
    assert (await after(world, 12, days=-1)).rows["outbox"] == 0
    assert await count(world, "inbox") == 7
    gone = await after(world, 0, days=2)
    assert (gone.rows["inbox"], gone.rows["outbox"]) == (6, 7)
    assert await count(world, "outbox") == 0
    assert await say(world, ANN, "hello") == [world.app.library.phrases["en"].hello]


async def test_of_their_last_word_only_the_time_stays(world: World) -> None:
    """It says how long somebody has been silent: what is due for them, and when they are forgotten, hangs on it."""
    await say(world, ANN, "JOIN", "yes", "skip", "skip", "skip", COMMENT)
    await sent(world)
    id = await contact(world, ANN)
    ((last,),) = await world.rows("SELECT MAX(received_at) FROM inbox")
    done = await after(world, 13)
    assert done.blanked == 1
    assert await heard(world, ANN) == [""]
    assert await world.rows(f"SELECT received_at FROM inbox WHERE contact_id = {id}") == [(last,)]
    assert (await tidied(world)).blanked == 0
    assert (await world.told(ANN)) == []


async def test_what_is_still_on_its_way_is_no_old_message(world: World) -> None:
    await say(world, ANN, "hello")
    assert (await after(world, 13)).rows["outbox"] == 0
    assert await count(world, "outbox", "status = 'queued'") == 1
    await sent(world)  # too late: it expires
    assert (await tidied(world)).rows["outbox"] == 1


# Sessions and answers


async def test_a_questionnaire_without_answers_goes_after_a_year(world: World) -> None:
    await say(world, ANN, "NEEDS", "2", "3", "no", "skip", "no", "skip")
    assert await count(world, "sessions", "outcome = 'completed'") == 1
    assert (await after(world, 12, days=-1)).rows["sessions"] == 0
    assert (await after(world, 0, days=2)).rows["sessions"] == 1
    assert (await kept(world, ANN))["reading"] == ["large_print"]  # what they want kept is kept


async def test_a_questionnaire_that_they_are_in_stays(world: World) -> None:
    await say(world, ANN, "OPINION", "yes", "NEEDS")
    assert len([one for one in (await world.rows("SELECT session_id, suspended_id FROM contacts"))[0] if one]) == 2
    assert (await after(world, 13)).rows["sessions"] == 0
    assert await count(world, "sessions") == 2


async def test_answers_go_after_six_years_and_their_questionnaire_with_them(world: World) -> None:
    await say(world, ANN, *CHECKIN, COMMENT, "no")
    await pushed(world)
    before = await records(world)
    done = await after(world, 72, days=-1)
    assert (done.rows["answers"], done.rows["sessions"]) == (0, 0)
    done = await after(world, 0, days=2)
    assert (done.rows["answers"], done.rows["sessions"]) == (9, 1)
    await pushed(world)
    assert await records(world) == before != []  # under a pseudonym they stay


async def test_an_answer_that_was_not_pushed_yet_stays(world: World) -> None:
    await say(world, ANN, *CHECKIN)
    assert (await after(world, 73)).rows["answers"] == 0
    await pushed(world)
    assert (await tidied(world)).rows["answers"] == 6
    assert len(await records(world)) == 6


# Alerts, codes, carers


async def test_closed_alerts_go_after_two_years_and_open_ones_stay(world: World) -> None:
    await join_team(world, KIM, "Kim Nightingale")
    for who in (ANN, BEN, CEM):
        await say(world, who, "NEEDS", "1", "3")
    await say(world, KIM, "TAKE 1", "DONE 1", "TAKE 3", "DONE 3")
    assert (await after(world, 24, days=-1)).rows["alerts"] == 0
    assert (await after(world, 0, days=2)).rows["alerts"] == 1
    assert sorted(await world.rows("SELECT number FROM alerts")) == [(2,), (3,)]
    await say(world, TESS, "NEEDS", "1", "3")
    assert sorted(await world.rows("SELECT number FROM alerts")) == [(2,), (3,), (4,)]  # no number twice


async def test_codes_go_when_they_work_no_more_and_posters_stay(world: World) -> None:
    app = world.app
    async with app.database.begin() as connection:
        await people.put_code(
            connection, app.vault, app.vault.code("harwich"), CodeKind.POSTER, 0, {"source": "visit"},
            uses=None, expires_at=None, now=world.clock(),
        )  # fmt: skip
    await say(world, ANN, "LINK")
    assert (await after(world, 0, days=1)).rows["codes"] == 0
    assert (await after(world, 0, days=1)).rows["codes"] == 1
    await after(world, 100)
    assert await world.rows("SELECT kind FROM codes") == [("poster",)]


async def test_a_carer_s_link_goes_two_years_after_its_end(world: World) -> None:
    await link_carer(world, ANN, BEN, "Annie")
    await link_carer(world, TESS, BEN, "Tessie")
    await say(world, ANN, "UNLINK")
    assert (await after(world, 24, days=-1)).rows["carers"] == 0
    assert (await after(world, 0, days=2)).rows["carers"] == 1
    assert await world.rows("SELECT contact_id FROM carers") == [(await contact(world, TESS),)]


# People


async def test_who_is_silent_for_three_years_and_agrees_to_nothing_is_forgotten(world: World) -> None:
    await live(world, ANN)
    await say(world, ANN, "STOP NEWS", "STOP QUESTIONS")
    id = await contact(world, ANN)
    assert await world.rows("SELECT consents FROM contacts") == [("",)]
    await after(world, 13)
    await say(world, ANN, "hello again")  # the years count from here
    await after(world, 13)
    found = await traces(world, ANN, words=("hello again", COMMENT))
    assert (await after(world, 23, days=-1)).people == 0
    assert (await after(world, 0, days=2)).people == 1
    await assert_nothing_is_left(world, found)
    assert await world.rows("SELECT reference FROM erasures") == [("REF00000",)]
    assert await world.rows("SELECT key FROM opt_outs") == [(world.app.vault.find(ANN),)]
    assert not any((await rows_of(world, id)).values())


async def test_who_told_us_to_stop_agrees_to_nothing(world: World) -> None:
    await say(world, BEN, "JOIN", "yes", "skip", "skip", "skip")
    await link_carer(world, ANN, BEN, "Annie")
    await say(world, ANN, "STOP")
    rows = await world.rows("SELECT consents, roles FROM contacts ORDER BY consents")
    assert rows == [("newsletter", "carer"), ("reminders_to_carer", "")]
    assert (await after(world, 36, days=-1)).people == 0
    assert (await after(world, 0, days=2)).people == 1
    assert await world.rows("SELECT consents, roles FROM contacts") == [("newsletter", "")]


async def test_who_is_still_with_us_in_some_way_is_not_forgotten(world: World) -> None:
    """Who agreed to something, is on the team, cares for somebody, or waits for an answer of ours."""
    await join_team(world, KIM, "Kim Nightingale")
    await say(world, ANN, "JOIN", "yes", "skip", "skip", "skip")
    await link_carer(world, ANN, BEN, "Annie")
    await say(world, TESS, "NEEDS", "1", "3")
    await say(world, CEM, "hello")
    everybody = [await contact(world, who) for who in (ANN, BEN, TESS, KIM)]
    assert (await after(world, 120)).people == 1
    assert sorted(await world.rows("SELECT id FROM contacts")) == [(id,) for id in sorted(everybody)]
    assert await count(world, "consents") == 2  # what somebody agreed to is on record as long as they are


async def test_who_has_just_written_is_left_alone(world: World) -> None:
    """Between the search and the erasure there is time to say a word."""
    await say(world, ANN, "hello")
    await after(world, 35)
    assert (await tidied(world, Periods(silent_people=36))).people == 0
    world.clock.forward(timedelta(days=60))
    await say(world, ANN, "hello")
    assert (await tidied(world)).people == 0


# How it goes about it


async def old_messages(world: World, number: int) -> None:
    """So many that were sent long ago, to somebody who is here."""
    await say(world, ANN, "JOIN", "yes", "skip", "skip", "skip")
    await sent(world)
    app, id = world.app, await contact(world, ANN)
    sealed = app.vault.seal(b'["",null,[]]', id)
    rows = [
        {
            "id": n + 1, "key": f"old/{n}", "contact_id": id, "urn_key": 1, "channel": "sms", "message_class": 1,
            "status": "delivered", "sealed": sealed, "send_after": 1, "expires_at": 1, "created_at": 1,
        }
        for n in range(number)
    ]  # fmt: skip
    async with app.database.begin() as connection:
        await connection.execute(insert(t.outbox), rows)


@contextmanager
def deletions(world: World) -> Iterator[list[tuple[int, int]]]:
    """Of each transaction that deletes: its number, and how many rows it deleted."""
    found: list[tuple[int, int]] = []
    transactions = itertools.count()
    current = [0]

    def begun(connection: Any) -> None:
        current[0] = next(transactions)

    def executed(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("DELETE"):
            found.append((current[0], cursor.rowcount))

    engine = world.app.database.engine.sync_engine
    event.listen(engine, "begin", begun)
    event.listen(engine, "after_cursor_execute", executed)
    yield found
    event.remove(engine, "begin", begun)
    event.remove(engine, "after_cursor_execute", executed)


async def test_no_transaction_deletes_more_than_a_thousand_rows(world: World) -> None:
    await old_messages(world, 2 * CHUNK + 500)
    with deletions(world) as found:
        assert (await tidied(world)).rows["outbox"] == 2 * CHUNK + 500
    assert [rows for _, rows in found] == [CHUNK, CHUNK, 500]
    assert len({transaction for transaction, _ in found}) == 3
    assert await count(world, "outbox") == 5


async def test_who_writes_meanwhile_is_answered_before_it_is_done(world: World) -> None:
    await old_messages(world, 12 * CHUNK)
    at_work = asyncio.create_task(tidied(world))
    while await count(world, "outbox") > 11 * CHUNK:
        assert not at_work.done()
    before = len(await world.told(ANN))
    await world.app.dispatcher.handle([world.received(ANN, "hello")], world.clock())
    assert len(await world.told(ANN)) == before + 1
    assert not at_work.done()
    assert (await at_work).rows["outbox"] == 12 * CHUNK
    assert len(await world.told(ANN)) == before + 1


async def test_twice_or_two_at_once_is_once(world: World) -> None:
    await live(world, BEN)
    await live(world, ANN)
    await say(world, ANN, "STOP")
    await after(world, 30)
    await say(world, BEN, "hello")
    world.clock.forward(timedelta(days=300))
    both = await asyncio.gather(tidied(world), tidied(world))
    assert sorted(done.people for done in both) == [0, 1]
    assert await count(world, "erasures") == await count(world, "contacts") == 1
    assert not (await tidied(world)).anything


async def test_what_was_under_way_about_somebody_erased_goes_too(world: World) -> None:
    """A message could not be sent, says its sender; but meanwhile its person is gone. Nobody's things stay: a poster's
    code, an alert about our credentials, a drill's fire.
    """
    await live(world, BEN)
    bens = await rows_of(world, await contact(world, BEN))
    app, now = world.app, to_ms(world.clock())
    async with app.database.begin() as connection:
        await connection.execute(insert(t.alerts).values(id=1, kind="not_sent", contact_id=4711, created_at=now))
        await connection.execute(insert(t.alerts).values(id=2, kind="misconfigured", created_at=now))
        await people.put_code(
            connection, app.vault, 3, CodeKind.POSTER, 0, {}, uses=None, expires_at=None, now=world.clock()
        )
        await fires.put(connection, Due(4, "page/2/4", "page", 0, 0, "", 2, ""), world.clock())
    assert (await tidied(world)).rows["alerts"] == 1
    assert await world.rows("SELECT id FROM alerts") == [(2,)]
    assert await count(world, "codes") == 1
    assert await count(world, "fires", "kind = 'page'") == 1
    assert await rows_of(world, await contact(world, BEN)) == bens


async def test_who_is_in_touch_loses_nothing_that_is_kept(world: World) -> None:
    """Profile, consents and addresses have no period of their own."""
    await live(world, ANN)
    for _ in range(8):
        await after(world, 11)
        await say(world, ANN, "hello")
    after_years = await rows_of(world, await contact(world, ANN))
    assert len(after_years["urns"]) == 1
    assert (await kept(world, ANN))["nickname"] == "Bartholomew"
    assert len(after_years["consents"]) == 2
    assert after_years["answers"] == []
    assert 0 < len(after_years["inbox"]) < 4


# Events


async def at_an_event(world: World, who: str, days: int, status: str = "booked") -> None:
    """They had or have a place at an event that many days from now, gave a reason, and noted something as a helper."""
    app, id, now = world.app, await contact(world, who), world.clock()
    await put_event(app.database, an_event(9, now + timedelta(days=days)), now)
    async with app.database.begin() as tx:
        for table, more in (
            (t.bookings, {"id": app.ids(), "status": status, "position": 1, "urn_key": 1, "channel": "sms",
                          "asked_at": 1, "changed_at": 1}),
            (t.duties, {"role": "speaker", "created_at": 1}),
        ):  # fmt: skip
            sealed = app.vault.seal(b"unwell", id)
            await tx.execute(insert(table).values(event_id=9, contact_id=id, sealed=sealed, **more))
        due = to_ms(now + timedelta(days=days - 1))
        await tx.execute(
            insert(t.tasks).values(id=app.ids(), event_id=9, contact_id=id, kind="diet", due_at=due, created_at=1)
        )


async def test_reasons_and_notes_go_a_year_after_the_event_and_that_they_were_there_stays(world: World) -> None:
    await say(world, ANN, "JOIN", "yes", "skip", "skip", "skip")
    await at_an_event(world, ANN, 30)
    await after(world, 12)
    assert (
        await count(world, "bookings", "sealed IS NOT NULL") == await count(world, "duties", "sealed IS NOT NULL") == 1
    )
    await after(world, 0, days=29)
    assert await count(world, "bookings", "sealed IS NOT NULL") == 1
    assert (await after(world, 0, days=2)).blanked == 2
    assert await count(world, "bookings", "status = 'booked' AND sealed IS NULL") == 1
    assert await count(world, "duties", "sealed IS NULL") == 1
    assert await count(world, "tasks") == 0  # what somebody needed there
    assert (await tidied(world)).blanked == 0


async def test_that_they_heard_back_goes_with_the_answers(world: World) -> None:
    await say(world, ANN, "JOIN", "yes", "skip", "skip", "skip")
    id, at = await contact(world, ANN), to_ms(world.clock())
    async with world.app.database.begin() as tx:
        await tx.execute(insert(t.newsletter_told).values(id=1, broadcast_id=1, contact_id=id, theirs=True, at=at))
    await after(world, 71)
    assert await count(world, "newsletter_told") == 1
    await after(world, 2)
    assert await count(world, "newsletter_told") == 0


async def test_many_reasons_go_a_thousand_at_a_time(world: World) -> None:
    await say(world, ANN, "JOIN", "yes", "skip", "skip", "skip")
    await at_an_event(world, ANN, -1)
    app = world.app
    rows = [
        {"id": n, "event_id": 9, "contact_id": -n, "status": "out", "position": n, "urn_key": 1, "channel": "sms",
         "sealed": b"unwell", "asked_at": 1, "changed_at": 1}
        for n in range(1, CHUNK + 2)
    ]  # fmt: skip
    async with app.database.begin() as tx:
        await tx.execute(insert(t.bookings), rows)
    await after(world, 13)
    assert await count(world, "bookings", "sealed IS NOT NULL") == 0


@pytest.mark.parametrize(
    ("days", "status", "kept_on"), [(-1, "booked", 1), (-1, "out", 1), (1300, "waiting", 1), (-800, "booked", 0)]
)
async def test_who_was_at_an_event_since_is_not_silent(world: World, days: int, status: str, kept_on: int) -> None:
    """36 months after their last word; the event was then so many days before it, or is still to come."""
    await say(world, ANN, "hello")
    world.clock.forward(timedelta(days=790))
    await at_an_event(world, ANN, days, status)
    await after(world, 11)
    assert await count(world, "contacts") == kept_on


async def test_the_silent_go_with_all_that_is_kept_around_events(world: World) -> None:
    await say(world, ANN, "hello")
    await at_an_event(world, ANN, -1)
    found = await traces(world, ANN)
    assert (await after(world, 37)).people == 1
    await assert_nothing_is_left(world, found)
    assert [await count(world, table) for table in ("bookings", "duties", "tasks")] == [0, 0, 0]
    assert await count(world, "events") == 1
