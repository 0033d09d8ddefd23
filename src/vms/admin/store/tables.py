"""The tables of people. Those of a city lead with it; the platform's people have city ``''``."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from vms.database import metadata

_CITY = String(63)
_ID = String(23)
# SHA-256 in hex.
_HASH = String(64)

users = Table(
    "users",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("id", _ID, nullable=False),
    Column("login", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("email", String(254), nullable=False),
    Column("language", String(8), nullable=False),
    Column("enabled", Boolean, nullable=False),
    # argon2id, with its parameters; none until an invitation or a reset sets one.
    Column("password", String(255), nullable=True),
    # Sealed; being enrolled as long as `totp_enrolled` is false.
    Column("totp_secret", LargeBinary, nullable=True),
    Column("totp_enrolled", Boolean, nullable=False),
    # The last step of 30 s whose code was used.
    Column("totp_step", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("signed_in_us", BigInteger, nullable=True),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("city", "id"),
    UniqueConstraint("city", "login"),
    Index("ix_users_login", "login"),
    Index("ix_users_id", "id"),
)

user_groups = Table(
    "user_groups",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("id", _ID, nullable=False),
    Column("name", String(200), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("city", "id"),
    UniqueConstraint("city", "name"),
    Index("ix_user_groups_id", "id"),
)

user_group_members = Table(
    "user_group_members",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("group_id", _ID, nullable=False),
    Column("user_id", _ID, nullable=False),
    PrimaryKeyConstraint("city", "group_id", "user_id"),
    ForeignKeyConstraint(
        ["city", "group_id"], ["user_groups.city", "user_groups.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(["city", "user_id"], ["users.city", "users.id"], ondelete="CASCADE"),
    Index("ix_user_group_members_user_id", "city", "user_id"),
)

# Roles that a city or the platform made; shipped ones are in the code.
roles = Table(
    "roles",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("id", _ID, nullable=False),
    Column("name", String(200), nullable=False),
    # JSON list of functions.
    Column("functions", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("city", "id"),
    UniqueConstraint("city", "name"),
    Index("ix_roles_id", "id"),
)

# A role in a scope, given to a user or to a group of users.
grants = Table(
    "grants",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("id", _ID, nullable=False),
    # "user" or "group".
    Column("holder_kind", String(8), nullable=False),
    Column("holder", _ID, nullable=False),
    # A shipped role's name or the id of one of the same city.
    Column("role", _ID, nullable=False),
    # As `Scope` writes it.
    Column("scope", String(200), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("city", "id"),
    UniqueConstraint("city", "holder_kind", "holder", "role", "scope"),
    Index("ix_grants_role", "city", "role"),
    Index("ix_grants_id", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("id", _ID, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("device_id", _ID, nullable=False),
    Column("agent", String(200), nullable=False),
    Column("address", String(100), nullable=False),
    # Whether a second factor was proved.
    Column("second_factor", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("revoked_us", BigInteger, nullable=True),
    PrimaryKeyConstraint("city", "id"),
    ForeignKeyConstraint(["city", "user_id"], ["users.city", "users.id"], ondelete="CASCADE"),
    Index("ix_sessions_user_id", "city", "user_id"),
    Index("ix_sessions_expires_us", "expires_us"),
    Index("ix_sessions_id", "id"),
)

# A session's chain of refresh tokens; all but the last were used.
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("hash", _HASH, nullable=False),
    Column("session_id", _ID, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=True),
    PrimaryKeyConstraint("city", "hash"),
    ForeignKeyConstraint(
        ["city", "session_id"], ["sessions.city", "sessions.id"], ondelete="CASCADE"
    ),
    Index("ix_refresh_tokens_hash", "hash"),
    Index("ix_refresh_tokens_session_id", "city", "session_id"),
)

# The password was right, the second factor is awaited.
sign_in_tickets = Table(
    "sign_in_tickets",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("hash", _HASH, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("city", "hash"),
    ForeignKeyConstraint(["city", "user_id"], ["users.city", "users.id"], ondelete="CASCADE"),
    Index("ix_sign_in_tickets_hash", "hash"),
    Index("ix_sign_in_tickets_user_id", "city", "user_id"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("hash", _HASH, nullable=False),
    Column("used_us", BigInteger, nullable=True),
    PrimaryKeyConstraint("city", "user_id", "hash"),
    ForeignKeyConstraint(["city", "user_id"], ["users.city", "users.id"], ondelete="CASCADE"),
)

# Browsers and programs from which a user has signed in.
devices = Table(
    "devices",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("device_id", _ID, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("city", "user_id", "device_id"),
    ForeignKeyConstraint(["city", "user_id"], ["users.city", "users.id"], ondelete="CASCADE"),
)

# Failures in a row, by account and source; the source '' is the account as a whole.
# An account is the hash of a login, whether or not there is one of that name.
sign_in_tries = Table(
    "sign_in_tries",
    metadata,
    Column("account", _HASH, nullable=False),
    Column("source", String(64), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("account", "source"),
    Index("ix_sign_in_tries_last_us", "last_us"),
)

# One-use links: an invitation, or the reset of a password.
invitations = Table(
    "invitations",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("id", _ID, nullable=False),
    Column("hash", _HASH, nullable=False),
    # The user whose password it resets; none for an invitation.
    Column("user_id", _ID, nullable=True),
    Column("role", _ID, nullable=False),
    Column("scope", String(200), nullable=False),
    Column("note", String(200), nullable=False),
    # Who made it; '' is the product itself.
    Column("creator_city", _CITY, nullable=False),
    Column("creator", _ID, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("city", "id"),
    Index("ix_invitations_hash", "hash"),
    Index("ix_invitations_id", "id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("id", _ID, nullable=False),
    Column("hash", _HASH, nullable=False),
    Column("name", String(200), nullable=False),
    # The owner, a user of the same home; '' is the installation itself.
    Column("user_id", _ID, nullable=False),
    Column("role", _ID, nullable=False),
    Column("scope", String(200), nullable=False),
    Column("per_minute", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=True),
    PrimaryKeyConstraint("city", "id"),
    Index("ix_api_keys_id", "id"),
    Index("ix_api_keys_user_id", "city", "user_id"),
)

stream_keys = Table(
    "stream_keys",
    metadata,
    Column("city", _CITY, nullable=False),
    Column("id", _ID, nullable=False),
    # Sealed: Digest and SRT need the secret itself.
    Column("secret", LargeBinary, nullable=False),
    Column("name", String(200), nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("scope", String(200), nullable=False),
    Column("audio", Boolean, nullable=False),
    Column("playback", Boolean, nullable=False),
    # Cameras send by it; else players view by it.
    Column("publish", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("city", "id"),
    Index("ix_stream_keys_user_id", "city", "user_id"),
    Index("ix_stream_keys_id", "id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", _ID, nullable=False),
    # "access" (RS256 of access tokens) or "device" (HMAC of device cookies).
    Column("purpose", String(8), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    # The public key as a JWK; '' for an HMAC key.
    Column("public", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # When the last thing it signed has run out; none while it signs.
    Column("ends_us", BigInteger, nullable=True),
    PrimaryKeyConstraint("id"),
)

# At most one row: the link of the first start.
setup_link = Table(
    "setup_link",
    metadata,
    Column("id", Integer, nullable=False),
    Column("hash", _HASH, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("id"),
)
