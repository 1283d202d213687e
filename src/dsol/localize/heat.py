"""The heat map over a picture: each map in its colour with a line round it, and shade on everything else.

    maps ─▶ lit rectangles, at most `FINEST` pixels in the picture's width ─▶ opacities ─enlarged─▶ layers of one colour

Only what is lit is computed; all the rest of the picture is in even shade.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from threading import get_ident
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image

FINEST = 320  # pixels; heat is computed at most this wide and then enlarged: maps have 14 cells
GLOW, LINE = 0.45, 0.9  # opacity of the glow and of the line round it
WIDE = 1.2  # pixels to each side of the line, where the picture is `FINEST` wide
SHADE = 0.28  # how much darker everything else becomes while something sounds
LIT = 0.1  # share of a map's maximum up to which all is shade
GRAIN = 16  # pixels in which lit parts are cut out: there are few sizes then to prepare an enlargement for
PIECE = 64  # rows
BLACK = (0, 0, 0)
Colour = tuple[int, int, int]
Heat = tuple[np.ndarray, Colour, float]  # map (H, W), its colour in RGB, how visible in [0, 1]


class Layer(NamedTuple):
    """A colour over a part of a picture, as thick as a mask says (mode L)."""

    colour: Colour
    mask: Image.Image
    left: int
    top: int


class Glow(NamedTuple):
    """Heat maps as they are laid over a picture.

    Attributes:
        shade: opacity of black outside the lit part.
        box: the lit part: left, top, right, bottom in pixels, even but for the picture's own edges.
        layers: over that part, the lowest first.
    """

    shade: float
    box: tuple[int, int, int, int]
    layers: list[Layer]


class Span(NamedTuple):
    """A part of the rows or columns of a fine picture."""

    start: int
    stop: int

    def within(self, other: "Span") -> slice:
        """Where it is in a larger one."""
        return slice(self.start - other.start, self.stop - other.start)


Part = tuple[Span, ...]  # rows, columns


def draw_heat(image: Image.Image, heats: Sequence[Heat]) -> None:
    """Draw heat maps over an RGB picture of any size; it is changed.

    Args:
        image: RGB.
        heats: (map, red, green and blue, how visible) each; a map's own maximum is its brightest place.
    """
    glow = glow_of(heats, image.size)
    lit = image.crop(glow.box)
    image.paste(Image.blend(image, Image.new("RGB", image.size, BLACK), glow.shade))
    image.paste(lit, glow.box[:2])
    for colour, mask, left, top in glow.layers:
        image.paste(colour, (left, top), mask)


def glow_of(heats: Sequence[Heat], size: tuple[int, int]) -> Glow:
    """What heat maps lay over a picture.

    Args:
        heats: see `draw_heat`.
        size: width and height of the picture.

    Example:
        >>> one = np.zeros((9, 16), np.float32)
        >>> one[4, 8] = 1
        >>> glow_of([(one, (255, 0, 0), 1.0)], (640, 360)).box
        (288, 128, 384, 224)
    """
    times = -(-size[0] // FINEST)
    fine = max(2, -(-size[1] // times)), max(2, -(-size[0] // times))
    fields = [_field(map_, fine) for map_, *_ in heats]
    around = tuple(_union(spans) for spans in zip(*(part for part, *_ in fields), strict=True))
    dim = np.ones([span.stop - span.start for span in around], np.float32)
    shade = SHADE * float(max(visible for *_, visible in heats))
    thick = WIDE * max(1, size[0] / FINEST) / times
    layers = []
    for (_, colour, visible), (part, field, slope) in zip(heats, fields, strict=True):
        lit = dim[tuple(span.within(other) for span, other in zip(part, around, strict=True))]
        np.minimum(lit, 1 - _step(field, LIT, 0.6), out=lit)
        opacity = np.maximum(GLOW * _step(field, 0.3, 0.9), LINE * _line(field, slope, 0.5, thick))
        layers.append(_layer(colour, opacity * np.float32(visible), part, times, size))
    over = _layer(BLACK, dim * np.float32(shade), around, times, size)
    box = (over.left, over.top, over.left + over.mask.width, over.top + over.mask.height)
    return Glow(shade, box, [over, *layers])


def _field(map_: np.ndarray, fine: tuple[int, int]) -> tuple[Part, np.ndarray, np.ndarray]:
    """A map, its maximum made 1, smoothly at a finer height and width: the part that is lit, and there the map and its
    slope a pixel."""
    heat = np.asarray(map_, np.float32) / max(float(map_.max()), 1e-6)
    (rows, row_steps), (columns, column_steps) = (_weights(*sides) for sides in zip(heat.shape, fine, strict=True))
    field = _product(rows @ heat, columns.T)
    part = _around(field > LIT, axis=1), _around(field > LIT, axis=0)
    high, wide = (slice(*span) for span in part)
    down = _product(row_steps[high] @ heat, columns[wide].T)
    right = _product(rows[high] @ heat, column_steps[wide].T)
    return part, field[high, wide], np.sqrt(down * down + right * right)


def _around(bright: np.ndarray, axis: int) -> Span:
    """From before the first to after the last row in which anything is bright (h, w), or column, in whole grains."""
    places = np.flatnonzero(bright.any(axis=axis))
    start, stop = (int(places[0]) - 1, int(places[-1]) + 2) if len(places) else (0, 1)
    return Span(max(start, 0) // GRAIN * GRAIN, min(-(-stop // GRAIN) * GRAIN, bright.shape[1 - axis]))


def _union(spans: Sequence[Span]) -> Span:
    return Span(min(span.start for span in spans), max(span.stop for span in spans))


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The product of two matrices, in pieces for which OpenBLAS takes no lock and makes no copies."""
    found = np.empty((len(first), second.shape[1]), np.float32)
    for start in range(0, len(first), PIECE):
        np.matmul(first[start : start + PIECE], second, out=found[start : start + PIECE])
    return found


