"""Who of a segment gets a broadcast, page by page: people, where they are written to, and who is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from domain.broadcast import LeftOut, suits_event
from domain.contact import Role
from domain.event import Event
from domain.segment import Known, Segment, meant
from domain.value import value
from flows.library import SOURCE_LANGUAGE
from store.bulk import fetch
from store.circle import channel_of
from store.database import HotTransaction, Row
from store.sayers import Search, next_sayers
from store.times import to_ms
from store.vault import Vault

#: Twilio's codes for a number that will never take a text: it does not exist, or is a landline.
_NEVER = "('21211', '21214', '21217', '21614', '30005', '30006')"


@dataclass(frozen=True, slots=True)
class Sought:
    """Whom a broadcast is for. `language` is the one that somebody is written to in, by the one they chose; None: there
    is no text for them. Who has not written after `heard_after` may be somebody else by now. `named`: its text calls
    people by their nickname. `items` are those of a newsletter, by their ids, and `earlier` those of each newsletter
    before it that had some of them; with `said`, only those get it who said so.
    """

    segment: Segment
    event: Event | None
    language: Callable[[str | None], str | None]
    heard_after: datetime
    named: bool = False
    items: tuple[int, ...] = ()
    earlier: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    said: Search | None = None

    @property
    def fields(self) -> list[str]:
        """Of what people told us, what must be opened to decide."""
        about_event = self.event is not None and any(one.districts for one in self.event.criteria)
        wanted = {
            "district": bool(self.segment.districts) or about_event,
            "groups": bool(self.segment.groups),
            "relation": self.segment.kin is not None,
            "nickname": self.named,
        }
        return [name for name, so in wanted.items() if so]


@value
class Recipient:
    """Somebody who gets it. `name` is how a shared phone tells whose it is, `asks`: the event's criteria must be asked
    of them, `silent`: they get no more than a word that something waits. `had` are the items of the newsletter that
    they were told before. `astray`: they have not written for so long that the number may be somebody else's.
    """

    contact_id: int
    language: str
    urn_key: int
    channel: str
    hours: str = ""
    name: str = ""
    nickname: str = ""
    asks: bool = True
    silent: bool = False
    had: tuple[int, ...] = ()
    astray: bool = False


@dataclass(slots=True)
class Page:
    """`last` is the contact up to whom was looked, `looked` how many; `unread` counts readers of languages without a
    text, by the language.
    """

    last: int = 0
    looked: int = 0
    meant: int = 0
    recipients: list[Recipient] = field(default_factory=list)
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)


_PEOPLE = (
    "SELECT id, language, stopped_at, consents, roles, hours, discreet, created_at FROM contacts WHERE id > {value}"
    " ORDER BY id LIMIT {value}"
)
_THESE = (
    "SELECT id, language, stopped_at, consents, roles, hours, discreet, created_at FROM contacts WHERE id {keys}"
    " ORDER BY id"
)
_TOLD = "SELECT contact_id, broadcast_id FROM newsletter_told WHERE contact_id {keys} AND broadcast_id {keys}"
_URNS = "SELECT contact_id, key, scheme, blocked_at, shared FROM urns WHERE contact_id {keys} ORDER BY created_at, key"
_SHARED = (
    "SELECT s.contact_id, s.urn_key, s.sealed, u.scheme, u.blocked_at FROM sharers s JOIN urns u ON u.key = s.urn_key"
    " WHERE s.contact_id {keys} ORDER BY s.created_at"
)
_PROFILE = "SELECT contact_id, field, sealed FROM profile WHERE contact_id {keys} AND field {keys}"
_WANTED = "SELECT contact_id, kind FROM demands WHERE contact_id {keys}"
_CAME = (
    "SELECT b.contact_id, e.kind FROM bookings b JOIN events e ON e.id = b.event_id"
    " WHERE b.contact_id {keys} AND b.came"
)
_PLACES = (
    "SELECT contact_id FROM bookings WHERE contact_id {keys} AND event_id = {value}"
    " AND status IN ('booked', 'offered', 'waiting')"
)
_FIRST_PART = (
    "SELECT b.contact_id FROM bookings b JOIN events e ON e.id = b.event_id"
    " WHERE b.contact_id {keys} AND e.number = {value} AND b.status = 'booked'"
)
_HEARD = "SELECT DISTINCT contact_id FROM inbox WHERE contact_id {keys} AND received_at >= {value}"
_FAILED = (
    "SELECT urn_key FROM outbox WHERE contact_id {keys} AND status IN ('failed', 'delivered') GROUP BY urn_key"
    f" HAVING MAX(CASE WHEN error IN {_NEVER} THEN id END)"
    " > COALESCE(MAX(CASE WHEN status = 'delivered' THEN id END), 0)"
)


@dataclass(slots=True)
class _Around:
    """What a page's statements found beside the people themselves, by contact."""

    own: dict[int, list[Row]] = field(default_factory=dict)
    shared: dict[int, list[Row]] = field(default_factory=dict)
    told: dict[int, dict[str, Any]] = field(default_factory=dict)
    wanted: dict[int, set[str]] = field(default_factory=dict)
    came: dict[int, set[str]] = field(default_factory=dict)
    placed: frozenset[int] = frozenset()
    first_part: frozenset[int] = frozenset()
    never: frozenset[int] = frozenset()
    had: dict[int, set[int]] = field(default_factory=dict)
    astray: frozenset[int] = frozenset()


