"""What a few people have around them: shared phones, carers, the team's chat, codes. Read only where needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from domain.carer import Scope
from domain.code import CodeKind
from store.bulk import fetch
from store.changes import Person
from store.database import HotTransaction, Row
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message to somebody goes, in which language, and at which hours of theirs (where those are asked for)."""

    contact_id: int
    urn_key: int
    channel: str
    language: str | None
    hours: str = ""


@dataclass(frozen=True, slots=True)
class Carer:
    """Somebody's carer, what they may do, and by which name they know the person."""

    address: Address
    scope: Scope
    nickname: str


@dataclass(frozen=True, slots=True)
class Charge:
    """Somebody whom a carer cares for, by the name they chose; `agreed`: their consent to it stands."""

    contact_id: int
    nickname: str
    scope: Scope
    agreed: bool


@dataclass(frozen=True, slots=True)
class Handover:
    """A talk between a person and the team, for the alert `id`. `staff` is None until somebody took it. `stopped`: the
    person wants no more messages, also none of the team's.
    """

    id: int
    number: int
    person: Address
    staff: Address | None
    staff_name: str
    stopped: bool


@dataclass(frozen=True, slots=True)
class Code:
    """A code or token that somebody made. `detail` says more, by kind."""

    key: int
    kind: CodeKind
    contact_id: int
    detail: Mapping[str, str]
    uses: int | None
    used: int
    expires_at: int | None

    def works(self, now_ms: int) -> bool:
        return (self.uses is None or self.uses > 0) and (self.expires_at is None or now_ms < self.expires_at)


@dataclass(slots=True)
class Circle:
    """`carers` and `charges` by contact, `sharers` (their names) by address key and contact, `handovers` by
    alert, `codes` by key, `addresses` by contact.
    """

    carers: dict[int, list[Carer]] = field(default_factory=dict)
    charges: dict[int, list[Charge]] = field(default_factory=dict)
    sharers: dict[int, dict[int, str]] = field(default_factory=dict)
    handovers: dict[int, Handover] = field(default_factory=dict)
    codes: dict[int, Code] = field(default_factory=dict)
    addresses: dict[int, Address] = field(default_factory=dict)

    def handover(self, person: Person) -> Handover | None:
        return self.handovers.get(person.contact.handover_id or 0)


@dataclass(frozen=True, slots=True)
class Around:
    """Of whom, and of what, the circle is to be read: contacts, address keys, alerts, and codes by their keys."""

    with_carers: Collection[int] = ()
    carers: Collection[int] = ()
    shared_urns: Collection[int] = ()
    handovers: Collection[int] = ()
    codes: Collection[int] = ()

    def __bool__(self) -> bool:
        return bool(self.with_carers or self.carers or self.shared_urns or self.handovers or self.codes)


_CARERS = (
    "SELECT k.contact_id, k.scope, k.carer_id, k.sealed, u.key, u.scheme, c.language, c.hours FROM carers k"
    " JOIN contacts c ON c.id = k.carer_id JOIN urns u ON u.contact_id = k.carer_id"
    " WHERE k.ended_at IS NULL AND u.blocked_at IS NULL AND c.stopped_at IS NULL AND k.contact_id {keys}"
    " ORDER BY u.created_at"
)
_CHARGES = (
    "SELECT k.carer_id, k.contact_id, k.scope, k.sealed, c.consents FROM carers k JOIN contacts c"
    " ON c.id = k.contact_id WHERE k.ended_at IS NULL AND c.stopped_at IS NULL AND k.carer_id {keys} ORDER BY k.id"
)
_SHARERS = "SELECT urn_key, contact_id, sealed FROM sharers WHERE urn_key {keys} ORDER BY created_at, contact_id"
_HANDOVERS = (
    "SELECT a.id, a.number, a.contact_id, a.urn_key, a.channel, p.language, p.stopped_at, a.taken_by, s.sealed, u.key,"
    " u.scheme, c.language FROM alerts a LEFT JOIN contacts p ON p.id = a.contact_id"
    " LEFT JOIN staff s ON s.contact_id = a.taken_by"
    " LEFT JOIN contacts c ON c.id = a.taken_by LEFT JOIN urns u ON u.contact_id = a.taken_by AND u.blocked_at IS NULL"
    " WHERE a.done_at IS NULL AND a.id {keys} ORDER BY u.created_at"
)
_CODES = "SELECT key, kind, contact_id, sealed, uses, used, expires_at FROM codes WHERE key {keys}"
_ADDRESSES = (
    "SELECT u.contact_id, u.key, u.scheme, c.language FROM urns u JOIN contacts c ON c.id = u.contact_id"
    " WHERE u.blocked_at IS NULL AND u.contact_id {keys} ORDER BY u.created_at"
)


