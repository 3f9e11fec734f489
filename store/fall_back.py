"""Messages that did not arrive, once more to another address of the same person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ids import earlier
from domain.message import MessageClass, Status
from domain.sms import prepare
from store import outbox
from store import tables as t
from store.changes import Queued
from store.database import Database
from store.times import to_ms
from store.turns import opened_message
from store.vault import Vault

#: After so long without a receipt, or without having been tried at all, a message is late; and after so many tries,
#: which take about as long.
LATE = {MessageClass.CRISIS: timedelta(minutes=5), MessageClass.REMINDER: timedelta(hours=1)}
TRIES = {MessageClass.CRISIS: 5, MessageClass.REMINDER: 7}
#: Nothing of these classes is worth sending for longer.
_WORTH = timedelta(days=3)
#: The person wants nothing more there, so they are not followed elsewhere; or it may have arrived after all.
_NOT_FOLLOWED = ("21610", "403", "perhaps sent")
_CHANNELS = {"tel": "sms", "telegram": "telegram"}
_AGAIN = "/again"
_LONGEST_KEY = 80
_o, _u = t.outbox.c, t.urns.c


@dataclass(frozen=True, slots=True)
class Stuck:
    """A message that did not arrive, where it was to go."""

    id: int
    key: str
    contact_id: int
    urn_key: int
    channel: str
    message_class: int
    status: str
    sealed: bytes
    expires_at: int


async def fall_back(
    database: Database,
    vault: Vault,
    ids: Callable[[], int],
    channels: Collection[str],
    now: datetime,
    *,
    receipts: bool,
) -> int:
    """Queue each crisis text and reminder that failed, or is late, on another of the person's addresses, one of
    `channels`; returns how many. Never twice, never for who has written since, stopped or blocked us, and never to a
    phone that others use. `receipts`: providers tell us what was delivered.
    """
    queued = 0
    for one in await _stuck(database, ids(), now, receipts=receipts):
        async with database.begin() as connection:
            queued += await _queue_again(connection, vault, ids(), one, channels, now)
    return queued


async def _stuck(database: Database, newest: int, now: datetime, *, receipts: bool) -> list[Stuck]:
    again = t.outbox.alias("again")
    columns = (_o.id, _o.key, _o.contact_id, _o.urn_key, _o.channel, _o.message_class, _o.status, _o.sealed)
    since = earlier(newest, _WORTH)
    late: list[ColumnElement[bool]] = []
    for kind, period in LATE.items():
        before = to_ms(now - period)
        waits = and_(_o.status.in_(("queued", "errored")), or_(_o.send_after <= before, _o.attempts >= TRIES[kind]))
        silent = and_(_o.status == "sent", _o.channel == "sms", _o.sent_at <= before) if receipts else false()
        late.append(and_(_o.message_class == int(kind), or_(waits, silent)))
    statement = (
        select(*columns, _o.expires_at)
        .where(
            _o.id >= since,
            _o.message_class.in_([int(kind) for kind in LATE]),
            _o.expires_at > to_ms(now),
            _o.edits.is_(None),
            _o.key.not_like(f"%{_AGAIN}"),
            func.length(_o.key) <= _LONGEST_KEY - len(_AGAIN),
            or_(and_(_o.status == "failed", func.coalesce(_o.error, "").not_in(_NOT_FOLLOWED)), *late),
            not_(exists().where(again.c.key == _o.key + literal(_AGAIN))),
            _has_another_address(),
            not_(exists().where(t.inbox.c.contact_id == _o.contact_id, t.inbox.c.received_at > _o.created_at)),
        )
        .order_by(_o.message_class, _o.id)
        .limit(200)
    )
    async with database.read() as connection:
        found = [Stuck(*row) for row in await connection.execute(statement)]
        if any(one.status == Status.SENT for one in found) and not await _receipts_come(connection, since):
            found = [one for one in found if one.status != Status.SENT]
    return found


def _has_another_address() -> ColumnElement[bool]:
    return exists().where(_u.contact_id == _o.contact_id, _u.key != _o.urn_key, _u.blocked_at.is_(None))


async def _receipts_come(connection: AsyncConnection, since: int) -> bool:
    """Where none has come for any text, it is the receipts that do not arrive."""
    delivered = select(_o.id).where(_o.id >= since, _o.channel == "sms", _o.status == "delivered").limit(1)
    return (await connection.execute(delivered)).first() is not None


async def _queue_again(
    connection: AsyncConnection, vault: Vault, id: int, one: Stuck, channels: Collection[str], now: datetime
) -> bool:
    found = await _other_address(connection, one, channels, now)
    if found is None:
        return False
    urn_key, channel = found
    if one.status in (Status.QUEUED, Status.ERRORED):
        still = _o.status.in_(("queued", "errored"))
        gone = await connection.execute(
            update(t.outbox).where(_o.id == one.id, still).values(status=Status.CANCELLED.value)
        )
        if not gone.rowcount:  # it is being sent just now
            return False
    text = _in_words(vault.open(one.sealed, one.contact_id))
    message = Queued(
        id,
        one.key + _AGAIN,
        one.contact_id,
        urn_key,
        channel,
        MessageClass(one.message_class),
        prepare(text) if channel == "sms" else text,
        "",
        (),
        to_ms(now),
        one.expires_at,
    )
    await outbox.queue(connection, vault, message, to_ms(now))
    await _move(connection, one, {"urn_key": urn_key, "channel": channel})
    return True


async def _other_address(
    connection: AsyncConnection, one: Stuck, channels: Collection[str], now: datetime
) -> tuple[int, str] | None:
    """Another channel before another phone: where the account is ill, that would not help."""
    c = t.contacts.c
    lent = and_(_u.voice_id.is_not(None), _u.voice_until > to_ms(now))
    rows = await connection.execute(
        select(_u.key, _u.scheme)
        .join(t.contacts, c.id == _u.contact_id)
        .where(_u.contact_id == one.contact_id, _u.key != one.urn_key, c.stopped_at.is_(None))
        .where(_u.blocked_at.is_(None), _u.shared.is_(False), not_(lent))
        .order_by(_u.created_at)
    )
    others = [(key, _CHANNELS.get(scheme, scheme)) for key, scheme in rows]
    others = [(key, channel) for key, channel in others if channel in channels]
    if one.status in (Status.QUEUED, Status.ERRORED):
        others = [(key, channel) for key, channel in others if channel != one.channel]
    return min(others, key=lambda other: other[1] == one.channel, default=None)


def _in_words(sealed: bytes) -> str:
    """The text, with what its buttons said as numbered answers, as for a phone that types."""
    text, rows, _ = opened_message(sealed)
    buttons = [(label, int(token.rpartition(".")[2])) for row in rows for label, token in row]
    if all(label.isdigit() for label, _ in buttons):  # a scale says itself what to reply
        return text
    return "\n".join([text, *(f"{option + 1} {label}" for label, option in buttons if option >= 0)])


async def _move(connection: AsyncConnection, one: Stuck, to: Mapping[str, int | str]) -> None:
    """Where an address takes nothing more, what is to come of their places goes to the other as well."""
    shut = select(_u.key).where(_u.key == one.urn_key, _u.blocked_at.is_not(None))
    if (await connection.execute(shut)).first() is None:
        return
    for table in (t.bookings, t.fires):
        theirs = and_(table.c.contact_id == one.contact_id, table.c.urn_key == one.urn_key)
        if table is t.fires:
            theirs = and_(theirs, table.c.kind != "wait")  # that is the talk's own
        await connection.execute(update(table).where(theirs).values(**to))
