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
from dsol.data.media import find_videos
from dsol.errors import DsolError

SPLITS = ("train", "val", "test")
LONE_FOLDER = "videos"


def read(folder: Path) -> Corpus:
    """List the videos of a tree, sorted by name, with the boxes.json beside or above them.

    Args:
        folder: the top of the tree.

    Raises:
        DsolError: no video in it, or a broken boxes.json.

    Example:
        >>> [video.name for video in read(Path("music_mini")).videos][:1]
        ['accordion/1oz3h9doX_g.mp4']
    """
    root, names = tree(folder)
    if not names:
        raise DsolError(folder, "has no videos in it", "give a folder that videos lie in, at any depth")
    return Corpus(tuple(entry(root, name) for name in names), _boxes(root, folder))


def tree(folder: Path) -> tuple[Path, list[str]]:
    """Where names begin, and the names of all videos below it, sorted."""
    names = sorted(Path(path).relative_to(folder).as_posix() for path in find_videos(folder))
    if names and all(name.startswith(f"{LONE_FOLDER}/") for name in names):
        return folder / LONE_FOLDER, [name.removeprefix(f"{LONE_FOLDER}/") for name in names]
    return folder, names


def entry(root: Path, name: str) -> VideoEntry:
    """What the place of a video says about it.

    Example:
        >>> entry(Path("toys"), "train/cello/b.mp4").category
        'cello'
    """
    folders = list(PurePosixPath(name).parts[:-1])
    split = folders.pop(0) if folders and folders[0] in SPLITS else None
    return VideoEntry(root / name, name, folders[0] if folders else None, split)


def _boxes(*folders: Path) -> Boxes | None:
    return next((Boxes.load(f / "boxes.json") for f in folders if (f / "boxes.json").exists()), None)
