"""Reading a store: any clip, in any order, from any process."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsol.data.boxes import Boxes
from dsol.data.clip import Clip
from dsol.data.store import shards
from dsol.data.store.index import INDEX, Places, Row, read_index
from dsol.errors import MALFORMED, DsolError, explained
from dsol.files import partial_of
from dsol.places import fetch, is_remote
from dsol.text import read_text

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
INFO, BOXES = "store.json", "boxes.json"
INFO_TYPES = {
    "clips": int, "videos": int, "shards": int, "silent_clips": int, "made": dict, "missing": list, "skipped": list,
    "cut_short": list,
}  # fmt: skip
OFFICIAL_SCENES = "music-synthetic"  # layout
ROUNDING_S = 0.0005  # times in keys have three decimals


class Store:
    """Seconds of video on disk, or some of them: `select` and `take` give views that share the files.

    Pickles into worker processes, where it opens the files anew.

    Attributes:
        path: its folder.
        boxes: annotations of its videos; empty where there are none.
        info: what store.json says.

    Example:
        >>> train = dsol.Store.open("store").select(split="train")
        >>> train.frame(0, 0).shape, train.waveform(0).shape, train.rows[0].category
        ((64, 64, 3), (16000,), 'bar')
    """

    def __init__(self, path: Path, table: "pa.Table", boxes: Boxes, info: dict, files: shards.ShardFiles | None = None):
        self.path, self.boxes, self.info = path, boxes, info
        self._table = table
        self._files = files or shards.ShardFiles(path)

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """Open a store; of one at a URL the shards are fetched when they are read.

        Raises:
            DsolError: no store, one of another version, one that is not finished, or a broken one.
        """
        if isinstance(path, str) and is_remote(path):
            path = fetch(path)
        folder = Path(path).absolute()
        info = read_info(path)
        with explained(folder / INDEX, "cannot be read: {}", "make the store again", OSError, ValueError):
            table = read_index(folder / INDEX)
        boxes = Boxes.load(folder / BOXES) if (folder / BOXES).exists() else Boxes((), ())
        return cls(folder, table, _with_sources(boxes, table), info)

    def __len__(self) -> int:
        return self._table.num_rows

    def __getstate__(self) -> dict:
        return {name: self.__dict__[name] for name in ("path", "boxes", "info", "_table", "_files")}

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}, {len(self)} clips)"

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """What is known of each clip, N rows."""
        return _rows(self._table)

    def row(self, i: int) -> Row:
        """What is known of clip i, without reading the others' rows."""
        return _rows(self._table.slice(i, 1))[0]

    def column(self, name: str) -> list:
        """One attribute of `Row` for all clips: much quicker than `rows` in a large store."""
        return self._table[name].to_pylist()

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The categories of its clips, sorted; none where they are not known."""
        return tuple(sorted(set(self.column("category")) - {None}))

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits of its clips, sorted; none where they are not known."""
        return tuple(sorted(set(self.column("split")) - {None}))

    @cached_property
    def videos(self) -> tuple[str, ...]:
        """The names of its videos, in the order of the clips."""
        return tuple(dict.fromkeys(self.column("video")))

    @cached_property
    def video_numbers(self) -> np.ndarray:
        """(N,) one number a clip, the same for clips of one video."""
        return np.unique(self.column("video"), return_inverse=True)[1]

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with the clips or their annotations."""
        columns = [self.column(name) for name in ("clip", "category", "split", "checksum")]
        return hashlib.sha256(f"{json.dumps(columns)}{self.boxes}".encode()).hexdigest()[:16]

    @cached_property
    def _places(self) -> Places:
        return Places(self._table)

    def frame_count(self, i: int) -> int:
        """How many frames clip i has."""
        return int(self._places.first[i + 1] - self._places.first[i])

    @cached_property
    def composed(self) -> bool:
        """Whether its pictures are composed of several, by `dsol compose` or before they came. Such are only ever
        resized, in training too, as in the paper: a crop would lose parts, and tiles would leave their places."""
        official = str(self.info.get("made", {}).get("layout")) == OFFICIAL_SCENES  # of older stores
        return official or bool(self.info.get("composed")) or any(self.column("sources"))

    @cached_property
    def photos(self) -> np.ndarray:
        """(N,) bool: the clips that are photos, of one frame; the others are of videos."""
        return np.array([self.frame_count(i) == 1 for i in range(len(self))])

    def frame(self, i: int, j: int) -> np.ndarray:
        """Frame j of clip i: (height, width, 3) uint8 RGB."""
        data = self.frame_bytes(i, j)
        try:
            return shards.decode_jpeg(data)
        except (OSError, SyntaxError) as error:  # Pillow's, of a broken picture
            what = f"frame {j} of clip {self.row(i).clip} is damaged: {error}"
            raise DsolError(self.path, what, "copy the store again, or make it again") from None

    def frame_bytes(self, i: int, j: int) -> bytes:
        """Frame j of clip i as it is stored, a JPEG."""
        if not 0 <= j < self.frame_count(i):
            raise IndexError(f"clip {i} has {self.frame_count(i)} frames, there is no frame {j}")
        at = self._places.first[i] + j
        return self._read(i, int(self._places.frame_offset[at]), int(self._places.frame_size[at]))

    def waveform(self, i: int) -> np.ndarray:
        """The sound of clip i: (16000,) float32 in [-1, 1], 16 kHz."""
        return shards.decode_wav(self.sound_bytes(i))

    def sound_bytes(self, i: int) -> bytes:
        """The sound of clip i as it is stored, a 16-bit WAV file."""
        return self._read(i, int(self._places.sound_offset[i]), int(self._places.sound_size[i]))

    def sound(self, i: int) -> np.ndarray:
        """The sound of clip i: its waveform, or its log-mel spectrogram (201, 64) where nothing else is available.

        `dsol.model.audio.log_mel` takes either. A clip of the second kind has a silent waveform.
        """
        log_mel = self.extra(i, shards.LOG_MEL)
        return self.waveform(i) if log_mel is None else shards.decode_log_mel(log_mel)

    def mask(self, i: int) -> np.ndarray | None:
        """Where the object of clip i is in its first frame: (height, width) bool; None where that is not known."""
        mask = self.extra(i, shards.MASK)
        return None if mask is None else shards.decode_mask(mask)

    @cached_property
    def _extras(self) -> list:
        return self.column("extras")

    def extra(self, i: int, name: str) -> bytes | None:
        """An extra of clip i by its name, as it is stored; None where it has none such."""
        if name not in (self._extras[i] or ()):
            return None
        row = self.row(i)
        k = (row.extras or ()).index(name)
        return self._read(i, (row.extra_offset or ())[k], (row.extra_size or ())[k])

    def _read(self, i: int, offset: int, size: int) -> bytes:
        shard = int(self._places.shard[i])
        try:
            data = self._files.read(shard, offset, size)
        except OSError as error:
            what = f"{shards.shard_name(shard)} cannot be read: {error.strerror}"
            raise DsolError(self.path, what, "make the store again") from error
        if len(data) != size:
            raise DsolError(self.path, f"clip {self.row(i).clip} is cut short", "make the store again")
        return data

    def clip(self, i: int) -> Clip:
        """Clip i, whole."""
        row = self.row(i)
        frames = np.stack([self.frame(i, j) for j in range(len(row.times_s))])
        return Clip(row.video, row.second, frames, np.array(row.times_s), self.waveform(i), row.category, row.split)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {clip: i for i, clip in enumerate(self.column("clip"))}

    def index(self, clip: str) -> int | None:
        """The number of the clip called `video@second`, or None."""
        return self._index.get(clip)

    def find(self, video: str, time_s: float) -> tuple[int, int] | None:
        """The clip whose second holds a time, and its nearest frame; None when it is not here.

        Example:
            >>> dsol.Store.open("store").find("test/bar/0.mp4", 1.04)
            (1, 0)
        """
        i = self.index(f"{video}@{int(time_s + ROUNDING_S)}")
        if i is None:
            return None
        times = self._places.times_s[self._places.first[i] : self._places.first[i + 1]]
        return i, int(np.abs(times - time_s).argmin())

    def training(self) -> "Store":
        """The clips to train on: the split "train" where there are splits, else all."""
        return self.select(split="train") if self.splits else self

    def testing(self) -> "Store":
        """The clips to score on: the split "test" where there is one, else all."""
        return self.select(split="test") if "test" in self.splits else self

    def labelled(self) -> "Store":
        """The clips of known category."""
        return self.take([i for i, category in enumerate(self.column("category")) if category is not None])

    def middle_frames(self, rows: Iterable[int]) -> list[np.ndarray]:
        """The middle frame of each of some clips, (h, w, 3) uint8."""
        return [self.frame(i, self.frame_count(i) // 2) for i in rows]

    def select(self, split: str | None = None, videos: Iterable[str] | None = None) -> "Store":
        """The clips of a split, of some videos, or both."""
        keep = np.ones(len(self), bool)
        if split is not None:
            keep &= np.array([s == split for s in self.column("split")], bool)
        if videos is not None:
            wanted = set(videos)
            keep &= np.array([v in wanted for v in self.column("video")], bool)
        return self.take(np.flatnonzero(keep))

    def take(self, indices: Iterable[int]) -> "Store":
        """Some clips by number, in the order given, with the annotations of their videos."""
        table = self._table.take(np.asarray(list(indices), np.int64))
        boxes = self.boxes.of_videos(table["video"].to_pylist())
        return Store(self.path, table, boxes, self.info, self._files)


def _with_sources(boxes: Boxes, table: "pa.Table") -> Boxes:
    """Annotations of composed scenes with the videos of what sounds in them, or of all of it where nothing does."""
    if not len(boxes) or table["sources"].null_count == table.num_rows:
        return boxes
    facts = zip(*(table[name].to_pylist() for name in ("video", "sources", "source_sounds")), strict=True)
    made_of = {video: source_videos(clips, sounds) for video, clips, sounds in facts if clips}
    return replace(boxes, frames=tuple(replace(f, sources=made_of.get(f.video, ())) for f in boxes))


def source_videos(clips: Sequence[str], sounds: Sequence[bool]) -> tuple[str, ...]:
    """The videos of those clips that sound, sorted; of all where none does.

    Example:
        >>> source_videos(["cello/b.mp4@3", "tuba/a.mp4@0", "flute/c.mp4@1"], [True, True, False])
        ('cello/b.mp4', 'tuba/a.mp4')
    """
    chosen = [clip for clip, loud in zip(clips, sounds, strict=True) if loud] or clips
    return tuple(sorted({clip.rpartition("@")[0] for clip in chosen}))


def _rows(table: "pa.Table") -> tuple[Row, ...]:
    columns = [table[field.name].to_pylist() for field in fields(Row)]
    return tuple(Row(*map(_frozen, facts)) for facts in zip(*columns, strict=True))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def read_info(path: str | Path) -> dict:
    """What store.json says, checked to be of a store that this program reads."""
    file = Path(path) / INFO
    try:
        info = json.loads(read_text(file))
        version = info["version"]
        for name, kind in INFO_TYPES.items():
            if not isinstance(info.get(name, kind()), kind):
                raise TypeError(name)
    except OSError:
        if not Path(path).exists() and partial_of(path).exists():
            raise DsolError(path, "is not finished", "run the command that makes it again: it goes on") from None
        raise DsolError(path, "is not a store", "give a folder made by dsol prepare or dsol compose") from None
    except MALFORMED:
        raise DsolError(file, "is not a store's description", "make the store again") from None
    if version != VERSION:
        raise DsolError(path, f"is a store of version {version}, this program reads {VERSION}",
                        "prepare it again, or use the dsol that made it")  # fmt: skip
    return info
