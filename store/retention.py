"""How long each kind of row is kept; and deleting, a thousand rows at a time, what has had its time.

Why each period is what it is stands in docs/howto/rights-and-retention.md.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call_list import Outcome
from domain.contact import Role
from domain.places import LIVE
from store import erasure, people
from store import tables as t
from store.database import Database
from store.times import to_ms
from store.vault import Vault

#: So many rows go in one transaction: others who want to write wait for one of these, never for all.
CHUNK = 1000
#: What is sealed of no words at all: version, nonce and tag (see `vault`).
_BLANK_BYTES = 29
_UNFINISHED = ("queued", "errored", "sending", "unknown")


@dataclass(frozen=True, slots=True)
class Periods:
    """In calendar months; 0 is "as soon as it is over". What is not named here is kept as long as its contact."""

    messages: int = 12
    sessions: int = 12
    answers: int = 72
    alerts: int = 24
    carers: int = 24
    codes: int = 0
    silent_people: int = 36

    def before(self, kind: str, now: datetime) -> int:
        """What of a kind is older than this (ms) has had its time."""
        return to_ms(_months_before(now, getattr(self, kind)))


def _months_before(now: datetime, months: int) -> datetime:
    """A month before the 31st is the last day of a shorter month."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return now.replace(year=year, month=month + 1, day=min(now.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows of one kind. Their time counts from `since`; `over`: what must be so as well before they go."""

    kind: str
    table: Table
    since: Column[Any]
    over: tuple[ColumnElement[bool], ...] = ()

    @property
    def key(self) -> Column[Any]:
        return next(iter(self.table.primary_key))


_later = t.inbox.alias("later")
_numbered = t.alerts.alias("numbered")
#: Their last word stays until they write again, or are forgotten, but blank: it tells how long they have been silent.
_NOT_THEIR_LAST = exists().where(_later.c.contact_id == t.inbox.c.contact_id, _later.c.id > t.inbox.c.id)
_NOBODY_IS_IN_IT = not_(
    exists().where(
        t.contacts.c.id == t.sessions.c.contact_id,
        or_(t.contacts.c.session_id == t.sessions.c.id, t.contacts.c.suspended_id == t.sessions.c.id),
    )
)
_NO_ANSWERS = not_(exists().where(t.answers.c.session_id == t.sessions.c.id))
#: The next alert is one higher than the highest: that one stays, so that no number is given twice.
_NOT_THE_HIGHEST = or_(
    t.alerts.c.number.is_(None), t.alerts.c.number < select(func.max(_numbered.c.number)).scalar_subquery()
)
#: Sessions after answers: they go with the last of theirs. Who asked us to stop calling is not called after it was
#: forgotten: that stays with the person.
KEPT: tuple[Kept, ...] = (
    Kept("messages", t.inbox, t.inbox.c.received_at, (_NOT_THEIR_LAST,)),
    Kept("messages", t.outbox, t.outbox.c.created_at, (t.outbox.c.status.not_in(_UNFINISHED),)),
    Kept("answers", t.answers, t.answers.c.answered_at, (t.answers.c.exported_at.is_not(None),)),
    Kept("sessions", t.sessions, t.sessions.c.heard_at, (_NOBODY_IS_IN_IT, _NO_ANSWERS)),
    Kept("alerts", t.alerts, t.alerts.c.done_at, (_NOT_THE_HIGHEST,)),
    Kept("alerts", t.calls, t.calls.c.at, (t.calls.c.outcome != Outcome.NO_MORE_CALLS.value,)),
    Kept("carers", t.carers, t.carers.c.ended_at),
    Kept("codes", t.codes, t.codes.c.expires_at),
    Kept("messages", t.tasks, t.tasks.c.due_at),
    Kept("answers", t.newsletter_told, t.newsletter_told.c.at),
)


@dataclass(frozen=True, slots=True)
class Tidied:
    """What went: rows by table, words that were blanked, people who were erased."""

    rows: dict[str, int]
    blanked: int
    people: int

    @property
    def anything(self) -> bool:
        return bool(self.blanked or self.people or any(self.rows.values()))


async def tidy(
    database: Database,
    vault: Vault,
    ids: Callable[[], int],
    reference: Callable[[], str],
    periods: Periods,
    now: datetime,
) -> Tidied:
    """Delete all that has had its time. Run twice, also at once, it does nothing more; cut off, the next run goes on.

    `reference` names an erasure, as where somebody asks for it.
    """
    erased = await _forget_the_silent(database, vault, ids, reference, periods, now)
    rows: dict[str, int] = {}
    for kept in KEPT:
        before = periods.before(kept.kind, now)
        conditions = (kept.since.is_not(None), kept.since <= before, *kept.over)
        rows[kept.table.name] = await _delete(database, kept.table, kept.key, conditions)
    for table in erasure.THEIRS:  # what was under way about somebody in the moment they were erased
        of = table.c.contact_id
        conditions = (of.is_not(None), of != 0, not_(exists().where(t.contacts.c.id == of)))
        key = next(iter(table.primary_key))
        rows[table.name] = rows.get(table.name, 0) + await _delete(database, table, key, conditions)
    blanked = await _blank_last_words(database, vault, periods.before("messages", now))
    for table in (t.bookings, t.duties):
        blanked += await _blank_after_events(database, table, periods.before("messages", now))
    tidied = Tidied(rows, blanked, erased)
    if erased:
        await erasure.scrub(database)
    elif tidied.anything:
        await database.scrub()
    return tidied


