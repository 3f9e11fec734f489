"""Several processes send for one account: in no second do they have more of its pace than there is, whoever comes or
goes, or dies, or stands still; and before long they have all of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest

from bot.pace import Pace
from bot.sharing import Sharing
from store.shares import LEASE_MS, SLACK_MS
from tests.conftest import World

STEP = timedelta(seconds=0.125)
#: What a process may be told of its share after the last change of who is there, in seconds: until a dead one's ends,
#: what was given up by others is free, and it has looked again.
SETTLES = timedelta(milliseconds=LEASE_MS + SLACK_MS, seconds=5)


@dataclass
class Process:
    """One process; its clock is `off` by so much."""

    sharing: Sharing
    pace: Pace
    off: timedelta = timedelta()
    stands_still_until: datetime | None = None
    wants: bool = True
    had: deque[tuple[datetime, int]] = field(default_factory=deque)

    async def turn(self, now: datetime) -> None:
        if self.stands_still_until is None or now >= self.stands_still_until:
            await self.sharing.renew(now + self.off, wants=self.wants)

    def units(self, now: datetime) -> int:
        return self.pace.ours((now + self.off).timestamp())

    def look(self, now: datetime) -> int:
        """The most that it had within this second."""
        self.had.append((now, self.units(now)))
        while self.had[0][0] <= now - timedelta(seconds=1):
            self.had.popleft()
        return max(units for _, units in self.had)


@dataclass
class Account:
    """What may be sent in any one second, and who sends."""

    world: World
    most: int
    least: int = 1
    running: list[Process] = field(default_factory=list)
    gone: list[Process] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.world.clock()

    def comes(self, off: float = 0) -> Process:
        app, pace = self.world.app, Pace(self.most)
        sharing = Sharing(app.database, "sms", app.ids(), pace, self.least)
        self.running.append(Process(sharing, pace, timedelta(seconds=off)))
        return self.running[-1]

    def dies(self, one: Process) -> None:
        self.running.remove(one)
        self.gone.append(one)

    async def goes(self, one: Process) -> None:
        await one.sharing.give_back(self.now + one.off)
        self.dies(one)

    async def passes(self, time: timedelta) -> None:
        """What may be sent is never too much meanwhile. One that died sends nothing more, but may have just now."""
        ends = self.now + time
        while self.now < ends:
            await asyncio.gather(*(one.turn(self.now) for one in self.running))
            latest = [one.look(self.now) for one in self.running]
            latest += [
                max((units for at, units in one.had if at > self.now - timedelta(seconds=1)), default=0)
                for one in self.gone
            ]
            assert sum(latest) <= self.most, latest
            self.world.clock.forward(STEP)

    def shares(self) -> list[int]:
        return [one.units(self.now) for one in self.running]


async def test_one_has_all_of_it_at_once(world: World) -> None:
    account = Account(world, most=28)
    account.comes()
    await account.passes(STEP)
    assert account.shares() == [28]


async def test_who_comes_later_has_as_much_before_long(world: World) -> None:
    account = Account(world, most=28)
    account.comes()
    await account.passes(timedelta(seconds=2))
    account.comes()
    account.comes()
    await account.passes(SETTLES)
    assert account.shares() == [10, 9, 9]


async def test_what_a_dead_one_had_is_the_others(world: World) -> None:
    account = Account(world, most=28)
    first, second = account.comes(), account.comes()
    await account.passes(SETTLES)
    account.dies(first)
    await account.passes(timedelta(seconds=1))
    assert second.units(account.now) == 14  # it may be alive and only late
    await account.passes(SETTLES)
    assert second.units(account.now) == 28


async def test_what_one_gives_back_is_the_others_a_second_later(world: World) -> None:
    account = Account(world, most=28)
    first, second = account.comes(), account.comes()
    await account.passes(SETTLES)
    await account.goes(first)
    await account.passes(timedelta(milliseconds=SLACK_MS, seconds=1.25))
    assert second.units(account.now) == 28


async def test_who_cannot_reach_the_store_has_nothing_after_a_while(world: World) -> None:
    account = Account(world, most=28)
    one = account.comes()
    await account.passes(timedelta(seconds=1))
    one.stands_still_until = account.now + timedelta(seconds=60)
    await account.passes(timedelta(milliseconds=LEASE_MS) + STEP)
    assert account.shares() == [0]


async def test_who_has_nothing_to_do_with_the_provider_leaves_it_to_the_others(world: World) -> None:
    """Its circuit is open: the provider does not answer it."""
    account = Account(world, most=1, least=11)
    first = account.comes()
    account.comes()
    await account.passes(SETTLES)
    assert account.shares() == [1, 0]
    first.wants = False
    await account.passes(SETTLES)
    assert account.shares() == [0, 1]
    first.wants = True
    await account.passes(SETTLES)
    assert account.shares() == [1, 0]


@pytest.mark.parametrize(
    ("most", "least", "shares"),
    [(1, 11, [1, 0, 0]), (20, 11, [20, 0, 0]), (22, 11, [11, 11, 0]), (40, 11, [14, 13, 13]), (2, 1, [1, 1, 0])],
)
async def test_a_long_message_has_room_in_each_share(world: World, most: int, least: int, shares: list[int]) -> None:
    account = Account(world, most, least)
    for _ in range(3):
        account.comes()
        await account.passes(STEP)
    await account.passes(SETTLES)
    assert account.shares() == shares


async def test_who_is_told_to_wait_tells_the_others(world: World) -> None:
    account = Account(world, most=28)
    first, second = account.comes(), account.comes()
    await account.passes(SETTLES)
    first.pace.hold((account.now + timedelta(seconds=30)).timestamp())
    await account.passes(timedelta(seconds=2.5))
    assert second.pace.held(account.now.timestamp()) == pytest.approx(27.5, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_there_is_never_too_much_and_soon_all_of_it(world: World, seed: int) -> None:
    dice = Random(seed)
    account = Account(world, most=dice.choice((1, 3, 28, 40)), least=dice.choice((1, 1, 11)))
    for _ in range(40):
        match dice.choice(("comes", "comes", "dies", "goes", "stands still", "will not", "will")):
            case "comes" if len(account.running) < 5:
                account.comes(off=dice.uniform(-0.4, 0.4))
            case "dies" if account.running:
                account.dies(dice.choice(account.running))
            case "goes" if account.running:
                await account.goes(dice.choice(account.running))
            case "stands still" if account.running:
                one = dice.choice(account.running)
                one.stands_still_until = account.now + timedelta(seconds=dice.uniform(0.5, 9))
            case "will not" if account.running:
                dice.choice(account.running).wants = False
            case _:
                for one in account.running:
                    one.wants = True
        await account.passes(timedelta(seconds=dice.uniform(0.1, 5)))
    for one in account.running or [account.comes()]:
        one.wants, one.stands_still_until = True, None
    await account.passes(SETTLES)
    assert sum(account.shares()) == account.most
