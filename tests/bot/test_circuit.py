"""An account that fails again and again is left alone, for longer and longer, and tried with one message at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.circuit import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Circuit


def broken(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    assert [circuit.failed(now) for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]
    return circuit


def test_a_few_failures_are_no_reason_to_wait() -> None:
    circuit = Circuit()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            circuit.failed(0.0)
        assert circuit.room(0.0, 3) is None
        assert not circuit.answered()


def test_after_its_pause_one_message_tries() -> None:
    circuit = broken()
    assert circuit.room(FIRST_PAUSE - 0.1, 0) == 0
    assert circuit.room(FIRST_PAUSE, 0) == 1
    assert circuit.room(FIRST_PAUSE, 1) == 0
    assert circuit.answered()
    assert circuit.room(FIRST_PAUSE, 1) is None


def test_each_pause_is_longer_up_to_the_longest() -> None:
    circuit, now, pauses = broken(), 0.0, []
    for _ in range(9):
        pauses.append(circuit.rests(now))
        now += circuit.rests(now)
        assert not circuit.failed(now)  # it is left alone already
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert pauses[-1] == LONGEST_PAUSE


def test_what_was_under_way_when_it_broke_does_not_make_the_pause_longer() -> None:
    circuit = broken()
    for _ in range(20):
        assert not circuit.failed(1.0)
    assert circuit.rests(0.0) == FIRST_PAUSE


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100))))
def test_it_is_never_left_alone_for_good(happened: list[tuple[bool, float]]) -> None:
    circuit, now = Circuit(), 0.0
    for well, seconds in happened:
        now += seconds
        if well:
            circuit.answered()
            assert circuit.room(now, 16) is None
        else:
            circuit.failed(now)
        assert circuit.rests(now) <= LONGEST_PAUSE
        assert circuit.room(now + LONGEST_PAUSE, 0) in (None, 1)
