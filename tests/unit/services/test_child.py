"""What every process of the product does before it does anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TELL = """
import resource
from vms.services import child
soft, hard = {before}
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, min(hard, resource.getrlimit(7)[1])))
print(child.take_handles(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("before", "after"), [((256, 2048), 2048), ((300, 300), 300), ((256, 1 << 20), None)]
)
def test_a_process_may_open_as_many_files_as_it_can_be_given(
    before: tuple[int, int], after: int | None
) -> None:
    command = [sys.executable, "-c", TELL.format(before=before)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    told, limit = map(int, done.stdout.split())
    assert told == limit
    assert told == after or (after is None and 256 < told <= 65_536)


STRANGER = """
import asyncio, contextlib, grpc, socket
from machines import Machines
from vms.trust import NodeRole

async def serve():
    one = Machines().make("media-2", NodeRole.MEDIA)
    server = grpc.aio.server()
    pair = grpc.ssl_server_credentials([(one.key.encode(), one.certificate.encode())])
    port = server.add_secure_port("127.0.0.1:0", pair)
    await server.start()
    stranger = socket.create_connection(("127.0.0.1", port))
    stranger.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
    with contextlib.suppress(ConnectionError):
        while await asyncio.to_thread(stranger.recv, 100):
            pass
    await server.stop(None)
    print("heard")

asyncio.run(serve())
"""
SUPERVISOR = """
import os, subprocess, sys
from vms.proto import LogSettings
from vms.services import child

async def serve(orders, post):
    subprocess.run([sys.executable, "-c", os.environ["STRANGER"]], check=True)

child.main("supervisor", LogSettings, lambda orders: orders, serve)
"""


def test_a_stranger_at_the_port_of_machines_fills_no_log() -> None:
    tests = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR], input="{}", capture_output=True, text=True,
        timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(tests), "STRANGER": STRANGER},
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("heard", ""), done
