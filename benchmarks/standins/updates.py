"""Updates on their way to the bot: kept until it has them, whether it asks (getUpdates) or is told (webhook)."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from benchmarks.standins.bot_api import UPDATE_KINDS
from benchmarks.standins.posting import Posting


class Conflict(Exception):
    """Two ways of getting updates are in each other's way. The message is Telegram's description."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where updates are posted, as setWebhook said."""

    url: str
    secret_token: str | None = None
    max_connections: int = 40


@dataclass(frozen=True, slots=True)
class _Update:
    chat_id: int
    content: dict[str, Any]


class Updates:
    """Gives updates increasing numbers, and hands them over at least once, in order within a chat.

    A post that is not answered 2xx is made again after `pause` seconds, then after twice that, and so
    on up to `longest_pause`, at most `attempts` times. `repeated` says whether an update that was
    taken is posted once more all the same.
    """

    def __init__(
        self,
        first_id: int,
        clock: Callable[[], float],
        repeated: Callable[[], bool],
        pause: float,
        longest_pause: float,
        attempts: int = 1000,
    ) -> None:
        self._next_id = first_id
        self._clock = clock
        self._repeated = repeated
        self._pause = pause
        self._longest_pause = longest_pause
        self._attempts = attempts
        self._posting = Posting(seconds=60, at_once=40)
        self._pending: OrderedDict[int, _Update] = OrderedDict()
        self._none_pending = asyncio.Event()
        self._none_pending.set()
        self._poll: asyncio.Future[str | None] | None = None
        self._released = False
        self._last_error: tuple[float, str] | None = None
        self.allowed = UPDATE_KINDS
        self.webhook: Webhook | None = None
        #: Posts to the webhook by the status answered, 0 where no answer came.
        self.posts: Counter[int] = Counter()
        self.given_up = 0

    @property
    def pending(self) -> int:
        """How many updates the bot does not have yet."""
        return len(self._pending)

    async def open(self) -> None:
        """Must be called in the running loop. What a webhook has not taken is posted to it again."""
        self._released = False
        await self._posting.open()
        await self.set_webhook(self.webhook, drop_pending=False)

    async def close(self) -> None:
        await self._posting.close()

    def release(self) -> None:
        """Ends the long poll that is held open, and lets no other begin."""
        self._released = True
        self._wake(None)

    async def settled(self) -> None:
        """Returns when the bot has every update."""
        await self._none_pending.wait()
        await self._posting.settled()

    def add(self, chat_id: int, kind: str, value: dict[str, Any]) -> int:
        """A new update of this kind; its number. One that the bot did not ask for goes nowhere."""
        update_id = self._next_id
        self._next_id += 1
        if kind in self.allowed:
            self._pending[update_id] = _Update(chat_id, {"update_id": update_id, kind: value})
            self._none_pending.clear()
            if self.webhook is not None:
                self._post(update_id, chat_id, self.webhook)
            else:
                self._wake(None)
        return update_id

    async def take(self, offset: int, limit: int, seconds: float) -> list[dict[str, Any]]:
        """What getUpdates gives: confirms all before `offset`, then waits at most so many seconds.

        Raises Conflict while a webhook is set, and when another such request comes meanwhile.
        """
        if self.webhook is not None:
            raise Conflict(
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first"
            )
        self._wake("Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
        self._confirm(offset)
        if not self._pending and seconds > 0 and not self._released:
            poll = self._poll = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    if (conflict := await poll) is not None:
                        raise Conflict(conflict)
            except TimeoutError:
                pass  # nothing came: an empty answer
            finally:
                if self._poll is poll:
                    self._poll = None
        return [update.content for update in islice(self._pending.values(), limit)]

    async def set_webhook(self, webhook: Webhook | None, drop_pending: bool) -> None:
        """From now on updates are posted there, those that wait first; None: they wait to be asked for."""
        self.webhook = webhook
        if webhook is not None:
            self._wake("Conflict: terminated by setWebhook request")
        await self._posting.drop_all()
        if drop_pending:
            self._pending.clear()
        self._last_error = None
        self._note_pending()
        if webhook is not None:
            self._posting.limit(webhook.max_connections)
            for update_id, update in self._pending.items():
                self._post(update_id, update.chat_id, webhook)

    def webhook_info(self) -> dict[str, Any]:
        """What getWebhookInfo gives."""
        info: dict[str, Any] = {
            "url": self.webhook.url if self.webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self._pending),
            "allowed_updates": sorted(self.allowed),
        }
        if self.webhook is not None:
            info["max_connections"] = self.webhook.max_connections
        if self._last_error is not None:
            info["last_error_date"] = int(self._last_error[0])
            info["last_error_message"] = self._last_error[1]
        return info

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            excess = len(self._pending) + offset
            for _ in range(excess):
                self._pending.popitem(last=False)
        while self._pending and next(iter(self._pending)) < offset:
            self._pending.popitem(last=False)
        self._note_pending()

    def _wake(self, conflict: str | None) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(conflict)

    def _note_pending(self) -> None:
        if not self._pending:
            self._none_pending.set()

    def _post(self, update_id: int, chat_id: int, webhook: Webhook) -> None:
        async def job() -> None:
            await self._post_until_taken(update_id, webhook)

        self._posting.add(chat_id, job)

    async def _post_until_taken(self, update_id: int, webhook: Webhook) -> None:
        body = orjson.dumps(self._pending[update_id].content)
        headers = {"Content-Type": "application/json"}
        if webhook.secret_token is not None:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret_token
        pause = self._pause
        for _ in range(self._attempts):
            posted = await self._posting.post(webhook.url, body, headers)
            self.posts[posted.status or 0] += 1
            if posted.accepted:
                if self._repeated():
                    again = await self._posting.post(webhook.url, body, headers)
                    self.posts[again.status or 0] += 1
                break
            says = "Connection refused" if not posted.connected else "Read timeout expired"
            if posted.status is not None:
                says = f"Wrong response from the webhook: {posted.status}"
            self._last_error = (self._clock(), says)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._longest_pause)
        else:
            self.given_up += 1
        del self._pending[update_id]
        self._note_pending()
