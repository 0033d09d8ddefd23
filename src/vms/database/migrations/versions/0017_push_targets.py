"""Targets that cameras' streams are brought to by SRT."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add them; no camera of before has one."""
    for name in ("push", "sub_push"):
        op.add_column("cameras", sa.Column(name, sa.Text(), nullable=False, server_default="[]"))
    op.add_column("cameras", sa.Column("push_passphrases", sa.LargeBinary(), nullable=True))
