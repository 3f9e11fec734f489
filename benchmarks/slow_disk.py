"""A measurement on a slower disk: each flush takes some milliseconds more, as on a cheap cloud volume.

    python -m benchmarks.slow_disk --milliseconds 5 turns --at-once 128

A small library, compiled here and put before the C library (LD_PRELOAD), sleeps in fsync and fdatasync.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.telling import Found, NotMeasured, tell

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <time.h>

static void pause_here(void) {
    struct timespec left = {MILLISECONDS / 1000, (MILLISECONDS % 1000) * 1000000L};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {}
}

int fsync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");
    pause_here();
    return real(file);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    pause_here();
    return real(file);
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_disk", description=__doc__)
    parser.add_argument("--milliseconds", type=int, default=5, help="more for each flush (default: %(default)s)")
    parser.add_argument("measurement", choices=("turns", "floor_sqlite", "commits"))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of that measurement")
    given = parser.parse_args()
    if given.measurement == "commits":
        print(fastest_commit())
        return
    tell(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        environment = _slowed(Path(folder), given.milliseconds)
        command = [sys.executable, "-m", f"benchmarks.{given.measurement}", *given.arguments]
        ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        sys.exit(ran.returncode)
    found: Found = json.loads(ran.stdout.splitlines()[-1])
    return {**found, "slower_by_ms": given.milliseconds}


def _slowed(folder: Path, milliseconds: int) -> dict[str, str]:
    """The environment in which flushes are slower, and seen to be. Raises NotMeasured."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        raise NotMeasured("a slower disk needs Linux and a C compiler (Debian: gcc)")
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(_SOURCE)
    command = [compiler, "-shared", "-fPIC", f"-DMILLISECONDS={milliseconds}", "-o", str(library), str(source), "-ldl"]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    if compiled.returncode:
        raise NotMeasured(f"the slower disk could not be compiled: {compiled.stderr.strip()[-200:]}")
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    probe = [sys.executable, "-m", "benchmarks.slow_disk", "commits"]
    seen = subprocess.run(probe, env=environment, capture_output=True, text=True, check=False)
    # a Python whose SQLite calls the system past the C library would not notice the slower disk
    if seen.returncode or float(seen.stdout) < milliseconds / 1000:
        raise NotMeasured("flushes of this Python's SQLite cannot be made slower")
    return environment


def fastest_commit() -> float:
    """The seconds of the fastest of three commits."""
    took = []
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "probe.db", isolation_level=None)
        database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE probe (n INTEGER)")
        for n in range(3):
            began = time.perf_counter()
            database.execute("INSERT INTO probe VALUES (?)", (n,))
            took.append(time.perf_counter() - began)
        database.close()
    return min(took)


if __name__ == "__main__":
    main()
