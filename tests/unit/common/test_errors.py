"""The error tree: few kinds, each complete."""

import pytest

from vms.common import BY_KIND, OUTCOMES, Kind, VmsError, error_of_kind

# One row a kind: what it becomes at each edge.
ROWS = [
    (Kind.INVALID, 400, "INVALID_ARGUMENT", 2),
    (Kind.UNAUTHENTICATED, 401, "UNAUTHENTICATED", 3),
    (Kind.FORBIDDEN, 403, "PERMISSION_DENIED", 4),
    (Kind.NOT_FOUND, 404, "NOT_FOUND", 5),
    (Kind.CONFLICT, 409, "FAILED_PRECONDITION", 6),
    (Kind.TOO_MANY, 429, "RESOURCE_EXHAUSTED", 7),
    (Kind.UNAVAILABLE, 503, "UNAVAILABLE", 8),
    (Kind.INTERNAL, 500, "INTERNAL", 1),
]


@pytest.mark.parametrize(("kind", "status", "grpc_code", "exit_code"), ROWS)
def test_a_kind_has_one_outcome_at_each_edge(
    kind: Kind, status: int, grpc_code: str, exit_code: int
) -> None:
    error = error_of_kind(kind.value, "camera gate failed 3 times", values={"camera": "gate"})
    assert type(error) is BY_KIND[kind]
    assert (error.outcome.http_status, error.outcome.grpc_code) == (status, grpc_code)
    assert error.outcome.exit_code == exit_code
    assert str(error) == error.message == "camera gate failed 3 times"
    assert (error.code, error.values) == (kind.value, {"camera": "gate"})


def test_every_kind_has_an_example_row_an_outcome_and_a_class() -> None:
    kinds = set(Kind)
    assert {row[0] for row in ROWS} == kinds
    assert set(OUTCOMES) == kinds
    assert set(BY_KIND) == kinds
    assert {cls.kind for cls in VmsError.__subclasses__()} == kinds


def test_exit_codes_are_all_different() -> None:
    assert len({outcome.exit_code for outcome in OUTCOMES.values()}) == len(Kind)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="weather"):
        error_of_kind("weather", "rain")
