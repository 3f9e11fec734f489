"""The hours that suit somebody, through both changes of the clocks and beside the quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.hours import ALL_DAYS, PreferredHours, in_hours, in_hours_before
from domain.quiet import QuietHours

LONDON = ZoneInfo("Europe/London")
HAVANA = ZoneInfo("America/Havana")
NIGHT = QuietHours(time(20), time(9), LONDON)
SUNDAY = frozenset({6})

#: The clocks of London go on from 01:00 to 02:00 at the first moment and back from 02:00 to 01:00 at the second: both
#: are Sundays.
FORWARD = datetime(2027, 3, 28, 1, tzinfo=UTC)
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
#: Those of Havana go on at midnight, so that their Sunday begins at 01:00.
MIDNIGHT = datetime(2027, 3, 14, 5, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
TWO_WEEKS = timedelta(days=14)


def hours(start: str, end: str = "00:00", days: frozenset[int] = ALL_DAYS) -> PreferredHours:
    return PreferredHours(time.fromisoformat(start), time.fromisoformat(end), days)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """In the week of Monday 23 November 2026 in London, where the clocks show UTC."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("preferred", "instant", "suits"),
    [
        (hours("11:00", "16:00"), at(23, 10, 59), False),
        (hours("11:00", "16:00"), at(23, 11), True),
        (hours("11:00", "16:00"), at(23, 15, 59), True),
        (hours("11:00", "16:00"), at(23, 16), False),
        (hours("11:00"), at(23, 23, 59), True),
        (hours("11:00"), at(24, 0), False),
        (hours("00:00", days=frozenset({0, 2})), at(23, 0), True),
        (hours("00:00", days=frozenset({0, 2})), at(24, 0), False),
        (hours("00:00", days=frozenset({0, 2})), at(25, 23, 59), True),
        # by the clocks where they are, an hour before UTC in summer
        (hours("11:00", "16:00"), datetime(2026, 7, 1, 10, tzinfo=UTC), True),
        (hours("11:00", "16:00"), datetime(2026, 7, 1, 15, tzinfo=UTC), False),
    ],
)
def test_hours_suit_from_the_start_to_before_the_end(preferred: PreferredHours, instant: datetime, suits: bool) -> None:
    assert preferred.suit(instant, LONDON) is suits


@pytest.mark.parametrize(
    ("preferred", "instant", "after"),
    [
        (hours("11:00", "16:00"), at(23, 9), at(23, 11)),
        (hours("11:00", "16:00"), at(23, 12), at(23, 12)),
        (hours("11:00", "16:00"), at(23, 16), at(24, 11)),
        (hours("11:00", "16:00", frozenset({0})), at(23, 16), at(30, 11)),
        (hours("00:00", days=SUNDAY), at(23, 12), at(29, 0)),
        # the short day: 01:30 is skipped, and the day goes on at 02:00
        (hours("01:30", "03:00"), FORWARD - QUARTER, FORWARD),
        (hours("01:15", "01:45"), FORWARD - QUARTER, FORWARD + timedelta(hours=23, minutes=15)),
        (hours("01:15", "01:45", SUNDAY), FORWARD - QUARTER, FORWARD + timedelta(days=6, hours=23, minutes=15)),
        # the long day: 01:15 to 01:45 comes twice
        (hours("01:15", "01:45"), BACK - timedelta(hours=1), BACK - 3 * QUARTER),
        (hours("01:15", "01:45"), BACK - QUARTER, BACK + QUARTER),
        (hours("00:30", "01:15"), BACK - 2 * QUARTER, BACK),
    ],
)
def test_what_does_not_suit_waits_for_what_does(preferred: PreferredHours, instant: datetime, after: datetime) -> None:
    assert preferred.after(instant, LONDON) == after


def test_a_day_without_a_midnight_begins_where_its_clocks_do() -> None:
    sundays = hours("00:00", "12:00", SUNDAY)
    assert sundays.after(MIDNIGHT - timedelta(hours=2), HAVANA) == MIDNIGHT


_QUARTERS = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))


@st.composite
def _hours(draw: st.DrawFn, times: st.SearchStrategy[time] = _QUARTERS) -> PreferredHours:
    start, end = draw(times), draw(times)
    if end <= start:
        start, end = (start, time(0)) if start == end else (end, start)
    return PreferredHours(start, end, draw(st.frozensets(st.integers(0, 6), min_size=1)))


