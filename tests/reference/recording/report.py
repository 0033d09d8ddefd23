"""What verifying says: a state for each fragment and for whatever else is not as it was."""

from dataclasses import dataclass, field

from .ledger import ALL

INTACT, REMOVED, MISSING, CHANGED = "intact", "removed", "missing", "changed"
UNSEALED, REBUILT, UNREAD, HELD = "unsealed", "rebuilt", "unread", "against a hold"
GOOD = (INTACT, REMOVED, REBUILT)


@dataclass(frozen=True, slots=True)
class Finding:
    """One state, where and when. `first` and `last` are sequences; 0 where no fragment is meant."""

    state: str
    file: str
    why: str = ""
    first: int = 0
    last: int = 0
    from_us: int = 0
    to_us: int = 0
    groups: int = ALL


@dataclass(slots=True)
class Report:
    """All findings. `signer` says whether the keys lead to one that the caller pinned."""

    signer: str
    findings: list[Finding] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @property
    def genuine(self) -> bool:
        """Say whether all is there as it was recorded, or was removed by a signed record."""
        return all(finding.state in GOOD for finding in self.findings)

    def bad(self) -> list[Finding]:
        """Return what is not good."""
        return [finding for finding in self.findings if finding.state not in GOOD]

    def states(self) -> dict[str, list[int]]:
        """Return the sequences by state; of what is no fragment nothing."""
        found: dict[str, list[int]] = {}
        for each in self.findings:
            if each.first:
                found.setdefault(each.state, []).extend(range(each.first, each.last + 1))
        return found
