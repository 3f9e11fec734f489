"""Many people in the store of a test, as if they had joined: rows, written directly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import insert

from bot.app import App
from store import tables as t
from store.times import to_ms


@dataclass(frozen=True)
class Somebody:
    """`urns` are their addresses, the oldest first, and which of them are blocked."""

    language: str | None = "en"
    urns: tuple[tuple[str, bool], ...] = ()
    consents: tuple[str, ...] = ("invitations", "newsletter")
    stopped: bool = False
    discreet: bool = False
    roles: str = ""
    hours: str = ""
    told: tuple[tuple[str, str | tuple[str, ...]], ...] = ()


def phone(n: int) -> str:
    return f"tel:+4477009{n:05}"


async def put(app: App, crowd: Sequence[Somebody]) -> list[int]:
    """Their contacts' ids. Who names no address has a phone of their own."""
    now = to_ms(app.clock())
    ids = [app.ids() for _ in crowd]
    contacts, urns, told = [], [], []
    for n, (id, one) in enumerate(zip(ids, crowd, strict=True)):
        contacts.append(
            {
                "id": id,
                "language": one.language,
                "consents": " ".join(one.consents),
                "stopped_at": now if one.stopped else None,
                "discreet": one.discreet,
                "roles": one.roles,
                "hours": one.hours,
                "created_at": now,
            }
        )
        for at, (address, blocked) in enumerate(one.urns or ((phone(n), False),)):
            urns.append(
                {
                    "key": app.vault.find(address),
                    "contact_id": id,
                    "scheme": address.partition(":")[0],
                    "sealed": app.vault.seal(address.encode(), id),
                    "blocked_at": now if blocked else None,
                    "created_at": now + at,
                }
            )
        for name, said in one.told:
            sealed = app.vault.seal(orjson.dumps([said, str(said)]), id)
            told.append({"contact_id": id, "field": name, "sealed": sealed, "source": "self", "said_at": now})
    async with app.database.begin() as connection:
        for table, rows in ((t.contacts, contacts), (t.urns, urns), (t.profile, told)):
            if rows:
                await connection.execute(insert(table), rows)
    return ids
