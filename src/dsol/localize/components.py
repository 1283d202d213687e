"""The connected parts of a mask, in NumPy: the package must not need scipy's hundred megabytes to localise."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Runs(NamedTuple):
    """Cells in a row, in the order of the picture: (N,) each."""

    row: np.ndarray
    start: np.ndarray  # first column
    stop: np.ndarray  # column after the last


def connected(mask: np.ndarray) -> np.ndarray:
    """A mask (H, W) with its parts numbered from 1 in the order of their first cells; all four sides are neighbours.

    Example:
        >>> connected(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1]], bool)).tolist()
        [[1, 0, 2], [1, 0, 0], [0, 3, 3]]
    """
    runs = _runs(mask)
    parent = list(range(len(runs.row)))
    for a, b in _touching(runs, mask.shape[1]):
        first, second = _root(parent, a), _root(parent, b)
        parent[max(first, second)] = min(first, second)  # the root of a part is its first run
    roots = [_root(parent, n) for n in range(len(parent))]
    number = np.unique(roots, return_inverse=True)[1] + 1
    edges = np.zeros((mask.shape[0], mask.shape[1] + 1), np.int32)
    edges[runs.row, runs.start] += number
    np.subtract.at(edges, (runs.row, runs.stop), number)
    return edges.cumsum(1, dtype=np.int32)[:, :-1]


def largest_in(values: np.ndarray, numbered: np.ndarray) -> np.ndarray:
    """The maximum of values (H, W) in each part: (N,), part 1 first."""
    found = np.full(numbered.max() + 1, values.min(), values.dtype)
    np.maximum.at(found, numbered.ravel(), values.ravel())
    return found[1:]


def box_in(numbered: np.ndarray, number: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a part: of its first cells, and beyond its last."""
    mine = numbered == number
    down, across = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
    return int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1


def _runs(mask: np.ndarray) -> Runs:
    change = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, start = np.nonzero(change > 0)
    return Runs(row, start, np.nonzero(change < 0)[1])


def _touching(runs: Runs, width: int) -> Iterator[tuple[int, int]]:
    """Pairs of runs in neighbouring rows that share a column."""
    first, last = (runs.row * (width + 1) + side for side in (runs.start, runs.stop))  # no run touches the row's end
    below, above = first + width + 1, last + width + 1
    begin, end = np.searchsorted(last, below, "right").tolist(), np.searchsorted(first, above, "left").tolist()
    for a, (low, high) in enumerate(zip(begin, end, strict=True)):
        for b in range(low, high):
            yield a, b


def _root(parent: list[int], n: int) -> int:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n
