"""Forgetting somebody: every row about them goes, and keyed hashes of their addresses stay, so that no list brings
them back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flows.conditions import PREFER_NOT_TO_SAY
from flows.session import Outcome
from store import fires, people, places, team
from store import tables as t
from store.changes import Due
from store.database import Database
from store.team import OpenAlert
from store.times import to_ms
from store.turns import opened_message
from store.vault import Vault

#: Tables whose rows of a contact go with them.
THEIRS = (
    t.inbox,
    t.answers,
    t.sessions,
    t.outbox,
    t.fires,
    t.consents,
    t.alerts,
    t.profile,
    t.codes,
    t.staff,
    t.duties,
    t.tasks,
    t.demands,
    t.interests,
    t.calls,
    t.newsletter_told,
)
#: An answer may be under way to the evaluation store while its person is erased: for so long it is deleted there again
#: at every push.
_LOOK_AGAIN = timedelta(hours=1)
#: How the dispatcher calls what it passes on from one person to another.
_RELAYED = "in/%/r%"


async def close(connection: AsyncConnection, ids: Callable[[], int], contact_id: int, now: datetime) -> list[OpenAlert]:
    """Nothing more is begun with somebody who is about to be forgotten, and nothing that waits is sent: their talk with
    the team is over, nobody cares for them, and what they had taken for the team is another's to take.

    Returns what the team had taken about them, so that whoever took it can be told.
    """
    await people.hold(connection, contact_id)
    await _give_back(connection, ids, contact_id, now)
    a, k, o = t.alerts.c, t.carers.c, t.outbox.c
    taken = []
    about_them = await connection.execute(select(a.id).where(a.contact_id == contact_id, a.done_at.is_(None)))
    for id in about_them.scalars().all():
        if (found := await team.alert(connection, id)) is not None:
            await team.close(connection, found, now)
            if found.taken_by is not None:
                taken.append(found)
    await connection.execute(
        update(t.carers).where(k.contact_id == contact_id, k.ended_at.is_(None)).values(ended_at=to_ms(now))
    )
    await connection.execute(
        update(t.contacts)
        .where(t.contacts.c.id == contact_id)
        .values(stopped_at=to_ms(now), session_id=None, suspended_id=None, handover_id=None)
    )
    s = t.sessions.c
    await connection.execute(  # they may have begun something since they said yes
        update(t.sessions).where(s.contact_id == contact_id, s.outcome == "").values(outcome=Outcome.STOPPED.value)
    )
    await connection.execute(
        update(t.outbox)
        .where(o.contact_id == contact_id, o.status.in_(("queued", "errored")))
        .values(status="cancelled")
    )
    return taken


async def erase(
    connection: AsyncConnection, vault: Vault, ids: Callable[[], int], contact_id: int, reference: str, now: datetime
) -> None:
    """Delete all of it; what the evaluation store has of them follows with the next push (`to_forget`). Somebody who is
    gone already stays so, and nothing is noted.
    """
    if not await people.hold(connection, contact_id):
        return
    await _give_back(connection, ids, contact_id, now)
    await _forget_with_others(connection, vault, contact_id)
    await _forget_at_events(connection, vault, contact_id)
    await places.give_back(connection, ids, contact_id, f"erased/{reference}", now)
    await _give_up_addresses(connection, vault, contact_id, now)
    await _leave_team_s_work(connection, contact_id)
    await _leave_carers(connection, contact_id)
    for table in THEIRS:
        await connection.execute(delete(table).where(table.c.contact_id == contact_id))
    await connection.execute(delete(t.contacts).where(t.contacts.c.id == contact_id))
    await connection.execute(
        insert(t.erasures).values(
            id=ids(), reference=reference, participant=vault.participant(contact_id), at=to_ms(now)
        )
    )


async def _give_back(connection: AsyncConnection, ids: Callable[[], int], contact_id: int, now: datetime) -> None:
    """Whom they were writing with for the team must not be left alone: the rota is called again."""
    a, c = t.alerts.c, t.contacts.c
    mine = (await connection.execute(select(a.id).where(a.taken_by == contact_id, a.done_at.is_(None)))).scalars()
    for id in mine.all():
        found = await team.alert(connection, id)
        if found is None or found.contact_id == contact_id:
            continue
        await connection.execute(update(t.alerts).where(a.id == id).values(taken_by=None, taken_at=None))
        await connection.execute(
            update(t.contacts).where(c.id == contact_id, c.handover_id == id).values(handover_id=None)
        )
        page = ids()
        about = found.contact_id or 0
        again = Due(page, f"page/{id}/{page}", "page", about, found.urn_key, found.channel, id, "")
        await fires.put(connection, again, now)


async def _leave_team_s_work(connection: AsyncConnection, contact_id: int) -> None:
    """No fire and no note of the team's names the person, or an alert about them, any more."""
    a, f = t.alerts.c, t.fires.c
    about_them = select(a.id).where(a.contact_id == contact_id)
    await connection.execute(delete(t.fires).where(f.session_id.in_(about_them)))
    await connection.execute(update(t.alerts).where(a.taken_by == contact_id).values(taken_by=None))
    await connection.execute(update(t.tasks).where(t.tasks.c.owner_id == contact_id).values(owner_id=None))
    for name in ("made_by", "approved_by"):
        theirs = t.broadcasts.c[name] == contact_id
        await connection.execute(update(t.broadcasts).where(theirs).values({name: None}))


