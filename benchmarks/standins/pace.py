"""Telegram's limits on sending: 30 messages in any second over all, one a second in a chat with a burst of 3."""

from __future__ import annotations

from collections import deque

#: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
OVERALL = 30
BURST = 3

#: In messages: two sent exactly a second apart may arrive a little closer. It does not add up, since
#: what was borrowed is owed.
_JITTER = 0.1


class Pace:
    """Watches accepted messages, and says when they come too fast. Times are in seconds and never fall."""

    def __init__(self) -> None:
        self._last_second: deque[float] = deque()
        self._complained = float("-inf")
        self._chats: dict[int, tuple[float, float]] = {}  # what is left of the burst, and when that was

    def complaints(self, chat_id: int, now: float) -> list[str]:
        """Notes a message to this chat; sentences on the limits that it broke."""
        return self._overall(now) + self._in_chat(chat_id, now)

    def _overall(self, now: float) -> list[str]:
        recent = self._last_second
        recent.append(now)
        while recent[0] <= now - 1:
            recent.popleft()
        # once a second: each further message of the same flood says nothing new
        if len(recent) <= OVERALL or now - self._complained < 1:
            return []
        self._complained = now
        return [f"pace: more than {OVERALL} messages within one second"]

    def _in_chat(self, chat_id: int, now: float) -> list[str]:
        left, since = self._chats.get(chat_id, (float(BURST), now))
        left = min(BURST, left + now - since) - 1
        self._chats[chat_id] = (left, now)
        if left >= -_JITTER:
            return []
        return [f"pace: more than one message a second to one chat, beyond a burst of {BURST}"]
