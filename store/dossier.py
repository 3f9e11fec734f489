"""Everything that we keep about one person, opened, for them to read and to take elsewhere (UK GDPR, articles 15, 20).

The names of the fields are those of the file that they get.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.event import Texts
from flows.conditions import Answer
from store import tables as t
from store.sessions import restored
from store.times import from_ms
from store.turns import opened_message
from store.vault import Vault

#: How the dispatcher calls what it passes on from one person to another.
_RELAY = re.compile(r"/r\d+$")


@dataclass(frozen=True, slots=True)
class AddressKept:
    """`shared`: several people use that phone. `blocked_since`: it has taken nothing from us since then."""

    address: str
    since: datetime
    shared: bool
    blocked_since: datetime | None


@dataclass(frozen=True, slots=True)
class ConsentKept:
    """A yes or no to one purpose. `questionnaire`, `version` and `question` name the words that were asked; where it
    was a command or a list, `questionnaire` says so.
    """

    purpose: str
    given: bool
    questionnaire: str
    version: int
    question: str
    language: str
    channel: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FactKept:
    """`source` is who said it: self, carer, import or team."""

    field: str
    value: Answer
    label: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AnswerKept:
    """`label` is the value in English words. `helper` is who answered in their place. `withdrawn`: an earlier answer
    was changed, or they had it deleted; what was said is gone.
    """

    questionnaire: str
    version: int
    question: str
    value: Answer
    label: str
    language: str
    channel: str
    helper: str
    at: datetime
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class RunKept:
    """One run through a questionnaire, with the answers that it keeps in order to go on."""

    questionnaire: str
    version: int
    channel: str
    started_at: datetime
    last_heard_at: datetime
    outcome: str
    answers: Mapping[str, Answer]


@dataclass(frozen=True, slots=True)
class MessageKept:
    """`from_us`: we said it. `own_phone`: it went to, or came from, an address that is theirs now."""

    from_us: bool
    text: str
    channel: str
    own_phone: bool
    at: datetime
    sent_at: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class CareKept:
    """A link between somebody and their carer. `theirs`: the person cares for somebody, and is not cared for. `name`
    is what the carer knows the person by.
    """

    theirs: bool
    scope: str
    name: str
    since: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AlertKept:
    """That a person of the team was told of them."""

    kind: str
    detail: str
    raised_at: datetime
    taken_at: datetime | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class CodeKept:
    """A code or link that was made for them; the code itself is not kept."""

    kind: str
    made_at: datetime
    expires_at: datetime | None
    times_used: int


@dataclass(frozen=True, slots=True)
class PlannedKept:
    """Something that falls due for them."""

    kind: str
    questionnaire: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class BookingKept:
    """A place at an event, or the wish for one. `title` is by language, `begins_at` empty where the event is gone.
    `came` is empty until somebody has looked. `reason` is why they gave it up or did not come.
    """

    event: int | None
    title: Texts
    begins_at: datetime | None
    status: str
    number_in_order: int
    companions: int
    came: bool | None
    companions_came: int
    reason: str
    asked_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class DutyKept:
    """What they do at an event beside attending it. `note` is what they wrote of it afterwards."""

    event: int | None
    title: Texts
    begins_at: datetime | None
    role: str
    note: str
    since: datetime


@dataclass(frozen=True, slots=True)
class TaskKept:
    """What is arranged for them at an event: what they need there. `theirs`: it is for another, and theirs to do."""

    event: int | None
    title: Texts
    kind: str
    theirs: bool
    due_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class DemandKept:
    """What they want more of, and where."""

    kind: str
    district: str
    at: datetime


@dataclass(frozen=True, slots=True)
class InterestKept:
    """That they put themselves forward for something."""

    title: Texts
    at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class ToldKept:
    """That they got a newsletter, by what the team calls it. `theirs`: it answers what they had said."""

    name: str
    theirs: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class CallKept:
    """That the team called them, what came of it, and what was noted."""

    outcome: str
    note: str
    at: datetime
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class StaffKept:
    name: str
    role: str
    turn: int | None
    hours: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Dossier:
    """`evaluation_name` is the made-up name under which their answers are kept for the evaluation. `consents_now` are
    the purposes that they agree to now, `consents` the record of all they said. `messages_left_out` counts those to
    somebody of the team that hold other people's words (article 15 (4)).
    """

    made_at: datetime
    language: str | None
    since: datetime
    stopped_at: datetime | None
    hours: str
    discreet: bool
    roles: tuple[str, ...]
    evaluation_name: str
    addresses: tuple[AddressKept, ...]
    names_on_shared_phones: tuple[str, ...]
    consents_now: tuple[str, ...]
    consents: tuple[ConsentKept, ...]
    profile: tuple[FactKept, ...]
    answers: tuple[AnswerKept, ...]
    questionnaires: tuple[RunKept, ...]
    messages: tuple[MessageKept, ...]
    messages_left_out: int
    carers: tuple[CareKept, ...]
    alerts: tuple[AlertKept, ...]
    codes: tuple[CodeKept, ...]
    planned: tuple[PlannedKept, ...]
    bookings: tuple[BookingKept, ...]
    duties: tuple[DutyKept, ...]
    arranged: tuple[TaskKept, ...]
    wanted: tuple[DemandKept, ...]
    interests: tuple[InterestKept, ...]
    news: tuple[ToldKept, ...]
    calls: tuple[CallKept, ...]
    team: StaffKept | None


async def dossier(connection: AsyncConnection, vault: Vault, contact_id: int, now: datetime) -> Dossier | None:
    """All of it, each list from the oldest on; None where there is no such person any more."""
    contacts = t.contacts.c
    person = (await connection.execute(select(t.contacts).where(contacts.id == contact_id))).first()
    if person is None:
        return None
    reading = _Reading(connection, vault, contact_id)
    team = await reading.team()
    messages, left_out = await reading.messages(on_team=team is not None)
    return Dossier(
        made_at=now,
        language=person.language,
        since=from_ms(person.created_at),
        stopped_at=_at(person.stopped_at),
        hours=person.hours,
        discreet=bool(person.discreet),
        roles=tuple(person.roles.split()),
        evaluation_name=vault.participant(contact_id),
        addresses=await reading.addresses(),
        names_on_shared_phones=await reading.names_on_shared_phones(),
        consents_now=tuple(person.consents.split()),
        consents=await reading.consents(),
        profile=await reading.profile(),
        answers=await reading.answers(),
        questionnaires=await reading.questionnaires(),
        messages=messages,
        messages_left_out=left_out,
        carers=await reading.carers(),
        alerts=await reading.alerts(),
        codes=await reading.codes(),
        planned=await reading.planned(),
        bookings=await reading.bookings(),
        duties=await reading.duties(),
        arranged=await reading.arranged(),
        wanted=await reading.wanted(),
        interests=await reading.interests(),
        news=await reading.news(),
        calls=await reading.calls(),
        team=team,
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Whose rows are read, and what opens them."""

    connection: AsyncConnection
    vault: Vault
    contact_id: int

    async def addresses(self) -> tuple[AddressKept, ...]:
        """Their own, and the phones of others that they share."""
        u, s = t.urns.c, t.sharers.c
        shared = select(s.urn_key).where(s.contact_id == self.contact_id)
        rows = await self._rows(
            select(u.contact_id, u.sealed, u.created_at, u.shared, u.blocked_at)
            .where((u.contact_id == self.contact_id) | u.key.in_(shared))
            .order_by(u.created_at, u.key)
        )
        return tuple(
            AddressKept(
                self.vault.open(row.sealed, row.contact_id).decode(),
                from_ms(row.created_at),
                bool(row.shared),
                _at(row.blocked_at),
            )
            for row in rows
        )

    async def names_on_shared_phones(self) -> tuple[str, ...]:
        s = t.sharers.c
        rows = await self._rows(select(s.sealed).where(s.contact_id == self.contact_id).order_by(s.created_at))
        return tuple(self._open(row.sealed).decode() for row in rows)

    async def consents(self) -> tuple[ConsentKept, ...]:
        c = t.consents.c
        rows = await self._rows(
            select(c.purpose, c.given, c.flow, c.version, c.question, c.language, c.channel, c.at)
            .where(c.contact_id == self.contact_id)
            .order_by(c.at, c.id)
        )
        return tuple(
            ConsentKept(
                row.purpose,
                bool(row.given),
                row.flow,
                row.version,
                row.question,
                row.language,
                row.channel,
                from_ms(row.at),
            )
            for row in rows
        )

    async def profile(self) -> tuple[FactKept, ...]:
        p = t.profile.c
        rows = await self._rows(
            select(p.field, p.sealed, p.source, p.said_at)
            .where(p.contact_id == self.contact_id)
            .order_by(p.said_at, p.field)
        )
        return tuple(
            FactKept(field, *self._answer(sealed), source, from_ms(said_at)) for field, sealed, source, said_at in rows
        )

    async def answers(self) -> tuple[AnswerKept, ...]:
        a = t.answers.c
        rows = await self._rows(
            select(
                a.flow,
                a.version,
                a.question,
                a.sealed,
                a.language,
                a.channel,
                a.helper,
                a.answered_at,
                a.withdrawn,
            )
            .where(a.contact_id == self.contact_id)
            .order_by(a.answered_at, a.id)
        )
        return tuple(
            AnswerKept(
                row.flow,
                row.version,
                row.question,
                *self._answer(row.sealed),
                row.language,
                row.channel,
                row.helper,
                from_ms(row.answered_at),
                bool(row.withdrawn),
            )
            for row in rows
        )

    async def questionnaires(self) -> tuple[RunKept, ...]:
        s = t.sessions.c
        rows = await self._rows(
            select(s.flow, s.version, s.sprint, s.sealed, s.channel, s.started_at, s.heard_at, s.outcome)
            .where(s.contact_id == self.contact_id)
            .order_by(s.started_at, s.id)
        )
        return tuple(
            RunKept(
                row.flow,
                row.version,
                row.channel,
                from_ms(row.started_at),
                from_ms(row.heard_at),
                row.outcome,
                self._kept_in_session(row),
            )
            for row in rows
        )

    def _kept_in_session(self, row: Any) -> Mapping[str, Answer]:
        data = self._open(row.sealed)
        try:
            return restored(row.flow, row.version, row.sprint, data)[0].answers
        except (ValueError, KeyError, TypeError):  # of a form that we do not know any more: nobody reads it
            return {}

    async def messages(self, *, on_team: bool) -> tuple[tuple[MessageKept, ...], int]:
        """Both sides, and how many are left out: what was passed on to somebody of the team from others."""
        u, i, o = t.urns.c, t.inbox.c, t.outbox.c
        own = {row.key for row in await self._rows(select(u.key).where(u.contact_id == self.contact_id))}
        heard = await self._rows(
            select(i.id, i.sealed, i.channel, i.urn_key, i.received_at).where(i.contact_id == self.contact_id)
        )
        # new buttons for an earlier message are no message of their own
        said = await self._rows(
            select(o.id, o.key, o.sealed, o.channel, o.urn_key, o.created_at, o.sent_at, o.status).where(
                o.contact_id == self.contact_id, o.edits.is_(None)
            )
        )
        found = [
            (
                row.id,
                MessageKept(
                    False,
                    self._open(row.sealed).decode(),
                    row.channel,
                    row.urn_key in own,
                    from_ms(row.received_at),
                    None,
                    "",
                ),
            )
            for row in heard
        ]
        shown = [row for row in said if not (on_team and _passes_on(row.key))]
        found += [
            (
                row.id,
                MessageKept(
                    True,
                    opened_message(self._open(row.sealed))[0],
                    row.channel,
                    row.urn_key in own,
                    from_ms(row.created_at),
                    _at(row.sent_at),
                    row.status,
                ),
            )
            for row in shown
        ]
        in_order = sorted(found, key=lambda pair: pair[0])  # ids sort by time
        return tuple(message for _, message in in_order), len(said) - len(shown)

    async def carers(self) -> tuple[CareKept, ...]:
        k = t.carers.c
        rows = await self._rows(
            select(k.contact_id, k.scope, k.sealed, k.since, k.ended_at)
            .where((k.contact_id == self.contact_id) | (k.carer_id == self.contact_id))
            .order_by(k.since, k.id)
        )
        return tuple(
            CareKept(
                row.contact_id != self.contact_id,
                row.scope,
                self.vault.open(row.sealed, row.contact_id).decode(),
                from_ms(row.since),
                _at(row.ended_at),
            )
            for row in rows
        )

    async def alerts(self) -> tuple[AlertKept, ...]:
        a = t.alerts.c
        rows = await self._rows(
            select(a.kind, a.detail, a.created_at, a.taken_at, a.done_at)
            .where(a.contact_id == self.contact_id)
            .order_by(a.id)
        )
        return tuple(
            AlertKept(kind, detail, from_ms(raised), _at(taken), _at(done))
            for kind, detail, raised, taken, done in rows
        )

    async def codes(self) -> tuple[CodeKept, ...]:
        c = t.codes.c
        rows = await self._rows(
            select(c.kind, c.created_at, c.expires_at, c.used)
            .where(c.contact_id == self.contact_id)
            .order_by(c.created_at, c.key)
        )
        return tuple(CodeKept(kind, from_ms(made), _at(ends), used) for kind, made, ends, used in rows)

    async def planned(self) -> tuple[PlannedKept, ...]:
        f = t.fires.c
        rows = await self._rows(
            select(f.kind, f.flow, f.due_at).where(f.contact_id == self.contact_id).order_by(f.due_at, f.id)
        )
        # only that of a flow names one: others keep there what they need for themselves
        return tuple(
            PlannedKept(kind, (flow or "") if kind == "flow" else "", from_ms(due_at)) for kind, flow, due_at in rows
        )

    async def bookings(self) -> tuple[BookingKept, ...]:
        b, e = t.bookings.c, t.events.c
        rows = await self._rows(
            select(t.bookings, e.number, e.document, e.starts_at)
            .join(t.events, e.id == b.event_id, isouter=True)
            .where(b.contact_id == self.contact_id)
            .order_by(b.asked_at, b.id)
        )
        return tuple(
            BookingKept(
                row.number,
                _title(row.document),
                _at(row.starts_at),
                row.status,
                row.position,
                row.companions,
                None if row.came is None else bool(row.came),
                row.companions_came,
                self._words(row.sealed),
                from_ms(row.asked_at),
                from_ms(row.changed_at),
            )
            for row in rows
        )

    async def duties(self) -> tuple[DutyKept, ...]:
        d, e = t.duties.c, t.events.c
        rows = await self._rows(
            select(d.role, d.sealed, d.created_at, e.number, e.document, e.starts_at)
            .join(t.events, e.id == d.event_id, isouter=True)
            .where(d.contact_id == self.contact_id)
            .order_by(d.created_at, d.event_id, d.role)
        )
        return tuple(
            DutyKept(
                row.number,
                _title(row.document),
                _at(row.starts_at),
                row.role,
                self._words(row.sealed),
                from_ms(row.created_at),
            )
            for row in rows
        )

    async def arranged(self) -> tuple[TaskKept, ...]:
        """What they need, and what they see to for others: of whom is not told."""
        k, e = t.tasks.c, t.events.c
        rows = await self._rows(
            select(k.contact_id, k.kind, k.due_at, k.settled_at, e.number, e.document)
            .join(t.events, e.id == k.event_id, isouter=True)
            .where((k.contact_id == self.contact_id) | (k.owner_id == self.contact_id))
            .order_by(k.due_at, k.id)
        )
        return tuple(
            TaskKept(
                row.number,
                _title(row.document),
                row.kind,
                row.contact_id != self.contact_id,
                from_ms(row.due_at),
                _at(row.settled_at),
            )
            for row in rows
        )

    async def wanted(self) -> tuple[DemandKept, ...]:
        d = t.demands.c
        rows = await self._rows(
            select(d.kind, d.district, d.at).where(d.contact_id == self.contact_id).order_by(d.at, d.id)
        )
        return tuple(DemandKept(kind, district, from_ms(at)) for kind, district, at in rows)

    async def interests(self) -> tuple[InterestKept, ...]:
        i, o = t.interests.c, t.opportunities.c
        rows = await self._rows(
            select(i.at, i.withdrawn_at, o.document)
            .join(t.opportunities, o.id == i.opportunity_id, isouter=True)
            .where(i.contact_id == self.contact_id)
            .order_by(i.at, i.id)
        )
        return tuple(InterestKept(_title(row.document), from_ms(row.at), _at(row.withdrawn_at)) for row in rows)

    async def news(self) -> tuple[ToldKept, ...]:
        n, b = t.newsletter_told.c, t.broadcasts.c
        rows = await self._rows(
            select(n.theirs, n.at, b.document)
            .join(t.broadcasts, b.id == n.broadcast_id, isouter=True)
            .where(n.contact_id == self.contact_id)
            .order_by(n.at, n.id)
        )
        return tuple(ToldKept(_name(row.document), bool(row.theirs), from_ms(row.at)) for row in rows)

    async def calls(self) -> tuple[CallKept, ...]:
        c = t.calls.c
        rows = await self._rows(
            select(c.outcome, c.sealed, c.at, c.again_at).where(c.contact_id == self.contact_id).order_by(c.at, c.id)
        )
        return tuple(CallKept(row.outcome, self._words(row.sealed), from_ms(row.at), _at(row.again_at)) for row in rows)

    async def team(self) -> StaffKept | None:
        s = t.staff.c
        rows = await self._rows(
            select(s.sealed, s.role, s.turn, s.hours, s.created_at).where(s.contact_id == self.contact_id)
        )
        return next(
            (
                StaffKept(self._open(row.sealed).decode(), row.role, row.turn, row.hours, from_ms(row.created_at))
                for row in rows
            ),
            None,
        )

    async def _rows(self, statement: Select[Any]) -> list[Any]:
        return list((await self.connection.execute(statement)).all())

    def _open(self, sealed: bytes) -> bytes:
        return self.vault.open(sealed, self.contact_id)

    def _words(self, sealed: bytes | None) -> str:
        return "" if sealed is None else self._open(sealed).decode()

    def _answer(self, sealed: bytes) -> tuple[Answer, str]:
        value, label = orjson.loads(self._open(sealed))
        return tuple(value) if isinstance(value, list) else value, label


def _title(document: str | None) -> Texts:
    """What an event or an opportunity is called, by language; nothing where it is gone."""
    return {} if document is None else orjson.loads(document)["title"]


def _name(document: str | None) -> str:
    """What the team calls a newsletter; nothing where it is gone."""
    return "" if document is None else str(orjson.loads(document)["name"])


def _passes_on(key: str) -> bool:
    """Whether a message's key says that it may bring others' words: it is a relay, or an errand's."""
    return key.startswith("errand/") or _RELAY.search(key) is not None


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)
