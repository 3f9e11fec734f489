"""What a coordinator wants to see at a glance: the events to come, and what the day brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.broadcast import BroadcastState
from domain.event import EventState
from store import alerts, events, tasks
from store import tables as t
from store.call_list import call_list
from store.events import Listed
from store.tasks import DueTask
from store.times import to_ms
from store.vault import Vault

#: The kind of fire that reminds somebody of their place (`bot.events.fires`).
_REMINDER = "remind"


@dataclass(frozen=True, slots=True)
class Coming:
    """An event to come, who has a place and who waits, and how many needs are still to be met; 0: it is ready."""

    listed: Listed
    open_needs: int


@dataclass(frozen=True, slots=True)
class Today:
    """What one day brings. `events` are held on it; `to_call` counts the call list, `open_alerts` what nobody has
    closed, `reminders` those that still go out, `failed` the messages of the day that did not arrive, `broadcasts`
    those that are under way or paused, `strangers` those who tried a word of the team's. `due` must be arranged soon.
    """

    events: tuple[Coming, ...]
    to_call: int
    open_alerts: int
    due: tuple[DueTask, ...]
    reminders: int
    failed: int
    broadcasts: int
    strangers: int


async def coming(connection: AsyncConnection, now: datetime) -> list[Coming]:
    """The events that are not over, the next one first."""
    needs = await tasks.unready_events(connection, now)
    return [Coming(one, needs.get(one.event.id, 0)) for one in await events.listing(connection, now)]


async def today(
    connection: AsyncConnection, vault: Vault, questionnaires: Mapping[str, str], zone: ZoneInfo, now: datetime
) -> Today:
    """`questionnaires` are those whose silence counts for the call list (`store.call_list.missed_in`). The day is the
    zone's, from midnight to midnight.
    """
    begins = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = begins.replace(tzinfo=None) + timedelta(days=1)
    since, until = to_ms(begins), to_ms(ends.replace(tzinfo=zone))
    f, o, a, b = t.fires.c, t.outbox.c, t.alerts.c, t.broadcasts.c
    under_way = (BroadcastState.SENDING.value, BroadcastState.PAUSED.value)
    counts = [
        int((await connection.execute(select(func.count()).select_from(table).where(*which))).scalar_one())
        for table, which in (
            (t.alerts, (a.done_at.is_(None),)),
            (t.fires, (f.kind == _REMINDER, f.due_at < until)),
            (t.outbox, (o.status == "failed", o.edits.is_(None), o.created_at >= since)),
            (t.broadcasts, (b.state.in_(under_way),)),
        )
    ]
    open_alerts, reminders, failed, broadcasts = counts
    listed = await call_list(connection, vault, questionnaires, now, limit=0)
    due = [one for several in (await tasks.due_tasks(connection, now)).values() for one in several]
    held = [
        one
        for one in await coming(connection, now)
        if one.listed.event.state is EventState.PUBLISHED
        and any(to_ms(day.starts_at) < until and to_ms(day.ends_at) > since for day in one.listed.event.days)
    ]
    return Today(
        events=tuple(held),
        to_call=listed.total,
        open_alerts=open_alerts,
        due=tuple(sorted(due, key=lambda one: one.due_at)),
        reminders=reminders,
        failed=failed,
        broadcasts=broadcasts,
        strangers=await alerts.strangers(connection, begins),
    )
