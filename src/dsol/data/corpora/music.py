"""MUSIC: solos and duets of eleven instruments, from YouTube.

MUSIC_solo_videos.json, MUSIC_duet_videos.json   {"videos": {"cello": [id, ...], "flute violin": [id, ...]}}
cello/1Ju4S0qeDqw.mp4, 1Ju4S0qeDqw_0_1000.mp4    any tree of files named after ids
solotest.json, duettest.json                     official boxes; boxes.json in the folder itself goes before
solo_training_1.txt, solo_training_2.txt, ...    the paper's lists, if they are there

split      solos                            duets, where both are prepared together
train      half for stage one               duet-train
synthesis  half to compose scenes of
test       first five of a category         duet-test: first two

The parts `music:solo` and `music:duet` are one kind alone; duets then have the splits train and test.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from dsol.data.boxes import Boxes
from dsol.data.corpora import SYNTHESIS, Corpus
from dsol.data.corpora.annotations import read_boxes
from dsol.data.corpora.lists import FETCH, Listed, attach, corpus_of, find_list, ids_in, youtube_id
from dsol.errors import DsolError, explained
from dsol.files import read_json
from dsol.progress import say

PARTS = ("solo", "duet")
CATEGORIES = ("accordion", "acoustic_guitar", "cello", "clarinet", "erhu", "flute", "saxophone", "trumpet", "tuba",
              "violin", "xylophone")  # fmt: skip
TESTED = {"solo": 5, "duet": 2}  # first videos of a category that are tests
LISTS = {  # what the paper's lists are called: split -> files
    "solo": {"train": ("solo_training_1.txt",), SYNTHESIS: ("solo_training_2.txt",),
             "test": ("solo_validation.txt", "solo_testing.txt")},
    "duet": {"train": ("duet_pairs_train.txt",), "test": ("duet_pairs_val.txt",)},
}  # fmt: skip
BOXES = {"solo": "solotest.json", "duet": "duettest.json"}


def read(folder: Path, part: str = "") -> Corpus:
    """The videos of MUSIC that are there.

    Args:
        folder: where they lie, with the lists in it or beside it.
        part: "solo", "duet", or "" for both.

    Raises:
        DsolError: no list, a broken one, or none of its videos.

    Example:
        >>> read(Path("MUSIC"), "solo").videos[0].split                        # doctest: +SKIP
        'test'
    """
    found = {kind: find_list(folder, f"MUSIC_{kind}_videos.json") for kind in ([part] if part else PARTS)}
    lists = {kind: file for kind, file in found.items() if file}
    if not lists:
        names = " or ".join(f"MUSIC_{kind}_videos.json" for kind in found)
        raise DsolError(folder, f"has no {names} in it or beside it", "put it there; or use --layout folders")
    prefix = "duet-" if len(lists) == 2 else ""
    listed = [entry for kind, file in lists.items() for entry in _listed(folder, kind, file, prefix)]
    return corpus_of(folder, listed, _boxes(folder, lists))


def _listed(folder: Path, kind: str, file: Path, prefix: str) -> list[Listed]:
    """The list of one kind, with its splits."""
    with explained(file, "is no list of MUSIC: {!r}", FETCH, KeyError, TypeError, AttributeError):
        videos = read_json(file, FETCH)["videos"]
        groups = {str(name): [str(one) for one in ids] for name, ids in videos.items()}
    released = [(one, split) for split, names in LISTS[kind].items()
                for name in names for one in ids_in(find_list(folder, name))]  # fmt: skip
    splits: dict[str, dict[str | None, None]] = defaultdict(dict)  # one of two lists has two: see `corpus_of`
    for one, split in released or [pair for ids in groups.values() for pair in _halves(ids, kind)]:
        splits[one][split] = None
    before = prefix if kind == "duet" else ""
    return [
        Listed(one, f"{name}/{one}", name if kind == "solo" else None, split and before + split)
        for name, ids in groups.items()
        for one in ids
        for split in splits.get(one, [None])
    ]


def _halves(ids: list[str], kind: str) -> Iterable[tuple[str, str]]:
    """The paper's rule, by place in the list, whatever is missing; its halves were drawn, these alternate."""
    tested = TESTED[kind]
    for place, one in enumerate(ids):
        trained = SYNTHESIS if kind == "solo" and (place - tested) % 2 else "train"
        yield one, "test" if place < tested else trained


def _boxes(folder: Path, kinds: Iterable[str]) -> Boxes | None:
    """Annotations whose videos are ids; all eleven categories can be silent, boxed or not."""
    own = folder / "boxes.json"
    official = [file for kind in kinds if (file := find_list(folder, BOXES[kind]))]
    if own.is_file():
        if official:
            say(f"{own} is used, not {', '.join(file.name for file in official)}")
        boxes = Boxes.load(own)
        return attach(boxes, {frame.video: youtube_id(frame.video) or frame.video for frame in boxes})
    frames = tuple(frame for file in official for frame in read_boxes(file, "dsol"))
    return Boxes(CATEGORIES, frames) if frames else None
