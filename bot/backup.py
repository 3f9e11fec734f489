"""Both stores in one archive, taken while the program runs, and put back into empty ones; both looked at closely.

The archive is a ZIP file: a copy of each store, and `manifest.json`, which says of each its step of migrations, the
rows of each table and the SHA-256 of its copy. It holds what the stores hold: people's words are sealed with the
secret key, which is not in it, and the answers of the evaluation store are readable.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, inspect, make_url, text, update

from store import tables as t
from store.times import to_ms

_FORMAT = 1
_MANIFEST = "manifest.json"
_VERSIONS = "alembic_version"
_CHUNK = 1 << 20


class BackupError(Exception):
    """It cannot be done. The message says what is wrong and what to do, and holds no password."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store to copy or to fill. `heads` are the steps of its migrations that this program knows."""

    name: str
    url: str
    setting: str
    heads: frozenset[str]

    @property
    def address(self) -> URL:
        return make_url(self.url)

    @property
    def is_sqlite(self) -> bool:
        return self.address.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path:
        return Path(self.address.database or "")


@dataclass(frozen=True, slots=True)
class Copied:
    """What the manifest says of a store's copy: `kind` is `sqlite` or `postgresql`, `rows` the rows by table."""

    kind: str
    file: str
    head: str
    rows: Mapping[str, int]
    sha256: str

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class Manifest:
    """`made_at` is the moment after which nothing is sure to be in it."""

    made_at: datetime
    stores: Mapping[str, Copied]


def back_up(stores: Sequence[Store], file: Path, now: datetime) -> Manifest:
    """Copy the stores, in this order, into a new archive. The operational one goes first: what is pushed into the
    evaluation store meanwhile is pushed again after a restore, which changes nothing; the other way round it would be
    missing there.

    The archive is whole or not there: it is written beside its name, read again, flushed, and then given its name.
    Raises BackupError.
    """
    if file.exists():
        raise BackupError(f"{file} is there already: give another name, such as one with the day in it")
    with _beside(file) as folder:
        copied = {store.name: _copy(store, folder) for store in stores}
        manifest = Manifest(now, copied)
        archive = folder / "archive"
        _write(archive, manifest, folder)
        if read_manifest(archive) != manifest:
            raise BackupError("the archive cannot be read back as it was written: is the disk at fault?")
        _check_files(archive, manifest)
        _flush(archive)
        archive.replace(file)
        _flush(file.parent)
    return manifest


def read_manifest(archive: Path) -> Manifest:
    """What is in an archive. Raises BackupError for what is no archive of ours, or one of a newer form."""
    try:
        with zipfile.ZipFile(archive) as opened:
            found = json.loads(opened.read(_MANIFEST))
        if found["format"] != _FORMAT:
            raise BackupError(f"{archive} is of a newer form: restore it with the mime that made it, or a newer one")
        stores = {name: Copied(**said) for name, said in found["stores"].items()}
        return Manifest(datetime.fromisoformat(found["made_at"]), stores)
    except FileNotFoundError as error:
        raise BackupError(f"there is no file {archive}") from error
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise BackupError(f"{archive} is no backup of mime, or it is damaged: take another one") from error


def restore(stores: Sequence[Store], archive: Path, now: datetime) -> Manifest:
    """Put the archive's copies into the stores, which must be empty. Everything is looked at before the first is
    filled. What was waiting to be sent has perhaps been sent since: it is looked up before it is sent again. Raises
    BackupError.
    """
    manifest = read_manifest(archive)
    for store in stores:
        _fits(store, manifest)
    _check_files(archive, manifest)
    with _unpacked(stores, archive, manifest) as files:
        for store in sorted(stores, key=lambda one: one.is_sqlite):  # giving a file its name can hardly fail
            _fill(store, manifest.stores[store.name], files[store.name])
    for store in stores:
        _perhaps_sent(store, now)
    return manifest


# Taking copies


def _copy(store: Store, folder: Path) -> Copied:
    target = folder / store.name
    head, rows = _copy_sqlite(store, target) if store.is_sqlite else _copy_postgresql(store, target)
    kind = "sqlite" if store.is_sqlite else "postgresql"
    return Copied(kind, store.name, head, rows, _sha256(target))


