"""Watching a drill: each call of somebody of the team is told as it happens, until one of them has taken it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from store.database import Database
from store.drills import Call, Drill, Progress, progress
from store.vault import Vault

#: What became of a call that was not sent.
_STATUS = {
    "queued": "waits to be sent",
    "sending": "is being sent",
    "errored": "was refused for now, and is tried again",
    "unknown": "was perhaps sent",
    "failed": "could not be sent",
    "expired": "was too late to be sent",
    "cancelled": "was cancelled",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of the drill, once it was taken, closed by somebody, or its time was over."""

    drill: Drill
    last: Progress

    @property
    def taken(self) -> bool:
        return self.last.taken_at is not None

    def lines(self) -> list[str]:
        """How long each call and the acknowledgement took, for the team to read."""
        raised, last = self.drill.raised_at, self.last
        told = [_call(call, raised) for call in last.calls] or ["Nobody was called: is mime serve running?"]
        if last.taken_at is None:
            return [*told, "It was closed by hand." if last.closed else "Nobody took it."]
        theirs = [call.called_at for call in last.calls if call.name == last.taken_by]
        after = f", {spoken(last.taken_at - theirs[-1])} after they were called" if theirs else ""
        return [*told, f"{last.taken_by} took it after {spoken(last.taken_at - raised)}{after}."]


async def watch(
    database: Database,
    vault: Vault,
    drill: Drill,
    until: datetime,
    *,
    clock: Callable[[], datetime],
    pause: Callable[[], Awaitable[None]],
    tell: Callable[[str], None],
) -> Watched:
    """Look, `pause` and look again until somebody has taken it, or it is `until`; `tell` each call once."""
    pages = frozenset({drill.page})
    told: set[int] = set()
    while True:
        last = await progress(database, vault, drill, pages)
        pages |= last.pages
        for call in last.calls:
            if call.message_id not in told:
                told.add(call.message_id)
                tell(f"{call.name} is called, {spoken(call.called_at - drill.raised_at)} after it was raised.")
        if last.taken_at is not None or last.closed or clock() >= until:
            return Watched(drill, last)
        await pause()


def _call(call: Call, raised: datetime) -> str:
    sent = (
        f"their text {_STATUS.get(call.status, 'was not sent')}"
        if call.sent_at is None
        else f"their text was sent {spoken(call.sent_at - call.called_at)} later"
    )
    return f"{call.name} was called after {spoken(call.called_at - raised)}; {sent}."


def spoken(span: timedelta) -> str:
    """A span as people say it: 3 s, 2 min 5 s."""
    seconds = max(0, round(span.total_seconds()))
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60} s"
