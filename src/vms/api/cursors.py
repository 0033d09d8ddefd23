"""Cursors: a store's own key of the last item seen, wrapped so that only ours come back.

The signature is no secret's guard: who holds a cursor sees no more than his
permissions show. It lets a store trust the form of what it reads.
"""

import base64
import binascii
import hashlib
import hmac

from vms.api.inputs import ListQuery
from vms.common import InvalidError, Page

_SIGNATURE_BYTES = 8


class Cursors:
    """Writes and reads cursors."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"vms cursor" + key).digest()

    def write(self, after: str) -> str:
        """Return ``after`` as a cursor."""
        told = after.encode()
        return base64.urlsafe_b64encode(self._signature(told) + told).rstrip(b"=").decode()

    def read(self, cursor: str) -> str:
        """Return what ``write`` wrapped."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _not_ours() from None
        signature, told = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(told)):
            raise _not_ours()
        return told.decode()

    def page(self, query: ListQuery) -> Page:
        """Return the page that a query asks for."""
        return Page(query.limit, None if query.cursor is None else self.read(query.cursor))

    def _signature(self, told: bytes) -> bytes:
        return hashlib.blake2s(told, key=self._key, digest_size=_SIGNATURE_BYTES).digest()


def _not_ours() -> InvalidError:
    return InvalidError(
        "the cursor is none of ours; take next of the page before", code="cursor_invalid"
    )
