"""Photos and recordings of the same instruments, paired: a stand-in for pictures and sounds that belong together.

photos/<split>/<category>/003.jpg     split: train, valid, test
sounds/<category>/*.ogg               any recordings; `NAME-chunk3` and `NAME_03` are pieces of one recording, NAME
masks/<split>/<category>/003.png      where the object is; optional
boxes.json                            {"boxes": {"train/cello/003.jpg": [x, y, width, height]}}, fractions

Each photo gets one second of one recording of its category, the loudest. Recordings are divided between the splits,
so that none is in two of them; photos have theirs from their folder. Both are fixed by the seed below.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from dsol.data.boxes import Box, Boxes, Frame, check_xywh
from dsol.data.clip import SAMPLE_RATE
from dsol.data.corpora import Corpus, VideoEntry
from dsol.data.media import Second, find_sounds, read_photo, read_sound
from dsol.data.store.shards import MASK
from dsol.errors import MALFORMED, DsolError, explained
from dsol.text import name_of, read_text

NOTE = "photos and recordings were paired by category, a stand-in for co-occurrence: no photo is of its sound"
SEED = 0
HELD_OUT = 0.1  # share of the recordings for val, and for test; at least one each where there are three
SPLITS = {"train": "train", "valid": "val", "val": "val", "test": "test"}  # folder -> split
PHOTOS = (".jpg", ".jpeg", ".png")
PIECE = re.compile(r"(-chunk|_)\d+$")  # end of the name of a piece of a recording
STEP = SAMPLE_RATE // 4  # samples between the seconds of which the loudest is taken


def read(folder: Path) -> Corpus:
    """The photos for which there is a recording.

    Raises:
        DsolError: no photos, none with a recording, or a broken boxes.json.
    """
    photos = sorted(p for p in (folder / "photos").glob("*/*/*") if p.suffix.lower() in PHOTOS)
    if not photos:
        raise DsolError(folder, "has no photos/<split>/<category>/ in it", "see docs/data.md for the folders")
    sounds_of = recordings(folder / "sounds")
    turns: dict[tuple[str, str], int] = defaultdict(int)
    videos, skipped = [], {}
    for photo in photos:
        name = name_of(photo.relative_to(folder / "photos").as_posix())
        category, split = name_of(photo.parent.name), SPLITS.get(photo.parents[1].name)
        sounds = sounds_of.get((category, split or ""))
        if split is None or not sounds:
            skipped[name] = f"has no recording of {category} for its split" if split else "is in no known split"
            continue
        videos.append(VideoEntry(photo, name, category, split, sounds[turns[category, split] % len(sounds)]))
        turns[category, split] += 1
    if not videos:
        raise DsolError(folder, "has no sounds/<category>/ for its photos", "see docs/data.md for the folders")
    return Corpus(tuple(videos), _boxes(folder / "boxes.json"), read_pair, skipped=skipped, note=NOTE)


def recordings(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """(category, split) -> files, in the order in which photos get them."""
    found = {}
    for place in sorted(p for p in folder.glob("*") if p.is_dir()):
        pieces: dict[str, list[Path]] = defaultdict(list)
        for file in find_sounds(place):
            pieces[PIECE.sub("", file.stem)].append(file)
        name = name_of(place.name)
        random = np.random.default_rng([SEED, *name.encode()])
        order = [sorted(pieces)[i] for i in random.permutation(len(pieces))]
        held = max(1, round(HELD_OUT * len(order))) if len(order) >= 3 else 0
        for split, chosen in (("val", order[:held]), ("test", order[held : 2 * held]), ("train", order[2 * held :])):
            files = [file for stem in chosen for file in pieces[stem]]
            found[name, split] = [files[i] for i in random.permutation(len(files))]
    return found


def _boxes(file: Path) -> Boxes | None:
    if not file.is_file():
        return None
    with explained(file, "is not photo -> box: {!r}", "see docs/data.md for the format", OSError, *MALFORMED):
        entries = {str(name): tuple(map(float, xywh)) for name, xywh in json.loads(read_text(file))["boxes"].items()}
    return Boxes.of(
        Frame(name, 0.0, (Box(PurePosixPath(name).parent.name, check_xywh(xywh, f"{file}, photo {name}")),))
        for name, xywh in entries.items()
    )


def read_pair(path: Path, size: tuple[int, int], sound: Path) -> Iterator[Second]:
    """A photo with a second of a recording. Raises DsolError where one of them is broken."""
    photo = read_photo(path, size)
    mask = (path.parents[3] / "masks" / path.relative_to(path.parents[2])).with_suffix(".png")
    extras = {}
    if mask.is_file():
        read_photo(mask)  # raises where it is broken
        extras[MASK] = mask.read_bytes()
    yield Second(0, photo[None], np.zeros(1), loudest_second(read_sound(sound)), extras)


def loudest_second(sound: np.ndarray) -> np.ndarray:
    """The second of a sound with the most energy; a shorter one is padded with silence.

    Args:
        sound: (n,) float32, 16 kHz.

    Returns:
        (16000,) float32.
    """
    padded = np.pad(sound, (0, max(0, SAMPLE_RATE - len(sound))))
    energy = np.concatenate([[0.0], np.cumsum(np.square(padded, dtype=np.float64))])
    starts = np.arange(0, len(padded) - SAMPLE_RATE + 1, STEP)
    start = starts[np.argmax(energy[starts + SAMPLE_RATE] - energy[starts])]
    return padded[start : start + SAMPLE_RATE]
