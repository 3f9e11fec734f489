"""The moments at which hours by a zone's clock can begin or end, and the last one before another."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.clock import edges, jump, last_before, shown

LONDON = ZoneInfo("Europe/London")
HAVANA = ZoneInfo("America/Havana")  # its clocks go on at midnight
APIA = ZoneInfo("Pacific/Apia")  # went over the date line, and left out 30 December 2011

FORWARD = datetime(2027, 3, 28, 1, tzinfo=UTC)
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
LEFT_OUT = datetime(2011, 12, 30, 10, tzinfo=UTC)
HALF = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "moments"),
    [
        (date(2026, 7, 1), time(9), LONDON, (datetime(2026, 7, 1, 8, tzinfo=UTC),) * 2),
        (date(2026, 10, 25), time(1, 30), LONDON, (BACK - HALF, BACK + HALF)),
        (date(2027, 3, 28), time(1, 30), LONDON, (FORWARD - HALF, FORWARD + HALF)),
        (date(2011, 12, 30), time(10), APIA, (LEFT_OUT - timedelta(hours=14), LEFT_OUT + timedelta(hours=10))),
    ],
)
def test_a_time_is_shown_once_or_twice_or_between_two_moments(
    day: date, clock: time, zone: ZoneInfo, moments: tuple[datetime, datetime]
) -> None:
    assert shown(day, clock, zone) == moments


@pytest.mark.parametrize(
    ("day", "zone", "change"),
    [
        (date(2027, 3, 28), LONDON, FORWARD),
        (date(2026, 10, 25), LONDON, BACK),
        (date(2026, 7, 1), LONDON, None),
        (date(2027, 3, 13), HAVANA, datetime(2027, 3, 14, 5, tzinfo=UTC)),
        (date(2011, 12, 29), APIA, LEFT_OUT),
    ],
)
def test_a_jump_is_found_on_the_day_that_it_ends_or_cuts(day: date, zone: ZoneInfo, change: datetime | None) -> None:
    assert jump(day, zone) == change


@pytest.mark.parametrize(
    ("zone", "middle"),
    [(LONDON, FORWARD), (LONDON, BACK), (HAVANA, datetime(2027, 3, 14, 5, tzinfo=UTC)), (APIA, LEFT_OUT)],
)
def test_the_clock_passes_a_time_at_an_edge_only(zone: ZoneInfo, middle: datetime) -> None:
    clock = time(1, 30)
    earliest, latest = middle - timedelta(hours=40), middle + timedelta(hours=40)
    found = edges(earliest, latest, {clock}, zone)
    assert all(earliest < moment < latest for moment in found)
    moment = earliest
    while (following := moment + timedelta(minutes=15)) < latest:
        was, now = (m.astimezone(zone) for m in (moment, following))
        if (was.time() < clock) != (now.time() < clock) and now.time() >= clock:
            assert following in found
        if was.utcoffset() != now.utcoffset():
            assert following in found
        moment = following


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "found"),
    [
        (at(12, 30), at(12, 30)),  # it suits itself
        (at(16), at(13, 45)),
        (at(12), at(10)),  # the stretch is shorter than the room
        (at(9), at(5, 45)),  # the stretch has an edge in it
        (at(2), None),
    ],
)
def test_the_last_moment_leaves_room_before_what_suits_is_over(instant: datetime, found: datetime | None) -> None:
    stretches = [(at(4), at(5, 50)), (at(5, 50), at(6)), (at(10), at(10, 10)), (at(12, 20), at(14))]

    def suits(moment: datetime) -> bool:
        return any(begin <= moment < end for begin, end in stretches)

    both = {edge for stretch in stretches for edge in stretch if edge < instant}
    room = timedelta(minutes=15)
    assert last_before(instant, suits, both, earliest=at(1), room=room) == found
