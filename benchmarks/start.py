"""From the start of `mime serve` until it is ready, and the memory it has then: what a restart costs."""

from __future__ import annotations

import argparse
import re
import secrets
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.processes import mime_serve, standin, telegram_settings, twilio_settings
from benchmarks.telling import Found, NotMeasured, tell


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    tell(lambda: _measure(given.times))


def _measure(times: int) -> Found:
    if sys.platform != "linux":
        raise NotMeasured("memory is read from Linux's /proc")
    with (
        tempfile.TemporaryDirectory() as name,
        standin("telegram", Path(name)) as telegram,
        standin("twilio", Path(name)) as twilio,
    ):
        settings = {
            "MIME_SECRET_KEY": secrets.token_urlsafe(32),
            **telegram_settings(telegram),
            **twilio_settings(twilio),
        }
        with mime_serve(Path(name), settings) as served:  # makes the tables; a restart finds them
            first = served.seconds
        seconds, resident = [], []
        for _ in range(times):
            with mime_serve(Path(name), settings) as served:
                seconds.append(served.seconds)
                resident.append(_resident(served.process))
    return {
        "seconds": round(statistics.median(seconds), 3),
        "resident_mb": round(statistics.median(resident), 1),
        "seconds_each": [round(s, 3) for s in seconds],
        "seconds_of_the_very_first": round(first, 3),
    }


def _resident(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None, "Linux tells it of every process that runs"
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
