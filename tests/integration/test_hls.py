"""Players of HLS: the rules of low latency hold, ffmpeg plays, and a right that is gone cuts."""

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from hls_rules import Playlist, attributes, broken, broken_update, merged, read
from product import Product
from residents import CUT_LIMIT_S, LIVE_LIMIT_S, Town, settled, until_state

# What simulated cameras write into each picture before the time: UTC_SEI_UUID of the engine.
MARK = bytes.fromhex("5a1c93e47b0d4f268ed136aa79c852f7")
# From the camera to the player's ears and eyes, with what a player holds back.
LATENCY_S = (0.5, 2.0)
FOLLOWED_S = 25.0


@dataclass
class Follower:
    """A player that asks for all there is, and judges it strictly."""

    client: httpx.AsyncClient
    base: str
    wrong: list[str] = field(default_factory=list)
    parts: dict[str, bytes] = field(default_factory=dict)
    # From the newest picture of a part, by the camera's clock, to its arrival.
    delays: list[float] = field(default_factory=list)
    deltas: int = 0
    last: Playlist | None = None

    async def get(self, name: str, **query: str | int) -> bytes:
        """Return a file."""
        answer = await self.client.get(f"{self.base}/{name}", params=query)
        assert answer.status_code == 200, (name, query, answer.text)
        return answer.content

    async def follow(self, seconds: float) -> Playlist:
        """Follow the stream; returns the last playlist."""
        whole = read((await self.get("index.m3u8")).decode())
        self.wrong += broken(whole)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            number, part = whole.next
            hinted = asyncio.create_task(self.take(whole.hint["URI"]))
            query: dict[str, str | int] = {"_HLS_msn": number, "_HLS_part": part}
            told = read((await self.get("index.m3u8", **query, _HLS_skip="YES")).decode())
            self.deltas += bool(told.skipped)
            self.wrong += broken(told)
            newer = merged(whole, told)
            if newer.next <= (number, part):
                self.wrong.append(f"6.2.5.2: answered before {number}.{part} was there")
            self.wrong += broken_update(whole, newer)
            await hinted
            whole = newer
        return whole

    async def take(self, uri: str) -> None:
        """Take a part that is hinted at, and see how old its newest picture is."""
        data = await self.get(uri)
        at = data.rfind(MARK)
        assert at > 0, f"{uri} holds no picture"
        taken_us = int.from_bytes(data[at + 16 : at + 24].replace(b"\0\0\3", b"\0\0"))
        self.delays.append(time.time() - taken_us / 1e6)
        self.parts[uri] = data


def test_a_strict_player_finds_every_rule_kept(product: Product) -> None:
    async def run() -> tuple[Follower, Playlist]:
        base = f"{product.run['addresses']['hls']}/gate"
        async with httpx.AsyncClient(timeout=20) as client:
            player = Follower(client, base)
            whole = await player.follow(FOLLOWED_S)
            for segment in whole.segments[-3:-1]:
                data = await player.get(segment.uri)
                assert data == b"".join([await player.get(part.uri) for part in segment.parts])
            assert (await player.get(whole.segments[-1].map))[4:8] == b"ftyp"
            return player, whole

    player, whole = asyncio.run(run())
    assert player.wrong == []
    assert player.deltas > 10
    assert 0.2 <= whole.part_target <= 0.37
    delays = sorted(player.delays)
    assert len(delays) > FOLLOWED_S * 2
    hold_back = float(whole.control["PART-HOLD-BACK"])
    # What a player adds that keeps to what it is told.
    latency = delays[len(delays) // 2] + hold_back
    assert LATENCY_S[0] < latency < LATENCY_S[1], delays


@pytest.mark.parametrize("stream", ["gate", "gate/sub"])
def test_ffmpeg_plays(product: Product, stream: str) -> None:
    url = f"{product.run['addresses']['hls']}/{stream}/index.m3u8"
    asked = ["ffprobe", "-v", "error", "-count_frames", "-read_intervals", "%+3", "-of", "json"]
    asked += ["-show_entries", "stream=codec_name,nb_read_frames,width", url]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    (video,) = json.loads(done.stdout)["streams"]
    assert video["codec_name"] == "h264"
    assert int(video["nb_read_frames"]) >= 60, video
    assert done.stderr == ""


def test_a_wrong_question_is_refused_at_once(product: Product) -> None:
    base = product.run["addresses"]["hls"]
    for path, status in [
        ("/gate/index.m3u8?_HLS_msn=x", 400),
        ("/gate/index.m3u8?_HLS_msn=99999999999", 400),
        ("/gate/1.m4s", 404),
        ("/gate/../../run.json", 404),
        ("/nobody/index.m3u8", 404),
        ("/", 404),
    ]:
        begun = time.monotonic()
        assert httpx.get(base + path).status_code == status, path
        assert time.monotonic() - begun < 5


@pytest.fixture(scope="module")
def town(scenes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with settled(scenes, tmp_path_factory.mktemp("town")) as made:
        made.admin.post("/cameras", {**made.camera(1), "id": "gate"})
        until_state(made.admin, "gate/main", {"live"}, LIVE_LIMIT_S)
        yield made


def test_an_address_opens_in_the_path_and_in_the_query_and_ends_with_the_right(town: Town) -> None:
    base = town.product.run["addresses"]["hls"]
    ana = town.admin.new_person("ana", "visualizador", "camera:local/gate")
    first, second = (ana.address("gate/main", kind="hls") for _ in range(2))
    with httpx.Client(timeout=20) as player:
        assert player.get(f"{base}/gate/index.m3u8").status_code == 401
        assert player.get(f"{base}/gate/sub/index.m3u8?token={first}").status_code == 403
        path = f"{base}/t/{first}/gate"
        plain = player.get(f"{path}/index.m3u8")
        assert plain.status_code == 200, plain.text
        assert first not in plain.text
        assert plain.headers["access-control-allow-origin"] == "*"
        signed = player.get(f"{base}/gate/index.m3u8?token={second}")
        uris = re.findall(r'URI="([^"]+)"', signed.text)
        assert uris
        assert all(uri.endswith(f"?token={second}") for uri in uris)
        assert player.get(f"{base}/gate/{uris[0]}").status_code == 200
        told = attributes(plain.text.partition("SERVER-CONTROL:")[2].split("\n")[0])
        assert told["CAN-BLOCK-RELOAD"] == "YES"
        ana.post("/auth/sign-out")
        begun = time.monotonic()
        while player.get(f"{path}/index.m3u8").status_code == 200:
            assert time.monotonic() - begun < CUT_LIMIT_S
            time.sleep(0.05)
        refused = player.get(f"{path}/index.m3u8")
        assert refused.status_code == 403
        assert refused.json()["code"] == "address_revoked"
