"""Cameras as people describe them, as they are shown, and as the engine runs them. Pure.

A camera's addresses never hold credentials: user and password are fields of
their own, and the password leaves this package only towards the engine, or in
an export by one who may.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vms.cameras.makers import GENERIC, MAKERS
from vms.common import (
    LOCAL_CITY,
    Credentials,
    InvalidError,
    Login,
    StreamName,
    camera_id,
    credentials_of,
    is_published,
    scheme_of,
    with_login,
)
from vms.engine.model import AccessRules, CameraWish, DesiredState, StreamSource
from vms.proto import CameraEntry, Transport

# A comma that begins another address; commas inside an address stay.
_NEXT_ADDRESS = re.compile(r",(?=[a-z][a-z0-9+.-]*://|file:|publish:)", re.IGNORECASE)

MOST_NAME = 120
MOST_LOGIN = 128
# Targets of one stream.
MOST_PUSHES = 8
MOST_ADDRESS = 2_048
MOST_TAGS = 32
MOST_TAG = 40
MOST_GROUPS = 64
MOST_AREAS = 32
LEAST_POINTS = 3
MOST_POINTS = 64
MOST_CHANNEL = 9_999

NameText = Annotated[str, Meta(max_length=MOST_NAME, description="What people call it.")]
MakerText = Annotated[
    str, Meta(max_length=31, description="An id of /makers; generic: addresses are given in full.")
]
HostText = Annotated[
    str, Meta(max_length=255, description="The device: a host name or an IP address.")
]
PortNumber = Annotated[
    int, Meta(ge=1, le=65_535, description="The device's RTSP port; absent: the maker's.")
]
ChannelNumber = Annotated[
    int, Meta(ge=1, le=MOST_CHANNEL, description="The device's input or lens, from 1.")
]
AddressText = Annotated[
    str,
    Meta(
        max_length=MOST_ADDRESS,
        description="For generic alone: rtsp://HOST[:PORT]/PATH, another protocol, file:NAME, or "
        "publish: where the camera calls. A user, password or passphrase in it is kept apart.",
    ),
]
BackupText = Annotated[
    str,
    Meta(
        max_length=MOST_ADDRESS,
        description="A second address, of any protocol that is called, for when the first gives no "
        "video.",
    ),
]
UserText = Annotated[str, Meta(max_length=MOST_LOGIN, description="Who calls the camera.")]
PasswordText = Annotated[
    str,
    Meta(
        max_length=MOST_LOGIN,
        description="Of an srt:// address its passphrase. Never told again. null removes it.",
    ),
]
PushText = Annotated[
    str,
    Meta(
        max_length=MOST_ADDRESS,
        description="srt://HOST:PORT[?streamid=NAME&latency=MS&passphrase=SECRET]. The passphrase "
        "is kept apart and never told again; given without it, the one that is kept stays.",
    ),
]
Pushes = Annotated[
    tuple[PushText, ...],
    Meta(max_length=MOST_PUSHES, description="Where the stream is brought to by SRT."),
]
PassphraseText = Annotated[str, Meta(max_length=MOST_LOGIN)]
Passphrases = Annotated[
    dict[str, PassphraseText],
    Meta(
        max_length=2 * MOST_PUSHES,
        description="Of push targets, by their addresses. Those that stand in an address are put "
        "here. Never told again. An empty one removes that of its target, null removes all.",
    ),
]
OnDemand = Annotated[
    bool,
    Meta(
        description="True: called only while somebody views it or it is recorded. null: where the "
        "address is another node's."
    ),
]
IdText = Annotated[str, Meta(max_length=63)]
GroupIds = Annotated[
    tuple[IdText, ...], Meta(max_length=MOST_GROUPS, description="Who sees it: ids of groups.")
]
TagText = Annotated[str, Meta(max_length=MOST_TAG)]
Tags = Annotated[tuple[TagText, ...], Meta(max_length=MOST_TAGS)]
Latitude = Annotated[float, Meta(ge=-90, le=90, description="Degrees north.")]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="Degrees east.")]
Share = Annotated[float, Meta(ge=0, le=1)]
Points = Annotated[
    tuple[tuple[Share, Share], ...], Meta(min_length=LEAST_POINTS, max_length=MOST_POINTS)
]
AreaName = Annotated[str, Meta(min_length=1, max_length=MOST_NAME)]


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named polygon on the picture: points from (0, 0), top left, to (1, 1).

    A *mask* hides what lies in it; a *zone* is where something is looked for.
    """

    name: AreaName
    points: Points