async def _leave_carers(connection: AsyncConnection, contact_id: int) -> None:
    k = t.carers.c
    carers = (await connection.execute(select(k.carer_id).where(k.contact_id == contact_id))).scalars().all()
    await connection.execute(delete(t.carers).where((k.contact_id == contact_id) | (k.carer_id == contact_id)))
    for carer_id in sorted(set(carers)):
        await people.cares_no_more(connection, carer_id)


async def _forget_with_others(connection: AsyncConnection, vault: Vault, contact_id: int) -> None:
    """What others were sent of them: to the team their words and their number, to carers and to those on the same phone
    what they are called. And what the team wrote to them.
    """
    a, k, s, u = t.alerts.c, t.carers.c, t.sharers.c, t.urns.c
    addresses = [
        vault.open(sealed, contact_id).decode().removeprefix("tel:")
        for (sealed,) in await connection.execute(select(u.sealed).where(u.contact_id == contact_id))
    ]
    taken = await connection.execute(
        select(a.number, a.taken_by, a.created_at).where(
            a.contact_id == contact_id, a.taken_by.is_not(None), a.taken_by != contact_id
        )
    )
    for number, taken_by, since in taken.all():
        named = "|".join([rf"^{number}: ", *(rf"(?<!\w){re.escape(address)}(?!\w)" for address in addresses)])
        await _unsay(connection, vault, taken_by, re.compile(named, re.MULTILINE), since)
        await _unhear(connection, vault, contact_id, taken_by, since)
    links = await connection.execute(select(k.carer_id, k.sealed, k.since).where(k.contact_id == contact_id))
    for carer_id, sealed, since in links.all():
        await _unsay(connection, vault, carer_id, _called(vault.open(sealed, contact_id).decode()), since)
    shared = await connection.execute(select(s.urn_key, s.sealed, s.created_at).where(s.contact_id == contact_id))
    for urn_key, sealed, since in shared.all():
        name = _called(vault.open(sealed, contact_id).decode())
        others = select(s.contact_id).where(s.urn_key == urn_key, s.contact_id != contact_id)
        for other in (await connection.execute(others)).scalars().all():
            await _unsay(connection, vault, other, name, since)


async def _forget_at_events(connection: AsyncConnection, vault: Vault, contact_id: int) -> None:
    """The team, and who leads an event, were sent who comes, and who is outside: what names the person goes."""
    b, d = t.bookings.c, t.duties.c
    asked = select(b.event_id, b.asked_at).where(b.contact_id == contact_id)
    since = {event_id: asked_at for event_id, asked_at in (await connection.execute(asked)).all()}
    name = await people.fact(connection, vault, contact_id, "nickname")
    if not since or not name or name == PREFER_NOT_TO_SAY:
        return
    leading = select(d.contact_id, d.event_id).where(d.event_id.in_(since))
    readers = {reader: since[event_id] for reader, event_id in (await connection.execute(leading)).all()}
    for reader in (await connection.execute(select(t.staff.c.contact_id))).scalars().all():
        readers[reader] = min(since.values())
    for reader, first in readers.items():
        if reader != contact_id:
            await _unsay(connection, vault, reader, _called(str(name)), first)


