"""Pictures of cases on disk: ``DATA/stills/CASE/ID.still``, sealed as secrets are.

They are sealed because a recording may be encrypted, and its pictures must not lie beside it in
plain. Unlike sheets they cannot be made again: nothing here deletes what a case lists.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from vms.common import InternalError, NotFoundError
from vms.database import Vault
from vms.recording.model import CaseStill

ENDING = ".still"


@dataclass(frozen=True, slots=True)
class StillFiles:
    """The folder of pictures."""

    folder: Path
    vault: Vault

    def write(self, case: str, name: str, data: bytes) -> None:
        """Keep a picture: whole and on disk when this returns, or not at all."""
        path = self._path(case, name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(self.vault.seal(data, _place(case, name)))
                out.flush()
                os.fsync(out.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def read(self, case: str, still: CaseStill) -> bytes:
        """Return a picture; one that is not as it was taken is refused."""
        try:
            sealed = self._path(case, still.id).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(
                f"the file of still {still.id} is gone",
                code="still_file_missing",
                values={"id": still.id},
            ) from None
        data = self.vault.open(sealed, _place(case, still.id))
        if hashlib.sha256(data).hexdigest() != still.sha256:
            raise InternalError(
                f"the file of still {still.id} is not the one that was taken",
                code="still_file_other",
                values={"id": still.id},
            )
        return data

    def forget(self, case: str, name: str) -> None:
        """Delete a picture that no case came to list."""
        self._path(case, name).unlink(missing_ok=True)

    def _path(self, case: str, name: str) -> Path:
        return self.folder / case / f"{name}{ENDING}"


def _place(case: str, name: str) -> tuple[str, ...]:
    return ("stills", case, name)
