"""People: users, groups, roles, grants, sessions, keys and what signs them in."""

import sqlalchemy as sa
from alembic import op

from vms.database.migrations import secure_by_city

revision = "0005"
down_revision = "0004"

OF_A_CITY = (
    "users",
    "user_groups",
    "user_group_members",
    "roles",
    "grants",
    "sessions",
    "refresh_tokens",
    "sign_in_tickets",
    "recovery_codes",
    "devices",
    "invitations",
    "api_keys",
    "stream_keys",
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "users",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("password", sa.String(255), nullable=True),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_enrolled", sa.Boolean(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_us", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_users"),
        sa.UniqueConstraint("city", "login", name="uq_users_city_login"),
    )
    op.create_index("ix_users_id", "users", ["id"])
    op.create_index("ix_users_login", "users", ["login"])
    op.create_table(
        "user_groups",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_user_groups"),
        sa.UniqueConstraint("city", "name", name="uq_user_groups_city_name"),
    )
    op.create_index("ix_user_groups_id", "user_groups", ["id"])
    op.create_table(
        "user_group_members",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("group_id", sa.String(23), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.PrimaryKeyConstraint("city", "group_id", "user_id", name="pk_user_group_members"),
        sa.ForeignKeyConstraint(
            ["city", "group_id"],
            ["user_groups.city", "user_groups.id"],
            name="fk_user_group_members_city_group_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["city", "user_id"],
            ["users.city", "users.id"],
            name="fk_user_group_members_city_user_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_user_group_members_user_id", "user_group_members", ["city", "user_id"])
    op.create_table(
        "roles",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("functions", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_roles"),
        sa.UniqueConstraint("city", "name", name="uq_roles_city_name"),
    )
    op.create_index("ix_roles_id", "roles", ["id"])
    op.create_table(
        "grants",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("holder_kind", sa.String(8), nullable=False),
        sa.Column("holder", sa.String(23), nullable=False),
        sa.Column("role", sa.String(23), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_grants"),
        sa.UniqueConstraint(
            "city",
            "holder_kind",
            "holder",
            "role",
            "scope",
            name="uq_grants_city_holder_kind_holder_role_scope",
        ),
    )
    op.create_index("ix_grants_id", "grants", ["id"])
    op.create_index("ix_grants_role", "grants", ["city", "role"])
    op.create_table(
        "sessions",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.Column("device_id", sa.String(23), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.Column("address", sa.String(100), nullable=False),
        sa.Column("second_factor", sa.Boolean(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("city", "id", name="pk_sessions"),
        sa.ForeignKeyConstraint(
            ["city", "user_id"],
            ["users.city", "users.id"],
            name="fk_sessions_city_user_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_sessions_expires_us", "sessions", ["expires_us"])
    op.create_index("ix_sessions_id", "sessions", ["id"])
    op.create_index("ix_sessions_user_id", "sessions", ["city", "user_id"])
    op.create_table(
        "refresh_tokens",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(23), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("city", "hash", name="pk_refresh_tokens"),
        sa.ForeignKeyConstraint(
            ["city", "session_id"],
            ["sessions.city", "sessions.id"],
            name="fk_refresh_tokens_city_session_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_refresh_tokens_hash", "refresh_tokens", ["hash"])
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["city", "session_id"])
    op.create_table(
        "sign_in_tickets",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "hash", name="pk_sign_in_tickets"),
        sa.ForeignKeyConstraint(
            ["city", "user_id"],
            ["users.city", "users.id"],
            name="fk_sign_in_tickets_city_user_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_sign_in_tickets_hash", "sign_in_tickets", ["hash"])
    op.create_index("ix_sign_in_tickets_user_id", "sign_in_tickets", ["city", "user_id"])
    op.create_table(
        "recovery_codes",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("city", "user_id", "hash", name="pk_recovery_codes"),
        sa.ForeignKeyConstraint(
            ["city", "user_id"],
            ["users.city", "users.id"],
            name="fk_recovery_codes_city_user_id",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "devices",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.Column("device_id", sa.String(23), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "user_id", "device_id", name="pk_devices"),
        sa.ForeignKeyConstraint(
            ["city", "user_id"],
            ["users.city", "users.id"],
            name="fk_devices_city_user_id",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "sign_in_tries",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "source", name="pk_sign_in_tries"),
    )
    op.create_index("ix_sign_in_tries_last_us", "sign_in_tries", ["last_us"])
    op.create_table(
        "invitations",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=True),
        sa.Column("role", sa.String(23), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("creator_city", sa.String(63), nullable=False),
        sa.Column("creator", sa.String(23), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_invitations"),
    )
    op.create_index("ix_invitations_hash", "invitations", ["hash"])
    op.create_index("ix_invitations_id", "invitations", ["id"])
    op.create_table(
        "api_keys",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.Column("role", sa.String(23), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("city", "id", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_id", "api_keys", ["id"])
    op.create_index("ix_api_keys_user_id", "api_keys", ["city", "user_id"])
    op.create_table(
        "stream_keys",
        sa.Column("city", sa.String(63), nullable=False),
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(23), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("audio", sa.Boolean(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("city", "id", name="pk_stream_keys"),
    )
    op.create_index("ix_stream_keys_id", "stream_keys", ["id"])
    op.create_index("ix_stream_keys_user_id", "stream_keys", ["city", "user_id"])
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(23), nullable=False),
        sa.Column("purpose", sa.String(8), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("ends_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_signing_keys"),
    )
    op.create_table(
        "setup_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_setup_link"),
    )
    for table in OF_A_CITY:
        secure_by_city(table)
