"""Posts to a web server from one event loop: many connections that are kept open, and little else.

A general HTTP client would take longer for a request than the server that is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import httptools

from benchmarks.telling import Wrong


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Wrong("the server closed a connection"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def ask(self, request: bytes) -> int:
        """The status of the answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


@asynccontextmanager
async def connections(port: int, number: int) -> AsyncIterator[list[Connection]]:
    """Open connections to this port of the machine."""
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(Connection, "127.0.0.1", port) for _ in range(number)]
    try:
        yield [connection for _, connection in opened]
    finally:
        for _, connection in opened:
            connection.close()


async def as_fast_as_answered(port: int, steps: Iterable[Sequence[bytes]], at_once: int) -> list[float]:
    """Posts each step's requests, always `at_once` of them under way; the seconds each took.

    Raises Wrong for an answer other than 200.
    """
    took: list[float] = []

    async def post(connection: Connection, requests: Iterator[bytes]) -> None:
        for request in requests:
            began = time.perf_counter()
            _expect_200(await connection.ask(request))
            took.append(time.perf_counter() - began)

    async with connections(port, at_once) as opened:
        for step in steps:
            requests = iter(step)
            await asyncio.gather(*(post(connection, requests) for connection in opened))
    return took


async def at_a_rate(port: int, requests: Sequence[bytes], per_second: float, at_most: int) -> list[float]:
    """Posts a request at each tick of a clock, whether the ones before are answered or not; the seconds
    from the tick until the answer, so that what a slow answer delays is counted as well.

    Raises Wrong for an answer other than 200.
    """
    took: list[float] = []
    async with connections(port, at_most) as opened:
        free: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in opened:
            free.put_nowait(connection)

        async def post(request: bytes, due: float) -> None:
            connection = await free.get()
            _expect_200(await connection.ask(request))
            took.append(time.perf_counter() - due)
            free.put_nowait(connection)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number, request in enumerate(requests):
                due = began + number / per_second
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(post(request, due))
    return took


def _expect_200(status: int) -> None:
    if status != 200:
        raise Wrong(f"a webhook was answered {status}")
