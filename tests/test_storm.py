"""A storm: many messages of every kind through the real sender, outbox and clients, against providers that fail in
every way they have. What became of each is read from the providers' own lists.

It runs with a clock that is `TIMES` as fast as the wall's and that the program, its pacing and both providers share
(`tests/quick_time.py`); while nothing may be sent, as at night, it is moved forward. What is late by a millisecond on
the wall is late by `TIMES` milliseconds in it, so that a pace that holds here holds on a machine that much slower. A
smaller storm runs by the wall's clock, at the providers' own limits. On PostgreSQL two processes send for the same two
accounts.

`make storm` sends 100,000 messages on each database (MIME_STORM); without it some hundreds.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import insert, text

import evaluation.migrations
import store.migrations
from benchmarks.standins.serving import bound, loopback, served
from benchmarks.standins.telegram import TelegramFaults, TelegramStandin
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS, TwilioFaults, TwilioStandin
from bot.app import App, asgi, build, pace_of, sharing_of
from bot.channels.base import Channel, Sent, Throttled, Uncertain
from bot.migrate import migrate
from bot.sender import Sender
from domain.hours import PreferredHours, in_hours
from domain.message import MessageClass, OutgoingMessage
from flows.library import Library
from store import tables as t
from store.changes import Queued
from store.times import from_ms, to_ms
from store.turns import message_to_seal
from tests.conftest import new_postgres_database, settings_for
from tests.quick_time import QuickClock, run

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type.*"),  # of python-telegram-bot
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # who is killed closes nothing
]

MESSAGES = int(os.environ.get("MIME_STORM", "500"))
#: How much faster than the wall's the clock runs. A machine that is slower than that loses no message by it.
TIMES = float(os.environ.get("MIME_STORM_TIMES", "8"))
#: What the two providers take in any one second (Telegram's Bots FAQ; of Twilio, what this account is said to have).
TELEGRAM_TAKES, TELEGRAM_GAP, TWILIO_TAKES = 30, 1.0, 40
#: So long after a provider said to wait, another process may not have heard of it; more on a clock this quick.
HEARD_OF = timedelta(seconds=1.5 + TIMES / 4)
#: A Monday in winter; quiet hours begin at eight in the evening.
EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
UNFINISHED = ("queued", "errored", "sending", "unknown")
#: A time since 1970 in a float is no nearer than this, in seconds.
_ROUNDED = 1e-6
SECRET = "a-secret-token"
PREFERRED = ("", "", "", "11:00-20:00 0123456", "09:00-21:00 01234")


@dataclass(frozen=True)
class Wanted:
    """A message that is to go out, as it stands in the outbox at the beginning."""

    id: int
    channel: str
    contact_id: int
    address: str
    kind: MessageClass
    words: str
    hours: str
    send_after: int
    expires_at: int


@dataclass
class Watched:
    """A channel that keeps when each message left, and for how long its provider said to wait."""

    real: Channel
    clock: QuickClock
    left: list[tuple[datetime, OutgoingMessage]] = field(default_factory=list)
    waits: list[tuple[datetime, datetime]] = field(default_factory=list)
    #: Of those under way now, and of those that were when the program was killed.
    under_way: set[int] = field(default_factory=set)
    killed: Counter[int] = field(default_factory=Counter)
    uncertain: Counter[int] = field(default_factory=Counter)
    most_under_way: int = 0

    def __post_init__(self) -> None:
        self.name, self.in_flight = self.real.name, self.real.in_flight

    async def send(self, message: OutgoingMessage, now: datetime) -> Sent:
        self.left.append((self.clock(), message))
        self.under_way.add(message.id)
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        try:
            return await self.real.send(message, now)
        except Throttled as error:
            self.waits.append((self.clock(), self.clock() + timedelta(seconds=error.retry_after)))
            raise
        except Uncertain:
            self.uncertain[message.id] += 1
            raise
        except asyncio.CancelledError:
            self.killed[message.id] += 1
            raise
        finally:
            self.under_way.discard(message.id)

    async def look_up(self, message: OutgoingMessage) -> list[str] | None:
        return await self.real.look_up(message)

    def cost(self, message: OutgoingMessage) -> int:
        return self.real.cost(message)

    async def close(self) -> None:
        await self.real.close()


@dataclass
class Storm:
    """The program, both providers, and what is to be sent. So many `processes` send it."""

    app: App
    clock: QuickClock
    telegram: TelegramStandin
    twilio: TwilioStandin
    dice: random.Random
    ports: dict[str, int]
    processes: int = 1
    wanted: list[Wanted] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    watched: list[Watched] = field(default_factory=list)
    running: list[asyncio.Task[None]] = field(default_factory=list)
    kills: int = 0

    def channel(self, name: str) -> Watched:
        (found,) = [one for one in self.watched if one.name == name]
        return found

    # The program

    def start(self) -> None:
        """The senders, as a process that starts has them; the channels are kept, for they only watch."""
        app = self.app
        if not self.watched:
            self.watched = [Watched(sender.channel, self.clock) for sender in app.senders]
        self.senders = [self.sender(one, process) for process in range(self.processes) for one in self.watched]
        self.running = [asyncio.create_task(sender.run()) for sender in self.senders]

    def sender(self, channel: Watched, process: int) -> Sender:
        app, pace = self.app, pace_of(self.app.settings, channel.name)
        name = self.kills * self.processes + process
        return Sender(
            channel, app.database, app.vault, pace, app.settings.quiet, app.ids, self.clock, self.dice,
            sharing_of(app.database, channel.name, name, pace),
        )  # fmt: skip

    async def kill(self) -> None:
        """As a kill -9 leaves it: what is under way is neither waited for nor noted. And started again, which takes a
        second at least.
        """
        self.kills += 1
        tidying = [sender._tidying for sender in self.senders if sender._tidying is not None]
        for sender in self.senders:  # sent, and the note of it is lost
            ended = [id for task, id in sender._under_way.items() if task.done()]
            self.channel(sender.channel.name).killed.update(ended)
        tasks = [*self.running, *tidying, *(task for sender in self.senders for task in sender._under_way)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(1.1)
        for watched in self.watched:  # what a provider said, and the kill came before it was noted, nobody can know
            noted = (
                "SELECT MAX(send_after) FROM outbox WHERE status = 'errored' AND error LIKE '%429'"
                f" AND channel = '{watched.name}'"
            )
            known = ((await self.rows(noted))[0][0] or 0) + 50
            watched.waits = [wait for wait in watched.waits if wait[1] <= self.clock() or to_ms(wait[1]) <= known]
            if watched.name == "telegram":
                self.telegram.forget_waits_after(known / 1000)
        self.start()
        if self.app.database.is_sqlite:
            for sender in self.senders:
                await sender.start_over()

    async def stop(self) -> None:
        for sender in self.senders:
            sender.stop()
        await asyncio.gather(*self.running)

    # What is to be sent

    async def queue(self, messages: int, begins: datetime, seconds: float, *, phones: int = 2) -> None:
        """So many messages to a third as many people, each one of `phones` by text and the others by Telegram, some to
        both of two who share a phone; due over these seconds.
        """
        dice, app = self.dice, self.app
        rows: dict[str, list[dict[str, Any]]] = {"contacts": [], "urns": [], "outbox": []}
        people: list[tuple[int, str, str, str]] = []  # contact, channel, address, hours
        for n in range(max(messages // 3, 4)):
            contact, hours = app.ids(), dice.choice(PREFERRED)
            rows["contacts"].append({"id": contact, "language": "en", "hours": hours, "created_at": 1})
            channel = "telegram" if n % phones else "sms"
            others = [one[2] for one in people[-phones:] if one[1] == "sms"]
            if channel == "sms" and n % 20 == 0 and others:
                address = others[-1]  # they share a phone
            else:
                address = f"+4477{n:08}" if channel == "sms" else str(100_000 + n)
                urn = f"{'tel' if channel == 'sms' else 'telegram'}:{address}"
                rows["urns"].append(
                    {
                        "key": app.vault.find(urn), "contact_id": contact, "scheme": urn.partition(":")[0],
                        "sealed": app.vault.seal(urn.encode(), contact), "created_at": 1,
                    }
                )  # fmt: skip
            people.append((contact, channel, address, hours))
        for n in range(messages):
            contact, channel, address, hours = people[n % len(people)]
            kind = dice.choices(list(MessageClass), (1, 8, 4, 3, 4))[0]
            due = begins + timedelta(seconds=dice.uniform(0, seconds))
            lasts = timedelta(hours=24)
            if kind is MessageClass.REMINDER and dice.random() < 0.1:
                lasts = timedelta(seconds=dice.uniform(0.1, 3))  # it will be too late
            words = f"{kind.name.lower()} number {n}" + (" and more words" * dice.choice((0, 0, 0, 14)))
            if kind is MessageClass.NEWSLETTER:
                words = "The same news for everybody"
            one = Wanted(
                app.ids(), channel, contact, address, kind, words, hours, to_ms(due), to_ms(due + lasts)
            )  # fmt: skip
            self.wanted.append(one)
            urn_key = app.vault.find(f"{'tel' if channel == 'sms' else 'telegram'}:{address}")
            sealed = message_to_seal(
                Queued(one.id, "", contact, urn_key, channel, kind, words, "", (), one.send_after, one.expires_at)
            )
            rows["outbox"].append(
                {
                    "id": one.id, "key": f"storm/{n}", "contact_id": contact, "urn_key": urn_key, "channel": channel,
                    "message_class": int(kind), "status": "queued", "sealed": app.vault.seal(sealed, contact),
                    "send_after": one.send_after, "expires_at": one.expires_at, "created_at": to_ms(begins),
                }
            )  # fmt: skip
        for name, of_table in rows.items():
            for start in range(0, len(of_table), 2000):
                async with app.database.begin() as connection:
                    await connection.execute(insert(t.metadata.tables[name]), of_table[start : start + 2000])

    # The weather

    def rage(self, requests: int) -> None:
        """Every fault there is; those that stop the whole account for seconds at least a few times."""
        often, rare = 0.02 if requests < 5000 else 0.01, max(0.0005, 4 / requests)
        self.telegram.faults = TelegramFaults(
            throttled=rare, retry_after=2, server_error=often, unavailable=often, drop_before=often, drop_after=often,
            silent=rare, delay=0.01, delay_spread=0.2,
        )  # fmt: skip
        self.twilio.faults = TwilioFaults(
            throttled=rare, retry_after=3, server_error=often, unavailable=often, drop_before=often, drop_after=often,
            silent=rare, delay=0.01, delay_spread=0.2, actions=frozenset({"create", "list"}),
            undelivered_share=0.02, undelivered_code=30008, callback_delay=0.3,
            callbacks_reordered=0.3, callbacks_doubled=0.3, callbacks_lost=0.1,
        )  # fmt: skip

    @asynccontextmanager
    async def providers(self) -> AsyncIterator[None]:
        """Both answer; at the end of `with` both are gone, in the middle of whatever they were doing."""
        async with (
            loopback(self.telegram, self.ports["telegram"]),
            loopback(self.twilio, self.ports["sms"]),
        ):
            yield
            self.telegram.faults = replace(self.telegram.faults, drop_before=0.3, drop_after=0.3)
            self.twilio.faults = replace(self.twilio.faults, drop_before=0.3, drop_after=0.3)
            await asyncio.sleep(0.3)

    # What became of it

    async def rows(self, sql: str) -> Sequence[Any]:
        async with self.app.database.read() as connection:
            return (await connection.execute(text(sql))).all()

    async def unfinished(self) -> int:
        return int((await self.rows(f"SELECT count(*) FROM outbox WHERE status IN {UNFINISHED}"))[0][0])

    async def move_on(self) -> None:
        """Nothing can be sent just now: on to the moment at which something can."""
        now = self.clock()
        if any(task for sender in self.senders for task in sender._under_way):
            return
        quiet = self.app.settings.quiet
        soonest = None
        waiting = (  # what stands behind one that was tried and waits is not to be waited for
            "SELECT status, message_class, MIN(send_after) FROM outbox AS one"
            f" WHERE status IN {UNFINISHED} AND NOT EXISTS (SELECT 1 FROM outbox AS other WHERE"
            f" other.urn_key = one.urn_key AND other.status IN {UNFINISHED} AND other.status = 'errored'"
            " AND other.id < one.id AND other.send_after > one.send_after) GROUP BY status, message_class"
        )
        for status, kind, send_after in await self.rows(waiting):
            at = from_ms(send_after)
            if status in ("queued", "errored") and kind >= MessageClass.REMINDER:
                at = quiet.after(max(at, now))
            soonest = at if soonest is None else min(soonest, at)
        rests = max(sender.circuit.rests(now.timestamp()) for sender in self.senders)
        if soonest is not None and soonest - now > timedelta(seconds=30 + rests):
            self.clock.forward(soonest - now - timedelta(seconds=5))


@asynccontextmanager
async def storm(urls: tuple[str, str], flows: Library, begins: datetime, **given: Any) -> AsyncIterator[Storm]:
    clock, dice = QuickClock(begins), random.Random(MESSAGES)
    telegram = TelegramStandin(clock=clock.seconds, random=random.Random(3))
    twilio = TwilioStandin(clock=clock.seconds, random=random.Random(4))
    ours, theirs, others = bound(0), bound(0), bound(0)
    ports = {"telegram": theirs.getsockname()[1], "sms": others.getsockname()[1]}
    theirs.close()
    others.close()
    url = f"http://127.0.0.1:{ours.getsockname()[1]}"
    settings = settings_for(
        *urls,
        public_base_url=url,
        telegram_bot_token=telegram.token,
        telegram_webhook_secret=SECRET,
        telegram_api_base=f"http://127.0.0.1:{ports['telegram']}",
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
        twilio_from=NUMBER_OF_OURS,
        twilio_api_base=f"http://127.0.0.1:{ports['sms']}",
        **given,
    )
    app = build(settings, clock=clock, rng=random.Random(7), flows=flows)
    try:
        await migrate(app.database.engine, store.migrations)
        await migrate(app.evaluation.engine, evaluation.migrations)
        dispatching = asyncio.create_task(app.dispatcher.run())
        doors = uvicorn.Config(asgi(app, role="web"), lifespan="off", log_config=None, access_log=False, ws="none")
        async with served(doors, ours, lambda: None):
            yield Storm(app, clock, telegram, twilio, dice, ports, 1 if app.database.is_sqlite else 2)
        app.dispatcher.stop()
        await dispatching
    finally:
        await app.close()


async def until_done(one: Storm, at_most: float = float("inf")) -> bool:
    """Whether everything has ended, within so many seconds."""
    ends = one.clock() + timedelta(seconds=at_most) if at_most != float("inf") else None
    while ends is None or one.clock() < ends:
        if not await one.unfinished():
            return True
        await one.move_on()
        await asyncio.sleep(min(1 + len(one.wanted) / 5000, at_most))
    return False


async def rage_through(urls: tuple[str, str], flows: Library, messages: int) -> None:
    seconds = messages / 2 / 28  # that Telegram's half takes
    begins = EVENING - timedelta(seconds=30 + seconds * 0.6)
    async with storm(urls, flows, begins - timedelta(hours=4), sms_segments_per_second=TWILIO_TAKES) as one:
        await one.queue(messages, begins, seconds * 0.9)
        one.clock.forward(begins - one.clock())  # what it took to write them down is no part of it
        one.start()
        for _ in range(3 if messages < 5000 else 15):
            async with one.providers():
                one.rage(messages)
                await until_done(one, seconds / 10)
                if one.dice.random() < 0.7:
                    await one.kill()
                await until_done(one, seconds / 10)
            await asyncio.sleep(one.dice.uniform(1, 8))  # nobody is there
        async with one.providers():
            one.rage(messages)
            await until_done(one)
            await one.stop()
            await one.telegram.settled(60)
            await one.twilio.settled(60)
        print(f"\n{await judge(one)}")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_message_of_a_storm_comes_once_in_its_time_and_at_its_pace(
    kind: str, tmp_path: Path, flows: Library, request: pytest.FixtureRequest
) -> None:
    began = time.monotonic()
    run(rage_through(stores(kind, tmp_path, request), flows, MESSAGES), TIMES)
    print(f"{kind}: {time.monotonic() - began:.0f} s on the wall, the clock {TIMES:g} times as fast")


def test_the_providers_own_limits_hold_by_the_wall_s_clock(
    tmp_path: Path, flows: Library, request: pytest.FixtureRequest
) -> None:
    """28 a second and 1 a second in a chat by Telegram, one segment a second by Twilio, as an installation has them."""

    async def send() -> None:
        begins = EVENING - timedelta(hours=6)
        async with storm(stores("sqlite", tmp_path, request), flows, begins) as one:
            await one.queue(150, begins - timedelta(minutes=1), 50, phones=25)
            one.start()
            async with one.providers():
                one.telegram.faults = TelegramFaults(server_error=0.02, drop_after=0.02, delay_spread=0.1)
                one.twilio.faults = TwilioFaults(drop_after=0.1, delay_spread=0.1)
                await until_done(one)
                await one.stop()
            print(f"\n{await judge(one)}")

    run(send(), 1)


def stores(kind: str, folder: Path, request: pytest.FixtureRequest) -> tuple[str, str]:
    if kind == "sqlite":
        return f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db"
    server = request.getfixturevalue("postgres")
    return new_postgres_database(server), new_postgres_database(server)


# What must hold of what was sent


async def judge(one: Storm) -> str:
    """Raises AssertionError; returns a sentence with what was counted."""
    found = {row[0]: row[1:] for row in await one.rows("SELECT id, status, error, external_id FROM outbox")}
    statuses = Counter(status for status, _, _ in found.values())
    assert not set(statuses) & set(UNFINISHED), statuses
    assert len(found) == len(one.wanted)
    assert one.telegram.violations == []
    assert one.twilio.violations == []
    texted = by_text(one, found)
    repeated = by_telegram(one, found)
    in_its_time(one)
    at_its_pace(one)
    told = {row[0] for row in await one.rows("SELECT contact_id FROM alerts WHERE kind = 'not_sent'")}
    for w in one.wanted:  # nothing is lost in silence
        assert found[w.id][0] in ("sent", "delivered") or w.contact_id in told, found[w.id]
    return (
        f"{len(one.wanted)} messages, {one.kills} kills: {dict(statuses)}; Twilio took {texted}, each once; Telegram"
        f" took {one.telegram.accepted}, {repeated} of them a second time (its answer lost:"
        f" {sum(not m.answered for m in one.telegram.sent)});"
        f" faults {dict(one.telegram.trouble.count + one.twilio.trouble.count)}"
    )


def by_text(one: Storm, found: dict[int, Any]) -> int:
    """Twilio's own list has each text once that we say it took, and no other; and what became of it is what we say."""
    by_name = {m.sid: m for m in one.twilio.messages}
    taken = Counter((m.to, m.body) for m in one.twilio.messages)
    ours: Counter[tuple[str, str]] = Counter()
    for w in one.wanted:
        status, error, name = found[w.id]
        if w.channel != "sms":
            continue
        if status == "expired":
            assert name is None
            continue
        assert status in ("sent", "delivered", "failed"), (status, error)
        message = by_name.pop(name)  # each its own
        assert (message.to, message.body) == (w.address, w.words)
        ours[w.address, w.words] += 1
        if status != "sent":  # a receipt may be lost; one that came says the truth
            assert message.status == {"delivered": "delivered", "failed": "undelivered"}[status]
            assert error == {"delivered": error, "failed": "30008"}[status]
    assert by_name == {}
    assert ours == taken
    return sum(taken.values())


