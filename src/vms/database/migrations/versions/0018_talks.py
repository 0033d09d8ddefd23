"""Who talked to which camera: whom a right that is withdrawn concerns."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add it; nobody talked before."""
    op.add_column("stream_openings", sa.Column("talked", sa.Integer(), nullable=True))
