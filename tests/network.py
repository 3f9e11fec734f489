"""The network between the machines of a test: any of them can be cut off, and is whole again later.

Where the machine allows it, each has a network namespace of its own, and a cut swallows packets without a word, as a
broken switch does. Elsewhere all of them are on loopback with a relay on each way, and a cut hangs up and lets nobody
through.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.process import free_port

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of <sched.h>
_numbers = itertools.count()


class Network(Protocol):
    #: Where a server listens to be reached by the others, and where the test's own do.
    every: str
    ours: str

    def inside(self, machine: str) -> list[str]:
        """What stands before a command that is to run on that machine."""
        ...

    def port(self, machine: str, usual: int) -> int:
        """The port on which a server of that machine listens."""
        ...

    async def way(self, from_: str, to: str, port: int) -> str:
        """`HOST:PORT` at which one machine reaches the port of another; the test's own is called `us`."""
        ...

    def cut(self, machine: str) -> None:
        """From now on nobody reaches it, and it reaches nobody."""
        ...

    def mend(self, machine: str) -> None: ...


@contextmanager
def network(machines: list[str]) -> Iterator[Network]:
    """The best that this machine allows; `MIME_CLUSTER_RELAYS` has relays in any case."""
    if not os.environ.get("MIME_CLUSTER_RELAYS") and _may_part_networks():
        with _namespaces(machines) as parted:
            yield parted
    else:
        relays = Relays()
        try:
            yield relays
        finally:
            relays.close()


def _may_part_networks() -> bool:
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nsenter"))):
        return False
    tried = subprocess.run(
        ["unshare", "-n", "ip", "link", "add", "tried", "type", "bridge"], capture_output=True, check=False
    )
    return tried.returncode == 0


class Namespaces:
    """A switch in a namespace that the test itself moves into, and a cable to each machine."""

    every = "0.0.0.0"
    ours = "10.77.0.1"

    def __init__(self, machines: list[str]) -> None:
        mark = f"m{os.getpid()}x{next(_numbers)}"
        self.switch = f"{mark}-switch"
        self._spaces = {name: f"{mark}-{name}" for name in machines}
        self._addresses = {name: f"10.77.0.{n}" for n, name in enumerate(machines, start=11)}

    def build(self) -> None:
        _ip("netns", "add", self.switch)
        _ip("-n", self.switch, "link", "set", "lo", "up")
        _ip("-n", self.switch, "link", "add", "name", "switch", "type", "bridge")
        _ip("-n", self.switch, "addr", "add", f"{self.ours}/24", "dev", "switch")
        _ip("-n", self.switch, "link", "set", "switch", "up")
        for name, space in self._spaces.items():
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
            _ip("-n", self.switch, "link", "add", "name", name, "type", "veth", "peer", "name", "cable", "netns", space)
            _ip("-n", self.switch, "link", "set", "dev", name, "master", "switch", "up")
            _ip("-n", space, "addr", "add", f"{self._addresses[name]}/24", "dev", "cable")
            _ip("-n", space, "link", "set", "cable", "up")

    def take_down(self) -> None:
        for space in (*self._spaces.values(), self.switch):
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)

    def inside(self, machine: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self._spaces[machine]}"]

    def port(self, machine: str, usual: int) -> int:
        return usual

    async def way(self, from_: str, to: str, port: int) -> str:
        return f"{self.ours if to == 'us' else self._addresses[to]}:{port}"

    def cut(self, machine: str) -> None:
        """Unplugged from the switch, but not from its own end: it notices nothing but silence."""
        _ip("-n", self.switch, "link", "set", "dev", machine, "nomaster")

    def mend(self, machine: str) -> None:
        _ip("-n", self.switch, "link", "set", "dev", machine, "master", "switch")


@contextmanager
def _namespaces(machines: list[str]) -> Iterator[Namespaces]:
    """This thread is on the switch while it lasts, and so is what it opens and starts."""
    parted = Namespaces(machines)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        parted.build()
        _enter(Path("/run/netns") / parted.switch)
        yield parted
    finally:
        _set_namespace(home)
        os.close(home)
        parted.take_down()


def _enter(space: Path) -> None:
    handle = os.open(space, os.O_RDONLY)
    try:
        _set_namespace(handle)
    finally:
        os.close(handle)


def _set_namespace(handle: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(handle, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Relays:
    """A relay for each way from one machine to another, made when it is first asked for."""

    every = ours = "127.0.0.1"

    def __init__(self) -> None:
        self._ways: dict[tuple[str, str, int], int] = {}
        self._open: dict[tuple[str, str], set[asyncio.StreamWriter]] = {}
        self._servers: list[asyncio.Server] = []
        self._cut: set[str] = set()

    def inside(self, machine: str) -> list[str]:
        return []

    def port(self, machine: str, usual: int) -> int:
        return free_port()

    async def way(self, from_: str, to: str, port: int) -> str:
        if (from_, to, port) not in self._ways:
            writers = self._open.setdefault((from_, to), set())

            async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if self._cut & {from_, to}:
                    writer.transport.abort()
                    return
                try:
                    there, back = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    writer.transport.abort()
                    return
                ends = {writer, back}
                writers.update(ends)
                await asyncio.gather(_pour(reader, back), _pour(there, writer))
                writers.difference_update(ends)

            server = await asyncio.start_server(relay, "127.0.0.1")
            self._servers.append(server)
            self._ways[from_, to, port] = server.sockets[0].getsockname()[1]
        return f"127.0.0.1:{self._ways[from_, to, port]}"

    def cut(self, machine: str) -> None:
        self._cut.add(machine)
        for ends, writers in self._open.items():
            if machine in ends:
                for writer in writers:
                    writer.transport.abort()

    def mend(self, machine: str) -> None:
        self._cut.discard(machine)

    def close(self) -> None:
        for server in self._servers:
            server.close()
        for writers in self._open.values():
            for writer in writers:
                writer.transport.abort()


async def _pour(from_: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    """Until either end hangs up; then the other one is hung up on as well."""
    with contextlib.suppress(OSError):
        while words := await from_.read(1 << 16):
            to.write(words)
            await to.drain()
    to.transport.abort()
