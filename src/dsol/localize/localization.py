"""A whole video's answer: `Localization` with its maps, `Timeline` without them.

    maps (T,K,H,W), area (T,H,W), score (T,K)  ──timeline()──▶  who sounds when, and in which box

The maps of ten minutes take tens of megabytes, everything else next to nothing: what must work on a film
of any length (files, drawing) is therefore written for `Timeline`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.states import OFF_SCREEN, SEEN, SILENT, STATES, UNKNOWN
from dsol.localize.stretches import Stretch, stretches_of
from dsol.localize.tracks import BOX_LEVEL, Parts, Track, link, look_of, parts_of

STAY = 0.8  # once heard, a category counts as sounding until its score falls below this share of the threshold
FEW = 4  # answers, a second of video
USUAL_FPS = 25.0  # for files that do not say how many frames a second they have


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
        parts: all places where a category may stand; those of `xywh` where None.
        state: (T, K) places in `STATES`, -1 for nothing; where None, what sounds is seen.
        fps: frames a second of the video.
        frame_names: T names of files with the pictures that were looked at, where these are kept.
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
    parts: Parts | None = None
    state: np.ndarray | None = None
    fps: float = USUAL_FPS
    frame_names: tuple[str, ...] | None = None

    @cached_property
    def sounding(self) -> np.ndarray:
        """(T, K) bool: from the moment a score reaches the threshold to where it clearly leaves it.

        Two levels, not one: a score that hovers at the threshold does not switch the category on and off. Where the
        states are known, they say it.
        """
        if self.state is not None:
            return np.isin(self.states, (SEEN, UNKNOWN))
        stays = self.score >= STAY * self.threshold
        runs = _runs(stays)
        return stays & np.isin(runs, np.unique(runs[self.score >= self.threshold]))

    @cached_property
    def heard(self) -> list[int]:
        """The categories that ever sound, as places in `categories`."""
        return np.flatnonzero(self.sounding.any(axis=0)).tolist()

    @cached_property
    def audible(self) -> list[int]:
        """The categories that ever sound, on screen or off, as places in `categories`."""
        off_screen = (self.states == OFF_SCREEN).any(axis=0)
        return np.flatnonzero(self.sounding.any(axis=0) | off_screen).tolist()

    @cached_property
    def states(self) -> np.ndarray:
        """(T, K) int: what each category does, as a place in `STATES`; -1 where it is not there."""
        return np.where(self.sounding, SEEN, -1) if self.state is None else _without_blinks(self.state)

    @cached_property
    def tracks(self) -> list[Track]:
        """The objects, in the order in which they first sound; two of one category are two."""
        parts = self.parts
        if parts is None:
            at = np.argwhere(self.states >= 0)
            parts = Parts(at, self.xywh[at[:, 0], at[:, 1]], np.zeros((len(at), 0), np.float32))
        does = self.states[parts.at[:, 0], parts.at[:, 1]]
        shown = (does >= 0) & (does != OFF_SCREEN)  # its map lights up, but on nothing that sounds
        parts = Parts(parts.at[shown], parts.xywh[shown], parts.look[shown] if parts.look.shape[1] else parts.look)
        return link(parts, self.times_s, self.categories)

    def stretches(self) -> list[Stretch]:
        """What each object does from when to when, by start: `segments` told object by object.

        Example:
            >>> found.timeline().stretches()[0].name                            # doctest: +SKIP
            'violin #1'
        """
        return stretches_of(self)

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
        found = []
        for k, category in enumerate(self.categories):
            switches = np.flatnonzero(np.diff(self.sounding[:, k], prepend=False, append=False))
            for first, end in switches.reshape(-1, 2):
                start_s, end_s = float(self.edges_s[first]), float(self.edges_s[end])
                found.append(Segment(category, start_s, end_s, float(self.score[first:end, k].mean())))
        return sorted(found, key=lambda s: (s.start_s, s.category))

    def boxes(self) -> Boxes:
        """A box round every sounding object at every time."""
        return Boxes(self.categories, tuple(self._frame(t) for t in range(len(self.times_s))))

    def _frame(self, t: int) -> Frame:
        shown = self.sounding[t] & (self.states[t] != OFF_SCREEN)
        boxes = tuple(Box(self.categories[k], tuple(_rounded(self.xywh[t, k]))) for k in np.flatnonzero(shown))
        return Frame(self.video, round(float(self.times_s[t]), 3), boxes)

    def to_json(self) -> dict:
        """The content of result.json, version 1.

        Returns:
            Of the video: "video", "width", "height" (pixels), "duration_s". Of the answer: "threshold", K
            "categories", "segments" ({"category", "start_s", "end_s", "score"} each). Columns of T entries:
            "times_s", "score" (K numbers), "strength", "loudness", "boxes" (a list of {"category", "xywh",
            "score"}, xywh in fractions of the frame, top left corner first), "objects" (the same object by object:
            {"track", "category", "xywh", "score", "state"}). Of the objects: "tracks" and "stretches".
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
            "segments": [
                {"category": s.category, "start_s": _rounded(s.start_s), "end_s": _rounded(s.end_s),
                 "score": _rounded(s.score)}
                for s in self.segments()
            ],
            "times_s": _rounded(self.times_s),
            "score": _rounded(self.score),
            "strength": _rounded(self.strength),
            "loudness": _rounded(self.loudness),
            "boxes": boxes,
            "fps": _rounded(self.fps),
            "tracks": [{"id": each.id, "name": each.name, "category": each.category, "number": each.number}
                       for each in self.tracks],
            "stretches": [each.to_json() for each in self.stretches()],
            "objects": [self._objects(t) for t in range(len(self.times_s))],
        }  # fmt: skip

    def _objects(self, t: int) -> list[dict]:
        return [
            {"track": each.id, "category": each.category, "xywh": _rounded(each.xywh[t]),
             "score": _rounded(self.score[t, each.place]), "state": STATES[self.states[t, each.place]]}
            for each in self.tracks if each.present[t]
        ]  # fmt: skip

    def to_coco(self) -> dict:
        """The content of boxes.coco.json: one image a time, boxes in pixels, ids from 1.

        `file_name` is the frame's key, `video@time_s`, or its place in `frame_names`; detectors add `score` to an
        annotation, so do we. Beyond COCO an image has "video" and "time_s", an annotation "track_id", "state" and
        "sounding".
        """
        width, height = self.size
        tracks = sorted(self.tracks, key=lambda track: (track.place, track.number))
        images, annotations = [], []
        for t, frame in enumerate(self.boxes()):
            images.append({"id": t + 1, "file_name": self.frame_names[t] if self.frame_names else frame.key,
                           "width": width, "height": height, "video": frame.video, "time_s": frame.time_s})  # fmt: skip
            for track in (track for track in tracks if track.present[t]):
                sides = zip(_rounded(track.xywh[t]), (width, height) * 2, strict=True)
                x, y, w, h = (round(v * side, 2) for v, side in sides)
                state = int(self.states[t, track.place])
                annotations.append({"id": len(annotations) + 1, "image_id": t + 1, "category_id": track.place + 1,
                                    "bbox": [x, y, w, h], "area": round(w * h, 2), "iscrowd": 0, "segmentation": [],
                                    "score": _rounded(self.score[t, track.place]), "track_id": track.id,
                                    "state": STATES[state], "sounding": state != SILENT})  # fmt: skip
        return {
            "info": {"description": f"Sounding objects of {self.video}", "version": "1"},
            "licenses": [],
            "images": images,
            "annotations": annotations,
            "categories": [{"id": k + 1, "name": name} for k, name in enumerate(self.categories)],
        }


