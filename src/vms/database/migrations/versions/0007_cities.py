"""Cities, the shipped plans, sites and camera groups."""

import sqlalchemy as sa
from alembic import op

from vms.database.migrations import secure_by_city

revision = "0007"
down_revision = "0006"

_QUOTAS = ("cameras", "users", "clips", "streams", "retention_days", "lpr_cameras")
# Id, name, then the quotas in the order above; none is unlimited. A city has at
# most 1000 cameras, 20 of them with reading of plates, where its plan says no less.
_SHIPPED = (
    ("unlimited", "Unlimited", None, None, None, None, None, None),
    ("basic", "Basic", 10, 3, 10, 4, 7, 20),
    ("pro", "Pro", 50, 5, 50, 16, 15, 20),
    ("premium", "Premium", 200, 10, None, 64, 30, 20),
    ("basico", "Básico", 1000, None, None, None, 7, 20),
    ("intermediario", "Intermediário", 1000, None, None, None, 15, 20),
    ("avancado", "Avançado", 1000, None, None, None, 30, 20),
)


def upgrade() -> None:
    """Make the tables."""
    _make_cities()
    plans = op.create_table(
        "plans",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in _QUOTAS),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )
    columns = ("id", "name", *_QUOTAS)
    op.bulk_insert(
        plans, [{**dict(zip(columns, row, strict=True)), "version": 1} for row in _SHIPPED]
    )
    _make_part(
        "sites",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
    )
    _make_part("city_groups")


def _make_cities() -> None:
    op.create_table(
        "cities",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("plan", sa.String(63), nullable=False),
        sa.Column("cnpj", sa.String(14), nullable=True),
        sa.Column("time_zone", sa.String(63), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("overrides", sa.Text(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", name="pk_cities"),
    )
    op.create_index("uq_cities_cnpj", "cities", ["cnpj"], unique=True)
    op.create_index("ix_cities_plan", "cities", ["plan"])
    secure_by_city("cities")


def _make_part(table: str, *columns: "sa.Column[str] | sa.Column[float]") -> None:
    op.create_table(
        table,
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        *columns,
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name=f"pk_{table}"),
    )
    op.create_index(f"uq_{table}_city_name_key", table, ["city", "name_key"], unique=True)
    secure_by_city(table)