def by_telegram(one: Storm, found: dict[int, Any]) -> int:
    """A message goes a second time only where Telegram took it and we were not told: its answer was lost or too late
    on the way, or we were killed before it came or was noted, which can be of no more than were under way. And what
    nobody waits for goes once.
    """
    watched = one.channel("telegram")
    copies: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for m in one.telegram.sent:
        copies[str(m.chat_id), m.text].append(m.answered)
    wanted: dict[tuple[str, str], list[Wanted]] = defaultdict(list)
    for w in one.wanted:
        if w.channel == "telegram":
            wanted[w.address, w.words].append(w)
    assert set(copies) <= set(wanted)
    repeated = 0
    for what, several in wanted.items():
        ends = [found[w.id][0] for w in several]
        went = copies.get(what, [])
        sure = sum(end == "sent" for end in ends)
        perhaps = sum(found[w.id][1] == "perhaps sent" for w in several)
        assert set(ends) <= {"sent", "expired", "failed"}
        assert sum(end == "failed" for end in ends) == perhaps
        unheard = sum(watched.killed[w.id] + watched.uncertain[w.id] for w in several)
        if several[0].kind > MessageClass.REPLY:
            assert sure <= len(went) <= sure + perhaps, (what, ends, went)
            continue
        assert sure <= len(went) <= sure + unheard, (what, ends, went)
        repeated += max(0, len(went) - len(several))
    assert sum(watched.killed.values()) <= one.kills * one.processes * watched.in_flight
    assert watched.most_under_way <= one.processes * watched.in_flight
    return repeated


