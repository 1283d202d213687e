"""How many pixels of an upscaled map exceed a level, in all and inside boxes, without upscaling it.

    maps (N,H,W) ─▶ the (H+1)×(W+1) patches between the centres of four cells
                         │
       all cells above ──┼── none above                  counted by the patch
                         └── mixed: row by row, where the line between two cells crosses the level

In a patch the upscaled map is bilinear. It stays between its four cells, its maximum is a corner pixel, and each
row of its L pixels is a straight line with value `mid` at its centre and `slope` from pixel to pixel, of which

    ⌈ (L − 1)/2 + (mid − level) / |slope| ⌉    cut to 0 … L

pixels exceed the level, all at the higher end. So 224×224 comparisons become one division for each row of a
mixed patch. The counts equal those of the upscaled map, up to pixels whose value lies within rounding (1e-15)
of the level.
"""

from collections.abc import Iterator
from math import prod

import numpy as np

from dsol.evaluation.resize import Axis, Size, axis, resize, sides

CHUNK = 64  # maps at a time: their patches stay in the processor's cache
COARSE = 4  # a patch must be at least this many pixels wide for arithmetic to be faster than upscaling


def upscaled(maps: np.ndarray, size: Size) -> "Patches | Painted":
    """A few maps at size×size, ready to be counted.

    Args:
        maps: (N, H, W).
        size: pixels.

    Example:
        >>> picture = upscaled(np.array([[[0.0, 1.0]]]), 8)
        >>> picture.peaks()
        array([1.])
        >>> picture.count_above(np.array([0.5]), np.array([[0, 4, 5, 8]]), np.array([0]))
        (array([32.]), array([12.]))
    """
    maps = np.asarray(maps, dtype=np.float64)
    coarse = all(cells * COARSE <= side for cells, side in zip(maps.shape[1:], sides(size), strict=True))
    return (Patches if coarse else Painted)(maps, size)


def shares_above(maps: np.ndarray, level: float, size: Size) -> np.ndarray:
    """(N,) share of the pixels of maps (N, H, W) at a size that exceed one absolute level.

    Example:
        >>> shares_above(np.array([[[0.0, 1.0]]]), 0.5, 8)
        array([0.5])
    """
    found, nothing = np.zeros(len(maps)), np.zeros((0, 4), dtype=int)
    for part, _ in chunks(np.zeros(0, dtype=int), len(maps)):
        levels = np.full(part.stop - part.start, level)
        found[part], _ = upscaled(maps[part], size).count_above(levels, nothing, np.zeros(0, dtype=int))
    return found / prod(sides(size))


def chunks(owner: np.ndarray, maps: int) -> Iterator[tuple[slice, slice]]:
    """Maps in portions of `CHUNK`: the maps, and the rectangles that lie on them (`owner` ascending)."""
    for start in range(0, maps, CHUNK):
        first, last = np.searchsorted(owner, [start, start + CHUNK])
        yield slice(start, min(start + CHUNK, maps)), slice(int(first), int(last))


