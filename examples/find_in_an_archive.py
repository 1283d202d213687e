"""In which seconds of which films of an archive does a category sound? Answered from files, in no time.

    dsol localize archive/*.mp4 --no-video --out localized        # once
    python examples/find_in_an_archive.py localized dog
    python examples/find_in_an_archive.py localized "dog,cat" --seen       # not what sounds off screen

Prints a line a stretch: the film, from when to when, how surely; and writes found.csv with a cut list beside them.
"""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

from dsol.localize.reading import read_timeline
from dsol.localize.stretches import Stretch

Hit = tuple[str, Stretch]


def hits(folder: Path, categories: set[str], seen: bool = False) -> list[Hit]:
    """The stretches of the categories, the surest first."""
    found = []
    for file in sorted(folder.rglob("result.json")):
        timeline = read_timeline(file)
        for stretch in timeline.stretches():
            named = stretch.category.lower() in categories
            if named and stretch.sounding and (not seen or stretch.state == "seen"):
                found.append((timeline.video, stretch))
    return sorted(found, key=lambda hit: -hit[1].score)


def write_cuts(path: Path, found: Iterable[Hit]) -> None:
    """A line a stretch, as ffmpeg takes them: -ss START -t LENGTH -i VIDEO."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("video", "start_s", "length_s", "object", "state", "score"))
        for video, s in found:
            numbers = f"{s.start_s:.2f}", f"{s.end_s - s.start_s:.2f}"
            table.writerow((video, *numbers, s.name, s.state, f"{s.score:.2f}"))


def main(folder: Path, categories: str, seen: bool = False) -> list[Hit]:
    found = hits(folder, {name.strip().lower() for name in categories.split(",")}, seen)
    for video, stretch in found:
        print(f"{video}  {stretch.start_s:7.2f} to {stretch.end_s:7.2f} s  {stretch.score:4.0%}  {stretch.name}")
    write_cuts(folder / "found.csv", found)
    total = sum(stretch.end_s - stretch.start_s for _, stretch in found)
    print(f"{len(found)} stretches, {total:.0f} s in all: {folder / 'found.csv'}")
    return found


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2], "--seen" in sys.argv)
