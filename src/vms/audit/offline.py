"""Verifies an exported chain with nothing but the file and, if known, the fingerprint."""

import hashlib
from collections.abc import Collection, Iterator
from typing import BinaryIO

import msgspec

from vms.audit.keys import PublicKey
from vms.audit.model import FORMAT, Head, Line, Mark
from vms.audit.records import (
    EndRecord,
    HeaderRecord,
    LineRecord,
    PersonRecord,
    Record,
    SealRecord,
    StartRecord,
    decode_record,
)
from vms.audit.verifier import ChainVerifier, FaultKind, Report
from vms.common import InvalidError

# A line of an export is far shorter: details have an upper limit.
MOST_RECORD_BYTES = 1 << 20


def verify_file(file: BinaryIO, pinned: Collection[str] = ()) -> Report:
    """Check an export. Without ``pinned`` fingerprints the signer stays unknown.

    With them, only seals of these keys count: a chain that somebody made anew
    and signed himself is a chain of forged seals.
    """
    return _Offline(file, frozenset(pinned)).run()


class _Offline:
    def __init__(self, file: BinaryIO, pinned: frozenset[str]) -> None:
        self._file = file
        self._pinned = pinned
        self._digest = hashlib.sha256()
        self._batch: list[Line] = []
        self._end: EndRecord | None = None
        self._end_digest = ""
        # Places in the file, counted in lines from 1, that cannot be read.
        self._unreadable: list[int] = []

    def run(self) -> Report:
        records = self._records()
        header = next(records, None)
        if not isinstance(header, HeaderRecord):
            raise InvalidError(
                "this file is not an export of the audit: its first line is no header",
                code="audit_file_unknown",
            )
        if header.format != FORMAT:
            raise InvalidError(
                f"this export has format {header.format}; this program reads {FORMAT}",
                code="audit_file_format",
                values={"format": header.format},
            )
        keys = self._keys(header)
        verifier = ChainVerifier(header.city, keys)
        for record in records:
            verifier = self._take(record, verifier, keys)
        self._finish(verifier, keys)
        return verifier.finish(signer_known=bool(self._pinned))

    def _keys(self, header: HeaderRecord) -> dict[str, PublicKey]:
        """Return the keys that may have sealed; a name of a key is its own hash."""
        keys = {}
        for entry in header.keys:
            try:
                key = PublicKey.from_hex(entry.public)
            except InvalidError:
                self._unreadable.append(1)
                continue
            if not self._pinned or key.fingerprint in self._pinned:
                keys[key.fingerprint] = key
        return keys

    def _take(
        self, record: Record, verifier: ChainVerifier, keys: dict[str, PublicKey]
    ) -> ChainVerifier:
        match record:
            case _ if self._end is not None:
                verifier.fault(FaultKind.FILE_CHANGED, about="something after the end")
            case StartRecord() if verifier.untouched:
                return _begin(record, verifier, keys)
            case LineRecord():
                self._batch.append(record.line(verifier.city))
            case SealRecord():
                self._close(record, verifier)
            case EndRecord():
                self._end = record
            case PersonRecord():
                pass
            case _:
                verifier.fault(FaultKind.FILE_CHANGED, about="a record out of its place")
        return verifier

    def _close(self, record: SealRecord, verifier: ChainVerifier) -> None:
        seal = record.seal(verifier.city)
        if verifier.seal(seal):
            verifier.lines(self._batch)
            self._batch = []
            verifier.close(seal)
        else:
            verifier.skip(seal)

    def _finish(self, verifier: ChainVerifier, keys: dict[str, PublicKey]) -> None:
        verifier.unsealed(self._batch)
        for number in self._unreadable:
            verifier.fault(FaultKind.FILE_CHANGED, about=f"file line {number}")
        end = self._end
        key = None if end is None else keys.get(end.key)
        if end is None:
            verifier.fault(FaultKind.END_MISSING, verifier.number)
        elif (
            key is None
            or end.city != verifier.city
            or not key.verifies(end.signed_form(), end.signature)
        ):
            verifier.fault(FaultKind.FILE_CHANGED, about="the end is not signed")
        else:
            verifier.expect(Mark(end.last, end.head))
            verifier.erased(end.erased)
            if end.sha256 != self._end_digest:
                verifier.fault(FaultKind.FILE_CHANGED, about="sha256")

    def _records(self) -> Iterator[Record]:
        """Yield the records that can be read; the digest is of all bytes before the end."""
        for place, raw in enumerate(iter(lambda: self._file.readline(MOST_RECORD_BYTES), b""), 1):
            try:
                record = decode_record(raw)
            except msgspec.MsgspecError:
                self._unreadable.append(place)
                record = None
            if isinstance(record, EndRecord):
                self._end_digest = self._digest.hexdigest()
            self._digest.update(raw)
            if record is not None:
                yield record


def _begin(
    record: StartRecord, verifier: ChainVerifier, keys: dict[str, PublicKey]
) -> ChainVerifier:
    """Begin after the seal that stands before the first line of the file."""
    seal = record.seal(verifier.city)
    if not verifier.signs(seal):
        verifier.fault(FaultKind.SEAL_FORGED, seal.number)
        return verifier
    return ChainVerifier(verifier.city, keys, start=Head.of(seal))
