"""Annotations as rectangles of pixels.

    Boxes ──▶ frames with a box ──▶ objects: what sounds in a frame, as disjoint rectangles
                              └───▶ every box by itself, sounding or silent

A box covers the rows `int(S·y)` to `int(S·y + S·h)` and the columns likewise, end excluded, as the released
scripts cut it. The boxes of one category in a frame are one object, whose mask is their union. Kept as
rectangles that do not overlap, a mask is never painted: its pixels are counted by arithmetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from dsol.boxes import Boxes


@dataclass(frozen=True)
class Truth:
    """F scored frames with O sounding objects in R rectangles, and X boxes.

    Attributes:
        keys: F names of frames.
        video: (F,) index of the video that a frame belongs to.
        videos: how many videos there are.
        categories: names, indexed by `object_category` and `box_category`.
        object_frame, object_category: (O,) indices; ordered by frame.
        rects: (R, 4) pixels top, bottom, left, right; ordered by object.
        rect_object: (R,) index of the object.
        box_frame, box_category: (X,) indices; ordered by frame.
        box_rect: (X, 4), never empty.
        box_sounding: (X,) bool.
        size: pixels of each side of the picture.
    """

    keys: tuple[str, ...]
    video: np.ndarray
    videos: int
    categories: tuple[str, ...]
    object_frame: np.ndarray
    object_category: np.ndarray
    rects: np.ndarray
    rect_object: np.ndarray
    box_frame: np.ndarray
    box_category: np.ndarray
    box_rect: np.ndarray
    box_sounding: np.ndarray
    size: int

    @cached_property
    def object_area(self) -> np.ndarray:
        """(O,) pixels of an object's mask."""
        return np.bincount(self.rect_object, areas(self.rects), minlength=len(self.object_frame))

    def mask(self, item: int) -> np.ndarray:
        """(size, size) bool: one object, painted."""
        painted = np.zeros((self.size, self.size), dtype=bool)
        for top, bottom, left, right in self.rects[self.rect_object == item]:
            painted[top:bottom, left:right] = True
        return painted


def truth_of(boxes: Boxes, size: int = 224, united: bool = False, empty_too: bool = False) -> Truth:
    """The annotations as pixels.

    Args:
        boxes: what is where.
        size: pixels of each side of the picture.
        united: everything that sounds in a frame is one object, named by its first box; otherwise every
            category is one.
        empty_too: keep the frames that have no box.

    Example:
        >>> from dsol.boxes import Box, Boxes, Frame
        >>> truth = truth_of(Boxes(("cello",), (Frame("a.mp4", 0.0, (Box("cello", (0.0, 0.0, 0.5, 1.0)),)),)))
        >>> truth.rects, truth.object_area
        (array([[  0, 224,   0, 112]]), array([25088.]))
    """
    frames = [f for f in boxes.frames if f.boxes or empty_too]
    names, video = np.unique([f.video for f in frames], return_inverse=True)
    place = {name: k for k, name in enumerate(boxes.categories)}
    flat = [(n, place[b.category], b.sounding, *b.xywh) for n, f in enumerate(frames) for b in f.boxes]
    table = np.array(flat, dtype=np.float64).reshape(-1, 7)
    frame, category, sounding = table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2] > 0
    rects = pixels(table[:, 3:], size)
    group = frame[sounding] if united else frame[sounding] * max(len(place), 1) + category[sounding]
    _, first, member = np.unique(group, return_index=True, return_inverse=True)
    united_rects, owner = _unions(rects[sounding], member)
    return Truth(
        keys=tuple(f.key for f in frames), video=video, videos=len(names), categories=tuple(boxes.categories),
        object_frame=frame[sounding][first], object_category=category[sounding][first],
        rects=united_rects, rect_object=owner,
        box_frame=frame, box_category=category, box_rect=_not_empty(rects, size), box_sounding=sounding, size=size,
    )  # fmt: skip


def pixels(xywh: np.ndarray, size: int) -> np.ndarray:
    """Rows and columns that boxes cover.

    Args:
        xywh: (N, 4) left, top, width, height as fractions.
        size: pixels of each side.

    Returns:
        (N, 4) int: top, bottom, left, right, ends excluded.
    """
    x, y, w, h = size * np.asarray(xywh, dtype=np.float64).reshape(-1, 4).T
    return np.clip(np.stack([y, y + h, x, x + w], axis=1).astype(int), 0, size)


def areas(rects: np.ndarray) -> np.ndarray:
    """(N,) pixels in each of (N, 4) rectangles."""
    return (rects[:, 1] - rects[:, 0]) * (rects[:, 3] - rects[:, 2])


def overlaps(rects: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) pixels that rectangles (N, 4) share with others (N, 4) or (4,)."""
    others = np.broadcast_to(others, rects.shape)
    high = np.minimum(rects[:, 1::2], others[:, 1::2]) - np.maximum(rects[:, ::2], others[:, ::2])
    return np.maximum(high, 0).prod(axis=1)


def _not_empty(rects: np.ndarray, size: int) -> np.ndarray:
    """A box smaller than a pixel takes the pixel that it lies in, so that a mean inside it exists."""
    starts = np.minimum(rects[:, ::2], size - 1)
    ends = np.maximum(rects[:, 1::2], starts + 1)
    return np.stack([starts[:, 0], ends[:, 0], starts[:, 1], ends[:, 1]], axis=1)


def _unions(rects: np.ndarray, member: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Disjoint rectangles of every group, ordered by group, and the group of each."""
    alone = np.bincount(member, minlength=1)[member] == 1
    found, owners = [rects[alone]], [member[alone]]
    for group in np.unique(member[~alone]):
        parts = disjoint(rects[member == group].tolist())
        found.append(np.array(parts, dtype=int).reshape(-1, 4))
        owners.append(np.full(len(parts), group))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(found)[order], owner[order]


def disjoint(rects: Sequence[Sequence[int]]) -> list[tuple[int, int, int, int]]:
    """The union of rectangles as rectangles that do not overlap.

    Args:
        rects: top, bottom, left, right each.

    Example:
        >>> disjoint([(0, 2, 0, 2), (1, 3, 1, 3)])
        [(0, 1, 0, 2), (1, 2, 0, 3), (2, 3, 1, 3)]
    """
    cuts = sorted({edge for top, bottom, _, _ in rects for edge in (top, bottom)})
    found = []
    for top, bottom in pairwise(cuts):
        spans = sorted((left, right) for t, b, left, right in rects if t <= top and bottom <= b and left < right)
        reach = 0
        for left, right in spans:
            left = max(left, reach)
            if left < right:
                if found and found[-1][:2] == (top, bottom) and found[-1][3] == left:
                    left = found.pop()[2]
                found.append((top, bottom, left, right))
                reach = right
    return found
