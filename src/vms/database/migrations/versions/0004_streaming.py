"""The keys that sign stream addresses. They belong to the installation, not to a city."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "stream_signing_keys",
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("public", sa.String(64), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("retired_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stream_signing_keys"),
    )
