"""API keys, stream keys, invitations, signing keys and the setup link."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import RowMapping, and_, delete, insert, or_, select, update

from vms.admin.store import tables
from vms.admin.store.rows import by_id, home_is, page_of, remove, visible
from vms.admin.views import ApiKey, Invitation, StreamKey
from vms.common import Page, Slice
from vms.database import Unit

_api, _stream, _invitations = tables.api_keys, tables.stream_keys, tables.invitations
_signing, _setup = tables.signing_keys, tables.setup_link

_ONLY_ROW = 1


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """An API key with the hash of its secret."""

    key: ApiKey
    hash: str


def _api_key(row: RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        home=row["city"],
        name=row["name"],
        user=row["user_id"] or None,
        role=row["role"],
        scope=row["scope"],
        per_minute=row["per_minute"],
        created_us=row["created_us"],
        expires_us=row["expires_us"],
        used_us=row["used_us"],
    )


def add_api_key(unit: Unit, found: ApiKeyRow) -> None:
    """Write an API key."""
    key = found.key
    unit.execute(
        insert(_api).values(
            city=key.home,
            id=key.id,
            hash=found.hash,
            name=key.name,
            user_id=key.user or "",
            role=key.role,
            scope=key.scope,
            per_minute=key.per_minute,
            created_us=key.created_us,
            expires_us=key.expires_us,
            used_us=key.used_us,
        )
    )


def api_key(unit: Unit, key_id: str) -> ApiKeyRow | None:
    """Return an API key."""
    row = by_id(unit, _api, key_id)
    return None if row is None else ApiKeyRow(_api_key(row), row["hash"])


def list_api_keys(unit: Unit, page: Page, home: str | None, user: str | None) -> Slice[ApiKey]:
    """Return a page of API keys: of a user, or of all."""
    mine = [] if user is None else [_api.c.user_id == user]
    return page_of(unit, _api, [*home_is(_api, home), *mine], page, _api_key)


def use_api_key(unit: Unit, key: ApiKey, now_us: int) -> None:
    """Note when a key was used last."""
    where = and_(_api.c.city == key.home, _api.c.id == key.id)
    unit.execute(update(_api).where(where).values(used_us=now_us))


def remove_api_key(unit: Unit, key: ApiKey) -> None:
    """Delete an API key."""
    remove(unit, _api, key.home, key.id)


@dataclass(frozen=True, slots=True)
class StreamKeyRow:
    """A stream key with its sealed secret."""

    key: StreamKey
    secret: bytes


def _stream_key(row: RowMapping) -> StreamKeyRow:
    key = StreamKey(
        id=row["id"],
        home=row["city"],
        name=row["name"],
        user=row["user_id"] or None,
        scope=row["scope"],
        audio=row["audio"],
        playback=row["playback"],
        publish=row["publish"],
        created_us=row["created_us"],
        expires_us=row["expires_us"],
    )
    return StreamKeyRow(key, row["secret"])


def add_stream_key(unit: Unit, found: StreamKeyRow) -> None:
    """Write a stream key."""
    key = found.key
    unit.execute(
        insert(_stream).values(
            city=key.home,
            id=key.id,
            secret=found.secret,
            name=key.name,
            user_id=key.user or "",
            scope=key.scope,
            audio=key.audio,
            playback=key.playback,
            publish=key.publish,
            created_us=key.created_us,
            expires_us=key.expires_us,
        )
    )


def stream_key(unit: Unit, key_id: str) -> StreamKey | None:
    """Return a stream key without its secret."""
    row = by_id(unit, _stream, key_id)
    return None if row is None else _stream_key(row).key


def list_stream_keys(
    unit: Unit, page: Page, home: str | None, user: str | None
) -> Slice[StreamKey]:
    """Return a page of stream keys: of a user, or of all."""
    mine = [] if user is None else [_stream.c.user_id == user]
    where = [*home_is(_stream, home), *mine]
    return page_of(unit, _stream, where, page, lambda row: _stream_key(row).key)


def lasting_stream_keys(unit: Unit, now_us: int) -> list[StreamKeyRow]:
    """Return all stream keys that have not run out."""
    where = and_(visible(unit, _stream), _stream.c.expires_us > now_us)
    found = unit.execute(select(_stream).where(where).order_by(_stream.c.id)).mappings()
    return [_stream_key(row) for row in found]


def remove_stream_key(unit: Unit, key: StreamKey) -> None:
    """Delete a stream key."""
    remove(unit, _stream, key.home, key.id)


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation with the hash of its token and who made it."""

    invitation: Invitation
    hash: str
    creator_home: str
    # Empty: the product itself.
    creator: str