async def page(tx: HotTransaction, vault: Vault, sought: Sought, after: int, limit: int, *, lock: bool = False) -> Page:
    """The next people after that contact. With `lock`, they stay as they are until the transaction ends: who tells us
    to stop meanwhile is heard after it, and what was queued for them is then cancelled.
    """
    locking = " FOR UPDATE" if lock else ""
    if sought.said is None:
        (people,) = await tx.fetch(fetch(_PEOPLE, after, limit, locking=locking))
        looked, last = len(people), people[-1][0] if people else after
    else:
        ids = await next_sayers(tx, vault, sought.said, after, limit)
        (people,) = await tx.fetch(fetch(_THESE, ids, locking=locking))
        looked, last = len(ids), ids[-1] if ids else after
    if not people:
        return Page(last, looked)
    since = to_ms(sought.heard_after)
    old = [row[0] for row in people if row[7] < since]
    around = await _around(tx, vault, sought, [row[0] for row in people], old)
    found = Page(last, looked)
    for row in people:
        _sort(found, sought, around, row, vault)
    return found


async def _around(tx: HotTransaction, vault: Vault, sought: Sought, ids: list[int], old: list[int]) -> _Around:
    """`old`: who has been with us for so long that they may have been silent too long."""
    segment, event, fields = sought.segment, sought.event, sought.fields
    asked: dict[str, Any] = {
        "own": fetch(_URNS, ids),
        "shared": fetch(_SHARED, ids),
        "never": fetch(_FAILED, ids),
    }
    if old:
        asked["heard"] = fetch(_HEARD, old, to_ms(sought.heard_after))
    if fields:
        asked["told"] = fetch(_PROFILE, ids, fields)
    if segment.interests:
        asked["wanted"] = fetch(_WANTED, ids)
    if segment.came_to or segment.missed or segment.newcomers:
        asked["came"] = fetch(_CAME, ids)
    if sought.earlier:
        asked["told_of"] = fetch(_TOLD, ids, list(sought.earlier))
    if event is not None:
        asked["placed"] = fetch(_PLACES, ids, event.id)
        if event.after is not None:
            asked["first_part"] = fetch(_FIRST_PART, ids, event.after)
    rows = dict(zip(asked, await tx.fetch(*asked.values()), strict=True))
    around = _Around()
    for name in ("own", "shared"):
        there = getattr(around, name)
        for row in rows[name]:
            there.setdefault(row[0], []).append(row)
    for id, name, sealed in rows.get("told", ()):
        around.told.setdefault(id, {})[name] = orjson.loads(vault.open(sealed, id))[0]
    for id, broadcast_id in rows.get("told_of", ()):
        around.had.setdefault(id, set()).update(sought.earlier[broadcast_id])
    for name in ("wanted", "came"):
        sets = getattr(around, name)
        for id, kind in rows.get(name, ()):
            sets.setdefault(id, set()).add(kind)
    around.placed = frozenset(id for (id,) in rows.get("placed", ()))
    around.first_part = frozenset(id for (id,) in rows.get("first_part", ()))
    around.never = frozenset(key for (key,) in rows["never"])
    around.astray = frozenset(old).difference(id for (id,) in rows.get("heard", ()))
    return around


