"""Messages on their way: claimed for sending, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy import insert as sa_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import URN
from domain.message import RANK, DeliveryReport, MessageClass, OutgoingMessage, Status
from store import tables as t
from store.bulk import delete, fetch, insert, update
from store.changes import Queued
from store.database import Database, HotTransaction
from store.times import from_ms, to_ms
from store.turns import BLOCK_URNS, CANCEL_FOR_URN, message_to_seal, opened_message
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try to send. `send_after` (ms) is when to try again, for `errored` and `queued`; for
    `unknown`, when the provider's log has had time to show the message.
    `blocked`: the address takes nothing more from us; `unreachable`: because nobody is there. `alert`: what the
    team must see about our credentials. `tried`: the address (its key) that the provider was just asked to write to,
    where other processes must know.
    """

    message_id: int
    contact_id: int
    status: Status
    external_id: str | None = None
    error: str | None = None
    segments: int | None = None
    send_after: int = 0
    blocked: bool = False
    unreachable: bool = False
    alert: str = ""
    tried: int | None = None


def _lower(status: Status) -> str:
    """The statuses from which a message may come to this one, as SQL: never down, never out of a final one."""
    names = ", ".join(f"'{s.value}'" for s in Status if RANK[s] < RANK[status])
    return f"status IN ({names})"


_REPORTABLE = (Status.SENT, Status.DELIVERED, Status.FAILED, Status.EXPIRED)
_REPORT_BY_ID = {
    status: update(t.outbox, ("status", "error", "external_id", "sent_at"), only=_lower(status))
    for status in _REPORTABLE
}
_REPORT_BY_EXTERNAL_ID = {
    status: update(t.outbox, ("status", "error"), key="external_id", only=_lower(status)) for status in _REPORTABLE
}
_EARLY = insert(t.early_receipts, ("external_id", "status", "error", "at"), update_on=("external_id",))
_DROP_EARLY = delete(t.early_receipts, key="external_id")
_ALERT = insert(t.alerts, ("id", "kind", "contact_id", "detail", "created_at"))
_ALERT_WHERE = insert(t.alerts, ("id", "kind", "contact_id", "detail", "urn_key", "channel", "created_at"))
#: With the last that came from there: who has written since a message was made can be reached, whatever its receipt.
_FAILING = (
    ", contact_id, urn_key, channel, created_at, (SELECT MAX(inbox.received_at) FROM inbox"
    " WHERE inbox.contact_id = outbox.contact_id AND inbox.urn_key = outbox.urn_key) FROM outbox"
)
_FAILING_BY_ID = f"SELECT id{_FAILING} WHERE id {{keys}} AND {_lower(Status.FAILED)}"
_FAILING_BY_NAME = f"SELECT external_id{_FAILING} WHERE external_id {{keys}} AND {_lower(Status.FAILED)}"
_BLOCKED = "SELECT key, blocked_at FROM urns WHERE key {keys}"
_KNOWN = "SELECT external_id FROM outbox WHERE external_id {keys}"
_EARLY_FOR = "SELECT external_id, status, error FROM early_receipts WHERE external_id {keys}"


