"""Posts to the product's webhooks: in order within a lane (a chat, a number), lanes side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

Job = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a post. `status` is None where no answer came; `connected` tells whether it was sent."""

    status: int | None
    connected: bool = True
    content_type: str = ""
    body: bytes = b""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Posting:
    """Runs jobs in lanes, and posts for them over kept connections.

    `seconds` is how long an answer may take; `at_once` how many posts may be under way together.
    """

    def __init__(self, seconds: float, at_once: int) -> None:
        self._timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=min(5.0, seconds))
        self._slots = asyncio.Semaphore(at_once)
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[Hashable, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: list[BaseException] = []

    async def open(self) -> None:
        """Must be called in the running loop. What was added before starts now."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # the slots limit it
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        for lane in self._lanes:
            self._start(lane)

    async def close(self) -> None:
        await self.drop_all()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def limit(self, at_once: int) -> None:
        """From the next post on, so many may be under way together. To be changed while none is."""
        self._slots = asyncio.Semaphore(at_once)

    def add(self, lane: Hashable, job: Job) -> None:
        """Runs the job after those added to its lane before."""
        if (queue := self._lanes.get(lane)) is not None:
            queue.append(job)
            return
        self._lanes[lane] = deque([job])
        if self._session is not None:
            self._start(lane)

    async def drop_all(self) -> None:
        """Forgets every job, and breaks off those under way."""
        tasks = list(self._tasks)
        self._lanes.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Returns when no job is left. Raises what a job raised: that is a defect in the stand-in."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._broken:
            raise self._broken.pop(0)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Posts to exactly this URL (nothing in it is quoted anew) and follows no redirect."""
        assert self._session is not None, "posts are made only while the stand-in is served"
        try:
            async with (
                self._slots,
                self._session.post(URL(url, encoded=True), data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return Posted(answer.status, True, answer.content_type, await answer.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            return Posted(None, connected=False)
        except (aiohttp.ClientError, TimeoutError):
            return Posted(None)

    def _start(self, lane: Hashable) -> None:
        task = asyncio.get_running_loop().create_task(self._run(lane, self._lanes[lane]))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _run(self, lane: Hashable, queue: deque[Job]) -> None:
        try:
            while queue:
                await queue[0]()
                queue.popleft()
        finally:
            if self._lanes.get(lane) is queue:
                del self._lanes[lane]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken.append(error)