def _invitation(row: RowMapping) -> InvitationRow:
    found = Invitation(
        id=row["id"],
        home=row["city"],
        user=row["user_id"],
        role=row["role"],
        scope=row["scope"],
        note=row["note"],
        created_us=row["created_us"],
        expires_us=row["expires_us"],
    )
    return InvitationRow(found, row["hash"], row["creator_city"], row["creator"])


def add_invitation(unit: Unit, row: InvitationRow) -> None:
    """Write an invitation."""
    found = row.invitation
    unit.execute(
        insert(_invitations).values(
            city=found.home,
            id=found.id,
            hash=row.hash,
            user_id=found.user,
            role=found.role,
            scope=found.scope,
            note=found.note,
            creator_city=row.creator_home,
            creator=row.creator,
            created_us=found.created_us,
            expires_us=found.expires_us,
        )
    )


def invitation(unit: Unit, invitation_id: str) -> Invitation | None:
    """Return an invitation by its id."""
    row = by_id(unit, _invitations, invitation_id)
    return None if row is None else _invitation(row).invitation


def invitation_of_token(unit: Unit, token_hash: str, now_us: int) -> InvitationRow | None:
    """Return the invitation that a token opens."""
    where = and_(
        visible(unit, _invitations),
        _invitations.c.hash == token_hash,
        _invitations.c.expires_us > now_us,
    )
    row = unit.execute(select(_invitations).where(where)).mappings().one_or_none()
    return None if row is None else _invitation(row)


def list_invitations(unit: Unit, page: Page, home: str | None, now_us: int) -> Slice[Invitation]:
    """Return a page of the invitations that are open."""
    where = [*home_is(_invitations, home), _invitations.c.expires_us > now_us]
    return page_of(unit, _invitations, where, page, lambda row: _invitation(row).invitation)


def remove_invitation(unit: Unit, found: Invitation) -> bool:
    """Delete an invitation; of two who accept it at once, one finds it gone."""
    return remove(unit, _invitations, found.home, found.id)


def remove_resets(unit: Unit, home: str, user_id: str) -> None:
    """Delete the open resets of a user's password."""
    where = and_(_invitations.c.city == home, _invitations.c.user_id == user_id)
    unit.execute(delete(_invitations).where(visible(unit, _invitations), where))


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    """A signing key; the secret part is sealed."""

    id: str
    purpose: str
    secret: bytes
    public: str
    created_us: int
    ends_us: int | None = None


def signing_keys(unit: Unit, now_us: int) -> list[SigningKeyRow]:
    """Return the keys whose signatures still count, the newest first."""
    lasting = or_(_signing.c.ends_us.is_(None), _signing.c.ends_us > now_us)
    found = unit.execute(
        select(_signing).where(lasting).order_by(_signing.c.created_us.desc(), _signing.c.id.desc())
    )
    return [SigningKeyRow(**row) for row in found.mappings()]


def add_signing_key(unit: Unit, key: SigningKeyRow) -> None:
    """Write a signing key."""
    unit.execute(insert(_signing).values(**asdict(key)))


def end_signing_keys(unit: Unit, ids: Iterable[str], ends_us: int) -> None:
    """Let keys sign no more; what they signed counts until ``ends_us``."""
    where = and_(_signing.c.id.in_(list(ids)), _signing.c.ends_us.is_(None))
    unit.execute(update(_signing).where(where).values(ends_us=ends_us))


def setup_expiry(unit: Unit, token_hash: str) -> int | None:
    """Return when the setup link with this token runs out."""
    where = and_(_setup.c.id == _ONLY_ROW, _setup.c.hash == token_hash)
    return unit.execute(select(_setup.c.expires_us).where(where)).scalar_one_or_none()


def put_setup_link(unit: Unit, token_hash: str, expires_us: int) -> None:
    """Replace the setup link."""
    remove_setup_link(unit)
    unit.execute(insert(_setup).values(id=_ONLY_ROW, hash=token_hash, expires_us=expires_us))


def remove_setup_link(unit: Unit) -> bool:
    """Delete the setup link; of two who use it at once, one finds it gone."""
    return unit.execute(delete(_setup)).rowcount > 0


def tidy(unit: Unit, now_us: int, *, keep_us: int) -> int:
    """Delete what ran out a while ago; return how many rows."""
    gone = [
        delete(table).where(table.c.expires_us <= now_us - keep_us)
        for table in (_api, _stream, _invitations)
    ]
    gone.append(delete(_signing).where(_signing.c.ends_us <= now_us - keep_us))
    return sum(unit.execute(statement).rowcount for statement in gone)
