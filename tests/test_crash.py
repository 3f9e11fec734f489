"""kill -9 at any moment, under load: nothing acknowledged is lost, nothing counted twice, nobody left hanging."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from benchmarks.standins.serving import loopback
from benchmarks.standins.telegram import TelegramStandin
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS, TwilioStandin
from tests.checkins import ASKED, BASE, NAMES, SECRET, Person, repeats
from tests.conftest import new_postgres_database
from tests.process import Served, command, environment, free_port

ROUNDS = int(os.environ.get("MIME_CRASH_ROUNDS", "5"))
AT_ONCE = 24  # people in the middle of a check-in, half of them by SMS


@dataclass
class Town:
    """Everybody, the two providers, and the program that is being killed."""

    served: Served
    telegram: TelegramStandin
    twilio: TwilioStandin
    done: list[Person] = field(default_factory=list)
    update_id: int = 1000

    def heard(self, person: Person) -> list[str]:
        return person.heard(self.telegram, self.twilio)

    async def talk(self, client: httpx.AsyncClient, person: Person) -> None:
        """A whole check-in, one reply to each question."""
        for n, words in enumerate(person.words()):
            await self.bring(client, person, n)
            if name := NAMES.get(n):
                person.acknowledged[name] = words
            await self.hear(person, ASKED[n])
        self.done.append(person)

    async def hear(self, person: Person, words: str) -> None:
        """Wait until they were told that; whoever is not within a minute is left hanging."""
        async with asyncio.timeout(60):
            while True:
                if any(words in told for told in self.heard(person)):
                    return
                await asyncio.sleep(0.01)

    async def bring(self, client: httpx.AsyncClient, person: Person, n: int) -> None:
        """As the provider does: again, under the same name, until it is taken."""
        self.update_id += 1
        request = person.says(self.served.url, n, self.update_id)
        while True:
            try:
                if (await client.send(request)).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.02)


async def live(town: Town, killing: asyncio.Event, client: httpx.AsyncClient) -> None:
    """People come one after another while the killing goes on, and everybody who came finishes."""
    numbers = iter(range(1, 2000))  # there are a thousand numbers to text from

    async def seat() -> None:
        while not killing.is_set() and (number := next(numbers, None)) is not None:
            await town.talk(client, Person(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(seat())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_nothing_acknowledged_is_lost_or_counted_twice(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    dice = random.Random(ROUNDS)
    telegram = TelegramStandin()
    twilio = TwilioStandin(random=random.Random(1))
    async with loopback(telegram) as telegram_url, loopback(twilio) as twilio_url:
        urls = {}
        if kind == "postgresql":
            server = request.getfixturevalue("postgres")
            urls = {
                "database_url": new_postgres_database(server),
                "evaluation_database_url": new_postgres_database(server),
            }
        env = environment(
            tmp_path, public_base_url=BASE, allow_test_numbers="true",
            telegram_bot_token=telegram.token, telegram_webhook_secret=SECRET, telegram_api_base=telegram_url,
            telegram_seconds_per_chat="0",
            twilio_account_sid=ACCOUNT_SID, twilio_auth_token=AUTH_TOKEN, twilio_from=NUMBER_OF_OURS,
            twilio_api_base=twilio_url, sms_segments_per_second="1000", export_every_seconds="0.3", **urls,
        )  # fmt: skip
        code, _, err = await command(tmp_path, env, "migrate")
        assert code == 0, err
        town = Town(Served(tmp_path, env, free_port()), telegram, twilio)
        await town.served.start()
        stopped = asyncio.Event()
        async with httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=AT_ONCE)) as client:
            living = asyncio.create_task(live(town, stopped, client))
            for _ in range(ROUNDS):
                await asyncio.sleep(dice.uniform(0.05, 1.0))
                await town.served.kill()
                await town.served.start()
            stopped.set()
            await living
        assert await town.served.stop() == 0
        code, _, err = await command(tmp_path, env, "export", "--csv", str(tmp_path))
        assert code == 0, err
        judge(town, kind, env, tmp_path)


def judge(town: Town, kind: str, env: dict[str, str], folder: Path) -> None:
    """Hold the evaluation store against what each person was told was taken."""
    expected = Counter((name, value) for person in town.done for name, value in person.acknowledged.items())
    with closing(_rows(env["MIME_EVALUATION_DATABASE_URL"])) as rows:
        stored = list(rows)
    answers = Counter((q, v) for q, v, _ in stored if q != "wellbeing_score")
    assert answers == expected
    assert len({response for _, _, response in stored}) == len(town.done)  # one run each, by one person each
    by_sms = sum(repeats(town.heard(person)) for person in town.done if person.by_sms)
    by_telegram = sum(repeats(town.heard(person)) for person in town.done if not person.by_sms)
    if kind == "sqlite":
        for name in ("mime.db", "evaluation.db"):
            with closing(sqlite3.connect(folder / name)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert town.telegram.violations == [] and town.twilio.violations == []
    acknowledged = sum(expected.values())
    print(
        f"\n{kind}: {ROUNDS} kills, {len(town.done)} people, {acknowledged} answers acknowledged, 0 lost, 0 wrong,"
        f" 0 doubled; messages repeated: {by_telegram} by Telegram, {by_sms} by SMS;"
        f" ready again after {max(town.served.ready_after):.2f} s at most"
    )


def _rows(url: str) -> Any:
    plain = url.replace("+aiosqlite", "")
    engine = create_engine(plain)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT question, value, response FROM records WHERE NOT withdrawn")).all()
    engine.dispose()
    yield from ((q, v, r) for q, v, r in found)