def _called(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


async def _unsay(connection: AsyncConnection, vault: Vault, to: int, pattern: re.Pattern[str], since: int) -> None:
    """Delete those of our messages to that contact, from that moment (ms) on, in which the pattern is found."""
    o = t.outbox.c
    rows = await connection.execute(select(o.id, o.sealed).where(o.contact_id == to, o.created_at >= since))
    found = [id for id, sealed in rows if pattern.search(opened_message(vault.open(sealed, to))[0])]
    await _delete(connection, t.outbox, found)


async def _unhear(connection: AsyncConnection, vault: Vault, contact_id: int, staff_id: int, since: int) -> None:
    """Delete what somebody of the team wrote to that person through us: it was passed on word for word."""
    i, o = t.inbox.c, t.outbox.c
    passed_on = [
        (at, opened_message(vault.open(sealed, contact_id))[0])
        for at, sealed in await connection.execute(
            select(o.created_at, o.sealed).where(
                o.contact_id == contact_id, o.created_at >= since, o.key.like(_RELAYED)
            )
        )
    ]
    at_once = {at for at, _ in passed_on}  # what is passed on is stored in the batch that hears it
    rows = await connection.execute(
        select(i.id, i.sealed, i.received_at).where(i.contact_id == staff_id, i.received_at >= since)
    )
    heard = [(id, at, vault.open(sealed, staff_id).decode()) for id, sealed, at in rows if at in at_once]
    found = [id for id, at, text in heard if any(at == then and told.endswith(f": {text}") for then, told in passed_on)]
    await _delete(connection, t.inbox, found)


async def _delete(connection: AsyncConnection, table: Table, ids: Sequence[int]) -> None:
    for at in range(0, len(ids), 500):  # a statement takes only so many values
        await connection.execute(delete(table).where(table.c.id.in_(ids[at : at + 500])))


async def _give_up_addresses(connection: AsyncConnection, vault: Vault, contact_id: int, now: datetime) -> None:
    """Their own addresses go, with a hash kept; a phone that others share becomes one of theirs."""
    u, s = t.urns.c, t.sharers.c
    shared = (await connection.execute(select(s.urn_key).where(s.contact_id == contact_id))).scalars().all()
    await connection.execute(delete(t.sharers).where(s.contact_id == contact_id))
    await connection.execute(
        update(t.urns).where(u.voice_id == contact_id).values(voice_id=None, voice_until=0, held=None)
    )
    owned = (await connection.execute(select(u.key, u.sealed).where(u.contact_id == contact_id))).all()
    for key, sealed in owned:
        others = select(s.contact_id).where(s.urn_key == key).order_by(s.created_at, s.contact_id)
        heir = (await connection.execute(others.limit(1))).scalar()
        if heir is not None:
            address = vault.open(sealed, contact_id)
            await connection.execute(
                update(t.urns).where(u.key == key).values(contact_id=heir, sealed=vault.seal(address, heir), held=None)
            )
            continue
        await connection.execute(delete(t.sharers).where(s.urn_key == key))
        await _give_back_voices(connection, contact_id, key)
        await connection.execute(delete(t.urns).where(u.key == key))
        await connection.execute(delete(t.opt_outs).where(t.opt_outs.c.key == key))
        await connection.execute(insert(t.opt_outs).values(key=key, at=to_ms(now)))
    await people.end_sharing(connection, shared)


async def _give_back_voices(connection: AsyncConnection, contact_id: int, urn_key: int) -> None:
    """Whom they cared for wrote from this phone too, through them: what is of that person stays, and not the phone."""
    k = t.carers.c
    charges = select(k.contact_id).where(k.carer_id == contact_id, k.contact_id != contact_id).distinct()
    for charge in (await connection.execute(charges)).scalars().all():
        own = await people.address_of(connection, charge)
        instead = {"urn_key": 0} if own is None else {"urn_key": own.urn_key, "channel": own.channel}
        for table in (t.alerts, t.fires, t.sessions, t.bookings, t.interests):
            await connection.execute(
                update(table).where(table.c.contact_id == charge, table.c.urn_key == urn_key).values(instead)
            )
        o = t.outbox.c
        through = (o.contact_id == charge) & (o.urn_key == urn_key)
        await connection.execute(delete(t.outbox).where(through, o.status.in_(("queued", "errored", "unknown"))))
        for table in (t.inbox, t.outbox):
            await connection.execute(
                update(table).where(table.c.contact_id == charge, table.c.urn_key == urn_key).values(urn_key=0)
            )


async def is_gone(database: Database, contact_id: int) -> bool:
    async with database.read() as connection:
        found = await connection.execute(select(t.contacts.c.id).where(t.contacts.c.id == contact_id))
        return found.first() is None


async def to_forget(database: Database) -> list[str]:
    """The pseudonyms whose records the evaluation store must not have."""
    async with database.read() as connection:
        e = t.erasures.c
        rows = await connection.execute(select(e.participant).where(e.participant.is_not(None)))
        return [str(participant) for (participant,) in rows]


async def forgotten(database: Database, now: datetime) -> None:
    """They were deleted there. Pseudonyms whose time is over are blanked here: the reference says enough."""
    async with database.begin() as connection:
        e = t.erasures.c
        blanked = await connection.execute(
            update(t.erasures)
            .where(e.participant.is_not(None), e.at < to_ms(now - _LOOK_AGAIN))
            .values(participant=None)
        )
    if blanked.rowcount:
        await scrub(database)


async def scrub(database: Database) -> None:
    """Take what was deleted out of the file itself, as far as the database is a file of ours.

    `secure_delete` overwrites a row that goes, but not the copies of it that SQLite left in the gaps of its pages when
    it moved rows from one to another (seen with 3.40: ids and keys of somebody erased). So the file is written anew,
    and then its log is emptied. Writers wait meanwhile: a second for some 150 MB.
    """
    if not database.is_sqlite:
        return
    async with database.hot(), database.engine.connect() as connection:  # the turn is ours, and no transaction begun
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute_fetchall("VACUUM")
    await database.scrub()
