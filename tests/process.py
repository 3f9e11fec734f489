"""The program as a real process, as an operator starts it: for tests that kill it, stop it and cut it off."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp

import httpx

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """An environment with these settings (without their prefix) and no others of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MIME_")}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "MIME_SECRET_KEY": "a secret for tests only",
        "MIME_CONTACT_PHONE": "01632 960123",
        "MIME_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/mime.db",
        "MIME_EVALUATION_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/evaluation.db",
        **{f"MIME_{name.upper()}": value for name, value in settings.items()},
    }


async def command(folder: Path, env: dict[str, str], *words: str, typed: str = "") -> tuple[int, str, str]:
    """Run `mime WORDS` to its end in a process of its own, with that at its standard input; its exit code, and what it
    printed on both streams.
    """
    return await asyncio.to_thread(_forked, folder, env, words, typed)


async def afresh(folder: Path, env: dict[str, str], *words: str) -> tuple[int, str, str]:
    """The same in a process that loads the program itself: where it is to find other modules, or on another machine."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words, cwd=folder, env=env, stdout=-1, stderr=-1, stdin=DEVNULL
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def _forked(folder: Path, env: dict[str, str], words: Sequence[str], typed: str) -> tuple[int, str, str]:
    asked = json.dumps({"folder": str(folder), "env": env, "words": words}).encode()
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(typed.encode())
        given.seek(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as forking:
            forking.connect(str(_forking()))
            socket.send_fds(forking, [asked], [file.fileno() for file in (given, out, err)])
            code = int(forking.recv(20))
        out.seek(0)
        err.seek(0)
        return code, out.read().decode(), err.read().decode()


@cache
def _forking() -> Path:
    """Where the process listens that forks (`tests/forking.py`); it ends with ours."""
    path = Path(mkdtemp(prefix="mime-forking-")) / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forking", str(path)], cwd=ROOT, env=environment(ROOT), stdin=subprocess.PIPE
    )
    atexit.register(_end, process, path)
    while not path.exists():
        if process.poll() is not None:
            raise RuntimeError("tests.forking ended before it listened")
        time.sleep(0.01)
    return path


def _end(process: subprocess.Popen[bytes], path: Path) -> None:
    process.communicate()
    shutil.rmtree(path.parent)


class Served:
    """`mime serve` on a port of its own; started, killed and started again on the same stores."""

    def __init__(self, folder: Path, env: dict[str, str], port: int) -> None:
        self.folder = folder
        self.env = env
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.process: Process | None = None
        self.ready_after: list[float] = []

    async def start(self, *words: str) -> None:
        """Returns when it is ready. Raises where it ends instead."""
        begun = time.monotonic()
        with (self.folder / "serve.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", "--port", str(self.port), *words,
                cwd=self.folder, env=self.env, stdout=log, stderr=log, stdin=DEVNULL,
            )  # fmt: skip
        async with httpx.AsyncClient() as client:
            while self.process.returncode is None:
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        self.ready_after.append(time.monotonic() - begun)
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.02)
        raise AssertionError(f"mime serve ended: {(self.folder / 'serve.log').read_text()[-2000:]}")

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """As an operator stops it; its exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()
