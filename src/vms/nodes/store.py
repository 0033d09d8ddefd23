"""The authority, the machines that have joined, and tokens that are open."""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    String,
    Table,
    Text,
    delete,
    insert,
    update,
)

from vms.common import Page, Slice
from vms.database import Unit, metadata
from vms.nodes.model import Node
from vms.trust import NodeRole

authorities = Table(
    "node_authorities",
    metadata,
    Column("id", String(23), primary_key=True),
    Column("certificate", Text, nullable=False),
    # Sealed.
    Column("private", LargeBinary, nullable=False),
    Column("made_us", BigInteger, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", String(23), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("role", String(12), nullable=False),
    Column("joined_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    # A removed node's row stays as long as a certificate of it could be shown.
    Column("removed_us", BigInteger, nullable=True),
)

tokens = Table(
    "node_tokens",
    metadata,
    # SHA-256 of the secret.
    Column("hash", String(64), primary_key=True),
    Column("role", String(12), nullable=False),
    Column("creator", Text, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)

_NODE = "id, name, role, joined_us, expires_us"


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """The authority; its key is sealed."""

    id: str
    certificate: str
    private: bytes
    made_us: int


def authority(unit: Unit) -> AuthorityRow | None:
    """Return the installation's authority, where it was made already."""
    rows = unit.rows("SELECT id, certificate, private, made_us FROM node_authorities", {})
    return next((AuthorityRow(i, c, bytes(private), at) for i, c, private, at in rows), None)


def add_authority(unit: Unit, row: AuthorityRow) -> None:
    """Write the authority."""
    unit.execute(
        insert(authorities).values(
            id=row.id, certificate=row.certificate, private=row.private, made_us=row.made_us
        )
    )


def add_token(unit: Unit, hashed: str, role: str, creator: str, expires_us: int) -> None:
    """Write a token."""
    values = {"hash": hashed, "role": role, "creator": creator, "expires_us": expires_us}
    unit.execute(insert(tokens).values(values))


def remove_tokens(unit: Unit, before_us: int) -> None:
    """Forget tokens that ran out."""
    unit.execute(delete(tokens).where(tokens.c.expires_us <= before_us))


def take_token(unit: Unit, hashed: str, now_us: int) -> tuple[NodeRole, str] | None:
    """Use a token up; return its role and who made it."""
    rows = unit.rows(
        "SELECT role, creator FROM node_tokens WHERE hash = :hash AND expires_us > :now",
        {"hash": hashed, "now": now_us},
    )
    unit.execute(delete(tokens).where(tokens.c.hash == hashed))
    return next(((NodeRole(role), creator) for role, creator in rows), None)


def add_node(unit: Unit, node: Node) -> None:
    """Write a machine that joins."""
    unit.execute(
        insert(nodes).values(
            id=node.id,
            name=node.name,
            role=node.role,
            joined_us=node.joined_us,
            expires_us=node.expires_us,
        )
    )


def node(unit: Unit, node_id: str) -> Node | None:
    """Return a machine that is one of us."""
    rows = unit.rows(
        f"SELECT {_NODE} FROM nodes WHERE id = :id AND removed_us IS NULL",  # noqa: S608 - columns
        {"id": node_id},
    )
    return next((_node(row) for row in rows), None)


def is_name_taken(unit: Unit, name: str) -> bool:
    """Tell whether a machine of this name is one of us."""
    rows = unit.rows(
        "SELECT 1 FROM nodes WHERE name = :name AND removed_us IS NULL", {"name": name}
    )
    return bool(rows)


def list_nodes(unit: Unit, page: Page) -> Slice[Node]:
    """Return a page of the machines, in the order in which they joined."""
    rows = unit.rows(
        f"SELECT {_NODE} FROM nodes WHERE removed_us IS NULL AND id > :after"  # noqa: S608 - columns
        " ORDER BY id LIMIT :limit",
        {"after": page.after or "", "limit": page.limit + 1},
    )
    found = tuple(map(_node, rows[: page.limit]))
    return Slice(found, found[-1].id if len(rows) > page.limit else None)


def set_expiry(unit: Unit, node_id: str, expires_us: int) -> None:
    """Write down until when a machine's newest certificate lasts."""
    unit.execute(update(nodes).where(nodes.c.id == node_id).values(expires_us=expires_us))


def remove_node(unit: Unit, node_id: str, now_us: int) -> None:
    """Mark a machine as removed."""
    unit.execute(update(nodes).where(nodes.c.id == node_id).values(removed_us=now_us))


def forget_removed(unit: Unit, now_us: int) -> None:
    """Forget removed machines of which no certificate lasts any more."""
    gone = nodes.c.removed_us.is_not(None) & (nodes.c.expires_us <= now_us)
    unit.execute(delete(nodes).where(gone))


def removed_nodes(unit: Unit) -> tuple[str, ...]:
    """Return the ids of machines that were removed."""
    rows = unit.rows("SELECT id FROM nodes WHERE removed_us IS NOT NULL ORDER BY id", {})
    return tuple(row[0] for row in rows)


def _node(row: tuple[str, str, str, int, int]) -> Node:
    node_id, name, role, joined_us, expires_us = row
    return Node(
        id=node_id,
        name=name,
        role=NodeRole(role),
        joined_us=joined_us,
        expires_us=expires_us,
    )
