"""How fast a channel sends: never above its rate in any second, with a gap between two messages to one person."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.channels.telegram import IN_FLIGHT
from bot.pace import Pace
from config.settings import Settings

#: What Telegram takes in a second over all bots' chats (its Bots FAQ).
TELEGRAM_TAKES = 30
TICK = 0.005


@dataclass
class Sending:
    """A sender in numbers: who gets a message when, one under way to each person, so many in all."""

    pace: Pace
    seconds_each: float = 0.05
    sent: list[tuple[float, int]] = field(default_factory=list)

    def run(self, queue: list[tuple[int, int]], within: float = 3600) -> None:
        """Send (person, units) in order, each person's own messages one after another."""
        queue = list(queue)
        under_way: list[tuple[float, int]] = []
        now = 1_796_032_800.0
        ends = now + within
        while queue or under_way:
            assert now < ends, "it never gets done"
            while under_way and under_way[0][0] <= now:
                heapq.heappop(under_way)
            room = min(IN_FLIGHT - len(under_way), self.pace.room(now))
            busy = {person for _, person in under_way}
            waiting = []
            for person, units in queue:
                if room > 0 and person not in busy:
                    at = now + self.pace.take(now, person, units)
                    self.sent += [(at, person)] * units
                    heapq.heappush(under_way, (at + self.seconds_each, person))
                    room -= 1
                else:
                    waiting.append((person, units))
                busy.add(person)
            queue = waiting
            now += TICK

    def busiest_second(self) -> int:
        times = sorted(at for at, _ in self.sent)
        return max(sum(since <= at < since + 1 for at in times) for since in times)

    def apart(self) -> float:
        """The least time between two messages to one person, in seconds."""
        by_person: dict[int, list[float]] = {}
        for at, person in sorted(self.sent):
            by_person.setdefault(person, []).append(at)
        return min((b - a for times in by_person.values() for a, b in pairwise(times)), default=float("inf"))


def telegram() -> Pace:
    """As the program sets it, unless an operator says otherwise."""
    given = Settings.model_fields
    return Pace(given["telegram_messages_per_second"].default, given["telegram_seconds_per_chat"].default)


_QUEUES = st.one_of(
    st.lists(st.tuples(st.integers(0, 200), st.just(1)), max_size=150),
    st.lists(st.tuples(st.integers(0, 16), st.just(1)), max_size=60),
    # everybody of a full house is written to twice, and then a crowd comes
    st.builds(
        lambda people, crowd: [(p, 1) for p in range(people)] * 2 + [(100 + p, 1) for p in range(crowd)],
        st.integers(1, 40),
        st.integers(0, 90),
    ),
)


@settings(deadline=None, database=None, max_examples=150)
@example([(person, 1) for person in range(IN_FLIGHT)] * 2 + [(100 + n, 1) for n in range(100)], 0.05)
@given(_QUEUES, st.sampled_from([0.01, 0.05, 0.4]))
def test_no_second_sees_more_than_telegram_takes(queue: list[tuple[int, int]], seconds_each: float) -> None:
    sending = Sending(telegram(), seconds_each)
    sending.run(queue)
    assert Counter(person for _, person in sending.sent) == Counter(person for person, _ in queue)
    if queue:
        assert sending.busiest_second() <= TELEGRAM_TAKES
        assert sending.apart() > 1 - 1e-6


@settings(deadline=None, database=None, max_examples=30)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_texts_of_several_segments_are_paid_back(segments: list[int]) -> None:
    """One segment a second: a text goes when there is room for its first, and the next waits for the rest."""
    sending = Sending(Pace(1))
    sending.run([(n, units) for n, units in enumerate(segments)])
    starts = sorted({at for at, _ in sending.sent})
    for (before, after), units in zip(pairwise(starts), segments, strict=False):
        assert units - TICK <= after - before <= units + 2 * TICK


def test_a_full_rate_is_used() -> None:
    sending = Sending(telegram())
    sending.run([(person, 1) for person in range(280)])
    times = [at for at, _ in sending.sent]
    assert 9 < max(times) - min(times) < 11


@pytest.mark.parametrize("rate", [0.2, 1, 14, 28, 1000])
def test_there_is_room_at_once_after_a_rest(rate: float) -> None:
    pace = Pace(rate)
    assert pace.room(0) >= 1
    pace.take(0, 1, 1)
    assert pace.room(3600) >= 1
    assert pace.room(3600) <= max(1, rate / 14)


def test_nothing_goes_while_the_provider_said_to_wait() -> None:
    pace = Pace(1000)
    pace.hold(7)
    pace.hold(3)  # a shorter one does not shorten it
    assert pace.room(6.999) == 0
    assert pace.next_room(5) == 2
    assert pace.room(7) > 0


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    pace = Pace(1)
    pace.room(1000)
    pace.take(1000, 1, 1)
    assert pace.room(10) == 0
    assert pace.room(11) == 1


def test_next_room_tells_when_there_is_room() -> None:
    pace = Pace(2)
    assert pace.room(100) == 1
    pace.take(100, 1, 4)
    assert pace.room(100) == -3
    wait = pace.next_room(100)
    assert pace.room(100 + wait - 0.01) < 1
    assert pace.room(100 + wait) == 1


def test_people_written_to_long_ago_are_forgotten() -> None:
    pace = Pace(1e9, gap=60)
    for person in range(20_000):
        assert pace.take(0, person, 1) == 0
    assert pace.take(0, 19_999, 1) == 60
    assert pace.take(0, 5, 1) == 0
