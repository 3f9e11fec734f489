"""PostgreSQL with a synchronous standby and three replicas of ours: any of the five may die or be cut off at any time.

In full (`make cluster`): 50 kills and cuts, and 5 failovers.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.standins.serving import loopback
from benchmarks.standins.telegram import TelegramStandin
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS, TwilioStandin
from tests.checkins import ASKED, BASE, NAMES, SECRET, Person, repeats
from tests.cluster import DATABASES, REPLICAS, Pair, Postgres, Replica
from tests.network import Network, network
from tests.process import command, environment

FAULTS = int(os.environ.get("MIME_CLUSTER_FAULTS", "3"))
FAILOVERS = int(os.environ.get("MIME_CLUSTER_FAILOVERS", "1"))
SEED = int(os.environ.get("MIME_CLUSTER_SEED", "1"))
AT_ONCE = 12  # people in the middle of a check-in, half of them by SMS
#: Seconds after which whoever looks after the servers acts; a person is slower, Patroni is set to more.
NOTICED = 1.0
#: Seconds within which people must be answered again on a machine that has other things to do as well; the figure
#: that is measured is printed.
BOUND = 60.0


@dataclass
class Fault:
    """What happened to one of the five. `again`: seconds until somebody who wrote after it was answered; `whole`: until
    all five were well again.
    """

    what: str
    again: float
    whole: float


@dataclass
class Town:
    """Everybody, both providers, and the five machines."""

    net: Network
    pair: Pair
    replicas: list[Replica]
    telegram: TelegramStandin
    twilio: TwilioStandin
    dice: random.Random
    done: list[Person] = field(default_factory=list)
    update_id: int = 1000
    #: When each message was first brought, and when its answer was heard.
    answered: list[tuple[float, float]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    # What people do

    async def talk(self, client: httpx.AsyncClient, person: Person) -> None:
        """A whole check-in, one reply to each question, with a little thought."""
        for n, words in enumerate(person.words()):
            await asyncio.sleep(self.dice.uniform(0.2, 1.0))
            begun = time.monotonic()
            await self.bring(client, person, n)
            if name := NAMES.get(n):
                person.acknowledged[name] = words
            await self.hear(person, ASKED[n])
            self.answered.append((begun, time.monotonic()))
        self.done.append(person)

    async def bring(self, client: httpx.AsyncClient, person: Person, n: int) -> None:
        """As a provider does through a balancer: to one replica, and again to another until one has taken it."""
        self.update_id += 1
        update_id, at = self.update_id, self.dice.randrange(3)
        while True:
            try:
                answer = await client.send(person.says(self.replicas[at % 3].url, n, update_id))
                if answer.status_code == 200:
                    return
                assert answer.status_code == 503, answer.text
            except httpx.HTTPError:
                pass
            at += 1
            await asyncio.sleep(0.05)

    async def hear(self, person: Person, words: str) -> None:
        """Whoever is not told within two minutes is left hanging."""
        async with asyncio.timeout(120):
            while True:
                if any(words in told for told in person.heard(self.telegram, self.twilio)):
                    return
                await asyncio.sleep(0.02)

    async def live(self, stopped: asyncio.Event, client: httpx.AsyncClient) -> None:
        """People come one after another while it lasts, and everybody who came finishes."""
        numbers = iter(range(1, 2000))  # there are a thousand numbers to text from

        async def seat() -> None:
            while not stopped.is_set():
                await self.talk(client, Person(next(numbers)))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(seat())

    # What happens to the machines

    async def strike(self, what: str, fault: Callable[[], Awaitable[None]]) -> None:
        """Let it happen and be mended; when were people answered again?"""
        await asyncio.sleep(self.dice.uniform(0.2, 1.0))
        begun = time.monotonic()
        await fault()
        for replica in self.replicas:
            await replica.ready()
        whole = time.monotonic() - begun
        again = await self.answered_after(begun) - begun
        self.faults.append(Fault(what, again, whole))
        print(f"  {what}: answered again after {again:.1f} s, whole after {whole:.1f} s", flush=True)

    async def answered_after(self, moment: float) -> float:
        """When the first was answered of those who have written since."""
        async with asyncio.timeout(120):
            while True:
                if heard := [ended for brought, ended in self.answered if brought > moment]:
                    return min(heard)
                await asyncio.sleep(0.02)

    async def kill_a_replica(self) -> None:
        replica = self.dice.choice(self.replicas)
        await replica.kill()
        await asyncio.sleep(self.dice.uniform(0, 1))
        await replica.start()

    async def cut_a_replica_off(self) -> None:
        replica = self.dice.choice(self.replicas)
        self.net.cut(replica.name)
        await asyncio.sleep(self.dice.uniform(0.5, 8))
        self.net.mend(replica.name)

    async def kill_the_standby(self) -> None:
        self.pair.standby.kill()
        await self.pair.standby.gone()
        alone = await self._go_alone()
        await self.pair.standby.start(self.pair.primary)
        await self._together(alone)

    async def cut_the_standby_off(self) -> None:
        self.net.cut(self.pair.standby.name)
        alone = await self._go_alone()
        self.net.mend(self.pair.standby.name)
        await self._together(alone)

    async def _go_alone(self) -> bool:
        """A standby that is soon back is waited for; without one that stays away the primary goes on alone."""
        if self.dice.random() < 0.5:
            await asyncio.sleep(self.dice.uniform(0.5, 3))
            return False
        await asyncio.sleep(NOTICED)
        await self.pair.alone()
        await asyncio.sleep(self.dice.uniform(0.5, 3))
        return True

    async def _together(self, alone: bool) -> None:
        await self.pair.together()

    async def kill_the_primary_and_start_it_again(self) -> None:
        self.pair.primary.kill()
        await self.pair.primary.gone()
        await self.pair.primary.start()
        await self.pair.together()

    async def cut_the_primary_off_for_a_moment(self) -> None:
        self.net.cut(self.pair.primary.name)
        await asyncio.sleep(self.dice.uniform(0.3, 3))
        self.net.mend(self.pair.primary.name)
        await self.pair.together()

    async def fail_over_from_a_dead_primary(self) -> None:
        self.pair.primary.kill()
        await self.pair.primary.gone()
        await asyncio.sleep(NOTICED)
        await self.pair.fail_over()
        await self.pair.rebuild(by_copy=self.dice.random() < 0.5)

    async def fail_over_from_a_primary_that_comes_back(self) -> None:
        """It was cut off, and for a while it is there again and takes itself for the primary."""
        old = self.pair.primary
        self.net.cut(old.name)
        await asyncio.sleep(NOTICED)
        await self.pair.fail_over()
        await asyncio.sleep(self.dice.uniform(0, 6))
        self.net.mend(old.name)
        await asyncio.sleep(self.dice.uniform(1, 4))
        await old.stop()
        await self.pair.rebuild(by_copy=self.dice.random() < 0.5)


@asynccontextmanager
async def machines(folder: Path, **settings: str) -> AsyncIterator[tuple[Town, dict[str, str]]]:
    """All five, running, with both providers; and the settings of a command that is run beside them."""
    async with AsyncExitStack() as stack:
        net = stack.enter_context(network([*DATABASES, *REPLICAS]))
        telegram, twilio = TelegramStandin(), TwilioStandin(random=random.Random(1))
        ports = [
            int((await stack.enter_async_context(loopback(standin, host=net.ours))).rpartition(":")[2])
            for standin in (telegram, twilio)
        ]
        pair = Pair(*(Postgres(name, folder, net) for name in DATABASES))
        for server in (pair.primary, pair.standby):
            stack.push_async_callback(server.stop)
        await pair.new()
        for name in ("mime", "evaluation"):
            await pair.primary.ask(f"CREATE DATABASE {name}")

        async def settings_of(machine: str) -> dict[str, str]:
            hosts = [await net.way(machine, server.name, server.port) for server in (pair.primary, pair.standby)]
            telegram_at, twilio_at = [await net.way(machine, "us", port) for port in ports]
            return environment(
                folder, public_base_url=BASE, allow_test_numbers="true",
                database_url=f"postgresql://postgres@{','.join(hosts)}/mime",
                evaluation_database_url=f"postgresql://postgres@{','.join(hosts)}/evaluation",
                telegram_bot_token=telegram.token, telegram_webhook_secret=SECRET, telegram_seconds_per_chat="0",
                telegram_api_base=f"http://{telegram_at}", twilio_api_base=f"http://{twilio_at}",
                twilio_account_sid=ACCOUNT_SID, twilio_auth_token=AUTH_TOKEN, twilio_from=NUMBER_OF_OURS,
                sms_segments_per_second="1000", export_every_seconds="0.5", **settings,
            )  # fmt: skip

        env = await settings_of("us")
        code, _, err = await command(folder, env, "migrate")
        assert code == 0, err
        replicas = [Replica(name, folder, net, await settings_of(name)) for name in REPLICAS]
        for replica in replicas:
            stack.push_async_callback(replica.stop)
        await asyncio.gather(*(replica.start() for replica in replicas))
        yield Town(net, pair, replicas, telegram, twilio, random.Random(SEED)), env


async def test_whatever_happens_to_one_of_the_five_nothing_is_lost_and_nobody_answered_twice(tmp_path: Path) -> None:
    print(flush=True)
    async with machines(tmp_path) as (town, env):
        stopped = asyncio.Event()
        limits = httpx.Limits(max_connections=4 * AT_ONCE)
        async with httpx.AsyncClient(timeout=httpx.Timeout(15, connect=2), limits=limits) as client:
            living = asyncio.create_task(town.live(stopped, client))
            for what in sequence(town.dice):
                assert not living.done(), living.exception()
                await town.strike(what, getattr(town, what))
            stopped.set()
            await living
        assert [await replica.stop() for replica in town.replicas] == [0, 0, 0]
        code, _, err = await command(tmp_path, env, "export", "--csv", str(tmp_path))
        assert code == 0, err
        await judge(town)


def sequence(dice: random.Random) -> list[str]:
    """Each kind of fault in turn, in an order by chance."""
    faults = ["kill_a_replica", "cut_the_standby_off", "kill_the_primary_and_start_it_again", "cut_a_replica_off",
              "kill_the_standby", "cut_the_primary_off_for_a_moment"]  # fmt: skip
    failovers = ["fail_over_from_a_primary_that_comes_back", "fail_over_from_a_dead_primary"]
    drawn = [faults[n % len(faults)] for n in range(FAULTS)] + [failovers[n % 2] for n in range(FAILOVERS)]
    dice.shuffle(drawn)
    return drawn


async def judge(town: Town) -> None:
    """Hold the evaluation store, and what both providers took, against what each person was told was taken."""
    expected = Counter((name, value) for person in town.done for name, value in person.acknowledged.items())
    stored = await town.pair.primary.ask(
        "SELECT question, value, response FROM records WHERE NOT withdrawn", "evaluation"
    )
    answers = Counter((question, value) for question, value, _ in stored if question != "wellbeing_score")
    assert answers == expected
    assert len({response for _, _, response in stored}) == len(town.done)  # one run each, by one person each
    for person in town.done:
        said = dict.fromkeys(person.heard(town.telegram, town.twilio))  # each text once, in its order
        assert len(said) == len(ASKED) and all(words in text for words, text in zip(ASKED, said, strict=True))
    by_sms = sum(repeats(person.heard(town.telegram, town.twilio)) for person in town.done if person.by_sms)
    by_telegram = sum(repeats(person.heard(town.telegram, town.twilio)) for person in town.done if not person.by_sms)
    assert by_sms == 0
    assert town.telegram.violations == [] and town.twilio.violations == []
    waits = sorted(ended - brought for brought, ended in town.answered)
    print(
        f"{len(town.faults)} faults, {FAILOVERS} of them failovers; {len(town.done)} people, {sum(expected.values())}"
        f" answers acknowledged, 0 lost, 0 counted twice; texts repeated: {by_sms} by SMS, {by_telegram} by Telegram;"
        f" answered again after {max(fault.again for fault in town.faults):.1f} s at most, whole after"
        f" {max(fault.whole for fault in town.faults):.1f} s; one person waited {waits[-1]:.1f} s at most,"
        f" {waits[len(waits) // 2] * 1000:.0f} ms in the middle"
    )
    assert max(fault.again for fault in town.faults) < BOUND
