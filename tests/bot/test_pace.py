"""How fast a channel sends: never above its most in any second as the provider sees it, with a gap between two
messages to one address, however long each request is on its way.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import count, pairwise
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.app import pace_of
from bot.channels.telegram import IN_FLIGHT
from bot.pace import Pace
from tests.conftest import settings_for

#: What Telegram takes in a second over all bots' chats (its Bots FAQ).
TELEGRAM_TAKES = 30
TICK = 0.005
_ROUNDED = 1e-6


@dataclass
class Sending:
    """A sender in numbers: one message under way to each address, so many in all; each request arrives somewhere
    between its leaving and its answer.
    """

    pace: Pace
    slowest: float = 0.1
    dice: Random = field(default_factory=lambda: Random(1))
    left: list[tuple[float, str]] = field(default_factory=list)
    arrived: list[tuple[float, str, int]] = field(default_factory=list)

    def run(self, queue: list[tuple[int, int]], within: float = 3600) -> None:
        """Send (address, units) in order, each address's own messages one after another."""
        waiting = [(str(n), units) for n, units in queue]
        happens: list[tuple[float, int, str, str, int]] = []
        order = count()
        busy: set[str] = set()
        now = 1_796_032_800.0
        ends = now + within

        def then(at: float, what: str, address: str, units: int) -> None:
            heapq.heappush(happens, (at, next(order), what, address, units))

        while waiting or happens:
            assert now < ends, "it never gets done"
            while happens and happens[0][0] <= now:
                _, _, what, address, units = heapq.heappop(happens)
                match what:
                    case "apart":
                        then(now + self.pace.take(now, units), "turn", address, units)
                    case "turn" if (wait := self.pace.full(now, units)) > 0:
                        then(now + wait, "turn", address, units)
                    case "turn":
                        self.pace.left(units)
                        takes = self.dice.uniform(0, self.slowest)
                        self.left.append((now, address))
                        self.arrived.append((now + self.dice.uniform(0, takes), address, units))
                        then(now + takes, "answered", address, units)
                    case _:
                        self.pace.answered(now, address, units)
                        busy.discard(address)
            room = min(IN_FLIGHT - len(busy), self.pace.room(now))
            rest = []
            for address, units in waiting:
                if room > 0 and address not in busy:
                    room -= 1
                    if (apart := self.pace.apart(now, address)) > 0:
                        then(now + apart, "apart", address, units)
                    else:
                        then(now + self.pace.take(now, units), "turn", address, units)
                else:
                    rest.append((address, units))
                busy.add(address)  # what comes after it to the same address waits
            busy = {address for _, _, _, address, _ in happens}
            waiting = rest
            now += TICK

    def busiest_second(self) -> int:
        """In units, by when they arrived; a message that arrives alone is one."""
        arrived = sorted(self.arrived)
        most = 0
        for since, _, _ in arrived:
            second = [units for at, _, units in arrived if since <= at < since + 1 - _ROUNDED]
            most = max(most, sum(second) if len(second) > 1 else 1)
        return most

    def apart(self) -> float:
        """The least time between the arrivals of two messages to one address, in seconds."""
        by_address: dict[str, list[float]] = {}
        for at, address, _ in sorted(self.arrived):
            by_address.setdefault(address, []).append(at)
        return min((b - a for times in by_address.values() for a, b in pairwise(times)), default=float("inf"))


def telegram() -> Pace:
    """As the program sets it, unless an operator says otherwise."""
    return pace_of(settings_for("sqlite+aiosqlite://", "sqlite+aiosqlite://"), "telegram")


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


@settings(deadline=None, database=None, max_examples=100)
@example([(person, 1) for person in range(IN_FLIGHT)] * 2 + [(100 + n, 1) for n in range(100)], 0.1, 1)
@given(_QUEUES, st.sampled_from([0.01, 0.1, 0.8]), st.integers(0, 9))
def test_no_second_sees_more_than_telegram_takes(queue: list[tuple[int, int]], slowest: float, seed: int) -> None:
    sending = Sending(telegram(), slowest, Random(seed))
    sending.run(queue)
    assert Counter(address for _, address in sending.left) == Counter(str(person) for person, _ in queue)
    if queue:
        assert sending.busiest_second() <= TELEGRAM_TAKES
        assert sending.apart() > 1 - _ROUNDED


