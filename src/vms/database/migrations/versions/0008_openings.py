"""Who opened which camera's streams, so that they end with the right to them."""

import sqlalchemy as sa
from alembic import op

from vms.database.migrations import secure_by_city

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table. What runs while the product is upgraded ends with it."""
    op.create_table(
        "stream_openings",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("camera", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("home", sa.String(63), nullable=False),
        sa.Column("audio", sa.Integer(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "session", "camera", name="pk_stream_openings"),
    )
    op.create_index("ix_stream_openings_camera", "stream_openings", ["camera"])
    op.create_index("ix_stream_openings_session", "stream_openings", ["session"])
    secure_by_city("stream_openings")
