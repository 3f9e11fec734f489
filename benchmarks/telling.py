"""How a measurement tells what it found: one line of JSON on standard output."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

Found = Mapping[str, object]


class NotMeasured(Exception):
    """This cannot be measured here. The message says why."""


class Wrong(Exception):
    """What was measured did not do its work: its figures would mean nothing."""


def tell(measure: Callable[[], Found]) -> None:
    """Prints what `measure` found, or why it could not be measured. Raises whatever else it raises."""
    try:
        found = measure()
    except NotMeasured as why:
        found = {"not_measured": str(why)}
    print(json.dumps(found), flush=True)


class Stopwatch:
    """Seconds on the wall and seconds of all this process's threads on a core, between `with` and its end."""

    wall = 0.0
    cpu = 0.0

    def __enter__(self) -> Stopwatch:
        self._began, self._cpu_began = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall = time.perf_counter() - self._began
        self.cpu = time.process_time() - self._cpu_began

    def rate(self, number: int, what: str) -> dict[str, float]:
        """So many things in that time, by the second, and the core's time for one."""
        return {f"{what}_s": round(number / self.wall, 1), "cpu_us": round(self.cpu / number * 1e6, 1)}


def latencies(seconds: Sequence[float]) -> dict[str, float]:
    """The median, the 99th of a hundred and the longest, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "p50_ms": _ms(ordered[len(ordered) // 2]),
        "p99_ms": _ms(ordered[int(len(ordered) * 0.99)]),
        "longest_ms": _ms(ordered[-1]),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
