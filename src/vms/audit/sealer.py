"""The one writer of the chains: each second it numbers, hashes and seals what is new."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from vms.audit import keyring, store
from vms.audit.keys import SigningKey
from vms.audit.model import (
    SYSTEM,
    AuditEntry,
    Head,
    Line,
    Mark,
    Seal,
    canonical_seal,
    hash_of_line,
    line_of,
)
from vms.audit.ports import HeadKeeper
from vms.common import Clock, ConflictError, InternalError, VmsError, new_id
from vms.database import PLATFORM, Database, Unit, Vault
from vms.telemetry import get_logger

log = get_logger(__name__)

PERIOD_S = 1.0
# A transaction is so long at most; others that write to SQLite wait for it.
BATCH = 1_000
# A writer that says nothing for so long has lost its place to another.
LEASE_US = 10_000_000

ROLLBACK_FOUND = "audit.rollback_found"

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What one transaction did."""

    lines: int
    head: Head


class Sealer:
    """Seals the waiting lines of all chains. Several may run; one of them writes."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        heads: HeadKeeper,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._database = database
        self._vault = vault
        self._keeper = heads
        self._clock = clock
        self._sleep = sleep
        self._id = new_id()
        self._heads: dict[str, Mark] | None = None
        self._working = True
        # Whether the heads are kept as they are.
        self._kept = True

    async def run(self) -> None:
        """Seal each second, for ever; while database or disk fail, lines wait to be sealed."""
        while True:
            try:
                await self.seal_waiting()
            except VmsError as error:
                if self._working:
                    log.warning("audit_sealer_waits", code=error.code, reason=error.message)
                self._working = False
            else:
                if not self._working:
                    log.info("audit_sealer_resumed")
                self._working = True
            await self._sleep(PERIOD_S)

    async def seal_waiting(self) -> int:
        """Seal whatever waits now; return how many lines that were."""
        cities = await self._database.run(store.chains_waiting, PLATFORM, read=True)
        if not cities and self._kept:
            return 0
        heads = await self._remembered()
        lines = 0
        for city in cities:
            try:
                lines += await self._seal_city(city, heads)
            except (ConflictError, ValueError) as error:
                # Somebody wrote into this chain; the other cities go on.
                log.warning("audit_chain_blocked", city=city, reason=str(error))
        self._kept = self._kept and lines == 0
        if not self._kept:
            await asyncio.to_thread(self._keeper.save, heads)
            self._kept = True
        return lines

    async def _remembered(self) -> dict[str, Mark]:
        if self._heads is None:
            try:
                self._heads = dict(await asyncio.to_thread(self._keeper.load))
            except InternalError as error:
                # Sealing goes on without what was remembered: to stop would lose more.
                log.warning("audit_heads_forgotten", reason=error.message)
                self._heads = {}
        return self._heads

    async def _seal_city(self, city: str, heads: dict[str, Mark]) -> int:
        lines = 0
        while True:
            work = partial(self._seal_batch, city=city, kept=heads.get(city))
            done = await self._database.run(work, PLATFORM)
            if done is None:
                return lines
            heads[city] = Mark(done.head.last, done.head.hash)
            lines += done.lines
            if done.lines < BATCH:
                return lines

    def _seal_batch(self, unit: Unit, city: str, kept: Mark | None) -> _Sealed | None:
        """Seal the oldest lines of one chain; nothing where another sealer writes."""
        now_us = self._clock.utc_us()
        if not store.take_lease(unit, self._id, now_us, now_us + LEASE_US):
            return None
        head = store.last_head(unit, city)
        if kept is not None:
            self._check_rollback(unit, head, kept)
        lines = store.waiting_lines(unit, city, BATCH)
        if not lines:
            return _Sealed(0, head)
        key = keyring.signing_key(unit, self._vault, self._clock)
        seal, hashed = sealed_batch(head, lines, key, now_us)
        store.write_batch(unit, seal, hashed)
        return _Sealed(len(lines), Head.of(seal))

    def _check_rollback(self, unit: Unit, head: Head, kept: Mark) -> None:
        """Leave a line where the chain is not the one that was sealed: a backup was restored."""
        if head.last >= kept.number and store.hash_at(unit, head.city, kept.number) == kept.hash:
            return
        log.error("audit_rollback_found", city=head.city, sealed=kept.number, found=head.last)
        entry = AuditEntry(
            actor=SYSTEM,
            action=ROLLBACK_FOUND,
            object="audit",
            city=head.city,
            outcome="failed",
            details={"sealed": kept.number, "found": head.last},
        )
        store.insert_line(unit, line_of(entry, new_id(), self._clock.utc_us()))


def sealed_batch(
    head: Head, lines: Sequence[Line], key: SigningKey, now_us: int
) -> tuple[Seal, list[tuple[str, int, str]]]:
    """Return the seal over lines that follow a head, and id, number and hash of each."""
    hashed: list[tuple[str, int, str]] = []
    last = head.hash
    for number, line in enumerate(lines, head.last + 1):
        last = hash_of_line(last, line, number)
        hashed.append((line.id, number, last))
    seal = Seal(
        city=head.city,
        number=head.seal + 1,
        first=head.last + 1,
        last=head.last + len(lines),
        head=last,
        previous=head.seal_hash,
        time_us=now_us,
        key=key.fingerprint,
    )
    return msgspec.structs.replace(seal, signature=key.sign(canonical_seal(seal))), hashed
