"""The media process: the engine, steered over gRPC.

It brings back what it ran last before anybody asks, so that video flows with
the API down.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import sys
from pathlib import Path

from vms.common import Clock, SystemClock, VmsError
from vms.engine import (
    EncryptConfig,
    EngineConfig,
    FrontConfig,
    HlsConfig,
    Journal,
    MediaService,
    NodeConfig,
    RecordingConfig,
    RingConfig,
    RtmpConfig,
    RtspConfig,
    S3Config,
    SnapshotStore,
    SrtConfig,
    TierConfig,
    TlsConfig,
    VolumeConfig,
    WebRtcConfig,
    serve,
    serve_far,
)
from vms.engine.native import NativeEngine, NativeLogs
from vms.proto import Launch, S3Settings, TierSettings, VolumeSettings, WebRtcSettings
from vms.services import certificate, child, tls
from vms.services.paths import api_socket, far_socket, frames_socket, media_socket
from vms.services.transcodes import TranscodeSteward
from vms.telemetry import get_logger
from vms.trust import IdentityFile, Member, speaks_tls

log = get_logger("vms.services.media")

GRACE_S = 0.3
# What the catalogue keeps of a volume's name, characters.
LONGEST_VOLUME_NAME = 63
CERTIFICATE_LOOK_S = 12 * 3600.0


def engine_config(launch: Launch) -> EngineConfig:
    """Return what the engine is started with."""
    webrtc = launch.webrtc
    udp_port = webrtc.udp_port or _udp_port_for_all(webrtc)
    return EngineConfig(
        front=FrontConfig(
            bind=bind_text(launch.api.host, launch.api.port),
            api_socket=str(api_socket(Path(launch.data))),
            open=launch.open,
            tls=tls_config(launch),
            behind_proxy=launch.tls.behind_proxy,
        ),
        rtsp=RtspConfig(bind_text(launch.rtsp.host, launch.rtsp.port)),
        webrtc=WebRtcConfig(
            http_bind=bind_text(webrtc.host, webrtc.port),
            udp_bind=tuple(bind_text(host, udp_port) for host in webrtc.udp_hosts),
        ),
        rtmp=RtmpConfig(bind_text(launch.rtmp.host, launch.rtmp.port)),
        srt=SrtConfig(bind_text(launch.srt.host, launch.srt.port), launch.srt.latency_ms),
        hls=HlsConfig(bind_text(launch.hls.host, launch.hls.port)),
        backoff_ms=(launch.source.backoff_min_ms, launch.source.backoff_max_ms),
        no_video_ms=launch.source.no_video_ms,
        linger_ms=launch.source.linger_ms,
        ring=RingConfig(launch.hub.stream_bytes, launch.hub.seconds, launch.hub.process_bytes),
        allowed_networks=launch.source.allowed_networks or None,
        media_dir=launch.source.media_dir or None,
        frames_socket=str(frames_socket(Path(launch.data))),
        max_transcodes=max_transcodes(launch.streams.max_transcodes),
        node=node_config(Path(launch.data)),
        recording=recording_config(launch),
    )


def node_config(data: Path) -> NodeConfig:
    """Return where it stands who this machine is, or will, when it joins."""
    file = IdentityFile(data)
    return NodeConfig(str(file.path), str(file.authority))


def max_transcodes(told: int | None) -> int:
    """Return how many cameras are transcoded at once: each takes most of a core at worst."""
    return max(1, (os.cpu_count() or 1) // 2) if told is None else told


def recording_config(launch: Launch) -> RecordingConfig | None:
    """Return where is recorded; nothing where that is off, or where nothing is kept."""
    told, data = launch.recording, Path(launch.data)
    if not told.enabled or launch.open:
        return None
    volumes = told.volumes or (VolumeSettings(str(data / "recordings")),)
    return RecordingConfig(
        volumes=tuple(
            VolumeConfig(_volume_name(Path(one.path)), one.path, told.reserve_bytes, one.max_bytes)
            for one in volumes
        ),
        keys=str(data / "keys"),
        ledger_copies=told.ledgers or str(data / "ledgers"),
        encrypt=EncryptConfig(told.encrypt) if told.encrypt else None,
        s3=tuple(_s3_config(store) for store in told.s3),
        s3_cache=str(data / "s3") if told.s3 else None,
        tiers=tuple(_tier_config(tier, volumes) for tier in told.tiers),
    )


def _s3_config(told: S3Settings) -> S3Config:
    return S3Config(
        name=told.name,
        endpoint=told.endpoint,
        bucket=told.bucket,
        prefix=told.prefix,
        region=told.region,
        access_key_file=told.access_key_file,
        secret_key_file=told.secret_key_file,
        ca_file=told.ca_file or None,
        virtual_hosted=told.virtual_hosted,
        max_bytes=told.max_bytes or None,
    )


def _tier_config(told: TierSettings, volumes: tuple[VolumeSettings, ...]) -> TierConfig:
    is_folder = any(told.volume == one.path for one in volumes)
    return TierConfig(
        told.after_hours, _volume_name(Path(told.volume)) if is_folder else told.volume
    )


def _volume_name(folder: Path) -> str:
    """Return a name that stays with the folder, whatever its place in the list.

    The catalogue keeps it: a long one is told by its end and a hash of the whole.
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "_-.") else "-" for c in str(folder))
    if len(plain) > LONGEST_VOLUME_NAME:
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
        plain = f"{plain[-(LONGEST_VOLUME_NAME - 9) :]}-{digest}"
    return plain.strip("-") or "root"


