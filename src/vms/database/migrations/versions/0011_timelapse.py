"""Time-lapses: a kind of export with a pace."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make room for the longer name of the kind, and for what was asked."""
    with op.batch_alter_table("recording_exports") as table:
        table.alter_column(
            "kind", existing_type=sa.String(7), type_=sa.String(9), existing_nullable=False
        )
        table.add_column(sa.Column("timelapse", sa.Text(), nullable=True))
