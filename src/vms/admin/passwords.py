"""Passwords: what a good one is, and how they are hashed and checked.

Hashing takes 19 MiB each (argon2id, the parameters that OWASP recommends), so
only a few are hashed at once, in threads of their own; more than a crowd of
callers waiting is refused. The parameters stand in each hash, and a hash with
others than today's is made again at the next sign-in.
"""

import asyncio
import itertools
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vms.common import InvalidError, TooManyError

SHORTEST = 12
LONGEST = 256
# A login shorter than this is part of too many words to forbid it.
_SHORTEST_LOGIN = 4
# How much a password must hold beside the login.
_BESIDE_LOGIN = 6


@dataclass(frozen=True, slots=True)
class HashSettings:
    """The cost of one hash, and how many are made at once."""

    time_cost: int = 2
    memory_kib: int = 19 * 1024
    at_once: int = 2
    # Strangers; as many again who are known may wait beside them.
    waiting: int = 64


def check_password(password: str, login: str) -> None:
    """Refuse a password that is too short, known to everybody, or the login."""
    plain = _plain(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise InvalidError(
            f"a password has {SHORTEST} to {LONGEST} characters, this one {len(plain)}",
            code="password_length",
            values={"least": SHORTEST, "most": LONGEST},
        )
    if is_known_bad(password):
        raise InvalidError(
            "this password is among the first that anybody tries; take another",
            code="password_known_bad",
        )
    name = login.partition("@")[0].casefold()
    if len(name) >= _SHORTEST_LOGIN and name in plain.casefold():
        rest = plain.casefold().replace(name, "")
        if len(rest) < _BESIDE_LOGIN:
            raise InvalidError("the password is little more than the login", code="password_login")


def is_known_bad(password: str) -> bool:
    """Tell whether a password is on the list, a run, or a short piece repeated."""
    plain = _plain(password).casefold()
    letters = "".join(char for char in plain if char.isalnum())
    core = letters.strip("0123456789")
    return (
        not _known_bad().isdisjoint({plain, letters, core})
        or _is_run(letters)
        or len(_unit(plain)) < SHORTEST
    )


def _plain(password: str) -> str:
    """Return a password as it is hashed: the same however a keyboard composes it."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    # What JSON can hold and UTF-8 cannot is a wrong password, not a failure.
    return _plain(password).encode("utf-8", "surrogatepass")


def _is_run(text: str) -> bool:
    """Tell whether each character follows the one before: ``abcdef``, ``987654``, ``890123``."""
    steps = {
        (ord(after) - ord(before)) % 10 if (before + after).isdigit() else ord(after) - ord(before)
        for before, after in itertools.pairwise(text)
    }
    return len(steps) <= 1 and steps <= {0, 1, -1, 9}


def _unit(text: str) -> str:
    """Return the shortest piece whose repetition makes up the text."""
    return text[: (text + text).find(text, 1)]


@cache
def _known_bad() -> frozenset[str]:
    text = resources.files("vms.admin").joinpath("known_bad.txt").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


class Passwords:
    """Makes and checks hashes, a few at once."""

    def __init__(self, settings: HashSettings | None = None) -> None:
        self._settings = settings or HashSettings()
        self._hasher = PasswordHasher(
            time_cost=self._settings.time_cost,
            memory_cost=self._settings.memory_kib,
            parallelism=1,
        )
        self._threads = ThreadPoolExecutor(self._settings.at_once, "password")
        self._inside = 0
        # What an unknown login is checked against: the same work, never the right password.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        return await self._run(password, None, known=True)

    async def matches(self, password: str, hashed: str | None, *, known: bool = False) -> bool:
        """Check a password; with no hash do the same work for nothing.

        ``known``: who asks has been here before; strangers leave places for him.
        """
        found = await self._run(password, hashed or self._nobodys, known=known)
        return bool(found) and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def hash_sync(self, password: str) -> str:
        """Return the hash of a password, in the thread that asks: for commands."""
        return self._hasher.hash(_bytes(password))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    async def _run(self, password: str, hashed: str | None, *, known: bool) -> str:
        waiting = self._settings.waiting * (2 if known else 1)
        if self._inside >= self._settings.at_once + waiting:
            raise TooManyError(
                f"{self._inside} passwords are being checked; try again in a moment",
                code="sign_in_busy",
            )
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._work, password, hashed
            )
        finally:
            self._inside -= 1

    def _work(self, password: str, hashed: str | None) -> str:
        """Hash, or return the hash that matches; nothing where it does not."""
        # Longer ones were never accepted, and hashing them would cost time.
        plain = _bytes(password[: LONGEST + 1])
        if hashed is None:
            return self._hasher.hash(plain)
        try:
            self._hasher.verify(hashed, plain)
        except (VerificationError, InvalidHashError):
            return ""
        return hashed
