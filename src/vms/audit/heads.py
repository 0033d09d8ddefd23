"""Keeps the heads of all chains in a file beside the database."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from vms.audit.model import Mark
from vms.common import InternalError, UnavailableError

FILE_NAME = "audit-heads.json"

_decode = msgspec.json.Decoder(dict[str, Mark]).decode


class HeadFile:
    """``DATA/audit-heads.json``: city -> number and hash of the last sealed line."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE_NAME

    def load(self) -> Mapping[str, Mark]:
        """Return what the file holds; nothing before the first seal."""
        try:
            return _decode(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            raise InternalError(
                f"{self._path} cannot be read: {error}; remove it once `vms audit verify` finds no "
                "other fault, and it is written anew",
                code="audit_heads_damaged",
                values={"file": str(self._path)},
            ) from error

    def save(self, heads: Mapping[str, Mark]) -> None:
        """Replace the file; a crash leaves the old one or the new one."""
        try:
            self._replace(msgspec.json.encode(heads, order="sorted"))
        except OSError as error:
            raise UnavailableError(
                f"{self._path} cannot be written: {error}",
                code="audit_heads_unwritable",
                values={"file": str(self._path)},
            ) from error

    def _replace(self, content: bytes) -> None:
        new = self._path.with_name(f".{FILE_NAME}.new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
