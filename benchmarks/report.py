"""The figures as a table for people, and with all that they come from as JSON for machines."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.figures import Measured, short
from benchmarks.goals import Goal
from benchmarks.runs import Ran

_HEADINGS = ("figure", "value", "goal (gate / aim)", "met?")
_PACKAGES = (
    "mime",
    "aiosqlite",
    "cryptography",
    "orjson",
    "psycopg",
    "python-telegram-bot",
    "sqlalchemy",
    "starlette",
    "twilio",
    "uvicorn",
    "uvloop",
)
SMALL = "A small run: it shows that all works; its figures mean little."
_MET = {"aim": "yes, the aim", "gate": "yes, the gate", "no": "NO", None: ""}


def rows(measured: Sequence[Measured]) -> list[tuple[str, str, str, str]]:
    return [(one.figure.title, _value(one), _goal(one.goal, one.figure.unit), _MET[one.met]) for one in measured]


def table(measured: Sequence[Measured], *, quick: bool) -> Table:
    made = Table(*_HEADINGS, title="mime bench", caption=SMALL if quick else None)
    for row in rows(measured):
        made.add_row(*row)
    return made


def plain(measured: Sequence[Measured], *, quick: bool) -> str:
    """A line a figure, for screen readers and logs."""
    lines = [SMALL] if quick else []
    for title, value, goal, met in rows(measured):
        lines.append(f"{title}: {value}" + (f"; goal {goal}; met: {met or 'not known'}" if goal else ""))
    return "\n".join(lines)


def _value(one: Measured) -> str:
    if one.value is None:
        return f"not measured: {one.why}"
    text = f"{short(one.value)} {one.figure.unit}"
    if one.high > one.low:
        text += f" ({short(one.low)} to {short(one.high)})"
    return "; ".join((text, *one.beside))


def _goal(goal: Goal | None, unit: str) -> str:
    if goal is None:
        return ""
    sign = "<=" if goal.lower else ">=" if not goal.above else ">"
    return f"{sign} {goal.gate:g} / {goal.aim:g} {unit}"


def as_json(
    measured: Sequence[Measured], ran: Sequence[Ran], *, date: datetime, rounds: int, quick: bool
) -> dict[str, Any]:
    return {
        "date": date.isoformat(timespec="seconds"),
        "quick": quick,
        "rounds": rounds,
        "machine": machine(),
        "versions": versions(),
        "figures": [_figure(one) for one in measured],
        "raw": [asdict(one) for one in ran],
    }


def _figure(one: Measured) -> dict[str, Any]:
    told: dict[str, Any] = {"name": one.figure.name, "title": one.figure.title, "unit": one.figure.unit}
    if one.value is None:
        told |= {"value": None, "not_measured": one.why}
    else:
        told |= {"value": round(one.value, 4), "low": round(one.low, 4), "high": round(one.high, 4)}
    if one.goal is not None:
        told |= {"gate": one.goal.gate, "aim": one.goal.aim, "lower_is_better": one.goal.lower, "met": one.met}
    return told


def machine() -> dict[str, Any]:
    """What it was measured on, without the machine's name."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _told_by("/proc/cpuinfo", r"model name\s*: (.+)") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_mb": int(_told_by("/proc/meminfo", r"MemTotal:\s+(\d+) kB") or 0) // 1024,
        "load_at_the_end": [round(load, 2) for load in os.getloadavg()],
    }


def _told_by(file: str, pattern: str) -> str:
    path = Path(file)
    found = re.search(pattern, path.read_text()) if path.exists() else None
    return found[1].strip() if found else ""


def versions() -> dict[str, str]:
    told = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for package in _PACKAGES:
        try:
            told[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            told[package] = "not installed"
    return told
