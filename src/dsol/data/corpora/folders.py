"""Any tree of videos.

party.mp4                       no category
cello/a.mp4                     category cello
train/cello/b.mp4               category cello, split train
videos/cello/c.mp4              category cello: a lone folder "videos" is not part of the name
boxes.json                      annotations, where there are any
"""

from pathlib import Path, PurePosixPath

from dsol.data.boxes import Boxes
from dsol.data.corpora import Corpus, VideoEntry
from dsol.data.media import find_videos, unread_videos
from dsol.errors import DsolError
from dsol.text import name_of

SPLITS = ("train", "val", "test")
LONE_FOLDER = "videos"


def read(folder: Path) -> Corpus:
    """List the videos of a tree, sorted by name, with the boxes.json beside or above them.

    Args:
        folder: the top of the tree.

    Raises:
        DsolError: no video in it, or a broken boxes.json.

    Example:
        >>> [video.name for video in read(Path("videos")).videos]
        ['disc.mp4']
    """
    root, files = tree(folder)
    unread = unread_names(root)
    if not files:
        also = "".join(f"; {name} {why}" for name, why in list(unread.items())[:1])
        raise DsolError(folder, f"has no videos in it{also}", "give a folder that videos lie in, at any depth")
    return Corpus(tuple(entry(root, name, path) for name, path in files.items()), _boxes(root, folder), skipped=unread)


def tree(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Where names begin, and name -> path of all videos below it, sorted by name."""
    paths = find_videos(folder)
    lone = folder / LONE_FOLDER
    root = lone if paths and all(path.is_relative_to(lone) for path in paths) else folder
    names = {path: path.relative_to(root).as_posix() for path in paths}
    files: dict[str, Path] = {}
    for path, name in sorted(names.items(), key=lambda each: each[1] != name_of(each[1])):
        # A disk may tell names of different Unicode forms apart; the plain one keeps its name then.
        files[name if name_of(name) in files else name_of(name)] = path
    return root, dict(sorted(files.items()))


def unread_names(root: Path) -> dict[str, str]:
    """Name -> why it is not read, of files below a folder that look like videos; see `unread_videos`."""
    return {name_of(path.relative_to(root).as_posix()): why for path, why in unread_videos(root).items()}


def entry(root: Path, name: str, path: Path | None = None) -> VideoEntry:
    """What the name of a video says about it; its file is `path`, or lies under that name below `root`.

    Example:
        >>> entry(Path("toys"), "train/cello/b.mp4").category
        'cello'
    """
    folders = list(PurePosixPath(name).parts[:-1])
    split = folders.pop(0) if folders and folders[0] in SPLITS else None
    return VideoEntry(path or root / name, name, folders[0] if folders else None, split)


def _boxes(*folders: Path) -> Boxes | None:
    return next((Boxes.load(f / "boxes.json") for f in folders if (f / "boxes.json").exists()), None)
