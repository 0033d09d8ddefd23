"""The one settings model: every key, its type, its bounds and why it is there.

The reference page and the example file are made from it, so a description
here is what an operator reads.
"""

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vms.common import is_file
from vms.config.texts import (
    Address,
    CameraIdText,
    CameraUrl,
    DatabaseUrl,
    FilePathText,
    FolderPath,
    HttpsAddress,
    IceUrl,
    ListenAddress,
    Network,
    Port,
    PushUrl,
    StoreUrl,
)


class Section(BaseModel):
    """Base of every section: frozen, and it refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Api(Section):
    """The front: the one origin of web client, API and WHEP."""

    host: Address = Field("127.0.0.1", description="Address the front listens on.")
    port: Port = Field(8000, description="TCP port of the front; 0 picks a free one.")
    workers: int = Field(
        1, ge=1, le=16, description="API processes behind the front; packets never pass them."
    )
    trusted_proxies: tuple[Network, ...] = Field(
        (),
        max_length=64,
        description="Networks of your own proxies, as CIDRs, whose X-Forwarded-For or Forwarded "
        "is believed: limits, locks and the audit then know the client. Empty: none.",
    )


class Tls(Section):
    """TLS 1.3, HTTP/2 and HTTP/3 of the front and of the ports of WHEP and HLS."""

    mode: Literal["auto", "on", "off"] = Field(
        "auto",
        description="auto: on for each of the two listeners that is not on loopback; on, off.",
    )
    certificate: FilePathText = Field(
        "",
        description="Your own certificate chain, a PEM file, read again when it changes. "
        "Empty: one is made and kept in DATA/tls.",
    )
    key: FilePathText = Field("", description="Its private key, a PEM file.")
    behind_proxy: bool = Field(
        False,
        description="Your own proxy in front speaks TLS to clients; only then TLS may be off "
        "on a listener that is not on loopback.",
    )
    http3: bool = Field(
        True,
        description="HTTP/3 too, by UDP on the port that front and HLS have by TCP, where they "
        "speak TLS and no proxy is in front.",
    )

    @model_validator(mode="after")
    def _a_pair(self) -> "Tls":
        if bool(self.certificate) != bool(self.key):
            raise ValueError("certificate and key are given together, or neither is")
        return self


class Rtsp(Section):
    """The RTSP server for players and other systems."""

    host: Address = Field("127.0.0.1", description="Address the RTSP server listens on.")
    port: Port = Field(8554, description="TCP port of the RTSP server; 0 picks a free one.")


class Rtmp(Section):
    """RTMP: the port that cameras and encoders call to publish."""

    host: Address = Field("127.0.0.1", description="Address the RTMP port listens on.")
    port: Port = Field(1935, description="TCP port of RTMP; 0 picks a free one.")


class Srt(Section):
    """SRT: the port that publishers call, and players for any stream."""

    host: Address = Field("127.0.0.1", description="Address the SRT port listens on.")
    port: Port = Field(8890, description="UDP port of SRT; 0 picks a free one.")
    latency_ms: int = Field(
        20,
        ge=20,
        le=8_000,
        description="How long lost packets are waited for, milliseconds; who calls may want more. "
        "Three or four times the round trip: 20 suits a local network, 120 the Internet.",
    )


class WebRtc(Section):
    """WebRTC: the players' own WHEP port and the UDP sockets all viewers share."""

    host: Address = Field("127.0.0.1", description="Address the WHEP port listens on.")
    port: Port = Field(8889, description="TCP port for WHEP; 0 picks a free one.")
    udp_hosts: tuple[Address, ...] = Field(
        ("127.0.0.1",),
        min_length=1,
        max_length=8,
        description="Addresses of the UDP sockets, IPv4 or IPv6; browsers must reach one of them.",
    )
    udp_port: Port = Field(
        8189,
        description="Port of all viewers by UDP, and by TCP where no UDP gets through; 0: free.",
    )
    ice_servers: tuple[IceUrl, ...] = Field(
        (),
        max_length=8,
        description="STUN and TURN servers that browsers are told of: stun:HOST[:PORT], "
        "turn:HOST[:PORT][?transport=udp|tcp] and the same as stuns: and turns:.",
    )
    turn_secret_file: FilePathText = Field(
        "",
        description="File with the secret alone that the TURN servers share with us, absolute "
        "(coturn: static-auth-secret).",
    )
    turn_lifetime_s: int = Field(
        43_200,
        ge=300,
        le=86_400,
        description="So long a password that a viewer gets for the TURN servers is good, seconds.",
    )

    @model_validator(mode="after")
    def _turn_has_a_secret(self) -> Self:
        if any(url.startswith("turn") for url in self.ice_servers) and not self.turn_secret_file:
            raise ValueError("turn servers in ice_servers need turn_secret_file")
        return self


