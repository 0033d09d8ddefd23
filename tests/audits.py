"""A small audit: a database, a sealer, and what an attacker does to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from vms.audit import (
    Asker,
    AuditEntry,
    AuditExport,
    AuditTrail,
    FaultKind,
    Mark,
    Report,
    Sealer,
    name_person,
    record,
)
from vms.common import ManualClock
from vms.database import PLATFORM, CityScope, Database, Unit, Vault

ROOT = Asker("user:root", PLATFORM)
MANAGER = Asker("user:ana", CityScope("sp"), address="192.0.2.7")


@dataclass
class MemoryHeads:
    """Keeps heads as the file does, in memory."""

    heads: Mapping[str, Mark] = field(default_factory=dict)

    def load(self) -> Mapping[str, Mark]:
        return dict(self.heads)

    def save(self, heads: Mapping[str, Mark]) -> None:
        self.heads = dict(heads)


@dataclass
class Audit:
    """Everything of the audit over one database."""

    database: Database
    vault: Vault = field(default_factory=lambda: Vault([bytes(range(32))]))
    heads: MemoryHeads = field(default_factory=MemoryHeads)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.sealer = self.new_sealer()
        self.trail = AuditTrail(self.database, self.vault, self.heads, self.clock)
        self.export = AuditExport(self.database, self.vault, self.clock)

    def new_sealer(self) -> Sealer:
        return Sealer(self.database, self.vault, self.heads, self.clock)

    async def write(self, count: int = 1, city: str | None = "sp", **more: object) -> None:
        """Record lines, one millisecond apart."""

        def work(unit: Unit) -> None:
            for number in range(count):
                self.clock.advance(0.001)
                entry = {
                    "actor": "user:ana",
                    "action": "camera.update",
                    "object": f"camera:c{number}",
                    "address": "192.0.2.7",
                    "details": {"changed": ["name", "place"], "version": number},
                    **more,
                }
                record(unit, AuditEntry(city=city, **entry), self.clock)

        await self.database.run(work, PLATFORM)

    async def sealed(self, *counts: int, city: str | None = "sp") -> None:
        """Record lines in batches, each with a seal."""
        for count in counts:
            await self.write(count, city)
            await self.sealer.seal_waiting()
            self.clock.advance(1)

    async def name(self, person: str, name: str, city: str | None = "sp") -> None:
        def work(unit: Unit) -> None:
            name_person(
                unit, ROOT, person, city=city, name=name, login=name.lower(), clock=self.clock
            )

        await self.database.run(work, PLATFORM)

    async def tamper(self, sql: str, **values: object) -> int:
        """Do what whoever can write to the database may do."""
        return await self.database.run(
            lambda unit: unit.execute(text(sql), values).rowcount, PLATFORM
        )

    async def rows(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        return await self.database.run(lambda unit: unit.rows(sql, values), PLATFORM, read=True)

    async def verify(self, city: str | None = "sp") -> Report:
        return await self.trail.verify(ROOT, city)

    async def faults(self, city: str | None = "sp") -> set[tuple[FaultKind, int, int]]:
        """Return what a verification finds, and where."""
        report = await self.verify(city)
        assert report.fault_count == len(report.faults)
        return {(fault.kind, fault.first, fault.last) for fault in report.faults}
