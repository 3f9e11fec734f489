"""One person as the rest of the program asks about them: addresses, profile, answers, carers, codes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.carer import Scope
from domain.code import CodeKind
from domain.contact import Role
from domain.event import Event
from domain.places import LIVE, BookingStatus
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.model import Flow
from flows.session import Session
from store import tables as t
from store.circle import Address, Code, channel_of
from store.event_rows import COLUMNS, as_event
from store.sessions import restored, stored
from store.team import drop_role
from store.times import from_ms, to_ms
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Summary:
    """What we keep about somebody, for them to read. `facts` are (field, value) of their profile; `bookings`
    the events to come, with whether they have a place there (or wait for one).
    """

    language: str | None
    since: datetime
    consents: tuple[str, ...]
    facts: tuple[tuple[str, Answer], ...]
    answers: int
    messages: int
    bookings: tuple[tuple[bool, Event], ...] = ()


#: Who says of somebody what DELETE LAST takes back: what a list or the team brought is not theirs to have said.
_SAID_BY = ("self", "carer")
#: One reply brings at most so many answers: its own, those known without asking, and a score.
_AT_ONCE = 40


async def hold(connection: AsyncConnection, *contact_ids: int) -> frozenset[int]:
    """Those of these people who are there, locked as the dispatcher locks them: until this transaction ends nothing
    else is read or written for them.
    """
    c = t.contacts.c
    found = await connection.execute(select(c.id).where(c.id.in_(contact_ids)).order_by(c.id).with_for_update())
    return frozenset(found.scalars())


async def stopped_on(connection: AsyncConnection, contact_id: int, urn_key: int) -> list[int]:
    """Of that person and those who share that phone with them, those who get no more messages, locked."""
    s, c = t.sharers.c, t.contacts.c
    sharing = (await connection.execute(select(s.contact_id).where(s.urn_key == urn_key))).scalars().all()
    there = sorted(await hold(connection, contact_id, *sharing))
    found = await connection.execute(select(c.id).where(c.id.in_(there), c.stopped_at.is_not(None)).order_by(c.id))
    return list(found.scalars())


async def language_of(connection: AsyncConnection, contact_id: int) -> str | None:
    c = t.contacts.c
    found: str | None = (await connection.execute(select(c.language).where(c.id == contact_id))).scalar()
    return found


async def address_of(connection: AsyncConnection, contact_id: int) -> Address | None:
    """The newest address that takes messages; None where there is none, or they told us to stop."""
    u, c = t.urns.c, t.contacts.c
    row = (
        await connection.execute(
            select(u.key, u.scheme, c.language)
            .join(t.contacts, c.id == u.contact_id)
            .where(u.contact_id == contact_id, u.blocked_at.is_(None), c.stopped_at.is_(None))
            .order_by(u.created_at.desc())
            .limit(1)
        )
    ).first()
    return None if row is None else Address(contact_id, row.key, channel_of(row.scheme), row.language)


async def urn_of(connection: AsyncConnection, vault: Vault, contact_id: int, urn_key: int) -> str:
    """The address itself, for the eyes of the team; empty where it is gone."""
    u = t.urns.c
    row = (await connection.execute(select(u.contact_id, u.sealed).where(u.key == urn_key))).first()
    return "" if row is None else vault.open(row.sealed, row.contact_id).decode()


async def fact(connection: AsyncConnection, vault: Vault, contact_id: int, field: str) -> Answer | None:
    """What somebody said of themselves under that name."""
    p = t.profile.c
    sealed = (await connection.execute(select(p.sealed).where(p.contact_id == contact_id, p.field == field))).scalar()
    return None if sealed is None else kept_value(vault, contact_id, sealed)


def kept_value(vault: Vault, contact_id: int, sealed: bytes) -> Answer:
    """What a row of the profile says, opened."""
    value = orjson.loads(vault.open(sealed, contact_id))[0]
    return tuple(value) if isinstance(value, list) else value


async def summary(connection: AsyncConnection, vault: Vault, contact_id: int, now: datetime) -> Summary | None:
    c, p = t.contacts.c, t.profile.c
    row = (await connection.execute(select(c.language, c.created_at, c.consents).where(c.id == contact_id))).first()
    if row is None:
        return None
    facts = [
        (field, kept_value(vault, contact_id, sealed))
        for field, sealed in await connection.execute(
            select(p.field, p.sealed).where(p.contact_id == contact_id).order_by(p.said_at)
        )
    ]
    counts = []
    for table in (t.answers, t.inbox):
        counted = select(func.count()).select_from(table).where(table.c.contact_id == contact_id)
        if table is t.answers:
            counted = counted.where(t.answers.c.withdrawn.is_(False))
        counts.append(int((await connection.execute(counted)).scalar_one()))
    told = tuple((name, value) for name, value in facts if value != PREFER_NOT_TO_SAY)
    answers, messages = counts
    bookings = await _bookings(connection, contact_id, now)
    return Summary(
        row.language, from_ms(row.created_at), tuple(row.consents.split()), told, answers, messages, bookings
    )


async def _bookings(connection: AsyncConnection, contact_id: int, now: datetime) -> tuple[tuple[bool, Event], ...]:
    b, e = t.bookings.c, t.events.c
    rows = await connection.execute(
        select(b.status, *(e[name] for name in COLUMNS))
        .join(t.events, e.id == b.event_id)
        .where(b.contact_id == contact_id, b.status.in_(LIVE), e.ends_at > to_ms(now))
        .order_by(e.starts_at, e.number)
    )
    return tuple((status == BookingStatus.BOOKED, as_event(row)) for status, *row in rows)


async def words_since(
    connection: AsyncConnection, vault: Vault, contact_id: int, since: datetime, limit: int
) -> list[str]:
    """The last things that somebody wrote from that moment on, the oldest first."""
    i = t.inbox.c
    rows = await connection.execute(
        select(i.sealed)
        .where(i.contact_id == contact_id, i.received_at >= to_ms(since))
        .order_by(i.id.desc())
        .limit(limit)
    )
    return [vault.open(sealed, contact_id).decode() for (sealed,) in reversed(rows.all())]


async def code(connection: AsyncConnection, vault: Vault, key: int) -> Code | None:
    c = t.codes.c
    row = (
        await connection.execute(
            select(c.kind, c.contact_id, c.sealed, c.uses, c.used, c.expires_at).where(c.key == key)
        )
    ).first()
    if row is None:
        return None
    kind, contact_id, sealed, uses, used, expires_at = row
    return Code(key, CodeKind(kind), contact_id, orjson.loads(vault.open(sealed, contact_id)), uses, used, expires_at)


async def put_code(
    connection: AsyncConnection,
    vault: Vault,
    key: int,
    kind: CodeKind,
    contact_id: int,
    detail: Mapping[str, str],
    *,
    uses: int | None,
    expires_at: datetime | None,
    now: datetime,
) -> bool:
    """A new code; False where there is one with that key already."""
    c = t.codes.c
    if (await connection.execute(select(c.key).where(c.key == key))).first() is not None:
        return False
    await connection.execute(
        insert(t.codes).values(
            key=key,
            kind=kind.value,
            contact_id=contact_id,
            sealed=vault.seal(orjson.dumps(dict(detail)), contact_id),
            uses=uses,
            expires_at=None if expires_at is None else to_ms(expires_at),
            created_at=to_ms(now),
        )
    )
    return True


async def drop_code(connection: AsyncConnection, key: int) -> None:
    await connection.execute(delete(t.codes).where(t.codes.c.key == key))


async def link_carer(
    connection: AsyncConnection,
    vault: Vault,
    id: int,
    contact_id: int,
    carer_id: int,
    scope: Scope,
    nickname: str,
    now: datetime,
) -> None:
    """From now on they care for that person; another link between the two ends."""
    k = t.carers.c
    await connection.execute(
        update(t.carers)
        .where(k.contact_id == contact_id, k.carer_id == carer_id, k.ended_at.is_(None))
        .values(ended_at=to_ms(now))
    )
    await connection.execute(
        insert(t.carers).values(
            id=id,
            contact_id=contact_id,
            carer_id=carer_id,
            scope=scope.value,
            sealed=vault.seal(nickname.encode(), contact_id),
            since=to_ms(now),
        )
    )


async def ended_carers(
    connection: AsyncConnection, vault: Vault, contact_id: int, since: datetime | None = None
) -> list[tuple[int, str]]:
    """Who cared for somebody until the last time it was ended, if that was not before `since`: (contact, the name they
    knew the person by). Who cares for nobody else is no carer any more.
    """
    k = t.carers.c
    ended = select(func.max(k.ended_at)).where(k.contact_id == contact_id)
    latest = (await connection.execute(ended)).scalar()
    if latest is None or (since is not None and latest < to_ms(since)):
        return []
    rows = (
        await connection.execute(select(k.carer_id, k.sealed).where(k.contact_id == contact_id, k.ended_at == latest))
    ).all()
    for carer_id, _ in rows:
        await cares_no_more(connection, carer_id)
    return [(carer_id, vault.open(sealed, contact_id).decode()) for carer_id, sealed in rows]


async def cares_no_more(connection: AsyncConnection, carer_id: int) -> None:
    """Who cares for nobody (else) is no carer any more."""
    k = t.carers.c
    others = select(k.id).where(k.carer_id == carer_id, k.ended_at.is_(None)).limit(1)
    if (await connection.execute(others)).first() is None:
        await drop_role(connection, carer_id, Role.CARER)


async def give_number_away(
    connection: AsyncConnection, vault: Vault, new_id: int, contact_id: int, urn_key: int, now: datetime
) -> None:
    """The number is not that person's any more: whoever has it now is somebody new (`new_id`), who is not written to
    and must never be shown what is kept of the person. With another address the person goes on there. A phone that
    several share is left as it is: the team sees to it.
    """
    await hold(connection, contact_id)
    u, c, s = t.urns.c, t.contacts.c, t.sharers.c
    mine = (u.key == urn_key) & (u.contact_id == contact_id)
    row = (await connection.execute(select(u.sealed).where(mine))).first()
    shared = (await connection.execute(select(s.contact_id).where(s.urn_key == urn_key).limit(1))).first()
    if row is None or shared is not None:
        return
    await connection.execute(insert(t.contacts).values(id=new_id, stopped_at=to_ms(now), created_at=to_ms(now)))
    anew = vault.seal(vault.open(row.sealed, contact_id), new_id)
    moved = {"contact_id": new_id, "sealed": anew, "voice_id": None, "voice_until": 0, "held": None}
    await connection.execute(update(t.urns).where(mine).values(moved))
    said_no = (await connection.execute(select(c.stopped_at).where(c.id == contact_id))).scalar_one()
    said_no = to_ms(now) if said_no is None else said_no
    for table, at in ((t.inbox, t.inbox.c.received_at), (t.outbox, t.outbox.c.created_at)):  # their no, and our answer
        theirs = (table.c.contact_id == contact_id) & (table.c.urn_key == urn_key) & (at >= said_no)
        for id, sealed in (await connection.execute(select(table.c.id, table.c.sealed).where(theirs))).all():
            words = vault.seal(vault.open(sealed, contact_id), new_id)
            await connection.execute(
                update(table).where(table.c.id == id).values({"contact_id": new_id, "sealed": words})
            )
    left = select(u.key, u.scheme).where(u.contact_id == contact_id).order_by(u.created_at.desc()).limit(1)
    other = (await connection.execute(left)).first()
    if other is None:
        return
    await connection.execute(update(t.contacts).where(c.id == contact_id).values(stopped_at=None))
    instead = {"urn_key": other.key, "channel": channel_of(other.scheme)}
    for table in (t.fires, t.sessions, t.bookings, t.interests):
        theirs = (table.c.contact_id == contact_id) & (table.c.urn_key == urn_key)
        await connection.execute(update(table).where(theirs).values(instead))


async def end_sharing(connection: AsyncConnection, urn_keys: Iterable[int]) -> None:
    """Those of these phones that only one person uses now are that person's alone: nobody is asked who writes."""
    s, u = t.sharers.c, t.urns.c
    for key in urn_keys:
        left = (await connection.execute(select(s.contact_id).where(s.urn_key == key))).scalars().all()
        if len(left) < 2:
            await connection.execute(delete(t.sharers).where(s.urn_key == key))
            await connection.execute(
                update(t.urns)
                .where(u.key == key, u.shared.is_(True))
                .values(shared=False, voice_id=None, voice_until=0, held=None)
            )


