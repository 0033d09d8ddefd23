"""Second addresses of cameras, and their logins."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add them; no camera of before has one."""
    for name in ("backup_url", "backup_sub_url", "backup_username"):
        op.add_column("cameras", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("cameras", sa.Column("backup_password", sa.LargeBinary(), nullable=True))
