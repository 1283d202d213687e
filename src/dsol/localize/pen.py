"""Draws on planes as Pillow draws on RGB: shapes of one colour, as opaque as wished.

A shape is drawn as a mask of its own rectangle, and its colour laid on through it: on U and V through half of it.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor

import av
import numpy as np
from PIL import Image, ImageDraw

from dsol.data.media.planes import BT601, BT709, Planes, in_planes, planes_of
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
    """

    def __init__(self, size: tuple[int, int], background: Colour, matrix: int = BT709):
        self.size, self.matrix = size, matrix
        self.below: object = None
        half = (size[0] // 2, size[1] // 2)
        sides = zip((size, half, half), in_planes(background, matrix), strict=True)
        self._planes = [Image.new("L", side, value) for side, value in sides]

    def put(self, planes: Planes, top: int = 0) -> None:
        """Put a picture there, so many pixels below the upper edge, an even number."""
        for own, plane, start in zip(self._planes, planes, (top, top // 2, top // 2), strict=True):
            own.paste(Image.fromarray(plane), (0, start))

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
            opaque = outline[3]
            self._draw(
                xy, outline, lambda on, x, y: on.rounded_rectangle(_moved(xy, x, y), radius, None, opaque, width)
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
        """One line of letters."""
        left, top, right, bottom = font.getbbox(text, anchor=anchor)
        around = (xy[0] + left - 1, xy[1] + top - 1, xy[0] + right + 1, xy[1] + bottom + 1)
        self._draw(around, fill, lambda on, x, y: on.text((xy[0] + x, xy[1] + y), text, fill[3], font, anchor))

    def _draw(self, around: Sequence[float], fill: Fill, draw: Drawing) -> None:
        """Draw within a rectangle, where that lies in the picture."""
        left, top = (max(floor(edge) // 2 * 2, 0) for edge in around[:2])
        right, bottom = (
            min((ceil(edge) + 2) // 2 * 2, side) for edge, side in zip(around[2:], self.size, strict=True)
        )  # the lower edge of a rectangle belongs to it
        if left < right and top < bottom:
            mask = Image.new("L", (right - left, bottom - top))
            draw(ImageDraw.Draw(mask), -left, -top)
            self.canvas.lay(fill[:3], mask, left, top)


def _moved(xy: Sequence[float], right: float, down: float) -> list[float]:
    return [value + (down if n % 2 else right) for n, value in enumerate(xy)]
