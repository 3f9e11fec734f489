"""Python's garbage collector, told to wait while much is made that stays for good."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_to_collect() -> Iterator[None]:
    """Of modules, flows and words nothing is garbage; looking for some again and again while they are made takes a
    quarter of the start.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