@dataclass(frozen=True, repr=False)
class Localization:
    """Where what sounds in a video, or in a part of it. In a notebook it shows itself: a player with lanes.

    Attributes:
        video, size, duration_s, threshold, categories, times_s, score, loudness, state, fps: as in `Timeline`.
        maps: (T, K, H, W) float32, one map a category, gated by sound.
        area: (T, H, W) float32, where anything sounds.
        pictures: (T, height, width, 3) uint8 RGB, what is seen, small: enough to tell two objects apart. Or None.

    Example:
        >>> found = localizer("party.mp4")
        >>> found.maps.ndim, found.maps.shape[:2] == found.score.shape
        (4, True)
        >>> len(found.boxes()) == len(found.times_s)
        True
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
    pictures: np.ndarray | None = None
    state: np.ndarray | None = None
    fps: float = USUAL_FPS

    def timeline(self) -> Timeline:
        """Who sounds when, and in which box."""
        strength, parts = self.area.max(axis=(1, 2)), self._parts()
        return Timeline(self.video, self.size, self.duration_s, self.threshold, self.categories, self.times_s,
                        self.score, strength, self.loudness, self._xywh(parts),
                        parts, self.state, self.fps)  # fmt: skip

    def boxes(self) -> Boxes:
        """A box round every sounding object at every time."""
        return self.timeline().boxes()

    def to_json(self) -> dict:
        """The content of result.json: everything but the maps."""
        return self.timeline().to_json()

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`, one row a stretch: who does what from when to when, and where.

        Columns: start_s, end_s, category, object, track, state, score, at_s (the surest moment), and the box then: x,
        y, width, height in fractions of the frame, NaN for what is off screen.

        Raises:
            DsolError: pandas is not installed.

        Example:
            >>> list(found.to_pandas().columns[:4])
            ['start_s', 'end_s', 'category', 'object']
        """
        from dsol.localize.tables import to_pandas

        return to_pandas(self.timeline())

    def to_supervision(self) -> list[Any]:
        """T `supervision.Detections`, one for each of `times_s`: boxes in pixels, `class_id` the place in `categories`,
        `tracker_id` the number of the object, and `data` with "class_name" and "state".

        Raises:
            DsolError: supervision is not installed.

        Example:
            >>> found.to_supervision()[0].xyxy.shape                            # doctest: +SKIP
            (2, 4)
        """
        from dsol.localize.tables import to_supervision

        return to_supervision(self.timeline())

    def save(self, path: str | Path, formats: str | Sequence[str] = "json,coco") -> list[Path]:
        """Write it, for a later session or for other tools.

        Args:
            path: an .npz file, for all of it with the maps, which `load` reads; or else a folder for `formats`.
            formats: as for `dsol localize --format`, "srt,csv" or "all"; for a folder.

        Returns:
            The files written.

        Raises:
            DsolError: an unknown format, or a file that cannot be written.

        Example:
            >>> [file.name for file in found.save("party", "json,srt")]
            ['result.json', 'localized.srt']
            >>> dsol.Localization.load(found.save("party.npz")[0]).boxes() == found.boxes()
            True
        """
        from dsol.localize.formats import save_formats
        from dsol.localize.saved import save

        return [save(self, path)] if Path(path).suffix == ".npz" else save_formats(self.timeline(), path, formats)

    @classmethod
    def load(cls, path: str | Path) -> "Localization":
        """What `save` wrote into an .npz file.

        Raises:
            DsolError: it is no such file.
        """
        from dsol.localize.saved import load

        return load(cls, path)

    def __repr__(self) -> str:
        heard = ", ".join(dict.fromkeys(each.category for each in self.timeline().segments())) or "nothing"
        return f"Localization({self.video!r}, {self.duration_s:.1f} s, {len(self.times_s)} answers: {heard})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the video with its boxes, and a lane for each object."""
        from dsol.localize.notebook import player

        return player(self.timeline())

    def _xywh(self, parts: Parts) -> np.ndarray:
        """(T, K, 4) the largest part of each, zeros where there is none."""
        xywh = np.zeros((*self.score.shape, 4), np.float32)
        for (t, k), box in zip(parts.at[::-1], parts.xywh[::-1], strict=True):  # the largest comes first, so it stays
            xywh[t, k] = box
        return xywh

    def _parts(self) -> Parts:
        there = self.score >= STAY * self.threshold
        if self.state is not None:
            there |= self.state >= 0
        found = [(t, k, box) for t, k in np.argwhere(there) for box in parts_of(self.maps[t, k])]
        at = np.array([(t, k) for t, k, _ in found], int).reshape(-1, 2)
        looks = [look_of(self.pictures[t], box) for t, _, box in found] if self.pictures is not None else []
        look = np.array(looks, np.float32) if looks else np.zeros((len(found), 0), np.float32)
        return Parts(at, np.array([box for *_, box in found], np.float32).reshape(-1, 4), look)