@settings(deadline=None, database=None, max_examples=60)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=25),
    st.sampled_from([0.5, 1, 3, 10, 100]),
    st.sampled_from([0.01, 0.3, 2.0]),
    st.integers(0, 9),
)
def test_no_second_sees_more_segments_than_the_number_sends(
    segments: list[int], rate: float, slowest: float, seed: int
) -> None:
    sending = Sending(Pace(rate), slowest, Random(seed))
    sending.run(list(enumerate(segments)))
    assert len(sending.left) == len(segments)
    assert sending.busiest_second() <= max(1, int(rate))


@settings(deadline=None, database=None, max_examples=30)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_texts_of_several_segments_are_paid_back(segments: list[int]) -> None:
    """One segment a second: a text goes when there is room for its first, and the next waits for the rest."""
    sending = Sending(Pace(1), slowest=0.01)
    sending.run(list(enumerate(segments)))
    starts = sorted(at for at, _ in sending.left)
    for (before, after), units in zip(pairwise(starts), segments, strict=False):
        assert units - TICK <= after - before <= units + 0.01 + 4 * TICK


def test_a_full_rate_is_used_however_slow_the_answers_are() -> None:
    for slowest, longest in ((0.01, 10.4), (0.15, 10.6), (0.5, 12.5)):
        sending = Sending(telegram(), slowest)
        sending.run([(person, 1) for person in range(280)])
        times = [at for at, _ in sending.left]
        assert 9 < max(times) - min(times) < longest


@pytest.mark.parametrize("rate", [0.2, 1, 14, 28, 1000])
def test_there_is_room_at_once_after_a_rest(rate: float) -> None:
    pace = Pace(rate)
    assert pace.room(0) >= 1
    assert pace.take(0, 1) == 0
    pace.left(1)
    pace.answered(0, "a", 1)
    assert pace.room(3600) >= 1
    assert pace.room(3600) <= 1 + rate / 14


def test_nothing_goes_while_the_provider_said_to_wait() -> None:
    pace = Pace(1000)
    pace.hold(7)
    pace.hold(3)  # a shorter one does not shorten it
    assert pace.held(5) == 2
    assert pace.next_room(5) == 2
    assert pace.room(6.999) == 0
    assert pace.held(7) == 0
    assert pace.room(7) > 0


def test_what_had_its_turn_and_did_not_leave_takes_no_room() -> None:
    pace = Pace(1)
    pace.take(0, 1)
    assert pace.room(1) == 0
    pace.given_up(1)
    assert pace.room(1) == 1


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    pace = Pace(1, gap=5)
    pace.take(1000, 1)
    pace.left(1)
    pace.answered(1000, "a", 1)
    assert pace.room(10) == 0
    assert pace.room(11) == 1
    assert pace.apart(11, "a") == 4


def test_who_looked_at_the_clock_before_and_comes_after_loosens_nothing() -> None:
    pace = Pace(1, gap=1)
    pace.take(100, 1)
    pace.left(1)
    pace.answered(100.5, "a", 1)
    assert pace.room(100.1) == 0  # the sender's round began before that answer came
    assert pace.room(101.4) == 0
    assert pace.apart(101.4, "a") == pytest.approx(0.1)
    assert pace.room(101.5) == 1


def test_next_room_tells_when_there_is_room() -> None:
    pace = Pace(2)
    assert pace.room(100) == 1
    pace.take(100, 4)
    pace.left(4)
    pace.answered(100, "a", 4)
    wait = pace.next_room(100)
    assert pace.room(100 + wait - 0.01) == 0
    assert pace.room(100 + wait) == 1


def test_addresses_written_to_long_ago_are_forgotten() -> None:
    pace = Pace(1e9, gap=60)
    for n in range(20_000):
        pace.answered(0, str(n), 0)
    assert pace.apart(0, "19999") == 60
    assert pace.apart(0, "5") == 0