@dataclass(frozen=True, slots=True)
class _Answered:
    """One answer: in which session, to which question, kept as which field of the profile; and when (ms)."""

    at: int
    session_id: int | None
    question: str
    field: str | None


async def delete_last_answer(
    connection: AsyncConnection, vault: Vault, contact_id: int, flows: Mapping[str, Flow]
) -> bool:
    """Take back the newest answer, the words that gave it, and what was kept or computed of it; False where there is
    none. It is not asked again in the same run: they said they would rather not have said it.
    """
    await hold(connection, contact_id)
    answered = await _last_answer(connection, vault, contact_id, flows)
    kept = await _last_kept(connection, vault, contact_id, flows)
    last = kept if answered is None or (kept is not None and kept.at > answered.at) else answered
    if last is None:
        return False
    if last is answered:
        await _withdraw(connection, vault, contact_id, last, flows)
    await connection.execute(
        delete(t.inbox).where(t.inbox.c.contact_id == contact_id, t.inbox.c.received_at == last.at)
    )
    if last.field is not None:
        await _keep_no_more(connection, contact_id, last.field, last.at)
    if last.session_id is not None:
        await _forget_in_session(connection, vault, contact_id, last.session_id, last.question)
    return True


async def _last_answer(
    connection: AsyncConnection, vault: Vault, contact_id: int, flows: Mapping[str, Flow]
) -> _Answered | None:
    """The newest of those that stand. A score was not said by anybody; and of what one reply brought, what they were
    asked comes before what was known without asking.
    """
    a = t.answers.c
    rows = (
        await connection.execute(
            select(a.session_id, a.flow, a.question, a.answered_at)
            .where(a.contact_id == contact_id, a.withdrawn.is_(False))
            .order_by(a.answered_at.desc(), a.id.desc())
            .limit(_AT_ONCE)
        )
    ).all()
    said = [row for row in rows if not _is_score(flows.get(row.flow), row.question)]
    if not said:
        return None
    newest = [row for row in said if row.answered_at == said[0].answered_at]
    last = newest[0]
    for row in newest if len(newest) > 1 else ():
        found = await _session(connection, vault, contact_id, row.session_id)
        if found is None or row.question not in found[0].given:
            last = row
            break
    return _Answered(last.answered_at, last.session_id, last.question, _kept_as(flows.get(last.flow), last.question))


