"""A running product with a database, used over its API with a key of the platform."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from product import Product

LIVE_LIMIT_S = 15.0


def token(data: Path) -> str:
    """Make an API key of the platform on the command line."""
    command = [sys.executable, "-m", "vms.cli", "token", "create", "--name", "test"]
    command += ["--per-minute", "60000"]
    done = subprocess.run(
        [*command, "--role", "admin", "--scope", "platform", "--json", "--data", str(data)],
        capture_output=True, text=True, timeout=30, check=True, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    return str(json.loads(done.stdout)["token"])


@dataclass
class Api:
    """The API of a running product, as somebody with a key uses it."""

    product: Product
    key: str

    def ask(
        self, method: str, path: str, body: object = None, version: int | None = None
    ) -> tuple[int, Any]:
        """Send a request; return status and JSON."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.product.api}/api/v1/{path}", data, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def streams(self) -> dict[str, str]:
        """Return the state of every stream."""
        status, page = self.ask("GET", "streams")
        if status != 200:
            return {}
        return {f"{one['camera']}/{one['stream']}": one["state"] for one in page["items"]}

    def status(self, camera: str) -> tuple[str, str | None]:
        """Return how a camera is doing, and why."""
        _, told = self.ask("GET", f"cameras/{camera}/status")
        reason = told.get("reason")
        return told["state"], reason and reason["code"]