Areas = Annotated[tuple[Area, ...], Meta(max_length=MOST_AREAS)]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a camera's streams come from, without credentials.

    Either a maker with the device's host, port and channel, from which the
    addresses follow, or the maker ``generic`` with the addresses themselves.
    """

    maker: MakerText = GENERIC
    host: HostText | None = None
    port: PortNumber | None = None
    channel: ChannelNumber = 1
    # False leaves out the sub-stream that the maker's cameras have.
    sub_stream: bool = True
    url: AddressText | None = None
    sub_url: AddressText | None = None
    # Of main and sub-stream, whatever the maker.
    push: Pushes = ()
    sub_push: Pushes = ()
    backup_url: BackupText | None = None
    backup_sub_url: BackupText | None = None

    def backups(self) -> dict[StreamName, str]:
        """Return the second address of each stream that has one."""
        both = {StreamName.MAIN: self.backup_url, StreamName.SUB: self.backup_sub_url}
        return {name: url for name, url in both.items() if url is not None}

    def addresses(self) -> dict[StreamName, str]:
        """Return the address of each stream; the source must be valid."""
        return dict(self._addresses())

    def _addresses(self) -> Iterator[tuple[StreamName, str]]:
        if self.maker == GENERIC:
            for name, url in ((StreamName.MAIN, self.url), (StreamName.SUB, self.sub_url)):
                if url is not None:
                    yield name, url
            return
        maker = MAKERS[self.maker]
        for name in StreamName:
            if name is StreamName.MAIN or self.sub_stream:
                yield name, maker.address(self.host or "", self.port, self.channel, name)


class Draft(Source, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera as somebody wants it: what can be written.

    Passwords left out stay as they are; ``null`` removes them.
    """

    name: NameText
    transport: Transport | None = None
    on_demand: OnDemand | None = None
    user: UserText | None = None
    password: PasswordText | UnsetType | None = UNSET
    # The sub-stream's own, where they differ from the main stream's.
    sub_user: UserText | None = None
    sub_password: PasswordText | UnsetType | None = UNSET
    # Of the second addresses, where they differ from those of the first.
    backup_user: UserText | None = None
    backup_password: PasswordText | UnsetType | None = UNSET
    push_passphrases: Passphrases | UnsetType | None = UNSET
    enabled: bool = True
    site: IdText | None = None
    groups: GroupIds = ()
    tags: Tags = ()
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    masks: Areas = ()
    zones: Areas = ()


