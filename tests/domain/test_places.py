"""Whatever people ask for, in whatever order: never more people than places, and nobody goes before their turn."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.places import OFFERS, BookingStatus, Places, Settled

NOW = 1_000


def places(capacity: int | None, kept: int = 0) -> Places:
    return Places(event_id=1, capacity=capacity, kept=kept, taken=0, beside=0, asked=0)


def test_the_last_place_is_given_once_and_the_other_waits() -> None:
    room = places(1)
    assert [room.ask(n, n, 0) for n in (1, 2)] == [Settled.BOOKED, Settled.WAITING]
    assert room.taken == 1
    assert room.give_up(1) is Settled.OUT
    (offered,) = room.offer(until_ms=2_000)
    assert (offered.contact_id, offered.status, offered.offered_until) == (2, BookingStatus.OFFERED, 2_000)
    assert room.accept(2) is Settled.BOOKED


def test_who_asks_twice_has_one_place() -> None:
    room = places(5)
    assert [room.ask(n, 7, 0) for n in (1, 2)] == [Settled.BOOKED, Settled.UNCHANGED]
    assert room.taken == 1


def test_kept_places_are_for_companions_only() -> None:
    room = places(3, kept=1)
    assert room.ask(1, 1, 0) is Settled.BOOKED
    assert room.ask(2, 2, 0) is Settled.BOOKED
    assert room.ask(3, 3, 0) is Settled.WAITING
    assert room.give_up(2) is Settled.OUT
    assert [one.contact_id for one in room.offer(NOW)] == [3]


def test_a_companion_takes_a_kept_place() -> None:
    room = places(3, kept=1)
    assert room.ask(1, 1, 1) is Settled.BOOKED
    assert room.ask(2, 2, 0) is Settled.BOOKED
    assert room.taken == 3


def test_one_place_goes_to_the_first_whom_it_is_enough_for() -> None:
    room = places(2)
    for n in (1, 2):
        room.ask(n, n, 0)
    room.ask(3, 3, 1)
    room.ask(4, 4, 0)
    room.give_up(1)
    assert [one.contact_id for one in room.offer(NOW)] == [4]


def test_who_lets_an_offer_pass_goes_to_the_end_and_then_off_the_list() -> None:
    room = places(1)
    for n in (1, 2, 3):
        room.ask(n, n, 0)
    room.give_up(1)
    assert [one.contact_id for one in room.offer(NOW)] == [2]
    assert room.lapse(2, NOW - 1) is Settled.UNCHANGED, "its time is not over"
    assert room.lapse(2, NOW) is Settled.WAITING
    assert [one.contact_id for one in room.offer(NOW)] == [3]
    room.lapse(3, NOW)
    assert [one.contact_id for one in room.offer(NOW)] == [2]
    assert room.lapse(2, NOW) is Settled.LAPSED
    assert OFFERS == 2


def test_a_late_yes_gets_the_place_if_it_is_still_free() -> None:
    room = places(1)
    for n in (1, 2):
        room.ask(n, n, 0)
    room.give_up(1)
    list(room.offer(NOW))
    room.lapse(2, NOW)
    assert room.accept(2) is Settled.BOOKED


@settings(max_examples=300, deadline=None)
@given(
    capacity=st.integers(0, 6),
    kept=st.integers(0, 2),
    seed=st.integers(0, 2**32),
    steps=st.integers(1, 80),
)
def test_a_random_crowd_never_sits_on_one_anothers_lap(capacity: int, kept: int, seed: int, steps: int) -> None:
    dice, room = Random(seed), places(capacity, min(kept, capacity))
    for n in range(steps):
        who = dice.randrange(12)
        match dice.randrange(4):
            case 0 | 1:
                room.ask(1_000 + n, who, dice.randrange(2))
            case 2:
                room.give_up(who)
            case 3:
                room.lapse(who, NOW)
        for offered in room.offer(NOW):
            assert offered.status is BookingStatus.OFFERED
        if dice.random() < 0.5:
            room.accept(who)
        holding = [b for b in room.bookings.values() if b.holds]
        assert room.taken == sum(1 + b.companions for b in holding) <= capacity
        assert room.beside == sum(b.companions for b in holding)
        waiting = [b for b in room.bookings.values() if b.status is BookingStatus.WAITING]
        assert sorted(waiting, key=lambda b: b.position) == list(room.waiting.values())
        assert [room.number(b.contact_id) for b in room.waiting.values()] == list(range(1, len(waiting) + 1))
        assert not any(room.enough_for(b.companions) for b in room.waiting.values()), "a free place is offered"