async def report(tx: HotTransaction, reports: Sequence[DeliveryReport], now_ms: int, ids: Callable[[], int]) -> None:
    """Apply what a provider says became of our messages, in whatever order it says so.

    A report that overtook our own note of the message's name is kept until that note is made. Somebody
    of the team sees what did not arrive.
    """
    failed = [r for r in reports if r.status in (Status.FAILED, Status.EXPIRED)]
    if failed:
        by_id, by_name = await tx.fetch(
            fetch(_FAILING_BY_ID, [r.message_id for r in failed if r.message_id is not None]),
            fetch(_FAILING_BY_NAME, [r.external_id for r in failed if r.message_id is None]),
        )
        by_key = {r.external_id if r.message_id is None else r.message_id: r for r in failed}
        people: dict[int, str] = {}
        lost: dict[int, Lost] = {}
        for key, contact_id, urn_key, channel, created_at, heard_at in (*by_id, *by_name):
            r = by_key[key]
            detail = (r.error_code or r.status.value)[:80]
            if r.unreachable and (heard_at is None or heard_at <= created_at):
                lost[urn_key] = Lost(contact_id, channel, detail)
            else:
                people[contact_id] = detail
        tx.write(_ALERT, [(ids(), "not_sent", i, detail, now_ms) for i, detail in people.items()])
        await _give_up_on(tx, lost, now_ms, [ids() for _ in lost])
    unnamed = [r for r in reports if r.message_id is None]
    if unnamed:
        names = [r.external_id for r in unnamed]
        known, kept = await tx.fetch(fetch(_KNOWN, names), fetch(_EARLY_FOR, names))
        early = _highest(unnamed, {name: Status(status) for name, status, _ in kept})
        for (name,) in known:
            early.pop(name, None)
        tx.write(_EARLY, [(r.external_id, r.status.value, r.error_code, now_ms) for r in early.values()])
    for status in _REPORTABLE:
        of_status = [r for r in reports if r.status is status]
        tx.write(
            _REPORT_BY_ID[status],
            [
                (r.status.value, r.error_code, r.external_id, now_ms, r.message_id)
                for r in of_status
                if r.message_id is not None
            ],
        )
        tx.write(
            _REPORT_BY_EXTERNAL_ID[status],
            [(r.status.value, r.error_code, r.external_id) for r in of_status if r.message_id is None],
        )


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody whose address takes nothing more: of which channel, and why."""

    contact_id: int
    channel: str
    why: str


async def _give_up_on(tx: HotTransaction, lost: Mapping[int, Lost], now_ms: int, ids: Sequence[int]) -> None:
    """Nothing more goes to these addresses (by their keys) until somebody writes from there, and what waits for them
    is cancelled. The team sees it once.
    """
    if not lost:
        return
    (known,) = await tx.fetch(fetch(_BLOCKED, sorted(lost)))
    new = [key for key, blocked_at in known if blocked_at is None]
    tx.write(BLOCK_URNS, [(now_ms, key) for key in new])
    tx.write(CANCEL_FOR_URN, [(Status.CANCELLED.value, one.contact_id, key) for key, one in lost.items()])
    tx.write(
        _ALERT_WHERE,
        [
            (id, "unreachable", one.contact_id, f"{one.channel} {one.why}"[:80], key, one.channel, now_ms)
            for id, key, one in zip(ids, new, [lost[key] for key in new], strict=False)
        ],
    )


def _highest(reports: Sequence[DeliveryReport], kept: Mapping[str, Status]) -> dict[str, DeliveryReport]:
    """For each of the provider's names the report that says most, where it says more than the one kept."""
    found: dict[str, DeliveryReport] = {}
    said = dict(kept)
    for one in reports:
        if one.external_id not in said or RANK[one.status] > RANK[said[one.external_id]]:
            said[one.external_id] = one.status
            found[one.external_id] = one
    return found


