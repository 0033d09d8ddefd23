"""From orders to what processes are started with."""

import socket
from pathlib import Path

import msgspec
import pytest

from vms.common import InternalError, UnavailableError, VmsError
from vms.engine import EngineConfig
from vms.proto import (
    Failed,
    HlsSettings,
    Launch,
    Ready,
    SimulatorLaunch,
    SourceSettings,
    TlsSettings,
    WebRtcSettings,
)
from vms.services import simulator, supervisor
from vms.services.tree import Child, Role

READY = Ready(
    {
        "front": "127.0.0.1:1001",
        "rtsp": "127.0.0.1:1002",
        "webrtc": "[::1]:1003",
        "webrtc_udp": "127.0.0.1:1004,[::1]:1004",
        "rtmp": "127.0.0.1:1005",
        "srt": "127.0.0.1:1006",
        "hls": "127.0.0.1:1007",
    }
)


def test_ports_that_were_picked_are_kept() -> None:
    launch = supervisor.keep_ports(Launch(data="/data"), READY)
    assert (launch.api.port, launch.rtsp.port) == (1001, 1002)
    assert (launch.webrtc.port, launch.webrtc.udp_port, launch.hls.port) == (1003, 1004, 1007)


def test_addresses_are_those_scripts_use() -> None:
    assert supervisor.public_addresses(Launch(data="/data"), READY) == {
        "api": "http://127.0.0.1:1001",
        "rtsp": "rtsp://127.0.0.1:1002",
        "webrtc": "http://[::1]:1003",
        "rtmp": "rtmp://127.0.0.1:1005",
        "srt": "srt://127.0.0.1:1006",
        "hls": "http://127.0.0.1:1007",
    }
    far = Launch(data="/data", webrtc=WebRtcSettings(host="::"))
    addresses = supervisor.public_addresses(far, READY)
    assert (addresses["api"], addresses["webrtc"]) == (
        "http://127.0.0.1:1001",
        "https://[::1]:1003",
    )


def test_run_json_is_exactly_what_was_promised() -> None:
    file = supervisor.RunFile(
        supervisor.Pids(1, [2]),
        {
            "api": "http://127.0.0.1:8000",
            "rtsp": "rtsp://127.0.0.1:8554",
            "webrtc": "http://127.0.0.1:8889",
        },
    )
    assert msgspec.json.decode(msgspec.json.encode(file)) == {
        "pids": {"media": 1, "api": [2]},
        "addresses": {
            "api": "http://127.0.0.1:8000",
            "rtsp": "rtsp://127.0.0.1:8554",
            "webrtc": "http://127.0.0.1:8889",
        },
    }


def test_simulated_cameras_carry_the_login_of_their_farm() -> None:
    farm = SimulatorLaunch(main="m", sub="s", cameras=2, user="u", password="p")
    cameras = supervisor.simulated(farm, "127.0.0.1:9")
    assert [camera.id for camera in cameras] == ["cam1", "cam2"]
    assert cameras[1].url == "rtsp://u:p@127.0.0.1:9/cam2"
    assert cameras[1].sub_url == "rtsp://u:p@127.0.0.1:9/cam2/sub"
    assert (
        supervisor.simulated(SimulatorLaunch(main="m", sub="s"), "h:9")[0].url == "rtsp://h:9/cam1"
    )


@pytest.mark.engine
def test_the_engine_gets_every_setting(tmp_path: Path) -> None:
    media = pytest.importorskip("vms.services.media")
    webrtc = WebRtcSettings(udp_hosts=("127.0.0.1", "::1"))
    config: EngineConfig = media.engine_config(Launch(data=str(tmp_path), open=True, webrtc=webrtc))
    assert config.front.bind == "127.0.0.1:8000"
    assert config.front.api_socket == str(tmp_path / "run" / "api.sock")
    assert config.front.open
    assert config.webrtc.udp_bind == ("127.0.0.1:8189", "[::1]:8189")
    assert (config.backoff_ms, config.no_video_ms) == ((1000, 30000), 5000)
    assert config.linger_ms == 10_000
    assert config.allowed_networks is None
    near = Launch(data=str(tmp_path), source=SourceSettings(allowed_networks=("10.0.0.0/8",)))
    assert media.engine_config(near).allowed_networks == ("10.0.0.0/8",)
    assert config.media_dir is None
    files = Launch(data=str(tmp_path), source=SourceSettings(media_dir="/srv/media"))
    assert media.engine_config(files).media_dir == "/srv/media"


@pytest.mark.engine
def test_each_listener_speaks_tls_for_itself(tmp_path: Path) -> None:
    media = pytest.importorskip("vms.services.media")
    data = str(tmp_path)
    assert media.tls_config(Launch(data=data)) is None
    far = WebRtcSettings(host="192.0.2.7")
    made = media.tls_config(Launch(data=data, webrtc=far))
    assert (made.origin, made.players, made.strict_transport) == (False, True, False)
    assert not made.hls
    assert made.http3
    without = TlsSettings(http3=False)
    assert not media.tls_config(Launch(data=data, webrtc=far, tls=without)).http3
    near = media.tls_config(Launch(data=data, hls=HlsSettings(host="192.0.2.7")))
    assert (near.origin, near.players, near.hls) == (False, False, True)
    assert made.key == str(tmp_path / "tls" / "key.pem")
    settings = TlsSettings(mode="on", certificate="/c.pem", key="/k.pem", behind_proxy=True)
    launch = Launch(data=data, webrtc=far, tls=settings)
    own = media.tls_config(launch)
    assert (own.origin, own.players, own.strict_transport) == (True, True, True)
    assert (own.certificate, own.key) == ("/c.pem", "/k.pem")
    assert media.engine_config(launch).front.behind_proxy


@pytest.mark.engine
def test_several_udp_addresses_share_one_free_port(tmp_path: Path) -> None:
    media = pytest.importorskip("vms.services.media")
    hosts = ("127.0.0.1", "127.0.0.2")
    launch = Launch(data=str(tmp_path), webrtc=WebRtcSettings(udp_hosts=hosts, udp_port=0))
    ports = {address.rpartition(":")[2] for address in media.engine_config(launch).webrtc.udp_bind}
    assert len(ports) == 1
    assert ports != {"0"}


@pytest.mark.engine
def test_a_farm_gets_its_login() -> None:
    orders = SimulatorLaunch(main="m", sub="s", user="u", password="p")
    assert simulator.farm_config(orders).user == ("u", "p")
    assert simulator.farm_config(SimulatorLaunch(main="m", sub="s")).user is None


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        (b"", InternalError, "ended before it was ready"),
        (
            msgspec.json.encode(Failed("unavailable", "port", "8000 is taken")),
            UnavailableError,
            "8000 is taken",
        ),
    ],
)
def test_a_child_that_cannot_run_says_why(line: bytes, error: type[VmsError], message: str) -> None:
    child = Child(Role("media", "vms.services.media", Ready), clock=None)  # type: ignore[arg-type]
    with pytest.raises(error, match=message):
        child._understand(line)
    assert child._understand(msgspec.json.encode(READY)) == READY
    with pytest.raises(InternalError, match="asked for its id"):
        _ = child.pid


async def test_a_front_that_does_not_answer_is_not_ready() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not await supervisor._is_ready(f"http://127.0.0.1:{unused.getsockname()[1]}")
