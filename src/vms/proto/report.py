"""What a child tells the process that started it, one JSON line each."""

import msgspec


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Every listener is bound; these are the addresses, by role."""

    addresses: dict[str, str] = {}


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The child cannot run, and this is why."""

    kind: str
    code: str
    message: str
    values: dict[str, str | int | float] = {}


Report = Ready | Failed
