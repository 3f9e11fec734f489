"""Who said something: those who answered a question so, were at an event, or asked for more of something.

Read from the operational store, which alone knows people; in pages, in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.contact import Purpose
from domain.newsletter import Answered, Heard, Owed
from flows.conditions import PREFER_NOT_TO_SAY
from flows.library import Library
from flows.model import Flow, Text, YesNo
from store import tables as t
from store.bulk import Fetch, fetch
from store.database import HotTransaction
from store.newsletter_rules import counts
from store.times import from_ms, to_ms
from store.vault import Vault

#: The forms that follow events. Their answers say of which event they are.
FEEDBACK = ("event_feedback", "training_feedback")
_ALWAYS = (0, (1 << 62))
_OF_LAST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Search:
    """Who is meant by what was heard: `questions` are those whose answers count, by their questionnaires; `between`
    are the moments (ms) from which and before which it was said.
    """

    heard: Heard
    questions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    between: tuple[int, int] = _ALWAYS


def search(heard: Heard, library: Library, zone: ZoneInfo) -> Search:
    since, until = _ALWAYS
    if heard.since is not None:
        since = _midnight(heard.since, zone)
    if heard.until is not None:
        until = _midnight(heard.until + timedelta(days=1), zone)
    if heard.questionnaire:
        flows = [library.flows[heard.questionnaire]] if heard.questionnaire in library.flows else []
    elif heard.feedback_on is not None:
        flows = [library.flows[id] for id in FEEDBACK if id in library.flows]
    else:
        flows = [flow for flow in library.flows.values() if asks_opinions(flow) or flow.id in FEEDBACK]
    questions = {flow.id: tuple(one.name for one in counts(flow)) for flow in flows}
    if heard.question:
        questions = {id: (heard.question,) for id in questions}
    return Search(heard, questions, (since, until))


def asks_opinions(flow: Flow) -> bool:
    """Whether people are asked what they think: with their consent to be asked, and not to know who they are."""
    asked = any(isinstance(one, YesNo) and one.consent is Purpose.QUESTIONNAIRES for one in flow.asked())
    return asked and any(one.kept is None for one in counts(flow)) and not any(one.kept for one in counts(flow))


def own_words(flow: Flow) -> list[str]:
    """The questions of it that people answer in their own words."""
    return [one.name for one in counts(flow) if isinstance(one, Text)]


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_ms(datetime.combine(day, time(0), zone).astimezone(UTC))


_ANSWERS = (
    "SELECT contact_id, sealed FROM answers WHERE contact_id > {value} AND flow {keys} AND question {keys}"
    " AND answered_at >= {value} AND answered_at < {value} AND NOT withdrawn"
)
_CAME = (
    "SELECT b.contact_id FROM bookings b JOIN events e ON e.id = b.event_id"
    " WHERE b.contact_id > {value} AND e.number = {value} AND b.came ORDER BY b.contact_id LIMIT {value}"
)
_WANTED = (
    "SELECT contact_id FROM demands WHERE contact_id > {value} AND kind = {value} AND at >= {value} AND at < {value}"
)


async def next_sayers(tx: HotTransaction, vault: Vault, found: Search, after: int, limit: int) -> list[int]:
    """The next people after that contact who said it, by their ids."""
    heard, (since, until) = found.heard, found.between
    if heard.came_to is not None:
        (rows,) = await tx.fetch(fetch(_CAME, after, heard.came_to, limit))
        return [id for (id,) in rows]
    if heard.wanted:
        (rows,) = await tx.fetch(_wanted(heard, after, since, until, limit))
        return [id for (id,) in rows]
    flows = list(found.questions)
    questions = sorted({name for names in found.questions.values() for name in names})
    text, values = _ANSWERS, [after, flows, questions, since, until]
    if heard.feedback_on is not None:
        text += " AND event_id IN (SELECT id FROM events WHERE number = {value})"
        values.append(heard.feedback_on)
    (rows,) = await tx.fetch(fetch(text + " ORDER BY contact_id", *values))
    ids: list[int] = []
    for id, sealed in rows:
        if ids and ids[-1] == id:
            continue
        if len(ids) == limit:
            break
        if _is_said(orjson.loads(vault.open(sealed, id))[0], heard.answers):
            ids.append(id)
    return ids


def _wanted(heard: Heard, after: int, since: int, until: int, limit: int) -> Fetch:
    text, values = _WANTED, [after, heard.wanted, since, until]
    if heard.districts:
        text, values = text + " AND district {keys}", [*values, list(heard.districts)]
    return fetch(text + " ORDER BY contact_id LIMIT {value}", *values, limit)


def _is_said(value: Any, answers: tuple[str, ...]) -> bool:
    """Whether the answer is one that is meant; to say nothing is none."""
    values = value if isinstance(value, list) else [value]
    told = [str(one) for one in values if one not in ("", PREFER_NOT_TO_SAY)]
    return bool(told) and (not answers or not set(answers).isdisjoint(told))


async def count(tx: HotTransaction, vault: Vault, found: Search, page: int = 1000) -> int:
    """How many said it."""
    last, total = 0, 0
    while ids := await next_sayers(tx, vault, found, last, page):
        last, total = ids[-1], total + len(ids)
    return total


async def owed(
    connection: AsyncConnection, library: Library, answered: Answered, before: datetime, zone: ZoneInfo
) -> list[Owed]:
    """Where people said what they think before that moment, and at most a year earlier, and no item answers it; what
    was said first on top. A consultation counts as what was said there by those who came.
    """
    found = []
    earliest = before - _OF_LAST
    a, e, b = t.answers.c, t.events.c, t.bookings.c
    said = (func.count(a.contact_id.distinct()), func.min(a.answered_at), func.max(a.answered_at))
    for flow in library.flows.values():
        if not asks_opinions(flow):
            continue
        since = earliest
        if (until := answered.until(flow.id)) is not None:
            since = max(since, from_ms(_midnight(until + timedelta(days=1), zone)))
        names = [one.name for one in counts(flow)]
        row = (
            await connection.execute(
                select(*said).where(
                    a.flow == flow.id, a.question.in_(names), a.withdrawn.is_(False), a.event_id.is_(None),
                    a.answered_at >= to_ms(since), a.answered_at < to_ms(before),
                )
            )
        ).one()  # fmt: skip
        if row[0]:
            found.append(Owed(row[0], _day(row[1], zone), _day(row[2], zone), questionnaire=flow.id))
    over = (e.ends_at >= to_ms(earliest), e.ends_at < to_ms(before), e.number.not_in(sorted(answered.events) or [0]))
    people: dict[int, tuple[int, int]] = {}
    forms = (
        select(e.number, e.ends_at, func.count(a.contact_id.distinct()))
        .join(t.answers, a.event_id == e.id)
        .where(a.flow.in_(FEEDBACK), a.withdrawn.is_(False), *over)
        .group_by(e.number, e.ends_at)
    )
    came = (
        select(e.number, e.ends_at, func.count())
        .join(t.bookings, b.event_id == e.id)
        .where(b.came.is_(True), e.kind == "consultation", *over)
        .group_by(e.number, e.ends_at)
    )
    for statement in (forms, came):
        for number, ends_at, count in await connection.execute(statement):
            people[number] = (max(count, people.get(number, (0, 0))[0]), ends_at)
    for number, (count, ends_at) in people.items():
        found.append(Owed(count, _day(ends_at, zone), _day(ends_at, zone), event=number))
    return sorted(found, key=lambda one: (one.since, one.questionnaire, one.event or 0))


def _day(ms: int, zone: ZoneInfo) -> date:
    return from_ms(ms).astimezone(zone).date()
