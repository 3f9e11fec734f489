"""Which needs must be seen to at an event, and by when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.event import Access, Venue
from domain.need import Need, due_at, meets, needs_at
from tests.events import an_event

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_only_what_somebody_must_see_to_is_a_need_and_food_only_where_there_is_some() -> None:
    event = an_event(1, NOW + timedelta(days=9))
    said = {"easy_read", "interpreter", "diet", "nothing", "prefer_not_to_say", "companion"}
    assert needs_at(event, said) == (Need.INTERPRETER, Need.COMPANION)
    assert needs_at(replace(event, food=True), said) == (Need.INTERPRETER, Need.DIET, Need.COMPANION)
    assert needs_at(event, ()) == ()


def test_a_venue_meets_what_it_has() -> None:
    venue = Venue(name="Hall", access=frozenset({Access.STEP_FREE}))
    assert [need for need in Need if meets(venue, need)] == [Need.WHEELCHAIR]
    assert not any(meets(Venue(name="Hall"), need) for need in Need)


@given(st.integers(-40 * 24, 40 * 24))
def test_a_task_is_due_three_days_before_or_the_day_before_and_never_before_it_was_made(hours: int) -> None:
    event = an_event(1, NOW)
    made = NOW + timedelta(hours=hours)
    due = due_at(event, made)
    assert due >= made
    if hours <= -72:
        assert due == NOW - timedelta(days=3)
    elif hours <= -24:
        assert due == NOW - timedelta(days=1)
    else:
        assert due == made
