"""What is done to a chain in the database is found, and said where."""

import base64
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from audits import MANAGER, ROOT, Audit
from vms.audit import PLATFORM_CHAIN, FaultKind, Mark
from vms.audit.keys import SigningKey
from vms.audit.model import Head, Seal, canonical_seal, first_hash, hash_of_line
from vms.audit.reading import lines, seals
from vms.audit.sealer import sealed_batch
from vms.common import NotFoundError
from vms.database import PLATFORM, Database, Unit

K = FaultKind


async def test_an_untouched_chain_is_proved(audit: Audit) -> None:
    await audit.sealed(3, 1, 4)
    report = await audit.verify()
    assert report.intact
    assert report.signer_known
    assert (report.lines, report.seals, report.waiting) == (8, 3, 0)
    assert len(report.keys) == 1
    assert (report.head.last, report.head.seal) == (8, 3)


async def test_a_chain_without_lines_is_intact(lite: Audit) -> None:
    report = await lite.verify("nowhere")
    assert (report.intact, report.lines, report.seals) == (True, 0, 0)


async def test_each_city_has_a_chain_of_its_own(audit: Audit) -> None:
    await audit.sealed(3)
    await audit.sealed(2, city="rio")
    assert (await audit.verify("sp")).lines == 3
    assert (await audit.verify("rio")).lines == 2
    # The making of the key is a line of the platform's.
    assert (await audit.verify(None)).lines == 1
    assert await audit.trail.chains(ROOT) == [PLATFORM_CHAIN, "rio", "sp"]
    assert await audit.trail.chains(MANAGER) == ["sp"]


async def test_a_city_verifies_its_own_chain_and_knows_of_no_other(audit: Audit) -> None:
    await audit.sealed(3)
    assert (await audit.trail.verify(MANAGER, None)).lines == 3
    assert (await audit.trail.verify(MANAGER, "sp")).lines == 3
    for other in ("rio", PLATFORM_CHAIN):
        with pytest.raises(NotFoundError):
            await audit.trail.verify(MANAGER, other)


CHANGES = {
    "city": "'sq'",
    "id": "'z' || substr(id, 2)",
    "time_us": "time_us + 1",
    "actor": "'user:anb'",
    "action": "'camera.updatf'",
    "object": "'camera:c5'",
    "outcome": "'oK'",
    "address": "'192.0.2.8'",
    "address_salt": "'x' || substr(address_salt, 2)",
    "address_hash": "'x' || substr(address_hash, 2)",
    "details": "replace(details, 'name', 'nbme')",
    "hash": "'x' || substr(hash, 2)",
}


@pytest.mark.parametrize("column", CHANGES)
async def test_one_changed_byte_of_a_line_is_found(audit: Audit, column: str) -> None:
    await audit.sealed(2, 4, 2)
    changed = f"UPDATE audit_lines SET {column} = {CHANGES[column]} WHERE city='sp' AND number=4"
    assert await audit.tamper(changed) == 1
    kind = {
        "city": K.LINE_MISSING,
        "address": K.ADDRESS_CHANGED,
        "address_salt": K.ADDRESS_CHANGED,
    }
    assert await audit.faults() == {(kind.get(column, K.LINE_CHANGED), 4, 4)}


async def test_a_changed_number_is_found(audit: Audit) -> None:
    await audit.sealed(2, 4)
    await audit.tamper("UPDATE audit_lines SET number = 7 WHERE city = 'sp' AND number = 4")
    assert await audit.faults() == {(K.LINE_MISSING, 4, 4), (K.LINE_UNSEALED, 7, 7)}
    await audit.tamper("UPDATE audit_lines SET number = -4 WHERE city = 'sp' AND number = 7")
    assert await audit.faults() == {(K.LINE_MISSING, 4, 4), (K.LINE_UNSEALED, -4, -4)}


async def test_a_change_of_spaces_in_the_details_is_found(lite: Audit) -> None:
    await lite.sealed(3)
    await lite.tamper(
        "UPDATE audit_lines SET details = replace(details, ',', ', ') WHERE number = 2"
    )
    assert await lite.faults() == {(K.LINE_CHANGED, 2, 2)}


