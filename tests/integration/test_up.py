"""``vms up --open``: ready, honest, restarted, stopped."""

import asyncio
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from managed import LIVE_LIMIT_S, Api, token
from product import PORTS, Farm, Product, farm, running, wait_for
from vms.services.supervisor import SIMULATOR_PORT, port_of_before

BACK_LIMIT_S = 3.0
STOP_LIMIT_S = 5.0


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] != "Z"


def test_ready_means_that_everything_answers(product: Product) -> None:
    run = product.run
    assert set(run) == {"pids", "addresses"}
    assert set(run["pids"]) == {"media", "api"}
    assert set(run["addresses"]) == {"api", "rtsp", "rtmp", "srt", "webrtc", "hls"}
    assert alive(run["pids"]["media"])
    assert [alive(pid) for pid in run["pids"]["api"]] == [True]
    for address in run["addresses"].values():
        scheme, _, at = address.rpartition("://")
        host, _, port = at.rpartition(":")
        # SRT is UDP: nothing connects there.
        if scheme != "srt":
            with socket.create_connection((host, int(port)), timeout=5):
                pass
    assert product.get("/health/ready") == {"status": "ok"}
    assert product.get("/api/v1/version")["open"] is True
    said = product.log.read_text(encoding="utf-8")
    assert run["addresses"]["api"] in said


def test_streams_are_listed_with_what_was_measured(product: Product) -> None:
    wait_for(lambda: product.streams()["gate/main"]["fps"], 10)
    streams = product.streams()
    assert list(streams) == ["gate/main", "gate/sub", "yard/main"]
    main = streams["gate/main"]
    assert (main["codec"], main["width"], main["height"]) == ("h264", 640, 360)
    assert main["reason"] is None
    assert main["bitrate"] > 0
    assert (streams["gate/sub"]["width"], streams["gate/sub"]["height"]) == (320, 180)


