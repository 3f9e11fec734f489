"""Parts: on PostgreSQL the tables that grow are parted by time; on SQLite nothing changes

No row is copied but the outbox's keys: what there is becomes the first part, up to the end of this quarter.
"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# As they are at this step: by which column each table is parted, its keys, and its indexes.
_TABLES = {
    "inbox": (
        "id",
        ["CONSTRAINT pk_inbox PRIMARY KEY (id)"],
        ["ix_inbox_contact_id ON inbox (contact_id)"],
    ),
    "outbox": (
        "id",
        ["CONSTRAINT pk_outbox PRIMARY KEY (id)"],
        [
            "ix_outbox_contact_id ON outbox (contact_id)",
            "ix_outbox_unfinished ON outbox (channel, message_class, send_after)"
            " WHERE status IN ('queued', 'errored', 'sending', 'unknown')",
            "ix_outbox_external_id ON outbox (external_id) WHERE external_id IS NOT NULL",
        ],
    ),
    "answers": (
        "session_id",
        ["CONSTRAINT uq_answers_session_id_question UNIQUE (session_id, question)"],
        ["ix_answers_to_export ON answers (id) WHERE exported_at IS NULL"],
    ),
}
# A key that the parts cannot have: (its table, its constraint, its column).
_WITHOUT = (("outbox", "uq_outbox_key", "UNIQUE (key)"), ("answers", "pk_answers", "PRIMARY KEY (id)"))
_KEYS = (
    "CREATE TABLE outbox_keys (key VARCHAR(80) NOT NULL)",
    "INSERT INTO outbox_keys SELECT key FROM outbox",
    "ALTER TABLE outbox_keys ADD CONSTRAINT pk_outbox_keys PRIMARY KEY (key)",
    "CREATE FUNCTION outbox_keep_keys() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN INSERT INTO outbox_keys SELECT key FROM came; RETURN NULL; END'",
    "CREATE FUNCTION outbox_drop_keys() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN DELETE FROM outbox_keys USING gone WHERE outbox_keys.key = gone.key; RETURN NULL; END'",
    "CREATE TRIGGER keep_keys AFTER INSERT ON outbox REFERENCING NEW TABLE AS came"
    " FOR EACH STATEMENT EXECUTE FUNCTION outbox_keep_keys()",
    "CREATE TRIGGER drop_keys AFTER DELETE ON outbox REFERENCING OLD TABLE AS gone"
    " FOR EACH STATEMENT EXECUTE FUNCTION outbox_drop_keys()",
)
_EPOCH_MS = 1_735_689_600_000
_TAIL_BITS = 22


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, name, _ in _WITHOUT:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for table, (key, keys, indexes) in _TABLES.items():
        _part(table, key, keys, indexes)
    for statement in _KEYS:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP TRIGGER keep_keys ON outbox")
    op.execute("DROP TRIGGER drop_keys ON outbox")
    op.execute("DROP FUNCTION outbox_keep_keys()")
    op.execute("DROP FUNCTION outbox_drop_keys()")
    op.execute("DROP TABLE outbox_keys")
    for table, (_, keys, indexes) in _TABLES.items():
        op.execute(f"CREATE TABLE {table}_whole (LIKE {table} INCLUDING DEFAULTS)")
        op.execute(f"INSERT INTO {table}_whole SELECT * FROM {table}")
        op.execute(f"DROP TABLE {table}")
        op.execute(f"ALTER TABLE {table}_whole RENAME TO {table}")
        _complete(table, keys, indexes)
    for table, name, columns in _WITHOUT:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {columns}")


def _part(table: str, key: str, keys: list[str], indexes: list[str]) -> None:
    """The table becomes a part of a new one that has its name. Its rows stay where they are: they are looked through
    once, to see that they belong there, and the indexes are taken over as they are.
    """
    now, newest = op.get_bind().execute(sa.text(f"SELECT now(), max({key}) FROM {table}")).one()
    before = f"{table}_before"
    op.execute(f"ALTER TABLE {table} RENAME TO {before}")
    for words in (*keys, *indexes):
        name = words.split()[1] if words.startswith("CONSTRAINT") else words.split()[0]
        op.execute(f"ALTER INDEX {name} RENAME TO {name}_before")
    op.execute(f"CREATE TABLE {table} (LIKE {before} INCLUDING DEFAULTS) PARTITION BY RANGE ({key})")
    _complete(table, keys, indexes)
    op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
    begins = _quarter(now)
    if newest is None:
        op.execute(f"DROP TABLE {before}")
    else:
        begins = _following(_quarter(max(now, _made_at(newest))))
        op.execute(f"ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ({_lowest(begins)})")
    for _ in range(2):
        ends = _following(begins)
        op.execute(
            f"CREATE TABLE {table}_{begins:%Y_%m} PARTITION OF {table}"
            f" FOR VALUES FROM ({_lowest(begins)}) TO ({_lowest(ends)})"
        )
        begins = ends


def _complete(table: str, keys: list[str], indexes: list[str]) -> None:
    for words in keys:
        op.execute(f"ALTER TABLE {table} ADD {words}")
    for words in indexes:
        op.execute(f"CREATE INDEX {words}")


def _made_at(id: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(((id >> _TAIL_BITS) + _EPOCH_MS) / 1000, dt.UTC)


def _lowest(at: dt.datetime) -> int:
    return max(int(at.timestamp() * 1000) - _EPOCH_MS, 0) << _TAIL_BITS


def _quarter(at: dt.datetime) -> dt.datetime:
    at = at.astimezone(dt.UTC)
    return dt.datetime(at.year, (at.month - 1) // 3 * 3 + 1, 1, tzinfo=dt.UTC)


def _following(begins: dt.datetime) -> dt.datetime:
    years, month = divmod(begins.month + 2, 12)
    return begins.replace(year=begins.year + years, month=month + 1)