def in_its_time(one: Storm) -> None:
    """By the program's clock: nothing in quiet hours or outside somebody's own, nothing when it was of no more use,
    nothing before its time, and nothing while the provider had said to wait (and the other process had heard of it).
    """
    quiet = one.app.settings.quiet.on_any_day
    wanted = {w.id: w for w in one.wanted}
    for watched in one.watched:
        begins = [since for since, _ in watched.waits]
        for at, message in watched.left:
            w = wanted[message.id]
            assert w.send_after <= to_ms(at) < w.expires_at
            if w.kind.waits_for_morning:
                assert not quiet.cover(at)
                hours = PreferredHours.parse(w.hours) if w.hours else PreferredHours()
                never = w.kind is MessageClass.REMINDER and to_ms(in_hours(at, quiet, hours)) >= w.expires_at
                assert hours.suit(at, quiet.zone) or never
            for since, until in watched.waits[max(0, bisect_left(begins, at) - 3) : bisect_left(begins, at)]:
                assert not since + (HEARD_OF if one.processes > 1 else timedelta()) < at < until


def at_its_pace(one: Storm) -> None:
    """By the providers' clocks, of all that came, whether it was taken or not."""
    assert busiest([(at, 1) for at, _ in one.telegram.arrivals]) <= TELEGRAM_TAKES
    chats: dict[int, list[float]] = defaultdict(list)
    for at, chat in one.telegram.arrivals:
        chats[chat].append(at)
    assert min((b - a for times in chats.values() for a, b in pairwise(times)), default=9) >= TELEGRAM_GAP - _ROUNDED
    most = int(one.app.settings.sms_segments_per_second)
    assert busiest(one.twilio.arrivals) <= max(most, 1)


def busiest(arrivals: Sequence[tuple[float, int]]) -> int:
    """The most units in any one second; a message of more than one counts as one where it came alone."""
    most, units, first = 0, 0, 0
    for last, (at, _) in enumerate(arrivals):
        units += arrivals[last][1]
        while arrivals[first][0] <= at - 1 + _ROUNDED:
            units -= arrivals[first][1]
            first += 1
        most = max(most, units if last > first else 1)
    return most
