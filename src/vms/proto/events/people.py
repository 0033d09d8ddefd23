"""What happens to people, their sessions and what they may do."""

from vms.proto.events.base import DomainEvent


class UserCreated(DomainEvent, frozen=True, tag="user.created"):
    """A user was added."""

    user: str


class UserUpdated(DomainEvent, frozen=True, tag="user.updated"):
    """A user was changed, blocked or let in again."""

    user: str


class UserDeleted(DomainEvent, frozen=True, tag="user.deleted"):
    """A user was removed."""

    user: str


class SessionRevoked(DomainEvent, frozen=True, tag="session.revoked"):
    """A session, or an API key, ended before its time; no session: all of the user's."""

    user: str
    session: str | None = None


class GrantChanged(DomainEvent, frozen=True, tag="grant.changed"):
    """What a user may do was changed; no user: a role, so anybody's."""

    user: str | None = None
    # Something was added and nothing taken away.
    given: bool = False


class NewDevice(DomainEvent, frozen=True, tag="sign_in.new_device"):
    """A user signed in from a device for the first time."""

    user: str
    session: str


class StreamKeyChanged(DomainEvent, frozen=True, tag="stream_key.changed"):
    """A stream key was made or withdrawn; whether it opens anything also follows its owner."""

    key: str
