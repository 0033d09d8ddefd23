"""Machines join, renew and are removed; on both stores, and over real sockets."""

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from machines import DAY_US
from towns import ANA, ROOT, VIEWER
from vms.common import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    ManualClock,
    NotFoundError,
    Page,
    SystemClock,
    UnauthenticatedError,
    UnavailableError,
)
from vms.database import PLATFORM, Database, Vault, upgrade
from vms.nodes import TOKEN_LASTS_US, Nodes, NodeTokenDraft, add_nodes_service
from vms.nodes.store import removed_nodes
from vms.trust import (
    Entrance,
    Identity,
    IdentityFile,
    JoinDraft,
    JoinToken,
    Member,
    NodeRole,
    fingerprint,
    new_request,
    peer_of,
    serve_nodes,
)

HERE = "192.0.2.9"


@dataclass
class Control:
    """The control machine's services; ``port`` while it listens."""

    nodes: Nodes
    database: Database
    clock: ManualClock
    port: int = 0

    async def token(self, role: str = "media") -> JoinToken:
        made = await self.nodes.create_token(ROOT, NodeTokenDraft(role))
        return JoinToken.parse(made.token)

    async def joined(self, name: str, role: str = "media") -> Identity:
        key, request = new_request()
        secret = (await self.token(role)).secret
        made = await self.nodes.join(JoinDraft(secret, name, request), HERE)
        return Identity(
            key=key,
            certificate=made.certificate,
            authority=made.authority,
            control=f"127.0.0.1:{self.port}",
        )

    async def lines(self) -> list[tuple[Any, ...]]:
        return await self.database.run(
            lambda unit: unit.rows(
                "SELECT actor, action, object, outcome, address FROM audit_lines"
                " ORDER BY time_us, id",
                {},
            ),
            PLATFORM,
            read=True,
        )


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.load(tmp_path, {})


@pytest.fixture
def control(database: Database, vault: Vault) -> Control:
    # The handshake knows the real time only.
    clock = ManualClock(SystemClock().utc_us())
    entrance = Entrance("https://vms.test:8000", "ab" * 32, "vms.test:50052")
    return Control(Nodes(database, vault, clock, lambda: entrance), database, clock)


@contextlib.asynccontextmanager
async def answering(control: Control, inside: Path) -> AsyncIterator[None]:
    own = await control.nodes.own_identity()
    add = partial(add_nodes_service, control.nodes)
    server, control.port = await serve_nodes(
        "127.0.0.1:0", inside, add, lambda: own, control.nodes.is_removed, control.clock
    )
    try:
        yield
    finally:
        await server.stop(0)


def member(folder: Path, identity: Identity, clock: ManualClock) -> Member:
    IdentityFile(folder).save(identity)
    return Member(folder, clock)


async def test_a_token_names_address_and_authority_and_lets_one_machine_in(
    control: Control,
) -> None:
    token = await control.token("observer")
    assert (token.url, token.pin) == ("https://vms.test:8000", "ab" * 32)
    draft = JoinDraft(token.secret, "watch", new_request()[1])
    made = await control.nodes.join(draft, HERE)
    assert fingerprint(made.authority) == token.authority
    assert made.control == "vms.test:50052"
    peer = peer_of(made.certificate.encode())
    assert (peer.node, peer.name, peer.role) == (made.node, "watch", NodeRole.OBSERVER)
    assert abs(peer.ends_us - control.clock.utc_us() - 30 * DAY_US) <= 1_000_000
    with pytest.raises(UnauthenticatedError) as again:
        await control.nodes.join(draft, HERE)
    assert again.value.code == "node_token_unknown"
    assert [line[1:] for line in await control.lines()] == [
        ("node.token", "nodes", "ok", "192.0.2.7"),
        ("node.join", f"node:{made.node}", "ok", HERE),
        ("node.join", "nodes", "denied", HERE),
    ]


