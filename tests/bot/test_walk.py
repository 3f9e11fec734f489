"""Whatever people write, press, repeat or leave unsaid, each of them waits at a question or is free to begin.

Through the whole dispatcher, on a real file. MIME_WALKS says how many inputs all walks together take:
200000 is a full run.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.dispatcher import BATCH, Fact
from bot.errands import KINDS
from domain.contact import URN
from domain.message import Blocking, BlockingChanged, DeliveryReport, Received, Status
from flows.library import Library
from flows.model import SelectMultiple, SelectOne
from store import fires
from store.turns import opened_message
from tests.conftest import Clock, World, make_world

INPUTS = int(os.environ.get("MIME_WALKS", "2000"))
PEOPLE, STEPS = 16, 24
WALKS = max(1, INPUTS // (PEOPLE * STEPS))

_REPORTED = (Status.SENT, Status.DELIVERED, Status.FAILED)
_LIKELY: tuple[str, ...] = (*"1111223578", "yes", "yes", "1 2", "skip", "12 3", "0", "no", "back", "8.")
_BEGINNINGS = ("CHECKIN", "OPINION", "FEEDBACK", "/start", "/checkin", "JOIN", "EVENTS", "START", "hello")
_PAUSES = {
    timedelta(seconds=1): 6,
    timedelta(minutes=9): 6,
    timedelta(hours=4): 3,
    timedelta(hours=21): 2,
    timedelta(days=24): 1,
}


def vocabulary(flows: Library) -> list[str]:
    """Words that mean something somewhere: labels, commands, numbers, months and names of languages."""
    found = {language.name for language in flows.languages.values()}
    for words in flows.words.values():
        for group in (words.yes_no, words.commands, words.numbers, words.languages, words.not_, words.months):
            found.update(group)
        found.update((*words.stop_alone, *words.greetings, *words.small_talk))
    for flow in flows.localized.values():
        for question in flow.asked():
            if isinstance(question, SelectOne | SelectMultiple):
                found.update(choice.label for choice in question.choices)
    return sorted(found)


@dataclass
class Walk:
    """Some new people on a world that many walks share, and what they were told so far."""

    world: World
    dice: Random
    first: int
    vocabulary: list[str]
    said: list[Fact] = field(default_factory=list)
    tokens: dict[str, list[str]] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    since: int = 0
    read: int = 0
    external_ids: Iterator[int] = field(default_factory=count)

    def people(self) -> list[str]:
        half = PEOPLE // 2
        by_sms = [f"tel:+4475{self.first + n:08}" for n in range(half)]
        return by_sms + [f"telegram:{self.first + n}" for n in range(half)]

    async def go(self) -> None:
        people = self.people()
        self.since = self.read = self.world.app.ids()  # every row of this walk has a higher one
        for step in range(STEPS):
            who = [self.dice.choice(people) if self.dice.random() < 0.2 else person for person in people]
            facts = [self.happening(person) if step else self.beginning(person) for person in who]
            self.dice.shuffle(facts)
            self.said += facts
            await self.world.app.dispatcher.handle(facts, self.world.clock())
            if self.dice.random() < 0.3:
                self.world.clock.forward(self.dice.choices(list(_PAUSES), list(_PAUSES.values()))[0])
                await self.ring()
            await self.listen()
        await self.judge(people)

    async def ring(self) -> None:
        """Everything that is due, as the ticker brings it, some of it twice."""
        app = self.world.app
        stopped = {id for (id,) in await self.world.rows("SELECT id FROM contacts WHERE stopped_at > 0")}
        before = app.ids()
        due = await fires.due(app.database, self.world.clock())
        due += [one for one in due if self.dice.random() < 0.1]
        for one in due:
            if one.kind in KINDS:
                await app.errands.run(one)
        due = [one for one in due if one.kind not in KINDS]
        for n in range(0, len(due), BATCH):
            await app.dispatcher.handle(due[n : n + BATCH], self.world.clock())
        unasked = f"SELECT contact_id FROM outbox WHERE id > {before} AND key LIKE 'fire/%'"
        assert stopped.isdisjoint(id for (id,) in await self.world.rows(unasked))  # STOP is STOP

    async def listen(self) -> None:
        """What they were told since: its buttons may be pressed from now on."""
        rows = await self.world.rows(
            "SELECT o.id, o.contact_id, o.edits, o.sealed, u.sealed FROM outbox o JOIN urns u ON u.key = o.urn_key"
            f" WHERE o.id > {self.read} ORDER BY o.id"
        )
        vault = self.world.app.vault
        for id, contact_id, edits, sealed, address in rows:
            text, buttons, _ = opened_message(vault.open(sealed, contact_id))
            assert buttons if edits else text.strip()
            self.read = id
            self.sent.append(id)
            who = vault.open(address, contact_id).decode()
            self.tokens.setdefault(who, []).extend(token for row in buttons for _, token in row)

    def beginning(self, who: str) -> Fact:
        channel, name, urn = self.envelope(who)
        return Received(channel, name, urn, self.dice.choice(_BEGINNINGS[:3]))

    def envelope(self, who: str) -> tuple[str, str, URN]:
        """The channel, a new name there, and the address of a message of theirs."""
        urn = URN.parse(who)
        return "sms" if urn.scheme == "tel" else "telegram", f"{self.first}/{next(self.external_ids)}", urn

    def happening(self, who: str) -> Fact:
        dice = self.dice
        channel, name, urn = self.envelope(who)
        match dice.choices(range(7), (70, 4, 12, 5, 5, 1, 3))[0]:
            case 0:
                return Received(channel, name, urn, self.words())
            case 1:
                return Received(channel, name, urn, self.words(), language=dice.choice(("pl", "xx-YY", "", "ur")))
            case 2:
                return Received(channel, name, urn, "", self.button(who))
            case 3 if self.said:
                again = dice.choice(self.said)
                return replace(again) if isinstance(again, Received) else again
            case 4:
                ours = dice.choice((*self.sent[-50:], dice.getrandbits(62)))
                return DeliveryReport(channel, name, dice.choice(_REPORTED), dice.choice((ours, ours, None)), "30003")
            case 5:
                return BlockingChanged(channel, name, urn, dice.choice(tuple(Blocking)))
            case _:
                return Received(channel, name, urn, dice.choice(_BEGINNINGS))

    def button(self, who: str) -> str:
        """The newest ones most of the time; else an old one, somebody else's, or none that there is."""
        dice = self.dice
        mine = self.tokens.get(who, [])
        if mine and dice.random() < 0.6:
            return dice.choice(mine[-12:])
        everybody = [token for tokens in self.tokens.values() for token in tokens]
        token: str = dice.choice((*mine, *everybody[-40:], "x.1", "", ".", "5", anything(dice)))
        if dice.random() < 0.2:
            return token.rpartition(".")[0] + dice.choice((".99", ".-7", ".--7", ".", ".x", "", ".²"))
        return token

    def words(self) -> str:
        dice = self.dice
        known = self.vocabulary
        match dice.choices(range(6), (72, 9, 5, 8, 2, 4))[0]:
            case 0:
                return dice.choice(_LIKELY)
            case 1:
                return dice.choice(known)
            case 2:
                return dice.choice((" ", ", ", " and ", "/", "\n", "")).join(dice.choices(known, k=dice.randrange(6)))
            case 3:
                return anything(dice)
            case 4:
                return anything(dice) * dice.randrange(1, 200)
            case _:
                return dice.choice(_BEGINNINGS)

    async def judge(self, people: list[str]) -> None:
        """Each is in no session, or in one that waits at a question of its flow and will be woken."""
        world, vault, library = self.world, self.world.app.vault, self.world.app.library
        assert await world.rows("SELECT detail FROM alerts WHERE kind = 'parked'") == []
        rows = await world.rows(
            "SELECT c.id, c.session_id, s.contact_id, s.flow, s.outcome, s.sealed, f.due_at, s.deadline_at"
            " FROM contacts c LEFT JOIN sessions s ON s.id = c.session_id"
            f" LEFT JOIN fires f ON f.key = 'wait/' || s.id WHERE c.id > {self.since}"
        )
        for contact_id, session_id, owner, flow, outcome, sealed, due_at, deadline_at in rows:
            if session_id is None:
                continue
            assert (owner, outcome) == (contact_id, "")
            state = orjson.loads(vault.open(sealed, contact_id))
            assert library.flows[flow].question(state["at"]) is not None
            assert due_at is not None and due_at <= deadline_at
        open_sessions = await world.rows(f"SELECT id FROM sessions WHERE outcome = '' AND contact_id > {self.since}")
        aside = await world.rows(f"SELECT suspended_id FROM contacts WHERE suspended_id > 0 AND id > {self.since}")
        waiting = {row[1] for row in rows if row[1] is not None} | {id for (id,) in aside}
        assert {id for (id,) in open_sessions} == waiting
        addresses = await world.rows(f"SELECT contact_id, sealed FROM urns WHERE contact_id > {self.since}")
        assert len({owner for owner, _ in addresses}) == len(addresses)
        known = {vault.open(sealed, owner).decode() for owner, sealed in addresses}
        heard = {str(fact.urn) for fact in self.said if isinstance(fact, Received | BlockingChanged)}
        assert heard <= known and heard <= set(people)


