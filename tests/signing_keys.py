"""RSA keys made once a process: a test that signs needs one, seldom one that nobody had before."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from vms.admin import keyring

# More than any one test makes, so that within a test each is another.
SPARE = 8


class SpareKeys:
    """What the key ring uses of ``RSAKey``; making one takes 0.1 s, reading one half of that."""

    def __init__(self) -> None:
        self._made: list[RSAKey] = []
        self._turns = cycle(range(SPARE))
        self._read: dict[bytes, RSAKey] = {}

    def generate_key(self, bits: int) -> RSAKey:
        """Return the next one."""
        turn = next(self._turns)
        if turn == len(self._made):
            self._made.append(RSAKey.generate_key(bits))
        return self._made[turn]

    def import_key(self, told: bytes | dict[str, Any]) -> RSAKey:
        """Return a key as it was written."""
        if isinstance(told, dict):
            return RSAKey.import_key(told)
        if told not in self._read:
            self._read[told] = RSAKey.import_key(told)
        return self._read[told]


@pytest.fixture(scope="session", autouse=True)
def spare_keys() -> Iterator[None]:
    """Let every key ring of this process take its keys from the same few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "RSAKey", SpareKeys())
        yield
