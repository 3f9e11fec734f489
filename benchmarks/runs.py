"""Which measurements there are, and their running: each in a process of its own, one after the other, round by round.

In a round all of them run once, so that those compared with one another meet the machine in about
the same mood.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.processes import environment
from bot.app import ROOT

_LONGEST = 900.0  # seconds of one run; a hanging one is ended


class Part(StrEnum):
    """What `--only` chooses."""

    TURNS = "turns"
    PEERS = "peers"
    FLOORS = "floors"
    WEBHOOKS = "webhooks"
    OUTBOX = "outbox"
    BROADCAST = "broadcast"
    SENDING = "sending"
    MEMORY = "memory"
    START = "start"
    SEGMENTS = "segments"


@dataclass(frozen=True, slots=True)
class Run:
    """One process of a round. `quick` takes the place of `arguments` in a small run. `once`: in the first
    round only, since it hardly changes from one to the next, or measures several times by itself.
    """

    name: str
    part: Part
    title: str
    module: str
    arguments: tuple[str, ...]
    quick: tuple[str, ...]
    once: bool = False
    postgres: bool = False


@dataclass(slots=True)
class Ran:
    """What came of it: `found` is empty where `failed` or `not_measured` says why."""

    run: str
    round: int
    seconds: float
    #: How many processes wanted a core, on average over the minute before.
    load: float
    found: dict[str, Any] = field(default_factory=dict)
    not_measured: str = ""
    failed: str = ""


def _turns(name: str, title: str, at_once: int, members: int, quick: int, *more: str, postgres: bool = False) -> Run:
    fixed = ("--at-once", str(at_once), *more, *(("--database", "postgresql") if postgres else ()))
    return Run(
        name,
        Part.TURNS,
        title,
        "turns",
        (*fixed, "--members", str(members)),
        (*fixed, "--members", str(quick)),
        postgres=postgres,
    )


def _old_rows(number: int) -> tuple[str, ...]:
    return "--at-once", "32", "--preload", str(number)


def _slow_disk(module: str, *arguments: str) -> tuple[str, ...]:
    return "--milliseconds", "5", module, *arguments


#: In the order of a round: what is compared stands near what it is compared with.
RUNS = (
    Run("peer", Part.PEERS, "peer, no persistence", "peer", ("--members", "1200"), ("--members", "50")),
    _turns("sqlite-32", "SQLite, 32 at once", 32, 1500, 50),
    Run(
        "old-rows",
        Part.TURNS,
        "SQLite, 32 at once, a store full of old messages",
        "turns",
        (*_old_rows(1_000_000), "--members", "1500"),
        (*_old_rows(20_000), "--members", "50"),
    ),
    Run(
        "peer-sqlite",
        Part.PEERS,
        "peer, commits each update to SQLite",
        "peer",
        ("--persistence", "sqlite", "--members", "600"),
        ("--persistence", "sqlite", "--members", "30"),
    ),
    _turns("sqlite-128", "SQLite, 128 at once", 128, 2500, 100),
    Run(
        "floor-64",
        Part.FLOORS,
        "raw sqlite3, 64 turns a commit",
        "floor_sqlite",
        ("--turns-a-commit", "64", "--turns", "40000"),
        ("--turns-a-commit", "64", "--turns", "2000"),
    ),
    Run(
        "floor-1",
        Part.FLOORS,
        "raw sqlite3, a commit a turn",
        "floor_sqlite",
        ("--turns-a-commit", "1", "--turns", "8000"),
        ("--turns-a-commit", "1", "--turns", "300"),
    ),
    _turns("sqlite-8", "SQLite, 8 at once", 8, 800, 20),
    _turns("sqlite-1", "SQLite, one at a time", 1, 250, 10),
    Run(
        "slow-disk",
        Part.TURNS,
        "SQLite, 128 at once, flushes 5 ms slower",
        "slow_disk",
        _slow_disk("turns", "--at-once", "128", "--members", "2500"),
        _slow_disk("turns", "--at-once", "128", "--members", "100"),
    ),
    Run(
        "slow-disk-floor",
        Part.FLOORS,
        "raw sqlite3, a commit a turn, flushes 5 ms slower",
        "slow_disk",
        _slow_disk("floor_sqlite", "--turns-a-commit", "1", "--turns", "600"),
        _slow_disk("floor_sqlite", "--turns-a-commit", "1", "--turns", "50"),
    ),
    _turns("postgresql-32", "PostgreSQL, 32 at once", 32, 1200, 30, postgres=True),
    Run(
        "floor-postgresql",
        Part.FLOORS,
        "pgbench, 32 clients",
        "floor_postgres",
        ("--seconds", "5"),
        ("--seconds", "1"),
        postgres=True,
    ),
    _turns("postgresql-1", "PostgreSQL, one at a time", 1, 200, 5, postgres=True),
    _turns("postgresql-8", "PostgreSQL, 8 at once", 8, 600, 10, postgres=True),
    _turns("postgresql-128", "PostgreSQL, 128 at once", 128, 2000, 30, postgres=True),
    Run(
        "postgresql-one-worker",
        Part.TURNS,
        "PostgreSQL, one worker process",
        "replicas",
        ("--replicas", "1", "--members", "1000"),
        ("--replicas", "1", "--members", "30"),
        postgres=True,
    ),
    Run(
        "postgresql-two-workers",
        Part.TURNS,
        "PostgreSQL, two worker processes",
        "replicas",
        ("--replicas", "2", "--members", "1000"),
        ("--replicas", "2", "--members", "30"),
        postgres=True,
    ),
    Run(
        "webhooks",
        Part.WEBHOOKS,
        "signed webhooks, 32 connections",
        "webhooks",
        ("throughput", "--members", "800"),
        ("throughput", "--members", "20"),
    ),
    Run(
        "webhooks-stock",
        Part.WEBHOOKS,
        "stock webhook that stores nothing",
        "webhooks",
        ("stock", "--members", "800"),
        ("stock", "--members", "20"),
    ),
    Run(
        "webhooks-idle",
        Part.WEBHOOKS,
        "webhooks at 100/s",
        "webhooks",
        ("idle", "--seconds", "10"),
        ("idle", "--seconds", "1"),
    ),
    Run(
        "webhooks-broadcast",
        Part.WEBHOOKS,
        "webhooks at 100/s during a broadcast",
        "webhooks",
        ("broadcast", "--seconds", "10", "--queued", "30000"),
        ("broadcast", "--seconds", "1", "--queued", "6000"),
    ),
    Run(
        "webhooks-broadcast-postgresql",
        Part.WEBHOOKS,
        "webhooks at 100/s during a broadcast, PostgreSQL",
        "webhooks",
        ("broadcast", "--seconds", "10", "--queued", "30000", "--database", "postgresql"),
        ("broadcast", "--seconds", "1", "--queued", "6000", "--database", "postgresql"),
        postgres=True,
    ),
    *(
        Run(
            f"clients-{provider}",
            Part.OUTBOX,
            f"our client for {provider.title()} and the bare library, in turns",
            "clients",
            (provider, "--messages", "2000"),
            (provider, "--messages", "100"),
        )
        for provider in ("telegram", "twilio")
    ),
    *(
        Run(
            f"outbox-{provider}{'-bare' if bare else ''}",
            Part.OUTBOX,
            f"sends to the stand-in for {provider.title()}{', the bare library' if bare else ''}",
            "outbox",
            (provider, *bare, "--messages", "3000"),
            (provider, *bare, "--messages", "100"),
        )
        for provider in ("telegram", "twilio")
        for bare in ((), ("--bare",))
    ),
    *(
        Run(
            f"broadcast-{database}",
            Part.BROADCAST,
            f"preparing a broadcast, {name}",
            "broadcast",
            ("--people", "100000", "--database", database),
            ("--people", "2000", "--database", database),
            once=True,
            postgres=database == "postgresql",
        )
        for database, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
    ),
    *(
        Run(
            f"sending-{database}",
            Part.SENDING,
            f"a broadcast by Telegram at its pace while people write, {name}",
            "broadcasting",
            ("--people", "3000", "--database", database),
            ("--people", "60", "--database", database),
            once=True,
            postgres=database == "postgresql",
        )
        for database, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
    ),
    Run("start", Part.START, "mime serve until ready", "start", ("--times", "5"), ("--times", "1"), once=True),
    Run("segments", Part.SEGMENTS, "SMS segments by language", "message_costs", (), (), once=True),
    Run(
        "memory",
        Part.MEMORY,
        "conversations that wait",
        "memory",
        ("--conversations", "100000"),
        ("--conversations", "2000"),
        once=True,
    ),
)


def chosen(only: Collection[Part]) -> list[Run]:
    """The runs of these parts; of all of them where none is named."""
    return [run for run in RUNS if not only or run.part in only]


def perform(
    runs: Collection[Run],
    rounds: int,
    folder: Path,
    *,
    quick: bool,
    postgres: str,
    on_begin: Callable[[int, Run], None],
) -> Iterator[Ran]:
    """Runs them all, round by round. `folder` is where their stores are made; `postgres` the address of
    a server, or, after "none: ", why there is none.
    """
    for number in range(1, rounds + 1):
        for run in runs:
            if run.once and number > 1:
                continue
            on_begin(number, run)
            if run.postgres and postgres.startswith("none: "):
                yield Ran(run.name, number, 0, os.getloadavg()[0], not_measured=postgres.removeprefix("none: "))
                continue
            yield _perform(run, number, folder, quick=quick, postgres=postgres)


def _perform(run: Run, number: int, folder: Path, *, quick: bool, postgres: str) -> Ran:
    command = [sys.executable, "-m", f"benchmarks.{run.module}", *(run.quick if quick else run.arguments)]
    if run.postgres:
        command += ["--postgres", postgres]
    if "--preload" in command:
        command += ["--preloaded", str(folder / "old-rows.db")]
    ran = Ran(run.name, number, 0, round(os.getloadavg()[0], 2))
    began = time.perf_counter()
    try:
        process = subprocess.run(
            command,
            cwd=ROOT,
            env=environment({"TMPDIR": str(folder)}),
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        ran.failed = f"it did not end within {_LONGEST:.0f} seconds"
    else:
        _read(ran, process)
    ran.seconds = round(time.perf_counter() - began, 1)
    return ran


def _read(ran: Ran, process: subprocess.CompletedProcess[str]) -> None:
    lines = [line for line in process.stdout.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        said = process.stderr.strip().splitlines()
        ran.failed = said[-1][:300] if said else f"it ended with {process.returncode} and said nothing"
        return
    found: Mapping[str, Any] = json.loads(lines[-1])
    ran.not_measured = str(found.get("not_measured", ""))
    ran.found = {} if ran.not_measured else dict(found)
