"""From what the runs found to the figures that are shown: medians over rounds, and ratios within them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.goals import GOALS, Goal, Met
from benchmarks.runs import Ran

#: What one round found, by run; runs that were not measured are missing.
Round = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Figure:
    """`of` gives it for one round; `needs` are the runs that it is worked out from. `also` are figures of
    the first of these, told beside it: (key, words with a blank for the value); `said` is told as it is.
    """

    name: str
    title: str
    unit: str
    needs: tuple[str, ...]
    of: Callable[[Round], float]
    also: tuple[tuple[str, str], ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure over all rounds. `value` is None where it could not be measured, and `why` tells the reason."""

    figure: Figure
    value: float | None
    low: float = 0
    high: float = 0
    beside: tuple[str, ...] = ()
    why: str = ""

    @property
    def goal(self) -> Goal | None:
        return GOALS.get(self.figure.name)

    @property
    def met(self) -> Met | None:
        return None if self.goal is None or self.value is None else self.goal.met(self.value)


def _one(name: str, title: str, unit: str, run: str, key: str, *also: tuple[str, str]) -> Figure:
    return Figure(name, title, unit, (run,), lambda found: float(found[run][key]), also)


def _ratio(name: str, title: str, run: str, to: str, key: str) -> Figure:
    return Figure(name, title, "x", (run, to), lambda found: found[run][key] / found[to][key])


def _change(name: str, title: str, run: str, to: str, sign: int, *also: tuple[str, str]) -> Figure:
    """How much more (or, with -1, less) it is than the other, in per cent."""

    def of(found: Round) -> float:
        return sign * 100 * (float(found[run]["turns_s"]) / float(found[to]["turns_s"]) - 1)

    return Figure(name, title, "%", (run, to), of, also)


_TURNS = (("p50_ms", "p50 {} ms"), ("p99_ms", "p99 {} ms"), ("cpu_us", "{} us CPU a turn"))
_RATE = "turns/s"

