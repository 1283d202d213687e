"""A whole video's answer: `Localization` with its maps, `Timeline` without them.

    maps (T,K,H,W), area (T,H,W), score (T,K)  ──timeline()──▶  who sounds when, and in which box

The maps of ten minutes take tens of megabytes, everything else next to nothing: what must work on a film
of any length (files, drawing) is therefore written for `Timeline`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from PIL import Image
from scipy import ndimage

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.levels import SILENCE_DB

STAY = 0.8  # once heard, a category counts as sounding until its score falls below this share of the threshold
BOX_LEVEL = 0.5  # a box encloses the cells above this share of the map's maximum
HEARD = 0.7  # how surely a category must be heard to count as sounding off screen
SILENT = 10 ** (SILENCE_DB / 20)  # root mean square below which nothing sounds
MOST_OFF_SCREEN = 2  # at a time: the surest
FINE = 4  # maps are enlarged this many times before a box is read off, so that it may end inside a cell


@dataclass(frozen=True)
class Segment:
    """One stretch of time in which one category sounds.

    Attributes:
        category: its name.
        start_s, end_s: seconds from the start of the video.
        score: mean score in it, in [0, 1].
    """

    category: str
    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True)
class Timeline:
    """Who sounds when, and in which box: a `Localization` without its maps.

    Attributes:
        video: path of the video.
        size: width and height of its picture in pixels.
        duration_s: its length in seconds.
        threshold: the score from which a category counts as sounding.
        categories: K names.
        times_s: (T,) seconds, one an answer.
        score: (T, K) in [0, 1], how surely each category is heard and seen.
        strength: (T,) the maximum of the sounding area: how surely anything in the picture sounds.
        loudness: (T,) root mean square of the sound from each time to the next, full scale is 1.
        xywh: (T, K, 4) boxes as fractions of the frame; of use only where `sounding`.
        heard: (T, K) in [0, 1], how surely each category is heard, seen or not; None where a system cannot tell.
        seen: (T, K) in [0, 1], how surely each is in the picture, sounding or not; None likewise.
    """

    video: str
    size: tuple[int, int]
    duration_s: float
    threshold: float
    categories: tuple[str, ...]
    times_s: np.ndarray
    score: np.ndarray
    strength: np.ndarray
    loudness: np.ndarray
    xywh: np.ndarray
    heard: np.ndarray | None = None
    seen: np.ndarray | None = None

    @cached_property
    def sounding(self) -> np.ndarray:
        """(T, K) bool: from the moment a score reaches the threshold to where it clearly leaves it.

        Two levels, not one: a score that hovers at the threshold does not switch the category on and off.
        """
        stays = self.score >= STAY * self.threshold
        runs = _connected(stays, structure=[[0, 1, 0], [0, 1, 0], [0, 1, 0]])
        return stays & np.isin(runs, np.unique(runs[self.score >= self.threshold]))

    @cached_property
    def ever_sounding(self) -> list[int]:
        """The categories that ever sound, as places in `categories`."""
        return np.flatnonzero(self.sounding.any(axis=0)).tolist()

    @cached_property
    def off_screen(self) -> np.ndarray:
        """(T, K) bool: clearly heard, and not in the picture; of all categories the surest two at most."""
        if self.heard is None:
            return np.zeros(self.score.shape, bool)
        rank = np.argsort(np.argsort(-self.heard, axis=1, kind="stable"), axis=1, kind="stable")
        return (self.heard >= HEARD) & (rank < MOST_OFF_SCREEN) & ~self.sounding

    @cached_property
    def unknown(self) -> np.ndarray:
        """(T,) bool: something sounds, and no category is heard clearly or seen to sound."""
        if self.heard is None:
            return np.zeros(len(self.times_s), bool)
        named = self.sounding.any(axis=1) | (self.heard >= HEARD).any(axis=1)
        return ~named & (self.loudness > SILENT)

    @cached_property
    def edges_s(self) -> np.ndarray:
        """(T + 1,) seconds: answer t stands for the time from `edges_s[t]` to `edges_s[t + 1]`."""
        between = (self.times_s[1:] + self.times_s[:-1]) / 2
        end = max(self.duration_s, float(self.times_s[-1]))
        return np.concatenate([[0.0], between, [end]])

    @property
    def swell(self) -> np.ndarray:
        """(T,) in [0, 1]: the loudness as it is drawn, with soft sounds raised."""
        return np.sqrt(self.loudness / max(float(self.loudness.max()), 1e-6))

    def segments(self) -> list[Segment]:
        """All stretches of sounding, by start.

        Example:
            >>> found.timeline().segments()[0]                                  # doctest: +SKIP
            Segment(category='violin', start_s=0.0, end_s=4.125, score=0.91)
        """
        return self._stretches(self.sounding, self.score)

    def off_screen_segments(self) -> list[Segment]:
        """All stretches in which a category is heard and not seen, by start; scored by how surely it is heard."""
        return [] if self.heard is None else self._stretches(self.off_screen, self.heard)

    def _stretches(self, during: np.ndarray, score: np.ndarray) -> list[Segment]:
        found = []
        for k, category in enumerate(self.categories):
            switches = np.flatnonzero(np.diff(during[:, k], prepend=False, append=False))
            for first, end in switches.reshape(-1, 2):
                start_s, end_s = float(self.edges_s[first]), float(self.edges_s[end])
                found.append(Segment(category, start_s, end_s, float(score[first:end, k].mean())))
        return sorted(found, key=lambda s: (s.start_s, s.category))

    def boxes(self) -> Boxes:
        """A box round every sounding object at every time."""
        return Boxes(self.categories, tuple(self._frame(t) for t in range(len(self.times_s))))

    def _frame(self, t: int) -> Frame:
        boxes = tuple(
            Box(self.categories[k], tuple(_rounded(self.xywh[t, k]))) for k in np.flatnonzero(self.sounding[t])
        )
        return Frame(self.video, round(float(self.times_s[t]), 3), boxes)

    def to_json(self) -> dict:
        """The content of result.json, version 1.

        Returns:
            Of the video: "video", "width", "height" (pixels), "duration_s". Of the answer: "threshold", K
            "categories", "segments" ({"category", "start_s", "end_s", "score"} each). Columns of T entries:
            "times_s", "score" (K numbers), "strength", "loudness", "boxes" (a list of {"category", "xywh",
            "score"}, xywh in fractions of the frame, top left corner first). "off_screen": segments of what is
            heard and not seen. "unknown": T entries, whether something sounds that has no name here.
        """
        place = {name: k for k, name in enumerate(self.categories)}
        boxes = [
            [{"category": b.category, "xywh": list(b.xywh), "score": _rounded(self.score[t, place[b.category]])}
             for b in frame.boxes]
            for t, frame in enumerate(self.boxes())
        ]  # fmt: skip
        return {
            "format": "dsol.localization",
            "version": 1,
            "video": self.video,
            "width": self.size[0],
            "height": self.size[1],
            "duration_s": _rounded(self.duration_s),
            "threshold": self.threshold,
            "categories": list(self.categories),
            "segments": [_plain(segment) for segment in self.segments()],
            "times_s": _rounded(self.times_s),
            "score": _rounded(self.score),
            "strength": _rounded(self.strength),
            "loudness": _rounded(self.loudness),
            "boxes": boxes,
            "off_screen": [_plain(segment) for segment in self.off_screen_segments()],
            "unknown": self.unknown.tolist(),
        }

    def to_coco(self) -> dict:
        """The content of boxes.coco.json: one image a time, boxes in pixels, ids from 1.

        `file_name` is the frame's key, `video@time_s`; detectors add `score` to an annotation, so do we.
        """
        width, height = self.size
        images, annotations = [], []
        for t, frame in enumerate(self.boxes()):
            images.append({"id": t + 1, "file_name": frame.key, "width": width, "height": height,
                           "video": frame.video, "time_s": frame.time_s})  # fmt: skip
            for box in frame.boxes:
                k = self.categories.index(box.category)
                x, y, w, h = (round(v * side, 2) for v, side in zip(box.xywh, (width, height) * 2, strict=True))
                annotations.append({"id": len(annotations) + 1, "image_id": t + 1, "category_id": k + 1,
                                    "bbox": [x, y, w, h], "area": round(w * h, 2), "iscrowd": 0,
                                    "score": _rounded(self.score[t, k])})  # fmt: skip
        return {
            "info": {"description": f"Sounding objects of {self.video}", "version": "1"},
            "licenses": [],
            "images": images,
            "annotations": annotations,
            "categories": [{"id": k + 1, "name": name} for k, name in enumerate(self.categories)],
        }


@dataclass(frozen=True)
class Localization:
    """Where what sounds in a video, or in a part of it.

    Attributes:
        video, size, duration_s, threshold, categories, times_s, score, loudness: as in `Timeline`.
        maps: (T, K, H, W) float32, one map a category, gated by sound.
        area: (T, H, W) float32, where anything sounds.
        heard, seen: as in `Timeline`.

    Example:
        >>> found = localizer("party.mp4")                                      # doctest: +SKIP
        >>> found.maps.shape, found.boxes().frames[0].boxes                     # doctest: +SKIP
        ((24, 11, 14, 14), (Box(category='violin', xywh=(0.1, 0.2, 0.3, 0.5), sounding=True),))
    """

    video: str
    size: tuple[int, int]
    duration_s: float
    threshold: float
    categories: tuple[str, ...]
    times_s: np.ndarray
    maps: np.ndarray
    area: np.ndarray
    score: np.ndarray
    loudness: np.ndarray
    heard: np.ndarray | None = None
    seen: np.ndarray | None = None

    def timeline(self) -> Timeline:
        """Who sounds when, and in which box."""
        strength = self.area.max(axis=(1, 2))
        return Timeline(self.video, self.size, self.duration_s, self.threshold, self.categories, self.times_s,
                        self.score, strength, self.loudness, self._xywh(), self.heard, self.seen)  # fmt: skip

    def boxes(self) -> Boxes:
        """A box round every sounding object at every time."""
        return self.timeline().boxes()

    def to_json(self) -> dict:
        """The content of result.json: everything but the maps."""
        return self.timeline().to_json()

    def _xywh(self) -> np.ndarray:
        xywh = np.zeros((*self.score.shape, 4), np.float32)
        for t, k in np.argwhere(self.score >= STAY * self.threshold):
            xywh[t, k] = box_of(self.maps[t, k])
        return xywh


Part = TypeVar("Part", Localization, Timeline)


def joined(parts: Sequence[Part]) -> Part:
    """One localization (or timeline) of the parts of one video, in their order."""
    columns = ("times_s", "score", "loudness")
    columns += ("maps", "area") if isinstance(parts[0], Localization) else ("strength", "xywh")
    columns += tuple(name for name in ("heard", "seen") if getattr(parts[0], name) is not None)
    return replace(parts[0], **{name: np.concatenate([getattr(p, name) for p in parts]) for name in columns})


def box_of(map_: np.ndarray, level: float = BOX_LEVEL) -> tuple[float, float, float, float]:
    """The box round the largest connected bright part of a map.

    Args:
        map_: (H, W), any scale.
        level: share of the maximum from which a cell counts as bright.

    Returns:
        Left, top, width, height as fractions of the frame; the whole frame for a flat map.

    Example:
        >>> import numpy as np
        >>> spot = np.zeros((14, 14)); spot[7:, 7:] = 1
        >>> [round(v, 1) for v in box_of(spot)]
        [0.5, 0.5, 0.5, 0.5]
    """
    height, width = (FINE * side for side in map_.shape)
    fine = Image.fromarray(np.asarray(map_, np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    values = np.asarray(fine)
    most = values.max()
    parts = _connected(values >= (level * most if most > 0 else most))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    rows, columns = ndimage.find_objects(parts)[sizes.argmax() - 1]
    return (columns.start / width, rows.start / height,
            (columns.stop - columns.start) / width, (rows.stop - rows.start) / height)  # fmt: skip


def _plain(segment: Segment) -> dict:
    """A segment as result.json has it."""
    start_s, end_s, score = (_rounded(v) for v in (segment.start_s, segment.end_s, segment.score))
    return {"category": segment.category, "start_s": start_s, "end_s": end_s, "score": score}


def _connected(mask: np.ndarray, structure=None) -> np.ndarray:
    """`mask` with its connected parts numbered from 1; `structure` says who is a neighbour, all four if None."""
    numbered = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, structure, output=numbered)
    return numbered


def _rounded(values):
    """Plain floats with four decimals: finer than any of these numbers is known."""
    return np.round(np.asarray(values, np.float64), 4).tolist()