_CLAIM_COLUMNS = (
    "id, contact_id, urn_key, channel, message_class, sealed, attempts, expires_at, created_at, edits,"
    " (SELECT edited.external_id FROM outbox AS edited WHERE edited.id = outbox.edits)"
)
_HOURS = "(SELECT contacts.hours FROM contacts WHERE contacts.id = outbox.contact_id)"
#: As the indexes of unfinished messages say it: SQLite uses one only where the statement has the same words.
_UNFINISHED = "status IN ('queued', 'errored', 'sending', 'unknown')"
_UNDER_WAY = "status IN ('sending', 'unknown')"
#: The messages of one class that may go, those first that have been due longest; read from the index, one by one, so
#: that a hundred thousand that wait cost no more than ten. Of each address's messages only the first unfinished one
#: may go, and none beside one that is under way: order is kept, one that failed is tried again before the next, and
#: an uncertain one is cleared up before it. What waits for the morning holds nothing up, and nothing less urgent holds
#: up what is more. (The inner SELECT is a value and no EXISTS, or PostgreSQL would join all with all.)
_CLAIM = (
    f"SELECT {_CLAIM_COLUMNS}, {_HOURS} FROM outbox WHERE channel = {{value}} AND message_class = {{value}}"
    f" AND send_after <= {{value}} AND {_UNFINISHED} AND status IN ('queued', 'errored') AND (SELECT TRUE"
    f" FROM outbox AS other WHERE other.urn_key = outbox.urn_key AND other.{_UNFINISHED}"
    " AND other.channel = outbox.channel AND (other.status IN ('sending', 'unknown')"
    " OR other.id < outbox.id AND other.message_class <= outbox.message_class"
    " AND (other.status = 'errored' OR other.status = 'queued' AND other.send_after <= {value})) LIMIT 1) IS NOT TRUE"
    " ORDER BY send_after, id LIMIT {value}"
)
_MARK_SENDING = update(t.outbox, ("status", "claimed_until", "attempts"))
_MARK_EXPIRED = update(t.outbox, ("status",), only="status IN ('queued', 'errored')")
_MARK_CANCELLED = update(t.outbox, ("status",))
#: What it waits for now are somebody's hours; a provider's "wait" that stood there would be taken for one until then.
_MARK_LATER = update(t.outbox, ("send_after", "error"))
_MARK_FAILED = update(t.outbox, ("status", "error"))
_ADDRESSES = "SELECT key, contact_id, sealed, blocked_at, written_at FROM urns WHERE key {keys}"

#: When a message of that class to somebody with those hours, worth sending until then, may go; None: now.
Later = Callable[[MessageClass, str, datetime], datetime | None]


def _any_time(message_class: MessageClass, hours: str, expires_at: datetime) -> None:
    """Whoever did not say which hours suit them may have a message at any time."""


async def claim(
    database: Database,
    vault: Vault,
    ids: Callable[[], int],
    channel: str,
    now_ms: int,
    lease_ms: int,
    limit: int,
    *,
    quiet: bool,
    holiday: bool = False,
    later: Later = _any_time,
    claiming: Callable[[Sequence[int]], None] = lambda ids: None,
) -> list[OutgoingMessage]:
    """Take up to `limit` messages of the channel for sending, the most urgent first; `quiet`: only those that ignore
    quiet hours, `holiday`: no invitation or newsletter; what else waits for the day after was told to when it was
    queued. `later` says what waits for somebody's own hours.

    What has outlived its use is marked expired instead, and a coordinator told; what nobody asked for just now and an
    address would not take is cancelled; what has no address any more has failed. A claim lapses after `lease_ms`.
    `claiming` is told the messages' ids before the COMMIT, whose answer may get lost.
    """
    taken: list[OutgoingMessage] = []
    for _ in range(_ROUNDS):
        try:
            some, aside = await _claim_some(
                database,
                vault,
                ids,
                channel,
                now_ms,
                lease_ms,
                limit - len(taken),
                quiet=quiet,
                holiday=holiday,
                later=later,
                claiming=claiming,
            )
        except Exception:  # the store went away: those taken before it are to be sent all the same
            if not taken:
                raise
            break
        taken += some
        if not aside or len(taken) >= limit:
            break
    return taken


#: So often claiming goes on behind messages that may not go; a second's worth at most.
_ROUNDS = 50


