"""Machines of one installation: what each may ask of another. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vms.common import InvalidError

ENGINE = "/vms.engine.v1.Engine"
NODES = "/vms.nodes.v1.Nodes"
RENEW = f"{NODES}/Renew"
REMOVED = f"{NODES}/Removed"

NAME_PATTERN = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# Names in certificates lie in a domain that no server on the net can have (ICANN keeps
# `internal` for private use).
_DOMAIN = "vms.internal"
_NAME = re.compile(NAME_PATTERN)


class NodeRole(StrEnum):
    """What a machine is there for."""

    # The machine with the database; no token makes another one.
    CONTROL = "control"
    MEDIA = "media"
    STREAM = "stream"
    OBSERVER = "observer"


JOINING = frozenset({NodeRole.MEDIA, NodeRole.STREAM, NodeRole.OBSERVER})
# These answer others; the certificates of the rest are no server's.
SERVING = frozenset({NodeRole.CONTROL, NodeRole.MEDIA})

_WATCHING = frozenset({NodeRole.CONTROL, NodeRole.OBSERVER})

# Which role may call which method. What does not stand here is refused.
RIGHTS: Mapping[str, frozenset[NodeRole]] = {
    f"{ENGINE}/Describe": _WATCHING | {NodeRole.STREAM},
    f"{ENGINE}/Apply": frozenset({NodeRole.CONTROL}),
    f"{ENGINE}/Revoke": frozenset({NodeRole.CONTROL}),
    f"{ENGINE}/Recording": frozenset({NodeRole.CONTROL}),
    f"{ENGINE}/Streams": _WATCHING | {NodeRole.STREAM},
    f"{ENGINE}/Events": _WATCHING,
    f"{ENGINE}/Metrics": _WATCHING,
    RENEW: JOINING,
    REMOVED: JOINING,
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A machine, as its certificate names it."""

    node: str
    name: str
    role: NodeRole
    # The certificate's end.
    ends_us: int = 0

    @property
    def host(self) -> str:
        """The name in its certificate, by which who calls it checks whom he reached."""
        return host_of(self.name, self.role)


def host_of(name: str, role: NodeRole) -> str:
    """Return the name in the certificate of a node."""
    return f"{name}.{role}.{_DOMAIN}"


CONTROL_HOST = host_of(NodeRole.CONTROL, NodeRole.CONTROL)


def node_name(text: str) -> str:
    """Return a node's name, or say what one is."""
    if _NAME.fullmatch(text) is None:
        raise InvalidError(
            f"{text!r} is no name of a node: a-z, 0-9 and - inside, at most 63",
            code="node_name",
            values={"name": text},
        )
    return text
