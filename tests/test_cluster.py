"""PostgreSQL with a synchronous standby and three replicas of ours: any of the five may die or be cut off at any time.

In full (`make cluster`): 50 kills and cuts, and 5 failovers.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.standins.serving import loopback
from benchmarks.standins.telegram import TelegramStandin
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS, TwilioStandin
from config.settings import read_settings
from store import tables as t
from store.database import Database
from store.postgres import make_engine
from tests.checkins import ASKED, BASE, NAMES, SECRET, Person, repeats
from tests.cluster import DATABASES, REPLICAS, Pair, Postgres, Replica
from tests.network import Network, network
from tests.process import afresh, environment

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
        update_id, at = self.update_id, self.dice.randrange(len(self.replicas))
        while True:
            replica = self.replicas[at % len(self.replicas)]
            try:
                answer = await client.send(person.says(replica.url, n, update_id))
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
        await self._without_standby()
        await self.pair.standby.start(self.pair.primary)
        await self.pair.together()

    async def cut_the_standby_off(self) -> None:
        self.net.cut(self.pair.standby.name)
        await self._without_standby()
        self.net.mend(self.pair.standby.name)
        await self.pair.together()

    async def _without_standby(self) -> None:
        """One that is soon back is waited for; without one that stays away the primary goes on alone."""
        if self.dice.random() < 0.5:
            await asyncio.sleep(NOTICED)
            await self.pair.alone()
        await asyncio.sleep(self.dice.uniform(0.5, 3))

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
async def machines(folder: Path, names: Sequence[str] = REPLICAS) -> AsyncIterator[tuple[Town, dict[str, str]]]:
    """All five (or fewer replicas), running, with both providers; and the settings of a command beside them."""
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
                sms_segments_per_second="1000", export_every_seconds="0.5",
            )  # fmt: skip

        env = await settings_of("us")
        code, _, err = await afresh(folder, env, "migrate")
        assert code == 0, err
        replicas = [Replica(name, folder, net, await settings_of(name)) for name in names]
        for replica in replicas:
            stack.push_async_callback(replica.stop)
        await asyncio.gather(*(replica.start() for replica in replicas))
        yield Town(net, pair, replicas, telegram, twilio, random.Random(SEED)), env


async def test_whatever_happens_to_one_of_the_five_nothing_is_lost_and_nobody_answered_twice(tmp_path: Path) -> None:
    print(flush=True)
    async with machines(tmp_path) as (town, env):
        stopped = asyncio.Event()
        async with providers() as client:
            living = asyncio.create_task(town.live(stopped, client))
            for what in sequence(town.dice):
                assert not living.done(), living.exception()
                await town.strike(what, getattr(town, what))
            stopped.set()
            await living
        assert [await replica.stop() for replica in town.replicas] == [0, 0, 0]
        code, _, err = await afresh(tmp_path, env, "export", "--csv", str(tmp_path))
        assert code == 0, err
        await judge(town)


def providers() -> httpx.AsyncClient:
    """What brings the webhooks: it gives up when Twilio does."""
    limits = httpx.Limits(max_connections=4 * AT_ONCE)
    return httpx.AsyncClient(timeout=httpx.Timeout(15, connect=2), limits=limits)


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


async def test_an_old_primary_that_comes_back_is_not_written_to(tmp_path: Path) -> None:
    async with machines(tmp_path, ["x"]) as (town, env), providers() as client:
        old, new, (replica,) = town.pair.primary, town.pair.standby, town.replicas
        ann, ben = Person(1), Person(2)
        assert "ok     the operational store: what is acknowledged is on a standby as well" in await checked(
            tmp_path, env
        )
        await town.bring(client, ann, 0)
        await town.hear(ann, ASKED[0])

        town.net.cut(old.name)
        left_behind = await old.inside("INSERT INTO seen VALUES (4711, 0)")
        await replica.ready(False)
        assert (await client.send(ben.says(replica.url, 0, 1))).status_code == 503
        assert "FAULT  the operational store: no host takes writes" in await checked(tmp_path, env)
        await town.pair.fail_over()
        await replica.ready()
        await town.bring(client, ann, 1)
        await town.hear(ann, ASKED[1])

        town.net.mend(old.name)  # and still takes itself for the primary; the address names it first
        await old.ask("SELECT 1")
        assert "all take writes: stop those that were replaced" in await checked(tmp_path, env)
        assert await written_by(create_async_engine(address(env))) == str(old.data)
        assert await written_by(make_engine(address(env))) == str(new.data)
        with pytest.raises(DBAPIError):  # whoever writes there all the same hears no yes
            async with Database(
                f"postgresql+psycopg://postgres@{await town.net.way('us', old.name, old.port)}/mime"
            ).begin() as tx:
                await tx.execute(insert(t.seen).values(key=4712, seen_at=0))
        await replica.kill()
        await replica.start()  # it remembers nothing of the failover
        for person, n in ((ann, 2), (ben, 0)):
            await town.bring(client, person, n)
            await town.hear(person, ASKED[n])
        assert left_behind.returncode is None

        await old.stop()
        await left_behind.wait()
        await town.pair.rebuild(by_copy=False)
        assert await new.ask("SELECT key FROM seen WHERE key IN (4711, 4712)", "mime") == []
        assert "ok     the operational store: what is acknowledged is on a standby as well" in await checked(
            tmp_path, env
        )
        assert len(ann.heard(town.telegram, town.twilio)) == 3 and len(ben.heard(town.telegram, town.twilio)) == 1


async def test_what_only_the_primary_has_is_not_acknowledged_when_it_is_brought_again(tmp_path: Path) -> None:
    async with machines(tmp_path, ["x"]) as (town, env), providers() as client:
        ann = Person(1)
        await town.bring(client, ann, 0)
        await town.hear(ann, ASKED[0])
        town.net.cut(town.pair.standby.name)
        brought = asyncio.create_task(town.bring(client, ann, 1))
        waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = ''"
        for _ in range(2):  # then PostgreSQL says that it is committed, and everybody sees it
            await town.pair.primary.until(f"SELECT pg_cancel_backend(pid) {waiting}")
        await town.pair.primary.until(f"SELECT 1 {waiting}")
        assert not brought.done()
        await town.replicas[0].ready(False)
        assert not brought.done()
        assert "FAULT  the operational store: nothing can be stored" in await checked(tmp_path, env)
        town.net.mend(town.pair.standby.name)
        await brought
        await town.hear(ann, ASKED[1])
        await town.replicas[0].ready()
        assert len(ann.heard(town.telegram, town.twilio)) == 2


async def checked(folder: Path, env: dict[str, str]) -> str:
    return (await afresh(folder, env, "check"))[1]


def address(env: dict[str, str]) -> str:
    """The operational store's, as the settings give it to the program."""
    return read_settings(None, database_url=env["MIME_DATABASE_URL"]).database_url


async def written_by(engine: AsyncEngine) -> str:
    """The folder of the server that it has chosen."""
    async with engine.connect() as connection:
        folder = (await connection.execute(text("SELECT current_setting('data_directory')"))).scalar_one()
    await engine.dispose()
    return str(folder)
