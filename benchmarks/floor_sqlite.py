"""The floor under the product on SQLite: Python's own sqlite3, eight statements a turn and nothing else.

No dedupe key of its own, no encryption, no engine, one thread: what the statements and their commits
cost at the least. `--turns-a-commit 64` is the limit of shared commits; 1 is a commit for each turn.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.telling import Found, Stopwatch, Wrong, tell

MEMBERS = 10_000
_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA cache_size=-16000;
CREATE TABLE member (id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, language TEXT);
CREATE TABLE session (member_id INTEGER PRIMARY KEY, node INTEGER NOT NULL, state TEXT NOT NULL, version INTEGER);
CREATE TABLE inbound (provider_id TEXT PRIMARY KEY, member_id INTEGER NOT NULL, body TEXT NOT NULL, at REAL);
CREATE TABLE answer (id INTEGER PRIMARY KEY, member_id INTEGER NOT NULL, question TEXT NOT NULL, value TEXT, at REAL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, member_id INTEGER NOT NULL, body TEXT NOT NULL, sent INTEGER DEFAULT 0);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent = 0;
"""
#: About as much as a session's state is: 300 bytes of JSON.
_STATE = {f"question_{n}": "an answer of some length" for n in range(7)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor_sqlite", description=__doc__)
    parser.add_argument("--turns", type=int, default=20_000)
    parser.add_argument("--turns-a-commit", type=int, default=64)
    given = parser.parse_args()
    tell(lambda: _measure(given.turns, given.turns_a_commit))


def _measure(turns: int, turns_a_commit: int) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        flush = _flush(Path(folder) / "flush")
        database = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        try:
            _fill(database)
            chance = random.Random(turns)
            members = [chance.randrange(MEMBERS) for _ in range(turns)]
            execute = database.execute
            with Stopwatch() as watch:
                for first in range(0, turns, turns_a_commit):
                    execute("BEGIN IMMEDIATE")
                    for turn in range(first, min(first + turns_a_commit, turns)):
                        _turn(database, turn, members[turn])
                    execute("COMMIT")
            for table in ("inbound", "answer", "outbox"):
                if execute(f"SELECT count(*) FROM {table}").fetchone()[0] != turns:
                    raise Wrong(f"not every turn is in {table}")
        finally:
            database.close()
    return {"turns": turns, **watch.rate(turns, "turns"), "flush_us": flush}


def _fill(database: sqlite3.Connection) -> None:
    database.executescript(_SCHEMA)
    database.execute("BEGIN")
    database.executemany("INSERT INTO member VALUES (?, ?, 'en')", ((n, f"telegram:{n}") for n in range(MEMBERS)))
    database.executemany("INSERT INTO session VALUES (?, 0, ?, 1)", ((n, json.dumps(_STATE)) for n in range(MEMBERS)))
    database.execute("COMMIT")


def _turn(database: sqlite3.Connection, turn: int, number: int) -> None:
    execute, now = database.execute, time.time()
    (member,) = execute("SELECT id FROM member WHERE address = ?", (f"telegram:{number}",)).fetchone()
    execute("INSERT INTO inbound VALUES (?, ?, '7', ?) ON CONFLICT DO NOTHING", (f"update-{turn}", member, now))
    node, state, version = execute("SELECT node, state, version FROM session WHERE member_id = ?", (member,)).fetchone()
    answers = json.loads(state)
    answers["question_0"] = f"an answer of turn {turn}"
    execute(
        "UPDATE session SET node = ?, state = ?, version = ? WHERE member_id = ?",
        (node + 1, json.dumps(answers), version + 1, member),
    )
    execute("INSERT INTO answer (member_id, question, value, at) VALUES (?, 'mood', '7', ?)", (member, now))
    execute("INSERT INTO outbox (member_id, body) VALUES (?, 'How much have you worried lately?')", (member,))


def _flush(file: Path) -> float:
    """Microseconds that the disk takes to keep 4 KiB written over others, at the median of 200."""
    page, took = os.urandom(4096), []
    with file.open("w+b", buffering=0) as opened:
        opened.write(page)
        os.fsync(opened.fileno())
        for _ in range(200):
            opened.seek(0)
            began = time.perf_counter()
            opened.write(page)
            os.fsync(opened.fileno())
            took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1e6, 1)


if __name__ == "__main__":
    main()
