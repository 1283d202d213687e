"""Annotations as rectangles of pixels.

    Boxes ──▶ frames with a box ──▶ objects: what sounds in a frame, as disjoint rectangles
                              └───▶ every box by itself, sounding or silent

A box covers the rows `int(S·y)` to `int(S·y + S·h)` and the columns likewise, end excluded, as the released
scripts cut it. The boxes of one category in a frame are one object, whose mask is their union. As
rectangles that do not overlap, a mask is never rasterised: its pixels are counted by arithmetic.

Where the boxes are several annotators' votes on one object, the mask can be their consensus instead (Senocak et al.,
2018): a pixel counts as half of one for each annotator whose box covers it, and at most as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from dsol.data.boxes import Boxes, Frame
from dsol.evaluation.resize import Size, sides

AGREED = 2  # annotators who must cover a pixel for it to count as one


@dataclass(frozen=True)
class Truth:
    """F scored frames with O sounding objects in R rectangles, and X boxes.

    Attributes:
        keys: F names of frames.
        group: (F,) index of the group that a frame belongs to: those of one video, or composed of the same videos.
        members: (G, M) indices of the videos that each group is made of; -1 where it has fewer than M.
        videos: how many videos there are, of scenes the source videos.
        categories: names, indexed by `object_category` and `box_category`.
        object_frame, object_category: (O,) indices; ordered by frame.
        rects: (R, 4) pixels top, bottom, left, right; ordered by object.
        rect_object: (R,) index of the object.
        rect_weight: (R,) what each of its pixels counts: 1, or ½ where only one annotator boxed the object.
        box_frame, box_category: (X,) indices; ordered by frame.
        box_rect: (X, 4), never empty.
        box_sounding: (X,) bool.
        size: pixels of the picture.
    """

    keys: tuple[str, ...]
    group: np.ndarray
    members: np.ndarray
    videos: int
    categories: tuple[str, ...]
    object_frame: np.ndarray
    object_category: np.ndarray
    rects: np.ndarray
    rect_object: np.ndarray
    rect_weight: np.ndarray
    box_frame: np.ndarray
    box_category: np.ndarray
    box_rect: np.ndarray
    box_sounding: np.ndarray
    size: Size

    @property
    def groups(self) -> int:
        """G, how many groups of frames there are."""
        return len(self.members)

    @property
    def composed(self) -> bool:
        """Whether there are scenes composed of several videos."""
        return self.members.shape[1] > 1

    @cached_property
    def place(self) -> dict[str, int]:
        """Name of a frame -> its index."""
        return {key: n for n, key in enumerate(self.keys)}

    @cached_property
    def object_area(self) -> np.ndarray:
        """(O,) pixels of an object's mask, each by its weight."""
        return np.bincount(self.rect_object, areas(self.rects) * self.rect_weight, minlength=len(self.object_frame))

    def mask(self, item: int) -> np.ndarray:
        """(height, width) bool: one object, painted."""
        painted = np.zeros(sides(self.size), dtype=bool)
        for top, bottom, left, right in self.rects[self.rect_object == item]:
            painted[top:bottom, left:right] = True
        return painted


def truth_of(
    boxes: Boxes, size: Size = 224, united: bool = False, empty_too: bool = False, consensus: bool = False
) -> Truth:
    """The annotations as pixels.

    Args:
        boxes: what is where.
        size: pixels of the picture.
        united: everything that sounds in a frame is one object, named by its first box; otherwise every
            category is one.
        empty_too: keep the frames that have no box.
        consensus: weigh pixels by how many annotators agree, where `boxes.votes` says that there are several.

    Example:
        >>> from dsol.data.boxes import Box, Boxes, Frame
        >>> truth = truth_of(Boxes(("cello",), (Frame("a.mp4", 0.0, (Box("cello", (0.0, 0.0, 0.5, 1.0)),)),)))
        >>> truth.rects, truth.object_area
        (array([[  0, 224,   0, 112]]), array([25088.]))
    """
    frames = [f for f in boxes.frames if f.boxes or empty_too]
    group, members, videos = _groups(frames)
    place = {name: k for k, name in enumerate(boxes.categories)}
    flat = [(n, place[b.category], b.sounding, *b.xywh) for n, f in enumerate(frames) for b in f.boxes]
    table = np.array(flat, dtype=np.float64).reshape(-1, 7)
    frame, category, sounding = table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2] > 0
    rects = pixels(table[:, 3:], size)
    item = frame[sounding] if united else frame[sounding] * max(len(place), 1) + category[sounding]
    _, first, member = np.unique(item, return_index=True, return_inverse=True)
    masks, weight, owner = _masks(rects[sounding], member, consensus and boxes.votes)
    return Truth(
        keys=tuple(f.key for f in frames), group=group, members=members, videos=videos,
        categories=tuple(boxes.categories),
        object_frame=frame[sounding][first], object_category=category[sounding][first],
        rects=masks, rect_object=owner, rect_weight=weight,
        box_frame=frame, box_category=category, box_rect=_not_empty(rects, size), box_sounding=sounding, size=size,
    )  # fmt: skip


