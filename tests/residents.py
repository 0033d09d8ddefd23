"""A running product where people sign in, with simulated cameras that want a password."""

import contextlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from callers import PASSWORD, Client
from product import Farm, Product, farm, running, wait_for

CAMERA_USER, CAMERA_PASSWORD = "admin", "hunter2"
# What is changed runs so, and what is withdrawn is cut, within seconds.
CHANGE_LIMIT_S = 1.0
CUT_LIMIT_S = 2.0
LIVE_LIMIT_S = 15.0
# Slower than the limits of requests a minute.
EVERY_S = 0.05


@dataclass
class FirstAdmin:
    """How the first admin came to be."""

    link: str
    mode: int
    said: str
    before_enrolling: httpx.Response
    secret: str
    client: Client


def setup_by_link(product: Product) -> FirstAdmin:
    """Become the first admin as a person does."""
    kept = product.data / "setup-link"
    link, mode = kept.read_text(encoding="ascii").strip(), stat.S_IMODE(kept.stat().st_mode)
    anybody = Client(product.api)
    token = link.partition("#")[2]
    anybody.post(
        "/auth/setup", {"token": token, "login": "root", "name": "Root", "password": PASSWORD}
    )
    admin = anybody.sign_in("root")
    before = admin.ask("GET", "/users")
    secret = admin.enrol()
    said = product.log.read_text(encoding="utf-8")
    return FirstAdmin(link, mode, said, before, secret, admin)


@dataclass
class Town:
    """A running product with an admin and two cameras, which nobody changes."""

    product: Product
    farm: Farm
    first: FirstAdmin

    @property
    def admin(self) -> Client:
        return self.first.client

    @property
    def api(self) -> str:
        return self.product.api

    @property
    def rtsp(self) -> str:
        return str(self.product.run["addresses"]["rtsp"])

    def camera(self, number: int) -> dict[str, Any]:
        """Return a new camera that is in the farm."""
        return {
            "name": f"Camera {number}",
            "city": "local",
            "url": f"rtsp://{self.farm.address}/cam{number}",
            "user": CAMERA_USER,
            "password": CAMERA_PASSWORD,
        }


@contextlib.contextmanager
def settled(scenes: tuple[Path, Path], folder: Path) -> Iterator[Town]:
    """Run a product with its first admin and a farm of cameras, none of which it knows."""
    with (
        farm(scenes, user=(CAMERA_USER, CAMERA_PASSWORD)) as cameras,
        running(["up"], folder / "data", folder / "log") as product,
    ):
        yield Town(product, cameras, setup_by_link(product))


def until_state(
    client: Client, stream: str, states: set[str | None], limit_s: float = CHANGE_LIMIT_S
) -> dict[str, Any]:
    """Wait until a stream is in one of these states; return it."""
    found: dict[str, Any] = wait_for(
        lambda: (view := client.stream(stream))["state"] in states and view, limit_s, EVERY_S
    )
    return found
