"""The outbox of domain events, and what an installation knows of itself."""

import sqlalchemy as sa
from alembic import op

from vms.database.migrations import secure_by_city

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "outbox",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            nullable=False,
        ),
        sa.Column("city", sa.String(63), nullable=True),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("position", name="uq_outbox_position"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_at_us", "outbox", ["at_us"])
    waiting = sa.text("position IS NULL")
    op.create_index(
        "ix_outbox_waiting", "outbox", ["seq"], sqlite_where=waiting, postgresql_where=waiting
    )
    secure_by_city("outbox")
    head = op.create_table(
        "outbox_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("purged", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(23), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_head"),
        sa.CheckConstraint("id = 1", name="ck_outbox_head_one"),
    )
    op.bulk_insert(
        head,
        [{"id": 1, "position": 0, "published": 0, "purged": 0, "holder": "", "until_us": 0}],
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