async def _claim_some(
    database: Database,
    vault: Vault,
    ids: Callable[[], int],
    channel: str,
    now_ms: int,
    lease_ms: int,
    limit: int,
    *,
    quiet: bool,
    holiday: bool,
    later: Later,
    claiming: Callable[[Sequence[int]], None],
) -> tuple[list[OutgoingMessage], int]:
    """What may go of the first few, and how many of those may not."""
    highest = MessageClass.REPLY if quiet else MessageClass.REMINDER if holiday else MessageClass.NEWSLETTER
    classes = [kind for kind in MessageClass if kind <= highest]
    async with database.hot() as tx:
        found = await tx.fetch(
            *(
                fetch(_CLAIM, channel, int(kind), now_ms, now_ms, limit, locking=" FOR UPDATE SKIP LOCKED")
                for kind in classes
            )
        )
        rows = [row for of_class in found for row in of_class]
        if not rows:
            return [], 0
        first: dict[int, Sequence[Any]] = {}  # by address: a reply and a reminder do not go at the same time
        for row in rows:
            first.setdefault(row[2], row)
        rows = list(first.values())[:limit]
        late = [row for row in rows if row[7] <= now_ms]
        tx.write(_MARK_EXPIRED, [(Status.EXPIRED.value, row[0]) for row in late])
        tx.write(_ALERT, [(ids(), "not_sent", row[1], "expired", now_ms) for row in late])
        live = [row for row in rows if row[7] > now_ms]
        waiting = {
            row[0]: at
            for row in live
            if row[11] and (at := later(MessageClass(row[4]), row[11], from_ms(row[7]))) is not None
        }
        tx.write(_MARK_LATER, [(to_ms(at), None, id) for id, at in waiting.items()])
        live = [row for row in live if row[0] not in waiting]
        (urns,) = await tx.fetch(fetch(_ADDRESSES, sorted({row[2] for row in live})))
        addresses = {key: (contact_id, sealed, written_at) for key, contact_id, sealed, _, written_at in urns}
        shut = {key for key, _, _, blocked_at, _ in urns if blocked_at is not None}
        unwanted = {row[0] for row in live if row[2] in shut and MessageClass(row[4]).waits_for_morning}
        tx.write(_MARK_CANCELLED, [(Status.CANCELLED.value, id) for id in unwanted])
        lost = [row for row in live if row[2] not in addresses]
        tx.write(_MARK_FAILED, [(Status.FAILED.value, "no address", row[0]) for row in lost])
        tx.write(_ALERT, [(ids(), "not_sent", row[1], "no address", now_ms) for row in lost])
        live = [row for row in live if row[0] not in unwanted and row[2] in addresses]
        claiming([row[0] for row in live])
        tx.write(_MARK_SENDING, [(Status.SENDING.value, now_ms + lease_ms, row[6] + 1, row[0]) for row in live])
    return [_outgoing(vault, row[:11], addresses[row[2]]) for row in live], len(rows) - len(live)


_GIVE_BACK = update(t.outbox, ("status",), also_key="claimed_until", only="status = 'sending'")


async def give_back(database: Database, claims: Mapping[int, int]) -> None:
    """Let go of messages (by their ids: when our claims would end, in ms) that were never begun to be sent, as the
    answer to our COMMIT was lost. Where the claim is not ours nothing is done. Without it each would look, a while
    later, as if it had perhaps been sent.
    """
    if claims:
        async with database.hot() as tx:
            tx.write(_GIVE_BACK, [(Status.QUEUED.value, id, until) for id, until in claims.items()])


def _outgoing(vault: Vault, row: Sequence[Any], address: tuple[int, bytes, int]) -> OutgoingMessage:
    id, contact_id, urn_key, channel, message_class, sealed, attempts, expires_at, created_at, edits, edited = row
    text, buttons, attachment = opened_message(vault.open(sealed, contact_id))
    owner, sealed_urn, written_at = address
    return OutgoingMessage(
        id=id,
        channel=channel,
        contact_id=contact_id,
        urn=URN.parse(vault.open(sealed_urn, owner).decode()),
        text=text,
        message_class=MessageClass(message_class),
        attempts=attempts + 1,
        valid_until=from_ms(expires_at),
        buttons=buttons,
        edits=None if edits is None else edited or "",
        created_at=from_ms(created_at),
        attachment=attachment,
        urn_key=urn_key,
        written_at=from_ms(written_at) if written_at else None,
    )


_URN_OF = "SELECT id, urn_key, contact_id, channel FROM outbox WHERE id {keys}"
#: Our note never takes back what a receipt has said already.
_NOTE_SENT = update(
    t.outbox,
    ("status", "external_id", "segments", "sent_at"),
    only="status IN ('sending', 'unknown', 'errored', 'queued')",
)
_NOTE_NAME = update(t.outbox, ("external_id", "segments"))
_NOTE_OTHER = update(t.outbox, ("status", "error", "send_after"), only="status = 'sending'")
_WRITTEN_AT = update(t.urns, ("written_at",), key="key")
#: Two replicas may have looked the same message up: the second finds it cleared.
_NOTE_CLEARED = update(t.outbox, ("status", "error", "send_after"), only="status = 'unknown'")