class Hls(Section):
    """HLS: the port of players that know nothing but HTTP."""

    host: Address = Field("127.0.0.1", description="Address the HLS port listens on.")
    port: Port = Field(8888, description="TCP port for HLS; 0 picks a free one.")


class Source(Section):
    """Where cameras may be, and how one that went away is called again."""

    allowed_networks: tuple[Network, ...] = Field(
        (),
        max_length=64,
        description="Networks that cameras may be in, as CIDRs; empty: any. Metadata services of "
        "clouds are never called.",
    )
    media_dir: FilePathText = Field(
        "",
        description="Folder of the files that cameras with the address file:NAME play, absolute. "
        "Empty: such addresses are refused.",
    )
    backoff_min_ms: int = Field(
        1_000, ge=10, le=600_000, description="First pause before a new call, milliseconds."
    )
    backoff_max_ms: int = Field(
        30_000, ge=10, le=600_000, description="Longest pause between calls, milliseconds."
    )
    no_video_ms: int = Field(
        5_000,
        ge=500,
        le=600_000,
        description="A stream without video for so long is down, milliseconds.",
    )
    linger_ms: int = Field(
        10_000,
        ge=0,
        le=3_600_000,
        description="How long a stream on demand stays open after its last viewer, milliseconds.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Source":
        if self.backoff_max_ms < self.backoff_min_ms:
            raise ValueError(
                f"backoff_max_ms ({self.backoff_max_ms}) must be at least "
                f"backoff_min_ms ({self.backoff_min_ms})"
            )
        return self


class HubMemory(Section):
    """The last group of pictures of each stream, kept for viewers who join."""

    stream_bytes: int = Field(
        8 << 20, ge=256 << 10, le=256 << 20, description="Most memory a stream may hold, bytes."
    )
    seconds: int = Field(10, ge=1, le=120, description="Longest time a stream holds, seconds.")
    process_bytes: int = Field(
        2 << 30,
        ge=16 << 20,
        le=1 << 40,
        description="Most memory all streams together may hold, bytes.",
    )


class Streams(Section):
    """How many streams may be watched at once; a city's own limit is in its plan."""

    most: int = Field(0, ge=0, description="Most streams of the whole machine; 0 is no limit.")
    most_of_a_stream: int = Field(0, ge=0, description="Most viewers of one stream; 0 is no limit.")
    most_of_a_viewer: int = Field(0, ge=0, description="Most streams of one viewer; 0 is no limit.")
    max_transcodes: int | None = Field(
        None,
        ge=0,
        le=64,
        description="Most cameras whose pictures are converted to H.264 at once, for viewers that "
        "cannot take the camera's own; 0 is none. Unset: one for every two cores.",
    )


class Volume(Section):
    """A folder that is recorded to."""

    path: FolderPath = Field(description="The folder, absolute.")
    max_bytes: int | None = Field(
        None, ge=1 << 30, description="Most that recordings may take there; none: all but the rest."
    )


def _volume(value: object) -> object:
    """Return a folder's own table where only its path was given."""
    return {"path": value} if isinstance(value, str) else value


VolumeEntry = Annotated[Volume, BeforeValidator(_volume)]


class S3Store(Section):
    """A bucket of an S3 store, as a volume that recordings are moved to, never recorded to."""

    name: str = Field(
        pattern=r"^[a-zA-Z0-9_.-]{1,63}$", description="What tiers call it, and disks are told as."
    )
    endpoint: StoreUrl = Field(description="https://HOST[:PORT] of the store.")
    bucket: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="An existing bucket."
    )
    prefix: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9_./-]{0,200}$",
        description="Before the name of each object; another one for each installation.",
    )
    region: str = Field(
        "us-east-1", pattern=r"^[a-z0-9-]{1,64}$", description="Part of each signature."
    )
    access_key_file: FolderPath = Field(description="File with the access key alone, absolute.")
    secret_key_file: FolderPath = Field(description="File with the secret key alone, absolute.")
    ca_file: FilePathText = Field(
        "",
        description="PEM file of who signs the store's certificate. Empty: whom the system trusts.",
    )
    virtual_hosted: bool = Field(
        False, description="True: the bucket stands in the host's name, not in the path."
    )
    max_bytes: int = Field(
        0, ge=0, le=1 << 53, description="Most that recordings may take there; 0 is no limit."
    )


