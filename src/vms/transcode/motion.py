"""Motion in a camera's small pictures: what moves, and where. No IO.

Each pixel is known by three mixed modes (Stauffer and Grimson 1999; Zivkovic 2004), which live and
fade: leaves that wave become background as well. Cost at 320x180: about one millisecond.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
_Float = NDArray[np.float32]

WIDTH, HEIGHT = 320, 180
CELL = 20  # pixels: 16 x 9 cells
COLUMNS, ROWS = WIDTH // CELL, HEIGHT // CELL
MODES = 3
# How far a pixel may lie from a mode, in squared standard deviations.
MATCH = 12.0
START_VARIANCE, LEAST_VARIANCE = 225.0, 40.0
# A mode that carries this much of the past is background.
BACKGROUND = 0.35
# A cell moves when this part of its pixels does.
CELL_PART = 0.2
# More of the picture than this at once is light, not motion.
LIGHT_PART = 0.6
LEARN_FRAMES = 8


@dataclass(frozen=True, slots=True)
class Motion:
    """What one picture shows: the part of it that moves, and boxes of 0 to 1 (x, y, w, h)."""

    part: float
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    # The light changed, or the background is still being learnt.
    blind: bool = False

    @property
    def moves(self) -> bool:
        """Whether anything moves."""
        return bool(self.boxes)


@dataclass(slots=True)
class MotionDetector:
    """The background of one camera."""

    # How many pictures it takes to accept what stays.
    memory: int = 150
    # Cells that are looked at; rows of 16, None for all.
    watched: NDArray[np.bool_] | None = None
    _mean: list[_Float] = field(default_factory=list)
    _variance: list[_Float] = field(default_factory=list)
    _weight: list[_Float] = field(default_factory=list)
    _seen: int = 0

    def feed(self, picture: Gray) -> Motion:
        """Learn a picture of 320x180 and tell what moves in it."""
        pixels = picture.astype(np.float32)
        if not self._mean:
            self._start(pixels)
        self._seen += 1
        moving = self._update(pixels, np.float32(max(1 / self.memory, 1 / self._seen)))
        part = float(moving.mean())
        if self._seen <= LEARN_FRAMES:
            return Motion(part, blind=True)
        if part > LIGHT_PART:
            self._start(pixels)
            return Motion(part, blind=True)
        return Motion(part, self._boxes(moving))

    def _start(self, pixels: _Float) -> None:
        self._mean = [pixels.copy() for _ in range(MODES)]
        self._variance = [np.full_like(pixels, START_VARIANCE) for _ in range(MODES)]
        self._weight = [np.full_like(pixels, n == 0) for n in range(MODES)]
        self._seen = 0

    def _update(self, pixels: _Float, rate: np.float32) -> NDArray[np.bool_]:
        """Learn each pixel by the first mode that knows it; return those without background."""
        stranger = np.ones(pixels.shape, dtype=np.bool_)
        known = np.zeros(pixels.shape, dtype=np.bool_)
        for n in range(MODES):
            distance = pixels - self._mean[n]
            square = distance * distance
            match = (square < MATCH * self._variance[n]) & stranger
            stranger &= ~match
            known |= match & (self._weight[n] > BACKGROUND)
            step = rate * match
            self._weight[n] += step - rate * self._weight[n]
            self._mean[n] += step * distance
            self._variance[n] += step * (square - self._variance[n])
            np.maximum(self._variance[n], LEAST_VARIANCE, out=self._variance[n])
        if stranger.any():
            self._adopt(pixels, stranger, rate)
        return ~known

    def _adopt(self, pixels: _Float, stranger: NDArray[np.bool_], rate: np.float32) -> None:
        """What no mode knows takes the place of the weakest one."""
        places = np.nonzero(stranger)
        weights = np.stack([weight[places] for weight in self._weight])
        weakest = weights.argmin(axis=0)
        for n in range(MODES):
            chosen = tuple(axis[weakest == n] for axis in places)
            self._mean[n][chosen] = pixels[chosen]
            self._variance[n][chosen] = START_VARIANCE
            self._weight[n][chosen] = rate

    def _boxes(self, moving: NDArray[np.bool_]) -> tuple[tuple[float, float, float, float], ...]:
        cells = moving.reshape(ROWS, CELL, COLUMNS, CELL).mean(axis=(1, 3)) > CELL_PART
        if self.watched is not None:
            cells &= self.watched
        left = {(int(row), int(column)) for row, column in np.argwhere(cells)}
        boxes = []
        while left:
            boxes.append(_box(_grown(left)))
        return tuple(boxes)


def _grown(left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Take one group of neighbouring cells out of ``left``."""
    group = [left.pop()]
    for row, column in group:
        near = {(row + y, column + x) for y in (-1, 0, 1) for x in (-1, 0, 1)} & left
        left -= near
        group.extend(near)
    return group


def _box(cells: list[tuple[int, int]]) -> tuple[float, float, float, float]:
    rows, columns = [row for row, _ in cells], [column for _, column in cells]
    x, y = min(columns), min(rows)
    return (
        x / COLUMNS,
        y / ROWS,
        (max(columns) + 1 - x) / COLUMNS,
        (max(rows) + 1 - y) / ROWS,
    )


@dataclass(slots=True)
class MotionGate:
    """When motion begins and ends: two pictures in a row begin it, ``quiet_us`` without end it."""

    quiet_us: int = 2_000_000
    _since_us: int | None = None
    _last_us: int = 0
    _moving: int = 0

    def feed(self, motion: Motion, utc_us: int) -> bool | None:
        """Return True when motion begins with this picture, False when it has ended."""
        if motion.moves:
            self._moving += 1
            self._last_us = utc_us
            if self._moving >= 2 and self._since_us is None:
                self._since_us = utc_us
                return True
            return None
        self._moving = 0
        if self._since_us is not None and utc_us - self._last_us >= self.quiet_us:
            self._since_us = None
            return False
        return None
