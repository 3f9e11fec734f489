"""The team as a coordinator arranges it: who is on it, who was sent a code for it, whose turn it is, who leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.code import CodeKind
from domain.contact import Role
from domain.hours import PreferredHours
from flows.fold import fold
from store import people, team
from store import tables as t
from store.times import from_ms, to_ms
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody on the team. `turn` is their place on the rota (None: not on it), `hours` when they are called (None:
    at any time). `reachable`: an address of theirs takes messages.
    """

    contact_id: int
    name: str
    role: Role
    turn: int | None
    hours: PreferredHours | None
    reachable: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code that somebody was given to join the team, and has not sent yet."""

    key: int
    name: str
    role: Role
    expires_at: datetime


class NameTaken(Exception):
    """Somebody on the team, or with a code for it, has that name: nobody could tell them apart."""


async def roster(connection: AsyncConnection, vault: Vault) -> list[Entry]:
    """The whole team, also who cannot be reached; those on the rota first, in the order of their turns."""
    s = t.staff.c
    reachable = {member.address.contact_id for member in await team.members(connection, vault)}
    rows = await connection.execute(select(s.contact_id, s.sealed, s.role, s.turn, s.hours))
    found = [
        Entry(
            row.contact_id,
            vault.open(row.sealed, row.contact_id).decode(),
            Role(row.role),
            row.turn,
            team.called_at(row.hours),
            row.contact_id in reachable,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.turn is None, one.turn or 0, one.contact_id))


async def invitations(connection: AsyncConnection, vault: Vault, now: datetime) -> list[Invitation]:
    """The codes that may still be sent, the oldest first."""
    c = t.codes.c
    rows = await connection.execute(
        select(c.key, c.contact_id, c.sealed, c.expires_at)
        .where(c.kind == CodeKind.STAFF.value, c.expires_at > to_ms(now), c.uses > 0)
        .order_by(c.expires_at)
    )
    found = []
    for key, contact_id, sealed, expires_at in rows:
        detail = orjson.loads(vault.open(sealed, contact_id))
        found.append(Invitation(key, detail["name"], Role(detail["role"]), from_ms(expires_at)))
    return found


async def invite(
    connection: AsyncConnection,
    vault: Vault,
    code: str,
    name: str,
    role: Role,
    turn: int | None,
    hours: PreferredHours | None,
    expires_at: datetime,
    now: datetime,
) -> bool:
    """Whoever sends the code first is on the team from then on. False where the code is another's already.

    Raises NameTaken.
    """
    taken = [one.name for one in await roster(connection, vault)]
    taken += [one.name for one in await invitations(connection, vault, now)]
    if fold(name) in map(fold, taken):
        raise NameTaken(name)
    detail = {
        "name": name,
        "role": role.value,
        "turn": "" if turn is None else str(turn),
        "hours": "" if hours is None else str(hours),
    }
    return await people.put_code(
        connection, vault, vault.code(code), CodeKind.STAFF, 0, detail, uses=1, expires_at=expires_at, now=now
    )


async def set_turn(connection: AsyncConnection, vault: Vault, name: str, turn: int | None) -> bool:
    """Give that person a place on the rota, or none. False where nobody on the team is called so."""
    found = await _called(connection, vault, name)
    for one in found:
        await connection.execute(update(t.staff).where(t.staff.c.contact_id == one.contact_id).values(turn=turn))
    return bool(found)


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal ended: whether somebody left, how many codes are void, and how many alerts others must take."""

    left: bool
    codes: int
    given_back: int


async def remove(
    connection: AsyncConnection, vault: Vault, ids: Callable[[], int], name: str, now: datetime
) -> Removed:
    """That person is on the team no more, and a code they have not sent is void.

    Whom they write with just now must not go on writing to somebody who left: what they had taken is open again, and
    the rota is called.
    """
    found = await _called(connection, vault, name)
    given_back = 0
    for one in found:
        given_back += await team.give_back(connection, ids, one.contact_id, now)
        await team.leave(connection, one.contact_id)
    void = [one for one in await invitations(connection, vault, now) if fold(one.name) == fold(name)]
    for code in void:
        await people.drop_code(connection, code.key)
    return Removed(bool(found), len(void), given_back)


async def _called(connection: AsyncConnection, vault: Vault, name: str) -> list[Entry]:
    return [one for one in await roster(connection, vault) if fold(one.name) == fold(name)]