async def note(
    database: Database, outcomes: Sequence[Outcome], now_ms: int, ids: Sequence[int], *, cleared: bool = False
) -> None:
    """Write down what became of the tries; `ids` has one id for each outcome, for its alert. `cleared`: these
    were uncertain, and have been looked up.
    """
    sent = [o for o in outcomes if o.status is Status.SENT]
    names = [o.external_id for o in sent if o.external_id is not None]
    tried = sorted({o.tried for o in outcomes if o.tried is not None})
    async with database.hot() as tx:
        (early,) = await tx.fetch(fetch(_EARLY_FOR, names)) if names else ([],)
        tx.write(_WRITTEN_AT, [(now_ms, key) for key in tried])  # first: who writes to us is locked before the outbox
        tx.write(_NOTE_SENT, [(o.status.value, o.external_id, o.segments, now_ms, o.message_id) for o in sent])
        tx.write(_NOTE_NAME, [(o.external_id, o.segments, o.message_id) for o in sent])
        tx.write(
            _NOTE_CLEARED if cleared else _NOTE_OTHER,
            [(o.status.value, o.error, o.send_after, o.message_id) for o in outcomes if o.status is not Status.SENT],
        )
        tx.write(
            _ALERT,
            [
                (id, "misconfigured", None, o.alert, now_ms)
                if o.alert
                else (id, "not_sent", o.contact_id, (o.error or "")[:80], now_ms)
                for id, o in zip(ids, outcomes, strict=True)
                if o.alert or (o.status in (Status.FAILED, Status.EXPIRED) and not o.unreachable)
            ],
        )
        blocked = {o.message_id: o for o in outcomes if o.blocked}
        if blocked:
            (rows,) = await tx.fetch(fetch(_URN_OF, sorted(blocked)))
            addresses = {key: contact for id, key, contact, _ in rows if not blocked[id].unreachable}
            tx.write(BLOCK_URNS, [(now_ms, key) for key in addresses])
            tx.write(CANCEL_FOR_URN, [(Status.CANCELLED.value, contact, key) for key, contact in addresses.items()])
            lost = {
                key: Lost(contact, channel, blocked[id].error or "")
                for id, key, contact, channel in rows
                if blocked[id].unreachable
            }
            await _give_up_on(tx, lost, now_ms, [id for id, o in zip(ids, outcomes, strict=True) if o.unreachable])
        for status in _REPORTABLE:
            tx.write(
                _REPORT_BY_EXTERNAL_ID[status],
                [(s, error, name) for name, s, error in early if s == status.value],
            )
        tx.write(_DROP_EARLY, [(name,) for name, _, _ in early])


async def named(database: Database, external_ids: Sequence[str]) -> frozenset[str]:
    """Those of the provider's names that we have already noted for some message."""
    if not external_ids:
        return frozenset()
    async with database.hot() as tx:
        (rows,) = await tx.fetch(fetch(_KNOWN, list(external_ids)))
    return frozenset(name for (name,) in rows)


_LAPSED = (
    f"SELECT id, claimed_until FROM outbox WHERE {_UNDER_WAY} AND status = 'sending' AND claimed_until <= {{value}}"
    " AND channel = {value}"
)
_MARK_UNKNOWN = update(t.outbox, ("status", "send_after"), only="status = 'sending'")
_UNKNOWN = (
    f"SELECT {_CLAIM_COLUMNS}, send_after FROM outbox WHERE {_UNDER_WAY} AND status = 'unknown'"
    " AND channel = {value} LIMIT 100"  # in no order, or PostgreSQL would walk all there ever were in it
)
_WAITING = "SELECT id FROM outbox WHERE id {keys} AND status IN ('queued', 'errored')"


