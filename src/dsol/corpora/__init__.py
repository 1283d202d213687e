"""What lies on disk in the world, as a list of videos with what is known of them.

A layout is one module with one function, `read(folder: Path) -> Corpus`; it only looks at names and lists and
opens no video. It is registered in `CORPORA` and imported when asked for.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from dsol.boxes import Boxes
from dsol.errors import DsolError

CORPORA = {
    "folders": "dsol.corpora.folders",
}


@dataclass(frozen=True)
class VideoEntry:
    """One video of a corpus.

    Attributes:
        path: the file.
        name: unique in the corpus; a relative path with forward slashes.
        category: name of the sounding object where it is known.
        split: "train", "test", ... where it is known.
    """

    path: Path
    name: str
    category: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Corpus:
    """A data set as it lies on disk.

    Attributes:
        videos: in the order they are prepared in.
        boxes: the annotations that belong to it, or None.
        read: how its files become seconds, for files that are no videos: a module's function with the
            signature of `dsol.media.read_seconds`, which is used when this is None.
    """

    videos: tuple[VideoEntry, ...]
    boxes: Boxes | None = None
    read: Callable[..., Iterable[Any]] | None = None


def read_corpus(folder: str | Path, layout: str = "folders") -> Corpus:
    """Look at a data set.

    Args:
        folder: where it lies.
        layout: a name in `CORPORA`.

    Raises:
        DsolError: no such folder or layout, or nothing of that layout in it.

    Example:
        >>> corpus = read_corpus("music_mini")
        >>> corpus.videos[0].name, corpus.videos[0].category
        ('accordion/1oz3h9doX_g.mp4', 'accordion')
    """
    if layout not in CORPORA:
        raise DsolError("--layout", f"{layout!r} is not known", f"choose one of {', '.join(sorted(CORPORA))}")
    if not Path(folder).is_dir():
        raise DsolError(folder, "is not a folder", "give the folder that the videos lie in")
    return import_module(CORPORA[layout]).read(Path(folder))
