"""Who may call what between machines, over real sockets."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from doubles import desired, event, wish
from machines import CLOCK, DAY_US, Machines, media_node
from vms.common import (
    ForbiddenError,
    ManualClock,
    UnauthenticatedError,
    UnavailableError,
)
from vms.engine import EngineClient, Revocation
from vms.engine.recording import KEYS, KeyRequest
from vms.nodes import methods_of
from vms.proto.engine_v1 import messages
from vms.trust import NODES, RIGHTS, Guard, NodeRole, caller, dial

CALLS: dict[str, Callable[[EngineClient], Awaitable[object]]] = {
    "Describe": lambda client: client.describe(),
    "Apply": lambda client: client.apply(desired(wish("gate"))),
    "Revoke": lambda client: client.revoke(Revocation(viewer="ana")),
    "Recording": lambda client: client.recording(KEYS, KeyRequest()),
    "Streams": lambda client: client.streams(),
    "Events": lambda client: anext(client.events("one", 0)),
    "Metrics": lambda client: client.metrics(),
}


def engine_methods() -> set[str]:
    return {
        f"/{service.full_name}/{method.name}"
        for service in messages.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


def test_every_method_between_machines_has_a_row() -> None:
    nodes: Any = None
    assert set(RIGHTS) == engine_methods() | {f"{NODES}/{name}" for name in methods_of(nodes)}


def test_the_rights_are_as_told() -> None:
    told = {
        role: {method.rpartition("/")[2] for method, roles in RIGHTS.items() if role in roles}
        for role in NodeRole
    }
    assert told == {
        NodeRole.CONTROL: {
            "Describe",
            "Apply",
            "Revoke",
            "Recording",
            "Streams",
            "Events",
            "Metrics",
        },
        NodeRole.OBSERVER: {"Describe", "Streams", "Events", "Metrics", "Renew", "Removed"},
        NodeRole.STREAM: {"Describe", "Streams", "Renew", "Removed"},
        NodeRole.MEDIA: {"Renew", "Removed"},
    }


@pytest.mark.parametrize("role", NodeRole)
async def test_each_role_calls_what_it_may_and_nothing_else(tmp_path: Path, role: NodeRole) -> None:
    machines = Machines()
    assert {name.rpartition("/")[2] for name in engine_methods()} == set(CALLS)
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        node.engine.waiting.put_nowait((event(0),))
        async with node.client(machines.make("caller", role)) as client:
            for method in sorted(engine_methods()):
                call = CALLS[method.rpartition("/")[2]]
                if role in RIGHTS[method]:
                    await call(client)
                    continue
                with pytest.raises(ForbiddenError, match="may not call") as refused:
                    await call(client)
                assert refused.value.code == "role_not_allowed"
                assert refused.value.values == {"role": role, "method": method}
        applied = [state.cameras[0].id for state in node.engine.applied]
    assert applied == (["gate"] if role is NodeRole.CONTROL else [])


async def test_a_removed_node_is_refused_at_once_in_a_long_answer_too(tmp_path: Path) -> None:
    machines = Machines()
    watcher = machines.make("watcher", NodeRole.OBSERVER)
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        client = node.client(watcher)
        async with client:
            node.engine.waiting.put_nowait((event(0),))
            events = client.events("one", 0)
            assert len((await anext(events)).events) == 1
            node.removed.add("watcher")
            for call in (client.describe(), client.streams()):
                with pytest.raises(ForbiddenError, match="node watcher was removed") as refused:
                    await call
                assert refused.value.code == "node_removed"
            node.engine.waiting.put_nowait((event(1),))
            with pytest.raises(ForbiddenError) as cut:
                await anext(events)
            assert cut.value.code == "node_removed"


async def test_a_node_of_another_installation_is_refused_by_both_sides(tmp_path: Path) -> None:
    ours, theirs = Machines(), Machines()
    stranger = theirs.make("control", NodeRole.CONTROL)
    async with media_node(tmp_path, ours.make("media-2", NodeRole.MEDIA)) as node:
        async with node.client(stranger) as client:
            with pytest.raises(ForbiddenError, match="not the node of this installation") as told:
                await client.describe()
            assert told.value.code == "node_strange"
        # One who does not care whom he reached is refused there.
        careless = _with_authority(stranger, ours.authority.certificate)
        async with node.client(careless) as client:
            with pytest.raises(UnavailableError):
                await client.describe()
        assert node.engine.applied == []


def _with_authority(identity: Any, authority: str) -> Any:  # noqa: ANN401
    return type(identity)(key=identity.key, certificate=identity.certificate, authority=authority)


async def test_an_ended_certificate_is_told_here_and_refused_there(tmp_path: Path) -> None:
    machines = Machines()
    old = machines.make("control", NodeRole.CONTROL, days_ago=31)
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        with pytest.raises(UnauthenticatedError, match="ended at 20") as told:
            node.client(old)
        assert told.value.code == "certificate_ended"
        # A clock that is late does not help.
        late = ManualClock(CLOCK.utc_us() - 10 * DAY_US)
        async with node.client(old, clock=late) as client:
            with pytest.raises(UnavailableError):
                await client.describe()


async def test_who_shows_no_certificate_is_refused(tmp_path: Path) -> None:
    machines = Machines()
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        credentials = grpc.ssl_channel_credentials(machines.authority.certificate.encode())
        for channel in (
            grpc.aio.secure_channel(
                node.address,
                credentials,
                options=(("grpc.ssl_target_name_override", node.identity.peer.host),),
            ),
            grpc.aio.insecure_channel(node.address),
        ):
            async with EngineClient(channel) as client:
                with pytest.raises(UnavailableError):
                    await client.describe()


async def test_whom_one_reached_is_checked_by_name_and_role(tmp_path: Path) -> None:
    machines = Machines()
    control = machines.make("control", NodeRole.CONTROL)
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        client = node.client(control, "media-3")
        async with client:
            with pytest.raises(ForbiddenError) as told:
                await client.describe()
            assert told.value.code == "node_strange"
    # Who may only look has no certificate that a server can show.
    async with media_node(tmp_path, machines.make("media-2", NodeRole.OBSERVER)) as node:
        for host in ("media-2.media.vms.internal", "media-2.observer.vms.internal"):
            async with EngineClient(dial(node.address, host, control, CLOCK)) as client:
                with pytest.raises(ForbiddenError) as told:
                    await client.describe()
                assert told.value.code == "node_strange"


async def test_a_renewed_certificate_is_shown_from_the_next_handshake_on(tmp_path: Path) -> None:
    machines = Machines()
    control = machines.make("control", NodeRole.CONTROL)
    async with media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node:
        async with node.client(control) as client:
            await client.describe()
        node.identity = machines.make("media-4", NodeRole.MEDIA)
        async with node.client(control, "media-4") as client:
            await client.describe()


async def test_a_connection_does_not_outlive_its_certificate() -> None:
    machines = Machines()
    clock = ManualClock(CLOCK.utc_us())
    watcher = machines.make("watcher", NodeRole.OBSERVER)

    async def nobody(_peer: object) -> bool:
        return False

    guard = Guard(lambda _end: watcher.peer, nobody, clock)
    context: Any = SimpleNamespace(peer=lambda: "unix-abstract:00")
    await guard.admit("/vms.engine.v1.Engine/Describe", context)
    assert caller() == watcher.peer
    clock.advance(31 * 86_400)
    with pytest.raises(UnauthenticatedError) as refused:
        await guard.admit("/vms.engine.v1.Engine/Describe", context)
    assert refused.value.code == "certificate_ended"
