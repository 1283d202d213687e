"""What a person corrected, whatever tool it was done in: objects that move, and when they sound."""

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from dsol.data.states import OFF_SCREEN, SEEN, SILENT, STATES
from dsol.text import composed

Xywh = tuple[float, float, float, float]
LABEL = re.compile(rf"^(?P<category>.*?)(?: #(?P<number>\d+))?(?: \((?P<state>{'|'.join(STATES)})\))?$", re.DOTALL)
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file


@dataclass(frozen=True)
class Label:
    """What a label of a tier or a track of labels says: "violin #2 (silent)".

    Attributes:
        category: "violin".
        number: 2; None where none is given.
        state: "silent"; "seen" where none is given.
    """

    category: str
    number: int | None = None
    state: str = STATES[SEEN]

    @classmethod
    def read(cls, text: str) -> "Label":
        """The label in a text.

        Example:
            >>> Label.read("cluster 3 #2 (silent)")
            Label(category='cluster 3', number=2, state='silent')
        """
        found = LABEL.match(" ".join(text.split()))
        assert found is not None, "its last part matches any text"
        number = found["number"]
        return cls(found["category"], int(number) if number else None, found["state"] or STATES[SEEN])

    def fits(self, other: "Label") -> bool:
        """They may mean the same object: a number that is not said fits any."""
        return self.category == other.category and (
            self.number is None or other.number is None or self.number == other.number
        )


@dataclass(frozen=True)
class At:
    """An object at one moment, and until the next one.

    Attributes:
        time_s: seconds from the start of the video.
        xywh: its box, fractions of the frame.
        state: one of `STATES`.
        there: False where it goes at this moment.
    """

    time_s: float
    xywh: Xywh
    state: str = STATES[SEEN]
    there: bool = True


@dataclass(frozen=True)
class Moving:
    """One object as a tool for video keeps it: between two moments it moves along a straight line.

    Attributes:
        label: what it is.
        path: its moments, by time; after the last one it stands still.
    """

    label: Label
    path: tuple[At, ...]

    def at(self, time_s: float) -> At | None:
        """Where it is at a time; None where it is not there."""
        after = bisect_right(self.path, time_s + 1e-6, key=lambda at: at.time_s)
        if after == 0 or not self.path[after - 1].there:
            return None
        before = self.path[after - 1]
        if after == len(self.path):
            return before
        following = self.path[after]
        share = (time_s - before.time_s) / (following.time_s - before.time_s)
        xywh = tuple(a + share * (b - a) for a, b in zip(before.xywh, following.xywh, strict=True))
        return At(time_s, xywh, before.state)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Sound:
    """A stretch in which something sounds, or is labelled silent.

    Attributes:
        label: what it is, as the person says.
        start_s, end_s: seconds from the start of the video.
        of: the object whose tier it stands in; None where a file has no tiers.
    """

    label: Label
    start_s: float
    end_s: float
    of: Label | None = None

    def sounds_at(self, time_s: float) -> bool:
        """It sounds at a time."""
        return self.start_s <= time_s < self.end_s and self.label.state != STATES[SILENT]


@dataclass(frozen=True)
class Corrected:
    """One video as one file has it.

    Attributes:
        video: what the file calls it; "" where it does not say.
        objects: that move; None where the file knows none.
        stills: time in seconds -> the objects in the picture then, for tools that know no video.
        sounds: when what sounds; None where the file does not tell.
        duration_s: seconds; 0 where the file does not tell.
        fps: frames a second; 0 where the file does not tell.
        draft: the model's predictions, replaced by all corrections.
        in_frames: all times are numbers of frames, since the file does not say how many there are to a second.
    """

    video: str
    objects: tuple[Moving, ...] | None = None
    stills: dict[float, list[tuple[Label, Xywh]]] | None = None
    sounds: tuple[Sound, ...] | None = None
    duration_s: float = 0.0
    fps: float = 0.0
    draft: bool = False
    in_frames: bool = False

    def in_seconds(self, fps: float) -> "Corrected":
        """The same with times in seconds."""
        if not self.in_frames or self.objects is None:
            return self
        objects = tuple(
            replace(each, path=tuple(replace(at, time_s=at.time_s / fps) for at in each.path)) for each in self.objects
        )
        return replace(self, objects=objects, duration_s=self.duration_s / fps, fps=fps, in_frames=False)

    @property
    def placed(self) -> bool:
        """It says where things are."""
        return self.objects is not None or self.stills is not None

    def objects_at(self, time_s: float) -> list[tuple[Label, Xywh]]:
        """The objects that are seen at a time; a still counts at its own time only."""
        if self.stills is not None:
            return self.stills.get(time_s, [])
        found = [(each.label, each.at(time_s)) for each in self.objects or ()]
        return [
            (Label(label.category, label.number, at.state), at.xywh)
            for label, at in found
            if at is not None and at.state != STATES[OFF_SCREEN]
        ]


def plain_path(video: str) -> PurePosixPath:
    """What a file calls a video, without what tools put round it: a server's address, quotes, an upload's number.

    Example:
        >>> [str(plain_path(name)) for name in ("/data/local-files/?d=a/my%20b.mp4", "/data/upload/3/0a1b2c3d-a.mp4")]
        ['a/my b.mp4', 'a.mp4']
    """
    path = video.rpartition("?d=")[2] if "?d=" in video else video.partition("?")[0]
    found = PurePosixPath(composed(unquote(path.rpartition("://")[2])).replace("\\", "/"))
    return PurePosixPath(UPLOADED.sub("", found.name)) if "/upload/" in path else found


def same_video(one: PurePosixPath, other: PurePosixPath) -> bool:
    """One name ends with the other, folder by folder; a suffix that one of them lacks does not count.

    Example:
        >>> same_video(PurePosixPath("/home/me/cello/a.mp4"), PurePosixPath("cello/a"))
        True
    """
    names = one.name == other.name or (one.stem == other.stem and not (one.suffix and other.suffix))
    return names and all(a == b for a, b in zip(one.parts[-2::-1], other.parts[-2::-1], strict=False))
