"""Stream keys by which recordings are played."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Tell them apart; every key of before opens live video alone."""
    with op.batch_alter_table("stream_keys") as table:
        table.add_column(
            sa.Column("playback", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("stream_keys") as table:
        table.alter_column("playback", existing_type=sa.Boolean(), server_default=None)