Part = TypeVar("Part", Localization, Timeline)


def joined(parts: Sequence[Part]) -> Part:
    """One localization (or timeline) of the parts of one video, in their order."""
    columns = ["times_s", "score", "loudness"]
    columns += ["maps", "area", "pictures"] if isinstance(parts[0], Localization) else ["strength", "xywh"]
    columns = [name for name in (*columns, "state") if getattr(parts[0], name) is not None]
    whole: dict[str, Any] = {name: np.concatenate([getattr(p, name) for p in parts]) for name in columns}
    places = [p.parts for p in parts if isinstance(p, Timeline) and p.parts is not None]
    if places:
        whole["parts"] = Parts.joined(places, [len(p.times_s) for p in parts])
    return replace(parts[0], **whole)


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
    return parts_of(map_, level)[0]


def _without_blinks(state: np.ndarray) -> np.ndarray:
    """(T, K) states without what lasts for one answer only: each answer hears a second, so what truly sounds is heard
    by several in a row. Of a video of few answers all stay."""
    if len(state) <= FEW:
        return state
    around = np.pad(state, ((1, 1), (0, 0)), constant_values=-2)
    alone = (around[1:-1] != around[:-2]) & (around[1:-1] != around[2:])
    return np.where(alone, -1, state)


def _runs(mask: np.ndarray) -> np.ndarray:
    """(T, K) mask with the runs of each column numbered from 1; 0 between them."""
    begins = mask & ~np.pad(mask, ((1, 0), (0, 0)))[:-1]
    return begins.T.cumsum().reshape(mask.T.shape).T * mask


def _rounded(values):
    """Plain floats with four decimals: finer than any of these numbers is known."""
    return np.round(np.asarray(values, np.float64), 4).tolist()