@pytest.mark.parametrize("transport", ["tcp"])
def test_a_foreign_player_reads_every_stream(product: Product, transport: str) -> None:
    for name in ("gate", "gate/main", "gate/sub", "yard"):
        probe = subprocess.run(
            ["ffprobe", "-v", "error", "-rtsp_transport", transport, "-show_entries",
             "stream=codec_name", "-of", "json", f"{product.run['addresses']['rtsp']}/{name}"],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        assert json.loads(probe.stdout)["streams"][0]["codec_name"] == "h264"


def test_a_killed_media_process_is_back_with_its_ports_and_pictures(product: Product) -> None:
    before = product.run
    begun = time.monotonic()
    os.kill(before["pids"]["media"], signal.SIGKILL)
    wait_for(lambda: product.run["pids"]["media"] != before["pids"]["media"], BACK_LIMIT_S)
    states = wait_for(
        lambda: (
            {s["state"] for s in product.streams().values()} <= {"connecting", "live"}
            and product.streams()
        ),
        BACK_LIMIT_S,
    )
    assert time.monotonic() - begun < BACK_LIMIT_S
    assert len(states) == 3
    product.wait_live("gate/main", "gate/sub", "yard/main")
    assert product.run["addresses"] == before["addresses"]
    assert product.run["pids"]["api"] == before["pids"]["api"]


def test_cameras_come_back_without_any_api(product: Product) -> None:
    """The snapshot alone brings them back: the API is held still meanwhile."""
    before = product.run
    os.kill(before["pids"]["api"][0], signal.SIGSTOP)
    try:
        os.kill(before["pids"]["media"], signal.SIGKILL)
        rtsp = before["addresses"]["rtsp"]

        def plays() -> bool:
            probe = subprocess.run(
                ["ffprobe", "-v", "quiet", "-rtsp_transport", "tcp", f"{rtsp}/gate"],
                timeout=20, check=False,
            )  # fmt: skip
            return probe.returncode == 0

        wait_for(plays, 15)
    finally:
        os.kill(before["pids"]["api"][0], signal.SIGCONT)


def test_a_killed_api_touches_no_viewer_and_is_back_soon(product: Product) -> None:
    before = product.run
    url = f"{before['addresses']['rtsp']}/gate"
    with subprocess.Popen(
        ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-t", "4", "-f", "framemd5",
         "-c", "copy", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as viewer:  # fmt: skip
        assert viewer.stdout is not None
        for line in viewer.stdout:
            if not line.startswith("#"):
                break
        os.kill(before["pids"]["api"][0], signal.SIGKILL)
        wait_for(lambda: product.streams().get("gate/main", {}).get("state") == "live", 5)
        frames, errors = viewer.communicate(timeout=30)
    assert errors == ""
    times = [int(line.split(",")[1]) for line in frames.splitlines()]
    # 90,000 ticks a second at 25 frames a second: none is missing.
    assert max(after - before for before, after in pairwise(times)) == 3600
    wait_for(lambda: product.run["pids"]["api"] != before["pids"]["api"], 5)
    assert product.run["pids"]["media"] == before["pids"]["media"]


def test_sigterm_stops_everything_in_time(product: Product) -> None:
    pids = [product.run["pids"]["media"], *product.run["pids"]["api"]]
    assert product.stop() < STOP_LIMIT_S
    assert product.process.returncode == 0
    assert [alive(pid) for pid in pids] == [False, False]
    assert not (product.data / "run.json").exists()


def test_a_killed_supervisor_takes_everything_with_it(product: Product) -> None:
    pids = [product.run["pids"]["media"], *product.run["pids"]["api"]]
    product.process.kill()
    product.process.wait(timeout=5)
    wait_for(lambda: not any(alive(pid) for pid in pids), STOP_LIMIT_S)


def test_a_second_one_on_the_same_folder_is_refused(product: Product) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "vms.cli", "up", "--open", "--data", str(product.data)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert second.returncode == 6
    assert "another vms up runs on" in second.stderr
    assert product.streams()["gate/main"]["state"] == "live"


def test_a_port_that_is_taken_is_named(product: Product, tmp_path: Path) -> None:
    port = product.run["addresses"]["rtsp"].rpartition(":")[2]
    others = [text for name in PORTS if name != "rtsp-port" for text in (f"--{name}", "0")]
    flags = [*others, "--rtsp-port", port]
    second = subprocess.run(
        [sys.executable, "-m", "vms.cli", "up", "--open", "--data", str(tmp_path / "b"), *flags],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert second.returncode == 6
    assert f":{port}" in second.stderr
    assert "choose another port" in second.stderr


def test_secrets_lie_nowhere_in_the_open(scenes: tuple[Path, Path], tmp_path: Path) -> None:
    with farm(scenes, user=("admin", "hunter2")) as protected:
        good = protected.camera("good", 1)
        bad = protected.camera("bad", 2).replace("hunter2", "hunter3")
        flags = ["up", "--open", "--log-level", "debug", "--camera", good, "--camera", bad]
        with running(flags, tmp_path / "data", tmp_path / "log") as product:
            product.wait_live("good/main")
            wait_for(lambda: product.streams()["bad/main"]["reason"], 10)
            assert product.streams()["bad/main"]["reason"]["code"] == "wrong_password"
            seen = [json.dumps(product.streams()), product.log.read_text(encoding="utf-8")]
            for pid in (product.run["pids"]["media"], *product.run["pids"]["api"]):
                seen += [
                    Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
                    for name in ("cmdline",)
                ]
            for file in (tmp_path / "data").rglob("*"):
                if file.is_file():
                    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
                    seen.append(file.read_bytes().decode(errors="replace"))
        seen.append(product.log.read_text(encoding="utf-8"))
    for text in seen:
        assert "hunter" not in text


def test_states_reach_a_listener_as_they_change(cameras: Farm, tmp_path: Path) -> None:
    flags = ["up", "--open", "--camera", cameras.camera("short", 3, "?fault=close:1")]

    async def hear(address: str) -> list[dict[str, object]]:
        from websockets.asyncio.client import connect  # noqa: PLC0415 - this test alone

        heard = []
        async with connect(address.replace("http", "ws") + "/ws/events") as socket:
            async with asyncio.timeout(15):
                async for message in socket:
                    heard.append(json.loads(message))
                    reasons = [m["stream"]["reason"] for m in heard if m["type"] == "stream"]
                    kinds = {m["type"] for m in heard}
                    if any(reasons) and kinds == {"snapshot", "stream", "stats"}:
                        break
        return heard

    with running(flags, tmp_path / "data", tmp_path / "log") as product:
        heard = asyncio.run(hear(product.api))
    assert heard[0]["type"] == "snapshot"
    reasons = [m["stream"]["reason"] for m in heard if m["type"] == "stream"]  # type: ignore[index]
    assert "camera_closed" in {reason["code"] for reason in reasons if reason}


@pytest.fixture
def _demo_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenes of the demo take their time; small ones stand in under their names."""
    from vms.cli import scenes as cli_scenes  # noqa: PLC0415 - these tests alone
    from vms.transcode import SceneSpec, ensure_scene  # noqa: PLC0415 - these tests alone

    folder = tmp_path / "cache" / "vms" / "scenes"
    small = ensure_scene(tmp_path, SceneSpec(320, 180, 150_000, seconds=2))
    folder.mkdir(parents=True)
    for spec in cli_scenes.specs("h264", "1080p"):
        (folder / spec.file_name).write_bytes(small.read_bytes())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_demo_scenes")
def test_an_open_demo_brings_its_own_cameras(tmp_path: Path) -> None:
    with running(
        ["demo", "--open", "--cameras", "3"], tmp_path / "data", tmp_path / "log"
    ) as product:
        product.wait_live(*(f"cam{n}/{stream}" for n in (1, 2, 3) for stream in ("main", "sub")))
        assert product.stop() < STOP_LIMIT_S


@pytest.mark.usefixtures("_demo_scenes")
def test_the_demo_tells_how_each_of_its_people_signs_in(tmp_path: Path) -> None:
    with running(["demo", "--cameras", "2"], tmp_path / "data", tmp_path / "log") as product:
        said = wait_for(
            lambda: re.search(r"^ +visualizador +(\w+)", product.said, re.MULTILINE), 20
        )
        api = f"{product.api}/api/v1"
        sign_in = {"login": "visualizador", "password": said.group(1)}
        token = httpx.post(f"{api}/auth/sign-in", json=sign_in, timeout=20).json()["access"]
        who = {"Authorization": f"Bearer {token}"}

        def live() -> bool:
            items = httpx.get(f"{api}/streams", headers=who, timeout=20).json()["items"]
            return [item["state"] for item in items] == ["live"] * 4

        wait_for(live, 15)
        link = re.search(r"/enter#(\S+)", product.said)
        assert link is not None
        entered = httpx.post(f"{api}/auth/refresh", json={"refresh": link.group(1)}, timeout=20)
        assert entered.json()["user"]["login"] == "visualizador"
        again = httpx.post(f"{api}/auth/refresh", json={"refresh": link.group(1)}, timeout=20)
        assert again.is_error, "the link is for one use"


@pytest.mark.usefixtures("_demo_scenes")
def test_a_demo_that_is_started_again_has_its_cameras_where_they_were(tmp_path: Path) -> None:
    data = tmp_path / "data"
    addresses = []
    for again in ("first", "second"):
        with running(["demo", "--cameras", "2", "--no-record"], data, tmp_path / again) as product:
            api = Api(product, token(data))
            wait_for(lambda: list(api.streams().values()) == ["live"] * 4, LIVE_LIMIT_S)  # noqa: B023
            addresses.append(product.run["addresses"]["simulator"])
    assert addresses[0] == addresses[1]


def test_a_port_that_others_took_meanwhile_is_not_asked_for(tmp_path: Path) -> None:
    host = "127.0.0.1"
    assert port_of_before(tmp_path, host) == 0
    with socket.create_server((host, 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / SIMULATOR_PORT).write_text(f"{port}\n", encoding="ascii")
        assert port_of_before(tmp_path, host) == 0
    assert port_of_before(tmp_path, host) == port
    (tmp_path / SIMULATOR_PORT).write_text("70000\n", encoding="ascii")
    assert port_of_before(tmp_path, host) == 0