def tls_config(launch: Launch) -> TlsConfig | None:
    """Return what listeners that speak TLS are given, or nothing where none does."""
    pair = tls.pair_of(launch)
    if pair is None:
        return None
    return TlsConfig(
        certificate=str(pair.certificate),
        key=str(pair.key),
        origin=speaks_tls(launch.tls, launch.api.host),
        players=speaks_tls(launch.tls, launch.webrtc.host),
        hls=speaks_tls(launch.tls, launch.hls.host),
        # A browser would keep people from going on past its warning.
        strict_transport=not pair.self_made,
        http3=launch.tls.http3,
    )


def bind_text(host: str, port: int) -> str:
    """Return ``host:port`` as the engine reads it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _udp_port_for_all(webrtc: WebRtcSettings) -> int:
    """Return 0 for one address; for several, a port that is free on each of them."""
    if len(webrtc.udp_hosts) == 1:
        return 0
    with contextlib.ExitStack() as stack:
        port = 0
        for host in webrtc.udp_hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            probe = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            probe.bind((host, port))
            port = int(probe.getsockname()[1])
    return port


async def keep_certificate(launch: Launch, clock: Clock) -> None:
    """Renew the certificate in time, for ever; the front notices by itself."""
    while True:
        await asyncio.sleep(CERTIFICATE_LOOK_S)
        try:
            await asyncio.to_thread(certificate.look_after, launch, clock)
        except (OSError, VmsError) as error:
            log.error("certificate_not_renewed", detail=str(error))  # noqa: TRY400


async def listen_far(
    launch: Launch, service: MediaService, clock: Clock, stack: contextlib.AsyncExitStack
) -> Member:
    """Answer other nodes too, while the stack is open; returns this machine among them."""
    data = Path(launch.data)
    member = Member(data, clock)
    server, port = await serve_far(
        service,
        launch.control_listen,
        far_socket(data),
        member.identity,
        member.is_removed,
        clock,
    )
    stack.push_async_callback(server.stop, GRACE_S)
    log.info("control_ready", node=member.identity().peer.name, port=port)
    return member


async def run(launch: Launch, post: child.Post) -> None:
    """Serve until told to stop."""
    data = Path(launch.data)
    stop = child.stop_signal()
    clock = SystemClock()
    certificate.look_after(launch, clock)
    logs = NativeLogs(launch.log.level)
    engine = NativeEngine(engine_config(launch))
    service = MediaService(engine, SnapshotStore(data / "media"), Journal(secrets.token_hex(8)))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(logs.write)
        stack.push_async_callback(engine.stop)
        addresses = await service.start()
        server = await serve(service, media_socket(data))
        stack.push_async_callback(server.stop, GRACE_S)
        more = []
        if launch.control_listen:
            more.append((await listen_far(launch, service, clock, stack)).run())
        transcodes = TranscodeSteward(frames_socket(data))
        more += [logs.run(), keep_certificate(launch, clock), transcodes.run()]
        tasks = [asyncio.create_task(one) for one in (service.record_events(), *more)]
        for task in tasks:
            stack.callback(task.cancel)
        post.ready(
            {
                "front": addresses.front,
                "rtsp": addresses.rtsp,
                "webrtc": addresses.webrtc,
                "hls": addresses.hls,
                "webrtc_udp": ",".join(addresses.webrtc_udp),
                "rtmp": addresses.rtmp,
                "srt": addresses.srt,
            }
        )
        log.info("media_ready", front=addresses.front, rtsp=addresses.rtsp)
        await child.until(stop, *tasks)
    log.info("media_stopped")


if __name__ == "__main__":
    sys.exit(child.main("media", Launch, lambda launch: launch.log, run))
