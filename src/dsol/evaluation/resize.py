"""Bilinear upscaling of a map, pixel centres at half positions, no antialiasing.

    pixel x of S  ──▶  u = (x + ½)·n/S − ½ on the axis of n cells, held at its ends
    value         =   (1 − f)·cell[⌊u⌋] + f·cell[⌊u⌋ + 1],  f = u − ⌊u⌋

This is `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`, in double precision: a pixel
that lies on a threshold must not depend on the order of a sum.

Between two neighbouring cell centres the value is linear, so that the axis falls into n + 1 *segments*, the
first and the last of which are constant. `counting.py` lives on that.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

Size = int | tuple[int, int]  # pixels: each side of a square, or height and width


def sides(size: Size) -> tuple[int, int]:
    """Height and width.

    Example:
        >>> sides(224), sides((360, 640))
        ((224, 224), (360, 640))
    """
    return (size, size) if isinstance(size, int) else size


@dataclass(frozen=True)
class Axis:
    """How S pixels lie on an axis of n cells.

    Attributes:
        matrix: (S, n) weights: `pixels = matrix @ cells`.
        sums: (S + 1, n) running sums of `matrix`: a range of pixels is summed by one difference.
        start: (n + 2,) first pixel of every segment, and S.
        first: (n + 1,) how far the first pixel of a segment lies into it, as a fraction of a cell.
        lengths: (n + 1,) pixels in every segment.
        step: the distance of two pixels in cells.
    """

    matrix: np.ndarray
    sums: np.ndarray
    start: np.ndarray
    first: np.ndarray
    lengths: np.ndarray
    step: float


@cache
def axis(cells: int, pixels: int) -> Axis:
    """The geometry of one axis.

    Args:
        cells: n, of the map.
        pixels: S, of the picture.

    Example:
        >>> axis(14, 224).lengths[:3]
        array([ 8, 16, 16])
    """
    u = (np.arange(pixels) + 0.5) * (cells / pixels) - 0.5
    segment = np.clip(np.floor(u).astype(int) + 1, 0, cells)
    held = np.maximum(u, 0.0)
    low = np.minimum(np.floor(held).astype(int), cells - 1)
    high = np.minimum(low + 1, cells - 1)
    share = held - low
    matrix = np.zeros((pixels, cells))
    np.add.at(matrix, (np.arange(pixels), low), 1 - share)
    np.add.at(matrix, (np.arange(pixels), high), share)
    start = np.searchsorted(segment, np.arange(cells + 2))
    into = u - np.floor(u)
    first = into[np.minimum(start[:-1], pixels - 1)]
    sums = np.concatenate([np.zeros((1, cells)), matrix.cumsum(axis=0)])
    return Axis(matrix, sums, start, first, np.diff(start), cells / pixels)


def resize(maps: np.ndarray, size: Size) -> np.ndarray:
    """Maps at the size that they are scored at.

    Args:
        maps: (N, H, W) of any size.
        size: pixels, S or (height, width).

    Returns:
        (N, S, S) or (N, height, width) float64.

    Example:
        >>> resize(np.array([[[0.0, 1.0]]]), 4)[0, 0]
        array([0.  , 0.25, 0.75, 1.  ])
    """
    maps = np.asarray(maps, dtype=np.float64)
    if maps.shape[1:] == sides(size):
        return maps
    rows, columns = (axis(n, side).matrix for n, side in zip(maps.shape[1:], sides(size), strict=True))
    return rows @ maps @ columns.T


def mean_inside(maps: np.ndarray, rects: np.ndarray, size: Size) -> np.ndarray:
    """Mean of each resized map inside one rectangle, without resizing it.

    Args:
        maps: (N, H, W).
        rects: (N, 4) pixels: top, bottom, left, right, ends excluded, none of them empty.
        size: pixels of the picture.

    Returns:
        (N,) float64.
    """
    rows, columns = (axis(n, side).sums for n, side in zip(maps.shape[1:], sides(size), strict=True))
    top, bottom, left, right = rects.T
    down = (rows[bottom] - rows[top])[:, None, :]
    across = (columns[right] - columns[left])[:, :, None]
    total = (down @ np.asarray(maps, dtype=np.float64) @ across)[:, 0, 0]
    return total / ((bottom - top) * (right - left))