async def test_bytes_that_are_no_text_are_found_and_do_not_stop_the_verifier(lite: Audit) -> None:
    """SQLite keeps them; PostgreSQL has no text that is not UTF-8."""
    await lite.name("user:ana", "Ana")
    await lite.sealed(3)
    await lite.tamper("UPDATE audit_lines SET actor = CAST(x'ff41' AS TEXT) WHERE number = 2")
    await lite.tamper("UPDATE audit_lines SET hash = CAST(x'ff41' AS TEXT) WHERE number = 4")
    await lite.tamper("UPDATE audit_people SET name = CAST(x'ff41' AS TEXT)")
    assert await lite.faults() == {
        (K.LINE_CHANGED, 2, 2),
        (K.LINE_CHANGED, 4, 4),
        (K.PERSON_CHANGED, 0, 0),
    }
    await lite.tamper("UPDATE audit_seals SET head = CAST(x'ff41' AS TEXT)")
    assert (K.SEAL_FORGED, 1, 1) in await lite.faults()


@pytest.mark.parametrize(
    ("gone", "found"),
    [
        ("number = 1", {(K.LINE_MISSING, 1, 1)}),
        ("number = 4", {(K.LINE_MISSING, 4, 4)}),
        ("number = 6", {(K.LINE_MISSING, 6, 6)}),
        ("number = 8", {(K.LINE_MISSING, 8, 8)}),
        ("number BETWEEN 3 AND 6", {(K.LINE_MISSING, 3, 6)}),
        ("number BETWEEN 5 AND 7", {(K.LINE_MISSING, 5, 6), (K.LINE_MISSING, 7, 7)}),
        ("number > 0", {(K.LINE_MISSING, 1, 2), (K.LINE_MISSING, 3, 6), (K.LINE_MISSING, 7, 8)}),
    ],
)
async def test_a_missing_line_is_found(lite: Audit, gone: str, found: set[Any]) -> None:
    await lite.sealed(2, 4, 2)
    await lite.tamper(f"DELETE FROM audit_lines WHERE city = 'sp' AND {gone}")
    assert await lite.faults() == found


async def swap(audit: Audit, one: int, other: int, columns: str = "") -> None:
    """Exchange the numbers of two lines, and whatever columns else."""
    extra = dict.fromkeys(columns.split())
    found = await audit.rows(
        f"SELECT number, id {''.join(f', {name}' for name in extra)} FROM audit_lines "
        "WHERE city = 'sp' AND number IN (:one, :other) ORDER BY number",
        one=one,
        other=other,
    )
    await audit.tamper(
        "UPDATE audit_lines SET number = NULL WHERE city = 'sp' AND number IN (:one, :other)",
        one=one,
        other=other,
    )
    first, second = found
    for (_, line, *_own), (number, _other, *values) in ((first, second), (second, first)):
        sets = "".join(f", {name} = :{name}" for name in extra)
        await audit.tamper(
            f"UPDATE audit_lines SET number = :number{sets} WHERE city = 'sp' AND id = :id",
            number=number,
            id=line,
            **dict(zip(extra, values, strict=True)),
        )


@pytest.mark.parametrize("columns", ["", "hash"])
@pytest.mark.parametrize(("one", "other"), [(4, 5), (3, 6), (1, 8), (2, 3), (7, 8)])
async def test_a_swapped_pair_is_found(lite: Audit, one: int, other: int, columns: str) -> None:
    await lite.sealed(2, 4, 2)
    await swap(lite, one, other, columns)
    assert await lite.faults() == {(K.LINES_SWAPPED, one, other)}


async def test_renumbered_lines_are_found(audit: Audit) -> None:
    """A line is taken out and those behind it close the gap."""
    await audit.sealed(2, 4, 2)
    await audit.tamper("DELETE FROM audit_lines WHERE city = 'sp' AND number = 4")
    for number in range(5, 9):
        await audit.tamper(
            "UPDATE audit_lines SET number = :number - 1 WHERE city = 'sp' AND number = :number",
            number=number,
        )
    found = await audit.faults()
    assert (K.LINE_CHANGED, 4, 4) in found
    assert (K.LINE_MISSING, 8, 8) in found


async def test_a_line_put_in_and_hashed_anew_does_not_lead_to_the_seal(audit: Audit) -> None:
    """Whoever has the database can hash everything again, but not sign."""
    await audit.sealed(2, 4, 2)
    await audit.tamper("UPDATE audit_lines SET actor = 'user:eve' WHERE number = 4")

    def rehash(unit: Unit) -> None:
        previous = first_hash("sp")
        for line in list(lines(unit, "sp", 0)):
            previous = hash_of_line(previous, line)
            unit.execute(
                text("UPDATE audit_lines SET hash = :hash WHERE city = 'sp' AND id = :id"),
                {"hash": previous, "id": line.id},
            )

    await audit.database.run(rehash, PLATFORM)
    assert (K.HEAD_DIFFERS, 3, 6) in await audit.faults()


