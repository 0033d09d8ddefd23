"""Machines that have joined, as they are shown. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from vms.trust.model import JOINING, NodeRole

JOINING_ROLES = "|".join(sorted(JOINING))


class NodeTokenDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the machine that may join will be there for."""

    role: Annotated[
        str, Meta(pattern=f"^({JOINING_ROLES})$", description="media, stream or observer.")
    ]


class NewNodeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token by which one machine joins once. It is shown here only."""

    token: str
    role: str
    expires_us: int


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that has joined."""

    id: str
    name: str
    role: NodeRole
    joined_us: int
    # The end of its newest certificate; a machine that is away so long joins anew.
    expires_us: int
