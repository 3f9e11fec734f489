"""Outbox rows -> channel.send -> what became of it. One sender a channel, at the channel's own pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

import structlog

from bot.channels.base import (
    TOO_MANY,
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
from bot.sharing import Sharing
from domain.hours import PreferredHours, in_hours
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
#: Nothing leaves in so much of its claim's end: a process that stood still must not send what another takes for lost.
_CLAIM_ENDS = timedelta(seconds=5)
_CLEARING, _EXPIRING = timedelta(seconds=2), timedelta(minutes=1)
#: How long a provider's log may take to show what it took, before what is not in it counts as not taken.
SETTLING = timedelta(seconds=10)
#: What waits for the morning is not begun so shortly before quiet hours: it would arrive in them.
_LAST_CALL = timedelta(seconds=30)
#: So many uncertain messages are looked up at a time.
_ASKED_AT_ONCE = 8
#: The waits between tries, in seconds; the last goes on until the message expires.
BACKOFF = (5, 15, 60, 300, 900, 1800, 3600)
#: Seconds; a new message wakes the sender before, but not one that another process made and has no share for.
_PAUSE, _PAUSE_AMONG_OTHERS = 1.0, 0.25


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
        sharing: Sharing | None = None,
    ) -> None:
        self.channel = channel
        self._database = database
        self._vault = vault
        self._pace = pace
        self._quiet = quiet
        self._ids = ids
        self._clock = clock
        self._random = random
        self._sharing = sharing
        self._wake = asyncio.Event()
        self._stopping = False
        self._refused = False
        self.circuit = Circuit()
        self._under_way: dict[asyncio.Task[Outcome], int] = {}
        self._held_until = clock()  # the claims on those that were under way at the last renewal
        self._apart = 0  # of those, how many wait only because their address had a message just now
        #: Messages whose claim may not have been stored, and when it would end (ms).
        self._in_doubt: dict[int, int] = {}
        self._expire_at = clock()
        self._tidying: asyncio.Task[None] | None = None
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
        renew_at = tidy_at = self._clock()
        while not self._stopping:
            now = self._clock()
            try:
                # In this order, for a process that stood still or had no store for a while: what it sent is noted, and
                # its claims are held, before any claim is taken for a dead process's
                await self._note_ended()
                await outbox.give_back(self._database, self._in_doubt)
                self._in_doubt.clear()
                if self.alive_at is None:
                    await self._heed_waits(now)
                if now >= renew_at:
                    await outbox.renew(self._database, list(self._under_way.values()), to_ms(now + LEASE))
                    self._held_until, renew_at = now + LEASE, now + RENEWAL
                if now >= tidy_at and (self._tidying is None or self._tidying.done()):
                    self._tidying = asyncio.create_task(self._tidy(now))
                    tidy_at = now + _CLEARING
                took = await self.tick(now)
                self.alive_at = now
            except Exception as error:  # the store is away; what was sent and not noted becomes unknown
                self._cannot_reach_the_store(error)
                tidy_at = self._clock() + LEASE  # nobody could renew a claim meanwhile, and those who live will now
                took = False
            if not took and not self._stopping:
                await self.rest()
        if self._tidying is not None:
            await self._tidying
        while self._under_way:
            await self._gather()
        if self._sharing is not None:
            await self._give_back(self._sharing)

    async def _give_back(self, sharing: Sharing) -> None:
        try:
            await sharing.give_back(self._clock())
        except Exception as error:  # then it ends by itself
            self._cannot_reach_the_store(error)

    async def _tidy(self, now: datetime) -> None:
        """What lies about: claims that lapsed, messages whose time is over, and those that were perhaps sent. Done
        beside the sending, since asking a provider takes its time.
        """
        try:
            await self._heed_waits(now)
            settling = to_ms(now + SETTLING - _CLAIM_ENDS) - to_ms(now)
            await outbox.lapse(self._database, self.channel.name, to_ms(now), settling)
            if now >= self._expire_at:
                await outbox.expire(self._database, self._ids, self.channel.name, to_ms(now))
                self._expire_at = now + _EXPIRING
            await self.clear_up(now)
        except Exception as error:
            self._cannot_reach_the_store(error)

    async def _heed_waits(self, now: datetime) -> None:
        """A provider that said to wait said it to the account: also to who starts now, and to the other replicas."""
        until_ms = await outbox.waits_until(self._database, self.channel.name, TOO_MANY, to_ms(now))
        if until_ms is not None:
            self._pace.hold(until_ms / 1000)

    def _cannot_reach_the_store(self, error: Exception) -> None:
        log.warning("sender cannot reach the store", channel=self.channel.name, error=type(error).__name__)

    async def tick(self, now: datetime) -> bool:
        """Take what may go now and send it; note what has ended. Returns whether there was anything."""
        await self._note_ended()  # first: until it is noted, a kill would have it sent again
        if self._sharing is not None:
            await self._sharing.renew(now, wants=self.circuit.rests(now.timestamp()) == 0)
        room = self._room(now)
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
                quiet=any(self._quiet.on_any_day.cover(moment) for moment in (now, now + _LAST_CALL)),
                holiday=self._quiet.on_holiday(now),
                later=partial(self._later, now),
                claiming=lambda ids: self._in_doubt.update(dict.fromkeys(ids, to_ms(now + LEASE))),
            )
            for message in messages:  # they are ours
                self._in_doubt.pop(message.id, None)
        claimed_at = self._clock().timestamp()  # not `now`: the claim took its time, and turns count from the send
        for message in messages:
            if message.written_at is not None:
                self._pace.written(message.written_at.timestamp(), message.urn.path)
            apart = self._pace.apart(claimed_at, message.urn.path)
            turn = self._pace.take(claimed_at, self.channel.cost(message)) if apart == 0 else None
            self._under_way[asyncio.create_task(self._send(message, turn, apart, now + LEASE))] = message.id
        if not self._under_way:
            return False
        if not messages:
            await self._gather()
        return True

    def _room(self, now: datetime) -> int:
        """How many messages may be claimed now. Who waits until their address may have its next one takes no room."""
        busy = len(self._under_way) - self._apart
        room = min(self.channel.in_flight - busy, self._pace.room(now.timestamp()))
        if (tries := self.circuit.room(now.timestamp(), len(self._under_way))) is not None:
            room = min(room, tries)
        return room

    def _later(self, now: datetime, message_class: MessageClass, hours: str, expires_at: datetime) -> datetime | None:
        """When a message to somebody with these hours may go; None: now. One that waited for its turn, or was tried
        before, may have come out of them. A reminder that would never go goes all the same.
        """
        if not message_class.waits_for_morning or PreferredHours.parse(hours).suit(now, self._quiet.zone):
            return None
        at = in_hours(now, self._quiet_for(message_class), PreferredHours.parse(hours))
        return None if at <= now or (message_class is MessageClass.REMINDER and at >= expires_at) else at

    def _quiet_for(self, message_class: MessageClass) -> QuietHours:
        """Reminders go out on bank holidays too."""
        return self._quiet if message_class > MessageClass.REMINDER else self._quiet.on_any_day

    async def drain(self) -> None:
        """Send everything that may go now; for `mime chat`, and for tests."""
        while await self.tick(self._clock()):
            pass

    async def clear_up(self, now: datetime) -> None:
        """Find out about the messages that were perhaps sent, and decide about each."""
        if self.circuit.rests(now.timestamp()) > 0 or self._pace.held(now.timestamp()) > 0:
            return
        ours = set(self._under_way.values())  # it lapsed, and is still being sent: that will tell
        found = await outbox.unknown(self._database, self._vault, self.channel.name)
        uncertain = [one for one in found if one[0].id not in ours]
        taken: set[str] = set()
        for start in range(0, len(uncertain), _ASKED_AT_ONCE):
            some = uncertain[start : start + _ASKED_AT_ONCE]
            asked = await asyncio.gather(
                *(self.channel.look_up(message) for message, _ in some), return_exceptions=True
            )
            outcomes, fault = [], None
            for (message, settles_at), answer in zip(some, asked, strict=True):
                if isinstance(answer, BaseException):
                    fault = answer
                elif (outcome := await self._decided(message, settles_at <= now, answer, taken, now)) is not None:
                    outcomes.append(outcome)
            await self._note(outcomes, cleared=True)
            if isinstance(fault, SendError):
                log.warning("cannot look up", channel=self.channel.name, code=fault.code)
                self._learn(fault, now)
                if isinstance(fault, Throttled):
                    self._pace.hold(now.timestamp() + fault.retry_after)
                return
            if fault is not None:
                raise fault

    async def _decided(
        self, message: OutgoingMessage, settled: bool, candidates: list[str] | None, taken: set[str], now: datetime
    ) -> Outcome | None:
        """A provider that keeps a log is asked; what is not in it is sent again only when the log has had time to show
        it (None: not yet). Where none is kept, a question is asked again, for without it the person would wait in
        vain; a reminder or a newsletter is not. `taken` are the names that other messages were given just now.
        """
        if candidates is not None:
            others = taken | await outbox.named(self._database, candidates)
            if free := [name for name in candidates if name not in others]:
                taken.add(free[0])
                return Outcome(message.id, message.contact_id, Status.SENT, free[0])
            if not settled:
                return None
        elif message.message_class > MessageClass.REPLY:
            return Outcome(message.id, message.contact_id, Status.FAILED, error="perhaps sent")
        return Outcome(message.id, message.contact_id, Status.ERRORED, error="not sent", send_after=to_ms(now))

    async def _send(self, message: OutgoingMessage, turn: float | None, apart: float, ours_until: datetime) -> Outcome:
        """`turn` is the seconds until its turn; None: it has none yet, since its address may have no message for
        `apart` seconds. It is claimed until then at least.
        """
        units = self.channel.cost(message)
        if turn is None:
            self._apart += 1
            await asyncio.sleep(apart)
            self._apart -= 1
            turn = self._pace.take(self._clock().timestamp(), units)
        wait = turn or self._pace.full(self._clock().timestamp(), units)
        while wait > 0:
            await asyncio.sleep(wait)
            wait = self._pace.full(self._clock().timestamp(), units)
        now = self._clock()
        if (not_now := self._too_late(message, now, ours_until)) is not None:
            self._pace.given_up(units)
            return not_now
        outcome = await self._ask(message, units, now)
        if self._sharing is None or not self._pace.gap:
            return outcome
        return replace(outcome, tried=message.urn_key)

    async def _ask(self, message: OutgoingMessage, units: int, now: datetime) -> Outcome:
        """The provider is asked to send it."""
        self._pace.left(units)
        try:
            sent = await self.channel.send(self._in_time(message, now), now)
        except SendError as error:
            return self._error(message, error)
        except Exception as error:  # a fault of ours in building the request: no reason to stop the others
            log.error("send failed", channel=self.channel.name, error=type(error).__name__)
            self.counts.failed += 1
            return Outcome(message.id, message.contact_id, Status.FAILED, error=type(error).__name__)
        finally:
            self._pace.answered(self._clock().timestamp(), message.urn.path, units)
        self.counts.sent += 1
        self._refused = False
        self._learn(None, now)
        return Outcome(message.id, message.contact_id, Status.SENT, sent.external_id, segments=sent.segments)

    def _too_late(self, message: OutgoingMessage, now: datetime, ours_until: datetime) -> Outcome | None:
        """What becomes of a message that may not go any more now that it is its turn; None: it may."""
        if now >= message.valid_until:
            return Outcome(message.id, message.contact_id, Status.EXPIRED, error="expired")
        again = now
        if (held := self._pace.held(now.timestamp())) > 0:
            again = now + timedelta(seconds=held)
        elif message.message_class.waits_for_morning:
            again = self._quiet_for(message.message_class).after(now)
        claimed = now < max(ours_until, self._held_until) - _CLAIM_ENDS
        if again == now and claimed and self._pace.ours(now.timestamp()):
            return None  # what is not ours any more, or has no share of the pace here, is for whoever takes it
        return Outcome(message.id, message.contact_id, Status.QUEUED, send_after=to_ms(again))

    def _in_time(self, message: OutgoingMessage, now: datetime) -> OutgoingMessage:
        """The provider too gives up before quiet hours begin on what waits for the morning."""
        night = self._quiet.next_start(now) if message.message_class.waits_for_morning else None
        if night is None or night >= message.valid_until:
            return message
        return replace(message, valid_until=night)

    def _error(self, message: OutgoingMessage, error: SendError) -> Outcome:
        now = self._clock()
        self._learn(error, now)
        alert = ""
        match error:
            case Uncertain():
                self.counts.unknown += 1
                settles_at = to_ms(now + SETTLING)
                return Outcome(message.id, message.contact_id, Status.UNKNOWN, error=error.code, send_after=settles_at)
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
        """Wait until a send has ended, and note all that have; or for a new message to send, or room for one."""
        seconds = self._clock().timestamp()
        full = len(self._under_way) - self._apart >= self.channel.in_flight or self._stopping
        longest = _PAUSE if full else min(self._pause, self._pace.next_room(seconds) or self._pause)
        waiter = asyncio.create_task(self._wake.wait())
        watched = [*self._under_way] if full else [*self._under_way, waiter]
        await asyncio.wait(watched, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
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
            ids = [self._ids() for _ in outcomes]
            await outbox.note(self._database, outcomes, now_ms, ids, cleared=cleared)

    @property
    def _pause(self) -> float:
        return _PAUSE if self._sharing is None or not self._sharing.others else _PAUSE_AMONG_OTHERS

    async def rest(self) -> None:
        """Until there is room, a message to send, or a second has passed."""
        seconds = self._clock().timestamp()
        held = max(self._pace.next_room(seconds), self.circuit.rests(seconds))
        try:
            async with asyncio.timeout(min(self._pause, held) if held > 0 else self._pause):
                await self._wake.wait()
        except TimeoutError:
            return
