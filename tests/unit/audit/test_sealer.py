"""The one writer: each second, one of several, back after the database was away."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from audits import ROOT, Audit, MemoryHeads
from databases import Server
from vms.audit import AuditEntry, FaultKind, HeadFile, Mark, Sealer, record
from vms.audit.sealer import LEASE_US
from vms.common import InternalError, UnavailableError
from vms.database import PLATFORM, CityScope, Database, Unit, Vault


async def test_lines_get_numbers_without_gaps_in_the_order_of_their_making(audit: Audit) -> None:
    await audit.write(3)
    await audit.write(2, "rio")
    # Those of two cities, and the line of the new key, which comes with the first seal.
    assert await audit.sealer.seal_waiting() == 5
    assert await audit.sealer.seal_waiting() == 1
    assert await audit.sealer.seal_waiting() == 0
    await audit.write(2)
    assert await audit.sealer.seal_waiting() == 2
    rows = await audit.rows(
        "SELECT number, object FROM audit_lines WHERE city = 'sp' ORDER BY number"
    )
    assert rows == [
        (1, "camera:c0"),
        (2, "camera:c1"),
        (3, "camera:c2"),
        (4, "camera:c0"),
        (5, "camera:c1"),
    ]
    assert (await audit.verify()).seals == 2


async def test_a_batch_has_an_upper_limit(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.audit.sealer.BATCH", 4)
    await audit.write(10)
    assert await audit.sealer.seal_waiting() == 10
    report = await audit.verify()
    assert (report.intact, report.lines, report.seals) == (True, 10, 3)


async def test_of_two_sealers_one_writes_until_its_lease_ends(audit: Audit) -> None:
    second = audit.new_sealer()
    await audit.write(2)
    assert await audit.sealer.seal_waiting() == 2
    await audit.write(2)
    assert await second.seal_waiting() == 0
    audit.clock.advance(LEASE_US / 1_000_000 + 1)
    # Two of the city, one of the platform's key.
    assert await second.seal_waiting() == 3
    await audit.write(1)
    assert await audit.sealer.seal_waiting() == 0
    report = await audit.verify()
    assert (report.intact, report.lines, report.seals) == (True, 4, 2)


async def test_two_sealers_at_once_make_one_chain(audit: Audit) -> None:
    """Both believe that they hold the lease, again and again."""
    sealers = [audit.new_sealer(), audit.new_sealer()]
    written = asyncio.Event()

    async def seal(sealer: Sealer) -> int:
        lines = 0
        while not written.is_set():
            audit.clock.advance(LEASE_US / 1_000_000 + 1)
            lines += await sealer.seal_waiting()
        return lines

    async def write() -> int:
        for _ in range(40):
            await audit.write(2)
        written.set()
        return 0

    sealed = await asyncio.gather(*map(seal, sealers), write())
    audit.clock.advance(LEASE_US / 1_000_000 + 1)
    rest = [await sealers[0].seal_waiting() for _ in range(2)]
    report = await audit.verify()
    assert report.intact, report.faults
    assert report.lines == 80
    assert report.seals > 2
    # The line of the key is the platform's.
    assert sum(sealed) + sum(rest) == 81


async def test_a_use_case_that_fails_leaves_no_line(audit: Audit) -> None:
    def work(unit: Unit) -> None:
        entry = AuditEntry(actor="user:u1", action="camera.create", object="camera:c1", city="sp")
        record(unit, entry, audit.clock)
        raise UnavailableError("no")

    with pytest.raises(UnavailableError, match="no"):
        await audit.database.run(work, PLATFORM)
    assert await audit.sealer.seal_waiting() == 0


async def test_a_city_writes_into_its_own_chain_alone(audit: Audit) -> None:
    def work(unit: Unit) -> None:
        entry = AuditEntry(actor="user:u1", action="camera.create", object="camera:c1", city="rio")
        record(unit, entry, audit.clock)

    with pytest.raises(InternalError, match="sp wrote a line of rio"):
        await audit.database.run(work, CityScope("sp"))


class Steps:
    """A sleep that lets a test do things between two rounds."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()
        self.go = asyncio.Event()
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.asleep.set()
        await self.go.wait()
        self.go.clear()

    async def round(self) -> None:
        """Wait until one more round is done."""
        self.asleep.clear()
        self.go.set()
        await self.asleep.wait()


async def test_it_seals_each_second_and_catches_up_after_being_away(audit: Audit) -> None:
    steps = Steps()
    await audit.write(3)
    sealer = Sealer(audit.database, audit.vault, audit.heads, audit.clock, steps)
    running = asyncio.create_task(sealer.run())
    await steps.asleep.wait()
    assert (await audit.verify()).lines == 3
    for _ in range(5):
        await audit.write(100)
    await steps.round()
    report = await audit.verify()
    assert (report.intact, report.lines, report.waiting) == (True, 503, 0)
    assert steps.seconds == [1.0, 1.0]
    running.cancel()


async def test_it_goes_on_when_the_database_is_back(
    postgres: Server, tmp_path: Path, open_database: Callable[[str], Database]
) -> None:
    audit = Audit(open_database(postgres.new_database("vms_template")))
    steps = Steps()
    sealer = Sealer(audit.database, audit.vault, HeadFile(tmp_path), audit.clock, steps)
    await audit.write(2)
    running = asyncio.create_task(sealer.run())
    await steps.asleep.wait()
    await audit.write(2)
    postgres.stop()
    try:
        await steps.round()
        await steps.round()
        assert not running.done()
    finally:
        postgres.start()
    await _until_back(audit.database)
    await steps.round()
    report = await audit.verify()
    assert (report.intact, report.lines, report.waiting) == (True, 4, 0)
    running.cancel()


