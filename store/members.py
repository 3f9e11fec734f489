"""Bringing a coordinator's list into the store: what it would change, and doing it, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from enum import StrEnum

import orjson

from domain.contact import URN
from domain.member import Fact, Member, MemberType
from store import tables as t
from store.bulk import fetch, insert, update
from store.database import Database, HotTransaction, is_refusal
from store.times import to_ms
from store.vault import Vault, WrongKey

#: What says of a row that it came with a list: a profile's source, a consent's flow and channel.
IMPORT = "import"
_VERSION = 1
#: Of `consents.question`.
_HOW_LETTERS = 40
#: Somebody on the list may write to us for the first time in the very moment, or another replica be at their row.
_TRIES = 3


class Fate(StrEnum):
    """What an import does with somebody: adds them, fills what is empty, or leaves them as they are. `shared`:
    several people use the phone, and a list cannot know which of them it means. `opted_out`: they told us to stop,
    or to forget them, or their phone takes nothing from us.
    """

    NEW = "new"
    FILLED = "filled"
    HERE = "here"
    SHARED = "shared"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody on the list. `agreed`: the list brings at least one consent."""

    row: int
    type: MemberType | None
    fate: Fate
    agreed: bool


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row with the number of an earlier one, and left out. `differs`: it says something else."""

    row: int
    first: int
    differs: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import does, row by row: each number once."""

    entries: tuple[Entry, ...]
    duplicates: tuple[Duplicate, ...]

    def of(self, fate: Fate) -> list[Entry]:
        return [entry for entry in self.entries if entry.fate is fate]

    @property
    def changes(self) -> bool:
        return any(entry.fate in (Fate.NEW, Fate.FILLED) for entry in self.entries)


@dataclass(slots=True)
class _Known:
    """Somebody in the store. `fields` are those of their profile, `asked` the purposes they ever said yes or no to."""

    contact_id: int
    language: str | None
    consents: set[str]
    opted_out: bool
    shared: bool
    fields: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Rows:
    """Every row to be written. `contacts` and `changed` are by their ids: language and consents."""

    contacts: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    changed: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    urns: list[tuple[int, int, URN]] = field(default_factory=list)
    facts: list[tuple[int, Fact]] = field(default_factory=list)
    consents: list[tuple[int, str, Member]] = field(default_factory=list)


_KNOWN = (
    "SELECT u.key, u.contact_id, u.sealed, u.blocked_at, u.shared, c.language, c.consents, c.stopped_at"
    " FROM urns u JOIN contacts c ON c.id = u.contact_id WHERE u.key {keys} ORDER BY c.id"
)
_OPT_OUTS = "SELECT key FROM opt_outs WHERE key {keys}"
_FIELDS = "SELECT contact_id, field FROM profile WHERE contact_id {keys}"
_ASKED = "SELECT contact_id, purpose FROM consents WHERE contact_id {keys}"
_INSERT_CONTACTS = insert(t.contacts, ("id", "language", "consents", "created_at"))
_UPDATE_CONTACTS = update(t.contacts, ("language", "consents"))
_INSERT_URNS = insert(t.urns, ("key", "contact_id", "scheme", "sealed", "created_at"))
_INSERT_PROFILE = insert(t.profile, ("contact_id", "field", "sealed", "source", "said_at"))
_INSERT_CONSENTS = insert(
    t.consents,
    ("id", "contact_id", "purpose", "given", "flow", "version", "question", "language", "channel", "at"),
)


async def preview(database: Database, vault: Vault, members: Sequence[Member]) -> Preview:
    """What `bring_in` would do now; nothing is changed. Raises WrongKey where the store is another key's."""
    async with database.hot() as tx:
        found, _ = await _planned(tx, vault, _no_ids, members)
    return found


async def bring_in(
    database: Database, vault: Vault, ids: Callable[[], int], members: Sequence[Member], now: datetime
) -> Preview:
    """Bring them in, all or, where this raises, none; what was done. A number that is here already is nobody new:
    what they said themselves stays, and only what is empty is filled. Nobody is written to.
    """
    for left in reversed(range(_TRIES)):
        try:
            return await _brought_in(database, vault, ids, members, now)
        except Exception as error:
            if not left or not is_refusal(error):
                raise
    raise AssertionError("the last try ends in one way or the other")


async def _brought_in(
    database: Database, vault: Vault, ids: Callable[[], int], members: Sequence[Member], now: datetime
) -> Preview:
    async with database.hot() as tx:
        found, rows = await _planned(tx, vault, ids, members, locking=" FOR UPDATE OF c")
        _write(tx, vault, ids, rows, to_ms(now))
    return found


def _no_ids() -> int:
    return 0


