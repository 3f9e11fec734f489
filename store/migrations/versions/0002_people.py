"""People: what they need, who cares for them, who shares a phone, who of the team sees to them"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "carers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("carer_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carers")),
    )
    with op.batch_alter_table("carers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_carers_carer_id"), ["carer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_carers_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "codes",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_codes")),
    )
    with op.batch_alter_table("codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_codes_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("participant", sa.String(length=64), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("reference", name=op.f("uq_erasures_reference")),
    )
    op.create_table(
        "opt_outs",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_opt_outs")),
    )
    op.create_table(
        "profile",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "field", name=op.f("pk_profile")),
    )
    op.create_table(
        "sharers",
        sa.Column("urn_key", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("urn_key", "contact_id", name=op.f("pk_sharers")),
    )
    with op.batch_alter_table("sharers", schema=None) as batch_op:
        batch_op.create_index("ix_sharers_contact_id", ["contact_id"], unique=False)

    op.create_table(
        "staff",
        sa.Column("contact_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=True),
        sa.Column("hours", sa.String(length=40), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_staff")),
    )
    op.add_column("inbox", sa.Column("urn_key", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("alerts", sa.Column("number", sa.Integer(), nullable=True))
    op.add_column("alerts", sa.Column("urn_key", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("alerts", sa.Column("channel", sa.String(length=16), server_default="", nullable=False))
    op.add_column("alerts", sa.Column("taken_by", sa.BigInteger(), nullable=True))
    op.add_column("alerts", sa.Column("taken_at", sa.BigInteger(), nullable=True))
    op.add_column("alerts", sa.Column("pages", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("alerts", sa.Column("heard_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_alerts_contact_id", "alerts", ["contact_id"], unique=False)
    op.create_index("ix_alerts_number", "alerts", ["number"], unique=True)

    op.add_column("contacts", sa.Column("suspended_id", sa.BigInteger(), nullable=True))
    op.add_column("contacts", sa.Column("handover_id", sa.BigInteger(), nullable=True))
    op.add_column("contacts", sa.Column("roles", sa.String(length=60), server_default="", nullable=False))
    op.add_column("contacts", sa.Column("hours", sa.String(length=40), server_default="", nullable=False))
    op.add_column("contacts", sa.Column("discreet", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("contacts", sa.Column("wrong_codes", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("contacts", sa.Column("wrong_codes_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False))

    op.add_column("urns", sa.Column("voice_id", sa.BigInteger(), nullable=True))
    op.add_column("urns", sa.Column("voice_until", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("urns", sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("urns", sa.Column("held", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("urns", schema=None) as batch_op:
        batch_op.drop_column("held")
        batch_op.drop_column("shared")
        batch_op.drop_column("voice_until")
        batch_op.drop_column("voice_id")

    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_column("wrong_codes_at")
        batch_op.drop_column("wrong_codes")
        batch_op.drop_column("discreet")
        batch_op.drop_column("hours")
        batch_op.drop_column("roles")
        batch_op.drop_column("handover_id")
        batch_op.drop_column("suspended_id")

    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_column("urn_key")

    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index("ix_alerts_number")
        batch_op.drop_index("ix_alerts_contact_id")
        batch_op.drop_column("heard_at")
        batch_op.drop_column("pages")
        batch_op.drop_column("taken_at")
        batch_op.drop_column("taken_by")
        batch_op.drop_column("channel")
        batch_op.drop_column("urn_key")
        batch_op.drop_column("number")

    op.drop_table("staff")
    with op.batch_alter_table("sharers", schema=None) as batch_op:
        batch_op.drop_index("ix_sharers_contact_id")

    op.drop_table("sharers")
    op.drop_table("profile")
    op.drop_table("opt_outs")
    op.drop_table("erasures")
    with op.batch_alter_table("codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_codes_contact_id"))

    op.drop_table("codes")
    with op.batch_alter_table("carers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_carers_contact_id"))
        batch_op.drop_index(batch_op.f("ix_carers_carer_id"))

    op.drop_table("carers")
