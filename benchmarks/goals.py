"""What the figures ought to be: a gate that must be passed, and an aim beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Met = Literal["aim", "gate", "no"]


@dataclass(frozen=True, slots=True)
class Goal:
    """Both numbers are in the figure's own unit. `lower`: less is better. `above`: the gate itself does not do."""

    gate: float
    aim: float
    lower: bool = False
    above: bool = False

    def met(self, value: float) -> Met:
        if value <= self.aim if self.lower else value >= self.aim:
            return "aim"
        if self.above:
            return "gate" if value > self.gate else "no"
        return "gate" if (value <= self.gate if self.lower else value >= self.gate) else "no"


#: By the figure's name. Ratios are of two figures taken in the same round.
GOALS = {
    "at-32-to-peer": Goal(1.0, 2),
    "at-128-to-peer": Goal(1.5, 3),
    "at-32-to-peer-sqlite": Goal(3, 6),
    "at-128-to-floor": Goal(0.3, 0.5),
    "one-at-a-time-p50": Goal(5, 2, lower=True),
    "one-at-a-time-p99": Goal(20, 10, lower=True),
    "postgresql-32-to-floor": Goal(1.0, 2),
    "postgresql-second-worker": Goal(0, 30, above=True),
    "webhooks-to-stock": Goal(0.8, 1.5),
    "webhooks-broadcast-p99": Goal(250, 100, lower=True),
    "webhooks-broadcast-postgresql-p99": Goal(250, 100, lower=True),
    "clients-telegram-1": Goal(1.0, 1.5),
    "clients-telegram-16": Goal(1.0, 3),
    "clients-telegram-64": Goal(1.0, 4),
    "clients-twilio-1": Goal(0.9, 1.0),
    "clients-twilio-16": Goal(0.9, 1.0),
    "clients-twilio-64": Goal(0.9, 1.0),
    "sending-sqlite": Goal(370, 345, lower=True),
    "sending-postgresql": Goal(370, 345, lower=True),
    "sending-sqlite-reply": Goal(2000, 500, lower=True),
    "sending-postgresql-reply": Goal(2000, 500, lower=True),
    "broadcast-sqlite": Goal(10, 5, lower=True),
    "broadcast-postgresql": Goal(10, 5, lower=True),
    "memory": Goal(200, 60, lower=True),
    "start": Goal(2, 1, lower=True),
    "start-memory": Goal(150, 100, lower=True),
    "old-rows-loss": Goal(35, 10, lower=True),
    "slow-disk-to-floor": Goal(20, 50),
}
