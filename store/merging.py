"""Two contacts that turn out to be one person: a phone and a Telegram account, an old number and a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flows.session import Outcome
from store import people, places
from store import tables as t
from store.sessions import restored, stored
from store.times import to_ms
from store.vault import Vault

#: Tables with columns that are sealed for the contact: the columns that name a row, and the sealed ones.
_SEALED: tuple[tuple[Table, tuple[str, ...], tuple[str, ...]], ...] = (
    (t.urns, ("key",), ("sealed", "held")),
    (t.sessions, ("id",), ("sealed",)),
    (t.inbox, ("id",), ("sealed",)),
    (t.outbox, ("id",), ("sealed",)),
    (t.carers, ("id",), ("sealed",)),
    (t.codes, ("key",), ("sealed",)),
    (t.calls, ("id",), ("sealed",)),
)
#: Tables of which a contact has one row for each of these: the row of the contact that stays wins.
_ONE_EACH: tuple[tuple[Table, str], ...] = ((t.profile, "field"), (t.sharers, "urn_key"), (t.staff, "project_id"))
_PLAIN = (t.consents, t.alerts)
#: Tables about events and opportunities of which a contact has one row for each of these; and of two the better one:
#: with a note, settled, not withdrawn. As good as each other: that of the contact that stays.
_ONE_BETTER: tuple[tuple[Table, tuple[str, ...], Callable[[Any], bool]], ...] = (
    (t.duties, ("event_id", "role"), lambda row: row["sealed"] is not None),
    (t.tasks, ("event_id", "kind"), lambda row: row["settled_at"] is not None),
    (t.demands, ("kind",), lambda row: True),
    (t.interests, ("opportunity_id",), lambda row: row["withdrawn_at"] is None),
    (t.newsletter_told, ("broadcast_id",), lambda row: row["theirs"]),
)


async def merge(
    connection: AsyncConnection,
    vault: Vault,
    ids: Callable[[], int],
    other: int,
    into: int,
    reference: str,
    now: datetime,
) -> bool:
    """All that is the `other` contact's becomes that of `into`, whose own answers and settings win; the other is gone.
    False where one of the two is gone meanwhile: then nothing was done.

    Their answers go to the evaluation store once more, under the one pseudonym, and what it has under the other's is
    deleted there, as for somebody erased (`reference` says that this was none): it would lead to nobody, and could
    not be found any more if the person asked to be forgotten.
    """
    if other == into:
        return True
    if len(await people.hold(connection, other, into)) < 2:
        return False
    gone, stays = await _contact(connection, other), await _contact(connection, into)
    speaks_of_hours = await _keeps(connection, into, "hours")
    shared = (
        (await connection.execute(select(t.sharers.c.urn_key).where(t.sharers.c.contact_id == other))).scalars().all()
    )
    if (
        gone.discreet and not stays.discreet
    ):  # what one phone must not show, the one person's other settings cannot undo
        await connection.execute(
            delete(t.profile).where(t.profile.c.contact_id == into, t.profile.c.field == "discreet")
        )
    await connection.execute(
        # the revisions of answers follow the sprints, and those of the moved ones are one higher now
        update(t.sessions).where(t.sessions.c.contact_id == other).values(sprint=t.sessions.c.sprint + 1)
    )
    for table, names, sealed in _SEALED:
        await _move_sealed(connection, vault, table, names, sealed, other, into)
    await _move_answers(connection, vault, other, into)
    for table, name in _ONE_EACH:
        await _move_unless_there(connection, vault, table, name, other, into)
    for table in _PLAIN:
        await connection.execute(update(table).where(table.c.contact_id == other).values(contact_id=into))
    await connection.execute(update(t.alerts).where(t.alerts.c.taken_by == other).values(taken_by=into))
    await connection.execute(update(t.tasks).where(t.tasks.c.owner_id == other).values(owner_id=into))
    await places.join(connection, vault, ids, other, into, f"joined/{reference}", now)
    for table, names, good in _ONE_BETTER:
        await _move_better(connection, vault, table, names, good, other, into)
    for name in ("made_by", "approved_by"):
        await connection.execute(update(t.broadcasts).where(t.broadcasts.c[name] == other).values({name: into}))
    await _move_fires(connection, other, into)
    await _move_charges(connection, other, into, now)
    await people.end_sharing(connection, shared)
    await connection.execute(update(t.urns).where(t.urns.c.voice_id == other).values(voice_id=None, voice_until=0))
    talks = await _go_on(connection, vault, stays, gone)
    await connection.execute(
        update(t.contacts)
        .where(t.contacts.c.id == into)
        .values(
            consents=await _agreed(connection, into, {*stays.consents.split(), *gone.consents.split()}),
            roles=" ".join(sorted({*stays.roles.split(), *gone.roles.split()})),
            session_id=talks[0] if talks else None,
            suspended_id=talks[1] if len(talks) > 1 else None,
            handover_id=stays.handover_id or gone.handover_id,
            stopped_at=stays.stopped_at or gone.stopped_at,
            hours=stays.hours if speaks_of_hours else gone.hours,
            discreet=stays.discreet or gone.discreet,
            language=stays.language or gone.language,
            created_at=min(stays.created_at, gone.created_at),
        )
    )
    await people.cares_no_more(connection, into)
    await connection.execute(delete(t.contacts).where(t.contacts.c.id == other))
    await connection.execute(
        insert(t.erasures).values(
            id=ids(), reference=f"joined-{reference}", participant=vault.participant(other), at=to_ms(now)
        )
    )
    return True


async def _contact(connection: AsyncConnection, id: int) -> Any:
    return (await connection.execute(select(t.contacts).where(t.contacts.c.id == id))).one()


async def _keeps(connection: AsyncConnection, contact_id: int, field: str) -> bool:
    p = t.profile.c
    found = await connection.execute(select(p.field).where(p.contact_id == contact_id, p.field == field))
    return found.first() is not None


async def _move_sealed(
    connection: AsyncConnection,
    vault: Vault,
    table: Table,
    names: Sequence[str],
    sealed: Sequence[str],
    other: int,
    into: int,
) -> None:
    wanted = [table.c[name] for name in (*names, *sealed)]
    for row in (await connection.execute(select(*wanted).where(table.c.contact_id == other))).mappings().all():
        anew = {name: vault.seal(vault.open(row[name], other), into) for name in sealed if row[name] is not None}
        which = [table.c[name] == row[name] for name in names]
        await connection.execute(update(table).where(*which).values({"contact_id": into, **anew}))


async def _move_answers(connection: AsyncConnection, vault: Vault, other: int, into: int) -> None:
    a = t.answers.c
    rows = (await connection.execute(select(a.id, a.sealed, a.revision).where(a.contact_id == other))).all()
    for id, sealed, revision in rows:
        await connection.execute(
            update(t.answers)
            .where(a.id == id)
            .values(
                contact_id=into,
                sealed=vault.seal(vault.open(sealed, other), into),
                revision=revision + 1,  # or the evaluation store would take it for what it has
                exported_at=None,
            )
        )


async def _move_unless_there(
    connection: AsyncConnection, vault: Vault, table: Table, name: str, other: int, into: int
) -> None:
    column, of = table.c[name], table.c.contact_id
    there = set((await connection.execute(select(column).where(of == into))).scalars())
    rows = (await connection.execute(select(column, table.c.sealed).where(of == other))).all()
    for value, sealed in rows:
        if value not in there:
            anew = vault.seal(vault.open(sealed, other), into)
            which = (of == other) & (column == value)
            await connection.execute(update(table).where(which).values(contact_id=into, sealed=anew))
    await connection.execute(delete(table).where(of == other))


async def _move_better(
    connection: AsyncConnection,
    vault: Vault,
    table: Table,
    names: Sequence[str],
    good: Callable[[Any], bool],
    other: int,
    into: int,
) -> None:
    of = table.c.contact_id
    rows = (await connection.execute(select(table).where(of.in_((other, into))))).mappings().all()
    there = {tuple(row[name] for name in names): row for row in rows if row["contact_id"] == into}
    for row in rows:
        if row["contact_id"] == into:
            continue
        named = [table.c[name] == row[name] for name in names]
        if (mine := there.get(tuple(row[name] for name in names))) is not None:
            if good(mine) or not good(row):
                await connection.execute(delete(table).where(of == other, *named))
                continue
            await connection.execute(delete(table).where(of == into, *named))
        values: dict[str, Any] = {"contact_id": into}
        if row.get("sealed") is not None:
            values["sealed"] = vault.seal(vault.open(row["sealed"], other), into)
        await connection.execute(update(table).where(of == other, *named).values(values))


async def _move_fires(connection: AsyncConnection, other: int, into: int) -> None:
    """A questionnaire that comes again for both comes again once: the key of its fire says for whom."""
    f = t.fires.c
    theirs = f"repeat/{other}/"
    rows = await connection.execute(select(f.id, f.key).where(f.contact_id == other, f.key.startswith(theirs)))
    for id, key in rows.all():
        mine = f"repeat/{into}/{key.removeprefix(theirs)}"
        if (await connection.execute(select(f.id).where(f.key == mine))).first() is not None:
            await connection.execute(delete(t.fires).where(f.id == id))
        else:
            await connection.execute(update(t.fires).where(f.id == id).values(key=mine))
    await connection.execute(update(t.fires).where(f.contact_id == other).values(contact_id=into))


async def _move_charges(connection: AsyncConnection, other: int, into: int, now: datetime) -> None:
    """They care on for whom they cared for. Nobody cares for themselves, and nobody twice for the same person."""
    k = t.carers.c
    await connection.execute(update(t.carers).where(k.carer_id == other).values(carer_id=into))
    ours = (k.contact_id == into) | (k.carer_id == into)
    links = await connection.execute(
        select(k.id, k.contact_id, k.carer_id).where(ours, k.ended_at.is_(None)).order_by(k.since.desc(), k.id.desc())
    )
    there = set()
    for id, contact_id, carer_id in links.all():
        if contact_id == carer_id or (contact_id, carer_id) in there:
            await connection.execute(update(t.carers).where(k.id == id).values(ended_at=to_ms(now)))
        there.add((contact_id, carer_id))


async def _go_on(connection: AsyncConnection, vault: Vault, stays: Any, gone: Any) -> list[int]:
    """The talk that goes on, and the one that they go back to after it. Further ones, and the same questions twice,
    end.

    Where the phone that sent the code was asked something else last, its next words are no answer to the question
    that waits now: the question is asked first.
    """
    s = t.sessions.c
    line = [id for id in (stays.session_id, stays.suspended_id, gone.session_id, gone.suspended_id) if id is not None]
    flows = {id: flow for id, flow in await connection.execute(select(s.id, s.flow).where(s.id.in_(line)))}
    talks: list[int] = []
    for id in line:
        if id in flows and len(talks) < 2 and flows[id] not in (flows[one] for one in talks):
            talks.append(id)
    await connection.execute(
        update(t.sessions).where(s.id.in_(set(line) - set(talks))).values(outcome=Outcome.REPLACED.value)
    )
    if talks and gone.session_id not in (None, talks[0]):
        await _ask_first(connection, vault, stays.id, talks[0])
    return talks


async def _ask_first(connection: AsyncConnection, vault: Vault, contact_id: int, session_id: int) -> None:
    s = t.sessions.c
    row: Any = (await connection.execute(select(s.flow, s.version, s.sprint, s.sealed).where(s.id == session_id))).one()
    with suppress(KeyError, TypeError, ValueError):  # what cannot be read is dealt with when they write
        session, asked = restored(row.flow, row.version, row.sprint, vault.open(row.sealed, contact_id))
        resting = vault.seal(stored(replace(session, resting=True), asked), contact_id)
        await connection.execute(update(t.sessions).where(s.id == session_id).values(sealed=resting))


async def _agreed(connection: AsyncConnection, contact_id: int, purposes: set[str]) -> str:
    """What both together agree to now: what they last said to each purpose, on whichever phone."""
    k = t.consents.c
    rows = await connection.execute(select(k.purpose, k.given).where(k.contact_id == contact_id).order_by(k.at, k.id))
    last = {purpose: given for purpose, given in rows}
    return " ".join(sorted(purpose for purpose in purposes if last.get(purpose, True)))
