"""Annotations: which objects stand where in which frame, and whether they sound (boxes.json)."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from dsol.errors import MALFORMED, DsolError, explained
from dsol.files import read_json, write_text
from dsol.text import composed


@dataclass(frozen=True)
class Box:
    """One object in one frame.

    Attributes:
        category: its name.
        xywh: left, top, width, height as fractions of the frame.
        sounding: False for a visible object that is silent.
    """

    category: str
    xywh: tuple[float, float, float, float]
    sounding: bool = True

    def __post_init__(self):
        if not self.category.isascii():
            object.__setattr__(self, "category", composed(self.category))


@dataclass(frozen=True)
class Frame:
    """The annotation of one frame.

    Attributes:
        video: name of the video, as in `Clip.video`.
        time_s: seconds from the start of the video.
        boxes: the objects in it; may be empty.
        key: the name of the frame in a maps file: `video@time_s`, or the official key.
        sources: of a composed scene, the videos that what sounds in it was taken from; intervals draw these.
    """

    video: str
    time_s: float
    boxes: tuple[Box, ...]
    key: str = ""
    sources: tuple[str, ...] = field(default=(), repr=False)  # not part of the fingerprints of stores

    def __post_init__(self):
        for name in ("video", "key"):  # one Unicode form, so that equal names are equal
            object.__setattr__(self, name, composed(getattr(self, name)))
        if not self.key:
            object.__setattr__(self, "key", frame_key(self.video, self.time_s))


def frame_key(video: str, time_s: float) -> str:
    """The name of a frame in a maps file.

    Example:
        >>> frame_key("cello/1Ju4S0qeDqw.mp4", 3.0)
        'cello/1Ju4S0qeDqw.mp4@3.000'
    """
    return f"{video}@{time_s:.3f}"


@dataclass(frozen=True)
class Boxes:
    """The annotations of a data set.

    Attributes:
        categories: names, in the order that class-aware maps use.
        frames: one entry an annotated frame.
        votes: the boxes of one category in a frame are several annotators' boxes of the same object.

    Example:
        >>> boxes = Boxes(("cello",), (Frame("a.mp4", 3.0, (Box("cello", (0.1, 0.2, 0.5, 0.6)),)),))
        >>> len(boxes), boxes.frames[0].key
        (1, 'a.mp4@3.000')
    """

    categories: tuple[str, ...]
    frames: tuple[Frame, ...]
    votes: bool = False

    def __post_init__(self):
        object.__setattr__(self, "categories", tuple(composed(name) for name in self.categories))

    @classmethod
    def of(cls, frames: Iterable[Frame]) -> "Boxes":
        """Frames with the categories that occur in them, by name."""
        found = tuple(frames)
        return cls(tuple(sorted({box.category for frame in found for box in frame.boxes})), found)

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def of_videos(self, videos: Iterable[str]) -> "Boxes":
        """The frames of some videos only."""
        wanted = set(videos)
        return replace(self, frames=tuple(f for f in self.frames if f.video in wanted))

    def save(self, path: str | Path) -> None:
        """Write boxes.json, whole or not at all."""
        frames = [
            {
                "video": f.video,
                "time_s": f.time_s,
                **({} if f.key == frame_key(f.video, f.time_s) else {"key": f.key}),
                **({"sources": list(f.sources)} if f.sources else {}),
                "boxes": [{"category": b.category, "xywh": list(b.xywh), "sounding": b.sounding} for b in f.boxes],
            }
            for f in self.frames
        ]
        votes = {"votes": True} if self.votes else {}
        write_text(path, json.dumps({"categories": list(self.categories), **votes, "frames": frames}, indent=1))

    @classmethod
    def load(cls, path: str | Path) -> "Boxes":
        """Read and check boxes.json.

        Raises:
            DsolError: not JSON of this format, or a box outside its frame or with negative size.
        """
        data = read_json(path, "give a boxes.json, see docs/data.md")
        with explained(path, "is not a boxes.json: {!r}", "see docs/data.md for the format", *MALFORMED):
            categories = tuple(str(c) for c in data["categories"])
            frames = tuple(_read_frame(entry, path) for entry in data["frames"])
        unknown = {b.category for f in frames for b in f.boxes} - set(categories)
        if unknown:
            raise DsolError(path, f"has boxes of undeclared categories {sorted(unknown)}", "list them in 'categories'")
        return cls(categories, frames, bool(data.get("votes", False)))


def _read_frame(entry: dict, path: str | Path) -> Frame:
    video, time_s = str(entry["video"]), float(entry["time_s"])
    boxes = tuple(
        Box(
            str(b["category"]),
            check_xywh(b["xywh"], f"{path}, frame {frame_key(video, time_s)}"),
            bool(b.get("sounding", True)),
        )
        for b in entry["boxes"]
    )
    return Frame(video, time_s, boxes, str(entry.get("key", "")), tuple(map(str, entry.get("sources", ()))))


def check_xywh(xywh: Iterable[float], where: object, slack: float = 0.02) -> tuple[float, float, float, float]:
    """The four numbers of a box, checked and cut to the frame.

    Args:
        xywh: left, top, width, height as fractions of the frame.
        where: file and frame, for the error.
        slack: how far outside the frame a box may reach, as a fraction; annotations are rounded.

    Raises:
        DsolError: not four finite numbers, no area, or outside the frame: then it is most likely
            stored in another convention (corners, pixels) and must not be scored.
    """
    numbers = tuple(float(v) for v in xywh)
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise DsolError(where, f"box {list(numbers)} is not four finite numbers", "write x, y, width, height")
    x, y, w, h = numbers
    inside = min(x, y) >= -slack and max(x + w, y + h) <= 1 + slack
    if w <= 0 or h <= 0 or not inside:
        raise DsolError(
            where,
            f"box {list(numbers)} has no area or leaves the frame",
            "write x, y, width, height as fractions of the frame; are these corners or pixels?",
        )
    if min(x, y) >= 0 and max(x + w, y + h) <= 1:
        return numbers  # to the last digit: a border pixel may depend on it
    left, top = max(x, 0.0), max(y, 0.0)
    return left, top, min(x + w, 1.0) - left, min(y + h, 1.0) - top