class Painted:
    """Maps that are too fine for patches: every pixel is computed. Same methods as `Patches`."""

    def __init__(self, maps: np.ndarray, size: Size):
        self.pixels = resize(maps, size)

    def peaks(self) -> np.ndarray:
        """(N,) maximum of each map."""
        return self.pixels.max(axis=(1, 2))

    def count_above(self, levels: np.ndarray, rects: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Patches.count_above`."""
        return counted(self.pixels > levels[:, None, None], rects, owner)


def counted(painted: np.ndarray, rects: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of pictures (N, height, width) bool in all, and in rectangles on them; see `Patches.count_above`."""
    inside = [np.count_nonzero(painted[n, a:b, c:d]) for n, (a, b, c, d) in zip(owner, rects, strict=True)]
    return painted.sum(axis=(1, 2), dtype=np.float64), np.array(inside, dtype=np.float64)


class Patches:
    """Maps as the patches between their cell centres.

    Args:
        maps: (N, H, W) float64.
        size: pixels; each patch must have at least one.
    """

    def __init__(self, maps: np.ndarray, size: Size):
        self.maps = maps
        self.rows, self.columns = (axis(n, side) for n, side in zip(maps.shape[1:], sides(size), strict=True))
        self.cells = _framed(maps)

    def peaks(self) -> np.ndarray:
        """(N,) maximum of each map: a corner pixel of some patch."""
        corners = [np.concatenate([line.start[:-1], line.start[1:] - 1]) for line in (self.rows, self.columns)]
        down, across = self.rows.matrix[corners[0]], self.columns.matrix[corners[1]]
        return (down @ (self.maps @ across.T)).max(axis=(1, 2))

    def count_above(self, levels: np.ndarray, rects: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of each map that exceed its level.

        Args:
            levels: (N,).
            rects: (R, 4) pixels top, bottom, left, right.
            owner: (R,) index of the map that a rectangle lies on, ascending.

        Returns:
            (N,) pixels in the whole map, and (R,) in each rectangle, both as float64.
        """
        full = _lowest(self.cells, np.minimum) > levels[:, None, None]
        mixed = _lowest(self.cells, np.maximum) > levels[:, None, None]
        mixed &= ~full
        rows = _MixedRows(self, levels, *np.nonzero(mixed.reshape(len(mixed), -1)))
        area = np.outer(self.rows.lengths, self.columns.lengths).ravel().astype(float)
        total = full.reshape(len(full), -1) @ area
        total += np.bincount(rows.owner, rows.total, minlength=len(self.maps))
        down = _shared(self.rows, rects[:, 0], rects[:, 1])
        across = _shared(self.columns, rects[:, 2], rects[:, 3])
        inside = np.einsum("ri,ri->r", down, (full[owner] @ across[:, :, None])[:, :, 0])
        rank = np.arange(len(owner)) - np.searchsorted(owner, owner)  # rectangles of one map take turns
        for turn in range(rank.max(initial=-1) + 1):
            now = rank == turn
            inside[now] += rows.inside(rects[now], owner[now], down[now], across[now])
        return total, inside


def _framed(maps: np.ndarray) -> np.ndarray:
    """(N, H+2, W+2): maps with their border cells repeated, as upscaling repeats them."""
    framed = np.empty((len(maps), maps.shape[1] + 2, maps.shape[2] + 2))
    framed[:, 1:-1, 1:-1] = maps
    framed[:, 0, 1:-1], framed[:, -1, 1:-1] = maps[:, 0], maps[:, -1]
    framed[:, :, 0], framed[:, :, -1] = framed[:, :, 1], framed[:, :, -2]
    return framed


def _lowest(cells: np.ndarray, lower: np.ufunc) -> np.ndarray:
    """(N, H+1, W+1) the lowest, or with `numpy.maximum` the highest, of the four cells around each patch."""
    pairs = lower(cells[:, 1:], cells[:, :-1])
    return lower(pairs[:, :, 1:], pairs[:, :, :-1])


def _shared(line: Axis, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(R, n + 1) pixels that every segment has between start and end."""
    low = np.maximum(line.start[:-1], start[:, None])
    high = np.minimum(line.start[1:], end[:, None])
    return np.maximum(high - low, 0).astype(np.float64)


class _MixedRows:
    """The pixel rows of P patches that some pixels exceed the level in and some do not.

    Attributes:
        owner, i, j: (P,) index of the map, and of the segments of its rows and columns.
        slope: (L, P) from left to right, in row 0 … L-1 of each patch, for each pixel.
        count: (L, P) pixels above the level; 0 beyond the last row of a patch.
        total: (P,) of all rows.
    """

    def __init__(self, patches: Patches, levels: np.ndarray, owner: np.ndarray, place: np.ndarray):
        rows, columns = patches.rows, patches.columns
        self.maps, self.owner = len(patches.maps), owner
        self.i, self.j = np.indices((len(rows.lengths), len(columns.lengths))).reshape(2, -1)[:, place]
        i, j = self.i, self.j
        self.y, self.x = rows.start[i], columns.start[j]
        self.height, self.width = rows.lengths[i].astype(np.float64), columns.lengths[j].astype(np.float64)
        self.row = np.arange(rows.lengths.max(), dtype=np.float64)[:, None]
        top, bottom = self._lines(patches, levels, i, j)
        work = np.empty((3, len(self.row), len(place)))  # one piece, which the system need not clear again and again
        self.count, self.slope, steep = work
        for above, below, found in zip(top, bottom, work[:2], strict=True):  # from the upper to the lower pair of cells
            rise = below - above
            np.multiply(self.row, rows.step * rise, out=found)
            found += above + rows.first[i] * rise
        with np.errstate(divide="ignore", invalid="ignore"):
            self.count /= np.abs(self.slope, out=steep)
        self.count += (self.width - 1) / 2
        np.ceil(self.count, out=self.count)
        np.fmax(self.count, 0, out=self.count)  # a flat row on the level itself gives 0/0: nothing exceeds it
        np.minimum(self.count, self.width, out=self.count)
        short = np.flatnonzero(self.height < len(self.row))
        self.count[:, short] *= self.row < self.height[short]
        self.total = self.count.sum(axis=0)

    def _lines(self, patches: Patches, levels: np.ndarray, i: np.ndarray, j: np.ndarray) -> list[tuple]:
        """Along the upper and the lower pair of cells: the value at the centre of the pixels less the level, and
        the slope from pixel to pixel; (P,) each."""
        columns, stride = patches.columns, patches.cells.shape[2]
        middle = (columns.first + columns.step * (columns.lengths - 1) / 2)[j]
        first = (self.owner * patches.cells.shape[1] + i) * stride + j
        cells, level = patches.cells.ravel(), levels[self.owner]
        lines = []
        for start in (first, first + stride):
            left = cells[start]
            rise = cells[start + 1] - left
            lines.append((left + middle * rise - level, rise * columns.step))
        return lines

    def inside(self, rects: np.ndarray, owner: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
        """(R,) of them inside rectangles (R, 4), at most one a map.

        Args:
            rects, owner: the rectangles and their maps.
            down, across: (R, H+1), (R, W+1) pixels that each rectangle shares with each segment.
        """
        of_map = np.zeros(self.maps, dtype=int)
        of_map[owner] = np.arange(len(owner))
        rect = of_map[self.owner]
        tall, wide = down[rect, self.i], across[rect, self.j]
        whole = (tall == self.height) & (wide == self.width)
        cut = np.flatnonzero((tall * wide > 0) & ~whole)
        found = self.total * whole
        found[cut] = self._cut(cut, rects[rect[cut]])
        return np.bincount(self.owner, found, minlength=self.maps)[owner]

    def _cut(self, at: np.ndarray, rects: np.ndarray) -> np.ndarray:
        """(A,) of some patches (A,) those inside rectangles (A, 4)."""
        count, width = self.count[:, at], self.width[at]
        top, bottom = (rects[:, edge] - self.y[at] for edge in (0, 1))
        left, right = (np.clip(rects[:, edge] - self.x[at], 0, width) for edge in (2, 3))
        reversed_ = (self.slope[:, at] > 0) * (width - left - right)  # rising rows are read from their end
        shared = np.minimum(count, reversed_ + right)
        shared -= np.minimum(count, reversed_ + left)
        shared *= (self.row >= top) & (self.row < bottom)
        return shared.sum(axis=0)