def _groups(frames: Sequence[Frame]) -> tuple[np.ndarray, np.ndarray, int]:
    """The group of each frame, the videos of each group, and how many videos there are; see `Truth`."""
    of_frame = [tuple(sorted(set(frame.sources))) or (frame.video,) for frame in frames]
    made_of = sorted(set(of_frame))
    place = {videos: n for n, videos in enumerate(made_of)}
    number = {video: n for n, video in enumerate(sorted({video for videos in made_of for video in videos}))}
    members = np.full((len(made_of), max(map(len, made_of), default=1)), -1)
    for row, videos in zip(members, made_of, strict=True):
        row[: len(videos)] = [number[video] for video in videos]
    return np.array([place[videos] for videos in of_frame], dtype=int), members, len(number)


def pixels(xywh: np.ndarray, size: Size) -> np.ndarray:
    """Rows and columns that boxes cover.

    Args:
        xywh: (N, 4) left, top, width, height as fractions.
        size: pixels of the picture.

    Returns:
        (N, 4) int: top, bottom, left, right, ends excluded.
    """
    height, width = sides(size)
    x, y, w, h = (np.asarray(xywh, dtype=np.float64).reshape(-1, 4) * [width, height, width, height]).T
    return np.clip(np.stack([y, y + h, x, x + w], axis=1).astype(int), 0, [height, height, width, width])


def areas(rects: np.ndarray) -> np.ndarray:
    """(N,) pixels in each of (N, 4) rectangles."""
    return (rects[:, 1] - rects[:, 0]) * (rects[:, 3] - rects[:, 2])


def overlaps(rects: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) pixels that rectangles (N, 4) share with others (N, 4) or (4,)."""
    others = np.broadcast_to(others, rects.shape)
    high = np.minimum(rects[:, 1::2], others[:, 1::2]) - np.maximum(rects[:, ::2], others[:, ::2])
    return np.maximum(high, 0).prod(axis=1)


def _not_empty(rects: np.ndarray, size: Size) -> np.ndarray:
    """A box smaller than a pixel takes the pixel that it lies in, so that a mean inside it exists."""
    starts = np.minimum(rects[:, ::2], np.array(sides(size)) - 1)
    ends = np.maximum(rects[:, 1::2], starts + 1)
    return np.stack([starts[:, 0], ends[:, 0], starts[:, 1], ends[:, 1]], axis=1)


def _masks(rects: np.ndarray, member: np.ndarray, votes: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Disjoint rectangles of every group, ordered by group; what their pixels count; and the group of each."""
    alone = np.bincount(member, minlength=1)[member] == 1
    found, owners = [np.insert(rects[alone], 4, 1, axis=1)], [member[alone]]
    for group in np.unique(member[~alone]):
        mine = rects[member == group].tolist()
        parts = voted(mine) if votes else [(*part, 1) for part in disjoint(mine)]
        found.append(np.array(parts, dtype=int).reshape(-1, 5))
        owners.append(np.full(len(parts), group))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    pieces = np.concatenate(found)[order]
    weight = np.minimum(pieces[:, 4] / AGREED, 1) if votes else np.ones(len(pieces))
    return pieces[:, :4], weight, owner[order]


def voted(rects: Sequence[Sequence[int]]) -> list[tuple[int, int, int, int, int]]:
    """Rectangles cut at all their edges, and how many of them cover each piece.

    Args:
        rects: top, bottom, left, right each.

    Example:
        >>> voted([(0, 2, 0, 2), (0, 2, 1, 3)])
        [(0, 2, 0, 1, 1), (0, 2, 1, 2, 2), (0, 2, 2, 3, 1)]
    """
    rows, columns = (sorted({edge for rect in rects for edge in rect[at : at + 2]}) for at in (0, 2))
    pieces = [
        (top, bottom, left, right, sum(a <= top and bottom <= b and c <= left and right <= d for a, b, c, d in rects))
        for top, bottom in pairwise(rows) for left, right in pairwise(columns)
    ]  # fmt: skip
    return [piece for piece in pieces if piece[4]]


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
