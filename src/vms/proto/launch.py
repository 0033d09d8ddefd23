"""What a process is told when it is started: settings that are already checked.

A parent writes one of these as JSON on the child's standard input, so that no
secret stands on a command line or in an environment. They are plain on
purpose: the media process reads them without loading the settings model.
"""

from ipaddress import ip_address
from typing import Literal

import msgspec

Transport = Literal["tcp", "udp"]


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every launch message: frozen, and strict about its fields."""


class CameraEntry(Message, frozen=True):
    """One camera of the settings."""

    id: str
    url: str
    name: str = ""
    sub_url: str | None = None
    backup_url: str | None = None
    backup_sub_url: str | None = None
    transport: Transport | None = None
    on_demand: bool | None = None
    push: tuple[str, ...] = ()
    sub_push: tuple[str, ...] = ()
    enabled: bool = True


class ApiSettings(Message, frozen=True):
    """The front's listener and the workers behind it."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    # Networks of proxies whose word for where a client is counts.
    trusted_proxies: tuple[str, ...] = ()


class TlsSettings(Message, frozen=True):
    """TLS of the front and of the ports of WHEP and HLS."""

    mode: Literal["auto", "on", "off"] = "auto"
    certificate: str = ""
    key: str = ""
    behind_proxy: bool = False
    http3: bool = True


class RtspSettings(Message, frozen=True):
    """The RTSP listener."""

    host: str = "127.0.0.1"
    port: int = 8554


class RtmpSettings(Message, frozen=True):
    """The port that publishers call by RTMP."""

    host: str = "127.0.0.1"
    port: int = 1935


class SrtSettings(Message, frozen=True):
    """The port that publishers and players call by SRT."""

    host: str = "127.0.0.1"
    port: int = 8890
    latency_ms: int = 20


class WebRtcSettings(Message, frozen=True):
    """The WHEP listener and the UDP sockets of all viewers."""

    host: str = "127.0.0.1"
    port: int = 8889
    udp_hosts: tuple[str, ...] = ("127.0.0.1",)
    udp_port: int = 8189
    # stun: and turn: URIs for browsers.
    ice_servers: tuple[str, ...] = ()
    # Absolute; empty where there is no TURN server.
    turn_secret_file: str = ""
    turn_lifetime_s: int = 43_200


class HlsSettings(Message, frozen=True):
    """The HLS listener."""

    host: str = "127.0.0.1"
    port: int = 8888


class SourceSettings(Message, frozen=True):
    """Where cameras may be, and how they are called again."""

    # CIDRs; none: anywhere.
    allowed_networks: tuple[str, ...] = ()
    # Folder of what file: addresses name; empty: they are refused.
    media_dir: str = ""
    backoff_min_ms: int = 1_000
    backoff_max_ms: int = 30_000
    no_video_ms: int = 5_000
    linger_ms: int = 10_000


class HubSettings(Message, frozen=True):
    """How much video is kept in memory for those who join."""

    stream_bytes: int = 8 << 20
    seconds: int = 10
    process_bytes: int = 2 << 30


class DatabaseSettings(Message, frozen=True):
    """Where the database is; an empty address is SQLite in the data folder."""

    url: str = ""
    threads: int = 4


class NodesSettings(Message, frozen=True):
    """Where machines that have joined renew their certificates, and where others join."""

    # HOST:PORT; empty: nowhere.
    listen: str = ""
    # https://HOST:PORT; empty: the front's own.
    address: str = ""


class StreamSettings(Message, frozen=True):
    """Most streams open at once; 0 is no limit."""

    most: int = 0
    most_of_a_stream: int = 0
    most_of_a_viewer: int = 0
    # Cameras whose pictures are transcoded at once; None: by the cores of the machine.
    max_transcodes: int | None = None


class VolumeSettings(Message, frozen=True):
    """A folder that is recorded to."""

    # Absolute.
    path: str
    # None: all but the reserve.
    max_bytes: int | None = None


class S3Settings(Message, frozen=True):
    """A bucket that recordings are moved to. Its keys stand in files, and nowhere else."""

    name: str
    endpoint: str
    bucket: str
    access_key_file: str
    secret_key_file: str
    prefix: str = ""
    region: str = "us-east-1"
    # Empty: whom the system trusts.
    ca_file: str = ""
    virtual_hosted: bool = False
    # 0: no limit.
    max_bytes: int = 0


