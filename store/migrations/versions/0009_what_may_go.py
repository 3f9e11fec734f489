"""What may go is found in the order of the index, and what is under way to one address by the address"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_UNFINISHED = sa.text("status IN ('queued', 'errored', 'sending', 'unknown')")
_UNDER_WAY = sa.text("status IN ('sending', 'unknown')")


def upgrade() -> None:
    op.drop_index("ix_outbox_unfinished", table_name="outbox")
    _index("ix_outbox_unfinished", ["channel", "message_class", "send_after", "id"])
    _index("ix_outbox_unfinished_to", ["urn_key"])
    _index("ix_outbox_under_way", ["channel"], _UNDER_WAY)


def downgrade() -> None:
    op.drop_index("ix_outbox_under_way", table_name="outbox")
    op.drop_index("ix_outbox_unfinished_to", table_name="outbox")
    op.drop_index("ix_outbox_unfinished", table_name="outbox")
    _index("ix_outbox_unfinished", ["channel", "message_class", "send_after"])


def _index(name: str, columns: list[str], where: sa.TextClause = _UNFINISHED) -> None:
    op.create_index(name, "outbox", columns, sqlite_where=where, postgresql_where=where)
