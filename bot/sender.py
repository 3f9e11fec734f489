"""Outbox rows -> channel.send -> what became of it. One sender a channel, at the channel's own pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import structlog

from bot.channels.base import (
    Channel,
    ConnectionFailed,
    ContactStopped,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
)
from bot.circuit import Circuit
from bot.pace import Pace
from domain.message import MessageClass, OutgoingMessage, Status
from domain.quiet import QuietHours
from store import outbox
from store.database import Database
from store.outbox import Outcome
from store.times import to_ms
from store.vault import Vault

log = structlog.get_logger()

#: How long a claim holds, and how often it is renewed while the send is under way. A lapsed one is a
#: dead process's, and is cleared up.
LEASE, RENEWAL = timedelta(seconds=8), timedelta(seconds=2)
_CLEARING = timedelta(seconds=2)
#: The waits between tries, in seconds; the last goes on until the message expires.
BACKOFF = (5, 15, 60, 300, 900, 1800, 3600)
_PAUSE = 1.0  # seconds; a new message wakes the sender before


@dataclass(slots=True)
class Counts:
    """Since the start, for the metrics."""

    sent: int = 0
    errored: int = 0
    failed: int = 0
    unknown: int = 0


class Sender:
    def __init__(
        self,
        channel: Channel,
        database: Database,
        vault: Vault,
        pace: Pace,
        quiet: QuietHours,
        ids: Callable[[], int],
        clock: Callable[[], datetime],
        random: Random,
    ) -> None:
        self.channel = channel
        self._database = database
        self._vault = vault
        self._pace = pace
        self._quiet = quiet
        self._ids = ids
        self._clock = clock
        self._random = random
        self._wake = asyncio.Event()
        self._stopping = False
        self._refused = False
        self.circuit = Circuit()
        self._under_way: dict[asyncio.Task[Outcome], int] = {}
        #: Messages whose claim may not have been stored, and when it would end (ms).
        self._in_doubt: dict[int, int] = {}
        self.counts = Counts()
        self.alive_at: datetime | None = None

    @property
    def refused(self) -> bool:
        """Whether the provider refuses our credentials just now."""
        return self._refused

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """Let `run` finish the sends under way, and return."""
        self._stopping = True
        self._wake.set()

    async def start_over(self) -> None:
        """At the start of the only process on this store: what was being sent was cut off."""
        await outbox.lapse(self._database, self.channel.name, to_ms(self._clock() + LEASE))

    async def run(self) -> None:
        """Send until stopped. A store that is away is tried again; nothing is lost by it."""
        renew_at = clear_at = self._clock()
        while not self._stopping:
            now = self._clock()
            try:
                await outbox.give_back(self._database, self._in_doubt)
                self._in_doubt.clear()
                if now >= clear_at:
                    await outbox.lapse(self._database, self.channel.name, to_ms(now))
                    await self.clear_up(now)
                    clear_at = now + _CLEARING
                if now >= renew_at:
                    await outbox.renew(self._database, list(self._under_way.values()), to_ms(now + LEASE))
                    renew_at = now + RENEWAL
                took = await self.tick(now)
                self.alive_at = now
            except Exception as error:  # the store is away; what was sent and not noted becomes unknown
                log.warning("sender cannot reach the store", channel=self.channel.name, error=type(error).__name__)
                clear_at = self._clock() + LEASE  # nobody could renew a claim meanwhile, and those who live will now
                took = False
            if not took and not self._stopping:
                await self.rest()
        while self._under_way:
            await self._gather()

    async def tick(self, now: datetime) -> bool:
        """Take what may go now and send it; note what has ended. Returns whether there was anything."""
        await self._note_ended()  # first: until it is noted, a kill would have it sent again
        free = self.channel.in_flight - len(self._under_way)
        room = min(free, self._pace.room(now.timestamp()))
        if (tries := self.circuit.room(now.timestamp(), len(self._under_way))) is not None:
            room = min(room, tries)
        messages: list[OutgoingMessage] = []
        self._wake.clear()  # also without room, or the loop would spin on it until there is
        if room > 0:
            messages = await outbox.claim(
                self._database,
                self._vault,
                self._ids,
                self.channel.name,
                to_ms(now),
                int(LEASE.total_seconds() * 1000),
                room,
                quiet=self._quiet.on_any_day.cover(now),
                holiday=self._quiet.on_holiday(now),
                claiming=lambda ids: self._in_doubt.update(dict.fromkeys(ids, to_ms(now + LEASE))),
            )
            self._in_doubt.clear()  # they are ours
        claimed_at = self._clock().timestamp()  # not `now`: the claim took its time, and gaps count from the send
        for message in messages:
            wait = self._pace.take(claimed_at, message.contact_id, self.channel.cost(message))
            self._under_way[asyncio.create_task(self._send(message, wait))] = message.id
        if not self._under_way:
            return False
        if not messages or len(self._under_way) >= self.channel.in_flight:
            await self._gather()
        return True

    async def drain(self) -> None:
        """Send everything that may go now; for `mime chat`, and for tests."""
        while await self.tick(self._clock()):
            pass

    async def clear_up(self, now: datetime) -> None:
        """Find out about the messages that were perhaps sent, and decide about each."""
        if self.circuit.rests(now.timestamp()) > 0:
            return
        outcomes = []
        for message in await outbox.unknown(self._database, self._vault, self.channel.name):
            try:
                outcomes.append(await self._clear_up(message, now))
            except SendError as error:
                log.warning("cannot look up", channel=self.channel.name, code=error.code)
                self._learn(error, now)
                break
        await self._note(outcomes, cleared=True)

    async def _clear_up(self, message: OutgoingMessage, now: datetime) -> Outcome:
        """A provider that keeps a log is asked. Where none is kept, a question is asked again, for
        without it the person would wait in vain; a reminder or a newsletter is not.
        """
        candidates = await self.channel.look_up(message)
        if candidates is not None:
            others = await outbox.named(self._database, candidates)
            taken = [name for name in candidates if name not in others]
            if taken:
                return Outcome(message.id, message.contact_id, Status.SENT, taken[0])
        elif message.message_class > MessageClass.REPLY:
            return Outcome(message.id, message.contact_id, Status.FAILED, error="perhaps sent")
        return Outcome(message.id, message.contact_id, Status.ERRORED, error="not sent", send_after=to_ms(now))

    async def _send(self, message: OutgoingMessage, wait: float) -> Outcome:
        if wait > 0:
            await asyncio.sleep(wait)
        now = self._clock()
        try:
            sent = await self.channel.send(message, now)
        except SendError as error:
            return self._error(message, error)
        except Exception as error:  # a fault of ours in building the request: no reason to stop the others
            log.error("send failed", channel=self.channel.name, error=type(error).__name__)
            return Outcome(message.id, message.contact_id, Status.FAILED, error=type(error).__name__)
        self.counts.sent += 1
        self._refused = False
        self._learn(None, now)
        return Outcome(message.id, message.contact_id, Status.SENT, sent.external_id, segments=sent.segments)

    def _error(self, message: OutgoingMessage, error: SendError) -> Outcome:
        now = self._clock()
        self._learn(error, now)
        alert = ""
        match error:
            case Uncertain():
                self.counts.unknown += 1
                return Outcome(message.id, message.contact_id, Status.UNKNOWN, error=error.code)
            case Rejected() | ContactStopped() | Unreachable():
                self.counts.failed += 1
                return Outcome(
                    message.id,
                    message.contact_id,
                    Status.FAILED,
                    error=error.code,
                    blocked=not isinstance(error, Rejected),
                    unreachable=isinstance(error, Unreachable),
                )
            case Throttled(retry_after=seconds):
                self._pace.hold(now.timestamp() + seconds)
                again = now + timedelta(seconds=seconds)
            case Misconfigured():
                log.error("the provider refuses our credentials", channel=self.channel.name, code=error.code)
                again = now + timedelta(seconds=60)
                if not self._refused:  # once, not at every try
                    self._refused = True
                    alert = f"{self.channel.name} {error.code}"
            case ConnectionFailed() | SendError():
                again = now + timedelta(seconds=self._backoff(message.attempts))
        self.counts.errored += 1
        return Outcome(
            message.id,
            message.contact_id,
            Status.ERRORED,
            error=error.code,
            send_after=to_ms(again),
            alert=alert,
        )

    def _learn(self, error: SendError | None, now: datetime) -> None:
        """Whether the account is to be left alone: where it does not answer or does not know us. One that refuses a
        message, or says to wait, is well.
        """
        name = self.channel.name
        match error:
            case ConnectionFailed() | Misconfigured() | Uncertain():
                if self.circuit.failed(now.timestamp()):
                    log.error("the provider fails again and again: its account is left alone", channel=name)
            case _:
                if self.circuit.answered():
                    log.info("the provider answers again", channel=name)

    def _backoff(self, attempts: int) -> float:
        return BACKOFF[min(attempts, len(BACKOFF)) - 1] * self._random.uniform(0.8, 1.2)

    async def _gather(self) -> None:
        """Wait until a send has ended, and note all that have; or for a new message to send."""
        waiter = asyncio.create_task(self._wake.wait())
        full = len(self._under_way) >= self.channel.in_flight or self._stopping
        watched = [*self._under_way] if full else [*self._under_way, waiter]
        await asyncio.wait(watched, timeout=RENEWAL.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        await self._note_ended()

    async def _note_ended(self) -> None:
        ended = [task for task in self._under_way if task.done()]
        await self._note([task.result() for task in ended])
        for task in ended:  # only now: a note that failed is tried again
            del self._under_way[task]

    async def _note(self, outcomes: list[Outcome], *, cleared: bool = False) -> None:
        if outcomes:
            now_ms = to_ms(self._clock())
            await outbox.note(self._database, outcomes, now_ms, [self._ids() for _ in outcomes], cleared=cleared)

    async def rest(self) -> None:
        """Until there is room, a message to send, or a second has passed."""
        seconds = self._clock().timestamp()
        held = max(self._pace.next_room(seconds), self.circuit.rests(seconds))
        try:
            async with asyncio.timeout(min(_PAUSE, held) if held > 0 else _PAUSE):
                await self._wake.wait()
        except TimeoutError:
            return
