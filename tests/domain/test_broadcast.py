"""When each of many is written to, and what is seen to be wrong before."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.broadcast import Broadcast, Course, Terms, Wording, faults_in, starts, unfilled
from domain.quiet import QuietHours
from domain.segment import Segment

LONDON = ZoneInfo("Europe/London")
QUIET = QuietHours(time(20), time(9), LONDON)
INSTANTS = st.integers(0, 2 * 365 * 24 * 60).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


@given(INSTANTS, st.lists(st.tuples(st.sampled_from(["sms", "telegram"]), st.integers(1, 3000)), max_size=40))
def test_nothing_is_planned_into_the_night_or_faster_than_the_channel(
    now: datetime, units: list[tuple[str, int]]
) -> None:
    course, rates = Course(QUIET, {"sms": 1, "telegram": 28}), {"sms": 1, "telegram": 28}
    not_before = int(now.timestamp() * 1000)
    last: dict[str, tuple[int, int]] = {}
    for channel, n in units:
        at = course.next(channel, n, not_before, "")
        moment = datetime.fromtimestamp(at / 1000, UTC)
        assert at >= not_before
        assert not QUIET.cover(moment)
        if channel in last:
            before, paid = last[channel]
            assert at - before >= 1000 * paid / rates[channel] - 1
        last[channel] = (at, n)


@given(INSTANTS, st.integers(1, 20))
def test_each_day_begins_awake_and_a_day_after_the_one_before(now: datetime, days: int) -> None:
    found = starts(None, days, QUIET, now)
    assert len(found) == days
    assert found[0] >= now
    assert not any(QUIET.cover(one) for one in found)
    assert all(timedelta(hours=22) < after - one < timedelta(hours=26) for one, after in pairwise(found))


def test_a_process_that_takes_over_goes_on_where_the_other_ended() -> None:
    now = int(datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp() * 1000)
    one = Course(QUIET, {"sms": 1})
    first = [one.next("sms", 2, now, "") for _ in range(3)]
    other = Course(QUIET, {"sms": 1}, dict(one.clocks))
    assert [*first, other.next("sms", 2, now, "")] == [now, now + 2000, now + 4000, now + 6000]


def test_a_part_of_a_penny_is_a_penny() -> None:
    terms = Terms(pence=2.33, a_second={})
    assert [terms.price(n) for n in (0, 1, 100)] == [0, 3, 233]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Come at 2pm (or later). It is free :-)", []),
        ("Call {phone}, {nickname}", []),
        ("On {date} at [time]", ["{date}", "[time]"]),
        ("Room ___, TBC", ["___", "TBC"]),
        ("a } b", ["}"]),
    ],
)
def test_places_that_somebody_still_has_to_fill_are_found(text: str, found: list[str]) -> None:
    assert unfilled(text, frozenset({"phone", "nickname"})) == found


def test_what_is_wrong_is_told_with_what_to_do() -> None:
    bad = Broadcast(
        id=0,
        number=0,
        name=" ",
        segment=Segment(),
        texts={"xx": Wording("hello"), "en": Wording(" "), "pl": Wording("Hej {nickname}")},
        event=3,
        days=0,
    )
    said = "\n".join(faults_in(bad, ("en", "pl"), ()))
    assert "the name is missing" in said
    assert "either a text or the number of an event" in said
    assert "days: give a number" in said
    assert "text xx: this is no language of ours" in said
    assert "text en: it is empty" in said
    assert "text pl: every line names {nickname}" in said


def test_a_variant_of_a_language_reads_that_languages_text_and_no_other_unreviewed_one() -> None:
    texts = {"en": Wording("Hello", "the team"), "pl": Wording("Dzień dobry")}
    broadcast = Broadcast(id=0, number=0, name="x", segment=Segment(), texts=texts)
    assert broadcast.text("en-simple") == "Hello"
    assert broadcast.text("pl") is None