async def _last_kept(
    connection: AsyncConnection, vault: Vault, contact_id: int, flows: Mapping[str, Flow]
) -> _Answered | None:
    """The newest thing that they said of themselves and that is kept in their profile."""
    p = t.profile.c
    row = (
        await connection.execute(
            select(p.field, p.said_at)
            .where(p.contact_id == contact_id, p.source.in_(_SAID_BY))
            .order_by(p.said_at.desc())
            .limit(1)
        )
    ).first()
    if row is None:
        return None
    asking = {id: names for id, flow in flows.items() if (names := _asked_as(flow, row.field))}
    session_id, question = await _asked_in(connection, vault, contact_id, asking)
    return _Answered(row.said_at, session_id, question, row.field)


async def _asked_in(
    connection: AsyncConnection, vault: Vault, contact_id: int, asking: Mapping[str, Collection[str]]
) -> tuple[int | None, str]:
    """The newest session in which one of these questions (names by flow) was answered, and which of them."""
    s = t.sessions.c
    rows = await connection.execute(
        select(s.id, s.flow).where(s.contact_id == contact_id, s.flow.in_(asking)).order_by(s.heard_at.desc(), s.id)
    )
    for id, flow in rows.all():
        found = await _session(connection, vault, contact_id, id)
        answers = found[0].answers if found is not None else {}
        for name in asking[flow]:
            if answers.get(name, PREFER_NOT_TO_SAY) != PREFER_NOT_TO_SAY:
                return id, name
    return None, ""


