"""Processes that a measurement starts and ends: `mime serve`, the stand-ins, and a peer's server."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.standins import telegram, twilio
from benchmarks.telling import Wrong
from bot.app import ROOT

SERVER_CORE, CLIENT_CORE = 0, 1
_PATIENCE = 60.0  # seconds


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without the operator's settings, so that nothing reaches anybody's account."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MIME_")}
    path = os.pathsep.join(filter(None, (str(ROOT), inherited.get("PYTHONPATH"))))
    return {**inherited, "PYTHONPATH": path, **(settings or {})}


@contextmanager
def started(
    command: Sequence[str], folder: Path, *, settings: Mapping[str, str] | None = None, core: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process in this folder, on this core where cores can be chosen; told to stop at the end.

    Raises Wrong where it has ended by itself before.
    """
    errors = folder / f"errors-{secrets.token_hex(4)}"
    with errors.open("w") as sink:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(settings), stdout=subprocess.PIPE, stderr=sink, text=True
        )
        try:
            if core is not None:
                pin(core, process.pid)
            yield process
            if process.poll() is not None:
                raise Wrong(f"{' '.join(command[1:4])} ended with {process.returncode}: {errors.read_text()[-500:]}")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def pin(core: int, process: int = 0) -> None:
    """Keep the process (0: this one) on one core, so that it does not fight its client for both."""
    if hasattr(os, "sched_setaffinity") and core < (os.cpu_count() or 1):
        os.sched_setaffinity(process, {core})


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Served:
    """A running `mime serve`. `seconds` from its start until it said that it is ready."""

    process: int
    port: int
    seconds: float


@contextmanager
def mime_serve(folder: Path, settings: Mapping[str, str], *, core: int | None = None) -> Iterator[Served]:
    """`mime serve` on the stores `mime.db` and `evaluation.db` of the folder, once it is ready."""
    port = free_port()
    given = {
        "MIME_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/mime.db",
        "MIME_EVALUATION_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/evaluation.db",
        "MIME_PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "MIME_CONTACT_PHONE": "01632 960123",
        "MIME_QUIET_HOURS": "",
        **settings,
    }
    began = time.perf_counter()
    command = [sys.executable, "-m", "bot", "serve", "--port", str(port)]
    with started(command, folder, settings=given, core=core) as process:
        wait_for(port, "/readyz", process)
        yield Served(process.pid, port, time.perf_counter() - began)


def wait_for(port: int, path: str, process: subprocess.Popen[str]) -> None:
    """Returns when it answers 200. Raises Wrong where that does not happen."""
    deadline = time.perf_counter() + _PATIENCE
    while time.perf_counter() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass  # not listening yet
        finally:
            connection.close()
        time.sleep(0.005)
    raise Wrong(f"{path} did not answer 200")


@contextmanager
def standin(provider: str, folder: Path, *more: str, core: int | None = None) -> Iterator[str]:
    """The stand-in for "telegram" or "twilio" as a process of its own, started with these options; its address."""
    command = [sys.executable, "-m", f"benchmarks.standins.{provider}", "--port", "0", *more]
    with started(command, folder, core=core) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if "http://127.0.0.1:" not in line:
            raise Wrong(f"the stand-in for {provider} did not start")
        yield line.split()[-1]


def telegram_settings(address: str) -> dict[str, str]:
    return {
        "MIME_TELEGRAM_BOT_TOKEN": telegram.TOKEN,
        "MIME_TELEGRAM_WEBHOOK_SECRET": "a-secret-for-benchmarks",
        "MIME_TELEGRAM_API_BASE": address,
    }


def twilio_settings(address: str) -> dict[str, str]:
    return {
        "MIME_TWILIO_ACCOUNT_SID": twilio.ACCOUNT_SID,
        "MIME_TWILIO_AUTH_TOKEN": twilio.AUTH_TOKEN,
        "MIME_TWILIO_FROM": twilio.NUMBER_OF_OURS,
        "MIME_TWILIO_API_BASE": address,
    }
