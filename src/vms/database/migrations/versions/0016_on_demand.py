"""Cameras that are called only while somebody views them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add it; cameras of before are as their addresses say."""
    op.add_column("cameras", sa.Column("on_demand", sa.Boolean(), nullable=True))
