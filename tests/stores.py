"""An S3 store for tests: a server of SeaweedFS on loopback, with a folder of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

START_LIMIT_S = 60.0
ACCESS, SECRET, BUCKET = "vms-tests", "a-secret-of-tests", "recordings"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@dataclass
class Store:
    """The server; it can be stopped and started again, with what it holds."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: _free_ports(8))
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.ports[6]}"

    def keys(self, access: str = ACCESS, secret: str = SECRET) -> tuple[Path, Path]:
        """Write the keys to files, and return these."""
        files = (self.folder / "access-key", self.folder / "secret-key")
        for path, key in zip(files, (access, secret), strict=True):
            path.write_text(key, encoding="ascii")
        return files

    def start(self) -> None:
        """Start it, and wait until it answers."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        said = {"credentials": [{"accessKey": ACCESS, "secretKey": SECRET}], "name": "tests"}
        identities = {"identities": [{**said, "actions": ["Admin", "Read", "Write", "List"]}]}
        (self.folder / "s3.json").write_text(json.dumps(identities), encoding="ascii")
        names = ("master", "volume", "filer", "s3")
        kinds = [name + kind for name in names for kind in (".port", ".port.grpc")]
        command = [str(Path(sys.executable).with_name("weed")), "server", "-filer", "-s3"]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder / 'data'}"]
        command += [f"-{kind}={port}" for kind, port in zip(kinds, self.ports, strict=True)]
        command += ["-master.volumeSizeLimitMB=64", "-volume.max=16", "-volume.preStopSeconds=0"]
        command += [f"-s3.config={self.folder / 's3.json'}", "-s3.allowDeleteBucketNotEmpty"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=os.environ
            )
        until = time.monotonic() + START_LIMIT_S
        while not self._has_bucket():
            assert self.process.poll() is None, (self.folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < until, "the S3 store did not start"
            time.sleep(0.2)

    def _has_bucket(self) -> bool:
        """Whether it works: the bucket is made by its shell, which knows no keys."""
        shell = [str(Path(sys.executable).with_name("weed")), "shell"]
        shell += [f"-master=127.0.0.1:{self.ports[0]}.{self.ports[1]}"]
        shell += [f"-filer=127.0.0.1:{self.ports[4]}.{self.ports[5]}"]
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=2):  # noqa: S310
                pass
            done = subprocess.run(
                shell, input=f"s3.bucket.create -name {BUCKET}\ns3.bucket.list\n".encode(),
                capture_output=True, timeout=20, check=False, cwd=self.folder,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return False
        return BUCKET.encode() in done.stdout

    def stop(self) -> None:
        """Kill it, as a machine does that goes down."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=20)
            self.process = None

    def objects(self) -> list[str]:
        """Return the names of all that lies in the bucket, as its own shelf tells them."""
        found: list[str] = []
        waiting = [f"/buckets/{BUCKET}/"]
        while waiting:
            folder = waiting.pop()
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.ports[4]}{folder}?limit=1000",
                headers={"Accept": "application/json"},
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                    entries = json.load(answer)["Entries"] or []
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    continue
                raise
            for entry in entries:
                # A folder's mode has the highest bit set, as Go writes it.
                is_folder = bool(entry["Mode"] >> 31)
                (waiting if is_folder else found).append(
                    entry["FullPath"] + ("/" if is_folder else "")
                )
        return sorted(path.removeprefix(f"/buckets/{BUCKET}/") for path in found)


@contextlib.contextmanager
def store(folder: Path) -> Iterator[Store]:
    """Run a store until the block ends."""
    made = Store(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder / "data", ignore_errors=True)
