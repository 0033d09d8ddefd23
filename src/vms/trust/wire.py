"""What goes between a machine that joins, or has joined, and the control machine.

Joining is a request of the REST API; ``vms.nodes.v1`` is gRPC with JSON, as its
messages are few and small.
"""

import base64
import binascii
import string
from typing import Annotated

import msgspec
from msgspec import Meta

from vms.common import InvalidError
from vms.trust.model import NAME_PATTERN

TOKEN_START = "vmsnode."  # noqa: S105 - how one begins
LONGEST_TOKEN = 2048
LONGEST_REQUEST = 4096

NameText = Annotated[
    str, Meta(pattern=f"^{NAME_PATTERN}$", description="The name of the machine, its own.")
]
RequestText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_REQUEST,
        description="The request for its certificate: PKCS #10 in PEM, of a P-256 key.",
    ),
]
SecretText = Annotated[
    str, Meta(min_length=1, max_length=100, description="The secret that the token holds.")
]


class JoinDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a machine that wants to join sends."""

    secret: SecretText
    name: NameText
    request: RequestText


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """What it gets: its id, its certificate and the authority's, and where to renew."""

    node: str
    certificate: str
    authority: str
    control: str


class RenewRequest(msgspec.Struct, frozen=True):
    """A request for the next certificate."""

    request: RequestText


class Renewed(msgspec.Struct, frozen=True):
    """The next certificate."""

    certificate: str


class RemovedRequest(msgspec.Struct, frozen=True):
    """Who was removed? The answer goes on, whenever it changes."""


class RemovedNodes(msgspec.Struct, frozen=True):
    """The ids of nodes whose certificates are refused."""

    nodes: tuple[str, ...]


class JoinToken(msgspec.Struct, frozen=True, rename={
    "url": "u", "pin": "p", "authority": "a", "secret": "s",
}):  # fmt: skip
    """All that a machine needs to join, and to know that it joins the right installation."""

    # Where the API answers, https://HOST:PORT.
    url: str
    # SHA-256 of the certificate that is shown there; empty: one of a public authority.
    pin: str
    # SHA-256 of the certificate of the installation's own authority.
    authority: str
    secret: str

    def __str__(self) -> str:
        """Return it as people carry it."""
        return TOKEN_START + base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()

    @classmethod
    def parse(cls, text: str) -> "JoinToken":
        """Read what ``str`` wrote."""
        text = text.strip(string.whitespace)
        try:
            if text.startswith(TOKEN_START) and len(text) <= LONGEST_TOKEN:
                plain = base64.urlsafe_b64decode(text.removeprefix(TOKEN_START))
                return msgspec.json.decode(plain, type=cls)
        except (binascii.Error, ValueError):
            pass
        raise InvalidError(
            "this is no token of vms node token; it begins with vmsnode. and is one word",
            code="node_token_unreadable",
        )
