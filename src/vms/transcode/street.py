"""A street drawn once: what the simulated cameras look at.

Pictures are planes of YUV 4:2:0 from the start, and everything that moves is a
sprite drawn beforehand, so that a frame costs a few copies. Positions are even,
because the colour planes have half the size.

The street repeats without a seam: each car covers a whole number of rounds in
one loop of the scene.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Plane = NDArray[np.uint8]

# Made-up Brazilian plates of both forms.
PLATES = ("VMS1A23", "CAM4B56", "RUA7C89", "BRA0D12", "VMS9999", "CAM2E34")
PAINTS = (
    (178, 34, 52),
    (230, 230, 230),
    (45, 66, 110),
    (60, 60, 64),
    (199, 161, 60),
    (40, 110, 80),
)
# Luma noise a camera's sensor would add; it also gives the encoder work.
NOISE_PATTERNS = 8
NOISE_LEVELS = 7
# Kept free at the top of the luma range, so that adding noise cannot wrap.
BRIGHTEST = 235


@dataclass(frozen=True)
class Sprite:
    """A picture with a mask, as planes."""

    luma: Plane
    blue: Plane
    red: Plane
    mask: NDArray[np.bool_]

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.luma.shape
        return width, height


@dataclass(frozen=True)
class Car:
    """A car: its picture, where it starts, and how often it passes in a loop."""

    sprite: Sprite
    lane_top: int
    start: float
    rounds: int


def to_planes(image: Image.Image) -> tuple[Plane, Plane, Plane]:
    """Luma, blue and red difference (BT.601, limited range), colour halved."""
    rgb = np.asarray(image.convert("RGB"), dtype=np.float32)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    cb = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    cr = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    halved = [plane.reshape(plane.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3)) for plane in (cb, cr)]
    limit = BRIGHTEST - NOISE_LEVELS
    return (
        np.clip(luma, 16, limit).astype(np.uint8),
        halved[0].astype(np.uint8),
        halved[1].astype(np.uint8),
    )


def to_sprite(image: Image.Image) -> Sprite:
    """A sprite of an image with transparency; its size must be even."""
    luma, blue, red = to_planes(image)
    mask = np.asarray(image.getchannel("A")) > 127
    return Sprite(luma, blue, red, mask)


def even(value: float) -> int:
    """The even number at or below ``value``."""
    return int(value) // 2 * 2


class Canvas:
    """One frame's planes."""

    def __init__(self, planes: tuple[Plane, Plane, Plane]) -> None:
        self.luma, self.blue, self.red = (plane.copy() for plane in planes)

    def put(self, sprite: Sprite, left: int, top: int) -> None:
        """Draws a sprite; what lies outside is cut off. Both must be even."""
        height, width = self.luma.shape
        x0, x1 = max(left, 0), min(left + sprite.size[0], width)
        y0, y1 = max(top, 0), min(top + sprite.size[1], height)
        if x0 >= x1 or y0 >= y1:
            return
        _blend(self.luma, sprite.luma, sprite.mask, (x0, x1, y0, y1), (left, top))
        half = (x0 // 2, x1 // 2, y0 // 2, y1 // 2)
        mask = sprite.mask[::2, ::2]
        _blend(self.blue, sprite.blue, mask, half, (left // 2, top // 2))
        _blend(self.red, sprite.red, mask, half, (left // 2, top // 2))

    def planar(self) -> Plane:
        """All three planes below each other, as encoders take them."""
        width = self.luma.shape[1]
        parts = (self.luma, self.blue.reshape(-1, width), self.red.reshape(-1, width))
        return np.concatenate(parts)


def _blend(
    target: Plane,
    source: Plane,
    mask: NDArray[np.bool_],
    box: tuple[int, int, int, int],
    origin: tuple[int, int],
) -> None:
    x0, x1, y0, y1 = box
    left, top = origin
    rows, columns = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    np.copyto(target[y0:y1, x0:x1], source[rows, columns], where=mask[rows, columns])


class Street:
    """Draws the frames of one loop."""

    def __init__(self, width: int, height: int, fps: float, frames: int) -> None:
        self._width, self._height = width, height
        self._fps, self._frames = fps, frames
        self._unit = height / 1080
        self._background = to_planes(self._draw_background())
        self._cars = self._make_cars()
        self._glyphs = self._make_glyphs("0123456789:.FRAME ")
        random = np.random.default_rng(7)
        shape = (NOISE_PATTERNS, height, width)
        self._noise = random.integers(0, NOISE_LEVELS, shape, dtype=np.uint8)

    def frames(self) -> Iterator[Plane]:
        """Every frame of the loop, in order."""
        for number in range(self._frames):
            yield self._frame(number)

    def _frame(self, number: int) -> Plane:
        canvas = Canvas(self._background)
        for car in self._cars:
            span = self._width + car.sprite.size[0]
            passed = car.start + car.rounds * number / self._frames
            left = even((passed % 1.0) * span) - car.sprite.size[0]
            canvas.put(car.sprite, left, car.lane_top)
        seconds = number / self._fps
        text = f"FRAME {number:05d}  {int(seconds // 60):02d}:{seconds % 60:05.2f}"
        self._write(canvas, text)
        canvas.luma += self._noise[number % NOISE_PATTERNS]
        return canvas.planar()

    def _write(self, canvas: Canvas, text: str) -> None:
        left = top = even(24 * self._unit)
        for letter in text:
            glyph = self._glyphs[letter]
            canvas.put(glyph, left, top)
            left += glyph.size[0]

    def _px(self, value: float) -> int:
        return round(value * self._unit)

    def _draw_background(self) -> Image.Image:
        image = Image.new("RGB", (self._width, self._height))
        draw = ImageDraw.Draw(image)
        horizon = self._px(620)
        for row in range(horizon):
            share = row / max(horizon, 1)
            draw.line(
                (0, row, self._width, row),
                (int(120 + 70 * share), int(165 + 40 * share), int(215 + 10 * share)),
            )
        self._draw_houses(draw)
        draw.rectangle((0, self._px(620), self._width, self._px(690)), fill=(150, 146, 140))
        draw.rectangle((0, self._px(690), self._width, self._px(1010)), fill=(66, 68, 72))
        draw.rectangle((0, self._px(1010), self._width, self._height), fill=(158, 154, 148))
        dash = self._px(110)
        for left in range(0, self._width, max(dash * 2, 2)):
            draw.rectangle((left, self._px(843), left + dash, self._px(855)), fill=(228, 200, 90))
        return image

    def _draw_houses(self, draw: ImageDraw.ImageDraw) -> None:
        random = np.random.default_rng(11)
        left = 0
        while left < self._width:
            width = self._px(int(random.integers(180, 320)))
            top = self._px(int(random.integers(120, 420)))
            shade = int(random.integers(120, 200))
            wall = (shade, int(shade * 0.92), int(shade * 0.82))
            draw.rectangle((left, top, left + width, self._px(620)), fill=wall)
            step = max(self._px(58), 4)
            for x in range(left + step // 2, left + width - step // 2, step):
                for y in range(top + step // 2, self._px(560), step):
                    lit = random.random() < 0.3
                    glass = (240, 220, 150) if lit else (70, 86, 104)
                    draw.rectangle((x, y, x + step // 2, y + step // 2), fill=glass)
            left += width + self._px(12)

    def _make_cars(self) -> list[Car]:
        cars = []
        for index, (plate, paint) in enumerate(zip(PLATES, PAINTS, strict=True)):
            sprite = to_sprite(self._draw_car(plate, paint))
            lane = 690 if index % 2 == 0 else 850
            start = index / len(PLATES)
            cars.append(Car(sprite, even(self._px(lane)), start, rounds=1 + index % 2))
        # Further lanes first, so that nearer cars cover them.
        return sorted(cars, key=lambda car: car.lane_top)

    def _draw_car(self, plate: str, paint: tuple[int, int, int]) -> Image.Image:
        width, height = even(self._px(360)), even(self._px(150))
        image = Image.new("RGBA", (width, height))
        draw = ImageDraw.Draw(image)
        px = self._px
        dark = tuple(value * 2 // 3 for value in paint)
        cabin = [(px(80), px(52)), (px(120), px(4)), (px(250), px(4)), (px(300), px(52))]
        draw.polygon(cabin, fill=(*dark, 255))
        glass = [(px(96), px(50)), (px(128), px(14)), (px(240), px(14)), (px(280), px(50))]
        draw.polygon(glass, fill=(150, 180, 196, 255))
        draw.rounded_rectangle((0, px(48), width - 1, px(122)), px(18), fill=(*paint, 255))
        for centre in (px(78), px(282)):
            wheel = (centre - px(30), px(90), centre + px(30), px(149))
            draw.ellipse(wheel, fill=(24, 24, 26, 255))
        self._draw_plate(draw, plate)
        return image

    def _draw_plate(self, draw: ImageDraw.ImageDraw, plate: str) -> None:
        px = self._px
        left, top, right, bottom = px(118), px(62), px(242), px(102)
        draw.rectangle((left, top, right, bottom), fill=(226, 226, 226, 255))
        draw.rectangle((left, top, right, top + px(9)), fill=(24, 60, 150, 255))
        middle = ((left + right) / 2, top + px(25))
        font = ImageFont.load_default(size=max(px(27), 6))
        draw.text(middle, plate, font=font, fill=(20, 20, 20, 255), anchor="mm")

    def _make_glyphs(self, letters: str) -> dict[str, Sprite]:
        font = ImageFont.load_default(size=max(self._px(44), 8))
        height = even(self._px(60)) or 2

        def width_of(letter: str) -> int:
            return even(font.getlength(letter) + 3) or 2

        digits = max(width_of(digit) for digit in "0123456789")
        glyphs = {}
        for letter in letters:
            width = digits if letter.isdigit() else width_of(letter)
            image = Image.new("RGBA", (width, height), (16, 16, 18, 255))
            middle = (width / 2, height / 2)
            ImageDraw.Draw(image).text(
                middle, letter, font=font, fill=(240, 240, 240, 255), anchor="mm"
            )
            glyphs[letter] = to_sprite(image)
        return glyphs
