"""Ids: each once, in the order of time, whatever the clock does."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import Ids, lowest

NOW = 1_800_000_000.0  # in January 2027


def ids(*seconds: float, bits: Callable[[int], int] | None = None) -> list[int]:
    """The ids that are handed out when the clock shows these, one after the other."""
    times = iter(seconds)
    new = Ids(lambda: next(times), bits or random.Random(7).getrandbits)
    return [new() for _ in seconds]


def test_ids_are_unique_and_in_the_order_in_which_they_were_given() -> None:
    given_ = ids(*[NOW + n // 50 / 1000 for n in range(5000)])
    assert sorted(set(given_)) == given_


@given(st.lists(st.integers(-5000, 5000), min_size=2, max_size=60))
def test_a_clock_that_is_set_back_repeats_no_id(milliseconds: list[int]) -> None:
    given_ = ids(*[NOW + ms / 1000 for ms in milliseconds])
    assert sorted(set(given_)) == given_


def test_an_id_of_a_later_millisecond_is_greater_in_every_process() -> None:
    all_ones, nought = lambda n: (1 << n) - 1, lambda n: 0
    assert ids(NOW, bits=all_ones)[0] < ids(NOW + 0.001, bits=nought)[0]


def test_two_processes_draw_apart_within_a_millisecond() -> None:
    one, other = Ids(lambda: NOW, random.Random(1).getrandbits), Ids(lambda: NOW, random.Random(2).getrandbits)
    assert not {one() for _ in range(100)} & {other() for _ in range(100)}


def test_each_millisecond_begins_at_a_new_random_place() -> None:
    one, _, other = ids(NOW, NOW, NOW + 1)
    assert one & 0x3FFFFF != other & 0x3FFFFF


def test_more_ids_than_a_millisecond_has_borrow_from_the_next() -> None:
    asked: list[int] = []

    def nearly_full(bits: int) -> int:
        asked.append(bits)
        return (1 << 22) - 3

    given_ = ids(*[NOW] * 6, NOW + 0.001, NOW + 0.002, bits=nearly_full)
    assert sorted(set(given_)) == given_
    assert [n >> 22 for n in given_[:7]] == [given_[0] >> 22] * 3 + [(given_[0] >> 22) + 1] * 4
    assert asked == [21, 21]


def test_ids_fit_a_signed_64_bit_column_until_2094() -> None:
    last = ids(3_913_056_000.0)[0]  # 2094-01-01
    assert 0 < ids(1_735_689_600.0 + 0.001)[0] < last < 2**63


def test_the_lowest_id_of_a_moment_parts_what_was_made_before_it_from_what_came_after() -> None:
    moment = datetime(2026, 11, 23, 10, tzinfo=UTC)
    seconds = moment.timestamp()
    before, at = ids(seconds - 0.001, bits=lambda n: (1 << n) - 1)[0], ids(seconds, bits=lambda n: 0)[0]
    assert before < lowest(moment) <= at
    assert lowest(datetime(1999, 1, 1, tzinfo=UTC)) == 0
