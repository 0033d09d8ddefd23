"""How long recordings are kept when plan, city, groups and camera all say something. Pure.

The largest floor wins. Of the caps the smallest that is not under the floor wins;
where all are under it, the floor is the cap. The plan's own limit of days is a cap.
Bytes: the smallest cap. Of the ladders the narrowest level's counts: the camera's,
else that of its groups, else its city's, else its plan's; of several groups each
step is as late as the latest. No step comes before the floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from vms.common import InvalidError
from vms.engine import Keep, Thin, ThinTo
from vms.recording.model import Keeping, ThinStep

NOTHING = Keeping()
_ORDER = {ThinTo.EVENTS: 0, ThinTo.KEYS: 1, ThinTo.STILLS: 2}


@dataclass(frozen=True, slots=True)
class Levels:
    """What each level says about one camera."""

    camera: Keeping = NOTHING
    groups: Sequence[Keeping] = ()
    city: Keeping = NOTHING
    plan: Keeping = NOTHING
    # The plan's limit of days; none: unlimited.
    limit_days: int | None = None
    _every: tuple[Keeping, ...] = field(init=False)

    def __post_init__(self) -> None:
        every = (self.camera, *self.groups, self.city, self.plan)
        object.__setattr__(self, "_every", every)

    def keep(self) -> Keep:
        """Return what comes of them."""
        floor = max(one.min_days or 0 for one in self._every)
        caps = [one.max_days for one in self._every if one.max_days is not None]
        if self.limit_days is not None:
            caps.append(self.limit_days)
        sizes = [one.max_bytes for one in self._every if one.max_bytes is not None]
        return Keep(floor, _cap(floor, caps), min(sizes, default=None), self._ladder(floor))

    def _ladder(self, floor: int) -> tuple[Thin, ...]:
        levels = ([self.camera], self.groups, [self.city], [self.plan])
        for level in levels:
            steps = _latest([one.thin for one in level if one.thin])
            if steps:
                return tuple(Thin(max(days, floor, 1), to) for to, days in steps.items())
        return ()


def _cap(floor: int, caps: Sequence[int]) -> int | None:
    if not caps:
        return None
    return min((cap for cap in caps if cap >= floor), default=max(floor, 1))


def _latest(ladders: Sequence[Sequence[ThinStep]]) -> dict[ThinTo, int]:
    """Return the steps that every ladder has, each as late as the latest of them."""
    if not ladders:
        return {}
    found: dict[ThinTo, int] = {}
    for to in sorted(ThinTo, key=_ORDER.__getitem__):
        days = [step.after_days for ladder in ladders for step in ladder if step.to is to]
        if len(days) == len(ladders):
            found[to] = max(days)
    return found


def checked(keep: Keeping) -> Keeping:
    """Return what may be said of one level, or say what contradicts itself."""
    if keep.max_days is not None and (keep.min_days or 0) > keep.max_days:
        raise InvalidError(
            f"min_days {keep.min_days} is more than max_days {keep.max_days}",
            code="keep_invalid",
            values={"field": "min_days"},
        )
    kinds = [_ORDER[step.to] for step in keep.thin]
    days = [step.after_days for step in keep.thin]
    if kinds != sorted(set(kinds)) or days != sorted(set(days)):
        raise InvalidError(
            "thin: each step comes later than the one before and leaves less: events, keys, stills",
            code="keep_invalid",
            values={"field": "thin"},
        )
    return keep
