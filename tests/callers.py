"""Those who use a running product from outside: by REST, by WHEP, by RTSP."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

PASSWORD = "seven green bicycles"
# 25 pictures a second: no longer pause lies between two of a stream that runs.
PAUSE_S = 1.0
FIRST_PICTURE_S = 20.0
STEP_S = 30


def one_time_code(secret: str, steps: int = 0) -> str:
    """Return an authenticator's code, ``steps`` from now (RFC 6238; RFC 4226, section 5.3)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = struct.pack(">Q", int(time.time()) // STEP_S + steps)
    digest = hmac.digest(key, counter, hashlib.sha1)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06d}"


@dataclass
class Client:
    """Somebody who asks by REST, with a token or without."""

    api: str
    token: str = ""
    session: str = ""
    user: str = ""
    refresh: str = ""

    def ask(
        self, method: str, path: str, body: object = None, version: int | None = None
    ) -> httpx.Response:
        """Ask for something; whatever the answer is, it is returned."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        url = f"{self.api}/api/v1{path}"
        return httpx.request(method, url, json=body, headers=headers, timeout=20)

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return what is there."""
        return _good(self.ask("GET", path)).json()

    def post(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Make or do something; returns what came of it."""
        answer = _good(self.ask("POST", path, {} if body is None else body))
        return answer.json() if answer.content else None

    def patch(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Change what is there, as it is now."""
        version = self.get(path)["version"]
        return _good(self.ask("PATCH", path, body, version)).json()

    def delete(self, path: str) -> None:
        """Delete what is there, as it is now."""
        _good(self.ask("DELETE", path, version=self.get(path)["version"]))

    def sign_in(self, login: str, secret: str | None = None, steps: int = 0) -> "Client":
        """Return the client of somebody who has signed in."""
        said = self.post("/auth/sign-in", {"login": login, "password": PASSWORD})
        if said["state"] == "second_factor":
            assert secret is not None
            code = one_time_code(secret, steps)
            said = self.post("/auth/second-factor", {"ticket": said["ticket"], "code": code})
        return Client(
            self.api, said["access"], said["session"], said["user"]["id"], said["refresh"]
        )

    def enrol(self) -> str:
        """Enrol a second factor; returns its secret."""
        secret: str = self.post("/auth/totp")["secret"]
        self.post("/auth/totp/confirm", {"code": one_time_code(secret)})
        return secret

    def new_person(self, login: str, role: str, scope: str) -> "Client":
        """Make somebody of a city, who signs in at once and enrols where he must."""
        grants = [{"role": role, "scope": scope}]
        home = scope.partition(":")[2].partition("/")[0]
        draft = {"login": login, "name": login, "password": PASSWORD, "home": home}
        self.post("/users", {**draft, "grants": grants})
        client = Client(self.api).sign_in(login)
        if client.get("/auth/me")["must_enrol"]:
            client.enrol()
        return client

    def streams(self) -> dict[str, dict[str, Any]]:
        """Return every stream one sees, by name."""
        return {f"{one['camera']}/{one['stream']}": one for one in self.get("/streams")["items"]}

    def stream(self, name: str) -> dict[str, Any]:
        """Return one stream; an empty one where it is not seen."""
        return self.streams().get(name, {"state": None, "reason": None})

    def address(self, stream: str, **more: object) -> str:
        """Return a signed address of a stream."""
        signed: str = self.post(f"/streams/{stream}/address", more)["address"]
        return signed


def _good(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer


def offer(api: str, stream: str, bearer: str | None, sdp: str) -> httpx.Response:
    """Ask to watch by WHEP."""
    headers = {"Content-Type": "application/sdp"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    url = f"{api}/api/v1/streams/{stream}/whep"
    return httpx.post(url, content=sdp, headers=headers, timeout=20)


@dataclass
class Viewer:
    """Watches one stream by WHEP; counts its pictures and when the last one came."""

    location: str
    pictures: int = 0
    last: float = 0.0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, track: Any) -> None:  # noqa: ANN401 - aiortc's has no types
        """Receive until there is nothing more."""
        with contextlib.suppress(MediaStreamError):
            while True:
                assert isinstance(await track.recv(), VideoFrame)
                self.pictures += 1
                self.last = time.monotonic()
                self._changed.set()

    async def more(self, pictures: int = 10) -> None:
        """Return when so many more pictures came."""
        wanted = self.pictures + pictures
        async with asyncio.timeout(FIRST_PICTURE_S):
            while self.pictures < wanted:
                self._changed.clear()
                await self._changed.wait()

    async def ended_after(self, begun: float) -> float:
        """Wait until no more pictures come; return how long after ``begun`` the last one came."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(PAUSE_S):
                    await self._changed.wait()
            except TimeoutError:
                return max(0.0, self.last - begun)


@contextlib.asynccontextmanager
async def watching(api: str, stream: str, bearer: str) -> AsyncIterator[Viewer]:
    """Watch a stream while the block runs; its first pictures are there."""
    peer = RTCPeerConnection()
    following: asyncio.Task[None] | None = None
    try:
        peer.addTransceiver("video", direction="recvonly")
        track: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        peer.on("track", track.set_result)
        await peer.setLocalDescription(await peer.createOffer())
        sdp = peer.localDescription.sdp
        answer = _good(await asyncio.to_thread(offer, api, stream, bearer, sdp))
        viewer = Viewer(answer.headers["Location"])
        await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        following = asyncio.create_task(viewer.follow(await track))
        await viewer.more(3)
        yield viewer
    finally:
        await peer.close()
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


@dataclass
class Player:
    """A foreign player of RTSP: what it was told, and whether it played."""

    played: bool
    said: str


def probe(rtsp: str, stream: str, login: str = "") -> Player:
    """Ask ffprobe what there is to play."""
    host = rtsp.removeprefix("rtsp://")
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-timeout", "10000000",
         f"rtsp://{login}{host}/{stream}"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return Player(done.returncode == 0, done.stderr)


@contextlib.contextmanager
def playing(rtsp: str, stream: str, login: str) -> Iterator[subprocess.Popen[str]]:
    """Play with ffmpeg while the block runs; its first packet is there."""
    host = rtsp.removeprefix("rtsp://")
    with subprocess.Popen(
        ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", f"rtsp://{login}{host}/{stream}",
         "-f", "framemd5", "-c", "copy", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as player:  # fmt: skip
        assert player.stdout is not None
        try:
            for line in player.stdout:
                if not line.startswith("#"):
                    break
            yield player
        finally:
            player.kill()


def new_stream_key(who: Client, scope: str) -> tuple[str, str]:
    """Make a stream key; return its id and how it stands in an address."""
    made = who.post("/stream-keys", {"name": "player", "scope": scope})
    return made["key"]["id"], f"{made['key']['id']}:{made['secret']}@"


async def cut_after(api: str, stream: str, bearer: str, withdraw: Callable[[], object]) -> float:
    """Watch while something is withdrawn; return how long pictures came after that."""
    async with watching(api, stream, bearer) as viewer:
        begun = time.monotonic()
        await asyncio.to_thread(withdraw)
        return await viewer.ended_after(begun)