def _asked_as(flow: Flow, field: str) -> Sequence[str]:
    return [question.name for question in flow.asked() if question.kept == field]


def _kept_as(flow: Flow | None, name: str) -> str | None:
    question = flow.question(name) if flow is not None else None
    return question.kept if question is not None else None


def _is_score(flow: Flow | None, question: str) -> bool:
    return flow is not None and flow.score is not None and flow.score.name == question


async def _withdraw(
    connection: AsyncConnection, vault: Vault, contact_id: int, last: _Answered, flows: Mapping[str, Flow]
) -> None:
    """It goes from here, and by the next push from the evaluation store; so does a score that was made of it."""
    a = t.answers.c
    rows = await connection.execute(
        select(a.flow, a.question, a.revision).where(a.session_id == last.session_id, a.withdrawn.is_(False))
    )
    for row in rows.all():
        rule = flows[row.flow].score if row.flow in flows else None
        of_it = rule is not None and row.question == rule.name and last.question in rule.questions
        if row.question == last.question or of_it:
            await connection.execute(
                update(t.answers)
                .where(a.session_id == last.session_id, a.question == row.question)
                .values(
                    withdrawn=True,
                    revision=row.revision + 1,
                    sealed=vault.seal(orjson.dumps(["", ""]), contact_id),
                    exported_at=None,
                )
            )


