"""One PostgreSQL on several hosts: which of them writes just now, and how long silence is borne."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

log = structlog.get_logger()

#: Seconds after which a host that is cut off counts as gone, whichever side waits for the other.
SILENCE = 5
#: Seconds that one COMMIT, or one look, may take. The server may be there and the commit wait all the same: for a
#: synchronous standby that is away, or on a primary that was replaced and does not know it. Below the 15 s that
#: Twilio waits for a webhook.
DEADLINE = 8.0
#: For libpq (its documentation, "Parameter Key Words"), where the address says nothing else; `tcp_user_timeout` is in
#: ms.
_CONNECTING: Mapping[str, str] = {
    "connect_timeout": "2",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": str(SILENCE * 1000),
}
#: For the server's side of each connection (its documentation, "TCP Settings" and "Statement Behavior"), where it knows
#: them: a process of ours that is cut off, or stands still, keeps its locks for no longer. In seconds, and ms for those
#: that end in `timeout`.
_SERVED: Mapping[str, str] = {
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": str(SILENCE * 1000),
    "idle_in_transaction_session_timeout": "300000",
}
_SETTINGS = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SERVED.items())
#: The first eight digits are the timeline: it grows with each promotion, so of two primaries the higher one is right.
_TIMELINE = "SELECT pg_walfile_name(pg_current_wal_lsn())"


def hosts_of(url: str) -> list[str]:
    """The hosts in an address, as `HOST:PORT`, in its order; of a socket in a folder, the folder."""
    address = make_url(url)
    parameters: dict[str, Any] = dict(address.get_dialect()().create_connect_args(address)[1])
    return [_name(host, port) for host, port in _hosts(parameters)]


def make_engine(url: str, **options: Any) -> AsyncEngine:
    """An engine for one PostgreSQL, on one host or several: connections go to the one that writes, and those that
    are cut off end by themselves.
    """
    address = make_url(url)
    given = {name: value for name, value in _CONNECTING.items() if name not in address.query}
    engine = create_async_engine(url, pool_pre_ping=True, connect_args=given, **options)
    dialect = engine.sync_engine.dialect
    primary = Primary()
    event.listen(engine.sync_engine, "do_connect", primary.connect)
    event.listen(engine.sync_engine.pool, "invalidate", primary.doubt)
    event.listen(engine.sync_engine, "handle_error", _read_only_is_gone)
    commit = dialect.do_commit

    def commit_in_time(connection: Any) -> None:
        with deadline(connection.driver_connection):
            commit(connection)

    dialect.do_commit = commit_in_time  # type: ignore[method-assign, assignment]  # there is no event around a COMMIT
    return engine


@contextmanager
def deadline(raw: Any, seconds: float = DEADLINE) -> Iterator[None]:
    """Break the connection off if it is not done in time.

    It is not cancelled: a server that is asked to cancel a COMMIT that waits for its standby answers, with a warning,
    that it is committed (PostgreSQL's src/backend/replication/syncrep.c), and that is what a later failover would lose.
    """
    timer = asyncio.get_running_loop().call_later(seconds, _break_off, raw)
    try:
        yield
    finally:
        timer.cancel()


def _break_off(raw: Any) -> None:
    """For whoever waits on it, it is as if the server had hung up."""
    if raw.closed:
        return
    log.warning("the store does not answer: the connection is broken off")
    with suppress(OSError), socket.socket(fileno=os.dup(raw.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)


def _read_only_is_gone(context: Any) -> None:
    """Who may only read any more was the primary once: it is connected to again, wherever it is now."""
    if any(kind.__name__ == "ReadOnlySqlTransaction" for kind in type(context.original_exception).__mro__):
        context.is_disconnect = True


class Primary:
    """Where to connect to. The host that wrote last is asked first, or last where a connection to it was just lost; one
    that was replaced, and came back without knowing it, is left alone.
    """

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None
        self._timeline = 0
        self._doubted = False

    def doubt(self, *_: object) -> None:
        """A connection was lost; for SQLAlchemy's event `invalidate`. A standby that has not been promoted says so at
        once, while a host that is cut off says nothing.
        """
        self._doubted = True

    def connect(self, dialect: Any, record: Any, words: Sequence[Any], parameters: Mapping[str, Any]) -> Any:
        """A connection to the newest primary, for SQLAlchemy's event `do_connect`. Raises the driver's own errors."""
        hosts = sorted(_hosts(parameters), key=lambda host: (host == self._last) is self._doubted)
        found: Any = None
        failure: Exception = dialect.loaded_dbapi.OperationalError("the address names no host")
        looks_at_all = self._last is None
        for host, port in hosts:
            where = {"host": host, "port": port} if host or port else {}
            try:
                connection = dialect.connect(*words, **{**parameters, **where})
                timeline = _made_ready(dialect, connection)
            except dialect.loaded_dbapi.Error as error:
                failure = error
                continue
            if timeline < self._timeline:
                log.error("an old primary came back and still takes writes: stop it", host=_name(host, port))
                failure = dialect.loaded_dbapi.OperationalError(f"{_name(host, port)} is not the primary any more")
                connection.close()
                continue
            if found is not None and timeline == self._timeline:  # databases in which every host writes
                connection.close()
                continue
            if found is not None:
                found.close()
            found, self._last, self._timeline, self._doubted = connection, (host, port), timeline, False
            if not looks_at_all:
                break
        if found is None:
            raise failure
        return found


def _made_ready(dialect: Any, connection: Any) -> int:
    """Tell the server how long to bear our silence; its timeline, or 0 where it knows of none (there are databases
    that only speak as PostgreSQL does).
    """
    timeline = 0
    for statement in (_SETTINGS, _TIMELINE):
        cursor = connection.cursor()
        try:
            cursor.execute(statement)
            (said, *_) = cursor.fetchone()
            connection.commit()
            if statement is _TIMELINE:
                timeline = int(said[:8], 16)
        except (dialect.loaded_dbapi.Error, ValueError):
            if connection.driver_connection.closed:
                raise
            connection.rollback()
        finally:
            cursor.close()
    return timeline


def _hosts(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    hosts = str(parameters.get("host", "")).split(",")
    ports = str(parameters.get("port", "")).split(",")
    return list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))


def _name(host: str, port: str) -> str:
    return host if host.startswith("/") else f"{host or 'localhost'}:{port or 5432}"
