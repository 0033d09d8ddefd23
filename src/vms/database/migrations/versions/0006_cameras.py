"""Cameras, their ids for ever, how they are and were doing."""

import sqlalchemy as sa
from alembic import op

from vms.database.migrations import secure_by_city

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    _cameras()
    _groups()
    _history()
    for table in ("cameras", "camera_group_members", "camera_status", "camera_history"):
        secure_by_city(table)


def _cameras() -> None:
    op.create_table(
        "cameras",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("maker", sa.String(31), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("sub_stream", sa.Boolean(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("sub_url", sa.Text(), nullable=True),
        sa.Column("transport", sa.String(3), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("sub_username", sa.Text(), nullable=True),
        sa.Column("sub_password", sa.LargeBinary(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("site", sa.String(63), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("masks", sa.Text(), nullable=False),
        sa.Column("zones", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_cameras"),
    )
    op.create_index("ix_cameras_city_name_key", "cameras", ["city", "name_key", "id"])
    op.create_index("ix_cameras_name_key", "cameras", ["name_key", "id"])
    op.create_index("ix_cameras_id", "cameras", ["id"])
    op.create_table(
        "camera_ids",
        sa.Column("id", sa.String(63), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_camera_ids"),
    )


def _groups() -> None:
    op.create_table(
        "camera_group_members",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("group_id", sa.String(63), nullable=False),
        sa.PrimaryKeyConstraint("city", "camera", "group_id", name="pk_camera_group_members"),
        _of_camera("camera_group_members"),
    )
    op.create_index(
        "ix_camera_group_members_city_group_id", "camera_group_members", ["city", "group_id"]
    )


def _history() -> None:
    op.create_table(
        "camera_status",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("stream", sa.String(7), nullable=False),
        sa.Column("state", sa.String(7), nullable=False),
        sa.Column("reason", sa.String(63), nullable=True),
        sa.Column("reason_values", sa.Text(), nullable=True),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "camera", "stream", name="pk_camera_status"),
        _of_camera("camera_status"),
    )
    op.create_table(
        "camera_history",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("camera", sa.String(63), nullable=False),
        sa.Column("stream", sa.String(7), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(7), nullable=False),
        sa.Column("reason", sa.String(63), nullable=True),
        sa.Column("reason_values", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("city", "camera", "stream", "at_us", name="pk_camera_history"),
        _of_camera("camera_history"),
    )
    op.create_index("ix_camera_history_at_us", "camera_history", ["at_us"])
    op.create_table(
        "camera_watch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_camera_watch"),
        sa.CheckConstraint("id = 1", name="ck_camera_watch_one"),
    )


def _of_camera(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["city", "camera"],
        ["cameras.city", "cameras.id"],
        ondelete="CASCADE",
        name=f"fk_{table}_camera",
    )
