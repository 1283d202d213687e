"""From a folder of videos without labels to a model of your own, and a page on which to name what it found.

    python examples/own_videos.py videos work            # then open work/gallery/gallery.html
    python examples/own_videos.py videos work --name     # once work/gallery/names.json is edited

Trains with the recipe `best`; give another one as a third word, `quick` for a first look.
"""

import sys
from pathlib import Path

import dsol
from dsol.naming.gallery import make_gallery
from dsol.naming.naming import read_names, rename_model


def main(videos: Path, work: Path, recipe: str = "best") -> list[str]:
    """Trains, makes the gallery, and returns the names that the clusters have so far."""
    store = dsol.prepare(videos, work / "store")
    print(f"{len(store)} seconds of {len(set(store.column('video')))} videos")
    dsol.train(work / "store", work / "run", recipe, resume=True)  # stopped, the same line goes on
    clusters = make_gallery(work / "run", work / "store", work / "gallery")
    for cluster in clusters:
        print(f"{cluster.name}: {cluster.clips} clips of {cluster.videos} videos")
    print(f"look at {work / 'gallery' / 'gallery.html'}, and edit names.json beside it")
    return [cluster.name for cluster in clusters]


def name(videos: Path, work: Path) -> None:
    """Takes the names over, and localises the first video with them."""
    rename_model(work / "run", read_names(work / "gallery" / "names.json"))
    first = sorted(path for path in videos.rglob("*") if path.suffix in (".mp4", ".mov", ".mkv", ".webm"))[0]
    found = dsol.Localizer.load(work / "run")(first)
    print(found)
    print("wrote", dsol.render(found, first, work / "found.mp4"))


if __name__ == "__main__":  # dsol.prepare starts processes
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folders = Path(sys.argv[1]), Path(sys.argv[2])
    name(*folders) if "--name" in sys.argv else main(*folders, *sys.argv[3:4])
