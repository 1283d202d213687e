"""Data sets as they lie on disk, each as a list of videos with what is known of them.

A layout is one module with one function, `read(folder: Path) -> Corpus`; it reads names and lists only and
opens no video. It is registered in `CORPORA` and imported when asked for. A layout that can give a part of its data
set names the parts in `PARTS`, and its `read` takes one as second argument: `audioset:multi`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from dsol.data.boxes import Boxes
from dsol.errors import DsolError

CORPORA = {
    "folders": "dsol.data.corpora.folders",
    "music": "dsol.data.corpora.music",
    "audioset": "dsol.data.corpora.audioset",
    "vggsound": "dsol.data.corpora.vggsound",
    "music-synthetic": "dsol.data.corpora.music_synthetic",
    "stills": "dsol.data.corpora.stills",
}
SYNTHESIS = "synthesis"  # split: single-source videos set aside to compose training scenes of


@dataclass(frozen=True)
class VideoEntry:
    """One video of a corpus.

    Attributes:
        path: the file.
        name: unique in the corpus; a relative path with forward slashes.
        category: name of the sounding object where it is known.
        split: "train", "test", ... where it is known.
        sound: the file of its sound, where that is another one; `Corpus.read` gets it as `sound`.
    """

    path: Path
    name: str
    category: str | None = None
    split: str | None = None
    sound: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it is read from."""
        return (self.path,) if self.sound is None else (self.path, self.sound)


@dataclass(frozen=True)
class Corpus:
    """A data set as it lies on disk.

    Attributes:
        videos: in the order they are prepared in.
        boxes: the annotations that belong to it, or None.
        read: how its files become seconds, for files that are no videos: a module's function with the
            signature of `dsol.data.media.read_seconds`, which is used when this is None.
        listed: how many videos its lists name; 0 without lists.
        missing: those of them that are not there, by name.
        skipped: files that are not used: name -> reason.
        twice: videos that its lists name in more than one split; the test split counts.
        note: what its users must know; copied into the store and into what is made of it.
        composed: its pictures are composed of several, and so are only ever resized: no crop may lose a part.
    """

    videos: tuple[VideoEntry, ...]
    boxes: Boxes | None = None
    read: Callable[..., Iterable[Any]] | None = None
    listed: int = 0
    missing: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    twice: tuple[str, ...] = ()
    note: str | None = None
    composed: bool = False


def read_corpus(folder: str | Path, layout: str = "folders") -> Corpus:
    """Look at a data set.

    Args:
        folder: where it lies.
        layout: a name in `CORPORA`, or `name:part`.

    Raises:
        DsolError: no such folder, layout or part, or nothing of that layout in it.

    Example:
        >>> corpus = read_corpus("videos")
        >>> corpus.videos[0].name, corpus.videos[0].category
        ('disc.mp4', None)
    """
    name, _, part = layout.partition(":")
    if name not in CORPORA:
        raise DsolError("--layout", f"{name!r} is not known", f"choose one of {', '.join(sorted(CORPORA))}")
    if not Path(folder).is_dir():
        raise DsolError(folder, "is not a folder", "give the folder that the videos lie in")
    module = import_module(CORPORA[name])
    parts = getattr(module, "PARTS", ())
    if ":" in layout and part not in parts:
        known = ", ".join(f"{name}:{p}" for p in parts) or f"{name}, which has no parts"
        raise DsolError("--layout", f"{layout!r} is not known", f"choose one of {known}")
    return module.read(Path(folder), part) if part else module.read(Path(folder))
