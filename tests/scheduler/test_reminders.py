"""When somebody is reminded of an event: at the right hour by the clock, through both changes, and never too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from domain.event import REMINDERS, Day, Event, EventKind, EventState, Venue
from domain.hours import ALL_DAYS, PreferredHours
from domain.quiet import QuietHours
from scheduler.reminders import Reminder, reminders

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
KOLKATA = ZoneInfo("Asia/Kolkata")
APIA = ZoneInfo("Pacific/Apia")
ZONES = (LONDON, NEW_YORK, KOLKATA, APIA)
NIGHT = QuietHours(time(20), time(9), LONDON)
NONE = QuietHours(time(0), time(0), LONDON)

WEEK, DAY, TWO_HOURS = REMINDERS
QUARTER = timedelta(minutes=15)
TWO_DAYS = timedelta(hours=48)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

#: London's clocks go back and on, New York's do a week later and two weeks before; Apia left out 30 December 2011.
CHANGES = (
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2027, 3, 14, 7, tzinfo=UTC),
    datetime(2027, 3, 28, 1, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
)


def event(*starts: datetime, before: Sequence[timedelta] = REMINDERS) -> Event:
    return Event(
        id=1,
        number=1,
        kind=EventKind.TRAINING,
        title={"en": "Speaking up"},
        venue=Venue(name="The Anchor"),
        days=tuple(Day(start.astimezone(UTC), start.astimezone(UTC) + timedelta(minutes=20)) for start in starts),
        reminders=tuple(before),
        state=EventState.PUBLISHED,
    )


def london(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=LONDON)


def due(found: list[Reminder]) -> list[tuple[timedelta, datetime]]:
    return [(one.before, one.due_at.astimezone(LONDON)) for one in found]


# By example


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (london(11, 23, 14), [(WEEK, london(11, 16, 14)), (DAY, london(11, 22, 14)), (TWO_HOURS, london(11, 23, 12))]),
        # across the change in October, and on its very day
        (london(10, 26, 14), [(WEEK, london(10, 19, 14)), (DAY, london(10, 25, 14)), (TWO_HOURS, london(10, 26, 12))]),
        (london(10, 25, 14), [(WEEK, london(10, 18, 14)), (DAY, london(10, 24, 14)), (TWO_HOURS, london(10, 25, 12))]),
        (london(3, 29, 14), [(WEEK, london(3, 22, 14)), (DAY, london(3, 28, 14)), (TWO_HOURS, london(3, 29, 12))]),
        # two hours before would be quiet: the evening before, with room for sending
        (
            london(11, 23, 10),
            [(WEEK, london(11, 16, 10)), (DAY, london(11, 22, 10)), (TWO_HOURS, london(11, 22, 19, 45))],
        ),
        # at half past midnight, a day before is the evening before that
        (
            london(11, 23, 0, 30),
            [(WEEK, london(11, 15, 19, 45)), (DAY, london(11, 21, 19, 45)), (TWO_HOURS, london(11, 22, 19, 45))],
        ),
    ],
)
def test_reminders_come_by_the_clock_and_not_in_quiet_hours(
    start: datetime, expected: list[tuple[timedelta, datetime]]
) -> None:
    assert due(reminders(event(start), LONG_AGO, NIGHT, None)) == expected


def test_hours_pass_as_they_are_and_days_go_by_the_clock() -> None:
    found = reminders(event(london(10, 25, 2), before=[TWO_HOURS, DAY]), LONG_AGO, NONE, None)
    assert [one.due_at for one in found] == [
        datetime(2026, 10, 24, 1, tzinfo=UTC),  # 02:00 by the clock, 25 hours before
        datetime(2026, 10, 25, 0, tzinfo=UTC),  # 01:00 by the clock, for the first time
    ]
    both = timedelta(days=1, hours=2)
    (one,) = reminders(event(london(10, 26, 10), before=[both]), LONG_AGO, NONE, None)
    assert one.due_at == london(10, 25, 8)


def test_a_time_that_the_clocks_skip_or_show_twice_is_the_earlier_moment() -> None:
    (skipped,) = reminders(event(london(3, 30, 1, 30), before=[DAY]), LONG_AGO, NONE, None)
    assert skipped.due_at == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    (twice,) = reminders(event(london(10, 26, 1, 30), before=[DAY]), LONG_AGO, NONE, None)
    assert twice.due_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_day_before_is_a_day_before_also_where_the_calendar_has_none() -> None:
    there = QuietHours(time(20), time(9), APIA)
    start = datetime(2011, 12, 31, 10, tzinfo=APIA)
    (found,) = reminders(event(start, before=[DAY]), LONG_AGO, there, None)
    assert found.due_at.astimezone(APIA) == datetime(2011, 12, 29, 10, tzinfo=APIA)


def test_an_event_that_is_moved_across_the_change_keeps_its_hour() -> None:
    """Its reminders are planned again, at the same time by the clock, an hour later in the world."""
    planned = event(london(10, 24, 14))
    moved = replace(planned, days=event(london(10, 31, 14)).days, revision=1)
    was, now = (reminders(one, LONG_AGO, NIGHT, None) for one in (planned, moved))
    assert [(one.day, one.before) for one in was] == [(one.day, one.before) for one in now]
    for before, after in zip(was[1:], now[1:], strict=True):
        assert after.due_at - before.due_at == timedelta(days=7, hours=1)
        assert after.due_at.astimezone(LONDON).time() == before.due_at.astimezone(LONDON).time()
    # a week before the new day is before the change
    assert now[0].due_at - was[0].due_at == timedelta(days=7)


def test_further_days_of_a_module_have_no_week_s_notice() -> None:
    module = event(*(london(11, day, 14) for day in (23, 24, 25)))
    found = reminders(module, LONG_AGO, NIGHT, None)
    assert [(one.day, one.before) for one in found] == [
        (0, WEEK), (0, DAY), (0, TWO_HOURS), (1, DAY), (1, TWO_HOURS), (2, DAY), (2, TWO_HOURS),
    ]  # fmt: skip


def test_of_two_at_one_moment_the_nearer_one_stays() -> None:
    early = event(london(11, 23, 9, 30), before=[timedelta(hours=2), timedelta(hours=3), timedelta(hours=13)])
    assert due(reminders(early, LONG_AGO, NIGHT, None)) == [(TWO_HOURS, london(11, 22, 19, 45))]
    # half an hour apart is one moment, and a quarter more is not
    for minutes, left in ((150, [TWO_HOURS]), (165, [timedelta(minutes=165), TWO_HOURS])):
        close = event(london(11, 23, 14), before=[timedelta(minutes=minutes), TWO_HOURS])
        assert [one.before for one in reminders(close, LONG_AGO, NIGHT, None)] == left
    # also of two days: the first day's two hours before, and the second day's day before
    nights = event(london(11, 23, 0, 30), london(11, 24, 0, 30), before=[DAY, TWO_HOURS])
    assert [(one.day, one.before) for one in reminders(nights, LONG_AGO, NIGHT, None)] == [
        (0, DAY),
        (0, TWO_HOURS),
        (1, TWO_HOURS),
    ]


def test_who_books_late_gets_those_still_to_come_and_none_at_once() -> None:
    meeting = event(london(11, 23, 14))
    for told_at, left in (
        (london(11, 16, 13, 30), [WEEK, DAY, TWO_HOURS]),
        (london(11, 16, 13, 31), [DAY, TWO_HOURS]),
        (london(11, 22, 15), [TWO_HOURS]),
        (london(11, 23, 11, 45), []),
        (london(11, 23, 14), []),
        (london(11, 24, 9), []),
    ):
        assert [one.before for one in reminders(meeting, told_at, NIGHT, None)] == left


def test_there_is_none_for_an_event_that_is_called_off() -> None:
    assert reminders(replace(event(london(11, 23, 14)), state=EventState.CALLED_OFF), LONG_AGO, NIGHT, None) == []


def test_a_person_s_hours_move_it_earlier_and_give_way_where_they_leave_nothing() -> None:
    meeting = event(london(11, 23, 14), before=[DAY])  # a Monday
    weekdays = PreferredHours(time(11), time(16), frozenset(range(5)))
    assert due(reminders(meeting, LONG_AGO, NIGHT, weekdays)) == [(DAY, london(11, 20, 15, 45))]
    tuesdays = PreferredHours(time(11), time(16), frozenset({1}))
    assert due(reminders(meeting, LONG_AGO, NIGHT, tuesdays)) == [(DAY, london(11, 22, 14))]
    nights = PreferredHours(time(21), time(23))
    assert due(reminders(meeting, LONG_AGO, NIGHT, nights)) == [(DAY, london(11, 22, 14))]


def test_a_person_somewhere_else_has_their_hours_by_their_own_clock() -> None:
    meeting = event(london(11, 23, 14), before=[DAY, TWO_HOURS])
    evening = PreferredHours(time(15), time(17))  # 09:30 to 11:30 in London
    assert due(reminders(meeting, LONG_AGO, NIGHT, evening, KOLKATA)) == [
        (DAY, london(11, 22, 11, 15)),
        (TWO_HOURS, london(11, 23, 11, 15)),
    ]


# As properties. Everything begins and ends at a quarter of an hour, so that the last good quarter is the last good
# moment with room.

_QUARTERS = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))
_STARTS = st.builds(
    lambda change, n: change + n * QUARTER, st.sampled_from(CHANGES), st.integers(-9 * 96, 9 * 96)
) | st.builds(
    lambda change, days, zone: datetime.combine(
        change.astimezone(zone).date() + timedelta(days=days), time(0, 30), zone
    ).astimezone(UTC),
    st.sampled_from(CHANGES),
    st.integers(-2, 9),
    st.sampled_from(ZONES),
)
_BEFORE = st.sampled_from(REMINDERS) | st.builds(
    lambda days, quarters: timedelta(days=days) + quarters * QUARTER, st.integers(0, 14), st.integers(0, 95)
)


@st.composite
def _events(draw: st.DrawFn) -> Event:
    starts = [draw(_STARTS)]
    for gap in draw(st.lists(st.integers(2, 4 * 96), max_size=3)):
        starts.append(starts[-1] + gap * QUARTER)
    return event(*starts, before=draw(st.lists(_BEFORE.filter(bool), max_size=4) | st.just(list(REMINDERS))))


_QUIET = st.builds(QuietHours, _QUARTERS, _QUARTERS, st.sampled_from(ZONES)) | st.builds(
    QuietHours, st.just(time(20)), st.just(time(9)), st.sampled_from(ZONES)
)


@st.composite
def _hours(draw: st.DrawFn) -> PreferredHours | None:
    start, end = sorted((draw(_QUARTERS), draw(_QUARTERS)))
    if draw(st.booleans()):
        return None
    end = time(0) if start == end else end
    return PreferredHours(start, end, draw(st.just(ALL_DAYS) | st.frozensets(st.integers(0, 6), min_size=1)))


_PERSON = st.sampled_from((None, *ZONES))
#: The booking, by quarters before the first day; below nought after it.
_BOOKED = st.integers(-4 * 96, 15 * 96)


@given(_events(), _QUIET, _hours(), _PERSON, _BOOKED)
@example(event(london(10, 26, 0, 30)), NIGHT, None, None, 96)
@example(event(datetime(2011, 12, 31, 10, tzinfo=APIA)), QuietHours(time(20), time(9), APIA), None, None, 15 * 96)
def test_a_reminder_is_in_time_and_never_in_quiet_hours(
    event: Event, quiet: QuietHours, hours: PreferredHours | None, zone: ZoneInfo | None, booked: int
) -> None:
    now = event.starts_at - booked * QUARTER
    found = reminders(event, now, quiet, hours, zone)
    for one in found:
        starts_at = event.days[one.day].starts_at
        assert one.due_at.tzinfo is UTC
        assert now + timedelta(minutes=30) <= one.due_at < starts_at
        assert not quiet.cover(one.due_at)
        assert one.before in event.reminders
        assert one.day == 0 or one.before <= DAY
        hour = timedelta(hours=1) if quiet.zone is not APIA else DAY  # a change of the clocks, or a day left out
        assert starts_at - one.due_at >= one.before - hour
    assert found == sorted(found, key=lambda one: one.due_at)
    assert len({(one.day, one.before) for one in found}) == len(found)
    assert all(b.due_at - a.due_at > timedelta(minutes=30) for a, b in pairwise(found))


@given(_events(), _QUIET, _hours(), _PERSON, _BOOKED)
def test_a_holiday_moves_no_reminder(
    event: Event, quiet: QuietHours, hours: PreferredHours | None, zone: ZoneInfo | None, booked: int
) -> None:
    now = event.starts_at - booked * QUARTER
    before = [(event.starts_at - timedelta(days=n)).astimezone(quiet.zone).date() for n in range(9)]
    closed = replace(quiet, holidays=frozenset(before))
    assert reminders(event, now, closed, hours, zone) == reminders(event, now, quiet, hours, zone)


@given(_events(), _QUIET, _hours(), _PERSON, _BOOKED, st.integers(0, 96))
def test_the_later_they_are_planned_the_fewer_there_are_and_no_other_ones(
    event: Event, quiet: QuietHours, hours: PreferredHours | None, zone: ZoneInfo | None, booked: int, later: int
) -> None:
    now = event.starts_at - booked * QUARTER
    found = reminders(event, now, quiet, hours, zone)
    assert reminders(event, now.astimezone(KOLKATA), quiet, hours, zone) == found
    then = now + later * QUARTER
    assert reminders(event, then, quiet, hours, zone) == [
        one for one in found if one.due_at >= then + timedelta(minutes=30)
    ]


@given(_STARTS, _BEFORE.filter(bool), _QUIET, _hours(), _PERSON)
@example(london(10, 26, 0, 30), DAY, NIGHT, None, None)
@example(london(3, 30, 1, 30), DAY, NIGHT, None, None)
@example(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), TWO_HOURS, NONE, None, None)  # 01:30 for the second time
def test_it_comes_at_its_hour_or_at_the_last_good_one_before(
    start: datetime, before: timedelta, quiet: QuietHours, hours: PreferredHours | None, zone: ZoneInfo | None
) -> None:
    (asked,) = reminders(event(start, before=[before]), LONG_AGO, replace(quiet, end=quiet.start), None)
    days, rest = divmod(before, DAY)
    if days:
        local, shown = (t.astimezone(quiet.zone) for t in (start, asked.due_at + rest))
        wanted = datetime.combine(local.date() - timedelta(days=days), local.time(), quiet.zone)
        if wanted.astimezone(UTC).astimezone(quiet.zone).replace(tzinfo=None) == wanted.replace(tzinfo=None):
            assert shown.replace(tzinfo=None) == wanted.replace(tzinfo=None)
        else:  # the clocks skip it
            assert shown.replace(tzinfo=None) < wanted.replace(tzinfo=None)
    else:
        assert start - asked.due_at == before

    quarters = [asked.due_at - n * QUARTER for n in range(2 * 96 + 1)]
    awake = next((t for t in quarters if not quiet.cover(t)), None)
    good = (t for t in quarters if not quiet.cover(t) and (hours is None or hours.suit(t, zone or quiet.zone)))
    found = reminders(event(start, before=[before]), LONG_AGO, quiet, hours, zone)
    assert [one.due_at for one in found] == [t for t in [next(good, awake)] if t is not None]


@given(_STARTS, st.integers(1, 20), st.sampled_from(ZONES))
def test_an_event_moved_by_days_is_reminded_of_at_the_same_hours(start: datetime, days: int, zone: ZoneInfo) -> None:
    local = start.astimezone(zone)
    moved = datetime.combine(local.date() + timedelta(days=days), local.time(), zone)
    assume(moved.astimezone(UTC).astimezone(zone) == moved and time(3) <= local.time())  # it is at a time that there is
    quiet = QuietHours(time(20), time(9), zone)
    was, now = (reminders(event(at, before=[WEEK, DAY]), LONG_AGO, quiet, None) for at in (start, moved))
    clocks = [[one.due_at.astimezone(zone).time() for one in found] for found in (was, now)]
    assert clocks[0] == clocks[1]