async def _delete(database: Database, table: Table, key: Column[Any], conditions: Sequence[ColumnElement[bool]]) -> int:
    """The rows are looked for without holding anybody up, and looked at once more when they are deleted."""
    gone = 0
    while True:
        async with database.read() as connection:
            found = (await connection.execute(select(key).where(*conditions).limit(CHUNK))).scalars().all()
        if found:
            async with database.begin() as connection:
                deleted = await connection.execute(delete(table).where(key.in_(found), *conditions))
            gone += deleted.rowcount
        if len(found) < CHUNK:
            return gone


_BLANK = (
    update(t.inbox)
    .where(t.inbox.c.id == bindparam("row"), t.inbox.c.contact_id == bindparam("whose"))
    .values(sealed=bindparam("blank"))
)


async def _blank_last_words(database: Database, vault: Vault, before: int) -> int:
    i, blanked = t.inbox.c, 0
    while True:
        old = select(i.id, i.contact_id).where(i.received_at <= before, func.length(i.sealed) > _BLANK_BYTES)
        async with database.read() as connection:
            found = (await connection.execute(old.limit(CHUNK))).all()
        rows = [{"row": id, "whose": whose, "blank": vault.seal(b"", whose)} for id, whose in found]
        if rows:
            async with database.begin() as connection:
                await connection.execute(_BLANK, rows)
        blanked += len(rows)
        if len(rows) < CHUNK:
            return blanked


async def _blank_after_events(database: Database, table: Table, before: int) -> int:
    """Why somebody did not come, and what they noted as a facilitator: the rows stay, which tell what they were at."""
    key, blanked = tuple(table.primary_key), 0
    over = exists().where(t.events.c.id == table.c.event_id, t.events.c.ends_at <= before)
    while True:
        async with database.read() as connection:
            old = select(*key).where(table.c.sealed.is_not(None), over).limit(CHUNK)
            found = [tuple(row) for row in await connection.execute(old)]
        if found:
            async with database.begin() as connection:
                those = update(table).where(tuple_(*key).in_(found), over)
                blanked += (await connection.execute(those.values(sealed=None))).rowcount
        if len(found) < CHUNK:
            return blanked


def _silent(before: int) -> ColumnElement[bool]:
    """Who has not written since, is in no team, cares for nobody, waits for nobody, agrees to nothing now, and had no
    place and nothing to do at an event since. Who told us to stop gets nothing either, whatever they agreed to before.
    """
    c, i, k, a = t.contacts.c, t.inbox.c, t.carers.c, t.alerts.c
    b, d, e = t.bookings.c, t.duties.c, t.events.c
    return and_(
        c.created_at <= before,
        or_(c.consents == "", c.stopped_at.is_not(None)),
        not_(c.roles.contains(Role.COORDINATOR.value)),
        not_(c.roles.contains(Role.FACILITATOR.value)),
        not_(exists().where(t.staff.c.contact_id == c.id)),
        not_(exists().where(i.contact_id == c.id, i.received_at > before)),
        not_(exists().where(k.carer_id == c.id, k.ended_at.is_(None))),
        not_(exists().where(a.contact_id == c.id, a.done_at.is_(None))),
        not_(exists().where(b.contact_id == c.id, b.status.in_(LIVE), e.id == b.event_id, e.ends_at > before)),
        not_(exists().where(d.contact_id == c.id, e.id == d.event_id, e.ends_at > before)),
    )


async def _forget_the_silent(
    database: Database,
    vault: Vault,
    ids: Callable[[], int],
    reference: Callable[[], str],
    periods: Periods,
    now: datetime,
) -> int:
    """Each in a transaction of their own."""
    silent, erased, last = _silent(periods.before("silent_people", now)), 0, 0
    while True:
        async with database.read() as connection:
            statement = select(t.contacts.c.id).where(silent, t.contacts.c.id > last).order_by(t.contacts.c.id)
            found = (await connection.execute(statement.limit(CHUNK))).scalars().all()
        for contact_id in found:
            async with database.begin() as connection:
                if await _is_silent(connection, contact_id, silent):
                    await erasure.erase(connection, vault, ids, contact_id, reference(), now)
                    erased += 1
        if len(found) < CHUNK:
            return erased
        last = found[-1]


async def _is_silent(connection: AsyncConnection, contact_id: int, silent: ColumnElement[bool]) -> bool:
    """Still, now that nobody else can change it: they may just have written."""
    await people.hold(connection, contact_id)
    found = await connection.execute(select(t.contacts.c.id).where(t.contacts.c.id == contact_id, silent))
    return found.first() is not None