async def _planned(
    tx: HotTransaction, vault: Vault, ids: Callable[[], int], members: Sequence[Member], *, locking: str = ""
) -> tuple[Preview, _Rows]:
    by_key, duplicates = _each_number_once(vault, members)
    known, opted_out = await _load(tx, vault, by_key, locking)
    rows = _Rows()
    entries = []
    for key, member in by_key.items():
        them = known.get(key)
        if key in opted_out or (them is not None and them.opted_out):
            fate = Fate.OPTED_OUT
        elif them is None:
            fate = Fate.NEW
            _add(rows, ids(), key, member)
        elif them.shared:
            fate = Fate.SHARED
        else:
            fate = Fate.FILLED if _fill(rows, them, member) else Fate.HERE
        entries.append(Entry(member.row, member.type, fate, bool(member.consents)))
    return Preview(tuple(entries), tuple(duplicates)), rows


def _each_number_once(vault: Vault, members: Iterable[Member]) -> tuple[dict[int, Member], list[Duplicate]]:
    """The first row of each number counts."""
    by_key: dict[int, Member] = {}
    duplicates = []
    for member in members:
        first = by_key.setdefault(vault.find(str(_urn(member))), member)
        if first is not member:
            duplicates.append(Duplicate(member.row, first.row, replace(member, row=first.row) != first))
    return by_key, duplicates


def _urn(member: Member) -> URN:
    return URN("tel", member.phone)


async def _load(
    tx: HotTransaction, vault: Vault, by_key: dict[int, Member], locking: str
) -> tuple[dict[int, _Known], frozenset[int]]:
    """Who of them is here, by address key, locked; and which addresses asked to be forgotten. One person may have two
    numbers on the list, and is one value then.
    """
    keys = sorted(by_key)
    found, opted_out = await tx.fetch(fetch(_KNOWN, keys, locking=locking), fetch(_OPT_OUTS, keys))
    people: dict[int, _Known] = {}
    known: dict[int, _Known] = {}
    closed: set[int] = set()
    for key, contact_id, sealed, blocked_at, shared, language, consents, stopped_at in found:
        if vault.open(sealed, contact_id).decode() != str(_urn(by_key[key])):
            raise WrongKey("two addresses have one key")  # one in some 20 million for a million contacts
        if blocked_at is not None:
            closed.add(key)
        stopped = stopped_at is not None
        them = people.setdefault(contact_id, _Known(contact_id, language, set(consents.split()), stopped, False))
        them.shared = them.shared or bool(shared)
        known[key] = them
    # after the rows are locked, in a statement of its own: it sees what others committed before
    fields, asked = await tx.fetch(fetch(_FIELDS, sorted(people)), fetch(_ASKED, sorted(people)))
    for contact_id, name in fields:
        people[contact_id].fields.add(name)
    for contact_id, purpose in asked:
        people[contact_id].asked.add(purpose)
    return known, frozenset(key for (key,) in opted_out) | closed


def _add(rows: _Rows, contact_id: int, key: int, member: Member) -> None:
    rows.contacts[contact_id] = (member.language, " ".join(sorted(member.consents)))
    rows.urns.append((key, contact_id, _urn(member)))
    rows.facts += [(contact_id, fact) for fact in member.facts]
    rows.consents += [(contact_id, purpose.value, member) for purpose in member.consents]


def _fill(rows: _Rows, them: _Known, member: Member) -> bool:
    """Fill what is empty; whether anything was. A purpose that they ever said yes or no to is not empty."""
    facts = [fact for fact in member.facts if fact.field not in them.fields]
    agreed = [purpose.value for purpose in member.consents if purpose not in them.asked | them.consents]
    speaks = them.language is None and member.language is not None
    if speaks:
        them.language = member.language
    them.fields |= {fact.field for fact in facts}
    them.asked |= set(agreed)
    them.consents |= set(agreed)
    rows.facts += [(them.contact_id, fact) for fact in facts]
    rows.consents += [(them.contact_id, purpose, member) for purpose in agreed]
    if speaks or agreed:
        rows.changed[them.contact_id] = (them.language, " ".join(sorted(them.consents)))
    return bool(facts or agreed or speaks)


def _write(tx: HotTransaction, vault: Vault, ids: Callable[[], int], rows: _Rows, now_ms: int) -> None:
    seal = vault.seal
    tx.write(_INSERT_CONTACTS, [(id, *contact, now_ms) for id, contact in rows.contacts.items()])
    tx.write(_UPDATE_CONTACTS, [(*contact, id) for id, contact in rows.changed.items()])
    tx.write(_INSERT_URNS, [(key, id, urn.scheme, seal(str(urn).encode(), id), now_ms) for key, id, urn in rows.urns])
    tx.write(
        _INSERT_PROFILE,
        [(id, f.field, seal(orjson.dumps([f.value, f.label]), id), IMPORT, now_ms) for id, f in rows.facts],
    )
    tx.write(
        _INSERT_CONSENTS,
        [
            (
                ids(),
                id,
                purpose,
                True,
                IMPORT,
                _VERSION,
                member.consent_how[:_HOW_LETTERS],
                member.language or "",  # in which language they were asked, nobody knows
                IMPORT,
                _agreed_at(member),
            )
            for id, purpose, member in rows.consents
        ],
    )


def _agreed_at(member: Member) -> int:
    """Midnight in UTC, which is the same day in Britain, in summer as in winter."""
    if member.consent_date is None:
        raise ValueError("a consent without a date is none")
    return to_ms(datetime.combine(member.consent_date, time(), UTC))
