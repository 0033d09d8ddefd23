"""Stream keys by which cameras send their pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Tell them apart; every key of before views."""
    with op.batch_alter_table("stream_keys") as table:
        table.add_column(
            sa.Column("publish", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("stream_keys") as table:
        table.alter_column("publish", existing_type=sa.Boolean(), server_default=None)
