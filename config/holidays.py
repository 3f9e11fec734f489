"""The bank holidays, from the file that somebody adds the new ones to once a year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parent / "bank_holidays.yaml"


@dataclass(frozen=True, slots=True)
class BankHolidays:
    """The days, and the last day for which all of them are known."""

    days: frozenset[date]
    until: date


@cache
def bank_holidays(file: Path = FILE) -> BankHolidays:
    """Raises ValueError, with the file and what to do."""
    where = f"config/{file.name}"
    try:
        written = yaml.safe_load(file.read_text("utf-8"))
        days, until = dict(written["days"]), written["until"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: expected `until:` with a day, and `days:` with a day a line") from error
    for day in (until, *days):
        if type(day) is not date:
            raise ValueError(f"{where}: {day!r} is no day; write it as 2026-12-25")
    if late := [day for day in days if day > until]:
        raise ValueError(f"{where}: {late[0]} is after `until: {until}`; set that to the end of the last whole year")
    return BankHolidays(frozenset(days), until)
