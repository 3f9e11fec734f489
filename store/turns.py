"""What the dispatcher loads before a batch and saves after it, each in a handful of statements."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import func, select

from domain.contact import URN, Contact
from domain.message import Attachment
from store import tables as t
from store.bulk import delete, fetch, insert, update
from store.changes import Changes, Due, Loaded, Person, Phone, Queued, Talk
from store.database import Database, HotTransaction, Row
from store.programme import save_programme
from store.sessions import restored, stored
from store.times import from_ms, to_ms
from store.vault import Vault, WrongKey


def opened_message(sealed: bytes) -> tuple[str, tuple[tuple[tuple[str, str], ...], ...], Attachment | None]:
    """The text of an outbox row that was unsealed, its buttons as rows of (label, token to press), and its file."""
    text, token, rows, *file = orjson.loads(sealed)
    attachment = Attachment(file[0], file[1], b64decode(file[2])) if file else None
    return text, tuple(tuple((label, f"{token}.{option}") for label, option in row) for row in rows), attachment


def message_to_seal(message: Queued) -> bytes:
    """What `opened_message` reads. Most messages carry no file, and say nothing of one."""
    file = message.attachment
    if file is None:
        return orjson.dumps([message.text, message.token, message.buttons])
    content = b64encode(file.content).decode()
    return orjson.dumps([message.text, message.token, message.buttons, file.name, file.media_type, content])


_PEOPLE = (
    "SELECT u.key, u.contact_id, u.sealed, u.blocked_at, u.shared, u.voice_id, u.voice_until, u.held,"
    " c.language, c.stopped_at, c.session_id, c.consents, c.chatter, c.suspended_id, c.handover_id, c.roles, c.hours,"
    " c.discreet, c.wrong_codes, c.wrong_codes_at, c.id"
)
_PEOPLE_BY_URN = f"{_PEOPLE} FROM urns u JOIN contacts c ON c.id = u.contact_id WHERE u.key {{keys}} ORDER BY c.id"
#: By their own address or, on a shared phone, another's: the outer join keeps who has none of their own.
_PEOPLE_BY_ID = f"{_PEOPLE} FROM contacts c LEFT JOIN urns u ON u.contact_id = c.id WHERE c.id {{keys}} ORDER BY c.id"
_TALK_COLUMNS = (
    "s.id, s.contact_id, s.flow, s.version, s.sprint, s.sealed, s.channel, s.urn_key, s.started_at, s.heard_at,"
    " s.deadline_at, s.wakes_at"
)
_TALKS_BY_URN = (
    f"SELECT {_TALK_COLUMNS} FROM urns u JOIN contacts c ON c.id = u.contact_id"
    " JOIN sessions s ON s.id = c.session_id WHERE u.key {keys}"
)
_TALKS_BY_ID = f"SELECT {_TALK_COLUMNS} FROM contacts c JOIN sessions s ON s.id = c.session_id WHERE c.id {{keys}}"
_SUSPENDED = f"SELECT {_TALK_COLUMNS} FROM sessions s WHERE s.id {{keys}}"
_SEEN = "SELECT key FROM seen WHERE key {keys}"
_HEARD = "SELECT contact_id, MAX(received_at) FROM inbox WHERE contact_id {keys} GROUP BY contact_id"
_DUE = "SELECT id FROM fires WHERE id {keys}"


async def load(
    tx: HotTransaction, vault: Vault, urns: Mapping[int, URN], seen: list[int], due: Iterable[Due] = ()
) -> Loaded:
    """The people behind these addresses (by their keys) and fires, locked until the batch is saved.

    The sessions are read by a second statement: on PostgreSQL the first may wait for another replica's
    batch, and a statement sees what was committed before it began. The lock has a second use: it is written to
    PostgreSQL's log, so that the COMMIT waits for the standby even where nothing else is written (docs/adr/0022).
    """
    fires = list(due)
    reads = []
    if urns:
        keys = list(urns)
        reads = [
            fetch(_SEEN, seen),
            fetch(_PEOPLE_BY_URN, keys, locking=" FOR UPDATE OF c"),
            fetch(_TALKS_BY_URN, keys),
        ]
    if fires:
        ids = sorted({fire.contact_id for fire in fires})
        reads += [
            fetch(_DUE, [fire.id for fire in fires], locking=" FOR UPDATE SKIP LOCKED"),
            fetch(_PEOPLE_BY_ID, ids, locking=" FOR UPDATE OF c"),
            fetch(_TALKS_BY_ID, ids),
            fetch(_HEARD, sorted({fire.contact_id for fire in fires if fire.kind == "flow"})),
        ]
    rows = await tx.fetch(*reads)
    by_urn, by_fire = (rows[:3], rows[3:]) if urns else ([[], [], []], rows)
    by_fire = by_fire or [[], [], []]
    people: dict[int, Person] = {}
    known: dict[int, int] = {}
    blocked: set[int] = set()
    phones: dict[int, Phone] = {}
    for row in (*by_urn[1], *by_fire[1]):
        _person(vault, row, urns, people, known, blocked, phones)
    for row in (*by_urn[2], *by_fire[2]):
        _join(vault, people[row[1]], row)
    loaded = Loaded(
        frozenset(key for (key,) in by_urn[0]),
        known,
        people,
        frozenset(id for (id,) in by_fire[0]),
        frozenset(blocked),
        phones,
        {id: at for id, at in by_fire[3]} if len(by_fire) > 3 else {},
    )
    if waiting := [p for p in people.values() if p.contact.suspended_id is not None]:
        await _load_suspended(tx, vault, waiting)
    return loaded


async def load_more(tx: HotTransaction, vault: Vault, loaded: Loaded, contact_ids: Iterable[int]) -> None:
    """Further people, by their ids, locked as well; who is loaded already stays as they are."""
    ids = sorted(set(contact_ids) - loaded.people.keys())
    if not ids:
        return
    rows, talks = await tx.fetch(
        fetch(_PEOPLE_BY_ID, ids, locking=" FOR UPDATE OF c"),
        fetch(_TALKS_BY_ID, ids),
    )
    for row in rows:
        _person(vault, row, {}, loaded.people, {}, set(), {})
    for row in talks:
        _join(vault, loaded.people[row[1]], row)
    await _load_suspended(
        tx, vault, [loaded.people[id] for id in ids if id in loaded.people and loaded.people[id].contact.suspended_id]
    )


async def _load_suspended(tx: HotTransaction, vault: Vault, people: Iterable[Person]) -> None:
    by_session = {p.contact.suspended_id: p for p in people if p.contact.suspended_id is not None}
    if not by_session:
        return
    (rows,) = await tx.fetch(fetch(_SUSPENDED, sorted(by_session)))
    for row in rows:
        with suppress(KeyError, TypeError, ValueError):  # what cannot be read is not gone back to
            by_session[row[0]].suspended = _talk(vault, row)


def _person(
    vault: Vault,
    row: Row,
    urns: Mapping[int, URN],
    people: dict[int, Person],
    known: dict[int, int],
    blocked: set[int],
    phones: dict[int, Phone],
) -> None:
    """One row of `_PEOPLE`: a person, and one of their addresses."""
    (
        key,
        owner_id,
        sealed,
        blocked_at,
        shared,
        voice_id,
        voice_until,
        held,
        language,
        stopped_at,
        session_id,
        consents,
        chatter,
        suspended_id,
        handover_id,
        roles,
        hours,
        discreet,
        wrong_codes,
        wrong_codes_at,
        id,
    ) = row
    if key in urns and vault.open(sealed, owner_id).decode() != str(urns[key]):
        raise WrongKey("two addresses have one key")  # one in some 20 million for a million contacts
    if key is not None:
        known[key] = id
        if blocked_at is not None:
            blocked.add(key)
        if shared or voice_id is not None:
            words = None if held is None else vault.open(held, owner_id).decode()
            phones[key] = Phone(key, owner_id, bool(shared), voice_id, voice_until, words)
    contact = Contact(
        id,
        language,
        None if stopped_at is None else from_ms(stopped_at),
        session_id,
        _names(consents),
        suspended_id,
        handover_id,
        _names(roles),
        hours,
        bool(discreet),
        wrong_codes,
        wrong_codes_at,
    )
    people[id] = Person(contact, chatter)


@lru_cache(maxsize=1024)
def _names(listed: str) -> frozenset[str]:
    """What somebody agreed to, or their roles, as stored by `_listed`. Most people of a batch have the same."""
    return frozenset(listed.split())


@lru_cache(maxsize=1024)
def _listed(names: frozenset[str]) -> str:
    return " ".join(sorted(names))


def _join(vault: Vault, person: Person, row: Row) -> None:
    try:
        person.talk = _talk(vault, row)
    except (KeyError, TypeError, ValueError):
        person.unreadable = True


def _talk(vault: Vault, row: Any) -> Talk:
    (
        id,
        contact_id,
        flow,
        version,
        sprint,
        sealed,
        channel,
        urn_key,
        started_at,
        heard_at,
        deadline_at,
        wakes_at,
    ) = row
    session, asked = restored(flow, version, sprint, vault.open(sealed, contact_id))
    return Talk(id, contact_id, session, channel, urn_key, started_at, heard_at, deadline_at, wakes_at, asked=asked)


_INSERT_SEEN = insert(t.seen, ("key", "seen_at"))
_INSERT_INBOX = insert(t.inbox, ("id", "contact_id", "channel", "sealed", "received_at", "urn_key"))
_CONTACT = (
    "language",
    "stopped_at",
    "session_id",
    "consents",
    "chatter",
    "suspended_id",
    "handover_id",
    "roles",
    "hours",
    "discreet",
    "wrong_codes",
    "wrong_codes_at",
)
_INSERT_CONTACTS = insert(t.contacts, ("id", *_CONTACT, "created_at"))
_UPDATE_CONTACTS = update(t.contacts, _CONTACT)
_INSERT_URNS = insert(t.urns, ("key", "contact_id", "scheme", "sealed", "created_at"))
BLOCK_URNS = update(t.urns, ("blocked_at",), key="key")
#: What waits for somebody who told us to stop, or for an address that takes nothing more.
CANCEL_FOR_CONTACT = update(t.outbox, ("status",), key="contact_id", only="status IN ('queued', 'errored')")
CANCEL_FOR_URN = update(
    t.outbox, ("status",), key="contact_id", also_key="urn_key", only="status IN ('queued', 'errored')"
)
_TALK = ("urn_key", "channel", "sprint", "sealed", "outcome", "heard_at", "deadline_at", "wakes_at")
_INSERT_SESSIONS = insert(t.sessions, (*_TALK, "id", "contact_id", "flow", "version", "started_at"))
_UPDATE_SESSIONS = update(t.sessions, _TALK)
_INSERT_ANSWERS = insert(
    t.answers,
    (
        "id",
        "session_id",
        "contact_id",
        "flow",
        "version",
        "question",
        "revision",
        "withdrawn",
        "sealed",
        "language",
        "channel",
        "helper",
        "answered_at",
        "exported_at",
        "event_id",
    ),
    update_on=("session_id", "question"),
)
_INSERT_OUTBOX = insert(
    t.outbox,
    (
        "id",
        "key",
        "contact_id",
        "urn_key",
        "channel",
        "message_class",
        "status",
        "sealed",
        "send_after",
        "expires_at",
        "edits",
        "created_at",
    ),
)
_INSERT_FIRES = insert(
    t.fires,
    ("id", "key", "kind", "contact_id", "urn_key", "channel", "session_id", "flow", "due_at"),
    update_on=("key",),
)
_DELETE_FIRES = delete(t.fires)
_INSERT_CONSENTS = insert(
    t.consents,
    ("id", "contact_id", "purpose", "given", "flow", "version", "question", "language", "channel", "at"),
)
_INSERT_ALERTS = insert(t.alerts, ("id", "kind", "contact_id", "detail", "urn_key", "channel", "created_at"))
_PUT_PROFILE = insert(
    t.profile, ("contact_id", "field", "sealed", "source", "said_at"), update_on=("contact_id", "field")
)
_UPDATE_PHONES = update(t.urns, ("shared", "voice_id", "voice_until", "held"), key="key")
_PUT_SHARERS = insert(t.sharers, ("urn_key", "contact_id", "sealed", "created_at"), update_on=("urn_key", "contact_id"))
_INSERT_CODES = insert(
    t.codes, ("key", "kind", "contact_id", "sealed", "uses", "expires_at", "created_at"), update_on=("key",)
)
_USE_CODES = update(t.codes, ("uses", "used"), key="key")
_HEAR_HANDOVERS = update(t.alerts, ("heard_at",))
_END_CARERS = update(t.carers, ("ended_at",), key="contact_id", only="ended_at IS NULL")
_SCOPE_CARERS = update(t.carers, ("scope",), key="contact_id", only="ended_at IS NULL")


def save(tx: HotTransaction, vault: Vault, ids: Any, now_ms: int, changes: Changes) -> None:
    """Write all of it; it counts when the transaction ends."""
    seal = vault.seal
    write = tx.write
    write(_INSERT_SEEN, changes.seen)
    write(_INSERT_CONTACTS, [(i, *_contact_row(p), now_ms) for i, p in changes.new_people.items()])
    write(
        _UPDATE_CONTACTS,
        [(*_contact_row(p), i) for i, p in changes.people.items() if i not in changes.new_people],
    )
    write(
        _INSERT_URNS,
        [
            (key, i, urn.scheme, seal(str(urn).encode("utf-8", "replace"), i), now_ms)
            for key, i, urn in changes.new_urns
        ],
    )
    write(BLOCK_URNS, [(at, key) for key, at in changes.blocked.items()])
    write(
        _INSERT_INBOX,
        [
            (n, i, channel, seal(text.encode("utf-8", "replace"), i), at, key)
            for n, i, channel, text, at, key in changes.inbox
        ],
    )
    write(
        _INSERT_SESSIONS,
        [
            (*_talk_row(vault, k), k.id, k.contact_id, k.session.flow, k.session.version, k.started_at)
            for k in changes.new_talks.values()
        ],
    )
    write(
        _UPDATE_SESSIONS,
        [(*_talk_row(vault, k), k.id) for k in changes.talks.values() if k.id not in changes.new_talks],
    )
    write(
        _INSERT_ANSWERS,
        [
            (
                ids(),
                a.session_id,
                a.contact_id,
                a.flow,
                a.version,
                a.question,
                a.revision,
                a.withdrawn,
                seal(orjson.dumps([a.value, a.label]), a.contact_id),
                a.language,
                a.channel,
                a.helper,
                a.answered_at,
                None,
                a.event_id,
            )
            for a in changes.answers.values()
        ],
    )
    write(CANCEL_FOR_CONTACT, [("cancelled", i) for i in changes.cancelled_for_contact])
    write(CANCEL_FOR_URN, [("cancelled", *pair) for pair in changes.cancelled_for_urn])
    write(
        _INSERT_OUTBOX,
        [
            (
                m.id,
                m.key,
                m.contact_id,
                m.urn_key,
                m.channel,
                int(m.message_class),
                "queued",
                seal(message_to_seal(m), m.contact_id),
                m.send_after,
                m.expires_at,
                m.edits,
                now_ms,
            )
            for m in changes.outbox
        ],
    )
    write(_INSERT_FIRES, [(ids(), *fire) for fire in changes.fires.values()])
    write(_DELETE_FIRES, changes.done_fires)
    write(_INSERT_CONSENTS, [(ids(), *consent) for consent in changes.consents])
    write(
        _INSERT_ALERTS,
        [(a.id, a.kind, a.contact_id, a.detail, a.urn_key, a.channel, now_ms) for a in changes.alerts],
    )
    if changes.profile or changes.phones or changes.sharers or changes.new_codes or changes.used_codes:
        _save_circle(tx, vault, now_ms, changes)
    if changes.rooms or changes.bookings or changes.reasons or changes.demands:
        save_programme(tx, vault, now_ms, changes)
    write(_HEAR_HANDOVERS, [(at, id) for id, at in changes.heard_handovers.items()])
    write(_END_CARERS, [(at, id) for id, at in changes.ended_carers.items()])
    write(_SCOPE_CARERS, [(scope, id) for id, scope in changes.carers.items()])


def _save_circle(tx: HotTransaction, vault: Vault, now_ms: int, changes: Changes) -> None:
    seal = vault.seal
    tx.write(
        _PUT_PROFILE,
        [
            (p.contact_id, p.field, seal(orjson.dumps([p.value, p.label]), p.contact_id), p.source, p.said_at)
            for p in changes.profile.values()
        ],
    )
    tx.write(
        _UPDATE_PHONES,
        [
            (
                p.shared,
                p.voice_id,
                p.voice_until,
                None if p.held is None else seal(p.held.encode("utf-8", "replace"), p.owner_id),
                p.key,
            )
            for p in changes.phones.values()
        ],
    )
    tx.write(_PUT_SHARERS, [(key, id, seal(name.encode(), id), now_ms) for key, id, name in changes.sharers])
    tx.write(
        _INSERT_CODES,
        [
            (c.key, c.kind, c.contact_id, seal(orjson.dumps(c.detail), c.contact_id), c.uses, c.expires_at, now_ms)
            for c in changes.new_codes
        ],
    )
    tx.write(_USE_CODES, [(left, used, key) for key, (left, used) in changes.used_codes.items()])


def _contact_row(person: Person) -> tuple[Any, ...]:
    contact = person.contact
    return (
        contact.language,
        None if contact.stopped_at is None else to_ms(contact.stopped_at),
        contact.session_id,
        _listed(contact.consents),
        person.chatter,
        contact.suspended_id,
        contact.handover_id,
        _listed(contact.roles),
        contact.hours,
        contact.discreet,
        contact.wrong_codes,
        contact.wrong_codes_at,
    )


def _talk_row(vault: Vault, talk: Talk) -> tuple[int, str, int, bytes, str, int, int, int]:
    return (
        talk.urn_key,
        talk.channel,
        talk.session.sprint,
        vault.seal(stored(talk.session, talk.asked), talk.contact_id),
        talk.outcome.value if talk.outcome else "",
        talk.heard_at,
        talk.deadline_at,
        talk.wakes_at,
    )


async def count_contacts(database: Database) -> int:
    async with database.read() as connection:
        counted = await connection.execute(select(func.count()).select_from(t.contacts))
        return int(counted.scalar_one())
