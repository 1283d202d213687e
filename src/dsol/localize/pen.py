"""Draws on planes as Pillow draws on RGB: shapes of one colour, as opaque as wished.

A shape is drawn as a mask of its own rectangle, and its colour laid on through it: on U and V through half of it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil, floor

import av
import numpy as np
from PIL import Image, ImageDraw

from dsol.data.media.planes import BT601, BT709, Planes, ToPlanes, in_planes, planes_of
from dsol.localize.heat import BLACK, Glow
from dsol.localize.palette import Colour

Fill = tuple[int, int, int, int]  # red, green, blue, opacity
Drawing = Callable[[ImageDraw.ImageDraw, float, float], None]  # (where, pixels to the right, pixels down)


class Canvas:
    """Planes that are painted on.

    Args:
        size: width and height in pixels, both even.
        background: its colour.
        matrix: how colours are coded, see `dsol.data.media.planes`.

    Attributes:
        below: what the strip shows that was put last.
        to_planes: converts RGB pictures for it.
    """

    def __init__(self, size: tuple[int, int], background: Colour, matrix: int = BT709):
        self.size, self.matrix = size, matrix
        self.below: object = None
        self.to_planes = ToPlanes(matrix)
        half = (size[0] // 2, size[1] // 2)
        sides = zip((size, half, half), in_planes(background, matrix), strict=True)
        self._planes = [Image.new("L", side, value) for side, value in sides]

    def put(self, planes: Planes, top: int = 0) -> None:
        """Put a picture there, so many pixels below the upper edge, an even number."""
        for own, plane, start in zip(self._planes, planes, (top, top // 2, top // 2), strict=True):
            own.paste(Image.fromarray(plane), (0, start))

    def put_glow(self, planes: Planes, glow: Glow) -> None:
        """Put a picture there with heat maps over it."""
        left, top, right, bottom = glow.box
        for own, plane, value in zip(self._planes, planes, in_planes(BLACK, self.matrix), strict=True):
            half = 1 if plane is planes[0] else 2
            lit = plane[top // half : bottom // half, left // half : right // half]
            own.paste(Image.fromarray(_nearer(plane, value, glow.shade)), (0, 0))
            own.paste(Image.fromarray(lit), (left // half, top // half))
        for layer in glow.layers:
            self.lay(*layer)

    def lay(self, colour: Colour, mask: Image.Image, left: int, top: int) -> None:
        """Lay a colour on a rectangle of even offset and size, as thick as a mask says (mode L)."""
        y, u, v = in_planes(colour, self.matrix)
        bright, *coloured = self._planes
        bright.paste(y, (left, top), mask)
        half = mask.reduce(2)
        for plane, value in zip(coloured, (u, v), strict=True):
            plane.paste(value, (left // 2, top // 2), half)

    def frame(self) -> av.VideoFrame:
        """What is there now, as yuv420p; a copy."""
        frame = av.VideoFrame(*self.size, "yuv420p")
        for own, room in zip(self._planes, planes_of(frame), strict=True):
            room[:] = np.asarray(own)
        return frame

    def image(self) -> Image.Image:
        """What is there now, as RGB."""
        return self.frame().to_image(src_colorspace={BT601: "ITU601", BT709: "ITU709"}[self.matrix])


def _nearer(plane: np.ndarray, value: int, share: float) -> np.ndarray:
    """A plane (h, w) uint8 with each pixel by a share nearer to a value."""
    part = round(256 * share)
    found = plane.astype(np.uint16)
    found *= np.uint16(256 - part)
    found += np.uint16(part * value + 128)
    found >>= 8
    return found.astype(np.uint8)


class Pen:
    """The part of `PIL.ImageDraw.ImageDraw` that marks need, on a canvas.

    Args:
        canvas: to draw on.
        size: width and height of its upper left part that is drawn on, both even.
    """

    def __init__(self, canvas: Canvas, size: tuple[int, int]):
        self.canvas, self.size = canvas, size

    def rectangle(self, xy: Sequence[float], fill: Fill) -> None:
        """A filled rectangle: left, top, right, bottom."""
        self._draw(xy, fill, lambda on, x, y: on.rectangle(_moved(xy, x, y), fill=fill[3]))

    def rounded_rectangle(
        self, xy: Sequence[float], radius: float, fill: Fill | None = None, outline: Fill | None = None, width: int = 1
    ) -> None:
        """A rectangle with round corners, filled or outlined."""
        if fill:
            self._draw(xy, fill, lambda on, x, y: on.rounded_rectangle(_moved(xy, x, y), radius, fill[3]))
        if outline:
            self._draw(
                xy,
                outline,
                lambda on, x, y: on.rounded_rectangle(_moved(xy, x, y), radius, None, outline[3], width),
                rim=ceil(radius) + width,
            )

    def ellipse(self, xy: Sequence[float], fill: Fill) -> None:
        """A filled ellipse in a rectangle."""
        self._draw(xy, fill, lambda on, x, y: on.ellipse(_moved(xy, x, y), fill=fill[3]))

    def line(self, xy: Sequence[float], fill: Fill, width: int = 1) -> None:
        """A line from point to point: x, y, x, y, …"""
        across, down = xy[::2], xy[1::2]
        around = (min(across) - width, min(down) - width, max(across) + width, max(down) + width)
        self._draw(around, fill, lambda on, x, y: on.line(_moved(xy, x, y), fill=fill[3], width=width))

    def text(self, xy: tuple[float, float], text: str, fill: Fill, font, anchor: str) -> None:
        """One line of letters; drawn once, and again where it stands in another way to whole pixels."""
        x, y = (round(value, 3) for value in xy)
        mask, left, top = _letters(text, fill[3], font, anchor, x % 2, y % 2)
        left, top = left + round(x - x % 2), top + round(y - y % 2)
        cut = max(-left, 0), max(-top, 0), min(mask.width, self.size[0] - left), min(mask.height, self.size[1] - top)
        if cut[0] < cut[2] and cut[1] < cut[3]:
            self.canvas.lay(fill[:3], mask.crop(cut), left + cut[0], top + cut[1])

    def _draw(self, around: Sequence[float], fill: Fill, draw: Drawing, rim: int = 0) -> None:
        """Draw within a rectangle, where that lies in the picture, and nowhere but at its rim if that has a width."""
        left, top, right, bottom = _even(around)
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, self.size[0]), min(bottom, self.size[1])
        if left < right and top < bottom:
            mask = Image.new("L", (right - left, bottom - top))
            draw(ImageDraw.Draw(mask), -left, -top)
            for part in _parts(mask.size, rim):
                self.canvas.lay(fill[:3], mask.crop(part), left + part[0], top + part[1])


@lru_cache(maxsize=1024)
def _letters(text: str, opacity: int, font, anchor: str, x: float, y: float) -> tuple[Image.Image, int, int]:
    """One line of letters as a mask of an even place and size, and its left and top."""
    left, top, right, bottom = font.getbbox(text, anchor=anchor)
    left, top, right, bottom = _even((x + left - 1, y + top - 1, x + right + 1, y + bottom + 1))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((x - left, y - top), text, opacity, font, anchor)
    return mask, left, top


def _even(around: Sequence[float]) -> tuple[int, int, int, int]:
    """A rectangle of even edges round one: left, top, right, bottom; the lower edge of a rectangle belongs to it."""
    left, top, right, bottom = around
    return floor(left) // 2 * 2, floor(top) // 2 * 2, (ceil(right) + 2) // 2 * 2, (ceil(bottom) + 2) // 2 * 2


def _parts(size: tuple[int, int], rim: int) -> list[tuple[int, int, int, int]]:
    """All of an even rectangle, or its four sides, even, in which all lies that is so near to its edges."""
    (width, height), wide = size, (rim + 3) // 2 * 2
    if not rim or 2 * wide >= min(size):
        return [(0, 0, width, height)]
    low, right = height - wide, width - wide
    return [(0, 0, width, wide), (0, low, width, height), (0, wide, wide, low), (right, wide, width, low)]


def _moved(xy: Sequence[float], right: float, down: float) -> list[float]:
    return [value + (down if n % 2 else right) for n, value in enumerate(xy)]
