"""Use cases of machines: the platform's people let them in, and take them out."""

import hashlib
import secrets
from collections.abc import Callable

from vms import audit
from vms.admin import Function, Principal
from vms.audit import AuditEntry, AuditOutcome
from vms.common import (
    Clock,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    Page,
    Slice,
    UnauthenticatedError,
    new_id,
)
from vms.database import PLATFORM, Database, Unit, Vault
from vms.nodes import store
from vms.nodes.model import NewNodeToken, Node, NodeTokenDraft
from vms.trust import (
    Authority,
    Entrance,
    Identity,
    JoinDraft,
    Joined,
    JoinToken,
    NodeRole,
    Peer,
    fingerprint,
    new_request,
    node_name,
    peer_of,
)

TOKEN_LASTS_US = 15 * 60 * 1_000_000
ANYBODY = "anonymous"


class Nodes:
    """Lets machines in by one-use tokens, renews their certificates, takes them out."""

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, entrance: Callable[[], Entrance]
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._entrance = entrance

    async def create_token(self, who: Principal, draft: NodeTokenDraft) -> NewNodeToken:
        """Make a token by which one machine joins within a quarter of an hour."""
        who.require(Function.SYSTEM_MANAGE)
        entrance, secret = self._entrance(), secrets.token_urlsafe(32)
        expires_us = self._clock.utc_us() + TOKEN_LASTS_US

        def work(unit: Unit) -> Authority:
            store.remove_tokens(unit, self._clock.utc_us())
            store.add_token(unit, _hash(secret), draft.role, who.actor, expires_us)
            self._line(unit, who.actor, "node.token", "nodes", who.address, role=draft.role)
            return self._authority(unit)

        authority = await self._database.run(work, PLATFORM)
        token = JoinToken(entrance.url, entrance.pin, fingerprint(authority.certificate), secret)
        return NewNodeToken(token=str(token), role=draft.role, expires_us=expires_us)

    async def join(self, draft: JoinDraft, address: str) -> Joined:
        """Let in who holds a token; it is used up, even where the name is taken."""
        entrance = self._entrance()

        def work(unit: Unit) -> Joined | ConflictError | UnauthenticatedError:
            now_us = self._clock.utc_us()
            taken = store.take_token(unit, _hash(draft.secret), now_us)
            if taken is None:
                self._line(unit, ANYBODY, "node.join", "nodes", address, outcome="denied")
                return UnauthenticatedError(
                    "this token is none, has run out or was used; make a new one with "
                    "vms node token",
                    code="node_token_unknown",
                )
            role, creator = taken
            if store.is_name_taken(unit, draft.name):
                self._line(unit, creator, "node.join", "nodes", address, outcome="denied")
                return ConflictError(
                    f"there is a node {draft.name} already; remove it, or join under another "
                    "name with a new token",
                    code="node_name_taken",
                    values={"name": draft.name},
                )
            peer = Peer(new_id(), node_name(draft.name), role)
            authority = self._authority(unit)
            certificate = authority.issue(draft.request, peer, now_us)
            made = Node(
                id=peer.node,
                name=peer.name,
                role=role,
                joined_us=now_us,
                expires_us=peer_of(certificate.encode()).ends_us,
            )
            store.add_node(unit, made)
            self._line(unit, creator, "node.join", _thing(made.id), address, role=role)
            return Joined(
                node=made.id,
                certificate=certificate,
                authority=authority.certificate,
                control=entrance.control,
            )

        found = await self._database.run(work, PLATFORM)
        # Raised out here, so that the line and the use of the token stay.
        if not isinstance(found, Joined):
            raise found
        return found

    async def list(self, who: Principal, page: Page) -> Slice[Node]:
        """Return a page of the machines that have joined."""
        who.require(Function.SYSTEM_READ)
        return await self._database.run(
            lambda unit: store.list_nodes(unit, page), PLATFORM, read=True
        )

    async def remove(self, who: Principal, node_id: str) -> None:
        """Take a machine out: its certificate is refused from now on."""
        who.require(Function.SYSTEM_MANAGE)

        def work(unit: Unit) -> None:
            if store.node(unit, node_id) is None:
                raise NotFoundError(
                    f"there is no node {node_id}", code="node_unknown", values={"id": node_id}
                )
            now_us = self._clock.utc_us()
            store.remove_node(unit, node_id, now_us)
            store.forget_removed(unit, now_us)
            self._line(unit, who.actor, "node.remove", _thing(node_id), who.address)

        await self._database.run(work, PLATFORM)

    async def renew(self, peer: Peer, request: str) -> str:
        """Return the next certificate of a machine."""

        def work(unit: Unit) -> str:
            if store.node(unit, peer.node) is None:
                raise ForbiddenError(f"node {peer.name} was removed", code="node_removed")
            certificate = self._authority(unit).issue(request, peer, self._clock.utc_us())
            store.set_expiry(unit, peer.node, peer_of(certificate.encode()).ends_us)
            self._line(unit, _thing(peer.node), "node.renew", _thing(peer.node), "")
            return certificate

        return await self._database.run(work, PLATFORM)

    async def is_removed(self, peer: Peer) -> bool:
        """Tell whether a machine is none of us any more."""
        return await self._database.run(
            lambda unit: store.node(unit, peer.node) is None, PLATFORM, read=True
        )

    async def removed(self) -> tuple[str, ...]:
        """Return the ids of machines that were removed."""
        return await self._database.run(store.removed_nodes, PLATFORM, read=True)

    async def own_identity(self) -> Identity:
        """Return a new identity of the control machine. It lies on no disk."""
        key, request = new_request()
        authority = await self._database.run(self._authority, PLATFORM)
        own = Peer(NodeRole.CONTROL, NodeRole.CONTROL, NodeRole.CONTROL)
        certificate = authority.issue(request, own, self._clock.utc_us())
        return Identity(key=key, certificate=certificate, authority=authority.certificate)

    def _authority(self, unit: Unit) -> Authority:
        """Return the installation's authority; the first time it is made."""
        row = store.authority(unit)
        if row is not None:
            key = self._vault.open(row.private, _where(row.id))
            return Authority(row.certificate, key.decode())
        made, made_id, now_us = Authority.new(self._clock.utc_us()), new_id(), self._clock.utc_us()
        sealed = self._vault.seal(made.key.encode(), _where(made_id))
        store.add_authority(unit, store.AuthorityRow(made_id, made.certificate, sealed, now_us))
        return made

    def _line(
        self,
        unit: Unit,
        actor: str,
        action: str,
        thing: str,
        address: str,
        *,
        outcome: AuditOutcome = "ok",
        **details: str,
    ) -> None:
        entry = AuditEntry(
            actor=actor,
            action=action,
            object=thing,
            city=None,
            outcome=outcome,
            address=address,
            details=details,
        )
        audit.record(unit, entry, self._clock)


def _hash(secret: str) -> str:
    return hashlib.sha256(f"node token\n{secret}".encode("utf-8", "surrogatepass")).hexdigest()


def _thing(node_id: str) -> str:
    return f"node:{node_id}"


def _where(authority_id: str) -> tuple[str, ...]:
    return ("node_authorities", "private", authority_id)
