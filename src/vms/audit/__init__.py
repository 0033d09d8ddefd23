"""Who did what, when, from where: lines in chains that cannot be changed unnoticed."""

from vms.audit.export import AuditExport, csv_row
from vms.audit.heads import HeadFile
from vms.audit.keys import PublicKey, fingerprint_of
from vms.audit.looks import Look, Looks
from vms.audit.model import (
    ANONYMOUS,
    PERSON_ERASED,
    PERSON_NAMED,
    PLATFORM_CHAIN,
    AuditEntry,
    AuditOutcome,
    Found,
    Line,
    Mark,
    Search,
)
from vms.audit.offline import verify_file
from vms.audit.ports import HeadKeeper
from vms.audit.sealer import Sealer
from vms.audit.service import Asker, AuditTrail, erase_person, name_person, record, record_once
from vms.audit.verifier import Fault, FaultKind, Report

__all__ = [
    "ANONYMOUS",
    "PERSON_ERASED",
    "PERSON_NAMED",
    "PLATFORM_CHAIN",
    "Asker",
    "AuditEntry",
    "AuditExport",
    "AuditOutcome",
    "AuditTrail",
    "Fault",
    "FaultKind",
    "Found",
    "HeadFile",
    "HeadKeeper",
    "Line",
    "Look",
    "Looks",
    "Mark",
    "PublicKey",
    "Report",
    "Sealer",
    "Search",
    "csv_row",
    "erase_person",
    "fingerprint_of",
    "name_person",
    "record",
    "record_once",
    "verify_file",
]
