"""What happened goes in; rows come out, one transaction a batch. Nothing is sent from here.

Under light load a batch is one message. Under heavy load batches fill by themselves while the
previous one commits, and its commit, its reads and its writes are shared.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

import structlog

from bot.conversation import Conversation, Moment, Turn, guess_language
from domain.contact import URN, Contact
from domain.message import Blocking, BlockingChanged, DeliveryReport, MessageClass, Received
from domain.quiet import QuietHours
from flows.conditions import Answer
from flows.effects import (
    Ask,
    Effect,
    EndSession,
    Mark,
    RecordConsent,
    RepeatFlow,
    SaveAnswer,
    Say,
    StartWait,
    WithdrawAnswer,
)
from flows.labels import label
from flows.model import SelectMultiple
from flows.render import Renderer, marked
from scheduler.plan import later
from store.changes import AnswerRow, Changes, Due, Loaded, Person, Queued, Talk
from store.database import Database, is_refusal
from store.outbox import report
from store.times import to_ms
from store.turns import load, save
from store.vault import Vault

log = structlog.get_logger()

Fact = Received | BlockingChanged | DeliveryReport | Due

#: How long a message is worth sending, by its class: a late reminder is worse than none.
WORTH_SENDING = {
    MessageClass.CRISIS: timedelta(hours=24),
    MessageClass.REPLY: timedelta(hours=24),
    MessageClass.REMINDER: timedelta(hours=24),
    MessageClass.INVITATION: timedelta(days=3),
    MessageClass.NEWSLETTER: timedelta(days=7),
}
_WORTH_SENDING_MS = {kind: int(time.total_seconds() * 1000) for kind, time in WORTH_SENDING.items()}
_DAY_MS = 24 * 3_600_000
BATCH = 128


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """What the dispatcher must know of a channel to word a message for it."""

    buttons: bool
    sms: bool


class Poison(Exception):
    """One fact of a batch cannot be handled. Its cause is in `__cause__`."""

    def __init__(self, fact: Fact) -> None:
        super().__init__("a fact cannot be handled")
        self.fact = fact


class StoreAway(Exception):
    """The store cannot be reached; nothing was stored, and whoever brought the facts may bring them again."""


@dataclass(slots=True)
class _Batch:
    """What one transaction gathers before it writes."""

    moment: Moment
    changes: Changes = field(default_factory=Changes)


class Dispatcher:
    """`submit` takes a fact and returns when it is durable; `run` serves until it is stopped.

    `accepts` says whether somebody new may join by that address; asked once, when they first write.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        conversation: Conversation,
        renderer: Renderer,
        channels: Mapping[str, ChannelKind],
        quiet: QuietHours,
        ids: Callable[[], int],
        clock: Callable[[], datetime],
        *,
        accepts: Callable[[URN], bool] = lambda urn: True,
        on_queued: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._conversation = conversation
        self._library = conversation.library
        self._renderer = renderer
        self._channels = channels
        self._quiet = quiet
        self._ids = ids
        self._clock = clock
        self._accepts = accepts
        self._on_queued = on_queued
        self._waiting: list[tuple[Fact, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self.handled = 0
        self.batches = 0

    def submit(self, fact: Fact) -> Awaitable[None]:
        """Resolves when what follows from the fact is durable. Raises StoreAway."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((fact, future))
        self._wake.set()
        return future

    async def run(self) -> None:
        """Serve batch after batch, until `stop` was called and nothing waits."""
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if not self._waiting:
                self._wake.clear()
            if batch:
                await self._serve(batch)
            if self._stopping and not self._waiting:
                return
            if self._stopping:
                self._wake.set()

    def stop(self) -> None:
        """Let `run` finish what waits, and return."""
        self._stopping = True
        self._wake.set()

    async def _serve(self, batch: Sequence[tuple[Fact, asyncio.Future[None]]]) -> None:
        try:
            await self.handle([fact for fact, _ in batch], self._clock())
        except Exception as error:
            log.warning("batch not stored", facts=len(batch), **where(error))
            away = StoreAway()
            away.__cause__ = error
            for _, future in batch:
                if not future.done():
                    future.set_exception(away)
            return
        for _, future in batch:
            if not future.done():  # its webhook may have been given up by the provider
                future.set_result(None)

    async def handle(self, facts: Sequence[Fact], now: datetime) -> None:
        """Handle the facts in one transaction, in order. Raises where the store is away.

        A fact that cannot be handled is parked and a coordinator told; the others go on without it.
        """
        left = list(facts)
        tries = 0
        while left:
            try:
                await self._transact(left, now)
                return
            except Poison as poison:
                log.error("fact parked", fact=type(poison.fact).__name__, **where(poison.__cause__))
                left = [fact for fact in left if fact is not poison.fact]
                await self._park(poison.fact, now)
            except Exception as error:
                if not is_refusal(error):
                    raise
                tries = await self._try_again(error, left, now, tries)
                if tries < 0:
                    return

    async def _try_again(self, error: Exception, left: list[Fact], now: datetime, tries: int) -> int:
        """Another replica was first with a row of ours: the batch is run again, and sees it. Refused
        again and again, each fact is tried alone, so that one bad one does not sink the others. -1: done.
        """
        if tries < 2:
            return tries + 1
        if len(left) == 1:
            log.error("fact parked", fact=type(left[0]).__name__, **where(error))
            await self._park(left[0], now)
            return -1
        for fact in left:
            await self.handle([fact], now)
        return -1

    async def _transact(self, facts: Sequence[Fact], now: datetime) -> None:
        vault = self._vault
        batch = _Batch(Moment.of(now, self._quiet.zone))
        arrivals: list[tuple[Received | BlockingChanged, int, int]] = []
        urns: dict[int, URN] = {}
        due: list[Due] = []
        reports: list[DeliveryReport] = []
        for fact in facts:
            match fact:
                case Received() | BlockingChanged():
                    key = vault.find(str(fact.urn))
                    urns[key] = fact.urn
                    arrivals.append((fact, key, vault.find(f"{fact.channel}/{fact.external_id}")))
                case DeliveryReport():
                    reports.append(fact)
                case Due():
                    due.append(fact)
                case _:
                    assert_never(fact)
        async with self._database.hot() as tx:
            loaded = await load(tx, vault, urns, [seen for _, _, seen in arrivals], due)
            seen = set(loaded.seen)
            for arrival, urn_key, seen_key in arrivals:
                if seen_key in seen:
                    continue  # the provider delivered this before
                seen.add(seen_key)
                batch.changes.seen.append((seen_key, batch.moment.ms))
                try:
                    self._arrived(batch, loaded, arrival, urn_key)
                except Exception as error:
                    raise Poison(arrival) from error
            for fire in due:
                if fire.id in loaded.due:
                    try:
                        self._rang(batch, loaded, fire)
                    except Exception as error:
                        raise Poison(fire) from error
            save(tx, vault, self._ids, batch.moment.ms, batch.changes)
            if reports:
                await report(tx, reports, batch.moment.ms, self._ids)
        self.handled += len(facts)
        self.batches += 1
        if batch.changes.outbox:
            self._on_queued()

    async def _park(self, fact: Fact, now: datetime) -> None:
        """Note that it came, so that it is not brought for ever, and that somebody must look. A
        message's words are kept (sealed) with the sender's others.
        """
        vault, changes, now_ms = self._vault, Changes(), to_ms(now)
        async with self._database.hot() as tx:
            contact_id = None
            match fact:
                case Received() | BlockingChanged():
                    key = vault.find(str(fact.urn))
                    seen = vault.find(f"{fact.channel}/{fact.external_id}")
                    loaded = await load(tx, vault, {key: fact.urn}, [seen])
                    contact_id = loaded.urns.get(key)
                    if seen not in loaded.seen:
                        changes.seen.append((seen, now_ms))
                    if contact_id is not None and isinstance(fact, Received):
                        changes.inbox.append((self._ids(), contact_id, fact.channel, fact.text, now_ms))
                case Due():
                    contact_id = fact.contact_id
                    changes.done_fires.append((fact.id,))
                case DeliveryReport():
                    pass
            changes.alerts.append(("parked", contact_id, type(fact).__name__, now_ms))
            save(tx, vault, self._ids, now_ms, changes)

    def _arrived(self, batch: _Batch, loaded: Loaded, fact: Received | BlockingChanged, urn_key: int) -> None:
        if urn_key not in loaded.urns and not self._accepts(fact.urn):
            log.warning("address refused: not a mobile number", channel=fact.channel)
            return
        person = self._person(batch, loaded, fact, urn_key)
        if isinstance(fact, BlockingChanged):
            blocked = fact.change is Blocking.BLOCKED
            batch.changes.blocked[urn_key] = batch.moment.ms if blocked else None
            if blocked:
                batch.changes.cancelled_for_urn[person.contact.id, urn_key] = None
            return
        if urn_key in loaded.blocked:  # who writes to us has unblocked us
            batch.changes.blocked[urn_key] = None
        before, chatter = person.contact, person.chatter
        if person.unreadable:  # they are not left hanging in it: they begin anew, and somebody is told
            person.unreadable = False
            person.contact = replace(before, session_id=None)
            batch.changes.alerts.append(("parked", before.id, "unreadable session", batch.moment.ms))
        id = self._ids()  # before those of our replies: a conversation is read in the order of its ids
        turn = self._conversation.hear(person, fact, urn_key, batch.moment)
        heard = turn.pressed or fact.text
        batch.changes.inbox.append((id, person.contact.id, fact.channel, heard, batch.moment.ms))
        self._apply(batch, person, turn, fact.channel, urn_key, f"in/{fact.channel}/{fact.external_id}"[:80])
        if person.contact.stopped_at is not None and before.stopped_at is None:
            batch.changes.cancelled_for_contact[person.contact.id] = None
        if person.contact is not before or person.chatter != chatter:
            batch.changes.people[person.contact.id] = person

    def _person(self, batch: _Batch, loaded: Loaded, fact: Received | BlockingChanged, urn_key: int) -> Person:
        if (contact_id := loaded.urns.get(urn_key)) is not None:
            return loaded.people[contact_id]
        language = guess_language(self._library, fact) if isinstance(fact, Received) else None
        person = Person(Contact(self._ids(), language))
        loaded.people[person.contact.id] = person
        loaded.urns[urn_key] = person.contact.id
        batch.changes.new_people[person.contact.id] = person
        batch.changes.new_urns.append((urn_key, person.contact.id, fact.urn))
        return person

    def _rang(self, batch: _Batch, loaded: Loaded, fire: Due) -> None:
        person = loaded.people.get(fire.contact_id)
        before = person.contact if person else None
        if person is None or (fire.kind == "flow" and fire.urn_key in loaded.blocked):  # erased, or blocked us
            batch.changes.done_fires.append((fire.id,))
            return
        if fire.kind == "flow":
            if person.talk is not None and batch.moment.ms - person.talk.heard_at < _DAY_MS:
                again = batch.moment.ms + _DAY_MS  # they are busy with another: not now
                batch.changes.fires[fire.key] = (
                    fire.key,
                    "flow",
                    fire.contact_id,
                    fire.urn_key,
                    fire.channel,
                    None,
                    fire.flow,
                    again,
                )
                return
            batch.changes.done_fires.append((fire.id,))
            turn = self._conversation.begin(person, fire.flow or "", fire.channel, fire.urn_key, batch.moment)
            self._apply(batch, person, turn, fire.channel, fire.urn_key, f"fire/{fire.id}")
        else:
            talk = person.talk
            if talk is None or talk.id != fire.session_id:
                batch.changes.done_fires.append((fire.id,))
                return
            turn = self._conversation.wake(person, talk, batch.moment)
            if talk.urn_key in loaded.blocked:  # nothing is said, but their place in it ends in its time
                turn.said.clear()
            self._apply(batch, person, turn, talk.channel, talk.urn_key, f"fire/{fire.id}/{talk.session.sprint}")
            if talk.outcome is not None:
                batch.changes.done_fires.append((fire.id,))
            else:  # the same fire, for the present deadline
                talk.wakes_at = talk.deadline_at
                batch.changes.talks[talk.id] = talk
                batch.changes.fires[_wait_key(talk)] = _wait_fire(talk)
        if person.contact is not before:
            batch.changes.people[person.contact.id] = person

    def _apply(self, batch: _Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str) -> None:
        changes = batch.changes
        for talk in turn.begun:
            changes.new_talks[talk.id] = talk
            if talk.outcome is None:
                talk.wakes_at = talk.deadline_at
                changes.fires[_wait_key(talk)] = _wait_fire(talk)
        for talk in turn.changed:
            changes.talks[talk.id] = talk
            if talk.outcome is None and talk.deadline_at < talk.wakes_at:
                talk.wakes_at = talk.deadline_at
                changes.fires[_wait_key(talk)] = _wait_fire(talk)
        for talk, effect in turn.done:
            self._do(batch, person, turn, talk, effect)
        if turn.alert is not None:
            changes.alerts.append((turn.alert, person.contact.id, "", batch.moment.ms))
        if turn.said:
            changes.outbox.append(self._message(batch, person, turn, channel, urn_key, key))

    def _do(self, batch: _Batch, person: Person, turn: Turn, talk: Talk, effect: Effect) -> None:
        changes = batch.changes
        session = talk.session
        match effect:
            case SaveAnswer(question, value):
                words = label(self._library.flows[session.flow], question, value)
                changes.answers[talk.id, question] = self._answer(batch, turn, talk, question, value, words)
            case WithdrawAnswer(question):
                row = self._answer(batch, turn, talk, question, "", "")
                changes.answers[talk.id, question] = replace(row, withdrawn=True)
            case RecordConsent(purpose, given, question):
                agreed = person.contact.consents
                agreed = agreed | {purpose} if given else agreed - {purpose}
                person.contact = replace(person.contact, consents=agreed)
                changes.consents.append(
                    (
                        person.contact.id,
                        purpose.value,
                        given,
                        session.flow,
                        session.version,
                        question,
                        turn.language,
                        talk.channel,
                        batch.moment.ms,
                    )
                )
            case RepeatFlow(flow, every):
                at = self._quiet.after(later(batch.moment.at, every, self._quiet.zone))
                key = f"repeat/{person.contact.id}/{flow}"
                changes.fires[key] = (key, "flow", person.contact.id, talk.urn_key, talk.channel, None, flow, to_ms(at))
            case Mark(question, picked):
                self._mark(batch, turn, talk, question, picked)
            case EndSession():
                pass  # the session's own row tells
            case Say() | Ask() | StartWait():
                raise AssertionError(f"{effect!r} is the conversation's to handle")
            case _:
                assert_never(effect)

    def _answer(self, batch: _Batch, turn: Turn, talk: Talk, question: str, value: Answer, words: str) -> AnswerRow:
        session = talk.session
        return AnswerRow(
            talk.id,
            talk.contact_id,
            session.flow,
            session.version,
            question,
            session.sprint,
            False,
            value,
            words,
            turn.language,
            talk.channel,
            batch.moment.ms,
        )

    def _mark(self, batch: _Batch, turn: Turn, talk: Talk, question: SelectMultiple, picked: Sequence[str]) -> None:
        """New buttons for the message that asked, where the channel has any."""
        if talk.asked is None or not self._channels[talk.channel].buttons:
            return
        rendered = marked(question, picked, self._library.phrases[turn.language])
        batch.changes.outbox.append(
            Queued(
                self._ids(),
                f"mark/{talk.id}/{talk.session.sprint}",
                talk.contact_id,
                talk.urn_key,
                talk.channel,
                MessageClass.REPLY,
                "",
                self._conversation.button(talk.id, question.name),
                rendered.buttons,
                batch.moment.ms,
                batch.moment.ms + _WORTH_SENDING_MS[MessageClass.REPLY],
                edits=talk.asked,
            )
        )

    def _message(self, batch: _Batch, person: Person, turn: Turn, channel: str, urn_key: int, key: str) -> Queued:
        kind = self._channels[channel]
        rendered = self._renderer.message(
            turn.said, self._library.phrases[turn.language], turn.language, buttons=kind.buttons, sms=kind.sms
        )
        token = ""
        if rendered.buttons and person.talk is not None:
            asked = next(one.question for one in reversed(turn.said) if isinstance(one, Ask))
            token = self._conversation.button(person.talk.id, asked.name)
        send_after = batch.moment.ms
        if turn.message_class.waits_for_morning:
            send_after = to_ms(self._quiet.after(batch.moment.at))
        id = self._ids()
        if person.talk is not None and any(isinstance(one, Ask) for one in turn.said):
            person.talk.asked = id
        return Queued(
            id,
            key,
            person.contact.id,
            urn_key,
            channel,
            turn.message_class,
            rendered.text,
            token,
            rendered.buttons if token else (),
            send_after,
            send_after + _WORTH_SENDING_MS[turn.message_class],
        )


def where(error: BaseException | None) -> dict[str, str]:
    """What a log may say of an error: its kind and its place in our code. Its text may hold people's words."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "at": place}


def _wait_key(talk: Talk) -> str:
    return f"wait/{talk.id}"


def _wait_fire(talk: Talk) -> tuple[str, str, int, int, str, int | None, str | None, int]:
    return (
        f"wait/{talk.id}",
        "wait",
        talk.contact_id,
        talk.urn_key,
        talk.channel,
        talk.id,
        None,
        talk.wakes_at,
    )
