"""Pictures that a case keeps."""

import sqlalchemy as sa
from alembic import op

from vms.database.migrations import secure_by_city

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table; the pictures themselves are files."""
    op.create_table(
        "recording_case_stills",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("case_id", sa.String(23), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("stream", sa.String(7), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(90), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_recording_case_stills"),
    )
    op.create_index(
        "ix_recording_case_stills_case", "recording_case_stills", ["city", "case_id", "id"]
    )
    secure_by_city("recording_case_stills")
