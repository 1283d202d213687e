"""Do the official lists and annotations hold what is published of them?

    DSOL_DATA=... python benchmarks/official_lists.py

The files are looked for in $DSOL_DATA/annotations. Counts of frames, videos and boxes; the way through boxes.json and
back; files written in the other box convention; the splits of MUSIC. Exits with 1 where anything differs.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from dsol.data.boxes import Boxes
from dsol.data.corpora.annotation_writers import write_boxes
from dsol.data.corpora.annotations import read_boxes
from dsol.data.corpora.lists import ids_in
from dsol.data.corpora.music import LISTS, TESTED
from dsol.errors import DsolError
from dsol.evaluation.truth import truth_of

EXPECTED = {  # file -> format, frames, videos, boxes
    "solotest.json": ("dsol", 13_472, 27, 12_356),
    "duettest.json": ("dsol", 11_512, 16, 15_035),
    "audioset_box.json": ("audioset", 4_503, 566, 7_403),
    "avgn_music_solo.json": ("avgn", None, None, None),
    "avgn_music_duet.json": ("avgn", None, None, None),
    "vggss.json": ("vggss", None, None, None),
}
SPLITS = {"solo": {"train": 217, "synthesis": 223, "test": 49}, "duet": {"train": 124, "test": 17}}
LISTED = {"solo": 536, "duet": 149}
FIRST = {"solo": (49, 0), "duet": (16, 1)}  # first videos of a category among the released tests, and elsewhere


def main() -> int:
    folder = Path(os.environ.get("DSOL_DATA", ".")) / "annotations"
    with tempfile.TemporaryDirectory() as scratch:
        agree = [annotations(folder / name, *facts, Path(scratch)) for name, facts in EXPECTED.items()]
    agree += [splits(folder, kind) for kind in SPLITS]
    return 0 if all(agree) else 1


def annotations(file: Path, format: str, frames: int | None, videos: int, boxes: int, scratch: Path) -> bool:
    """Prints and checks one annotation file."""
    there = read_boxes(file)
    found = (len(there), len({f.video for f in there}), sum(len(f.boxes) for f in there))
    expected = (frames, videos, boxes) if frames else found
    write_boxes(there, scratch / "boxes.json")
    write_boxes(read_boxes(scratch / "boxes.json"), scratch / file.name, format)
    again = Boxes(there.categories, read_boxes(scratch / file.name, format).frames)
    same = np.array_equal(truth_of(there).box_rect, truth_of(again).box_rect)
    other = refused_when_swapped(file, format, scratch)
    print(f"{file.name}: {found} frames, videos, boxes, expected {expected if frames else '-'}; "
          f"through boxes.json and back the same pixels: {same}; in the other convention refused: {other}")  # fmt: skip
    return found == expected and same and other


def refused_when_swapped(file: Path, format: str, scratch: Path) -> bool:
    """Whether the file is refused when its boxes are written in the other convention."""
    data = json.loads(file.read_text())
    for entry in data.values() if isinstance(data, dict) else data:
        swap(entry, format)
    (scratch / "swapped.json").write_text(json.dumps(data))
    try:
        read_boxes(scratch / "swapped.json", format)
    except DsolError as error:
        return "area" in error.what
    return False


def swap(entry: dict, format: str) -> None:
    """Exchange xywh and corners in an entry, where it has boxes."""
    if format == "vggss":
        entry["bbox"] = [[left, top, right - left, bottom - top] for left, top, right, bottom in entry["bbox"]]
    elif format == "avgn":
        entry |= {k: corners(v) for k, v in entry.items() if k.startswith("bbox")}
    else:
        for box in entry["bbox"]:
            box["normbox"] = corners(box["normbox"])


def corners(xywh: list[float]) -> list[float]:
    """xywh as left, top, right, bottom."""
    x, y, w, h = xywh
    return [x, y, x + w, y + h]


def splits(folder: Path, kind: str) -> bool:
    """Prints and checks the lists of one kind of MUSIC: sizes, and how far tests are the first of their category."""
    groups = json.loads((folder / f"dsol_MUSIC_{kind}_videos.json").read_text())["videos"]
    first = {one for ids in groups.values() for one in ids[: TESTED[kind]]}
    released = {split: {one for name in names for one in ids_in(folder / f"dsol_{name}")}
                for split, names in LISTS[kind].items()}  # fmt: skip
    sizes = {split: len(ids) for split, ids in released.items()}
    listed = sum(map(len, groups.values()))
    ruled = (len(released["test"] & first), sum(len(released[s] & first) for s in released if s != "test"))
    apart = sum(sizes.values()) == len(set().union(*released.values()))
    print(f"MUSIC {kind}: {listed} listed, expected {LISTED[kind]}; released {sizes}, expected {SPLITS[kind]}; "
          f"the first {TESTED[kind]} of a category in tests, elsewhere: {ruled}, expected {FIRST[kind]}; "
          f"no video in two splits: {apart}")  # fmt: skip
    return listed == LISTED[kind] and sizes == SPLITS[kind] and ruled == FIRST[kind] and apart


if __name__ == "__main__":
    sys.exit(main())
