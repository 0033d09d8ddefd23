"""What moves in small pictures, and when motion begins and ends."""

import numpy as np
import pytest

from vms.transcode import Motion, MotionDetector, MotionGate
from vms.transcode.motion import COLUMNS, HEIGHT, LEARN_FRAMES, ROWS, WIDTH, Gray

SECOND = 1_000_000


def scene(seed: int, noise: float = 4.0) -> Gray:
    """Return a still street with a sensor's noise."""
    picture = np.fromfunction(lambda y, x: 60 + x / 4 + y / 3, (HEIGHT, WIDTH))
    grain = np.random.default_rng(seed).normal(0, noise, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def with_box(picture: Gray, x: int, y: int, size: int = 40, light: int = 230) -> Gray:
    """Return the picture with something in it."""
    drawn = picture.copy()
    drawn[y : y + size, x : x + size] = light
    return drawn


def learnt(frames: int = 30) -> MotionDetector:
    """Return a detector that knows the street."""
    detector = MotionDetector()
    for seed in range(frames):
        detector.feed(scene(seed))
    return detector


def test_noise_is_no_motion() -> None:
    detector = learnt()
    found = [detector.feed(scene(seed)) for seed in range(100, 160)]
    assert not any(motion.moves for motion in found)


def test_what_comes_in_is_found_where_it_is() -> None:
    detector = learnt()
    motion = detector.feed(with_box(scene(1), 100, 60))
    assert len(motion.boxes) == 1
    x, y, w, h = motion.boxes[0]
    assert x <= 100 / WIDTH
    assert x + w >= 140 / WIDTH
    assert y <= 60 / HEIGHT
    assert y + h >= 100 / HEIGHT
    assert w <= 4 / COLUMNS
    assert h <= 4 / ROWS


def test_two_things_are_two_boxes() -> None:
    detector = learnt()
    picture = with_box(with_box(scene(1), 20, 20), 240, 120)
    assert len(detector.feed(picture).boxes) == 2


def test_what_stays_becomes_background() -> None:
    detector = learnt()
    found = [detector.feed(with_box(scene(n), 100, 60)).moves for n in range(300)]
    assert found[0]
    assert not found[-1]


def test_what_waves_becomes_background_too() -> None:
    detector = learnt()
    places = [detector.feed(with_box(scene(n), 100, 60, light=90 + n % 2 * 80)) for n in range(600)]
    assert places[0].moves
    assert not any(motion.moves for motion in places[-20:])


def test_light_switched_on_is_no_motion_and_the_next_thing_is_seen() -> None:
    detector = learnt()
    bright = [np.clip(scene(n).astype(int) + 80, 0, 255).astype(np.uint8) for n in range(30)]
    found = [detector.feed(picture) for picture in bright]
    assert found[0].blind
    assert not any(motion.moves for motion in found)
    assert detector.feed(with_box(bright[0], 100, 60, light=0)).moves


def test_only_watched_cells_count() -> None:
    watched = np.zeros((ROWS, COLUMNS), dtype=bool)
    watched[:, COLUMNS // 2 :] = True
    detector = learnt()
    detector.watched = watched
    assert not detector.feed(with_box(scene(1), 20, 60)).moves
    assert detector.feed(with_box(scene(2), 240, 60)).moves


def test_the_first_pictures_are_learnt_from() -> None:
    detector = MotionDetector()
    found = [detector.feed(with_box(scene(n), 8 * n, 60)) for n in range(LEARN_FRAMES)]
    assert all(motion.blind for motion in found)


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ("m....", []),
        ("mm...", [(1, True)]),
        ("mm.mm.....", [(1, True), (9, False)]),
        ("mmmmmmmm...........", [(1, True), (12, False)]),
    ],
)
def test_two_pictures_begin_motion_and_quiet_ends_it(
    moves: str, expected: list[tuple[int, bool]]
) -> None:
    gate = MotionGate(quiet_us=5 * SECOND)
    box = ((0.0, 0.0, 1.0, 1.0),)
    told = []
    for second, sign in enumerate(moves):
        change = gate.feed(Motion(0.1, box if sign == "m" else ()), second * SECOND)
        if change is not None:
            told.append((second, change))
    assert told == expected
