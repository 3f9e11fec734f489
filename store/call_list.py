"""Whom the team should call, as the store knows it; and noting what came of a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import exists, func, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call_list import (
    ENCOURAGED,
    FORGOTTEN_AFTER,
    MISSED_AFTER,
    OF_ALERTS,
    SILENT_AFTER,
    TOO_LATE,
    Call,
    Outcome,
    Reason,
    Why,
    about_event,
    place,
    standing,
)
from domain.event import EventState, text_in
from domain.message import MessageClass
from domain.places import LIVE, BookingStatus
from flows.conditions import PREFER_NOT_TO_SAY
from flows.library import Library
from store import people, team
from store import tables as t
from store.event_rows import COLUMNS, as_event
from store.sessions import restored
from store.times import from_ms, to_ms
from store.vault import Vault

_SENT = ("sent", "delivered")
_HOLDS = (BookingStatus.BOOKED.value, BookingStatus.OFFERED.value, BookingStatus.WAITING.value)
#: A message of ours that was perhaps sent says nothing about the number.
_PERHAPS = "perhaps sent"
#: A questionnaire that we begin is an invitation too: of the two, made in the same moment, one is told.
_SAME = timedelta(hours=1)
#: Questions in which people say what worries them.
_WORRY = "worry"
_WORRY_FLOW = "warm_up"
_FIELDS = ("nickname", "meeting", "reading", "interpreter_language")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ToCall:
    """Somebody whom the team should call, with all that whoever calls must know: for the eyes of the team only.

    `addresses` are opened, phones first. `hours` are those that suit them, as `domain.hours` stores them; `helps` are
    some of `interpreter`, `bsl`, `one_to_one`. `worry` is what they last said worries them, in their words. `tries`
    counts the calls since anybody last reached them.
    """

    contact_id: int
    nickname: str
    addresses: tuple[str, ...]
    language: str | None
    helps: tuple[str, ...]
    interpreter_language: str
    hours: str
    worry: str
    tries: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class CallList:
    """Whom to call first, how many there are in all, and how many of them have only to be encouraged in some way."""

    people: tuple[ToCall, ...]
    total: int
    encouraged: int


_HELPS = ("interpreter", "bsl", "one_to_one")


def missed_in(flows: Library) -> dict[str, str]:
    """The questionnaires of which an answer is missed, with their titles, by their ids: what belongs to arranging
    something is asked again by itself.
    """
    return {flow.id: flow.title for flow in flows.flows.values() if not flow.private}


async def call_list(
    connection: AsyncConnection,
    vault: Vault,
    questionnaires: Mapping[str, str],
    now: datetime,
    *,
    limit: int | None = None,
    only: Collection[int] | None = None,
) -> CallList:
    """Who should be called now, the most urgent first, `limit` of them at most: nobody else's name is opened.
    `questionnaires` are those whose silence counts, with their titles, by their ids. With `only`, no others than these
    contacts.
    """
    found: dict[int, list[Reason]] = {}
    sources = (
        await _alerts(connection),
        await _events(connection, now),
        await _failed(connection, now),
        await _unanswered(connection, questionnaires, now),
        await _came_once(connection, now),
    )
    for contact_id, reason in (pair for pairs in sources for pair in pairs):
        if only is None or contact_id in only:
            found.setdefault(contact_id, []).append(reason)
    calls = await _calls(connection, found)
    stand = {id: kept for id, reasons in found.items() if (kept := standing(reasons, calls.get(id, ()), now))}
    order = sorted(stand, key=lambda id: (*place(stand[id]), id))[:limit]
    opened = await _people(connection, vault, {id: stand[id] for id in order}, calls)
    encouraged = sum(any(one.why in ENCOURAGED for one in reasons) for reasons in stand.values())
    return CallList(tuple(opened[id] for id in order if id in opened), len(stand), encouraged)


async def called(connection: AsyncConnection, vault: Vault, address: str) -> list[int]:
    """The contacts who are reached at that address (`tel:+447700900123`): several, where they share a phone."""
    key, u, s = vault.find(address), t.urns.c, t.sharers.c
    owner = (await connection.execute(select(u.contact_id).where(u.key == key))).scalars().all()
    sharing = (await connection.execute(select(s.contact_id).where(s.urn_key == key))).scalars().all()
    return sorted({*owner, *sharing})


async def record(
    connection: AsyncConnection,
    vault: Vault,
    ids: Callable[[], int],
    contact_id: int,
    outcome: Outcome,
    note: str,
    again_at: datetime | None,
    now: datetime,
) -> bool:
    """Note what came of a call. Who was spoken with knows of changed and called-off events from now on, and their
    alerts that nobody had taken are closed. False where they are gone meanwhile.
    """
    if not await people.hold(connection, contact_id):
        return False
    await connection.execute(
        insert(t.calls).values(
            id=ids(),
            contact_id=contact_id,
            outcome=outcome.value,
            again_at=None if again_at is None else to_ms(again_at),
            sealed=vault.seal(note.encode(), contact_id) if note else None,
            at=to_ms(now),
        )
    )
    if outcome is not Outcome.NOT_REACHED:
        await _close_alerts(connection, contact_id, now)
        await _acknowledge(connection, contact_id, now)
    return True


async def _close_alerts(connection: AsyncConnection, contact_id: int, now: datetime) -> None:
    a = t.alerts.c
    untaken = select(a.id).where(
        a.contact_id == contact_id, a.done_at.is_(None), a.taken_by.is_(None), a.kind.in_([*_KINDS])
    )
    for id in (await connection.execute(untaken)).scalars().all():
        if (found := await team.alert(connection, id)) is not None and found.taken_by is None:
            await team.close(connection, found, now)


async def _acknowledge(connection: AsyncConnection, contact_id: int, now: datetime) -> None:
    b, e = t.bookings.c, t.events.c
    rows = await connection.execute(
        select(b.id, e.revision)
        .join(t.events, e.id == b.event_id)
        .where(b.contact_id == contact_id, b.acknowledged < e.revision, b.status.in_(_HOLDS), e.starts_at > to_ms(now))
    )
    for id, revision in rows.all():
        await connection.execute(update(t.bookings).where(b.id == id).values(revision=revision, acknowledged=revision))


_KINDS = {why.value: why for why in Why if why in OF_ALERTS}
_Found = Iterable[tuple[int, Reason]]


async def _alerts(connection: AsyncConnection) -> _Found:
    """What is open and nobody has taken."""
    a = t.alerts.c
    rows = await connection.execute(
        select(a.contact_id, a.kind, func.min(a.created_at))
        .where(a.done_at.is_(None), a.taken_by.is_(None), a.contact_id.is_not(None), a.kind.in_([*_KINDS]))
        .group_by(a.contact_id, a.kind)
    )
    return [(contact_id, Reason(_KINDS[kind], from_ms(at))) for contact_id, kind, at in rows]


async def _events(connection: AsyncConnection, now: datetime) -> _Found:
    """Who has a place at an event to come, and has not said that they know of its last change."""
    b, e = t.bookings.c, t.events.c
    rows = await connection.execute(
        select(b.contact_id, e.called_off_at, b.changed_at, *(e[name] for name in COLUMNS))
        .join(t.events, e.id == b.event_id)
        .where(
            b.acknowledged < e.revision,
            b.status == BookingStatus.BOOKED.value,
            e.state != EventState.DRAFT.value,
            e.starts_at > to_ms(now),
        )
    )
    found = []
    for contact_id, called_off_at, changed_at, *row in rows:
        event = as_event(row)
        off = event.state is EventState.CALLED_OFF
        # a change has no time of its own
        since = from_ms(called_off_at if off and called_off_at is not None else changed_at)
        found.append((contact_id, about_event(off, since, text_in(event.title, "en"), event.starts_at, now)))
    return found


async def _failed(connection: AsyncConnection, now: datetime) -> _Found:
    """To whose address our last message failed for good, and who has not written since. Who has blocked us does not
    want to hear from us, and is left.
    """
    o, u, i = t.outbox.c, t.urns.c, t.inbox.c
    later = t.outbox.alias("later")
    rows = await connection.execute(
        select(o.contact_id, o.created_at, o.error)
        .join(t.urns, (u.key == o.urn_key) & u.blocked_at.is_(None))
        .join(t.contacts, (t.contacts.c.id == o.contact_id) & t.contacts.c.stopped_at.is_(None))
        .where(
            o.status == "failed",
            func.coalesce(o.error, "") != _PERHAPS,
            o.edits.is_(None),
            o.created_at > to_ms(now - TOO_LATE),
            not_(
                exists().where(
                    later.c.contact_id == o.contact_id,
                    later.c.urn_key == o.urn_key,
                    later.c.id > o.id,
                    later.c.status.in_((*_SENT, "failed")),
                )
            ),
            not_(exists().where(i.contact_id == o.contact_id, i.received_at > o.created_at)),
        )
    )
    return [(contact_id, Reason(Why.FAILED, from_ms(at), error or "")) for contact_id, at, error in rows]


async def _unanswered(connection: AsyncConnection, questionnaires: Mapping[str, str], now: datetime) -> _Found:
    """Who was invited or asked something, has had time, and has written nothing since. Only who agrees to be written
    to is missed.
    """
    o, s, c, i = t.outbox.c, t.sessions.c, t.contacts.c, t.inbox.c
    early, late = to_ms(now - TOO_LATE), to_ms(now - SILENT_AFTER)
    welcome = (c.stopped_at.is_(None), c.consents != "", not_(exists().where(t.staff.c.contact_id == c.id)))
    invited = await connection.execute(
        select(o.contact_id, func.max(o.created_at))
        .join(t.contacts, c.id == o.contact_id)
        .where(
            o.message_class == int(MessageClass.INVITATION),
            o.status.in_(_SENT),
            o.created_at > early,
            o.created_at <= late,
            not_(exists().where(i.contact_id == o.contact_id, i.received_at > o.created_at)),
            *welcome,
        )
        .group_by(o.contact_id)
    )
    asked = await connection.execute(
        select(s.contact_id, s.flow, s.heard_at)
        .join(t.contacts, c.id == s.contact_id)
        .where(
            s.flow.in_([*questionnaires]),
            s.outcome.in_(("", "expired")),
            s.heard_at > early,
            s.heard_at <= late,
            not_(exists().where(i.contact_id == s.contact_id, i.received_at > s.heard_at)),
            *welcome,
        )
    )
    questions = {id: Reason(Why.QUESTION, from_ms(at), questionnaires[flow]) for id, flow, at in asked}
    invitations = {id: Reason(Why.INVITATION, from_ms(at)) for id, at in invited}
    return [*questions.items(), *_no_question(invitations, questions)]


def _no_question(invitations: Mapping[int, Reason], questions: Mapping[int, Reason]) -> Iterator[tuple[int, Reason]]:
    for contact_id, invitation in invitations.items():
        question = questions.get(contact_id)
        if question is None or abs(question.since - invitation.since) > _SAME:
            yield contact_id, invitation


async def _came_once(connection: AsyncConnection, now: datetime) -> _Found:
    """Who came to one event some time ago, and has no place and waits for none now."""
    b, e, c = t.bookings.c, t.events.c, t.contacts.c
    other = t.bookings.alias("other")
    coming = t.events.alias("coming")
    rows = await connection.execute(
        select(b.contact_id, e.ends_at, *(e[name] for name in COLUMNS))
        .join(t.events, e.id == b.event_id)
        .join(t.contacts, c.id == b.contact_id)
        .where(
            b.came.is_(True),
            e.ends_at <= to_ms(now - MISSED_AFTER),
            e.ends_at > to_ms(now - FORGOTTEN_AFTER),
            c.stopped_at.is_(None),
            c.consents != "",
            not_(exists().where(t.staff.c.contact_id == c.id)),
            not_(exists().where(other.c.contact_id == b.contact_id, other.c.id != b.id, other.c.came.is_(True))),
            not_(
                exists().where(
                    other.c.contact_id == b.contact_id,
                    other.c.status.in_(sorted(LIVE)),
                    coming.c.id == other.c.event_id,
                    coming.c.ends_at > to_ms(now),
                )
            ),
        )
    )
    return [
        (contact_id, Reason(Why.CAME_ONCE, from_ms(ends_at), text_in(as_event(row).title, "en")))
        for contact_id, ends_at, *row in rows
    ]


async def _calls(connection: AsyncConnection, contact_ids: Collection[int]) -> dict[int, list[Call]]:
    c, found = t.calls.c, dict[int, list[Call]]()
    for some in _some(contact_ids):
        rows = await connection.execute(
            select(c.contact_id, c.outcome, c.at, c.again_at).where(c.contact_id.in_(some)).order_by(c.at, c.id)
        )
        for contact_id, outcome, at, again_at in rows:
            call = Call(Outcome(outcome), from_ms(at), None if again_at is None else from_ms(again_at))
            found.setdefault(contact_id, []).append(call)
    return found


async def _people(
    connection: AsyncConnection,
    vault: Vault,
    reasons: Mapping[int, tuple[Reason, ...]],
    calls: Mapping[int, list[Call]],
) -> dict[int, ToCall]:
    """All that whoever calls must know, opened, by contact."""
    found = {}
    for some in _some(reasons):
        facts = await _facts(connection, vault, some)
        addresses = await _addresses(connection, vault, some)
        worries = await _worries(connection, vault, some)
        c = t.contacts.c
        rows = await connection.execute(select(c.id, c.language, c.hours).where(c.id.in_(some)))
        for id, language, hours in rows:
            said = facts.get(id, {})
            needs = {*_several(said.get("meeting")), *_several(said.get("reading"))}
            helps = tuple(need for need in _HELPS if need in needs)
            spoken = str(said.get("interpreter_language", "")) if "interpreter" in helps else ""
            name = said.get("nickname", "")
            found[id] = ToCall(
                contact_id=id,
                nickname="" if name == PREFER_NOT_TO_SAY else str(name),
                addresses=addresses.get(id, ()),
                language=language,
                helps=helps,
                interpreter_language="" if spoken == PREFER_NOT_TO_SAY else spoken,
                hours=hours,
                worry=worries.get(id, ""),
                tries=_tries(calls.get(id, ())),
                reasons=reasons[id],
            )
    return found


def _tries(calls: Iterable[Call]) -> int:
    count = 0
    for call in calls:
        count = count + 1 if call.outcome is Outcome.NOT_REACHED else 0
    return count


async def _facts(connection: AsyncConnection, vault: Vault, some: Collection[int]) -> dict[int, dict[str, Any]]:
    p, found = t.profile.c, dict[int, dict[str, Any]]()
    rows = await connection.execute(
        select(p.contact_id, p.field, p.sealed).where(p.contact_id.in_(some), p.field.in_(_FIELDS))
    )
    for contact_id, name, sealed in rows:
        found.setdefault(contact_id, {})[name] = orjson.loads(vault.open(sealed, contact_id))[0]
    return found


async def _addresses(connection: AsyncConnection, vault: Vault, some: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Their own and those that they share, phones first; a phone that takes no texts can still ring."""
    u, s, found = t.urns.c, t.sharers.c, dict[int, list[str]]()
    own = select(u.contact_id, u.contact_id, u.sealed, u.created_at).where(u.contact_id.in_(some))
    shared = (
        select(s.contact_id, u.contact_id, u.sealed, u.created_at)
        .join(t.sharers, s.urn_key == u.key)
        .where(s.contact_id.in_(some))
    )
    rows = [*(await connection.execute(own)).all(), *(await connection.execute(shared)).all()]
    for contact_id, owner, sealed, _ in sorted(rows, key=lambda row: -row[3]):
        address = vault.open(sealed, owner).decode()
        if address not in found.setdefault(contact_id, []):
            found[contact_id].append(address)
    return {id: tuple(sorted(those, key=lambda one: not one.startswith("tel:"))) for id, those in found.items()}


async def _worries(connection: AsyncConnection, vault: Vault, some: Collection[int]) -> dict[int, str]:
    """What each last said that worries them about coming: it goes to no evaluation, and stands in the session."""
    s, found = t.sessions.c, dict[int, str]()
    rows = await connection.execute(
        select(s.contact_id, s.flow, s.version, s.sprint, s.sealed)
        .where(s.contact_id.in_(some), s.flow == _WORRY_FLOW)
        .order_by(s.heard_at, s.id)
    )
    for contact_id, flow, version, sprint, sealed in rows:
        with suppress(ValueError, KeyError, TypeError):  # of a form that we do not know any more
            session, _ = restored(flow, version, sprint, vault.open(sealed, contact_id))
            worry = session.answers.get(_WORRY)
            if isinstance(worry, str) and worry and worry != PREFER_NOT_TO_SAY:
                found[contact_id] = worry
    return found


def _several(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else ()


def _some(contact_ids: Collection[int]) -> Iterator[list[int]]:
    """A statement takes only so many values."""
    all_of_them = sorted(contact_ids)
    for at in range(0, len(all_of_them), _AT_ONCE):
        yield all_of_them[at : at + _AT_ONCE]