FIGURES = (
    _one("sqlite-1", "Durable turns, SQLite, one at a time", _RATE, "sqlite-1", "turns_s", *_TURNS),
    _one("sqlite-8", "Durable turns, SQLite, 8 at once", _RATE, "sqlite-8", "turns_s", *_TURNS),
    _one("sqlite-32", "Durable turns, SQLite, 32 at once", _RATE, "sqlite-32", "turns_s", *_TURNS),
    _one("sqlite-128", "Durable turns, SQLite, 128 at once", _RATE, "sqlite-128", "turns_s", *_TURNS),
    _one("postgresql-1", "Durable turns, PostgreSQL, one at a time", _RATE, "postgresql-1", "turns_s", *_TURNS),
    _one("postgresql-8", "Durable turns, PostgreSQL, 8 at once", _RATE, "postgresql-8", "turns_s", *_TURNS),
    _one("postgresql-32", "Durable turns, PostgreSQL, 32 at once", _RATE, "postgresql-32", "turns_s", *_TURNS),
    _one("postgresql-128", "Durable turns, PostgreSQL, 128 at once", _RATE, "postgresql-128", "turns_s", *_TURNS),
    _one("peer", "python-telegram-bot, nothing kept", _RATE, "peer", "turns_s", *_TURNS[1:]),
    _one("peer-sqlite", "python-telegram-bot, a commit an update", _RATE, "peer-sqlite", "turns_s", *_TURNS[1:]),
    _one(
        "floor-64",
        "Raw sqlite3, 64 turns a commit",
        _RATE,
        "floor-64",
        "turns_s",
        ("cpu_us", "{} us CPU a turn"),
        ("flush_us", "a flush takes {} us"),
    ),
    _one("floor-1", "Raw sqlite3, a commit a turn", _RATE, "floor-1", "turns_s"),
    _one("floor-postgresql", "pgbench, 32 clients", _RATE, "floor-postgresql", "turns_s"),
    _ratio("at-32-to-peer", "32 at once / python-telegram-bot, nothing kept", "sqlite-32", "peer", "turns_s"),
    _ratio("at-128-to-peer", "128 at once / the same", "sqlite-128", "peer", "turns_s"),
    _ratio("at-32-to-peer-sqlite", "32 at once / the same, a commit an update", "sqlite-32", "peer-sqlite", "turns_s"),
    _ratio("at-128-to-floor", "128 at once / raw sqlite3, 64 turns a commit", "sqlite-128", "floor-64", "turns_s"),
    _one("one-at-a-time-p50", "One at a time: median of a turn", "ms", "sqlite-1", "p50_ms"),
    _one("one-at-a-time-p99", "One at a time: 99th of 100", "ms", "sqlite-1", "p99_ms"),
    _ratio(
        "postgresql-32-to-floor", "PostgreSQL, 32 at once / pgbench", "postgresql-32", "floor-postgresql", "turns_s"
    ),
    _change(
        "postgresql-second-worker",
        "PostgreSQL: a second worker adds",
        "postgresql-two-workers",
        "postgresql-one-worker",
        1,
    ),
    _change(
        "old-rows-loss",
        "A store full of old messages: loss of rate",
        "old-rows",
        "sqlite-32",
        -1,
        ("old_rows", "with {} old rows"),
    ),
    _ratio(
        "slow-disk-to-floor",
        "Flushes 5 ms slower: 128 at once / a commit a turn",
        "slow-disk",
        "slow-disk-floor",
        "turns_s",
    ),
    _one(
        "webhooks",
        "Signed webhooks, stored and answered",
        "requests/s",
        "webhooks",
        "requests_s",
        ("p50_ms", "p50 {} ms"),
        ("p99_ms", "p99 {} ms"),
        ("server_cpu_us", "{} us CPU each"),
    ),
    _one(
        "webhooks-stock",
        "Stock webhook, nothing stored",
        "requests/s",
        "webhooks-stock",
        "requests_s",
        ("server_cpu_us", "{} us CPU each"),
    ),
    _ratio("webhooks-to-stock", "Webhook / the stock one", "webhooks", "webhooks-stock", "requests_s"),
    _one("webhooks-idle-p50", "Webhook at 100/s: median", "ms", "webhooks-idle", "p50_ms"),
    _one("webhooks-idle-p99", "Webhook at 100/s: 99th of 100", "ms", "webhooks-idle", "p99_ms"),
    _one("webhooks-broadcast-p50", "The same during a broadcast: median", "ms", "webhooks-broadcast", "p50_ms"),
    _one(
        "webhooks-broadcast-p99",
        "The same during a broadcast: 99th of 100",
        "ms",
        "webhooks-broadcast",
        "p99_ms",
        ("sent_meanwhile_s", "{} sends/s meanwhile"),
    ),
    _one(
        "webhooks-broadcast-postgresql-p99",
        "The same on PostgreSQL: 99th of 100",
        "ms",
        "webhooks-broadcast-postgresql",
        "p99_ms",
        ("sent_meanwhile_s", "{} sends/s meanwhile"),
    ),
    *(
        _one(
            f"clients-{provider}-{at_once}",
            f"{provider.title()}, {at_once} sends at once: our client / the bare library",
            "x",
            f"clients-{provider}",
            f"at_{at_once}_ratio",
            (f"at_{at_once}_s", "{} sends/s"),
            (f"at_{at_once}_bare_s", "the library {}"),
            (f"at_{at_once}_cpu_us", "{} us CPU each"),
            (f"at_{at_once}_bare_cpu_us", "the library {} us"),
        )
        for provider in ("telegram", "twilio")
        for at_once in (1, 16, 64)
    ),
    *(
        figure
        for provider in ("telegram", "twilio")
        for figure in (
            _one(
                f"outbox-{provider}",
                f"Outbox to {provider.title()}'s stand-in",
                "sends/s",
                f"outbox-{provider}",
                "sends_s",
                ("cpu_us", "{} us CPU each"),
            ),
            _one(
                f"outbox-{provider}-bare",
                "The bare library, the same sends",
                "sends/s",
                f"outbox-{provider}-bare",
                "sends_s",
                ("cpu_us", "{} us CPU each"),
            ),
            _ratio(
                f"outbox-{provider}-to-bare",
                "Outbox / the bare library",
                f"outbox-{provider}",
                f"outbox-{provider}-bare",
                "sends_s",
            ),
        )
    ),
    *(
        _one(
            f"broadcast-{database}",
            f"Preparing a broadcast in six languages, {name}",
            "s",
            f"broadcast-{database}",
            "queue_seconds",
            ("queued", "to {} people"),
            ("preview_seconds", "previewed in {} s"),
            ("grown_mb", "{} MB more memory"),
            ("longest_stall_ms", "the loop stood still for {} ms at most"),
        )
        for database, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
    ),
    *(
        figure
        for database, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
        for figure in (
            _one(
                f"sending-{database}",
                f"A broadcast to 10,000 by Telegram while people write, {name}",
                "s",
                f"sending-{database}",
                "seconds_for_10000",
                ("people", "reckoned from {} people"),
                ("sends_s", "{} a second"),
            ),
            _one(
                f"sending-{database}-reply",
                f"Who writes meanwhile is answered within, {name}: 95th of 100",
                "ms",
                f"sending-{database}",
                "reply_p95_ms",
                ("reply_p50_ms", "median {} ms"),
                ("webhook_p99_ms", "webhook p99 {} ms"),
            ),
        )
    ),
    _one(
        "memory",
        "Memory for a conversation that waits",
        "B",
        "memory",
        "bytes_each",
        ("conversations", "with {} of them"),
        ("bytes_each_of_second_half", "{} B each of the second half"),
        ("resident_mb", "{} MB in all"),
    ),
    _one("start", "mime serve until ready", "s", "start", "seconds"),
    _one("start-memory", "Its memory then", "MB", "start", "resident_mb"),
)


