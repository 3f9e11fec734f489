"""Bank holidays: nothing goes out on them unasked, but reminders of an event; and the file says when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.commands.check import holidays_known
from config.holidays import FILE, bank_holidays
from domain.message import MessageClass
from flows.library import Library
from store import outbox
from store.changes import Queued
from store.times import from_ms, to_ms
from tests.bot.live import Live, live
from tests.bot.test_events import ANN, booked, held, rung
from tests.conftest import Clock, World, settings_for

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type.*"),
]

BEN = "telegram:5001"
CHRISTMAS = datetime(2026, 12, 25, 10, tzinfo=UTC)


async def test_a_reminder_of_an_event_goes_out_on_a_holiday(world: World) -> None:
    await held(world, 36)  # on Tuesday 29 December, the day after a holiday
    await booked(world, ANN)
    told = await rung(world, ANN, timedelta(days=36))
    assert len(told) == 3
    rows = await world.rows("SELECT created_at, send_after FROM outbox WHERE message_class = 2 ORDER BY id")
    assert [from_ms(at) for at, _ in rows[:2]] == [datetime(2026, 12, day, 10, tzinfo=UTC) for day in (22, 28)]
    assert all(created_at == send_after for created_at, send_after in rows[:2])


async def test_what_may_wait_for_the_day_after_does(world: World) -> None:
    """A question that is still open at Christmas: the word about it waits until Monday's holiday is over as well."""
    world.clock.now = CHRISTMAS - timedelta(days=1)
    await world.say(ANN, "CHECKIN")
    world.clock.now = CHRISTMAS
    await world.ring()
    ((send_after,),) = await world.rows("SELECT send_after FROM outbox WHERE message_class = 2")
    assert from_ms(send_after) == datetime(2026, 12, 26, 9, tzinfo=UTC)


@pytest.fixture
async def providers(store_urls: tuple[str, str], flows: Library, clock: Clock) -> AsyncIterator[Live]:
    async with live(store_urls, flows, clock) as world:
        yield world


async def test_on_a_holiday_an_invitation_that_is_due_stays(providers: Live) -> None:
    world, app = providers, providers.app
    await world.say(BEN, "/checkin")
    await world.send()
    ((contact_id, urn_key),) = await world.rows("SELECT contact_id, key FROM urns")
    world.clock.now = CHRISTMAS
    now_ms = to_ms(world.clock())
    async with app.database.begin() as connection:
        for kind in (MessageClass.INVITATION, MessageClass.NEWSLETTER, MessageClass.REMINDER, MessageClass.REPLY):
            message = Queued(
                app.ids(), kind.name, contact_id, urn_key, "telegram", kind, kind.name, "", (), now_ms, now_ms + 10**9
            )
            await outbox.queue(connection, app.vault, message, now_ms)
    await world.send()
    assert [message.text for message in world.telegram.sent][1:] == ["REPLY", "REMINDER"]
    world.clock.now = datetime(2026, 12, 26, 10, tzinfo=UTC)
    await world.send()
    assert [message.text for message in world.telegram.sent][3:] == ["INVITATION", "NEWSLETTER"]


def easter(year: int) -> date:
    """Easter Sunday, by the anonymous Gregorian algorithm (J. Meeus, Astronomical Algorithms, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), g = divmod(b, 4), (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 19 * m) // 433
    month = (h + m - 7 * n + 90) // 25
    return date(year, month, (h + m - 7 * n + 33 * month + 19) % 32)


def monday(day: date) -> date:
    """That day, or the first Monday after it."""
    return day + timedelta(days=-day.weekday() % 7)


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_the_days_on_file_are_those_of_the_law(year: int) -> None:
    """The Banking and Financial Dealings Act 1971, schedule 1, and the yearly proclamations. In the place of a holiday
    on a weekend stands the next weekday.
    """
    fixed = [date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)]
    expected = {
        easter(year) - timedelta(days=2), easter(year) + timedelta(days=1),
        monday(date(year, 5, 1)), monday(date(year, 5, 25)), monday(date(year, 8, 25)),
        *(day for day in fixed if day.weekday() < 5),
    }  # fmt: skip
    for day in fixed:
        if day.weekday() >= 5:
            instead = monday(day)
            expected.add(instead + timedelta(days=1) if instead in expected else instead)
    assert {day for day in bank_holidays().days if day.year == year} == expected


def test_a_project_may_send_on_holidays() -> None:
    urls = ("sqlite+aiosqlite://", "sqlite+aiosqlite://")
    assert settings_for(*urls).quiet.cover(CHRISTMAS)
    assert not settings_for(*urls, send_on_bank_holidays=True).quiet.cover(CHRISTMAS)


def test_the_file_has_eight_holidays_a_year_none_at_a_weekend() -> None:
    known = bank_holidays()
    for year in range(2026, known.until.year + 1):
        assert len([day for day in known.days if day.year == year]) == 8
    assert all(day.weekday() < 5 for day in known.days)
    assert (known.until.month, known.until.day) == (12, 31)


def test_check_says_when_the_file_ends_soon() -> None:
    urls = ("sqlite+aiosqlite://", "sqlite+aiosqlite://")
    settings, until = settings_for(*urls), bank_holidays().until
    assert holidays_known(settings, until - timedelta(days=61))[0]
    fine, line = holidays_known(settings, until - timedelta(days=60))
    assert not fine
    assert "add the next ones to config/bank_holidays.yaml" in line
    assert holidays_known(settings_for(*urls, send_on_bank_holidays=True), until)[0]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "expected `until:`"),
        ("days: [", "expected `until:`"),
        ("until: 2026-12-31\ndays: {soon: Easter}", "'soon' is no day"),
        ("until: next year\ndays: {2026-12-25: Christmas}", "'next year' is no day"),
        ("until: 2026-12-31\ndays: {2027-01-01: New Year}", "2027-01-01 is after"),
    ],
)
def test_a_file_with_a_fault_says_what_to_do(tmp_path: Path, written: str, why: str) -> None:
    file = tmp_path / FILE.name
    file.write_text(written, "utf-8")
    with pytest.raises(ValueError, match=why) as raised:
        bank_holidays(file)
    assert str(raised.value).startswith("config/bank_holidays.yaml: ")
