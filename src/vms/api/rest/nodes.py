"""``/api/v1/nodes``: the machines of the installation."""

from typing import Annotated

import msgspec
from fastapi import Response

from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller, Visitor
from vms.api.inputs import ListQuery, body, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.common import From, id_in_path
from vms.api.state import State
from vms.nodes import NewNodeToken, Node, NodeTokenDraft
from vms.trust import JoinDraft, Joined, NodeRole

ops = Operations("/api/v1/nodes", tag="nodes")


class NodePage(msgspec.Struct, frozen=True):
    """A page of machines."""

    items: list[Node]
    next: str | None = None


NodeName = Annotated[str, id_in_path("node", "The node's id.")]

_AT_US = 1_700_000_000_000_000
_PEM = "-----BEGIN {0}-----\nMIIB...\n-----END {0}-----\n"
_CERTIFICATE = _PEM.format("CERTIFICATE")
_NODE = Node(
    id=examples.ID,
    name="media-2",
    role=NodeRole.MEDIA,
    joined_us=_AT_US,
    expires_us=_AT_US + 2_592_000_000_000,
)


@ops.get("", summary="Machines", answer=NodePage, example=NodePage([_NODE]))
async def list_nodes(
    who: Caller, asked: Annotated[ListQuery, query(ListQuery)], state: State
) -> Response:
    """Return the machines that have joined, in their order."""
    found = await state.own.nodes.list(who, state.cursors.page(asked))
    return answer_page(found, asked, state.cursors, Node)


@ops.post(
    "/tokens",
    summary="Let a machine join",
    status=201,
    answer=NewNodeToken,
    example=NewNodeToken(
        token="vmsnode.eyJ1Ijoi...", role="media", expires_us=_AT_US + 900_000_000
    ),
    sent=NodeTokenDraft(role="media"),
)
async def create_node_token(
    who: Caller, draft: Annotated[NodeTokenDraft, body(NodeTokenDraft)], state: State
) -> Response:
    """Make a token by which one machine joins, once, within 15 minutes. It is shown once."""
    return answer(await state.own.nodes.create_token(who, draft), status=201)


@ops.post(
    "/join",
    summary="Join",
    status=201,
    answer=Joined,
    example=Joined(
        node=examples.ID,
        certificate=_CERTIFICATE,
        authority=_CERTIFICATE,
        control="vms.example:50052",
    ),
    sent=JoinDraft(
        secret="5Rk0o8nTtVxq",
        name="media-2",
        request=_PEM.format("CERTIFICATE REQUEST"),
    ),
    refusals=frozenset({401, 409}),
)
async def join_nodes(
    _: Visitor, draft: Annotated[JoinDraft, body(JoinDraft)], visit: From, state: State
) -> Response:
    """Become a node: for machines that hold a token; ``vms node join`` asks this."""
    return answer(await state.own.nodes.join(draft, visit.address), status=201)


@ops.delete("/{node}", summary="Remove a machine", status=204)
async def remove_node(who: Caller, node: NodeName, state: State) -> Response:
    """Take a machine out: its certificate is refused within seconds, everywhere."""
    await state.own.nodes.remove(who, node)
    return no_content()