async def test_a_token_lasts_a_quarter_of_an_hour(control: Control) -> None:
    token = await control.token()
    assert TOKEN_LASTS_US == 15 * 60 * 1_000_000
    control.clock.advance(15 * 60)
    with pytest.raises(UnauthenticatedError):
        await control.nodes.join(JoinDraft(token.secret, "late", new_request()[1]), HERE)
    assert (await control.nodes.list(ROOT, Page())).items == ()


async def test_of_two_who_hold_one_token_one_gets_in(control: Control) -> None:
    secret = (await control.token()).secret
    tried = await asyncio.gather(
        *(
            control.nodes.join(JoinDraft(secret, name, new_request()[1]), HERE)
            for name in ("one", "two")
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, UnauthenticatedError) for one in tried) == 1
    assert len((await control.nodes.list(ROOT, Page())).items) == 1


async def test_a_name_is_one_machines_until_it_is_removed(control: Control) -> None:
    first = (await control.joined("media-2")).peer
    with pytest.raises(ConflictError) as taken:
        await control.joined("media-2")
    assert taken.value.code == "node_name_taken"
    await control.nodes.remove(ROOT, first.node)
    assert (await control.joined("media-2")).peer.node != first.node


@pytest.mark.parametrize("request_text", ["", "nonsense", "-----BEGIN CERTIFICATE REQUEST-----"])
async def test_what_is_no_request_is_refused(control: Control, request_text: str) -> None:
    token = await control.token()
    with pytest.raises(InvalidError) as refused:
        await control.nodes.join(JoinDraft(token.secret, "x", request_text), HERE)
    assert refused.value.code == "certificate_request"


async def test_only_the_platforms_people_see_and_change_machines(control: Control) -> None:
    node = (await control.joined("media-2")).peer.node
    for who in (ANA, VIEWER):
        for asked in (
            control.nodes.list(who, Page()),
            control.nodes.create_token(who, NodeTokenDraft("media")),
            control.nodes.remove(who, node),
        ):
            with pytest.raises(ForbiddenError):
                await asked
    with pytest.raises(NotFoundError):
        await control.nodes.remove(ROOT, "0" * 23)
    [found] = (await control.nodes.list(ROOT, Page())).items
    assert (found.id, found.name, found.role) == (node, "media-2", NodeRole.MEDIA)


async def test_machines_are_listed_in_pages(control: Control) -> None:
    for name in ("a", "b", "c"):
        await control.joined(name)
    first = await control.nodes.list(ROOT, Page(2))
    rest = await control.nodes.list(ROOT, Page(2, first.next))
    assert [one.name for one in (*first.items, *rest.items)] == ["a", "b", "c"]
    assert rest.next is None


async def test_neither_key_nor_secret_stands_in_the_database(control: Control) -> None:
    token = await control.token()
    rows = await control.database.run(
        lambda unit: (
            unit.rows("SELECT private FROM node_authorities", {}),
            unit.rows("SELECT hash FROM node_tokens", {}),
        ),
        PLATFORM,
        read=True,
    )
    [[sealed]], [[hashed]] = rows
    assert b"PRIVATE KEY" not in bytes(sealed)
    assert token.secret not in hashed


async def test_a_removed_row_is_forgotten_when_no_certificate_lasts(control: Control) -> None:
    first, second = [(await control.joined(name)).peer.node for name in ("a", "b")]
    await control.nodes.remove(ROOT, first)
    assert await control.nodes.removed() == (first,)
    control.clock.advance(31 * 86_400)
    await control.nodes.remove(ROOT, second)
    assert await control.database.run(removed_nodes, PLATFORM, read=True) == ()
    third = (await control.joined("c")).peer
    assert not await control.nodes.is_removed(third)