class NewCamera(Draft, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera to be made. Only the platform chooses an id; a city's people need not name it."""

    id: IdText | None = None
    city: IdText | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What should change of a camera; what is left out stays."""

    maker: MakerText | UnsetType = UNSET
    host: HostText | UnsetType | None = UNSET
    port: PortNumber | UnsetType | None = UNSET
    channel: ChannelNumber | UnsetType = UNSET
    sub_stream: bool | UnsetType = UNSET
    url: AddressText | UnsetType | None = UNSET
    sub_url: AddressText | UnsetType | None = UNSET
    backup_url: BackupText | UnsetType | None = UNSET
    backup_sub_url: BackupText | UnsetType | None = UNSET
    name: NameText | UnsetType = UNSET
    transport: Transport | UnsetType | None = UNSET
    on_demand: OnDemand | UnsetType | None = UNSET
    user: UserText | UnsetType | None = UNSET
    password: PasswordText | UnsetType | None = UNSET
    sub_user: UserText | UnsetType | None = UNSET
    sub_password: PasswordText | UnsetType | None = UNSET
    backup_user: UserText | UnsetType | None = UNSET
    backup_password: PasswordText | UnsetType | None = UNSET
    push: Pushes | UnsetType = UNSET
    sub_push: Pushes | UnsetType = UNSET
    push_passphrases: Passphrases | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    site: IdText | UnsetType | None = UNSET
    groups: GroupIds | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    masks: Areas | UnsetType = UNSET
    zones: Areas | UnsetType = UNSET

    def given(self) -> dict[str, Any]:
        """Return what was named, by field."""
        fields = msgspec.structs.asdict(self)
        return {name: value for name, value in fields.items() if value is not UNSET}


class CameraState(StrEnum):
    """How a camera is doing, by its main stream."""

    ONLINE = "online"
    OFFLINE = "offline"
    # Not enabled.
    OFF = "off"
    # Nobody watched.
    UNKNOWN = "unknown"


class Why(msgspec.Struct, frozen=True):
    """Why a camera is as it is: a code with values, so that any language can say it."""

    code: str
    values: dict[str, str | int | float] = {}


class Status(msgspec.Struct, frozen=True):
    """What is known of a camera's main stream, and since when."""

    state: CameraState = CameraState.UNKNOWN
    reason: Why | None = None
    since_us: int | None = None


class Camera(Source, frozen=True, kw_only=True):
    """A camera as it is kept and shown. Passwords are not in it."""

    id: str
    city: str
    name: str
    transport: Transport | None = None
    on_demand: bool | None = None
    user: str | None = None
    has_password: bool = False
    sub_user: str | None = None
    has_sub_password: bool = False
    backup_user: str | None = None
    has_backup_password: bool = False
    has_push_passphrases: bool = False
    enabled: bool = True
    site: str | None = None
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None
    masks: tuple[Area, ...] = ()
    zones: tuple[Area, ...] = ()
    version: int = 1
    created_us: int = 0
    updated_us: int = 0
    status: Status = Status()

    @property
    def masked(self) -> bool:
        """Whether parts of the picture are hidden from all but those who may see the original."""
        return bool(self.masks)


ADDRESSES = ("url", "sub_url", "backup_url", "backup_sub_url")
SECRET = ("password", "sub_password", "backup_password", "push_passphrases")


class CameraItem(msgspec.Struct, frozen=True):
    """A camera in a list."""

    id: str
    city: str
    name: str
    maker: str
    enabled: bool
    site: str | None
    groups: tuple[str, ...]
    tags: tuple[str, ...]
    latitude: float | None
    longitude: float | None
    masked: bool
    version: int
    status: Status


class RosterEntry(msgspec.Struct, frozen=True):
    """A camera as those need it who follow streams and decide who sees them."""

    id: str
    city: str
    name: str
    enabled: bool
    masked: bool
    groups: tuple[str, ...]
    streams: tuple[StreamName, ...]


class Transition(msgspec.Struct, frozen=True):
    """A stream came into a state, at a time."""

    at_us: int
    state: CameraState
    reason: Why | None = None


class StreamChange(msgspec.Struct, frozen=True):
    """A transition, and whose it is."""

    city: str
    camera: str
    stream: StreamName
    transition: Transition
    # Whether the camera is now live and was not, or the other way round.
    announced: bool = False


# What a draft and a camera have in common: everything that can be written, but for passwords.
WRITABLE = tuple(name for name in Draft.__struct_fields__ if name not in SECRET)


def draft_of(camera: Camera) -> Draft:
    """Return the draft that would make a camera again, its passwords left as they are."""
    return Draft(**{name: getattr(camera, name) for name in WRITABLE})


class Secrets(msgspec.Struct, frozen=True):
    """The passwords of a camera, opened."""

    password: str | None = None
    sub_password: str | None = None
    backup_password: str | None = None
    # A JSON object: by the target's address, in the order of those.
    push_passphrases: str | None = None

    def __repr__(self) -> str:
        return "Secrets(...)"

    def after(self, draft: Draft) -> "Secrets":
        """Return the passwords as a draft wants them."""
        return Secrets(
            _wanted(draft.user, draft.url, self.password, draft.password),
            _wanted(draft.sub_user, draft.sub_url, self.sub_password, draft.sub_password),
            _wanted(
                draft.backup_user, draft.backup_url, self.backup_password, draft.backup_password
            ),
            self._passphrases_after(draft),
        )

    def _passphrases_after(self, draft: Draft) -> str | None:
        given = draft.push_passphrases
        if given is None:
            return None
        known = self.passphrases() | ({} if given is UNSET else given)
        wanted = sorted({*draft.push, *draft.sub_push} & known.keys())
        kept = {address: known[address] for address in wanted if known[address]}
        return msgspec.json.encode(kept).decode() if kept else None

    def passphrases(self) -> dict[str, str]:
        """Return the passphrases of push targets, by their addresses."""
        if self.push_passphrases is None:
            return {}
        return msgspec.json.decode(self.push_passphrases, type=dict[str, str])

    def logins(self, user: str | None, sub_user: str | None) -> dict[StreamName, Login]:
        """Return what each stream is opened with: the sub-stream's own login, else the camera's."""
        main = Login(user or "", self.password or "")
        has_own = sub_user or self.sub_password
        sub = Login(sub_user or "", self.sub_password or "") if has_own else main
        return {StreamName.MAIN: main, StreamName.SUB: sub}

    def backup_login(self, backup_user: str | None) -> Login | None:
        """Return what the second addresses are opened with; none: with what the first are."""
        has_own = backup_user or self.backup_password
        return Login(backup_user or "", self.backup_password or "") if has_own else None


def _wanted(
    user: str | None, address: str | None, held: str | None, given: str | UnsetType | None
) -> str | None:
    if user is None and kind_of(address) is not Credentials.SECRET:
        return None
    return held if given is UNSET else given or None


def kind_of(address: str | None) -> Credentials:
    """Return what a camera's address is opened with; makers' own have a user and a password."""
    return Credentials.LOGIN if address is None else credentials_of(address)


def changed_fields(before: Camera, held: Secrets, after: Draft) -> tuple[str, ...]:
    """Return the names of the fields in which a draft differs from a camera."""
    names = [name for name in WRITABLE if getattr(before, name) != getattr(after, name)]
    wanted = held.after(after)
    names += [name for name in SECRET if getattr(held, name) != getattr(wanted, name)]
    return tuple(names)


def wish_of(camera: Camera, secrets: Secrets) -> CameraWish:
    """Return a camera as the engine should run it.

    One that is not enabled is not called, so its passwords are not handed out.
    """
    login: dict[StreamName, Login] = {}
    second: Login | None = None
    if camera.enabled:
        login = secrets.logins(camera.user, camera.sub_user)
        second = secrets.backup_login(camera.backup_user)
    backups = camera.backups()
    passphrases = secrets.passphrases() if camera.enabled else {}
    pushes = {StreamName.MAIN: camera.push, StreamName.SUB: camera.sub_push}
    if camera.has_push_passphrases and secrets.push_passphrases is None:
        # They cannot be opened, or the camera is off: nothing may go out in the clear.
        pushes = {}
    streams = {}
    for stream, address in camera.addresses().items():
        first, backup = login.get(stream), backups.get(stream)
        streams[stream] = _stream_source(
            with_login(address, first),
            backup and with_login(backup, second or first),
            camera.transport,
            on_demand=camera.on_demand,
            push=tuple(
                with_login(target, Login("", passphrases.get(target, "")))
                for target in pushes.get(stream, ())
            ),
        )
    return CameraWish(
        id=camera.id,
        city=camera.city,
        name=camera.name,
        enabled=camera.enabled,
        masked=camera.masked,
        streams=streams,
    )


def _stream_source(
    url: str,
    backup: str | None,
    transport: Transport | None,
    *,
    on_demand: bool | None,
    push: tuple[str, ...],
) -> StreamSource:
    """Return what the engine calls: how RTP travels is a choice that RTSP alone has.

    The engine refuses a second address of what is waited for, and to open that on demand.
    """
    waited = is_published(url)
    called = None if waited else backup
    by_rtsp = "rtsp" in {scheme_of(one).name for one in (url, called) if one is not None}
    sent_by = transport if by_rtsp else None
    return StreamSource(url, sent_by, called, None if waited else on_demand, push)


def desired_state(
    wishes: Iterable[CameraWish], generation: int, access: AccessRules | None = None
) -> DesiredState:
    """Return the state in which the engine runs exactly these cameras."""
    ordered = tuple(sorted(wishes, key=lambda wish: wish.id))
    return DesiredState(generation, ordered, access or AccessRules())


def wish_of_entry(entry: CameraEntry) -> CameraWish:
    """Return the wish for a camera of the settings, where no database is asked (open mode)."""
    addresses = {
        StreamName.MAIN: (entry.url, entry.backup_url),
        StreamName.SUB: (entry.sub_url, entry.backup_sub_url),
    }
    return CameraWish(
        id=camera_id(entry.id),
        city=LOCAL_CITY,
        name=entry.name or entry.id,
        enabled=entry.enabled,
        streams={
            stream: _stream_source(
                address,
                backup,
                entry.transport,
                on_demand=entry.on_demand,
                push=entry.push if stream is StreamName.MAIN else entry.sub_push,
            )
            for stream, (address, backup) in addresses.items()
            if address is not None
        },
    )


def draft_of_entry(entry: CameraEntry) -> NewCamera:
    """Return a camera of the settings as one to be made, with the id chosen there."""
    return NewCamera(
        id=camera_id(entry.id),
        city=LOCAL_CITY,
        name=entry.name or entry.id,
        url=entry.url,
        sub_url=entry.sub_url,
        backup_url=entry.backup_url,
        backup_sub_url=entry.backup_sub_url,
        transport=entry.transport,
        on_demand=entry.on_demand,
        push=entry.push,
        sub_push=entry.sub_push,
        enabled=entry.enabled,
    )


def parse_camera(text: str) -> dict[str, str]:
    """Read ``ID=URL[,SUB_URL]`` into keys of the settings."""
    name, equals, addresses = text.partition("=")
    urls = _NEXT_ADDRESS.split(addresses)
    if not equals or not name or not addresses or len(urls) > 2:
        raise InvalidError(
            f"--camera {name or '?'}: write ID=URL or ID=URL,SUB_URL",
            code="camera_argument",
            values={"id": name},
        )
    entry = {"id": name, "url": urls[0]}
    if len(urls) == 2:
        entry["sub_url"] = urls[1]
    return entry
