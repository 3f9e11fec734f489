"""Print how well people are understood, language by language; with `-v LANGUAGE` what was not."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.understanding.measure import LANGUAGES, Tally, measured


def main(languages: list[str]) -> None:
    table = Table(title="Understanding (goals: replies 98 %, STOP 0 and 0, danger 95 %, false alarms 10 in 1,000)")
    for head in (
        "language",
        "yes/no",
        "number",
        "option",
        "replies",
        "STOP missed",
        "false STOP",
        "danger heard",
        "false alarms",
    ):
        table.add_column(head, justify="left" if head == "language" else "right")
    for language in LANGUAGES:
        found = measured(language)
        table.add_row(
            language,
            *(_share(tally) for tally in (found.yes_no, found.number, found.option, found.replies)),
            f"{len(found.missed_stop.wrong)} of {found.missed_stop.total}",
            f"{len(found.false_stop.wrong)} of {found.false_stop.total}",
            _share(found.distress),
            f"{found.false_alarms:.1f} in 1,000 of {found.ordinary.total}",
        )
    Console(width=150).print(table)
    for language in languages:
        found = measured(language)
        for name in ("yes_no", "number", "option", "missed_stop", "false_stop", "distress", "ordinary"):
            for text, expected, heard in getattr(found, name).wrong:
                print(f"{language} {name}: {text!r} means {expected!r}, heard {heard!r}")


def _share(tally: Tally) -> str:
    return f"{100 * tally.right:.1f} % of {tally.total}"


main(sys.argv[2:])