async def _until_back(database: Database) -> None:
    for _ in range(100):
        try:
            await database.run(lambda unit: unit.rows("SELECT 1"), PLATFORM, read=True)
        except UnavailableError:
            await asyncio.sleep(0.05)
        else:
            return
    raise TimeoutError


async def test_a_disk_that_is_full_stops_it_no_longer_than_it_is(lite: Audit) -> None:
    steps = Steps()
    heads = FullDisk()
    sealer = Sealer(lite.database, lite.vault, heads, lite.clock, steps)
    await lite.write(2)
    running = asyncio.create_task(sealer.run())
    await steps.asleep.wait()
    assert heads.heads == {}
    heads.full = False
    await steps.round()
    assert heads.heads["sp"].number == 2
    assert (await lite.verify()).intact
    running.cancel()


async def test_a_restored_backup_leaves_a_line_for_ever(audit: Audit) -> None:
    await audit.sealed(3, 2)
    await audit.tamper("DELETE FROM audit_lines WHERE city = 'sp' AND number > 3")
    await audit.tamper("DELETE FROM audit_seals WHERE city = 'sp' AND number = 2")
    assert {kind for kind, _, _ in await audit.faults()} == {FaultKind.TAIL_CUT}
    await audit.write(1)
    await audit.sealer.seal_waiting()
    report = await audit.verify()
    assert (report.intact, report.lines) == (True, 5)
    rows = await audit.rows(
        "SELECT number, details FROM audit_lines WHERE action = 'audit.rollback_found'"
    )
    assert rows == [(5, '{"found":3,"sealed":5}')]


async def test_a_rewritten_tail_of_the_same_length_is_noticed_too(audit: Audit) -> None:
    await audit.sealed(3, 2)
    audit.heads.heads = {"sp": Mark(5, "0" * 64)}
    other = audit.new_sealer()
    audit.clock.advance(LEASE_US / 1_000_000 + 1)
    await audit.write(1)
    await other.seal_waiting()
    rows = await audit.rows("SELECT details FROM audit_lines WHERE action = 'audit.rollback_found'")
    assert rows == [('{"found":5,"sealed":5}',)]


async def test_a_chain_that_somebody_blocks_does_not_stop_the_others(audit: Audit) -> None:
    await audit.sealed(2)
    await audit.write(1)
    # A number that the next line is to get.
    await audit.tamper(
        "INSERT INTO audit_lines SELECT city, 'zz', 3, time_us, actor, action, object, outcome, "
        "address, address_salt, address_hash, details, hash FROM audit_lines "
        "WHERE city = 'sp' AND number = 1"
    )
    await audit.write(2, "zu")
    assert await audit.sealer.seal_waiting() >= 2
    assert (await audit.verify("zu")).lines == 2
    assert {kind for kind, _, _ in await audit.faults()} == {FaultKind.LINE_UNSEALED}


async def test_with_another_secret_key_a_new_sealing_key_is_made_and_told(audit: Audit) -> None:
    await audit.sealed(2)
    audit.vault = Vault([b"x" * 32])
    later = audit.new_sealer()
    audit.clock.advance(LEASE_US / 1_000_000 + 1)
    await audit.write(2)
    await later.seal_waiting()
    rows = await audit.rows("SELECT object FROM audit_lines WHERE action = 'audit.key_made'")
    assert len(rows) == 2
    assert len(await audit.rows("SELECT DISTINCT key FROM audit_seals WHERE city = 'sp'")) == 2
    # The first vault no longer vouches for the second key.
    assert {kind for kind, _, _ in await audit.faults()} >= {FaultKind.SEAL_KEY_UNKNOWN}


def test_the_heads_are_kept_in_a_file_of_the_owner_alone(tmp_path: Path) -> None:
    heads = HeadFile(tmp_path)
    assert heads.load() == {}
    heads.save({"sp": Mark(7, "a" * 64), "@platform": Mark(1, "b" * 64)})
    heads.save({"sp": Mark(8, "c" * 64)})
    assert HeadFile(tmp_path).load() == {"sp": Mark(8, "c" * 64)}
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"[")
    with pytest.raises(InternalError) as caught:
        heads.load()
    assert caught.value.code == "audit_heads_damaged"
    file.unlink()
    file.mkdir()
    with pytest.raises(InternalError) as caught:
        heads.load()
    assert caught.value.code == "audit_heads_damaged"


def test_heads_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        HeadFile(tmp_path / "missing").save({"sp": Mark(1, "a" * 64)})
    assert caught.value.code == "audit_heads_unwritable"


class FullDisk(MemoryHeads):
    """A folder that cannot be written."""

    full = True

    def save(self, heads: Mapping[str, Mark]) -> None:
        if self.full:
            raise UnavailableError("full", code="audit_heads_unwritable")
        super().save(heads)


class DamagedHeads(MemoryHeads):
    """A file that cannot be read."""

    def load(self) -> dict[str, Mark]:
        raise InternalError("damaged", code="audit_heads_damaged")


async def test_damaged_heads_do_not_stop_the_sealing(audit: Audit) -> None:
    await audit.write(2)
    heads = DamagedHeads()
    sealer = Sealer(audit.database, audit.vault, heads, audit.clock)
    assert await sealer.seal_waiting() == 2
    assert heads.heads["sp"].number == 2


async def test_the_public_key_can_be_had_with_its_fingerprint(audit: Audit) -> None:
    await audit.sealed(1)
    (key,) = await audit.trail.public_keys()
    assert key.pem.startswith("-----BEGIN PUBLIC KEY-----")
    report = await audit.trail.verify(ROOT, "sp")
    assert report.keys == (key.fingerprint,)
