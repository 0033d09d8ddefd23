"""``vms.nodes.v1``: what the control machine answers those who have joined."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import msgspec

from vms.nodes.service import Nodes
from vms.trust import (
    NODES,
    RemovedNodes,
    RemovedRequest,
    Renewed,
    RenewRequest,
    caller,
)

# Nodes are removed by other processes too: the database is what all of them share.
LOOK_EVERY_S = 1.0

Context = grpc.aio.ServicerContext[Any, Any]


def methods_of(nodes: Nodes) -> dict[str, Any]:
    """Return the methods of the service, by name."""

    async def renew(request: RenewRequest, _context: Context) -> Renewed:
        return Renewed(await nodes.renew(caller(), request.request))

    async def removed(_request: RemovedRequest, _context: Context) -> AsyncIterator[RemovedNodes]:
        told: tuple[str, ...] | None = None
        while True:
            now = await nodes.removed()
            if now != told:
                told = now
                yield RemovedNodes(now)
            await asyncio.sleep(LOOK_EVERY_S)

    return {
        "Renew": grpc.unary_unary_rpc_method_handler(
            renew,
            msgspec.json.Decoder(RenewRequest).decode,
            msgspec.json.encode,
        ),
        "Removed": grpc.unary_stream_rpc_method_handler(
            removed,
            msgspec.json.Decoder(RemovedRequest).decode,
            msgspec.json.encode,
        ),
    }


def add_nodes_service(nodes: Nodes, server: grpc.aio.Server) -> None:
    """Let a server answer nodes."""
    handler = grpc.method_handlers_generic_handler(NODES.removeprefix("/"), methods_of(nodes))
    server.add_generic_rpc_handlers((handler,))
