"""When a process is started again."""

import pytest

from vms.services.restart import RestartPolicy


@pytest.mark.parametrize(
    ("lifetimes", "pauses"),
    [
        ([60.0], [0.0]),
        ([1.0, 1.0, 1.0, 1.0], [0.0, 0.25, 0.5, 1.0]),
        ([0.0] * 9, [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]),
        ([0.0, 0.0, 60.0, 0.0], [0.0, 0.25, 0.0, 0.25]),
    ],
)
def test_at_once_first_then_slower_and_forgiven_after_a_good_run(
    lifetimes: list[float], pauses: list[float]
) -> None:
    policy, now, found = RestartPolicy(), 100.0, []
    for lifetime in lifetimes:
        policy.started(now)
        now += lifetime
        found.append(policy.pause(now))
    assert found == pauses
