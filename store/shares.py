"""How the processes that send for one account share its pace: each writes down how much of it is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables as t
from store.database import Database

#: So long (ms) a share holds from when it was written down; a process that cannot write stops using it after that.
LEASE_MS = 3000
#: Nobody else uses it before so much later (ms): clocks differ, and a request is on its way for a while.
SLACK_MS = 1000
_FORGOTTEN_MS = 3_600_000
#: A number for PostgreSQL's advisory locks that nothing else of ours uses.
_LOCK = 0x6D696D65


@dataclass(frozen=True, slots=True)
class Share:
    """So many units a second of an account's are this process's until then (ms). `others`: there are more processes.
    The provider told some of them to wait until `held_until_ms`.
    """

    units: int
    until_ms: int
    others: bool
    held_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    process: int
    units: int
    wants: bool
    since: int
    held_until: int = 0


async def take(
    database: Database,
    channel: str,
    process: int,
    most: int,
    least: int,
    *,
    used: int,
    wants: bool,
    held_until_ms: int,
    now_ms: int,
) -> Share:
    """Renew what this process has of the channel's `most` units a second. All that want some get the same, as whole
    units, the earliest first; none gets fewer than `least`, so that a long message has room, and who comes later then
    gets nothing. `used` is the most that it had within the last second; the provider told it to wait until
    `held_until_ms`.

    What all rows say together is never more than `most`, and a row never says less than its process used within a
    second. So what is free may be used at once, whoever gave it back.
    """
    async with database.begin() as connection:
        if not database.is_sqlite:  # or two who come at once would not see one another
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock, hashtext(:channel))"), _lock(channel))
        rows = await _live(connection, channel, now_ms)
        mine = next((row for row in rows if row.process == process), None)
        others = [row for row in rows if row.process != process]
        since = now_ms if mine is None else mine.since
        free = max(0, most - sum(row.units for row in others))
        units = min(_fair([*others, _Row(process, 0, wants, since)], process, most, least), free)
        until = now_ms + LEASE_MS
        await _keep(connection, channel, _Row(process, max(units, used), wants, since, held_until_ms), until)
        if mine is None:  # who comes sweeps up after those that went
            await connection.execute(delete(t.pace_shares).where(t.pace_shares.c.until < now_ms - _FORGOTTEN_MS))
    return Share(units, until, bool(others), max((row.held_until for row in others), default=0))


async def give_back(database: Database, channel: str, process: int, now_ms: int) -> None:
    """This process sends no more; others may use what was its own a second from now."""
    s = t.pace_shares.c
    async with database.begin() as connection:
        await connection.execute(
            update(t.pace_shares).where(s.channel == channel, s.process == process).values(wants=False, until=now_ms)
        )


def _lock(channel: str) -> dict[str, int | str]:
    return {"lock": _LOCK, "channel": channel}


def _fair(rows: Sequence[_Row], process: int, most: int, least: int) -> int:
    wanting = [row.process for row in sorted(rows, key=lambda row: (row.since, row.process)) if row.wants]
    holders = wanting[: max(1, most // least)]
    if process not in holders:
        return 0
    each, left = divmod(most, len(holders))
    return each + (holders.index(process) < left)


async def _live(connection: AsyncConnection, channel: str, now_ms: int) -> list[_Row]:
    s = t.pace_shares.c
    found = await connection.execute(
        select(s.process, s.units, s.wants, s.since, s.held_until).where(
            s.channel == channel, s.until + SLACK_MS > now_ms
        )
    )
    return [_Row(*row) for row in found]


async def _keep(connection: AsyncConnection, channel: str, row: _Row, until: int) -> None:
    s = t.pace_shares.c
    values = {
        "units": row.units,
        "wants": row.wants,
        "since": row.since,
        "until": until,
        "held_until": row.held_until,
    }
    changed = await connection.execute(
        update(t.pace_shares).where(s.channel == channel, s.process == row.process).values(values)
    )
    if not changed.rowcount:
        await connection.execute(insert(t.pace_shares).values(channel=channel, process=row.process, **values))
