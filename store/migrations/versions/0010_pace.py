"""Processes that send for one account share its pace, and know when a chat was last written to"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pace_shares",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("process", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("wants", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "process", name=op.f("pk_pace_shares")),
    )
    op.add_column("urns", sa.Column("written_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.drop_column("urns", "written_at")
    op.drop_table("pace_shares")