def figures(ran: Sequence[Ran], runs: frozenset[str]) -> list[Measured]:
    """The figures to which all runs were chosen (`runs` are their names), in order."""
    return [_measured(figure, ran) for figure in _all(ran) if runs >= frozenset(figure.needs)]


def _all(ran: Sequence[Ran]) -> list[Figure]:
    """The fixed ones, and those by language, whose number the languages decide."""
    tags = next((list(one.found["languages"]) for one in ran if one.run == "segments" and one.found), [])
    return [*FIGURES, *(_language(tag, ran) for tag in tags)]


def _language(tag: str, ran: Sequence[Ran]) -> Figure:
    told = next(one.found["languages"][tag] for one in ran if one.run == "segments" and one.found)
    title = f"SMS segments of a check-in, {told['language']}{' (draft)' if told['draft'] else ''}"
    return Figure(
        f"segments-{tag}",
        title,
        "segments",
        ("segments",),
        lambda found: float(found["segments"]["languages"][tag]["segments"]),
        said=f"in {told['messages']} messages, the dearest {told['dearest']}",
    )


def _measured(figure: Figure, ran: Sequence[Ran]) -> Measured:
    rounds: dict[int, dict[str, Mapping[str, Any]]] = {}
    for one in ran:
        if one.run in figure.needs and one.found:
            rounds.setdefault(one.round, {})[one.run] = one.found
    whole = [found for found in rounds.values() if len(found) == len(figure.needs)]
    if not whole:
        return Measured(figure, None, why=_why(figure, ran))
    values = [figure.of(found) for found in whole]
    first = [found[figure.needs[0]] for found in whole]
    beside = [words.format(short(statistics.median(one[key] for one in first))) for key, words in figure.also]
    if figure.said:
        beside.append(figure.said)
    return Measured(figure, statistics.median(values), min(values), max(values), tuple(beside))


def _why(figure: Figure, ran: Sequence[Ran]) -> str:
    reasons = [one.not_measured or one.failed for one in ran if one.run in figure.needs and not one.found]
    return reasons[0] if reasons else "no round has all that it needs"


def short(value: float) -> str:
    """With as many digits as mean something: 12,345 and 123 and 12.3 and 1.23."""
    for limit, digits in ((100, 0), (10, 1)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.2f}"
