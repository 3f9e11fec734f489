"""A period on, by the calendar and the clock of the people it is for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.model import Period
from scheduler.plan import later

LONDON = ZoneInfo("Europe/London")
MONTH = Period(months=1)


def london(year: int, month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("instant", "period", "due"),
    [
        (london(2026, 1, 15), MONTH, london(2026, 2, 15)),
        # month ends
        (london(2026, 1, 31), MONTH, london(2026, 2, 28)),
        (london(2028, 1, 31), MONTH, london(2028, 2, 29)),
        (london(2026, 3, 31), MONTH, london(2026, 4, 30)),
        (london(2026, 2, 28), MONTH, london(2026, 3, 28)),
        (london(2026, 12, 31), MONTH, london(2027, 1, 31)),
        (london(2026, 8, 31), Period(months=6), london(2027, 2, 28)),
        (london(2026, 5, 31), Period(months=12), london(2027, 5, 31)),
        (london(2028, 2, 29), Period(months=12), london(2029, 2, 28)),
        (london(2026, 11, 30), Period(months=15), london(2028, 2, 29)),
        # the same time by the clock, though the night was shorter or longer
        (london(2026, 3, 15), MONTH, datetime(2026, 4, 15, 9, tzinfo=UTC)),
        (london(2026, 10, 1), MONTH, datetime(2026, 11, 1, 10, tzinfo=UTC)),
        (london(2026, 3, 28), Period(hours=24), london(2026, 3, 29)),
        (london(2026, 10, 24), Period(hours=24), london(2026, 10, 25)),
        (london(2026, 10, 20), Period(hours=168), london(2026, 10, 27)),
        # hours are hours
        (london(2026, 3, 28, 20), Period(hours=20), london(2026, 3, 29, 17)),
        (london(2026, 10, 24, 20), Period(hours=20), london(2026, 10, 25, 15)),
        (london(2026, 3, 27, 20), Period(hours=44), london(2026, 3, 29, 17)),
        (london(2026, 1, 31), Period(), london(2026, 1, 31)),
    ],
)
def test_a_period_on_is_at_the_same_time_by_the_clock(instant: datetime, period: Period, due: datetime) -> None:
    assert later(instant, period, LONDON) == due
    assert later(instant.astimezone(UTC), period, LONDON) == due
    assert later(instant, period, LONDON).tzinfo is UTC


def test_a_time_that_the_clocks_skip_is_an_hour_later_by_them() -> None:
    assert later(london(2026, 2, 28, 1, 30), MONTH, LONDON) == london(2026, 3, 28, 1, 30)
    assert later(london(2026, 3, 28, 1, 30), Period(hours=24), LONDON) == london(2026, 3, 29, 2, 30)


def test_a_time_that_comes_twice_is_the_first() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert later(london(2026, 9, 25, 1, 30), MONTH, LONDON) == first
    assert later(london(2026, 10, 24, 1, 30), Period(hours=24), LONDON) == first


def test_a_month_on_from_the_second_of_two_like_hours_is_the_same_as_from_the_first() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert (
        later(first, MONTH, LONDON) == later(first + timedelta(hours=1), MONTH, LONDON) == london(2026, 11, 25, 1, 30)
    )


_INSTANTS = st.builds(lambda s: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=s), st.integers(0, 3 * 10**8))
_PERIODS = st.builds(Period, st.integers(1, 2000), st.integers(0, 24)) | st.builds(
    Period, st.just(0), st.integers(1, 24)
)


@given(_INSTANTS, _PERIODS)
def test_a_period_on_is_later_by_about_its_length(instant: datetime, period: Period) -> None:
    due = later(instant, period, LONDON)
    assert due > instant
    shortest = timedelta(hours=period.hours, days=28 * period.months) - timedelta(hours=1)
    longest = timedelta(hours=period.hours, days=31 * period.months) + timedelta(hours=1)
    assert shortest <= due - instant <= longest


@given(_INSTANTS, st.integers(0, 23))
@example(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 5)  # the second of two like hours
def test_hours_are_hours_on_every_day(instant: datetime, hours: int) -> None:
    assert later(instant.astimezone(LONDON), Period(hours=hours), LONDON) == instant + timedelta(hours=hours)


@given(_INSTANTS, st.integers(1, 24))
def test_months_on_is_in_the_month_of_that_name(instant: datetime, months: int) -> None:
    local, due = instant.astimezone(LONDON), later(instant, Period(months=months), LONDON).astimezone(LONDON)
    assert (due.year * 12 + due.month) - (local.year * 12 + local.month) == months
    assert due.day <= local.day
