"""The keys that sign addresses: made, kept sealed, changed from time to time."""

from vms.admin import Function, Principal
from vms.audit import AuditEntry, record
from vms.common import Clock, InternalError, new_id
from vms.database import PLATFORM, Database, Unit, Vault
from vms.engine import VerifyKey
from vms.outbox import emit
from vms.proto.events import StreamKeyChanged
from vms.streaming.model import LIFETIME_S, AddressSigner
from vms.streaming.store import SigningKeyRow, add_key, keys_since

# A retired key verifies a minute longer than what it signed last.
_KEPT_US = (LIFETIME_S + 60) * 1_000_000
# The engine is told of a new key within a second; nothing is signed by it before.
_KNOWN_US = 10 * 1_000_000
_ROTATE_US = 30 * 86_400 * 1_000_000


class AddressKeys:
    """Knows which key signs and which keys verify."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._opened: dict[str, AddressSigner] = {}

    async def ensure(self) -> None:
        """Make the first key of an installation."""

        def work(unit: Unit) -> None:
            if not self._rows(unit):
                self._add(unit)

        await self._database.run(work, PLATFORM)

    async def rotate(self, who: Principal) -> str:
        """Let a new key sign from now on; returns its id."""

        def work(unit: Unit) -> str:
            key_id = self._add(unit)
            entry = AuditEntry(
                actor=who.actor,
                action="stream_signing_key.rotate",
                object=f"stream_signing_key:{key_id}",
                city=None,
            )
            record(unit, entry, self._clock)
            emit(unit, StreamKeyChanged(city=None, at_us=self._clock.utc_us(), key=key_id))
            return key_id

        who.require(Function.SYSTEM_MANAGE)
        return await self._database.run(work, PLATFORM)

    async def maintain(self) -> bool:
        """Change a key that is old; tell whether the engine must be told."""

        def work(unit: Unit) -> bool:
            rows = self._rows(unit)
            old = not rows or rows[0].made_us + _ROTATE_US <= self._clock.utc_us()
            if old:
                self._add(unit)
            return old

        return await self._database.run(work, PLATFORM)

    def signer(self, unit: Unit) -> AddressSigner:
        """Return the key that signs now: the newest that the engine surely knows."""
        rows = self._rows(unit)
        if not rows:
            raise InternalError("no key signs stream addresses; start vms up once")
        known = [row for row in rows if row.made_us + _KNOWN_US <= self._clock.utc_us()]
        return self._open((known or rows[-1:])[0])

    def verify_keys(self, unit: Unit) -> tuple[VerifyKey, ...]:
        """Return the public keys of all addresses that have not run out."""
        return tuple(VerifyKey(row.id, row.public) for row in self._rows(unit))

    def _rows(self, unit: Unit) -> list[SigningKeyRow]:
        return keys_since(unit, self._clock.utc_us() - _KEPT_US)

    def _add(self, unit: Unit) -> str:
        key_id, private = new_id(), AddressSigner.new_private()
        signer = AddressSigner(key_id, private)
        sealed = self._vault.seal(private, _where(key_id))
        add_key(unit, SigningKeyRow(key_id, sealed, signer.public, self._clock.utc_us(), None))
        return key_id

    def _open(self, row: SigningKeyRow) -> AddressSigner:
        if row.id not in self._opened:
            private = self._vault.open(row.private, _where(row.id))
            self._opened[row.id] = AddressSigner(row.id, private)
        return self._opened[row.id]


def _where(key_id: str) -> tuple[str, ...]:
    return ("stream_signing_keys", "private", key_id)