async def test_a_second_line_with_a_number_is_found(audit: Audit) -> None:
    await audit.sealed(2, 4)
    await audit.tamper("DROP INDEX uq_audit_lines_city_number")
    await audit.tamper(
        "INSERT INTO audit_lines SELECT city, 'zz', number, time_us, 'user:eve', action, object, "
        "outcome, address, address_salt, address_hash, details, hash FROM audit_lines "
        "WHERE city = 'sp' AND number = 3"
    )
    assert await audit.faults() == {(K.LINE_REPEATED, 3, 3)}


SEAL_CHANGES = {
    "city": "'sq'",
    "number": "9",
    "first": "first + 1",
    "last": "last + 1",
    "head": "'x' || substr(head, 2)",
    "previous": "'x' || substr(previous, 2)",
    "time_us": "time_us + 1",
    "key": "'x' || substr(key, 2)",
    "signature": "upper(signature)",
}


@pytest.mark.parametrize("column", SEAL_CHANGES)
async def test_one_changed_byte_of_a_seal_is_found(audit: Audit, column: str) -> None:
    await audit.sealed(2, 4, 2)
    changed = f"UPDATE audit_seals SET {column} = {SEAL_CHANGES[column]}"
    assert await audit.tamper(f"{changed} WHERE city = 'sp' AND number = 2") == 1
    found = {
        "city": {(K.SEAL_MISSING, 2, 2)},
        "number": {(K.SEAL_MISSING, 2, 2), (K.SEAL_FORGED, 9, 9)},
        "key": {(K.SEAL_KEY_UNKNOWN, 2, 2)},
    }
    assert await audit.faults() == found.get(column, {(K.SEAL_FORGED, 2, 2)})


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (1, {(K.SEAL_MISSING, 1, 1)}),
        (2, {(K.SEAL_MISSING, 2, 2)}),
        # What the database alone cannot tell, the head that was kept beside it does.
        (3, {(K.LINE_UNSEALED, 7, 8), (K.TAIL_CUT, 7, 8)}),
    ],
)
async def test_a_deleted_seal_is_found(lite: Audit, number: int, found: set[Any]) -> None:
    await lite.sealed(2, 4, 2)
    await lite.tamper("DELETE FROM audit_seals WHERE city = 'sp' AND number = :n", n=number)
    assert await lite.faults() == found


async def test_a_tail_cut_off_with_its_seal_is_found(audit: Audit) -> None:
    await audit.sealed(2, 4, 2)
    await audit.tamper("DELETE FROM audit_lines WHERE city = 'sp' AND number > 6")
    await audit.tamper("DELETE FROM audit_seals WHERE city = 'sp' AND number = 3")
    assert await audit.faults() == {(K.TAIL_CUT, 7, 8)}
    audit.heads.heads = {}
    assert await audit.faults() == set()


async def test_another_chain_of_the_same_length_is_found(lite: Audit) -> None:
    await lite.sealed(2, 2)
    lite.heads.heads = {"sp": Mark(3, "0" * 64)}
    assert await lite.faults() == {(K.HEAD_DIFFERS, 3, 3)}


async def forge(database: Database, key: SigningKey, *, keep_key_name: bool) -> None:
    """Seal the whole chain again with a key of one's own, after changing it."""

    def work(unit: Unit) -> None:
        unit.execute(text("UPDATE audit_lines SET actor = 'user:eve' WHERE city = 'sp'"))
        head = Head.start("sp")
        for seal in list(seals(unit, "sp")):
            batch = list(lines(unit, "sp", head.last, seal.last))
            forged, hashed = sealed_batch(head, batch, key, seal.time_us)
            if keep_key_name:
                forged = msgspec.structs.replace(forged, key=seal.key)
                forged = msgspec.structs.replace(forged, signature=key.sign(canonical_seal(forged)))
            for line, _number, line_hash in hashed:
                unit.execute(
                    text("UPDATE audit_lines SET hash = :hash WHERE id = :id"),
                    {"hash": line_hash, "id": line},
                )
            unit.execute(
                text(
                    "UPDATE audit_seals SET head = :head, previous = :previous, key = :key, "
                    "signature = :signature WHERE city = 'sp' AND number = :number"
                ),
                msgspec.structs.asdict(forged),
            )
            head = Head.of(forged)

    await database.run(work, PLATFORM)


