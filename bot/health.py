"""Whether all is well, for machines: /healthz, /readyz and /metrics. No word of a person is in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import evaluation.migrations
import store.migrations
from bot.dispatcher import Dispatcher
from bot.sender import Sender
from bot.versions import version
from domain.message import MessageClass
from evaluation.store import EvaluationStore
from scheduler.ticker import Ticker
from store import tables as t
from store.alerts import strangers
from store.answers import count_to_export
from store.database import Database
from store.times import to_ms

_SLOW = 3.0  # seconds that a store may take to answer
_DEAD = timedelta(seconds=30)
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Health:
    """What there is to be well; without `senders` and `ticker` in a process that only takes webhooks in."""

    database: Database
    evaluation: EvaluationStore
    dispatcher: Dispatcher
    senders: Sequence[Sender]
    ticker: Ticker | None
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]

    async def healthz(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        faults = await self.faults()
        told = {"ready": not faults, "faults": faults, "warnings": self.warnings()}
        return JSONResponse(told, status_code=503 if faults else 200)

    def warnings(self) -> list[str]:
        """What is wrong, a sentence each, and no reason to send this process nothing more: another would be as ill."""
        return [
            f"{sender.channel.name}: the provider fails again and again; what waits for it is tried now and then"
            for sender in self.senders
            if sender.circuit.is_open
        ]

    async def faults(self) -> list[str]:
        """What is wrong, a sentence each."""
        checks = (
            ("the operational store", version(self.database.engine), store.migrations.HEAD),
            ("the evaluation store", version(self.evaluation.engine), evaluation.migrations.HEAD),
        )
        faults = []
        looks = [asyncio.create_task(seen) for _, seen, _ in checks]
        await asyncio.wait(looks, timeout=_SLOW)
        for (name, _, head), look in zip(checks, looks, strict=True):
            try:
                if not look.done():  # it ends by itself: to cancel it would wait for a host that may be cut off
                    look.add_done_callback(_let_go)
                    raise TimeoutError
                if (step := look.result()) != head:
                    faults.append(f"{name} is at step {step} and not at {head}: run mime migrate")
            except Exception as error:  # each driver has its own errors for "away"
                faults.append(f"{name} cannot be reached ({type(error).__name__})")
        if self.dispatcher.stuck:
            faults.append("the operational store takes nothing: is its synchronous standby away?")
        now = self.clock()
        for sender in self.senders:
            if sender.alive_at is None or now - sender.alive_at > _DEAD:
                faults.append(f"the sender for {sender.channel.name} is not alive")
        if self.ticker is not None and (self.ticker.alive_at is None or now - self.ticker.alive_at > _DEAD):
            faults.append("the ticker is not alive")
        return faults

    async def metrics(self, request: Request) -> Response:
        lines = [
            _metric("mime_facts_handled_total", "counter", "Messages, receipts and fires handled since the start."),
            f"mime_facts_handled_total {self.dispatcher.handled}",
            _metric("mime_batches_total", "counter", "Transactions they were handled in."),
            f"mime_batches_total {self.dispatcher.batches}",
            _metric("mime_sends_total", "counter", "Tries to send since the start, by what became of them."),
        ]
        for sender in self.senders:
            for outcome in ("sent", "errored", "failed", "unknown"):
                count = getattr(sender.counts, outcome)
                lines.append(f'mime_sends_total{{channel="{sender.channel.name}",outcome="{outcome}"}} {count}')
        lines.append(_metric("mime_account_failing", "gauge", "1: the provider fails, and its account is left alone."))
        for sender in self.senders:
            lines.append(f'mime_account_failing{{channel="{sender.channel.name}"}} {int(sender.circuit.is_open)}')
        lines.append(_metric("mime_outbox", "gauge", "Messages not finished, by channel and status."))
        c = t.outbox.c
        waiting = (
            select(c.channel, c.status, func.count())
            .where(c.status.in_(("queued", "errored", "sending", "unknown")))
            .group_by(c.channel, c.status)
        )
        async with self.database.read() as connection:
            lines += [
                f'mime_outbox{{channel="{channel}",status="{status}"}} {count}'
                for channel, status, count in await connection.execute(waiting)
            ]
            lines.append(
                _metric("mime_outbox_age_seconds", "gauge", "How long the oldest message that may go has waited.")
            )
            now_ms = to_ms(self.clock())
            oldest = (
                select(c.message_class, func.min(c.send_after))
                .where(c.status.in_(("queued", "errored", "sending", "unknown")))
                .group_by(c.message_class)
            )
            ages = {kind: now_ms - since for kind, since in await connection.execute(oldest)}
            lines += [
                f'mime_outbox_age_seconds{{class="{kind.name.lower()}"}} {max(0, ages.get(kind, 0)) / 1000:g}'
                for kind in MessageClass
            ]
            open_alerts = await connection.execute(
                select(func.count()).select_from(t.alerts).where(t.alerts.c.done_at.is_(None))
            )
            lines.append(_metric("mime_alerts_open", "gauge", "What a coordinator has not looked at yet."))
            lines.append(f"mime_alerts_open {open_alerts.scalar_one()}")
            tried = await strangers(connection, self.clock() - _A_DAY)
            lines.append(
                _metric("mime_strangers", "gauge", "People not on the team who sent one of its words in the last day.")
            )
            lines.append(f"mime_strangers {tried}")
            a = t.answers.c
            unpushed = (
                await connection.execute(select(func.min(a.answered_at)).where(a.exported_at.is_(None)))
            ).scalar()
            lag = 0 if unpushed is None else max(0, now_ms - unpushed) / 1000
            lines.append(_metric("mime_export_lag_seconds", "gauge", "Age of the oldest answer that is not pushed."))
            lines.append(f"mime_export_lag_seconds {lag:g}")
        lines.append(_metric("mime_answers_to_export", "gauge", "Answers that the evaluation store lacks."))
        lines.append(f"mime_answers_to_export {await count_to_export(self.database)}")
        lines.append(_metric("mime_account_refused", "gauge", "1 while a provider refuses our credentials."))
        lines += [
            f'mime_account_refused{{channel="{sender.channel.name}"}} {int(sender.refused)}' for sender in self.senders
        ]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _let_go(look: asyncio.Task[str | None]) -> None:
    """Nobody waits for it any more, whatever comes of it."""
    if not look.cancelled():
        look.exception()


def _metric(name: str, kind: str, what: str) -> str:
    return f"# HELP {name} {what}\n# TYPE {name} {kind}"
