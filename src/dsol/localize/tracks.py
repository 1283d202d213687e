"""Which box is which object: boxes of one category, linked from answer to answer.

    maps ──parts_of──▶ Parts (several places a category) ──link──▶ a number for each ──▶ Track

Two violins in one picture stay violin #1 and violin #2; one that pauses and plays on in its place keeps its number.
What links two boxes is their overlap and, where pictures are at hand, how alike their colours are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from PIL import Image

from dsol.assignment import best_assignment
from dsol.localize.components import box_in, connected, largest_in

BOX_LEVEL = 0.5  # a box encloses the cells above this share of the map's maximum
FINE = 4  # maps are enlarged this many times before a box is read off, so that it may end inside a cell
BRIGHT, LARGE = 0.75, 0.3  # a further part is as bright and as large as these shares of the brightest and largest
APART = 0.3  # of the maximum: parts that are joined above this are parts of one object
MOST_PARTS = 4  # of one map
BINS = 4  # to each colour channel, of the histogram that tells looks apart
OVERLAP = 0.2  # overlap (IoU) from which two boxes in a row show one object
ALIKE = 0.8  # likeness of colours without which a box that comes back later is another object
NEAR = 2.0  # mean widths and heights of two boxes in a row; alike and nearer than this they show one object
PAUSE_S = 1.0  # seconds for which an object may be missing and still be told by overlap or nearness alone
STAYS = 4  # answers; a track of fewer is a flicker where its category has a longer one


@dataclass(frozen=True)
class Parts:
    """Bright parts of maps: the places where a category may stand, the largest first.

    Attributes:
        at: (N, 2) the answer and the category of each, rising.
        xywh: (N, 4) boxes, fractions of the frame.
        look: (N, D) colours inside, of unit length; D is 0 where no picture was at hand.
    """

    at: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), int))
    xywh: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    look: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @classmethod
    def joined(cls, parts: Sequence["Parts"], answers: Sequence[int]) -> "Parts":
        """Those of consecutive stretches of time, of so many answers each."""
        starts = np.cumsum([0, *answers[:-1]])
        at = [part.at + np.array([start, 0]) for part, start in zip(parts, starts, strict=True)]
        seen = [part for part in parts if len(part.at)] or parts[:1]
        return cls(np.concatenate(at), np.concatenate([p.xywh for p in parts]), np.concatenate([p.look for p in seen]))


@dataclass(frozen=True)
class Track:
    """One object of a video.

    Attributes:
        id: from 1 on, in the order in which objects first sound.
        place: of its category in the list of categories.
        category: its name.
        number: from 1 on, within its category.
        alone: no other object of its category is in this video.
        present: (T,) bool, where it has a box.
        xywh: (T, 4) its box, fractions of the frame; of use where `present`.
    """

    id: int
    place: int
    category: str
    number: int
    alone: bool
    present: np.ndarray
    xywh: np.ndarray

    @property
    def name(self) -> str:
        """The category, with its number where there are several of it: "violin #2"."""
        return self.category if self.alone else f"{self.category} #{self.number}"


def parts_of(map_: np.ndarray, level: float = BOX_LEVEL) -> list[tuple[float, float, float, float]]:
    """The boxes round the connected bright parts of a map, the largest first.

    Args:
        map_: (H, W), any scale.
        level: share of the maximum from which a cell counts as bright.

    Returns:
        Left, top, width, height as fractions of the frame. Of further parts those that are nearly as bright as the
        brightest, not much smaller than the largest, and apart from it; the whole frame for a flat map.

    Example:
        >>> two = np.zeros((14, 14)); two[2:6, 1:5] = 1; two[2:6, 9:13] = 0.9
        >>> [round(x, 2) for x, *_ in parts_of(two)]
        [0.07, 0.64]
    """
    height, width = (FINE * side for side in map_.shape)
    fine = Image.fromarray(np.asarray(map_, np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    values = np.asarray(fine)
    most = values.max()
    numbered = connected(values >= (level * most if most > 0 else most))
    sizes, peaks = np.bincount(numbered.ravel())[1:], largest_in(values, numbered)
    grounds = largest_in(connected(values >= APART * most), numbered)
    order = np.argsort(-sizes, kind="stable")
    kept, taken = [order[0]], {float(grounds[order[0]])}
    for n in order[1:]:
        if sizes[n] >= LARGE * sizes[order[0]] and peaks[n] >= BRIGHT * most and grounds[n] not in taken:
            kept.append(n)
            taken.add(float(grounds[n]))
    found = [box_in(numbered, n + 1) for n in kept[:MOST_PARTS]]
    return [(x / width, y / height, (right - x) / width, (bottom - y) / height) for x, y, right, bottom in found]


def look_of(picture: np.ndarray, xywh: Sequence[float]) -> np.ndarray:
    """The colours in a box: (BINS ** 3,) square roots of a histogram's shares, so that a product is a likeness.

    Args:
        picture: (height, width, 3) uint8 RGB.
        xywh: fractions of the picture.

    Example:
        >>> red = np.full((8, 8, 3), (255, 0, 0), np.uint8)
        >>> look = look_of(red, (0.0, 0.0, 0.5, 0.5))
        >>> len(look), float(look @ look)
        (64, 1.0)
    """
    height, width = picture.shape[:2]
    x, y, w, h = xywh
    rows = slice(int(y * height), max(int((y + h) * height), int(y * height) + 1))
    columns = slice(int(x * width), max(int((x + w) * width), int(x * width) + 1))
    levels = picture[rows, columns].reshape(-1, 3).astype(np.int32) * BINS // 256
    counts = np.bincount(levels @ (BINS * BINS, BINS, 1), minlength=BINS**3)
    return np.sqrt(counts / max(len(levels), 1)).astype(np.float32)


def link(parts: Parts, times_s: np.ndarray, categories: Sequence[str]) -> list[Track]:
    """The objects of a video.

    Args:
        parts: the boxes to link.
        times_s: (T,) seconds of the answers.
        categories: K names.

    Returns:
        One track an object, in the order in which they first appear.
    """
    chains: list[tuple[list[int], int]] = []
    for place in map(int, np.unique(parts.at[:, 1])):
        own = np.flatnonzero(parts.at[:, 1] == place)
        chains += [(chain, place) for chain in _without_flicker(_chains(own, parts, times_s), parts)]
    chains.sort(key=lambda item: (int(parts.at[item[0][0], 0]), item[1], float(parts.xywh[item[0][0], 0])))
    tracks: list[Track] = []
    for chain, place in chains:
        before = sum(track.place == place for track in tracks)
        alone = sum(other == place for _, other in chains) == 1
        heard = np.isin(np.arange(len(times_s)), parts.at[parts.at[:, 1] == place, 0])
        present, xywh = _over_time(chain, parts, times_s, heard)
        tracks.append(Track(len(tracks) + 1, place, categories[place], before + 1, alone, present, xywh))
    return tracks


def _over_time(chain: list[int], parts: Parts, times_s: np.ndarray, heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T,) where the object has a box, (T, 4) the box. A short gap, as where two objects melt into one, is closed."""
    present, xywh = np.zeros(len(times_s), bool), np.zeros((len(times_s), 4), np.float32)
    for n in chain[::-1]:  # of two in one answer, which only a flicker brings, the earlier one stays
        present[parts.at[n, 0]], xywh[parts.at[n, 0]] = True, parts.xywh[n]
    there = np.flatnonzero(present)
    for before, after in pairwise(there):
        if times_s[after] - times_s[before] <= PAUSE_S and heard[before:after].all():
            present[before:after], xywh[before:after] = True, xywh[before]
    return present, xywh