def _copy_sqlite(store: Store, target: Path) -> tuple[str, dict[str, int]]:
    """By SQLite's own online backup, all pages in one step: writers go on meanwhile, and are not in it."""
    if not store.path.is_file():
        raise BackupError(f"there is no store at {store.path}: see {store.setting}")
    try:
        with (
            closing(sqlite3.connect(f"{store.path.resolve().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            return _looked_at(copy, store.name)
    except sqlite3.Error as error:
        raise BackupError(f"the store at {store.path} cannot be copied: {error}") from error


def _looked_at(copy: sqlite3.Connection, name: str) -> tuple[str, dict[str, int]]:
    """The step and the rows of a SQLite file that is whole."""
    faults = [line for (line,) in copy.execute("PRAGMA integrity_check")]
    if faults != ["ok"]:
        raise BackupError(f"the copy of the {name} store is damaged: {faults[0]}")
    names = [name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if _VERSIONS not in names:
        raise BackupError(f"the {name} store has no tables yet: there is nothing to copy")
    (head,) = copy.execute(f"SELECT version_num FROM {_VERSIONS}").fetchone()
    counted = [name for name in sorted(names) if name != _VERSIONS and not name.startswith("sqlite_")]
    return head, {name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in counted}


def _copy_postgresql(store: Store, target: Path) -> tuple[str, dict[str, int]]:
    """By pg_dump, in the very snapshot in which the rows are counted."""
    with _engine(store) as engine, engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ")
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        head, rows = _counted(connection, store.name)
        _run("pg_dump", store, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}",
             f"--file={target}")  # fmt: skip
    return head, rows


def _counted(connection: Any, name: str) -> tuple[str, dict[str, int]]:
    parts = set(connection.execute(text("SELECT relname FROM pg_class WHERE relispartition")).scalars())
    names = sorted(set(inspect(connection).get_table_names()) - parts)  # a table's rows are those of its parts
    if _VERSIONS not in names:
        raise BackupError(f"the {name} store has no tables yet: there is nothing to copy")
    head = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar_one()
    count = {n: connection.execute(text(f'SELECT count(*) FROM "{n}"')).scalar_one() for n in names if n != _VERSIONS}
    return head, count


def _write(archive: Path, manifest: Manifest, folder: Path) -> None:
    said = {
        "format": _FORMAT,
        "made_at": manifest.made_at.isoformat(),
        "stores": {name: asdict(copied) for name, copied in manifest.stores.items()},
    }
    private = os.open(archive, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600)
    with os.fdopen(private, "w+b") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(_MANIFEST, json.dumps(said, indent=2))
        for copied in manifest.stores.values():
            zipped.write(folder / copied.file, copied.file)


# Putting them back


def _fits(store: Store, manifest: Manifest) -> None:
    copied = manifest.stores.get(store.name)
    kind = "sqlite" if store.is_sqlite else "postgresql"
    if copied is None:
        raise BackupError(f"the archive has no {store.name} store")
    if copied.kind != kind:
        raise BackupError(
            f"the archive's {store.name} store is of {copied.kind}: set {store.setting} to one of that kind"
        )
    if copied.head not in store.heads:
        raise BackupError(
            f"the archive's {store.name} store is at step {copied.head}, which this mime does not know: restore it "
            "with the mime that made it, or a newer one"
        )
    if not _is_empty(store):
        raise BackupError(f"the store of {store.setting} is not empty: restore into a new one, so that nothing is lost")


def _is_empty(store: Store) -> bool:
    try:
        if store.is_sqlite:
            if not store.path.exists():
                return True
            with closing(sqlite3.connect(f"{store.path.resolve().as_uri()}?mode=ro", uri=True)) as there:
                (count,) = there.execute("SELECT count(*) FROM sqlite_master").fetchone()
                return int(count) == 0
        with _engine(store) as engine, engine.connect() as connection:
            return not inspect(connection).get_table_names()
    except sqlite3.Error as error:
        raise BackupError(f"what is at {store.path} is no store: move it away, or see {store.setting}") from error


def _check_files(archive: Path, manifest: Manifest) -> None:
    """Each copy is in the archive, byte for byte as it was made."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for copied in manifest.stores.values():
                digest = hashlib.sha256()
                with opened.open(copied.file) as source:
                    while chunk := source.read(_CHUNK):
                        digest.update(chunk)
                if digest.hexdigest() != copied.sha256:
                    raise BackupError(f"{copied.file} in {archive} was changed or is damaged: take another backup")
    except (OSError, KeyError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise BackupError(f"{archive} is damaged: take another backup") from error


@contextmanager
def _unpacked(stores: Sequence[Store], archive: Path, manifest: Manifest) -> Iterator[dict[str, Path]]:
    """The copies as files, each on the disk where it is to be; SQLite's are looked at once more."""
    folders: list[Path] = []
    files = {}
    try:
        with zipfile.ZipFile(archive) as opened:
            for store in stores:
                copied = manifest.stores[store.name]
                near = store.path.resolve().parent if store.is_sqlite else None
                if near is not None and not near.is_dir():
                    raise BackupError(f"there is no folder {near}: make it, or see {store.setting}")
                folders.append(Path(tempfile.mkdtemp(prefix=".mime-restore-", dir=near)))
                files[store.name] = Path(opened.extract(copied.file, folders[-1]))
                if store.is_sqlite:
                    with closing(sqlite3.connect(files[store.name])) as copy:
                        _same(_looked_at(copy, store.name), copied, store)
        yield files
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _fill(store: Store, copied: Copied, file: Path) -> None:
    if store.is_sqlite:
        file.chmod(0o600)
        _flush(file)
        for ending in ("-wal", "-shm"):  # of the empty store that was there
            Path(f"{store.path}{ending}").unlink(missing_ok=True)
        file.replace(store.path)
        _flush(store.path.resolve().parent)
        return
    _run("pg_restore", store, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
         f"--dbname={client_address(store)}", str(file))  # fmt: skip
    with _engine(store) as engine, engine.connect() as connection:
        _same(_counted(connection, store.name), copied, store)


def _same(found: tuple[str, Mapping[str, int]], copied: Copied, store: Store) -> None:
    if found != (copied.head, copied.rows):
        raise BackupError(
            f"the {store.name} store does not have the rows that the archive promises: take another backup"
        )


def _perhaps_sent(store: Store, now: datetime) -> None:
    """What was due to be sent when the copy was taken has perhaps been sent after it: it is looked up first."""
    o = t.outbox.c
    unsure = (
        update(t.outbox)
        .where(o.status.in_(("queued", "errored", "sending")), o.send_after <= to_ms(now))
        .values(status="unknown", claimed_until=None)
    )
    with _engine(store) as engine, engine.begin() as connection:
        if inspect(connection).has_table(t.outbox.name):
            connection.execute(unsure)


# The machine


@contextmanager
def _engine(store: Store) -> Iterator[Engine]:
    engine = create_engine(store.address.set(drivername="sqlite") if store.is_sqlite else store.address)
    try:
        yield engine
    finally:
        engine.dispose()


def client_address(store: Store) -> str:
    """The address as PostgreSQL's own programs take it; the password goes by the environment, where no list of
    processes shows it.
    """
    address = store.address.set(drivername="postgresql")._replace(password=None)  # to `set`, None is no change
    hosts = address.query.get("host", ())
    if isinstance(hosts, tuple) and hosts:  # SQLAlchemy's way to write several
        parted = [host.partition(":") for host in hosts]
        several = {"host": ",".join(host for host, _, _ in parted), "port": ",".join(port for _, _, port in parted)}
        address = address.update_query_dict(several)
    return address.render_as_string()


def _run(program: str, store: Store, *words: str) -> None:
    if shutil.which(program) is None:
        raise BackupError(
            f"{program} is not installed: install PostgreSQL's client programs, of the server's version or a newer "
            "one, or use the backups of whoever hosts the database"
        )
    environment = {**os.environ, "PGPASSWORD": str(store.address.password)} if store.address.password else None
    whole = [program, *words] if program == "pg_restore" else [program, *words, f"--dbname={client_address(store)}"]
    done = subprocess.run(whole, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise BackupError(f"{program} failed for the {store.name} store: {said[0]}")


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A folder of our own on the disk where the archive is to be; nobody else may read it."""
    parent = file.resolve().parent
    try:
        folder = Path(tempfile.mkdtemp(prefix=".mime-backup-", dir=parent))
    except OSError as error:
        raise BackupError(f"nothing can be written to {parent}: {error.strerror}") from error
    try:
        yield folder
    except OSError as error:
        raise BackupError(f"the backup could not be written to {parent}: {error.strerror}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """To the disk itself; of a folder, its names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
