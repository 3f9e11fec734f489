"""Statements for many rows at once, as text for each database.

SQLAlchemy's cost is per statement and row, and the hot path runs a handful of statements for every
batch; so these few are built once from the tables' metadata and run on the driver. The rows of a
write travel together: on SQLite as the VALUES of one statement, because the driver gives up and takes
back Python's global lock at each step of one, which costs more than the row while the event loop is
busy; on PostgreSQL as one array a column (`unnest`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from sqlalchemy import Table
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, SmallInteger, String, TypeEngine


@dataclass(frozen=True, slots=True)
class Fetch:
    """A read with its values. A list of numbers goes to SQLite as JSON, to PostgreSQL as an array."""

    sqlite: str
    postgres: str
    values: tuple[Any, ...] = ()

    def sqlite_parameters(self) -> tuple[Any, ...]:
        return tuple(json.dumps(value) if isinstance(value, list) else value for value in self.values)


#: Rows a statement on SQLite, the largest that fits first: few enough texts for the driver to keep prepared.
_CHUNKS = (128, 32, 8, 2, 1)


@dataclass(frozen=True)
class Write:
    """A write whose rows are tuples in the order that its maker was given. No two rows of one call may
    have the same key.
    """

    head: str
    row: str
    tail: str
    postgres: str

    @cached_property
    def _by_chunk(self) -> Mapping[int, str]:
        return {n: self.head + ", ".join([self.row] * n) + self.tail for n in _CHUNKS}

    def sqlite(self, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[str, list[Any]]]:
        """The statements that write these rows, with their values."""
        at = 0
        for size, text in self._by_chunk.items():
            while len(rows) - at >= size:
                yield text, list(chain.from_iterable(rows[at : at + size]))
                at += size


def fetch(text: str, *values: Any, locking: str = "") -> Fetch:
    """`text` with `{keys}` where a list of numbers stands and `{value}` for any other value.

    `locking` is added for PostgreSQL only; on SQLite the transaction holds the file's one lock.
    """
    return Fetch(
        text.replace("{keys}", "IN (SELECT value FROM json_each(?))").replace("{value}", "?"),
        text.replace("{keys}", "= ANY(%s)").replace("{value}", "%s") + locking,
        values,
    )


def insert(
    table: Table,
    columns: Sequence[str],
    *,
    update_on: Sequence[str] = (),
    newer: str = "",
    once: Sequence[str] = (),
    unless_there: Sequence[str] = (),
) -> Write:
    """Rows in the order of `columns`. With `update_on`, a row of the same key is overwritten, but only by
    a higher `newer` where that is given, and not in the columns that are written `once`. With `unless_there`, a row
    of the same key stays as it is.
    """
    names = ", ".join(columns)
    head = f"INSERT INTO {table.name} ({names})"
    tail = ""
    if update_on:
        sets = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in (*update_on, *once, "id"))
        tail = f" ON CONFLICT ({', '.join(update_on)}) DO UPDATE SET {sets}"
        if newer:
            tail += f" WHERE {table.name}.{newer} < excluded.{newer}"
    elif unless_there:
        tail = f" ON CONFLICT ({', '.join(unless_there)}) DO NOTHING"
    return Write(
        f"{head} VALUES ",
        _marks(columns),
        tail,
        f"{head} SELECT * FROM {_unnest(table, columns)} AS rows ({names}){tail}",
    )


def update(table: Table, columns: Sequence[str], *, key: str = "id", also_key: str = "", only: str = "") -> Write:
    """Rows in the order of `columns`, then the key (and the second key). `only` is a further condition."""
    keys = (key, also_key) if also_key else (key,)
    names = (*columns, *keys)
    number = {name: n for n, name in enumerate(names, start=1)}
    where = f" AND {table.name}.{only}" if only else ""
    return Write(
        f"UPDATE {table.name} SET {', '.join(f'{c} = rows.column{number[c]}' for c in columns)} FROM (VALUES ",
        _marks(names),
        f") AS rows WHERE {' AND '.join(f'{table.name}.{k} = rows.column{number[k]}' for k in keys)}{where}",
        f"UPDATE {table.name} SET {', '.join(f'{c} = rows.{c}' for c in columns)}"
        f" FROM {_unnest(table, names)} AS rows ({', '.join(names)})"
        f" WHERE {' AND '.join(f'{table.name}.{k} = rows.{k}' for k in keys)}{where}",
    )


def delete(table: Table, *, key: str = "id") -> Write:
    return Write(
        f"DELETE FROM {table.name} WHERE {key} IN (VALUES ",
        "(?)",
        ")",
        f"DELETE FROM {table.name} USING {_unnest(table, (key,))} AS rows ({key})"
        f" WHERE {table.name}.{key} = rows.{key}",
    )


def _marks(columns: Sequence[str]) -> str:
    return f"({', '.join('?' * len(columns))})"


def _unnest(table: Table, columns: Sequence[str]) -> str:
    return f"unnest({', '.join(f'%s::{_array(table.c[c].type)}' for c in columns)})"


def _array(kind: TypeEngine[Any]) -> str:
    match kind:
        case BigInteger():
            return "int8[]"
        case SmallInteger():
            return "int2[]"
        case Integer():
            return "int4[]"
        case String():
            return "text[]"
        case LargeBinary():
            return "bytea[]"
        case Boolean():
            return "bool[]"
    raise TypeError(f"no array type is known for {kind!r}")
