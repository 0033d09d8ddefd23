"""The audit: lines, seals, names that may be erased, keys, the sealer's lease."""

import sqlalchemy as sa
from alembic import op

from vms.database.migrations import secure_by_city

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    _make_lines()
    _make_seals()
    _make_people()
    op.create_table(
        "audit_keys",
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("public", sa.String(64), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_audit_keys"),
    )
    lease = op.create_table(
        "audit_lease",
        sa.Column("name", sa.String(23), nullable=False),
        sa.Column("holder", sa.String(23), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_audit_lease"),
    )
    op.bulk_insert(lease, [{"name": "sealer", "holder": "", "until_us": 0}])


def _make_lines() -> None:
    op.create_table(
        "audit_lines",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(140), nullable=False),
        sa.Column("object", sa.String(240), nullable=False),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.Column("address", sa.String(100), nullable=True),
        sa.Column("address_salt", sa.String(32), nullable=True),
        sa.Column("address_hash", sa.String(64), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("city", "id", name="pk_audit_lines"),
    )
    op.create_index("uq_audit_lines_city_number", "audit_lines", ["city", "number"], unique=True)
    op.create_index("ix_audit_lines_city_time_us", "audit_lines", ["city", "time_us", "id"])
    op.create_index("ix_audit_lines_time_us", "audit_lines", ["time_us", "id"])
    for column in ("actor", "object", "action"):
        op.create_index(f"ix_audit_lines_{column}", "audit_lines", [column, "time_us", "id"])
    waiting = sa.text("number IS NULL")
    op.create_index(
        "ix_audit_lines_waiting",
        "audit_lines",
        ["city", "time_us", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    secure_by_city("audit_lines")


def _make_seals() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("city", "number", name="pk_audit_seals"),
    )
    secure_by_city("audit_seals")


def _make_people() -> None:
    op.create_table(
        "audit_people",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(120), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_audit_people"),
    )
    secure_by_city("audit_people")
