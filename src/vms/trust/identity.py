"""Who this machine is among the others: one file, so that key and certificate stay a pair."""

from pathlib import Path

import msgspec

from vms.common import InternalError, NotFoundError, UnauthenticatedError
from vms.trust.authority import RENEWED_BEFORE, peer_of, time_of
from vms.trust.files import write_private
from vms.trust.model import Peer

FOLDER = "node"
FILE = "node.json"
AUTHORITY_FILE = "authority.pem"


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Key, certificate and the authority's certificate, all PEM."""

    key: str
    certificate: str
    authority: str
    # HOST:PORT where the control machine answers those who joined.
    control: str = ""

    @property
    def peer(self) -> Peer:
        """Whom the certificate names."""
        return peer_of(self.certificate.encode())

    def is_due(self, now_us: int) -> bool:
        """Tell whether the certificate is to be renewed."""
        return time_of(now_us) >= time_of(self.peer.ends_us) - RENEWED_BEFORE

    def check_end(self, now_us: int) -> None:
        """Refuse to go on with a certificate that has ended."""
        if now_us >= self.peer.ends_us:
            ended = time_of(self.peer.ends_us).strftime("%Y-%m-%d %H:%MZ")
            raise UnauthenticatedError(
                f"the certificate of this node ended at {ended}; remove the node and join again",
                code="certificate_ended",
                values={"ended": ended},
            )


class IdentityFile:
    """``DATA/node/node.json`` and the authority beside it, 0600 in a folder of 0700."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER
        self.path = self.folder / FILE
        self.authority = self.folder / AUTHORITY_FILE

    def save(self, identity: Identity) -> None:
        """Replace what is there."""
        self.save_authority(identity.authority)
        write_private(self.path, msgspec.json.encode(identity))

    def save_authority(self, certificate: str) -> None:
        """Tell the engine by whom it knows other machines."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.authority, certificate.encode())

    def load(self) -> Identity:
        """Return who this machine is, or say how it becomes somebody."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Identity)
        except FileNotFoundError:
            raise NotFoundError(
                f"this machine has not joined an installation: there is no {self.path}; "
                "make a token with vms node token and run vms node join TOKEN",
                code="not_joined",
                values={"file": str(self.path)},
            ) from None
        except msgspec.MsgspecError as error:
            raise InternalError(
                f"{self.path} cannot be read: {error}; remove it and join again",
                code="node_file_broken",
                values={"file": str(self.path)},
            ) from None
