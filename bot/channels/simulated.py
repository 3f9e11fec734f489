"""A channel whose phones are in the simulator: every message is taken, and read from the store."""

from __future__ import annotations

from datetime import datetime

from bot.channels.base import Sent
from domain.message import OutgoingMessage


class Simulated:
    """Stands in for a provider in `mime demo` and `mime chat`. `name` is the channel it stands in for."""

    in_flight = 64

    def __init__(self, name: str) -> None:
        self.name = name

    async def send(self, message: OutgoingMessage, now: datetime) -> Sent:
        return Sent(f"simulated/{message.id}")

    async def look_up(self, message: OutgoingMessage) -> None:
        """There is no log of its own."""

    def cost(self, message: OutgoingMessage) -> int:
        return 1

    async def close(self) -> None:
        return
