"""Quiet hours, through the night and through both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.quiet import QuietHours

LONDON = ZoneInfo("Europe/London")
NIGHT = QuietHours(time(20), time(9), LONDON)
NOON = QuietHours(time(12), time(14, 30), LONDON)
NONE = QuietHours(time(9), time(9), LONDON)

#: The clocks went on from 01:00 to 02:00 at the first moment and back from 02:00 to 01:00 at the second.
FORWARD = datetime(2026, 3, 29, 1, tzinfo=UTC)
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("quiet", "instant", "covered"),
    [
        (NIGHT, at(5, 19, 59), False),
        (NIGHT, at(5, 20), True),
        (NIGHT, at(5, 23, 59), True),
        (NIGHT, at(6, 0), True),
        (NIGHT, at(6, 8, 59), True),
        (NIGHT, at(6, 9), False),
        (NOON, at(5, 11, 59), False),
        (NOON, at(5, 12), True),
        (NOON, at(5, 14, 29), True),
        (NOON, at(5, 14, 30), False),
        (NONE, at(5, 9), False),
        (NONE, at(5, 3), False),
        # by the clock of the zone, whatever the instant's own
        (NIGHT, datetime(2026, 7, 1, 19, 0, tzinfo=UTC), True),
        (NIGHT, datetime(2026, 7, 1, 18, 59, tzinfo=UTC), False),
        (NIGHT, datetime(2026, 1, 5, 19, 59, tzinfo=UTC), False),
    ],
)
def test_quiet_is_from_the_start_to_before_the_end(quiet: QuietHours, instant: datetime, covered: bool) -> None:
    assert quiet.cover(instant) is covered


@pytest.mark.parametrize(
    ("quiet", "instant", "after"),
    [
        (NIGHT, at(5, 21), at(6, 9)),
        (NIGHT, at(6, 3), at(6, 9)),
        (NIGHT, at(6, 9), at(6, 9)),
        (NIGHT, at(6, 15), at(6, 15)),
        (NOON, at(6, 13), at(6, 14, 30)),
        (NONE, at(6, 3), at(6, 3)),
        # the short night and the long one
        (NIGHT, at(28, 21, month=3), datetime(2026, 3, 29, 8, tzinfo=UTC)),
        (NIGHT, at(24, 21, month=10), datetime(2026, 10, 25, 9, tzinfo=UTC)),
        (NIGHT, FORWARD, datetime(2026, 3, 29, 8, tzinfo=UTC)),
        (NIGHT, BACK, datetime(2026, 10, 25, 9, tzinfo=UTC)),
    ],
)
def test_what_falls_into_quiet_hours_waits_for_their_end(quiet: QuietHours, instant: datetime, after: datetime) -> None:
    assert quiet.after(instant) == after


@pytest.mark.parametrize(
    ("quiet", "instant", "start"),
    [
        (NIGHT, at(5, 12), at(5, 20)),
        (NIGHT, at(5, 20), at(6, 20)),
        (NIGHT, at(5, 23), at(6, 20)),
        (NOON, at(5, 23), at(6, 12)),
        (NIGHT, at(28, 21, month=3), datetime(2026, 3, 29, 19, tzinfo=UTC)),
        (NIGHT, at(24, 21, month=10), datetime(2026, 10, 25, 20, tzinfo=UTC)),
    ],
)
def test_the_next_quiet_begins_by_the_clock(quiet: QuietHours, instant: datetime, start: datetime) -> None:
    assert quiet.next_start(instant) == start


def test_equal_times_are_no_quiet_hours() -> None:
    assert NONE.next_start(at(5, 12)) is None
    assert NONE.after(at(5, 9)) == at(5, 9)


def test_an_end_that_the_clocks_show_twice_is_awaited_each_time() -> None:
    quiet = QuietHours(time(20), time(1, 30), LONDON)
    first, second = BACK - timedelta(minutes=30), BACK + timedelta(minutes=30)
    assert quiet.after(BACK - timedelta(minutes=45)) == first
    assert quiet.after(BACK - timedelta(minutes=15)) == BACK - timedelta(minutes=15)
    assert quiet.after(BACK + timedelta(minutes=15)) == second


def test_an_end_that_the_clocks_skip_comes_within_the_hour_that_they_skipped() -> None:
    quiet = QuietHours(time(20), time(1, 30), LONDON)
    after = quiet.after(FORWARD - timedelta(minutes=10))
    assert FORWARD <= after <= FORWARD + timedelta(hours=1)
    assert not quiet.cover(after)


_TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))
_INSTANTS = st.builds(
    lambda start, minutes: start + timedelta(minutes=minutes),
    st.sampled_from([FORWARD, BACK]),
    st.integers(-1500, 1500) | st.integers(-(10**6), 10**6),
)


@given(_TIMES, _TIMES, _INSTANTS)
@example(time(0, 30), time(1, 30), BACK + timedelta(minutes=15))
@example(time(1, 30), time(1, 45), FORWARD - timedelta(minutes=5))
def test_nothing_is_ever_moved_into_quiet_hours_nor_out_of_other_ones(
    start: time, end: time, instant: datetime
) -> None:
    quiet = QuietHours(start, end, LONDON)
    after = quiet.after(instant)
    assert not quiet.cover(after)
    assert (after == instant) is (not quiet.cover(instant))
    assert timedelta() <= after - instant <= timedelta(hours=25)
    begins = quiet.next_start(instant)
    if begins is not None:
        assert timedelta() < begins - instant <= timedelta(hours=25)
    if not any(time(1) <= t < time(2) for t in (start, end)):  # the hour that is skipped and repeated
        waited = int((after - instant).total_seconds()) // 60
        assert all(quiet.cover(instant + timedelta(minutes=n)) for n in range(0, waited, 7))
        if begins is not None:
            assert quiet.cover(begins)
            assert not quiet.cover(begins - timedelta(minutes=1))


# Backwards

ROOM = timedelta(minutes=15)
TWO_DAYS = timedelta(hours=48)


@pytest.mark.parametrize(
    ("quiet", "instant", "before"),
    [
        (NIGHT, at(6, 3), at(5, 19, 45)),
        (NIGHT, at(5, 20), at(5, 19, 45)),
        (NIGHT, at(5, 19, 50), at(5, 19, 50)),
        (NIGHT, at(6, 9), at(6, 9)),
        (NOON, at(6, 13), at(6, 11, 45)),
        (NONE, at(6, 3), at(6, 3)),
        # hardly any time between: the beginning of it
        (QuietHours(time(9, 10), time(9), LONDON), at(6, 8), at(5, 9)),
        # the short night and the long one
        (NIGHT, at(29, 8, month=3), datetime(2026, 3, 28, 19, 45, tzinfo=UTC)),
        (NIGHT, at(25, 8, month=10), datetime(2026, 10, 24, 18, 45, tzinfo=UTC)),
        # a beginning that the clocks skip is where they jump
        (QuietHours(time(1, 30), time(9), LONDON), at(29, 8, month=3), FORWARD - ROOM),
        # one that they show twice is the second
        (QuietHours(time(1, 30), time(9), LONDON), at(25, 8, month=10), BACK + ROOM),
    ],
)
def test_what_may_not_be_late_comes_before_the_quiet(quiet: QuietHours, instant: datetime, before: datetime) -> None:
    found = quiet.before(instant, room=ROOM, within=TWO_DAYS)
    assert found == before
    assert found is not None
    assert found.tzinfo is UTC


def test_where_it_is_quiet_all_that_time_there_is_no_moment() -> None:
    assert NIGHT.before(at(6, 3), room=ROOM, within=timedelta(hours=6)) is None
    assert NIGHT.before(at(6, 3), room=ROOM, within=timedelta(hours=8)) == at(5, 19, 45)


@given(_TIMES, _TIMES, _INSTANTS)
@example(time(0, 30), time(1, 30), BACK + timedelta(minutes=50))
@example(time(1, 30), time(1, 45), FORWARD + timedelta(minutes=5))
@example(time(1, 1), time(1), FORWARD)
def test_before_is_the_last_moment_with_room(start: time, end: time, instant: datetime) -> None:
    quiet = QuietHours(start, end, LONDON)
    found = quiet.before(instant, room=ROOM, within=TWO_DAYS)
    assert found is not None
    assert not quiet.cover(found)
    assert found <= instant
    assert (found == instant) is (not quiet.cover(instant))
    if found < instant:  # minutes are enough: these hours begin and end at whole ones
        left = int((instant - found).total_seconds()) // 60
        awake = [n for n in range(left + 1) if not quiet.cover(found + timedelta(minutes=n))]
        assert awake == list(range(len(awake)))
        assert len(awake) <= 15
        assert len(awake) == 15 or quiet.cover(found - timedelta(minutes=1))


# Holidays

#: Good Friday to Easter Monday, the night in which the clocks go on, and the day on which they go back.
DAYS = frozenset(
    {date(2026, 4, 3), date(2026, 4, 4), date(2026, 4, 5), date(2026, 4, 6), date(2026, 3, 29), date(2026, 10, 25)}
)
CLOSED = QuietHours(time(20), time(9), LONDON, DAYS)


@pytest.mark.parametrize(
    ("instant", "after"),
    [
        (at(2, 19, 59, month=4), at(2, 19, 59, month=4)),
        (at(2, 20, month=4), at(7, 9, month=4)),
        (at(3, 12, month=4), at(7, 9, month=4)),
        (at(6, 23, month=4), at(7, 9, month=4)),
        (at(29, 12, month=3), at(30, 9, month=3)),
        (at(24, 21, month=10), at(26, 9, month=10)),
    ],
)
def test_what_falls_on_a_holiday_waits_for_the_morning_after(instant: datetime, after: datetime) -> None:
    assert CLOSED.after(instant) == after


def test_without_quiet_hours_a_holiday_ends_at_midnight() -> None:
    quiet = QuietHours(time(0), time(0), LONDON, DAYS)
    assert quiet.after(at(3, 12, month=4)) == at(7, 0, month=4)
    assert quiet.after(at(29, 12, month=3)) == at(30, 0, month=3)
    assert not quiet.cover(at(7, 0, month=4))


def test_a_holiday_whose_midnight_the_clocks_skip_ends_when_they_do() -> None:
    havana = ZoneInfo("America/Havana")  # on 8 March 2026 from 00:00 to 01:00
    quiet = QuietHours(time(0), time(0), havana, frozenset({date(2026, 3, 7)}))
    assert quiet.after(datetime(2026, 3, 7, 12, tzinfo=havana)) == datetime(2026, 3, 8, 5, tzinfo=UTC)


def test_on_any_day_holidays_do_not_count() -> None:
    assert CLOSED.on_any_day == NIGHT
    assert CLOSED.on_holiday(at(3, 12, month=4))
    assert not CLOSED.on_any_day.cover(at(3, 12, month=4))
    assert NIGHT.on_any_day is NIGHT


_HOLIDAYS = st.frozensets(
    st.sampled_from([FORWARD.date(), BACK.date()]) | st.dates(date(2026, 3, 26), date(2026, 4, 1))
)


@given(_TIMES, _TIMES, _INSTANTS, _HOLIDAYS, st.sampled_from(["Europe/London", "America/Havana", "Asia/Beirut"]))
def test_nothing_is_ever_moved_into_a_holiday_nor_further_than_it_must(
    start: time, end: time, instant: datetime, holidays: frozenset[date], zone: str
) -> None:
    quiet = QuietHours(start, end, ZoneInfo(zone), holidays)
    after = quiet.after(instant)
    assert not quiet.cover(after)
    assert after >= instant
    assert (after == instant) is (not quiet.cover(instant))
    assert after.astimezone(quiet.zone).date() not in holidays
    assert quiet.on_any_day.after(instant) <= after
    assert after - instant <= timedelta(hours=25) * (len(holidays) + 1)
    if zone == "Europe/London" and not any(time(1) <= t < time(2) for t in (start, end)):
        waited = int((after - instant).total_seconds()) // 60
        assert all(quiet.cover(instant + timedelta(minutes=n)) for n in range(0, waited, 13))


@given(_TIMES, _TIMES, _INSTANTS, _HOLIDAYS)
def test_what_comes_before_a_holiday_comes_on_none(
    start: time, end: time, instant: datetime, holidays: frozenset[date]
) -> None:
    quiet = QuietHours(start, end, LONDON, holidays)
    found = quiet.before(instant, room=ROOM, within=timedelta(days=14))
    if found is not None:
        assert not quiet.cover(found)
        assert found <= instant
        assert (found == instant) is (not quiet.cover(instant))