def anything(dice: Random) -> str:
    """Characters of every script and plane, and halves of characters: JSON can bring them."""
    planes = ((0, 0x80), (0x80, 0x3000), (0x3000, 0xD800), (0xD800, 0xE000), (0xE000, 0x110000))
    most = dice.choice(planes)
    return "".join(
        chr(dice.randrange(*dice.choice((most, most, dice.choice(planes))))) for _ in range(dice.randrange(30))
    )


@pytest.fixture
def running(tmp_path: Path, flows: Library, clock: Clock) -> Iterator[tuple[asyncio.Runner, World]]:
    """A world, and the loop in which it lives: hypothesis comes from outside of it."""
    urls = (f"sqlite+aiosqlite:///{tmp_path}/a.db", f"sqlite+aiosqlite:///{tmp_path}/b.db")
    with asyncio.Runner() as runner:
        world = runner.run(make_world(urls, flows, clock))
        yield runner, world
        runner.run(world.app.close())


def test_whatever_happens_everybody_waits_at_a_question_or_is_free(running: tuple[asyncio.Runner, World]) -> None:
    runner, world = running
    firsts = count(10_000_000, PEOPLE)
    words = vocabulary(world.app.library)

    @settings(max_examples=WALKS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=True))
    def walks(dice: Random) -> None:
        runner.run(Walk(world, dice, next(firsts), words).go())

    walks()
    print(
        runner.run(world.rows("SELECT outcome, count(*) FROM sessions GROUP BY outcome")),
        runner.run(world.rows("SELECT flow,count(*) FROM sessions GROUP BY flow")),
    )
    ended = dict(runner.run(world.rows("SELECT outcome, count(*) FROM sessions GROUP BY outcome")))
    assert {"", "completed", "replaced"} <= set(ended)  # the walks get somewhere
