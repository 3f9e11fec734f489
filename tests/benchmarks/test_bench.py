"""`mime bench` from end to end in its small form; no test says how fast anything must be."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.checkin import check, turns, updates
from benchmarks.figures import FIGURES, figures
from benchmarks.goals import Goal
from benchmarks.product import product
from benchmarks.report import rows
from benchmarks.runs import RUNS, Part, Ran, Run, chosen, perform
from benchmarks.telling import Wrong
from bot.app import ROOT

_LANGUAGES = ("en", "pl", "ro", "ur", "bn")


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", "bench", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=540, check=False)


def test_a_small_run_writes_its_figures_and_shows_them(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    ran = bench(
        "--quick", "--plain", "--only", "turns", "--only", "segments", "--only", "start", "--output", str(output)
    )
    assert ran.returncode == 0, ran.stderr
    written = json.loads(output.read_text())
    values = {figure["name"]: figure["value"] for figure in written["figures"]}
    for name in ("sqlite-1", "sqlite-8", "sqlite-32", "sqlite-128", "start", "start-memory", "one-at-a-time-p99"):
        assert values[name] > 0, name
    for name in ("postgresql-1", "postgresql-8", "postgresql-32", "postgresql-128", "postgresql-second-worker"):
        assert values[name] is not None, name
    assert values["old-rows-loss"] < 100
    assert [values[f"segments-{tag}"] > 0 for tag in _LANGUAGES] == [True] * len(_LANGUAGES)
    assert "at-32-to-peer" not in values  # the peer was not asked for
    assert {one["run"] for one in written["raw"]} == {run.name for run in RUNS if run.part in _ASKED}
    assert {"python", "sqlite", "python-telegram-bot"} <= set(written["versions"])
    assert written["machine"]["cores"] > 0
    assert written["quick"] is True
    assert "Durable turns, SQLite, 32 at once: " in ran.stdout


def test_a_broadcast_at_its_pace_and_who_writes_meanwhile_are_measured_on_both_databases(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    ran = bench("--quick", "--plain", "--only", "sending", "--output", str(output))
    assert ran.returncode == 0, ran.stderr
    values = {figure["name"]: figure["value"] for figure in json.loads(output.read_text())["figures"]}
    assert values.keys() == {
        f"sending-{database}{what}" for database in ("sqlite", "postgresql") for what in ("", "-reply")
    }
    assert all(value > 0 for value in values.values())


def test_a_broadcast_is_measured_on_both_databases(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    ran = bench("--quick", "--plain", "--only", "broadcast", "--output", str(output))
    assert ran.returncode == 0, ran.stderr
    values = {figure["name"]: figure["value"] for figure in json.loads(output.read_text())["figures"]}
    assert values.keys() == {"broadcast-sqlite", "broadcast-postgresql"}
    assert all(value > 0 for value in values.values())


_ASKED = (Part.TURNS, Part.SEGMENTS, Part.START)


def test_a_part_that_is_none_is_refused_as_wrong_usage() -> None:
    assert bench("--only", "luck").returncode == 2


async def test_check_ins_that_are_not_all_stored_have_no_figures() -> None:
    async with product() as app:
        await turns(app, updates(3), 2)
        await check(app.database, 3)
        with pytest.raises(Wrong, match="rows in answers"):
            await check(app.database, 4)


def test_a_run_that_fails_says_so_and_has_no_figures(tmp_path: Path) -> None:
    run = Run("peer", Part.PEERS, "a peer", "peer", ("--members", "none"), ())
    (ran,) = perform([run], 1, tmp_path, quick=False, postgres="none: not asked for", on_begin=_no_show)
    assert "invalid int value" in ran.failed
    assert ran.found == {}


def test_without_postgresql_its_runs_say_why(tmp_path: Path) -> None:
    runs = [run for run in chosen([Part.TURNS]) if run.postgres]
    ran = list(perform(runs, 1, tmp_path, quick=True, postgres="none: there is no server", on_begin=_no_show))
    assert {one.not_measured for one in ran} == {"there is no server"}
    measured = figures(ran, frozenset(run.name for run in runs))
    assert {value for _, value, _, _ in rows(measured)} == {"not measured: there is no server"}


def _no_show(number: int, run: Run) -> None:
    return


def _rates(number: int, **rates: float) -> Iterator[Ran]:
    """Runs of one round that found so many turns a second."""
    for run, rate in rates.items():
        found = {"turns_s": rate, "p50_ms": 1.0, "p99_ms": 2.0, "cpu_us": 3.0}
        yield Ran(run.replace("_", "-"), number, 1, 0, found)


def test_a_ratio_is_taken_within_each_round_and_its_median_shown() -> None:
    ran = [
        *_rates(1, sqlite_32=100.0, peer=100.0),
        *_rates(2, sqlite_32=900.0, peer=300.0),
        *_rates(3, sqlite_32=40.0, peer=20.0),
    ]
    ratio = next(f for f in FIGURES if f.name == "at-32-to-peer")
    (measured,) = [one for one in figures(ran, frozenset(ratio.needs)) if one.figure is ratio]
    assert (measured.value, measured.low, measured.high) == (2.0, 1.0, 3.0)  # not 100/100, the ratio of medians
    assert measured.met == "aim"


def test_a_round_without_one_of_the_two_counts_for_no_ratio() -> None:
    ran = [
        *_rates(1, sqlite_32=100.0),
        Ran("peer", 1, 1, 0, failed="it fell over"),
    ]
    (measured,) = [one for one in figures(ran, frozenset({"sqlite-32", "peer"})) if one.figure.name == "at-32-to-peer"]
    assert measured.value is None
    assert measured.why == "it fell over"


def test_a_goal_knows_its_gate_from_its_aim() -> None:
    more, less = Goal(1, 2), Goal(20, 10, lower=True)
    assert [more.met(value) for value in (0.9, 1, 2)] == ["no", "gate", "aim"]
    assert [less.met(value) for value in (21, 20, 10)] == ["no", "gate", "aim"]
    above = replace(more, gate=0, above=True)
    assert [above.met(value) for value in (0, 0.1)] == ["no", "gate"]