def _chains(own: np.ndarray, parts: Parts, times_s: np.ndarray) -> list[list[int]]:
    """The parts of one category, as chains of one object each."""
    chains: list[list[int]] = []
    for t in np.unique(parts.at[own, 0]):
        now = own[parts.at[own, 0] == t]
        fits = np.array([[fit(chain[-1], n, parts, times_s) for n in now] for chain in chains]).reshape(-1, len(now))
        rows, columns = best_assignment(fits)
        taken = {int(c): int(r) for r, c in zip(rows, columns, strict=True) if fits[r, c] > 0}
        for column, n in enumerate(now.tolist()):
            if column in taken:
                chains[taken[column]].append(n)
            else:
                chains.append([n])
    return chains


def fit(last: int, n: int, parts: Parts, times_s: np.ndarray) -> float:
    """How well a part is the object of an earlier one; 0 where it is another object.

    Args:
        last, n: their numbers in `parts`.
        parts: all.
        times_s: (T,) seconds of the answers.
    """
    overlap = iou(parts.xywh[last], parts.xywh[n])
    alike = float(parts.look[last] @ parts.look[n]) if parts.look.shape[1] else 1.0
    if times_s[parts.at[n, 0]] - times_s[parts.at[last, 0]] > PAUSE_S:
        return 0.5 * (overlap + alike) if overlap >= OVERLAP and alike >= ALIKE else 0.0
    near = _distance(parts.xywh[last], parts.xywh[n]) < (NEAR if parts.look.shape[1] else 1)
    follows = overlap >= OVERLAP or (near and alike >= ALIKE)
    return overlap + alike if follows else 0.0


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes (4,), x, y, width, height."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    shared = float(np.clip(high - low, 0, None).prod())
    return shared / max(float(one[2:].prod() + other[2:].prod()) - shared, 1e-9)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Between the middles of two boxes, in mean widths and heights of them."""
    middles = one[:2] + one[2:] / 2 - other[:2] - other[2:] / 2
    return float(np.hypot(*(middles / np.maximum((one[2:] + other[2:]) / 2, 1e-6))))


def _without_flicker(chains: list[list[int]], parts: Parts) -> list[list[int]]:
    """The chains that stay; a shorter one fills the gaps of the longest, or goes where that one is present itself."""
    longest = max(chains, key=len)
    lasting = [chain for chain in chains if len(chain) >= STAYS or chain is longest]
    present = {int(parts.at[n, 0]) for chain in lasting for n in chain}
    lone = [n for chain in chains if not any(chain is kept for kept in lasting) for n in chain]
    longest += [n for n in lone if int(parts.at[n, 0]) not in present]
    longest.sort()
    return lasting