def _near(*jumps: datetime) -> st.SearchStrategy[datetime]:
    minutes = st.integers(-1500, 1500) | st.integers(-21 * 1440, 1440)
    return st.builds(lambda jump, n: jump + timedelta(minutes=n), st.sampled_from(jumps), minutes)


_PLACES = st.one_of(
    st.tuples(st.just(LONDON), _near(FORWARD, BACK)),
    st.tuples(st.just(HAVANA), _near(MIDNIGHT)),
)


def _quarters(instant: datetime) -> list[datetime]:
    """The instant, and every quarter of an hour within two weeks: nothing else can begin to suit."""
    whole = instant.replace(minute=instant.minute // 15 * 15) + QUARTER
    return [instant, *(t for n in range(14 * 96) if (t := whole + n * QUARTER) <= instant + TWO_WEEKS)]


@given(_hours(), _PLACES)
@example(hours("01:15", "01:45", SUNDAY), (LONDON, FORWARD - QUARTER))
@example(hours("00:30", "01:15"), (LONDON, BACK - 2 * QUARTER))
@example(hours("00:00", "00:15", SUNDAY), (HAVANA, MIDNIGHT - QUARTER))
def test_after_is_the_first_moment_that_suits(preferred: PreferredHours, place: tuple[ZoneInfo, datetime]) -> None:
    zone, instant = place
    after = preferred.after(instant, zone)
    assert after >= instant
    assert after.tzinfo is UTC
    assert preferred.suit(after, zone)
    assert preferred.after(after, zone) == after
    assert next((t for t in _quarters(instant) if preferred.suit(t, zone)), after) == after


@given(_hours(st.times().map(lambda t: t.replace(second=0, microsecond=0))))
@example(hours("00:00"))
def test_hours_are_stored_and_read_as_they_were(preferred: PreferredHours) -> None:
    assert PreferredHours.parse(str(preferred)) == preferred


@pytest.mark.parametrize(
    "stored",
    [
        "", "11:00-20:00", "11:00-20:00 ", "11:00-20:00 7", "11:00-20:00 20", "11:00-20:00 00", "25:00-26:00 0",
        "11:60-20:00 0", "11:00-24:00 0", "11-20 0", " 11:00-20:00 0", "11:00-20:00 0\n", "20:00-11:00 0",
        "11:00-11:00 0", "১১:০০-২০:০০ 0",
    ],
)  # fmt: skip
def test_what_was_not_stored_is_not_read(stored: str) -> None:
    with pytest.raises(ValueError, match=r"expected|must be in"):
        PreferredHours.parse(stored)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (time(11), time(11), ALL_DAYS),
        (time(11), time(10), ALL_DAYS),
        (time(0), time(0), frozenset()),
        (time(0), time(0), frozenset({7})),
        (time(11, 0, 30), time(12), ALL_DAYS),
        (time(11), time(12, tzinfo=UTC), ALL_DAYS),
    ],
)
def test_hours_that_nobody_could_be_reached_in_are_none(start: time, end: time, days: frozenset[int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        PreferredHours(start, end, days)


# Beside the quiet hours


@pytest.mark.parametrize(
    ("preferred", "instant", "sent"),
    [
        (hours("11:00", "16:00"), at(23, 12), at(23, 12)),
        (hours("11:00", "16:00"), at(23, 21), at(24, 11)),
        (hours("06:00", "10:00"), at(23, 5), at(23, 9)),
        (hours("19:00", "22:00"), at(23, 20, 30), at(24, 19)),
        (hours("19:00", "22:00", SUNDAY), at(23, 20, 30), at(29, 19)),
        # no hour is left: the end of the quiet ones
        (hours("20:00"), at(23, 12), at(23, 12)),
        (hours("20:00"), at(23, 21), at(24, 9)),
        (hours("00:00", "09:00", SUNDAY), at(23, 3), at(23, 9)),
    ],
)
def test_a_message_waits_for_hours_that_suit_and_are_not_quiet(
    preferred: PreferredHours, instant: datetime, sent: datetime
) -> None:
    assert in_hours(instant, NIGHT, preferred) == sent


@given(_hours(), _QUARTERS, _QUARTERS, _near(FORWARD, BACK))
@example(hours("12:00", "15:00", SUNDAY), time(12), time(14, 30), BACK)
@example(hours("00:30", "01:15"), time(0, 30), time(1), BACK - 2 * QUARTER)
@example(hours("20:00"), time(20), time(9), FORWARD)
def test_a_message_comes_at_a_good_moment_wherever_there_is_one(
    preferred: PreferredHours, quiet_from: time, quiet_to: time, instant: datetime
) -> None:
    quiet = QuietHours(quiet_from, quiet_to, LONDON)

    def good(moment: datetime) -> bool:
        return preferred.suit(moment, LONDON) and not quiet.cover(moment)

    sent = in_hours(instant, quiet, preferred)
    first = next((t for t in _quarters(instant) if good(t)), None)
    assert sent >= instant
    if first is None:
        assert sent == quiet.after(instant)
    else:
        assert good(sent)
        assert in_hours(sent, quiet, preferred) == sent
        if not time(1) <= quiet_to < time(2):  # where the clocks skip it, the quiet ends within the hour
            assert sent == first


# Backwards

KOLKATA = ZoneInfo("Asia/Kolkata")
TWO_DAYS = timedelta(hours=48)


@pytest.mark.parametrize(
    ("preferred", "instant", "sent"),
    [
        (hours("11:00", "16:00"), at(23, 12), at(23, 12)),
        (hours("11:00", "16:00"), at(23, 21), at(23, 15, 45)),
        (hours("11:00", "16:00"), at(23, 10), at(22, 15, 45)),
        (hours("06:00", "10:00"), at(23, 5), at(22, 9, 45)),
        (hours("19:00", "22:00"), at(23, 20, 30), at(23, 19, 45)),
        (hours("19:00", "22:00", SUNDAY), at(23, 20, 30), at(22, 19, 45)),
        # what suits both is shorter than the room
        (hours("19:50", "22:00"), at(23, 21), at(23, 19, 50)),
        # it would be more than two days before, or never: before the quiet hours
        (hours("19:00", "22:00", SUNDAY), at(25, 8), at(24, 19, 45)),
        (hours("20:00"), at(23, 12), at(23, 12)),
        (hours("20:00"), at(23, 21), at(23, 19, 45)),
    ],
)
def test_what_may_not_be_late_comes_earlier_at_a_good_moment(
    preferred: PreferredHours, instant: datetime, sent: datetime
) -> None:
    assert in_hours_before(instant, NIGHT, preferred, LONDON, room=QUARTER, within=TWO_DAYS) == sent


def test_a_person_s_own_hours_are_by_the_clocks_where_they_are() -> None:
    evening = hours("17:00", "21:00")  # 11:30 to 15:30 in London
    assert in_hours_before(at(23, 18), NIGHT, evening, KOLKATA, room=QUARTER, within=TWO_DAYS) == at(23, 15, 15)
    morning = hours("06:00", "09:00")  # 00:30 to 03:30 there: quiet
    assert in_hours_before(at(23, 21), NIGHT, morning, KOLKATA, room=QUARTER, within=TWO_DAYS) == at(23, 19, 45)


@given(_hours(), _QUARTERS, _QUARTERS, _near(FORWARD, BACK), st.sampled_from([LONDON, HAVANA, KOLKATA]))
@example(hours("00:30", "01:15"), time(0, 30), time(1), BACK + 2 * QUARTER, LONDON)
@example(hours("01:15", "01:45", SUNDAY), time(20), time(9), FORWARD + 2 * QUARTER, LONDON)
@example(hours("20:00"), time(20), time(9), FORWARD, LONDON)
def test_the_good_moment_is_the_last_quarter_before_wherever_there_is_one(
    preferred: PreferredHours, quiet_from: time, quiet_to: time, instant: datetime, zone: ZoneInfo
) -> None:
    """All hours here begin and end at quarters, so that one with a quarter's room is one of them."""
    quiet = QuietHours(quiet_from, quiet_to, LONDON)
    instant = instant.replace(minute=instant.minute // 15 * 15)
    quarters = [instant - n * QUARTER for n in range(2 * 96 + 1)]
    awake = next((t for t in quarters if not quiet.cover(t)), None)
    good = next((t for t in quarters if not quiet.cover(t) and preferred.suit(t, zone)), awake)
    assert in_hours_before(instant, quiet, preferred, zone, room=QUARTER, within=TWO_DAYS) == good
