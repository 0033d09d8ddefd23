"""Recording: rules, the catalogue of what there is, cases and holds, exports, bookmarks."""

import sqlalchemy as sa
from alembic import op

from vms.database.migrations import secure_by_city

revision = "0010"
down_revision = "0009"

_OF_CITIES = (
    "recording_rules",
    "recording_policies",
    "recorded_parts",
    "recorded_gaps",
    "recording_cases",
    "recording_case_notes",
    "recording_holds",
    "recording_exports",
    "recording_links",
    "recording_bookmarks",
)


def upgrade() -> None:
    """Make the tables."""
    _rules()
    _catalogue()
    _cases()
    _exports()
    _openings()
    for table in _OF_CITIES:
        secure_by_city(table)


def _rules() -> None:
    op.create_table(
        "recording_rules",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("manual", sa.String(7), nullable=True),
        sa.Column("manual_until_us", sa.BigInteger(), nullable=True),
        sa.Column("manual_since_us", sa.BigInteger(), nullable=True),
        sa.Column("manual_by", sa.String(90), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "camera", name="pk_recording_rules"),
    )
    op.create_table(
        "recording_policies",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("target", sa.String(63), nullable=False),
        sa.Column("keep", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "target", name="pk_recording_policies"),
    )
    op.create_table(
        "recording_plan_policies",
        sa.Column("plan", sa.String(63), nullable=False),
        sa.Column("keep", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("plan", name="pk_recording_plan_policies"),
    )


def _catalogue() -> None:
    op.create_table(
        "recorded_parts",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("stream", sa.String(7), nullable=False),
        sa.Column("part", sa.String(63), nullable=False),
        sa.Column("volume", sa.String(63), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("fragments", sa.Integer(), nullable=False),
        sa.Column("key_count", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("error_us", sa.BigInteger(), nullable=True),
        sa.Column("camera_offset_ms", sa.Double(), nullable=True),
        sa.Column("rebuilt", sa.Boolean(), nullable=False),
        sa.Column("encrypted", sa.Boolean(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("city", "camera", "stream", "part", name="pk_recorded_parts"),
    )
    op.create_index(
        "ix_recorded_parts_time", "recorded_parts", ["city", "camera", "stream", "from_us"]
    )
    op.create_table(
        "recorded_gaps",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("stream", sa.String(7), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(63), nullable=False),
        sa.Column("reason_values", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("city", "camera", "stream", "from_us", name="pk_recorded_gaps"),
    )
    op.create_index("ix_recorded_gaps_time", "recorded_gaps", ["city", "camera", "stream", "to_us"])


def _cases() -> None:
    op.create_table(
        "recording_cases",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(7), nullable=False),
        sa.Column("made_by", sa.String(90), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_recording_cases"),
    )
    op.create_table(
        "recording_case_notes",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("case_id", sa.String(23), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(90), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_recording_case_notes"),
    )
    op.create_index(
        "ix_recording_case_notes_case", "recording_case_notes", ["city", "case_id", "id"]
    )
    op.create_table(
        "recording_holds",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("case_id", sa.String(23), nullable=True),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("record", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.String(90), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("released_us", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_recording_holds"),
    )
    op.create_index("ix_recording_holds_camera", "recording_holds", ["city", "camera", "from_us"])
    op.create_index("ix_recording_holds_case", "recording_holds", ["city", "case_id"])


def _exports() -> None:
    op.create_table(
        "recording_exports",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("kind", sa.String(7), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("container", sa.String(3), nullable=False),
        sa.Column("audio", sa.Boolean(), nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("done_bytes", sa.BigInteger(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(63), nullable=True),
        sa.Column("error_values", sa.Text(), nullable=True),
        sa.Column("gaps", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("case_id", sa.String(23), nullable=True),
        sa.Column("reason", sa.String(8), nullable=True),
        sa.Column("camera", sa.String(63), nullable=True),
        sa.Column("from_us", sa.BigInteger(), nullable=True),
        sa.Column("to_us", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.String(90), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("finished_us", sa.BigInteger(), nullable=True),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_recording_exports"),
    )
    op.create_index(
        "ix_recording_exports_camera", "recording_exports", ["city", "camera", "from_us"]
    )
    op.create_index("ix_recording_exports_case", "recording_exports", ["city", "case_id"])
    op.create_index("ix_recording_exports_state", "recording_exports", ["state", "id"])
    op.create_table(
        "recording_links",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("export", sa.String(23), nullable=False),
        sa.Column("made_by", sa.String(90), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "hash", name="pk_recording_links"),
    )
    op.create_index("ix_recording_links_hash", "recording_links", ["hash"])
    op.create_table(
        "recording_bookmarks",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_key", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(90), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_recording_bookmarks"),
    )
    op.create_index(
        "ix_recording_bookmarks_camera", "recording_bookmarks", ["city", "camera", "at_us"]
    )


def _openings() -> None:
    """Openings of streams tell from now on whether they were live, and which time was played."""
    op.add_column("stream_openings", sa.Column("live", sa.Integer(), nullable=True))
    op.add_column("stream_openings", sa.Column("played_from_us", sa.BigInteger(), nullable=True))
    op.add_column("stream_openings", sa.Column("played_to_us", sa.BigInteger(), nullable=True))
