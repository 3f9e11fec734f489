"""The part of an account's pace that is this process's, where several processes send for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.pace import Pace
from store import shares
from store.database import Database
from store.times import to_ms

_RENEWAL, _AGAIN = timedelta(seconds=1), timedelta(seconds=0.25)
#: What a share has become less by stays ours so long: it may have been used just now, and be on its way.
_LINGERS = timedelta(seconds=1.5)


class Sharing:
    """Renews this process's share and tells the pace of it. `least`: fewer units a second are no use to anybody."""

    def __init__(self, database: Database, channel: str, process: int, pace: Pace, least: int) -> None:
        self._database = database
        self._channel = channel
        self._process = process
        self._pace = pace
        self._least = min(least, pace.most)
        self._share = shares.Share(0, 0, others=True)
        self._at: datetime | None = None
        self._more: tuple[int, datetime] | None = None  # what it was before, and until when that counts
        self._pace.share(0, 0)

    @property
    def others(self) -> bool:
        """Whether others may send for the account too, or may have a moment ago."""
        return self._share.others

    async def renew(self, now: datetime, *, wants: bool = True) -> None:
        """To be called often; it does something once a second, and more often as long as nothing is ours. A store that
        is away raises what it raises, and our share then ends by itself.
        """
        had = self._share
        since = timedelta.max if self._at is None else now - self._at
        if timedelta() <= since < (_RENEWAL if had.units or not wants else _AGAIN):
            return
        used = had.units if to_ms(now) < had.until_ms + shares.SLACK_MS else 0
        if self._more is not None:
            more, until = self._more
            if now < until:
                used = max(used, more)
            else:
                self._more = None
        self._share = await shares.take(
            self._database,
            self._channel,
            self._process,
            self._pace.most,
            self._least,
            used=used,
            wants=wants,
            held_until_ms=int(max(0.0, self._pace.held_until) * 1000),  # never later than it was
            now_ms=to_ms(now),
        )
        self._at = now
        self._pace.share(self._share.units, self._share.until_ms / 1000)
        self._pace.hold(self._share.held_until_ms / 1000)
        if self._share.units < used and (self._more is None or self._more[0] < used):
            self._more = (used, now + _LINGERS)

    async def give_back(self, now: datetime) -> None:
        """Nothing more is sent from here."""
        self._pace.share(0, 0)
        await shares.give_back(self._database, self._channel, self._process, to_ms(now))
