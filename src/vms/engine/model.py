"""What the steering side and the engine tell each other. Plain data, no IO.

The field names are those of the JSON that crosses into the engine.
"""

import hashlib
from enum import StrEnum
from typing import Literal

import msgspec

from vms.common import LOCAL_CITY, StreamName

Values = dict[str, str | int | float]
EventValues = dict[str, str | int | float | bool]


class StreamState(StrEnum):
    """Where a stream's source stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    BACKING_OFF = "backing_off"
    # Opened for viewers alone, of whom there is none.
    IDLE = "idle"
    OFF = "off"


class Reason(msgspec.Struct, frozen=True):
    """Why a stream is not live: a code with values, so that any language can say it."""

    code: str
    values: Values = {}


class TlsConfig(msgspec.Struct, frozen=True):
    """TLS of the front and of the ports of WHEP and HLS: PEM files, and which speak it."""

    certificate: str
    key: str
    origin: bool
    players: bool
    hls: bool
    # Browsers are told to come by TLS alone from now on.
    strict_transport: bool
    # HTTP/3 beside it, at the origin and the port of HLS.
    http3: bool = False


class FrontConfig(msgspec.Struct, frozen=True):
    """The one origin, and where the API workers answer."""

    bind: str
    api_socket: str
    open: bool
    tls: TlsConfig | None = None
    # The operator's own proxy in front speaks TLS to clients.
    behind_proxy: bool = False


class RtspConfig(msgspec.Struct, frozen=True):
    """The RTSP listener."""

    bind: str


class RtmpConfig(msgspec.Struct, frozen=True):
    """Where publishers call by RTMP."""

    bind: str


class SrtConfig(msgspec.Struct, frozen=True):
    """Where publishers and players call by SRT."""

    bind: str
    # How long lost packets are waited for.
    latency_ms: int


class WebRtcConfig(msgspec.Struct, frozen=True):
    """The players' WHEP listener and the UDP sockets."""

    http_bind: str
    udp_bind: tuple[str, ...]


class HlsConfig(msgspec.Struct, frozen=True):
    """The HLS listener."""

    bind: str


class RingConfig(msgspec.Struct, frozen=True):
    """How much video is kept for viewers who join."""

    stream_bytes: int
    seconds: int
    process_bytes: int


class VolumeConfig(msgspec.Struct, frozen=True):
    """A folder that is recorded to."""

    name: str
    path: str
    # Stays free.
    reserve_bytes: int
    # Most that recordings may take; None: all but the reserve.
    max_bytes: int | None = None


