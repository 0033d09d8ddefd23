"""What a running product recorded, as players and the timeline get it."""

import time
import urllib.error
import urllib.request
from typing import Any

from managed import Api
from product import Product, wait_for

SECOND_US = 1_000_000
RECORDED_LIMIT_S = 30.0


def load(product: Product, path: str, key: str) -> tuple[int, Any, bytes]:
    """Return status, headers and body of what a player asks for."""
    request = urllib.request.Request(  # noqa: S310
        f"{product.api}{path}", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def line(api: Api, camera: str, stream: str = "main") -> dict[str, Any]:
    """Return the timeline of the last ten minutes, or nothing."""
    now = time.time_ns() // 1000
    path = f"cameras/{camera}/timeline?stream={stream}&from_us={now - 600 * SECOND_US}"
    status, found = api.ask("GET", f"{path}&to_us={now + SECOND_US}")
    return found if status == 200 else {}


def spans(api: Api, camera: str, stream: str = "main") -> list[dict[str, int]]:
    """Return what the timeline shows as recorded."""
    found: list[dict[str, int]] = line(api, camera, stream).get("spans", [])
    return found


def recorded(api: Api, camera: str, seconds: float) -> dict[str, int]:
    """Return the span of a camera, once it is that long."""

    def long_enough() -> dict[str, int] | None:
        found = spans(api, camera)
        whole = found and found[-1]["to_us"] - found[-1]["from_us"] >= seconds * SECOND_US
        return found[-1] if whole else None

    return wait_for(long_enough, RECORDED_LIMIT_S)
