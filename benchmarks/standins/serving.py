"""Serves a stand-in on loopback: inside the caller's event loop, or as a process of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

#: Longer than any client keeps an idle connection: a connection that we closed just as it was being
#: used again would look like a fault that nobody asked for.
_KEEP_ALIVE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read to its end. Names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def form(self) -> list[tuple[str, str]]:
        """The fields of a form body. Raises ValueError where they are not UTF-8."""
        return parse_qsl(self.body.decode("ascii"), keep_blank_values=True, errors="strict")

    def asked(self) -> list[tuple[str, str]]:
        """The fields of the query. Raises ValueError where they are not UTF-8."""
        return parse_qsl(self.query, keep_blank_values=True, errors="strict")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to a request."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(status: int, content: Any) -> Answer:
    return Answer(status, orjson.dumps(content))


class Standin(Protocol):
    """What a stand-in must be able to do to be served."""

    async def open(self) -> None:
        """Called in the event loop before the first request."""

    async def close(self) -> None:
        """Called after the last request has been let go; ends all that is under way."""

    def release(self) -> None:
        """Lets requests that are held open (a long poll) be answered now: the server is about to stop."""

    async def answer(self, request: Request) -> Answer | None:
        """The answer, or None to drop the connection without one."""
        ...


@asynccontextmanager
async def loopback(standin: Standin, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serves the stand-in in this event loop; gives its base URL. Port 0 takes any free one. `host` is another
    address of this machine only where a test has made a network of its own.

    The server is not run by `uvicorn.Server.serve`, which would take over the caller's signals and
    wait a tenth of a second at least at its end.
    """
    await standin.open()
    try:
        async with served(_config(standin), bound(port, host), standin.release) as url:
            yield url
    finally:
        await standin.close()


@asynccontextmanager
async def served(config: uvicorn.Config, listener: socket.socket, release: Callable[[], None]) -> AsyncIterator[str]:
    """Any web application in this event loop, until the end of `with`; gives its base URL. `release` lets requests
    that are held open be answered.
    """
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    try:
        yield _url(listener)
    finally:
        release()
        await _stop(server)
        listener.close()


def run_alone(standin: Standin, name: str, port: int) -> None:
    """Serves the stand-in until the process is told to stop (SIGINT or SIGTERM); prints its address first."""
    listener = bound(port)
    config = _config(standin)
    server = uvicorn.Server(config)

    async def serve() -> None:
        await standin.open()
        try:
            await server.serve(sockets=[listener])
        finally:
            standin.release()
            await standin.close()

    print(f"{name} stand-in: {_url(listener)}", flush=True)
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())


def bound(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A socket on this port of loopback (0: any free one), not yet listening."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def _config(standin: Standin) -> uvicorn.Config:
    return uvicorn.Config(
        cast(Any, _application(standin)),
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,  # logging is the caller's; and an access log would show the bot's token
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )


class _Connection(HttpToolsProtocol):
    """uvicorn's connection, with a way for the application to break it off (ASGI itself knows none)."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(_Message, self.scope)["extensions"] = {"drop": self.transport.abort}


def _application(standin: Standin) -> Callable[[_Message, _Receive, _Send], Awaitable[None]]:
    async def application(scope: _Message, receive: _Receive, send: _Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("ascii")
        answer = await standin.answer(Request(scope["method"], scope["path"], query, headers, body))
        if answer is None:
            scope["extensions"]["drop"]()
            await receive()  # until uvicorn has seen that the connection is gone
            return
        lines = [
            (b"content-type", answer.content_type.encode("ascii")),
            (b"content-length", b"%d" % len(answer.body)),
            *((name.encode("ascii"), value.encode("ascii")) for name, value in answer.headers),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": lines})
        await send({"type": "http.response.body", "body": answer.body})

    return application


async def _stop(server: uvicorn.Server) -> None:
    """Closes the listeners, lets answers under way be finished, then closes what is still open."""
    for listener in server.servers:
        listener.close()
    connections = server.server_state.connections
    for connection in list(connections):
        connection.shutdown()
    if under_way := set(server.server_state.tasks):
        _, late = await asyncio.wait(under_way, timeout=1)
        for task in late:
            task.cancel()
    for connection in list(connections):
        connection.transport.abort()
    for _ in range(100):  # a transport says that it is closed a turn of the loop later
        if not connections:
            break
        await asyncio.sleep(0)