class S3Config(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket that recordings are moved to; its keys stand in files."""

    name: str
    endpoint: str
    bucket: str
    prefix: str
    region: str
    access_key_file: str
    secret_key_file: str
    # None: whom the system trusts.
    ca_file: str | None = None
    virtual_hosted: bool = False
    max_bytes: int | None = None


class TierConfig(msgspec.Struct, frozen=True):
    """Where recordings go that are older than that."""

    after_hours: int
    volume: str


class EncryptConfig(msgspec.Struct, frozen=True):
    """Which key new recordings are encrypted with."""

    key: str


class RecordingConfig(msgspec.Struct, frozen=True):
    """Where is recorded, and where keys and the ledgers' copies lie."""

    volumes: tuple[VolumeConfig, ...]
    keys: str
    ledger_copies: str
    encrypt: EncryptConfig | None = None
    s3: tuple[S3Config, ...] = ()
    # Local folder of what is remembered of these.
    s3_cache: str | None = None
    tiers: tuple[TierConfig, ...] = ()


class NodeConfig(msgspec.Struct, frozen=True):
    """Where it stands who this machine is among others; read when it is there."""

    identity: str
    authority: str


class EngineConfig(msgspec.Struct, frozen=True):
    """What an engine is started with."""

    front: FrontConfig
    rtsp: RtspConfig
    webrtc: WebRtcConfig
    hls: HlsConfig
    backoff_ms: tuple[int, int]
    no_video_ms: int
    # How long a stream on demand stays open without viewers.
    linger_ms: int
    ring: RingConfig
    # None: no publisher is taken by RTMP.
    rtmp: RtmpConfig | None = None
    # None: nobody is served by SRT.
    srt: SrtConfig | None = None
    # CIDRs outside of which no camera is called; None: anywhere but metadata services.
    allowed_networks: tuple[str, ...] | None = None
    # Folder of the files that file: addresses name; None: they are refused.
    media_dir: str | None = None
    # Where workers that decode ask for frames; None: they get none.
    frames_socket: str | None = None
    # Cameras whose pictures are transcoded at once, at most; 0: none.
    max_transcodes: int = 0
    # None: this machine is none of an installation's.
    node: NodeConfig | None = None
    # None: nothing is recorded.
    recording: RecordingConfig | None = None


class FarmConfig(msgspec.Struct, frozen=True):
    """What a simulated camera farm is started with."""

    main: str
    sub: str
    cameras: int
    bind: str = "127.0.0.1"
    port: int = 0
    main_fps: float = 25.0
    sub_fps: float = 25.0
    audio: bool = False
    # ``pcma`` or ``aac``.
    sound: str = "pcma"
    user: tuple[str, str] | None = None


class Addresses(msgspec.Struct, frozen=True):
    """Where the engine listens, with the ports that were picked."""

    front: str
    rtsp: str
    webrtc: str
    webrtc_udp: tuple[str, ...]
    rtmp: str = ""
    srt: str = ""
    hls: str = ""
    # That of `rtmp`, where TLS is spoken there too.
    rtmps: str = ""


class StreamSource(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a stream comes from. The address may hold a password."""

    url: str
    transport: Literal["tcp", "udp"] | None = None
    # Opened when ``url`` gives no video.
    backup: str | None = None
    # Open only while somebody views it; None: where it is another node's.
    on_demand: bool | None = None
    # ``srt://`` addresses that it is brought to; they may hold passphrases.
    push: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"StreamSource(url=..., transport={self.transport!r})"


class RecordMode(StrEnum):
    """When a stream is recorded."""

    CONTINUOUS = "continuous"
    EVENT = "event"
    OFF = "off"


class StreamRecord(msgspec.Struct, frozen=True):
    """How one stream is recorded now."""

    mode: RecordMode = RecordMode.CONTINUOUS
    audio: bool = True
    # Seconds kept from before a trigger and after its end; of mode ``event``.
    pre_s: int = 5
    post_s: int = 10
    # Somebody said so, not a rule.
    by_hand: bool = False


class ThinTo(StrEnum):
    """What is left of video that grew old: less with each step."""

    EVENTS = "events"
    KEYS = "keys"
    STILLS = "stills"


class Thin(msgspec.Struct, frozen=True):
    """One step of the ladder."""

    after_days: int
    to: ThinTo


class Keep(msgspec.Struct, frozen=True):
    """How long a camera's recordings are kept; none: as long as there is room."""

    min_days: int = 0
    max_days: int | None = None
    max_bytes: int | None = None
    thin: tuple[Thin, ...] = ()


class CameraWish(msgspec.Struct, frozen=True):
    """One camera as it should run."""

    id: str
    streams: dict[StreamName, StreamSource]
    city: str = LOCAL_CITY
    name: str = ""
    enabled: bool = True
    # Privacy masks are set: its masked view is dark until masks can be drawn.
    masked: bool = False
    # How its streams are recorded; one that is absent is not.
    # Unset where nothing is recorded at all.
    record: dict[StreamName, StreamRecord] | msgspec.UnsetType = msgspec.UNSET
    keep: Keep | msgspec.UnsetType = msgspec.UNSET


class VerifyKey(msgspec.Struct, frozen=True):
    """A key that verifies signed addresses: Ed25519 in URL-safe base 64."""

    id: str
    public: str


class StreamKeyRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name and password of players or publishers, for all cameras, a city's or those named."""

    id: str
    secret: str
    city: str | None = None
    cameras: tuple[str, ...] | None = None
    # Seconds of UTC; 0 never runs out.
    expires_s: int = 0
    audio: bool = False
    # It may send what the cameras show, and view nothing.
    publish: bool = False

    def __repr__(self) -> str:
        return f"StreamKeyRule(id={self.id!r})"


class StreamLimits(msgspec.Struct, frozen=True):
    """Most streams at once; 0 is no limit."""

    stream: int = 0
    viewer: int = 0
    city: int = 0
    machine: int = 0


class AccessRules(msgspec.Struct, frozen=True):
    """Who may open streams."""

    node: str = ""
    keys: tuple[VerifyKey, ...] = ()
    stream_keys: tuple[StreamKeyRule, ...] = ()
    # Ids of those that play recordings too.
    playback_keys: tuple[str, ...] = ()
    limits: StreamLimits = StreamLimits()
    city_limits: dict[str, int] = {}


class Revocation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose running streams end: all that is given must match."""

    viewer: str | None = None
    session: str | None = None
    camera: str | None = None


class DesiredState(msgspec.Struct, frozen=True):
    """Everything that should run. A newer generation replaces the last as a whole."""

    generation: int
    cameras: tuple[CameraWish, ...]
    access: AccessRules = AccessRules()

    def digest(self) -> str:
        """Return SHA-256 of all but the generation: equal states have equal digests."""
        told = (sorted(self.cameras, key=lambda camera: camera.id), self.access)
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


class Applied(msgspec.Struct, frozen=True):
    """What applying a desired state did, as stream names."""

    generation: int
    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class TranscodeStatus(msgspec.Struct, frozen=True):
    """What it costs that viewers cannot take a camera's pictures."""

    viewers: int
    # A worker is at work.
    works: bool
    # Of one core.
    cpu_percent: float
    memory_bytes: int
    # From the camera's picture to what is made of it.
    delay_ms: int | None = None
    # Code of why it fails.
    failing: str | None = None


class PushStatus(msgspec.Struct, frozen=True):
    """Where a target stands that a stream is brought to."""

    # Host and port.
    target: str
    state: StreamState
    reason: Reason | None = None


class StreamStatus(msgspec.Struct, frozen=True):
    """How a stream is doing, now."""

    camera: str
    stream: StreamName
    state: StreamState
    reason: Reason | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float = 0.0
    bitrate: int = 0
    readers: int = 0
    drops: int = 0
    reconnects: int = 0
    clock_offset_ms: int | None = None
    since_utc_us: int = 0
    # The second address plays.
    backup: bool = False
    # Its pictures are converted for viewers who do not take them.
    transcode: TranscodeStatus | None = None
    # Where it is brought to.
    push: tuple[PushStatus, ...] = ()


class LogLine(msgspec.Struct, frozen=True):
    """A line that a part of the engine logs."""

    # ``debug``, ``info``, ``warning`` or ``error``.
    level: str
    # The module that says it, as Rust writes it.
    logger: str
    message: str
    fields: dict[str, str | int | bool] = {}


class Event(msgspec.Struct, frozen=True):
    """Something happened: ``stream_state``, ``recording``, ``gap``, ``volume``, ``talk_end``."""

    cursor: int
    utc_us: int
    kind: str
    # Empty for a volume.
    camera: str
    stream: StreamName | None
    # Of a stream's source.
    state: StreamState | None
    reason: Reason | None = None
    # What else the kind says: a gap's times, a volume's name and state, ``backup`` of a stream,
    # who talked, how long, and why it ended.
    values: EventValues = {}


class EventBatch(msgspec.Struct, frozen=True):
    """Events in order; ``reset`` says that some before them are gone."""

    epoch: str
    reset: bool
    events: tuple[Event, ...]


class Description(msgspec.Struct, frozen=True):
    """Who a media process is and what it holds."""

    engine_version: str
    epoch: str
    generation: int
    digest: str
    addresses: Addresses
    cursor: int