class Tier(Section):
    """Recordings of every camera move on when they are older than that."""

    after_hours: int = Field(
        ge=0,
        le=876_000,
        description="Hours from the end of a recorded hour on; 0: as soon as it is sealed.",
    )
    volume: str = Field(
        min_length=1, description="A folder of `volumes`, as it stands there, or a name of `s3`."
    )


class Recording(Section):
    """What cameras send is kept on these disks."""

    enabled: bool = Field(True, description="False records nothing; `vms up --no-record` too.")
    volumes: tuple[VolumeEntry, ...] = Field(
        (),
        max_length=64,
        description="Folders that are recorded to, absolute, each best a disk of its own. "
        'Where one is to hold less: `{ path = "/mnt/disk1", max_bytes = 2000000000000 }`. '
        "Empty: DATA/recordings.",
    )
    reserve_bytes: int = Field(
        2 << 30,
        ge=1 << 20,
        le=1 << 50,
        description="What stays free on each of these disks, bytes.",
    )
    encrypt: str = Field(
        "",
        pattern=r"^[a-z0-9_-]{0,32}$",
        description="Name of the key that new recordings are encrypted with, made in DATA/keys "
        "where it is not there. Empty: they are not encrypted.",
    )
    ledgers: FilePathText = Field(
        "",
        description="Folder of the second copy of each camera's ledger, best on another disk. "
        "Empty: DATA/ledgers.",
    )
    s3: tuple[S3Store, ...] = Field(
        (), max_length=16, description="S3 stores, one [[recording.s3]] table each."
    )
    tiers: tuple[Tier, ...] = Field(
        (),
        max_length=8,
        description="Where recordings go that grow old, one [[recording.tiers]] table a step.",
    )

    @model_validator(mode="after")
    def _tiers_lead_somewhere(self) -> "Recording":
        names = [store.name for store in self.s3]
        folders = [volume.path for volume in self.volumes]
        if len({*names}) < len(names):
            raise ValueError("recording.s3: a name is given twice")
        for tier in self.tiers:
            if tier.volume not in (*folders, *names):
                raise ValueError(
                    f"recording.tiers: {tier.volume!r} is neither a folder of recording.volumes "
                    "nor a name of recording.s3"
                )
        return self


class Database(Section):
    """Where people, cameras and everything else that is not video is kept."""

    url: DatabaseUrl = Field(
        "",
        description="Empty: SQLite in DATA/vms.db. Else postgresql://USER:PASSWORD@HOST/NAME.",
    )
    threads: int = Field(
        4, ge=1, le=64, description="Database threads, and so connections, of each process."
    )


class Nodes(Section):
    """Other machines that join this installation."""

    listen: ListenAddress = Field(
        "",
        description="ADDRESS:PORT where machines that have joined renew their certificates, by "
        "mutual TLS; empty: none can join.",
    )
    address: HttpsAddress = Field(
        "",
        description="How other machines call this one, https://HOST:PORT; empty: by api.host and "
        "api.port.",
    )