@cache
def _weights(cells: int, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """(pixels, cells) of bicubic enlargement, and of its slope: as a product of matrices it takes a tenth of
    Pillow's time."""
    unit = Image.fromarray(np.eye(cells, dtype=np.float32))
    weights = np.asarray(unit.resize((cells, pixels), Image.Resampling.BICUBIC))
    return weights, np.gradient(weights, axis=0)


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, smooth between them."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _line(field: np.ndarray, slope: np.ndarray, level: float, width: float) -> np.ndarray:
    """The contour at `level` as opacity, `width` pixels to each side whatever the slope."""
    return np.clip(np.float32(width) - np.abs(field - np.float32(level)) / (slope + np.float32(1e-4)), 0, 1)


def _layer(colour: Colour, opacity: np.ndarray, part: Part, times: int, size: tuple[int, int]) -> Layer:
    """A part of a fine picture, so many times enlarged, within a picture of that width and height."""
    rows, columns = part
    mask = Image.fromarray(_enlarged((255 * opacity + np.float32(0.5)).astype(np.uint8), times))
    left, top = columns.start * times, rows.start * times
    return Layer(colour, mask.crop((0, 0, min(mask.width, size[0] - left), min(mask.height, size[1] - top))), left, top)


def _enlarged(plane: np.ndarray, times: int) -> np.ndarray:
    """(h, w) uint8, so many times as large, bilinear; by FFmpeg, which takes a tenth of Pillow's time."""
    if times == 1:
        return plane
    height, width = (times * side for side in plane.shape)
    frame = av.VideoFrame.from_ndarray(plane, "gray")
    return _enlarger(get_ident(), plane.shape, times).reformat(
        frame, width, height, "gray", interpolation="BILINEAR", threads=1
    ).to_ndarray()  # fmt: skip


@lru_cache(maxsize=128)
def _enlarger(thread: int, shape: tuple[int, int], times: int) -> VideoReformatter:
    return VideoReformatter()  # one a thread for each pair of sizes: to prepare one takes longer than a plane
