"""Machines of an installation: who joined, who was removed, and the authority that says so."""

from vms.nodes.model import NewNodeToken, Node, NodeTokenDraft
from vms.nodes.server import add_nodes_service, methods_of
from vms.nodes.service import TOKEN_LASTS_US, Nodes

__all__ = [
    "TOKEN_LASTS_US",
    "NewNodeToken",
    "Node",
    "NodeTokenDraft",
    "Nodes",
    "add_nodes_service",
    "methods_of",
]