class TierSettings(Message, frozen=True):
    """Where recordings go that are older than that: a folder, or a bucket's name."""

    after_hours: int
    volume: str


class RecordingSettings(Message, frozen=True):
    """Whether cameras are recorded, and where."""

    enabled: bool = True
    # None: DATA/recordings.
    volumes: tuple[VolumeSettings, ...] = ()
    reserve_bytes: int = 2 << 30
    # Name of a key; empty: not encrypted.
    encrypt: str = ""
    # Folder of the ledgers' second copies; empty: DATA/ledgers.
    ledgers: str = ""
    s3: tuple[S3Settings, ...] = ()
    tiers: tuple[TierSettings, ...] = ()


class LogSettings(Message, frozen=True):
    """What is logged and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "human", "json"] = "auto"


class Launch(Message, frozen=True):
    """The settings of one installation, checked and complete."""

    data: str
    open: bool = False
    api: ApiSettings = ApiSettings()
    tls: TlsSettings = TlsSettings()
    rtsp: RtspSettings = RtspSettings()
    webrtc: WebRtcSettings = WebRtcSettings()
    rtmp: RtmpSettings = RtmpSettings()
    srt: SrtSettings = SrtSettings()
    hls: HlsSettings = HlsSettings()
    source: SourceSettings = SourceSettings()
    hub: HubSettings = HubSettings()
    streams: StreamSettings = StreamSettings()
    database: DatabaseSettings = DatabaseSettings()
    nodes: NodesSettings = NodesSettings()
    recording: RecordingSettings = RecordingSettings()
    log: LogSettings = LogSettings()
    cameras: tuple[CameraEntry, ...] = ()
    # HOST:PORT where the media process answers other nodes; empty: its Unix socket alone.
    control_listen: str = ""

    def far_listeners(self) -> list[tuple[str, str]]:
        """Return keys and addresses of the listeners that other machines can reach."""
        hosts = [
            ("api.host", self.api.host),
            ("rtsp.host", self.rtsp.host),
            ("webrtc.host", self.webrtc.host),
            ("rtmp.host", self.rtmp.host),
            ("srt.host", self.srt.host),
            *(("webrtc.udp_hosts", host) for host in self.webrtc.udp_hosts),
            ("hls.host", self.hls.host),
        ]
        for key, at in (
            ("nodes.listen", self.nodes.listen),
            ("--control-listen", self.control_listen),
        ):
            if at:
                hosts.append((key, at.rpartition(":")[0].strip("[]")))
        return [(key, host) for key, host in hosts if not ip_address(host).is_loopback]


class SimulatorLaunch(Message, frozen=True):
    """A farm of simulated cameras; the scenes exist already."""

    main: str
    sub: str
    host: str = "127.0.0.1"
    port: int = 0
    cameras: int = 6
    main_fps: float = 25.0
    sub_fps: float = 25.0
    audio: bool = False
    user: str | None = None
    password: str | None = None
    # (camera counted from 1, fault such as drop:5), put on at the start.
    faults: tuple[tuple[int, str], ...] = ()
    log: LogSettings = LogSettings()


class Announcement(Message, frozen=True):
    """How readiness is told on standard output.

    ``text`` holds ``{name}`` places for addresses; the words are chosen by the
    command line, which knows the language.
    """

    text: str = ""
    # Said too where the certificate was made here: with its {fingerprint}.
    certificate: str = ""
    # Said too while there is no admin.
    setup: str = ""
    # Said of each person of a demonstration: one line with {login}, {password} and {secret}.
    person: str = ""
    json: bool = False


class ApiLaunch(Message, frozen=True):
    """One API worker."""

    launch: Launch
    worker: int = 0
    # The same in all workers: a cursor that one gave is read by another.
    cursor_key: bytes = b""


class SupervisorLaunch(Message, frozen=True):
    """The whole tree, with simulated cameras where asked."""

    launch: Launch
    announcement: Announcement = Announcement()
    simulator: SimulatorLaunch | None = None
    # Make one user a role and tell how they sign in.
    demo: bool = False


class SimulateLaunch(Message, frozen=True):
    """A farm in the foreground."""

    simulator: SimulatorLaunch
    announcement: Announcement = Announcement()
