"""Whom the team should call, and who first: the rules of the list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.call_list import (
    SOON,
    Call,
    Outcome,
    Reason,
    Why,
    about_event,
    encouragement,
    in_words,
    place,
    standing,
)

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LONDON = ZoneInfo("Europe/London")
#: Each reason, as of yesterday.
ALL = [Reason(why, NOW - DAY, "Tea", NOW + DAY if "c" in why else None) for why in Why]


def whys(*reasons: Reason, calls: tuple[Call, ...] = (), now: datetime = NOW) -> list[Why]:
    return [one.why for one in standing(reasons, calls, now)]


def test_the_most_urgent_reason_comes_first_whatever_order_they_are_found_in() -> None:
    assert whys(*reversed(ALL)) == list(Why)


def test_more_reasons_move_nobody_up() -> None:
    one = standing([Reason(Why.WORRIED, NOW)], (), NOW)
    three = standing([Reason(Why.STUCK, NOW - DAY), Reason(Why.FAILED, NOW - DAY), Reason(Why.CAME_ONCE, NOW)], (), NOW)
    assert place(one) < place(three)


def test_within_a_reason_the_nearest_event_and_then_the_longest_wait_come_first() -> None:
    far, near = (Reason(Why.CHANGED, NOW, "Tea", NOW + days * DAY) for days in (9, 5))
    assert place((near,)) < place((far,))
    assert place((Reason(Why.PERSON, NOW - DAY),)) < place((Reason(Why.PERSON, NOW),))


@pytest.mark.parametrize(("called_off", "soon", "later"), [
    (True, Why.SOON_CALLED_OFF, Why.CALLED_OFF), (False, Why.SOON_CHANGED, Why.CHANGED)
])  # fmt: skip
def test_an_event_of_the_next_two_days_is_more_urgent(called_off: bool, soon: Why, later: Why) -> None:
    assert about_event(called_off, NOW, "Tea", NOW + SOON, NOW).why is soon
    assert about_event(called_off, NOW, "Tea", NOW + SOON + DAY, NOW).why is later


def test_who_was_reached_is_called_again_only_for_what_is_new() -> None:
    reached = (Call(Outcome.REACHED, NOW),)
    assert whys(Reason(Why.WORRIED, NOW - DAY), Reason(Why.INVITATION, NOW + DAY), calls=reached) == [Why.INVITATION]


def test_a_change_after_a_talk_is_told_although_the_place_is_older() -> None:
    assert whys(Reason(Why.CHANGED, NOW - DAY, "Tea", NOW + 9 * DAY), calls=(Call(Outcome.REACHED, NOW),))


def test_who_was_not_reached_is_left_until_the_day_that_was_noted() -> None:
    missed = (Call(Outcome.NOT_REACHED, NOW, NOW + DAY),)
    worried = Reason(Why.WORRIED, NOW - DAY)
    assert whys(worried, calls=missed, now=NOW + DAY / 2) == []
    assert whys(worried, calls=missed, now=NOW + DAY) == [Why.WORRIED]


def test_what_is_urgent_is_tried_again_after_some_hours_or_at_once_if_it_is_new() -> None:
    missed = (Call(Outcome.NOT_REACHED, NOW, NOW + DAY),)
    old, new = Reason(Why.PERSON, NOW - DAY), Reason(Why.PERSON, NOW + timedelta(minutes=1))
    assert whys(old, calls=missed, now=NOW + timedelta(hours=3)) == []
    assert whys(old, calls=missed, now=NOW + timedelta(hours=4)) == [Why.PERSON]
    assert whys(new, calls=missed, now=NOW + timedelta(minutes=2)) == [Why.PERSON]


def test_who_may_be_in_danger_stays_on_the_list_until_somebody_has_reached_them() -> None:
    danger = Reason(Why.DISTRESS, NOW - DAY)
    assert whys(danger, calls=(Call(Outcome.NOT_REACHED, NOW, NOW + 9 * DAY),)) == [Why.DISTRESS]


def test_who_asked_us_to_stop_calling_is_called_only_if_they_ask_or_are_in_danger() -> None:
    refused = (Call(Outcome.NO_MORE_CALLS, NOW - 9 * DAY), Call(Outcome.REACHED, NOW - 5 * DAY))
    assert whys(*ALL, calls=refused) == [Why.DISTRESS, Why.PERSON, Why.CALL]
    assert whys(*ALL, calls=(Call(Outcome.NO_MORE_CALLS, NOW),)) == []


@pytest.mark.parametrize("reason", ALL, ids=lambda one: str(one.why))
def test_each_reason_is_said_in_plain_words_with_its_day(reason: Reason) -> None:
    words = in_words(reason, LONDON)
    assert "22 Nov" in words or "24 Nov at 10:00" in words
    assert "_" not in words
    assert len(words) < 140


def test_a_partner_is_told_how_many_and_never_who() -> None:
    words = encouragement("Mind in Harwich", 4, "01632 960123")
    assert words.startswith("Hello Mind in Harwich. 4 of the people")
    assert "EVENTS" in words
    assert "01632 960123" in words
    assert "call" not in encouragement("Mind", 0, "")


_hours = st.integers(-2000, 2000).map(lambda hours: NOW + timedelta(hours=hours))
_reasons = st.lists(st.builds(Reason, st.sampled_from(Why), _hours), max_size=6)
_calls = st.lists(st.builds(Call, st.sampled_from(Outcome), _hours, st.none() | _hours), max_size=4)


@given(_reasons, _calls, _hours)
def test_calls_only_ever_take_reasons_away_and_danger_is_never_put_off(
    reasons: list[Reason], calls: list[Call], now: datetime
) -> None:
    stand = standing(reasons, calls, now)
    assert all(one in reasons for one in stand)
    assert list(stand) == sorted(stand, key=lambda one: place((one,)))
    spoken = max((call.at for call in calls if call.outcome is not Outcome.NOT_REACHED), default=None)
    urgent = [one for one in reasons if one.why is Why.DISTRESS and (spoken is None or one.since > spoken)]
    assert [one for one in stand if one.why is Why.DISTRESS] == sorted(urgent, key=lambda one: one.since)