def channel_of(scheme: str) -> str:
    """The channel that reaches addresses of a scheme."""
    return "sms" if scheme == "tel" else scheme


async def load_circle(tx: HotTransaction, vault: Vault, around: Around) -> Circle:
    """The newest address of each counts."""
    circle = Circle()
    wanted = (
        (_CARERS, around.with_carers, ""),
        (_CHARGES, around.carers, ""),
        (_SHARERS, around.shared_urns, ""),
        (_HANDOVERS, around.handovers, ""),
        (_CODES, around.codes, " FOR UPDATE"),
    )
    rows = iter(await tx.fetch(*(fetch(text, sorted(keys), locking=lock) for text, keys, lock in wanted if keys)))
    carers, charges, sharers, handovers, codes = (next(rows) if keys else [] for _, keys, _ in wanted)
    found: dict[tuple[int, int], Carer] = {}
    for contact_id, scope, carer_id, sealed, key, scheme, language, hours in carers:
        nickname = vault.open(sealed, contact_id).decode()
        address = Address(carer_id, key, channel_of(scheme), language, hours)
        found[contact_id, carer_id] = Carer(address, Scope(scope), nickname)
    for (contact_id, _), carer in found.items():
        circle.carers.setdefault(contact_id, []).append(carer)
    for carer_id, contact_id, scope, sealed, consents in charges:
        agreed = "reminders_to_carer" in consents.split()
        charge = Charge(contact_id, vault.open(sealed, contact_id).decode(), Scope(scope), agreed)
        circle.charges.setdefault(carer_id, []).append(charge)
    for urn_key, contact_id, sealed in sharers:
        circle.sharers.setdefault(urn_key, {})[contact_id] = vault.open(sealed, contact_id).decode()
    for row in handovers:
        handover = _handover(vault, row)
        circle.handovers[handover.id] = handover
    for key, kind, contact_id, sealed, uses, used, expires_at in codes:
        detail = orjson.loads(vault.open(sealed, contact_id))
        circle.codes[key] = Code(key, CodeKind(kind), contact_id, detail, uses, used, expires_at)
    return circle


async def load_addresses(tx: HotTransaction, circle: Circle, contact_ids: Iterable[int]) -> None:
    """Where these people are reached, added to the circle."""
    if not (ids := sorted(set(contact_ids))):
        return
    (rows,) = await tx.fetch(fetch(_ADDRESSES, ids))
    for contact_id, key, scheme, language in rows:
        circle.addresses[contact_id] = Address(contact_id, key, channel_of(scheme), language)


def _handover(vault: Vault, row: Row) -> Handover:
    id, number, contact_id, urn_key, channel, language, stopped_at, taken_by, name, staff_key, scheme, theirs = row
    staff = None
    if taken_by is not None and staff_key is not None:
        staff = Address(taken_by, staff_key, channel_of(scheme), theirs)
    return Handover(
        id,
        number or 0,
        Address(contact_id, urn_key, channel, language),
        staff,
        vault.open(name, taken_by).decode() if name is not None else "",
        stopped_at is not None,
    )
