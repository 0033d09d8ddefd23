"""Exports: verified with nothing but the file; tables that a spreadsheet shows as they are."""

import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audits import MANAGER, ROOT, Audit
from vms.audit import FaultKind, Report, Search, fingerprint_of, verify_file
from vms.audit.keys import SigningKey
from vms.common import InvalidError, NotFoundError

K = FaultKind


async def read(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def exported(audit: Audit, *counts: int, **period: int) -> bytes:
    await audit.sealed(*counts)
    return await read(audit.export.chain(ROOT, "sp", **period))


async def fingerprint(audit: Audit) -> str:
    (key,) = await audit.trail.public_keys()
    return key.fingerprint


def check(content: bytes, *pinned: str) -> Report:
    return verify_file(io.BytesIO(content), pinned)


def kinds(report: Report) -> set[FaultKind]:
    return {fault.kind for fault in report.faults}


async def test_an_export_is_proved_by_file_and_fingerprint_alone(audit: Audit) -> None:
    await audit.name("user:ana", "Ana")
    content = await exported(audit, 3, 1, 4)
    report = check(content, await fingerprint(audit))
    assert (report.intact, report.signer_known) == (True, True)
    assert (report.city, report.lines, report.seals) == ("sp", 9, 3)
    unknown = check(content)
    assert (unknown.intact, unknown.signer_known) == (True, False)
    assert unknown.keys == report.keys
    assert b'"name":"Ana"' in content


async def test_every_single_changed_byte_of_an_export_is_found(lite: Audit) -> None:
    await lite.name("user:ana", "Ana")
    content = await exported(lite, 2, 1)
    own = await fingerprint(lite)
    assert check(content, own).intact
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        try:
            report = check(bytes(changed), own)
        except InvalidError:
            continue
        assert not report.intact, f"byte {place}: {content[max(0, place - 20) : place + 20]!r}"


@pytest.mark.parametrize("keep", range(1, 13))
async def test_a_file_that_was_cut_off_is_found(lite: Audit, keep: int) -> None:
    content = await exported(lite, 3, 1, 3)
    records = content.splitlines(keepends=True)
    # A header, 7 lines, 3 seals, the end.
    assert len(records) == 12
    report = check(b"".join(records[:keep]), await fingerprint(lite))
    assert report.intact == (keep == 12)
    if keep < 12:
        assert K.END_MISSING in kinds(report)


@pytest.mark.parametrize("gone", range(11))
async def test_a_record_taken_out_is_found(lite: Audit, gone: int) -> None:
    content = await exported(lite, 3, 1, 3)
    records = content.splitlines(keepends=True)
    del records[gone]
    if gone == 0:
        with pytest.raises(InvalidError):
            check(b"".join(records))
        return
    report = check(b"".join(records), await fingerprint(lite))
    assert kinds(report) >= {K.FILE_CHANGED}
    assert len(kinds(report)) > 1


async def test_swapped_records_are_found(lite: Audit) -> None:
    content = await exported(lite, 3, 1, 3)
    records = content.splitlines(keepends=True)
    for place in range(1, 11):
        swapped = [*records]
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
        assert not check(b"".join(swapped), await fingerprint(lite)).intact


async def test_something_after_the_end_is_found(lite: Audit) -> None:
    content = await exported(lite, 2)
    person = b'{"kind":"person","id":"user:ana","name":"Eve","login":"eve"}\n'
    assert kinds(check(content + person, await fingerprint(lite))) == {K.FILE_CHANGED}
    assert kinds(check(content + b"junk\n", await fingerprint(lite))) == {K.FILE_CHANGED}


async def test_an_export_signed_by_another_is_found_by_the_fingerprint(lite: Audit) -> None:
    """Everything in it fits together; only the key is not ours."""
    own = SigningKey.new().fingerprint
    content = await exported(lite, 2, 2)
    assert check(content).intact
    report = check(content, own)
    assert {K.SEAL_KEY_UNKNOWN, K.FILE_CHANGED} <= kinds(report)


async def test_a_period_is_exported_by_whole_batches_and_proved_without_the_rest(
    audit: Audit,
) -> None:
    await audit.sealed(3)
    middle = audit.clock.utc_us()
    await audit.sealed(2, 2)
    end = audit.clock.utc_us()
    await audit.sealed(4)
    content = await read(audit.export.chain(ROOT, "sp", from_us=middle, to_us=end))
    report = check(content, await fingerprint(audit))
    assert report.intact, report.faults
    assert (report.lines, report.seals) == (4, 2)
    numbers = [json.loads(line).get("number") for line in content.splitlines()[2:-1]]
    assert numbers == [4, 5, 2, 6, 7, 3]
    # Without the seal that it begins after, the beginning is missing.
    records = content.splitlines(keepends=True)
    del records[1]
    assert K.LINE_MISSING in kinds(check(b"".join(records), await fingerprint(audit)))


async def test_a_start_that_is_forged_is_found(lite: Audit) -> None:
    await lite.sealed(3)
    content = await exported(lite, 2, from_us=lite.clock.utc_us())
    forged = content.replace(b'"kind":"start","number":1', b'"kind":"start","number":2')
    assert forged != content
    assert K.SEAL_FORGED in kinds(check(forged, await fingerprint(lite)))


async def test_a_period_without_lines_is_an_empty_export(lite: Audit) -> None:
    content = await exported(lite, 2, from_us=1, to_us=2)
    report = check(content, await fingerprint(lite))
    assert (report.intact, report.lines) == (True, 0)


async def test_the_end_tells_how_far_the_chain_was_sealed(lite: Audit) -> None:
    first = lite.clock.utc_us()
    await lite.sealed(2)
    content = await exported(lite, 3, from_us=first, to_us=first + 500_000)
    end = json.loads(content.splitlines()[-1])
    assert (end["last"], end["sealed"]) == (2, 5)


async def test_erased_people_are_missing_rightly(audit: Audit) -> None:
    await audit.name("user:ana", "Ana")
    await audit.sealed(2)
    end = audit.clock.utc_us()
    await audit.trail.erase(ROOT, "user:ana")
    await audit.sealer.seal_waiting()
    content = await read(audit.export.chain(ROOT, "sp", to_us=end))
    report = check(content, await fingerprint(audit))
    assert report.intact, report.faults
    assert b"192.0.2.7" not in content
    assert b"person.named" in content
    assert b'"Ana"' not in content


async def test_addresses_that_vanished_are_not_vouched_for(lite: Audit) -> None:
    await lite.sealed(2)
    await lite.tamper("UPDATE audit_lines SET address = NULL, address_salt = NULL")
    content = await read(lite.export.chain(ROOT, "sp"))
    assert kinds(check(content, await fingerprint(lite))) == {K.ADDRESS_MISSING}


async def test_large_chains_are_written_in_pieces(
    lite: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.audit.export.PIECE", 3)
    await lite.sealed(2, 2, 2, 1)
    pieces = [piece async for piece in lite.export.chain(ROOT, "sp")]
    assert len(pieces) == 5
    assert check(b"".join(pieces), await fingerprint(lite)).lines == 7
    rows = await read(lite.export.table(ROOT, Search(city="sp", action="camera.*")))
    assert len(rows.splitlines()) == 8


async def test_a_broken_chain_is_exported_as_it_is(lite: Audit) -> None:
    await lite.sealed(2, 2)
    await lite.tamper("DELETE FROM audit_lines WHERE city = 'sp' AND number = 2")
    content = await read(lite.export.chain(ROOT, "sp"))
    assert K.LINE_MISSING in kinds(check(content, await fingerprint(lite)))
    await lite.tamper("UPDATE audit_seals SET last = 0, first = 0 WHERE city = 'sp'")
    content = await read(lite.export.chain(ROOT, "sp"))
    assert not check(content, await fingerprint(lite)).intact or b'"lines"' not in content


async def test_to_export_is_a_line(lite: Audit) -> None:
    await exported(lite, 1)
    await read(lite.export.table(MANAGER, Search(actor="user:ana")))
    page = await lite.trail.search(ROOT, Search(action="audit.export"))
    assert [(f.line.actor, f.line.city, f.line.address) for f in page.items] == [
        ("user:ana", "sp", "192.0.2.7"),
        ("user:root", "sp", None),
    ]


async def test_a_city_exports_its_own_chain_alone(audit: Audit) -> None:
    await audit.sealed(2)
    await audit.sealed(1, city="rio")
    content = await read(audit.export.chain(MANAGER, None))
    assert check(content).city == "sp"
    with pytest.raises(NotFoundError):
        await read(audit.export.chain(MANAGER, "rio"))
    with pytest.raises(NotFoundError):
        await read(audit.export.table(MANAGER, Search(city="rio")))
    rows = await read(audit.export.table(MANAGER, Search()))
    assert b"rio" not in rows


@pytest.mark.parametrize(
    "content",
    [b"", b"junk", b"{}\n", b'{"kind":"line"}\n', b"\xff\xfe\n", b"[" * 100_000],
)
def test_what_is_no_export_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidError) as caught:
        check(content)
    assert caught.value.code == "audit_file_unknown"


def test_another_format_is_refused() -> None:
    with pytest.raises(InvalidError) as caught:
        check(b'{"kind":"header","city":"sp","keys":[],"format":2}\n')
    assert caught.value.code == "audit_file_format"


async def test_a_table_has_one_row_a_line_and_no_formula(audit: Audit) -> None:
    await audit.name("user:ana", "=HYPERLINK(1)")
    await audit.name("user:bruno", 'Bruno, "the other"')
    await audit.write(1, actor="user:bruno", object="camera:c1")
    await audit.sealed(1)
    content = await read(audit.export.table(ROOT, Search(city="sp", action="camera.*")))
    head, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    assert head[:6] == ["time", "city", "number", "actor", "name", "login"]
    assert [row[4] for row in rows] == ["'=HYPERLINK(1)", 'Bruno, "the other"']
    assert rows[0][0] == "2023-11-14T22:13:20.002Z"
    assert content.count(b"\r\n") == 3


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
async def test_no_cell_begins_like_a_formula(lite: Audit, begin: str) -> None:
    await lite.name("user:ana", begin + "1+1")
    await lite.sealed(1)
    content = await read(lite.export.table(ROOT, Search(actor="user:ana")))
    rows: list[list[str]] = list(csv.reader(io.StringIO(content.decode(), newline="")))
    assert rows[1][4] == f"'{begin}1+1"


@pytest.mark.parametrize("text", ["AB" * 32, ":".join(["ab"] * 32), " ".join(["Ab" * 16] * 2)])
def test_a_fingerprint_is_read_as_people_write_it(text: str) -> None:
    assert fingerprint_of(text) == "ab" * 32


@pytest.mark.parametrize("text", ["", "ab", "x" * 64, "ab" * 33])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        fingerprint_of(text)
    assert caught.value.code == "audit_fingerprint_invalid"


def sorted_json(form: dict[str, Any]) -> bytes:
    return json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


async def test_the_documented_form_is_enough_to_verify(audit: Audit) -> None:
    """Written from docs/operations/audit.md, with nothing of the product."""
    await audit.name("user:ana", "Ána")
    header, *records, end = map(json.loads, (await exported(audit, 3, 2)).splitlines())
    (key,) = header["keys"]
    raw = bytes.fromhex(key["public"])
    assert hashlib.sha256(raw).hexdigest() == key["fingerprint"]
    public = Ed25519PublicKey.from_public_bytes(raw)
    last = hashlib.sha256(f"vms audit chain 1\n{header['city']}".encode()).hexdigest()
    before = "0" * 64
    checked = 0
    line_names = "action actor address_hash details id number object outcome time_us"
    seal_names = "first head key last number previous time_us"
    for record in records:
        if record["kind"] == "line":
            form = {name: record[name] for name in line_names.split()}
            text = sorted_json({**form, "city": header["city"], "format": 1})
            last = hashlib.sha256(bytes.fromhex(last) + text).hexdigest()
            assert last == record["hash"]
            if record["address_hash"] is not None:
                salted = f"{record['address_salt']}\n{record['address']}".encode()
                assert hashlib.sha256(salted).hexdigest() == record["address_hash"]
            checked += 1
        elif record["kind"] == "seal":
            form = {name: record[name] for name in seal_names.split()}
            text = sorted_json({**form, "city": header["city"], "format": 1, "kind": "seal"})
            public.verify(bytes.fromhex(record["signature"]), text)
            assert (record["head"], record["previous"]) == (last, before)
            before = hashlib.sha256(text + record["signature"].encode()).hexdigest()
            checked += 1
    assert checked == 6 + 2
    unsigned = json.dumps({**end, "signature": ""}, separators=(",", ":"), ensure_ascii=False)
    public.verify(bytes.fromhex(end["signature"]), unsigned.encode())
    assert (end["last"], end["head"]) == (6, last)
