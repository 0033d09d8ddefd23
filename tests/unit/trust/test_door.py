"""The door for machines: who is let in, how many, and that no name leads inside."""

import asyncio
import contextlib
import os
import socket
import ssl
import stat
from pathlib import Path

import grpc
import pytest

from machines import Machines, media_node
from vms.common import UnauthenticatedError, UnavailableError
from vms.engine import EngineClient
from vms.trust import Identity, NodeRole
from vms.trust import door as doors
from vms.trust.places import Places, caller_of

LIMIT_S = 30.0
INSIDE = "far.sock"
# linux/tcp.h; a socket that is closed in this mode sends nothing.
TCP_REPAIR = 19


def dialled(port: int, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), LIMIT_S, source_address=(source, 0))


async def test_the_socket_inside_is_this_users_and_leads_nobody_to_a_method(tmp_path: Path) -> None:
    machines = Machines()
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        inside = tmp_path / INSIDE
        assert stat.S_IMODE(inside.stat().st_mode) == 0o600
        control = machines.make("control", NodeRole.CONTROL)
        # A machine is there, so that there is an end with a name.
        async with node.client(control) as client:
            await client.describe()
            with socket.socket(socket.AF_UNIX) as own:
                own.bind(f"\0{os.getpid()}-nobody")
                own.connect(os.fspath(inside))
                assert own.getpeername() == os.fspath(inside)
            async with EngineClient(grpc.aio.insecure_channel(f"unix:{inside}")) as forger:
                with pytest.raises(UnauthenticatedError) as refused:
                    await forger.describe()
        assert refused.value.code == "certificate_missing"


async def test_strangers_of_one_address_are_bounded_and_keep_no_other_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "HANDSHAKE_S", 3.0)
    machines = Machines()
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        with contextlib.ExitStack() as stack:
            silent = [
                stack.enter_context(dialled(node.port, "127.0.0.2"))
                for _ in range(doors.STRANGERS_OF_ONE + 1)
            ]
            ended = await asyncio.to_thread(silent[-1].recv, 1)
            assert ended == b"", "one too many is closed at once"
            async with node.client(machines.make("control", NodeRole.CONTROL)) as client:
                await client.describe()
                # Who says nothing is let go, and who has proved himself stays.
                assert await asyncio.to_thread(silent[0].recv, 1) == b""
                await client.describe()


async def test_one_machine_has_few_connections_and_keeps_no_other_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "KNOWN_OF_ONE", 1)
    machines = Machines()
    # A connection for each client, as gRPC shares those that are the same.
    one, other = machines.make("one", NodeRole.OBSERVER), machines.make("two", NodeRole.OBSERVER)
    again = machines.make("one", NodeRole.OBSERVER)
    async with (
        media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node,
        node.client(one) as first,
    ):
        await first.describe()
        async with node.client(again) as second:
            with pytest.raises(UnavailableError):
                await second.describe()
        async with node.client(other) as another:
            await another.describe()
        await first.describe()


async def test_a_machine_that_vanished_gives_its_place_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "KNOWN_OF_ONE", 1)
    monkeypatch.setattr(doors, "SILENT_S", 1)
    machines = Machines()
    one = machines.make("one", NodeRole.OBSERVER)
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:

        async def refused() -> bool:
            again = machines.make("one", NodeRole.OBSERVER)
            async with node.client(again) as client:
                try:
                    await client.describe()
                except UnavailableError:
                    return True
            return False

        gone = await asyncio.to_thread(proved, node.port, one, tmp_path)
        async with asyncio.timeout(LIMIT_S):
            while not await refused():
                pass
        await asyncio.to_thread(vanish, gone)
        async with asyncio.timeout(LIMIT_S):
            while await refused():
                pass


def proved(port: int, machine: Identity, folder: Path) -> ssl.SSLSocket:
    """Return a connection of a machine that says nothing else."""
    pair = folder / "pair.pem"
    pair.write_text(machine.key + machine.certificate)
    context = ssl.create_default_context(cadata=machine.authority)
    context.load_cert_chain(pair)
    return context.wrap_socket(
        dialled(port, "127.0.0.1"), server_hostname="media-2.media.vms.internal"
    )


def vanish(connection: ssl.SSLSocket) -> None:
    """Forget a connection, as a power cut does: the other side gets no packet of it."""
    # What gRPC says first is acknowledged, so that nothing is under way.
    assert connection.recv(1)
    with socket.socket(fileno=connection.detach()) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        plain.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)


async def test_no_older_tls_is_spoken(tmp_path: Path) -> None:
    machines = Machines()
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2

        def call() -> None:
            with dialled(node.port, "127.0.0.1") as plain, context.wrap_socket(plain):
                pass

        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            await asyncio.to_thread(call)


def test_places_are_counted_by_caller_and_in_all() -> None:
    places = Places(3, 2)
    with contextlib.ExitStack() as stack:
        got = [stack.enter_context(places.place(who)) for who in ("a", "a", "a", "b", "c")]
        assert got == [True, True, False, True, False]
    with places.place("c") as free:
        assert free


@pytest.mark.parametrize(
    ("host", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_network_of_ipv6_is_one_caller(host: str, caller: str) -> None:
    assert caller_of(host) == caller