async def test_a_chain_sealed_anew_by_a_strange_key_is_found(audit: Audit) -> None:
    await audit.sealed(2, 4)
    key = SigningKey.new()
    await forge(audit.database, key, keep_key_name=False)
    assert {(K.SEAL_KEY_UNKNOWN, 1, 1), (K.SEAL_KEY_UNKNOWN, 2, 2)} <= await audit.faults()
    # Nor does it help to write the key into the database: the vault did not seal it.
    await audit.tamper(
        "INSERT INTO audit_keys SELECT :fingerprint, :public, private, made_us + 1 FROM audit_keys",
        fingerprint=key.fingerprint,
        public=key.public.hex,
    )
    assert {(K.SEAL_KEY_UNKNOWN, 1, 1), (K.SEAL_KEY_UNKNOWN, 2, 2)} <= await audit.faults()


async def test_a_chain_sealed_anew_in_the_name_of_our_key_is_found(audit: Audit) -> None:
    await audit.sealed(2, 4)
    await forge(audit.database, SigningKey.new(), keep_key_name=True)
    assert {(K.SEAL_FORGED, 1, 1), (K.SEAL_FORGED, 2, 2)} <= await audit.faults()


@pytest.mark.parametrize("column", ["fingerprint", "public", "private"])
async def test_one_changed_byte_of_the_key_is_found(lite: Audit, column: str) -> None:
    await lite.sealed(2)
    if column == "private":
        ((private,),) = await lite.rows("SELECT private FROM audit_keys")
        changed = bytes(private[:-1]) + bytes([private[-1] ^ 1])
        await lite.tamper("UPDATE audit_keys SET private = :private", private=changed)
    else:
        await lite.tamper(f"UPDATE audit_keys SET {column} = 'x' || substr({column}, 2)")
    assert (K.SEAL_KEY_UNKNOWN, 1, 1) in await lite.faults()


async def test_seals_out_of_their_order_are_found(lite: Audit) -> None:
    """A seal that is ours, but of another place, replaced by one that was copied."""
    await lite.sealed(2, 2)
    await lite.tamper("DELETE FROM audit_seals WHERE city = 'sp' AND number = 2")
    await lite.tamper(
        "INSERT INTO audit_seals SELECT city, 2, first, last, head, previous, time_us, key, "
        "signature FROM audit_seals WHERE city = 'sp' AND number = 1"
    )
    assert (K.SEAL_FORGED, 2, 2) in await lite.faults()


async def test_a_chain_is_not_that_of_another_city(lite: Audit) -> None:
    await lite.sealed(2, 2)
    for table in ("audit_lines", "audit_seals"):
        await lite.tamper(f"UPDATE {table} SET city = 'rio' WHERE city = 'sp'")
    found = await lite.faults("rio")
    assert {(K.SEAL_FORGED, 1, 1), (K.SEAL_FORGED, 2, 2)} <= found


async def test_many_faults_are_counted_and_the_first_told(lite: Audit) -> None:
    await lite.sealed(150)
    await lite.tamper("UPDATE audit_lines SET outcome = 'no' WHERE city = 'sp'")
    report = await lite.verify()
    assert report.fault_count == 150
    assert len(report.faults) == 100
    assert not report.intact


async def test_lines_that_wait_are_no_fault(audit: Audit) -> None:
    await audit.sealed(2)
    await audit.write(3)
    report = await audit.verify()
    assert report.intact
    assert (report.lines, report.waiting) == (2, 3)


async def test_a_chain_of_several_pages_is_read_whole(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.audit.reading.PAGE", 3)
    await audit.sealed(10, 1, 1, 1, 1)
    await audit.write(5)
    report = await audit.verify()
    assert report.intact
    assert (report.lines, report.seals, report.waiting) == (14, 5, 5)


def test_a_signature_has_one_way_to_be_written() -> None:
    key = SigningKey.new()
    signature = key.sign(b"x")
    assert key.public.verifies(b"x", signature)
    assert not key.public.verifies(b"x", signature.upper())
    assert not key.public.verifies(b"y", signature)
    assert not key.public.verifies(b"x", base64.b64encode(bytes.fromhex(signature)).decode())


def test_a_seal_and_its_line_are_of_one_form() -> None:
    """The documented form: anybody may check it without this program."""
    seal = Seal("sp", 2, 3, 6, "a" * 64, "b" * 64, 7, "c" * 64)
    assert canonical_seal(seal) == (
        b'{"city":"sp","first":3,"format":1,"head":"'
        + b"a" * 64
        + b'","key":"'
        + b"c" * 64
        + b'","kind":"seal","last":6,"number":2,"previous":"'
        + b"b" * 64
        + b'","time_us":7}'
    )
