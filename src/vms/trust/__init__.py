"""Machines that trust each other: certificates, TLS, and who may call what.

The control machine has the authority and the database (``vms.nodes``); the
others have what is here.
"""

from vms.trust.authority import Authority, fingerprint, new_request, peer_of
from vms.trust.channel import DIALLED, LISTENED, NodeServer, dial, serve_nodes, start_private
from vms.trust.entrance import CERTIFICATE_FILE, Entrance, entrance_of, speaks_tls
from vms.trust.files import write_private
from vms.trust.guard import Guard, IsRemoved, caller
from vms.trust.identity import Identity, IdentityFile
from vms.trust.joining import join
from vms.trust.member import Member
from vms.trust.model import (
    CONTROL_HOST,
    JOINING,
    NAME_PATTERN,
    NODES,
    RIGHTS,
    NodeRole,
    Peer,
    host_of,
    node_name,
)
from vms.trust.status import ERROR_KEY, abort, error_from, error_metadata, grpc_code
from vms.trust.wire import (
    JoinDraft,
    Joined,
    JoinToken,
    RemovedNodes,
    RemovedRequest,
    Renewed,
    RenewRequest,
)

__all__ = [
    "CERTIFICATE_FILE",
    "CONTROL_HOST",
    "DIALLED",
    "ERROR_KEY",
    "JOINING",
    "LISTENED",
    "NAME_PATTERN",
    "NODES",
    "RIGHTS",
    "Authority",
    "Entrance",
    "Guard",
    "Identity",
    "IdentityFile",
    "IsRemoved",
    "JoinDraft",
    "JoinToken",
    "Joined",
    "Member",
    "NodeRole",
    "NodeServer",
    "Peer",
    "RemovedNodes",
    "RemovedRequest",
    "RenewRequest",
    "Renewed",
    "abort",
    "caller",
    "dial",
    "entrance_of",
    "error_from",
    "error_metadata",
    "fingerprint",
    "grpc_code",
    "host_of",
    "join",
    "new_request",
    "node_name",
    "peer_of",
    "serve_nodes",
    "speaks_tls",
    "start_private",
    "write_private",
]
