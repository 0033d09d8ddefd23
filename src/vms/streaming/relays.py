"""STUN and TURN servers for browsers, with passwords that run out by themselves.

The password is what "A REST API For Access To TURN Services"
(draft-uberti-behave-turn-rest-00, section 2.2) says: the user name is the time
of its end in seconds of UTC and whom it is for, the password its HMAC-SHA1
under a secret that the TURN server knows too (coturn: ``static-auth-secret``).
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vms.common import Clock, InvalidError

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class IceServer:
    """One entry of the browser's ``iceServers``; STUN has neither name nor password."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


class Relays:
    """Gives each viewer the servers, and a password of his own."""

    def __init__(
        self, urls: Sequence[str] = (), secret: bytes = b"", lifetime_s: int = 43_200
    ) -> None:
        self._stun = tuple(url for url in urls if url.startswith("stun"))
        self._turn = tuple(url for url in urls if url.startswith("turn"))
        self._secret = secret
        self._lifetime_s = lifetime_s

    @classmethod
    def open(cls, urls: Sequence[str], secret_file: str, lifetime_s: int) -> Self:
        """Read the secret; a file that cannot be read is refused by its name."""
        if not secret_file:
            return cls(urls, lifetime_s=lifetime_s)
        try:
            secret = Path(secret_file).read_bytes().strip()
        except OSError as error:
            raise _refused(secret_file, error.strerror or str(error)) from None
        if not secret:
            raise _refused(secret_file, "it is empty")
        return cls(urls, secret, lifetime_s)

    def of(self, viewer: str, clock: Clock) -> tuple[IceServer, ...]:
        """Return the servers for one viewer; none where none are set."""
        servers = [IceServer(self._stun)] if self._stun else []
        if self._turn:
            username = f"{clock.utc_us() // _SECOND_US + self._lifetime_s}:{viewer}"
            digest = hmac.digest(self._secret, username.encode(), "sha1")
            servers.append(IceServer(self._turn, username, base64.b64encode(digest).decode()))
        return tuple(servers)


def _refused(file: str, why: str) -> InvalidError:
    return InvalidError(
        f"webrtc.turn_secret_file {file} cannot be used: {why}",
        code="config_unreadable",
        values={"file": file},
    )
