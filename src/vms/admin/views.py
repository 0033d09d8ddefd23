"""What the services give back: nothing in here is secret, but where a name says so."""

import msgspec


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person."""

    id: str
    # The city one belongs to; empty for the platform's people.
    home: str
    login: str
    name: str
    email: str
    language: str
    enabled: bool
    # Whether a second factor is enrolled.
    second_factor: bool
    created_us: int
    signed_in_us: int | None
    version: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group of users that holds grants together."""

    id: str
    home: str
    name: str
    members: tuple[str, ...]
    version: int


class RoleView(msgspec.Struct, frozen=True, kw_only=True):
    """A role."""

    id: str
    home: str
    name: str
    functions: tuple[str, ...]
    shipped: bool
    version: int


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A role in a scope, held by a user or a group."""

    id: str
    home: str
    # "user" or "group".
    holder_kind: str
    holder: str
    role: str
    scope: str
    created_us: int


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """Functions in a scope."""

    scope: str
    functions: tuple[str, ...]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what he may do."""

    kind: str
    id: str
    home: str
    # None for the product itself, and for an API key without an owner.
    user: User | None
    must_enrol: bool
    # All of one list; for an API key what its own rights and its owner's have in common
    # is decided at each request.
    allowed: tuple[Allowed, ...]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that lasts."""

    id: str
    user: str
    agent: str
    address: str
    second_factor: bool
    created_us: int
    used_us: int
    expires_us: int
    # Whether it is the one that asks.
    current: bool


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a signed-in client carries. Secret."""

    access: str
    access_expires_us: int
    refresh: str
    refresh_expires_us: int
    # The device cookie: tells that somebody has signed in from here before.
    device: str
    session: str
    user: User
    must_enrol: bool


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """The password was right; the second factor is asked for. Secret."""

    ticket: str
    expires_us: int


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into an authenticator app. Secret."""

    secret: str
    url: str


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Codes for the day the telephone is lost, shown once. Secret."""

    codes: tuple[str, ...]


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """A user with the second factor he was given at once, shown once. Secret."""

    user: User
    enrolment: Enrolment
    codes: tuple[str, ...]


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An open invitation, or the reset of a password."""

    id: str
    home: str
    # The user whose password it resets; none for an invitation.
    user: str | None
    role: str
    scope: str
    note: str
    created_us: int
    expires_us: int


class NewInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation with its token, shown once. Secret."""

    invitation: Invitation
    token: str


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder of an invitation's token is told before he accepts."""

    home: str
    role: str
    # The login of whom a reset is for; none for an invitation.
    login: str | None
    expires_us: int


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key."""

    id: str
    home: str
    name: str
    # The owner; none for a key of the installation itself.
    user: str | None
    role: str
    scope: str
    per_minute: int
    created_us: int
    expires_us: int
    used_us: int | None


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key with its token, shown once. Secret."""

    key: ApiKey
    token: str


class StreamKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key for players that speak RTSP or SRT, or for cameras that call us.

    Its id is the user name.
    """

    id: str
    home: str
    name: str
    user: str | None
    scope: str
    audio: bool
    # Recordings are played by it too.
    playback: bool
    # Cameras send their pictures by it; else players view by it.
    publish: bool
    created_us: int
    expires_us: int


class NewStreamKey(msgspec.Struct, frozen=True, kw_only=True):
    """A stream key with its secret, the password, shown once. Secret."""

    key: StreamKey
    secret: str


class OpenStreamKey(msgspec.Struct, frozen=True, kw_only=True):
    """A stream key as the engine needs it. Secret."""

    id: str
    secret: str
    scope: str
    audio: bool
    playback: bool
    publish: bool
    expires_us: int