class Log(Section):
    """Logs on standard error. Secrets are taken out of every line."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is logged."
    )
    format: Literal["auto", "human", "json"] = Field(
        "auto", description="JSON, or lines for people; auto: lines on a terminal, else JSON."
    )


class Camera(Section):
    """One camera. Its streams are ID/main and, with sub_url, ID/sub."""

    id: CameraIdText = Field(
        description="Opaque id: a-z, 0-9, _ and -, at most 63; not main, sub, playback or api."
    )
    name: str = Field("", max_length=120, description="What people call it; empty: the id.")
    url: CameraUrl = Field(
        description="Main stream: rtsp://USER:PASSWORD@HOST/PATH, another protocol, file:NAME, or "
        "publish: where the camera calls."
    )
    sub_url: CameraUrl | None = Field(
        None, description="Sub-stream, the small picture of walls; absent: none."
    )
    backup_url: CameraUrl | None = Field(
        None, description="Second address of the main stream, for when the first gives no video."
    )
    backup_sub_url: CameraUrl | None = Field(None, description="Second address of the sub-stream.")
    transport: Literal["tcp", "udp"] | None = Field(
        None, description="How RTP travels; absent: the engine chooses."
    )
    on_demand: bool | None = Field(
        None,
        description="True: called only while somebody views it or it is recorded; absent: where "
        "the address is another node's.",
    )
    push: tuple[PushUrl, ...] = Field(
        (),
        max_length=8,
        description="Where the main stream is brought to: srt://HOST:PORT, with streamid, latency "
        "and passphrase behind a ?.",
    )
    sub_push: tuple[PushUrl, ...] = Field(
        (), max_length=8, description="The same of the sub-stream."
    )
    enabled: bool = Field(True, description="False keeps the camera but does not call it.")

    @model_validator(mode="after")
    def _sub_push_has_a_stream(self) -> "Camera":
        if self.sub_push and self.sub_url is None:
            raise ValueError("sub_push needs a sub_url: there is no sub-stream")
        return self


class Settings(BaseSettings):
    """Every setting of an installation."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="VMS_",
        env_nested_delimiter="__",
        validate_default=True,
    )

    api: Api = Field(default_factory=Api)
    tls: Tls = Field(default_factory=Tls)
    rtsp: Rtsp = Field(default_factory=Rtsp)
    webrtc: WebRtc = Field(default_factory=WebRtc)
    rtmp: Rtmp = Field(default_factory=Rtmp)
    srt: Srt = Field(default_factory=Srt)
    hls: Hls = Field(default_factory=Hls)
    source: Source = Field(default_factory=Source)
    hub: HubMemory = Field(default_factory=HubMemory)
    streams: Streams = Field(default_factory=Streams)
    recording: Recording = Field(default_factory=Recording)
    database: Database = Field(default_factory=Database)
    nodes: Nodes = Field(default_factory=Nodes)
    log: Log = Field(default_factory=Log)
    cameras: tuple[Camera, ...] = Field(
        (), max_length=10_000, description="Cameras, one [[cameras]] table each."
    )

    @model_validator(mode="after")
    def _one_id_one_camera(self) -> "Settings":
        seen: set[str] = set()
        for camera in self.cameras:
            if camera.id in seen:
                raise ValueError(f"camera id {camera.id!r} is given twice")
            seen.add(camera.id)
        return self

    @model_validator(mode="after")
    def _files_have_a_folder(self) -> "Settings":
        for camera in self.cameras:
            addresses = (camera.url, camera.sub_url, camera.backup_url, camera.backup_sub_url)
            if not self.source.media_dir and any(one and is_file(one) for one in addresses):
                raise ValueError(
                    f"camera {camera.id!r} plays a file: name the folder of the files in "
                    "source.media_dir"
                )
        return self

    @model_validator(mode="after")
    def _nothing_in_the_open(self) -> "Settings":
        if self.tls.mode == "off" and not self.tls.behind_proxy:
            for key, host in (
                ("api.host", self.api.host),
                ("webrtc.host", self.webrtc.host),
                ("hls.host", self.hls.host),
            ):
                if not ip_address(host).is_loopback:
                    raise ValueError(
                        f"tls.mode = off with {key} = {host}: passwords and tokens would cross the "
                        "net in the open; leave tls.mode at auto, or set tls.behind_proxy where "
                        "your own proxy speaks TLS"
                    )
        return self


SECTIONS: tuple[tuple[str, type[Section]], ...] = (
    ("api", Api),
    ("tls", Tls),
    ("rtsp", Rtsp),
    ("rtmp", Rtmp),
    ("srt", Srt),
    ("webrtc", WebRtc),
    ("hls", Hls),
    ("source", Source),
    ("hub", HubMemory),
    ("streams", Streams),
    ("recording", Recording),
    ("database", Database),
    ("nodes", Nodes),
    ("log", Log),
)

# Tables within sections, each of which there may be several.
TABLES: dict[str, tuple[tuple[str, type[Section]], ...]] = {
    "recording": (("s3", S3Store), ("tiers", Tier)),
}