def _sort(found: Page, sought: Sought, around: _Around, row: Row, vault: Vault) -> None:
    """Put one person where they belong: among the recipients, among those left out, or among nobody."""
    id, chosen, stopped_at, consents, roles, hours, discreet, _ = row
    told = around.told.get(id, {})
    has_roles = frozenset(roles.split())
    district = str(told.get("district", ""))
    groups = told.get("groups", ())
    who = Known(
        chosen or SOURCE_LANGUAGE,
        has_roles,
        district,
        frozenset(groups if isinstance(groups, list) else ()),
        frozenset(around.wanted.get(id, ())),
        frozenset(around.came.get(id, ())),
        Role.CARER in has_roles or told.get("relation") == "carer",
    )
    if not meant(sought.segment, who):
        return
    found.meant += 1
    language = sought.language(chosen)
    event = sought.event
    why: LeftOut | None = None
    if stopped_at is not None:
        why = LeftOut.STOPPED
    elif sought.segment.consent not in consents.split():
        why = LeftOut.NO_CONSENT
    elif id in around.placed:
        why = LeftOut.HAS_PLACE
    elif event is not None and (
        not suits_event(event, district) or (event.after is not None and id not in around.first_part)
    ):
        why = LeftOut.NOT_FOR_THEM
    elif sought.items and around.had.get(id, set()).issuperset(sought.items):
        why = LeftOut.HAD_ALL
    elif discreet and event is None:
        why = LeftOut.DISCREET
    if why is None:
        reached = _reached(around, id)
        if isinstance(reached, LeftOut):
            why = reached
        elif language is None:
            why = LeftOut.NO_TEXT
            found.unread[chosen or SOURCE_LANGUAGE] += 1
        else:
            urn_key, scheme, sealed_name = reached
            name = "" if sealed_name is None else vault.open(sealed_name, id).decode()
            asks = event is not None and any(not one.districts or not district for one in event.criteria)
            nickname = str(told.get("nickname", ""))
            found.recipients.append(
                Recipient(
                    id,
                    language,
                    urn_key,
                    channel_of(scheme),
                    hours,
                    name,
                    nickname,
                    asks,
                    bool(discreet),
                    tuple(sorted(around.had.get(id, set()).intersection(sought.items))),
                    id in around.astray,
                )
            )
    if why is not None:
        found.left_out[why] += 1


def _reached(around: _Around, id: int) -> tuple[int, str, bytes | None] | LeftOut:
    """The newest of their addresses that takes messages, by its key and scheme, and how they are called on a phone that
    others share; or why there is none. A phone of their own goes before a shared one.
    """
    named = {row[1]: row[2] for row in around.shared.get(id, ())}
    places = [(key, scheme, blocked_at) for _, key, scheme, blocked_at, _ in reversed(around.own.get(id, ()))]
    places += [
        (key, scheme, blocked_at)
        for _, key, _, scheme, blocked_at in reversed(around.shared.get(id, ()))
        if key not in {place[0] for place in places}
    ]
    if not places:
        return LeftOut.NO_ADDRESS
    open_ones = [place for place in places if place[2] is None]
    if not open_ones:
        return LeftOut.BLOCKED
    for key, scheme, _ in open_ones:
        if key not in around.never:
            return key, scheme, named.get(key)
    return LeftOut.UNREACHABLE
