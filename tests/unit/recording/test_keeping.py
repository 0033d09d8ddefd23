"""How long recordings are kept when several levels say something."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.common import InvalidError
from vms.engine import Keep, Thin, ThinTo
from vms.recording import Keeping, ThinStep
from vms.recording.keeping import Levels, checked


def keep(floor: int | None = None, cap: int | None = None, size: int | None = None) -> Keeping:
    return Keeping(min_days=floor, max_days=cap, max_bytes=size)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (Levels(), (0, None, None)),
        (Levels(camera=keep(5), city=keep(10)), (10, None, None)),
        (Levels(camera=keep(None, 30), plan=keep(None, 15)), (0, 15, None)),
        # A cap under the floor does not count.
        (Levels(camera=keep(20), plan=keep(None, 15), city=keep(None, 40)), (20, 40, None)),
        # All are under it: the floor is the cap.
        (Levels(camera=keep(20), plan=keep(None, 15)), (20, 20, None)),
        (Levels(camera=keep(2, 30), limit_days=7), (2, 7, None)),
        (Levels(groups=[keep(3), keep(9)], camera=keep(1)), (9, None, None)),
        (Levels(camera=keep(size=500), city=keep(size=300)), (0, None, 300)),
    ],
)
def test_the_largest_floor_and_the_smallest_cap_above_it(
    levels: Levels, expected: tuple[int, int | None, int | None]
) -> None:
    found = levels.keep()
    assert (found.min_days, found.max_days, found.max_bytes) == expected


def ladder(*steps: tuple[int, ThinTo]) -> Keeping:
    return Keeping(thin=tuple(ThinStep(days, to) for days, to in steps))


def test_the_narrowest_ladder_counts_and_no_step_comes_before_the_floor() -> None:
    city = ladder((3, ThinTo.EVENTS), (9, ThinTo.KEYS))
    assert Levels(city=city).keep().thin == (Thin(3, ThinTo.EVENTS), Thin(9, ThinTo.KEYS))
    own = Levels(camera=ladder((2, ThinTo.KEYS)), city=city).keep()
    assert own.thin == (Thin(2, ThinTo.KEYS),)
    held = Levels(city=city, camera=keep(5)).keep()
    assert held.thin == (Thin(5, ThinTo.EVENTS), Thin(9, ThinTo.KEYS))


def test_of_several_groups_each_step_is_as_late_as_the_latest() -> None:
    groups = [ladder((3, ThinTo.EVENTS), (9, ThinTo.KEYS)), ladder((7, ThinTo.KEYS))]
    assert Levels(groups=groups).keep().thin == (Thin(9, ThinTo.KEYS),)


days = st.none() | st.integers(1, 100)


@given(st.lists(st.builds(keep, days, days), min_size=4, max_size=6), days)
def test_nothing_goes_before_a_floor(said: list[Keeping], limit: int | None) -> None:
    camera, city, plan, *groups = said
    found: Keep = Levels(camera, groups, city, plan, limit).keep()
    assert found.min_days == max(one.min_days or 0 for one in said)
    assert found.max_days is None or found.max_days >= found.min_days
    caps = [one.max_days for one in said if one.max_days] + ([limit] if limit else [])
    assert (found.max_days is None) == (not caps)


@pytest.mark.parametrize(
    "wrong",
    [
        keep(8, 7),
        ladder((7, ThinTo.KEYS), (9, ThinTo.EVENTS)),
        ladder((7, ThinTo.EVENTS), (7, ThinTo.KEYS)),
        ladder((3, ThinTo.EVENTS), (5, ThinTo.EVENTS)),
    ],
)
def test_what_contradicts_itself_is_refused(wrong: Keeping) -> None:
    with pytest.raises(InvalidError) as refused:
        checked(wrong)
    assert refused.value.code == "keep_invalid"
