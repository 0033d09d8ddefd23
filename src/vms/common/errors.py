"""The one error tree, and what each kind means to the outside.

    VmsError
    +-- InvalidError          the request or a setting is wrong
    +-- UnauthenticatedError  nobody has signed in
    +-- ForbiddenError        signed in, but not allowed
    +-- NotFoundError         no such thing
    +-- ConflictError         the state of the thing does not allow it
    +-- TooManyError          a limit is reached; later it may work
    +-- UnavailableError      something we need does not answer
    +-- InternalError         our own fault

The message names the id and the number that find the case, and what to do.
``code`` and ``values`` say the same to a program, so that a screen can put it
into its own language. The engine raises these classes too (it imports this
module by name).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

Values = Mapping[str, str | int | float]


class Kind(StrEnum):
    """The few kinds of failure; everything else is detail in ``code``."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a kind becomes at each of the three edges."""

    http_status: int
    grpc_code: str
    exit_code: int


OUTCOMES: Mapping[Kind, Outcome] = {
    Kind.INVALID: Outcome(400, "INVALID_ARGUMENT", 2),
    Kind.UNAUTHENTICATED: Outcome(401, "UNAUTHENTICATED", 3),
    Kind.FORBIDDEN: Outcome(403, "PERMISSION_DENIED", 4),
    Kind.NOT_FOUND: Outcome(404, "NOT_FOUND", 5),
    Kind.CONFLICT: Outcome(409, "FAILED_PRECONDITION", 6),
    Kind.TOO_MANY: Outcome(429, "RESOURCE_EXHAUSTED", 7),
    Kind.UNAVAILABLE: Outcome(503, "UNAVAILABLE", 8),
    Kind.INTERNAL: Outcome(500, "INTERNAL", 1),
}


class VmsError(Exception):
    """Base of every error this product raises on purpose."""

    kind: ClassVar[Kind] = Kind.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        values: Values | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.kind.value
        self.values: dict[str, str | int | float] = dict(values or {})

    @property
    def outcome(self) -> Outcome:
        """HTTP status, gRPC code and exit code of this error's kind."""
        return OUTCOMES[self.kind]


class InvalidError(VmsError):
    """The request or a setting is wrong; repeating it will not help."""

    kind = Kind.INVALID


class UnauthenticatedError(VmsError):
    """Nobody has signed in, or the proof has run out."""

    kind = Kind.UNAUTHENTICATED


class ForbiddenError(VmsError):
    """Whoever asks is known but may not do this."""

    kind = Kind.FORBIDDEN


class NotFoundError(VmsError):
    """There is no such thing, or the asker may not know of it."""

    kind = Kind.NOT_FOUND


class ConflictError(VmsError):
    """The state of the thing does not allow it now."""

    kind = Kind.CONFLICT


class TooManyError(VmsError):
    """A limit is reached; the same request may work later."""

    kind = Kind.TOO_MANY


class UnavailableError(VmsError):
    """Something this depends on does not answer."""

    kind = Kind.UNAVAILABLE


class InternalError(VmsError):
    """Our own fault; the log holds the rest."""

    kind = Kind.INTERNAL


BY_KIND: Mapping[Kind, type[VmsError]] = {
    cls.kind: cls
    for cls in (
        InvalidError,
        UnauthenticatedError,
        ForbiddenError,
        NotFoundError,
        ConflictError,
        TooManyError,
        UnavailableError,
        InternalError,
    )
}


def error_of_kind(
    kind: Kind | str,
    message: str,
    *,
    code: str | None = None,
    values: Values | None = None,
) -> VmsError:
    """Make the error of a kind that came over a wire."""
    return BY_KIND[Kind(kind)](message, code=code, values=values)
