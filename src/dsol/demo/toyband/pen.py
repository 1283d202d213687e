"""Drawing in the coordinates of what is drawn: shapes, tubes and shades on an oversampled canvas."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float] | np.ndarray] | np.ndarray
OVERSAMPLE = 3  # canvas pixels a frame pixel, each way, enough for smooth edges


def shade(colour: Colour, amount: float) -> Colour:
    """Lighter (amount > 0, 1 is white) or darker (amount < 0, −1 is black).

    Example:
        >>> shade((100, 100, 100), -0.5)
        (50, 50, 50)
    """
    goal = 255 if amount > 0 else 0
    return tuple(round(c + (goal - c) * abs(amount)) for c in colour)  # type: ignore[return-value]


def smooth(points: Points, steps: int = 8, closed: bool = False) -> np.ndarray:
    """A curve through the points (Catmull-Rom), (n, 2)."""
    p = np.asarray(points, float)
    p = np.vstack((p[-1], p, p[:2])) if closed else np.vstack((2 * p[0] - p[1], p, 2 * p[-1] - p[-2]))
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    curve = curve.transpose(1, 0, 2).reshape(-1, 2)
    return curve if closed else np.vstack((curve, p[-2]))


@cache
def _circle(n: int) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack((np.cos(t), np.sin(t)), 1)


def ellipse(x: float, y: float, rx: float, ry: float, n: int = 28) -> np.ndarray:
    """Outline of an ellipse, (n, 2)."""
    return _circle(n) * (rx, ry) + (x, y)


def trapezoid(low: float, low_half: float, high: float, high_half: float, x: float = 0.0) -> np.ndarray:
    """Outline of a trapezoid around x, half as wide as said at two heights, (4, 2)."""
    return np.array([(x - low_half, low), (x + low_half, low), (x + high_half, high), (x - high_half, high)])


def mirrored(half: Points) -> np.ndarray:
    """A closed outline from its right half, top to bottom or bottom to top, mirrored at x = 0."""
    half = np.asarray(half, float)
    return np.vstack((half, half[::-1] * (-1, 1)))


def turn(x: float, y: float, degrees: float = 0.0, size: float = 1.0, narrow: float = 1.0) -> np.ndarray:
    """Matrix (3, 3): squeeze sideways by `narrow`, turn clockwise, enlarge, then move to (x, y)."""
    c, s = np.cos(np.radians(degrees)) * size, np.sin(np.radians(degrees)) * size
    return np.array([[c * narrow, -s, x], [s * narrow, c, y], [0.0, 0.0, 1.0]])


class Pen:
    """Draws on a canvas, in coordinates given by a matrix; knows which pixels belong to the instrument.

    Args:
        width, height: size in frame pixels; the canvas is `oversample` times as large each way.
        matrix: (3, 3) from drawing coordinates to frame pixels.
        oversample: canvas pixels a frame pixel, each way.
        ground: RGB picture to draw on, of the canvas's size; else the canvas is transparent.

    Example:
        >>> pen = Pen(32, 24, turn(16, 12, size=10))
        >>> pen.shape(ellipse(0, 0, 1, 1), (200, 30, 30))
        >>> picture, instrument = pen.finish()
        >>> picture.getbbox(), instrument.getbbox()
        ((6, 2, 27, 23), None)
    """

    def __init__(
        self,
        width: int,
        height: int,
        matrix: np.ndarray,
        oversample: int = OVERSAMPLE,
        ground: Image.Image | None = None,
    ):
        self.oversample, big = oversample, (width * oversample, height * oversample)
        image = ground.convert("RGBA").convert("RGBa") if ground else Image.new("RGBa", big)
        self._use(image, Image.new("L", big), np.diag((oversample, oversample, 1.0)) @ matrix)
        self.is_instrument, self.marks = 0, False

    def _use(self, image: Image.Image, mask: Image.Image, matrix: np.ndarray) -> None:
        self.image, self.mask = image, mask
        self.ink, self.stencil = ImageDraw.Draw(image), ImageDraw.Draw(mask)
        self._set(matrix)

    def _set(self, matrix: np.ndarray) -> None:
        self.matrix, self.turning, self.corner = matrix, matrix[:2, :2].T.copy(), matrix[:2, 2].copy()
        self.scale = float(abs(np.linalg.det(self.turning)) ** 0.5)

    def at(self, matrix: np.ndarray, instrument: bool | None = None) -> "Pen":
        """The same canvas in other coordinates; `instrument` marks what follows as part of one, or not."""
        pen = object.__new__(Pen)
        pen.__dict__.update(self.__dict__)
        pen._set(self.matrix @ matrix)
        if instrument is not None:
            # Before anything is marked nothing can be hidden, so the mask is left alone until then.
            pen.is_instrument, self.marks, pen.marks = 255 * instrument, True, True
        return pen

    def copy(self) -> "Pen":
        """A canvas of its own with the same drawing so far."""
        pen = self.at(np.eye(3))
        pen._use(self.image.copy(), self.mask.copy(), self.matrix)
        return pen

    def finish(self) -> tuple[Image.Image, Image.Image]:
        """The drawing in frame pixels: RGBa (premultiplied) picture, L mask of the instrument's visible part."""
        return self.image.reduce(self.oversample), self.mask.reduce(self.oversample)

    def shape(self, points: Points, fill: Colour, edge: Colour | None = None, width: float = 0.0) -> None:
        """A filled outline, with an edge of the given width if `edge` is given."""
        if edge is not None:
            points = np.asarray(points, float)
            closed = np.vstack((points, points[:2]))
            self.line(closed, 2 * width, edge, round_ends=False)
        self._polygon(self._to_canvas(points), fill)

    def line(self, points: Points, width: float, fill: Colour, round_ends: bool = True) -> None:
        """A stroke through the points; `width` in drawing coordinates."""
        place = self._to_canvas(points)
        pixels = max(2, round(width * self.scale))
        joint = "curve" if 2 < len(place) < 6 and pixels > 6 else None
        self.ink.line(place, (*fill, 255), pixels, joint)
        if self.marks:
            self.stencil.line(place, self.is_instrument, pixels, joint)
        if round_ends and pixels > 3:
            for x, y in (place[0], place[-1]):
                self._spot(x, y, pixels / 2, fill)

    def disc(self, x: float, y: float, radius: float, fill: Colour, edge: Colour | None = None) -> None:
        """A round spot, with a narrow edge if `edge` is given."""
        ((x, y),) = self._to_canvas([(x, y)])
        if edge is not None:
            self._spot(x, y, 1.25 * radius * self.scale, edge)
        self._spot(x, y, radius * self.scale, fill)

    def box(self, x: float, y: float, width: float, height: float, fill: Colour) -> None:
        """An upright rectangle from its top left corner."""
        self.shape([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], fill)

    def arched(self, points: Points, fill: Colour, steps: int = 5, light: float = 0.35) -> None:
        """A filled outline that looks vaulted: nested copies, lighter to the middle."""
        points = np.asarray(points, float)
        middle = points.mean(0)
        for i in range(steps):
            part = i / max(steps - 1, 1)
            self.shape(middle + (points - middle) * (1 - 0.55 * part), shade(fill, -0.22 + part * (0.22 + light)))

    def tube(self, path: Points, widths: float | Points, fill: Colour) -> None:
        """A shiny tube along a path; `widths` is one number or one a point."""
        path = np.asarray(path, float)
        along = np.gradient(path, axis=0)
        across = np.stack((-along[:, 1], along[:, 0]), 1)
        across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
        half = np.broadcast_to(np.asarray(widths, float), len(path))[:, None] / 2
        bands = ((-1.0, 1.0, -0.5), (-0.8, 0.85, -0.15), (-0.7, 0.35, 0.1), (-0.5, 0.0, 0.45), (-0.4, -0.2, 0.8))
        for low, high, light in bands:
            edge = np.vstack((path + across * half * low, (path + across * half * high)[::-1]))
            self.shape(edge, shade(fill, light))

    def _to_canvas(self, points: Points) -> list[tuple[float, float]]:
        place = np.asarray(points, float) @ self.turning + self.corner
        return list(map(tuple, place.tolist()))

    def _polygon(self, place: list[tuple[float, float]], fill: Colour) -> None:
        self.ink.polygon(place, (*fill, 255))
        if self.marks:
            self.stencil.polygon(place, self.is_instrument)

    def _spot(self, x: float, y: float, radius: float, fill: Colour) -> None:
        area = (x - radius, y - radius, x + radius, y + radius)
        self.ink.ellipse(area, (*fill, 255))
        if self.marks:
            self.stencil.ellipse(area, self.is_instrument)
