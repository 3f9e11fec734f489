"""What happened goes in; rows come out, one transaction a batch. Nothing is sent from here.

Under light load a batch is one message. Under heavy load batches fill by themselves while the
previous one commits, and its commit, its reads and its writes are shared.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import assert_never
from zoneinfo import ZoneInfo

import structlog

from bot.batch import Batch
from bot.events.fires import KINDS as OF_EVENTS
from bot.events.fires import PLACES
from bot.happenings import Happenings
from bot.turn import MaybeCode, Moment
from domain.contact import URN, Purpose, Role
from domain.message import BlockingChanged, DeliveryReport, Received
from store.changes import AlertRow, Changes, Due, Loaded
from store.circle import Around, Circle, load_addresses, load_circle
from store.database import Database, HotTransaction, is_refusal
from store.outbox import report
from store.programme import NO_PROGRAMME, Programme, Wanted, load_programme, load_rooms
from store.times import to_ms
from store.turns import load, load_more, save
from store.vault import Vault

log = structlog.get_logger()

Fact = Received | BlockingChanged | DeliveryReport | Due
#: What came from somebody, the key of its address, and that of its provider's name for it.
Arrival = tuple[Received | BlockingChanged, int, int]

BATCH = 128
#: Seconds for which a store that has just gone away is waited for, before who brought a message is told to bring it
#: again: PostgreSQL's standby takes over within seconds, and Twilio, which waits for 15, may bring it no more.
PATIENCE = 6.0
_AGAIN = 0.2  # seconds
#: A batch that waits for its COMMIT for so many seconds: the store is there and takes nothing.
STUCK = 4.0


class Poison(Exception):
    """One fact of a batch cannot be handled. Its cause is in `__cause__`."""

    def __init__(self, fact: Fact) -> None:
        super().__init__("a fact cannot be handled")
        self.fact = fact


class StoreAway(Exception):
    """The store cannot be reached; nothing is known to be stored. Whoever brought the facts may bring them again."""


class Dispatcher:
    """`submit` takes a fact and returns when it is durable; `run` serves until it is stopped."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        happenings: Happenings,
        zone: ZoneInfo,
        ids: Callable[[], int],
        clock: Callable[[], datetime],
        *,
        on_queued: Callable[[], None] = lambda: None,
        patience: float = PATIENCE,
    ) -> None:
        self._database = database
        self._vault = vault
        self._patience = patience
        self._lost_at: float | None = None
        self._begun_at: float | None = None
        self._happenings = happenings
        self._zone = zone
        self._ids = ids
        self._clock = clock
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

    @property
    def stuck(self) -> bool:
        """Whether the batch in hand has waited for the store for longer than it may."""
        return self._begun_at is not None and asyncio.get_running_loop().time() - self._begun_at > STUCK

    async def _serve(self, batch: Sequence[tuple[Fact, asyncio.Future[None]]]) -> None:
        self._begun_at = asyncio.get_running_loop().time()
        try:
            await self._store([fact for fact, _ in batch])
        except Exception as error:
            log.warning("batch not stored", facts=len(batch), **where(error))
            away = StoreAway()
            away.__cause__ = error
            for _, future in batch:
                if not future.done():
                    future.set_exception(away)
            return
        finally:
            self._begun_at = None
        for _, future in batch:
            if not future.done():  # its webhook may have been given up by the provider
                future.set_result(None)

    async def _store(self, facts: Sequence[Fact]) -> None:
        """Handle them, and again for a while where the store has just gone away. What a lost COMMIT left is told by
        the rows: a message that is there is not handled twice.
        """
        while True:
            try:
                await self.handle(facts, self._clock())
                self._lost_at = None
                return
            except Exception as error:
                if not self._may_come_back(error):
                    raise
                log.warning("the store went away: the batch is tried again", facts=len(facts), **where(error))
            await asyncio.sleep(_AGAIN)

    def _may_come_back(self, error: Exception) -> bool:
        """Whether the store was lost only just now. One that stays away is waited for once, not by each batch."""
        if not self._database.is_lost(error):
            return False
        now = asyncio.get_running_loop().time()
        if self._lost_at is None:
            self._lost_at = now
        return now - self._lost_at < self._patience

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
        batch = Batch(Moment.of(now, self._zone))
        arrivals: list[Arrival] = []
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
            codes = self._codes(loaded, arrivals)
            circle = await self._circle(tx, loaded, {code.key for code in codes.values()})
            batch.programme = await self._programme(tx, batch, loaded, arrivals, due)
            seen = set(loaded.seen)
            for arrival, urn_key, seen_key in arrivals:
                if seen_key in seen:
                    continue  # the provider delivered this before
                seen.add(seen_key)
                batch.changes.seen.append((seen_key, batch.moment.ms))
                batch.fact = arrival
                try:
                    self._happenings.arrived(batch, loaded, circle, arrival, urn_key, codes.get(seen_key))
                except Exception as error:
                    raise Poison(arrival) from error
            for fire in due:
                if fire.id in loaded.due:
                    batch.fact = fire
                    try:
                        self._happenings.rang(batch, loaded, circle, fire)
                    except Exception as error:
                        raise Poison(fire) from error
            if batch.unsettled or any(fire.kind == PLACES for fire in due):
                await self._settle(tx, batch, due)
            save(tx, vault, self._ids, batch.moment.ms, batch.changes)
            if reports:
                await report(tx, reports, batch.moment.ms, self._ids)
        self.handled += len(facts)
        self.batches += 1
        if batch.changes.outbox:
            self._on_queued()

    async def _programme(
        self,
        tx: HotTransaction,
        batch: Batch,
        loaded: Loaded,
        arrivals: Sequence[tuple[Received | BlockingChanged, int, int]],
        due: Sequence[Due],
    ) -> Programme:
        """What must be known of events, for the few whose messages or fires have to do with any."""
        contacts, asking = set(), False
        for fact, urn_key, _ in arrivals:
            person = loaded.people.get(loaded.urns.get(urn_key, 0))
            if isinstance(fact, Received) and self._happenings.asks_of_events(batch, fact, person):
                asking = True
                if person is not None:
                    contacts.add(person.contact.id)
        about = {fire.session_id or 0 for fire in due if fire.kind in OF_EVENTS}
        contacts |= {fire.contact_id for fire in due if fire.kind in OF_EVENTS}
        for person in loaded.people.values():
            for talk in (person.talk, person.suspended):
                if talk is not None and talk.session.about:
                    about.update(talk.session.about)
                    contacts.add(person.contact.id)
        wanted = Wanted(contacts, about, asking)
        return await load_programme(tx, self._vault, wanted, batch.moment.ms) if wanted else NO_PROGRAMME

    async def _settle(self, tx: HotTransaction, batch: Batch, due: Sequence[Due]) -> None:
        """Lock the events that places are wished for, and settle the wishes in their order."""
        events = {wished.event_id for one in batch.unsettled for wished in one.turn.wishes}
        events |= {fire.session_id or 0 for fire in due if fire.kind == PLACES}
        rooms = await load_rooms(tx, events, [one.person.contact.id for one in batch.unsettled])
        for one in batch.unsettled:
            try:
                self._happenings.settle(batch, rooms, one)
            except Exception as error:
                raise Poison(one.fact) from error
        for fire in due:
            if fire.kind == PLACES and (room := rooms.get(fire.session_id or 0)) is not None:
                self._happenings.settle_room(batch, room)

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
                        changes.inbox.append((self._ids(), contact_id, fact.channel, fact.text, now_ms, key))
                case Due():
                    contact_id = fact.contact_id
                    changes.done_fires.append((fact.id,))
                case DeliveryReport():
                    pass
            changes.alerts.append(AlertRow(self._ids(), "parked", contact_id, type(fact).__name__))
            save(tx, vault, self._ids, now_ms, changes)

    def _codes(self, loaded: Loaded, arrivals: Sequence[Arrival]) -> dict[int, MaybeCode]:
        """What might be codes, by the keys of the messages that they stand in."""
        found = {}
        for fact, urn_key, seen_key in arrivals:
            if isinstance(fact, Received):
                person = loaded.people.get(loaded.urns.get(urn_key, 0))
                if (code := self._happenings.code_of(fact, person)) is not None:
                    found[seen_key] = code
        return found

    async def _circle(self, tx: HotTransaction, loaded: Loaded, codes: Collection[int]) -> Circle:
        """What the people of the batch have around them, for the few who have anything."""
        people = loaded.people
        around = Around(
            with_carers=[id for id, p in people.items() if Purpose.CARER in p.contact.consents],
            carers=[id for id, p in people.items() if Role.CARER in p.contact.roles],
            shared_urns=[key for key, phone in loaded.phones.items() if phone.shared],
            handovers=[p.contact.handover_id for p in people.values() if p.contact.handover_id is not None],
            codes=codes,
        )
        if not around:
            return Circle()
        circle = await load_circle(tx, self._vault, around)
        charges = {c.contact_id for several in circle.charges.values() for c in several}
        await load_more(tx, self._vault, loaded, charges.union(*circle.sharers.values()))
        await load_addresses(tx, circle, charges)
        return circle


def where(error: BaseException | None) -> dict[str, str]:
    """What a log may say of an error: its kind and its place in our code. Its text may hold people's words."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "at": place}