async def test_a_certificate_is_renewed_in_its_last_ten_days(
    control: Control, tmp_path: Path
) -> None:
    async with answering(control, tmp_path / "nodes.sock"):
        first = await control.joined("media-2")
        clock = ManualClock(control.clock.utc_us())
        one = member(tmp_path / "data", first, clock)
        clock.advance(19 * 86_400)
        assert await one.renew() is False
        clock.advance(2 * 86_400)
        # What the control machine's clock says decides how long the next one lasts.
        control.clock.advance(5 * 86_400)
        assert await one.renew() is True
        new = one.identity()
        assert new.key != first.key
        assert (new.peer.node, new.peer.role) == (first.peer.node, first.peer.role)
        assert new.peer.ends_us > first.peer.ends_us
        assert Member(tmp_path / "data", clock).identity() == new
        [found] = (await control.nodes.list(ROOT, Page())).items
        assert found.expires_us == new.peer.ends_us


async def test_key_and_certificate_are_their_owners(control: Control, tmp_path: Path) -> None:
    member(tmp_path / "data", await control.joined("media-2"), control.clock)
    file = IdentityFile(tmp_path / "data")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.folder.stat().st_mode) == 0o700
    with pytest.raises(NotFoundError) as missing:
        Member(tmp_path / "elsewhere", control.clock)
    assert missing.value.code == "not_joined"


async def test_a_removed_machine_renews_nothing(control: Control, tmp_path: Path) -> None:
    async with answering(control, tmp_path / "nodes.sock"):
        one = member(tmp_path / "data", await control.joined("media-2"), control.clock)
        await control.nodes.remove(ROOT, one.identity().peer.node)
        with pytest.raises(ForbiddenError) as refused:
            await one.renew(due_only=False)
        assert refused.value.code == "node_removed"


async def test_machines_without_a_database_hear_who_was_removed_and_keep_it(
    control: Control, tmp_path: Path
) -> None:
    async with answering(control, tmp_path / "nodes.sock"):
        one = member(tmp_path / "data", await control.joined("media-2"), control.clock)
        other = (await control.joined("watch", "observer")).peer
        running = asyncio.create_task(one.run())
        try:
            assert not await one.is_removed(other)
            await control.nodes.remove(ROOT, other.node)
            async with asyncio.timeout(5):
                while not await one.is_removed(other):
                    await asyncio.sleep(0.02)
            kept = tmp_path / "data" / "node" / "removed.json"
            async with asyncio.timeout(5):
                while not kept.exists():
                    await asyncio.sleep(0.02)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    # With the control machine away, after a restart.
    assert await Member(tmp_path / "data", control.clock).is_removed(other)
    with pytest.raises(UnavailableError) as away:
        await Member(tmp_path / "data", control.clock).renew(due_only=False)
    assert away.value.code == "control_down"


async def test_a_taken_port_is_told(control: Control, tmp_path: Path) -> None:
    async with answering(control, tmp_path / "nodes.sock"):
        own = await control.nodes.own_identity()
        with pytest.raises(UnavailableError) as taken:
            await serve_nodes(
                f"127.0.0.1:{control.port}",
                tmp_path / "other.sock",
                partial(add_nodes_service, control.nodes),
                lambda: own,
                control.nodes.is_removed,
                control.clock,
            )
        assert taken.value.code == "address_taken"


def test_the_step_keeps_what_is_there(empty_url: str, open_database: Any) -> None:  # noqa: ANN401
    database = open_database(empty_url)
    upgrade(database, "0008")
    before = database.run_sync(lambda unit: unit.rows("SELECT id FROM plans", {}), PLATFORM)
    upgrade(database)
    after = database.run_sync(lambda unit: unit.rows("SELECT id FROM plans", {}), PLATFORM)
    assert before == after != []
    assert database.run_sync(removed_nodes, PLATFORM) == ()


@pytest.mark.parametrize("text", ["", "vmsnode.", "vmsnode.!!!", "vmsnode.e30=", "x" * 5000])
def test_what_is_no_token_is_told(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        JoinToken.parse(text)
    assert refused.value.code == "node_token_unreadable"