async def _keep_no_more(connection: AsyncConnection, contact_id: int, field: str, said_at: int) -> None:
    """The field goes from the profile, unless it was said anew since; and with it what the contact goes by."""
    p = t.profile.c
    gone = await connection.execute(
        delete(t.profile).where(p.contact_id == contact_id, p.field == field, p.said_at == said_at)
    )
    goes_by: dict[str, str | bool] = {"hours": "", "discreet": False}
    if gone.rowcount and field in goes_by:
        await connection.execute(
            update(t.contacts).where(t.contacts.c.id == contact_id).values({field: goes_by[field]})
        )


async def _session(
    connection: AsyncConnection, vault: Vault, contact_id: int, session_id: int
) -> tuple[Session, int | None] | None:
    """The session and the id of the message that asked; None where it is gone, or nobody can read it any more."""
    s = t.sessions.c
    row = (await connection.execute(select(s.flow, s.version, s.sprint, s.sealed).where(s.id == session_id))).first()
    if row is not None:
        with suppress(KeyError, TypeError, ValueError):
            return restored(row.flow, row.version, row.sprint, vault.open(row.sealed, contact_id))
    return None


async def _forget_in_session(
    connection: AsyncConnection, vault: Vault, contact_id: int, session_id: int, question: str
) -> None:
    found = await _session(connection, vault, contact_id, session_id)
    if found is None or question not in found[0].answers:
        return
    session, asked = found
    kept = {**session.answers, question: PREFER_NOT_TO_SAY}
    sealed = vault.seal(stored(replace(session, answers=kept), asked), contact_id)
    await connection.execute(update(t.sessions).where(t.sessions.c.id == session_id).values(sealed=sealed))


async def words_before(
    connection: AsyncConnection, vault: Vault, contact_id: int, message_id: int, limit: int
) -> list[str]:
    """The last things that somebody wrote before that message, the newest first."""
    i = t.inbox.c
    rows = await connection.execute(
        select(i.sealed).where(i.contact_id == contact_id, i.id < message_id).order_by(i.id.desc()).limit(limit)
    )
    return [vault.open(sealed, contact_id).decode() for (sealed,) in rows]


async def words_of(connection: AsyncConnection, vault: Vault, message_id: int) -> str | None:
    """What that message said; None where it is kept no more."""
    i = t.inbox.c
    row = (await connection.execute(select(i.sealed, i.contact_id).where(i.id == message_id))).first()
    return None if row is None else vault.open(row[0], row[1]).decode()


async def session_of(connection: AsyncConnection, vault: Vault, id: int) -> Session | None:
    """That session as it was left; None where it is kept no more."""
    s = t.sessions.c
    asked = select(s.flow, s.version, s.sprint, s.sealed, s.contact_id).where(s.id == id)
    row = (await connection.execute(asked)).first()
    return None if row is None else restored(*row[:3], vault.open(row[3], row[4]))[0]


async def nickname(connection: AsyncConnection, vault: Vault, contact_id: int) -> str:
    """What they want to be called; nothing where they did not say."""
    p = t.profile.c
    asked = select(p.sealed).where(p.contact_id == contact_id, p.field == "nickname")
    sealed = (await connection.execute(asked)).scalar()
    return "" if sealed is None else str(orjson.loads(vault.open(sealed, contact_id))[0])


async def has_stopped(connection: AsyncConnection, contact_id: int) -> bool:
    """Whether they asked for no more messages."""
    c = t.contacts.c
    return (await connection.execute(select(c.stopped_at).where(c.id == contact_id))).scalar() is not None