async def lapse(database: Database, channel: str, now_ms: int, settling_ms: int = 0) -> int:
    """Messages whose claim has lapsed may have gone or not: mark them unknown. So long after the claim's end a
    provider's log that does not show one means that it was not sent. Returns how many.
    """
    async with database.hot() as tx:
        (rows,) = await tx.fetch(fetch(_LAPSED, now_ms, channel, locking=" FOR UPDATE SKIP LOCKED"))
        tx.write(_MARK_UNKNOWN, [("unknown", until + settling_ms, id) for id, until in rows])
        return len(rows)


async def expire(database: Database, ids: Callable[[], int], channel: str, now_ms: int) -> int:
    """Mark what has outlived its use, and tell the team, though nothing may be sent just now. Returns how many."""
    o = t.outbox.c
    expired = select(o.id, o.contact_id).where(
        text(_UNFINISHED), o.status.in_(("queued", "errored")), o.expires_at <= now_ms, o.channel == channel
    )
    async with database.read() as connection:  # it looks at all that wait, and must hold nobody up
        rows = (await connection.execute(expired.limit(1000))).all()
    if rows:
        async with database.hot() as tx:
            (still,) = await tx.fetch(fetch(_WAITING, [id for id, _ in rows], locking=" FOR UPDATE SKIP LOCKED"))
            waiting = {id for (id,) in still}
            rows = [row for row in rows if row[0] in waiting]
            tx.write(_MARK_EXPIRED, [(Status.EXPIRED.value, id) for id, _ in rows])
            tx.write(_ALERT, [(ids(), "not_sent", contact_id, "expired", now_ms) for _, contact_id in rows])
    return len(rows)


async def waits_until(database: Database, channel: str, codes: Sequence[str], now_ms: int) -> int | None:
    """Until when (ms) a provider last said to wait, as its refusals have it; None: it did not, or it is over."""
    o = t.outbox.c
    latest = select(func.max(o.send_after)).where(
        text(_UNFINISHED), o.status == "errored", o.error.in_(codes), o.send_after > now_ms, o.channel == channel
    )
    async with database.read() as connection:
        found: int | None = (await connection.execute(latest)).scalar_one()
    return found


_RENEW = update(t.outbox, ("claimed_until",), only="status = 'sending'")


async def renew(database: Database, ids: Sequence[int], until_ms: int) -> None:
    """Hold the claims on messages that are still being sent."""
    if ids:
        async with database.hot() as tx:
            tx.write(_RENEW, [(until_ms, id) for id in ids])


async def unknown(database: Database, vault: Vault, channel: str) -> list[tuple[OutgoingMessage, datetime]]:
    """The channel's messages that were perhaps sent, the oldest first; each with when a provider's log that does not
    show it means that it was not.
    """
    async with database.hot() as tx:
        (rows,) = await tx.fetch(fetch(_UNKNOWN, channel))
        (urns,) = await tx.fetch(fetch(_ADDRESSES, sorted({row[2] for row in rows})))
    addresses = {key: (contact_id, sealed, written_at) for key, contact_id, sealed, _, written_at in urns}
    known = [row for row in sorted(rows, key=itemgetter(0)) if row[2] in addresses]
    return [(_outgoing(vault, row[:11], addresses[row[2]]), from_ms(row[11])) for row in known]


async def queue(connection: AsyncConnection, vault: Vault, message: Queued, now_ms: int) -> None:
    """One message, from outside the hot path."""
    sealed = vault.seal(message_to_seal(message), message.contact_id)
    await connection.execute(
        sa_insert(t.outbox).values(
            id=message.id,
            key=message.key,
            contact_id=message.contact_id,
            urn_key=message.urn_key,
            channel=message.channel,
            message_class=int(message.message_class),
            status=Status.QUEUED.value,
            sealed=sealed,
            send_after=message.send_after,
            expires_at=message.expires_at,
            created_at=now_ms,
        )
    )


async def unfinished(connection: AsyncConnection, contact_id: int) -> bool:
    """Whether anything for them is still on its way."""
    o = t.outbox.c
    waiting = select(o.id).where(o.contact_id == contact_id, o.status.in_(("queued", "errored", "sending", "unknown")))
    return (await connection.execute(waiting.limit(1))).first() is not None
