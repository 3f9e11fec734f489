"""Newsletters: their items, who got which of them, and the month and the page of a broadcast"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "newsletter_items",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletter_items")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_newsletter_items_project_id_number")),
    )
    with op.batch_alter_table("newsletter_items", schema=None) as batch_op:
        batch_op.create_index("ix_newsletter_items_month", ["month"], unique=False)

    op.create_table(
        "newsletter_told",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("theirs", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletter_told")),
        sa.UniqueConstraint("broadcast_id", "contact_id", name=op.f("uq_newsletter_told_broadcast_id_contact_id")),
    )
    with op.batch_alter_table("newsletter_told", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_newsletter_told_contact_id"), ["contact_id"], unique=False)

    with op.batch_alter_table("broadcasts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("month", sa.String(length=7), nullable=True))
        batch_op.add_column(sa.Column("token", sa.String(length=16), nullable=True))
        batch_op.create_index("ix_broadcasts_token", ["token"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("broadcasts", schema=None) as batch_op:
        batch_op.drop_index("ix_broadcasts_token")
        batch_op.drop_column("token")
        batch_op.drop_column("month")

    with op.batch_alter_table("newsletter_told", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_newsletter_told_contact_id"))

    op.drop_table("newsletter_told")
    with op.batch_alter_table("newsletter_items", schema=None) as batch_op:
        batch_op.drop_index("ix_newsletter_items_month")

    op.drop_table("newsletter_items")
