"""What the dispatcher loads before a batch and saves after it, each in a handful of statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import func, select

from domain.contact import URN, Contact
from store import tables as t
from store.bulk import delete, fetch, insert, update
from store.changes import Changes, Due, Loaded, Person, Talk
from store.database import Database, HotTransaction
from store.sessions import restored, stored
from store.times import from_ms, to_ms
from store.vault import Vault, WrongKey


def opened_message(sealed: bytes) -> tuple[str, tuple[tuple[tuple[str, str], ...], ...]]:
    """The text of an outbox row that was unsealed, and its buttons as rows of (label, token to press)."""
    text, token, rows = orjson.loads(sealed)
    return text, tuple(tuple((label, f"{token}.{option}") for label, option in row) for row in rows)


_PEOPLE_BY_URN = (
    "SELECT u.key, u.contact_id, u.sealed, c.language, c.stopped_at, c.session_id, c.consents, c.chatter,"
    " u.blocked_at"
    " FROM urns u JOIN contacts c ON c.id = u.contact_id WHERE u.key {keys} ORDER BY c.id"
)
_PEOPLE_BY_ID = (
    "SELECT u.key, u.contact_id, u.sealed, c.language, c.stopped_at, c.session_id, c.consents, c.chatter,"
    " u.blocked_at"
    " FROM contacts c JOIN urns u ON u.contact_id = c.id WHERE c.id {keys} ORDER BY c.id"
)
_TALK_COLUMNS = (
    "s.id, s.contact_id, s.flow, s.version, s.sprint, s.sealed, s.channel, s.urn_key, s.started_at, s.heard_at,"
    " s.deadline_at, s.wakes_at"
)
_TALKS_BY_URN = (
    f"SELECT {_TALK_COLUMNS} FROM urns u JOIN contacts c ON c.id = u.contact_id"
    " JOIN sessions s ON s.id = c.session_id WHERE u.key {keys}"
)
_TALKS_BY_ID = f"SELECT {_TALK_COLUMNS} FROM contacts c JOIN sessions s ON s.id = c.session_id WHERE c.id {{keys}}"
_SEEN = "SELECT key FROM seen WHERE key {keys}"
_DUE = "SELECT id FROM fires WHERE id {keys}"


async def load(
    tx: HotTransaction, vault: Vault, urns: Mapping[int, URN], seen: list[int], due: Iterable[Due] = ()
) -> Loaded:
    """The people behind these addresses (by their keys) and fires, locked until the batch is saved.

    The sessions are read by a second statement: on PostgreSQL the first may wait for another replica's
    batch, and a statement sees what was committed before it began.
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
        ]
    rows = await tx.fetch(*reads)
    by_urn, by_fire = (rows[:3], rows[3:]) if urns else ([[], [], []], rows)
    by_fire = by_fire or [[], [], []]
    people: dict[int, Person] = {}
    known: dict[int, int] = {}
    blocked = set()
    for row in (*by_urn[1], *by_fire[1]):
        key, contact_id, sealed, language, stopped_at, session_id, consents, chatter, blocked_at = row
        if key in urns and vault.open(sealed, contact_id).decode() != str(urns[key]):
            raise WrongKey("two addresses have one key")  # one in some 20 million for a million contacts
        known[key] = contact_id
        if blocked_at is not None:
            blocked.add(key)
        people[contact_id] = Person(
            Contact(
                contact_id,
                language,
                None if stopped_at is None else from_ms(stopped_at),
                session_id,
                frozenset(consents.split()),
            ),
            chatter,
        )
    for row in (*by_urn[2], *by_fire[2]):
        person = people[row[1]]
        try:
            person.talk = _talk(vault, row)
        except (KeyError, TypeError, ValueError):
            person.unreadable = True
    return Loaded(
        frozenset(key for (key,) in by_urn[0]),
        known,
        people,
        frozenset(id for (id,) in by_fire[0]),
        frozenset(blocked),
    )


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
_INSERT_INBOX = insert(t.inbox, ("id", "contact_id", "channel", "sealed", "received_at"))
_INSERT_CONTACTS = insert(
    t.contacts, ("id", "language", "stopped_at", "session_id", "consents", "chatter", "created_at")
)
_UPDATE_CONTACTS = update(t.contacts, ("language", "stopped_at", "session_id", "consents", "chatter"))
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
        "answered_at",
        "exported_at",
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
_INSERT_ALERTS = insert(t.alerts, ("id", "kind", "contact_id", "detail", "created_at"))


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
        [(n, i, channel, seal(text.encode("utf-8", "replace"), i), at) for n, i, channel, text, at in changes.inbox],
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
                a.answered_at,
                None,
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
                seal(orjson.dumps([m.text, m.token, m.buttons]), m.contact_id),
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
    write(_INSERT_ALERTS, [(ids(), *alert) for alert in changes.alerts])


def _contact_row(person: Person) -> tuple[str | None, int | None, int | None, str, int]:
    contact = person.contact
    return (
        contact.language,
        None if contact.stopped_at is None else to_ms(contact.stopped_at),
        contact.session_id,
        " ".join(sorted(contact.consents)),
        person.chatter,
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
