"""Pictures as the encoder wants them (yuv420p): composing them in place saves a conversion of every frame."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

# From RGB to BT.601 video levels: rows y, u, v; columns red, green, blue, constant.
_TO_YUV = (0.257, 0.504, 0.098, 16.0, -0.148, -0.291, 0.439, 128.0, 0.439, -0.368, -0.071, 128.0)


@dataclass(frozen=True)
class Planes:
    """Brightness `y`, and two colour differences `u`, `v` half as large each way; all of mode L."""

    y: Image.Image
    u: Image.Image
    v: Image.Image

    @classmethod
    def of(cls, picture: Image.Image) -> "Planes":
        """From RGB.

        Example:
            >>> Planes.of(Image.new("RGB", (4, 2), "white")).array().tolist()
            [[235, 235, 235, 235], [235, 235, 235, 235], [128, 128, 128, 128]]
        """
        y, u, v = picture.convert("RGB", _TO_YUV).split()
        return cls(y, u.reduce(2), v.reduce(2))

    def crop(self, left: int, top: int, width: int, height: int) -> "Planes":
        """A part of it, with a copy of its pixels."""
        whole = (left, top, left + width, top + height)
        half = (left // 2, top // 2, left // 2 + width // 2, top // 2 + height // 2)
        return Planes(self.y.crop(whole), self.u.crop(half), self.v.crop(half))

    def turned(self, degrees: float, centre: tuple[float, float]) -> "Planes":
        """Rotated counter-clockwise about a point, by a degree or two: interpolation would show no difference."""
        half = (centre[0] / 2, centre[1] / 2)
        return Planes(
            self.y.rotate(degrees, center=centre, fillcolor=16),
            self.u.rotate(degrees, center=half, fillcolor=128),
            self.v.rotate(degrees, center=half, fillcolor=128),
        )

    def array(self) -> np.ndarray:
        """(height · 3 / 2, width) uint8, the layout that PyAV calls yuv420p."""
        width, height = self.y.size
        data = b"".join(plane.tobytes() for plane in (self.y, self.u, self.v))
        return np.frombuffer(data, np.uint8).reshape(height * 3 // 2, width)


class Sprite:
    """A drawn actor.

    Args:
        planes: its colours.
        alpha: L, where it covers what is behind.
        instrument: L, where its instrument is in sight.
    """

    def __init__(self, planes: Planes, alpha: Image.Image, instrument: Image.Image):
        self.planes, self.alpha, self._instrument = planes, alpha, instrument
        self.half_alpha = alpha.reduce(2)

    def turned(self, degrees: float, centre: tuple[float, float]) -> "Sprite":
        """Rotated counter-clockwise about a point."""
        alpha, instrument = (mask.rotate(degrees, center=centre) for mask in (self.alpha, self._instrument))
        return Sprite(self.planes.turned(degrees, centre), alpha, instrument)

    def paste(self, picture: Planes, x: int, y: int) -> None:
        """Draw it into `picture` with its top left corner at (x, y)."""
        picture.y.paste(self.planes.y, (x, y), self.alpha)
        picture.u.paste(self.planes.u, (x // 2, y // 2), self.half_alpha)
        picture.v.paste(self.planes.v, (x // 2, y // 2), self.half_alpha)

    @cached_property
    def whole(self) -> Image.Image:
        """L, 255 where it covers at least half of a pixel, else 0."""
        return _at_least_half(self.alpha)

    @cached_property
    def instrument(self) -> Image.Image:
        """L, 255 where its instrument shows in at least half of a pixel, else 0."""
        return _at_least_half(self._instrument)


def _at_least_half(mask: Image.Image) -> Image.Image:
    return Image.fromarray(np.uint8(255) * (np.asarray(mask) >= 128))
