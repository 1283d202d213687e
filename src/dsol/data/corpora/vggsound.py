"""VGGSound: ten-second clips of 309 kinds of sound; VGG-SS: boxes for some of its test clips.

vggsound.csv           id, start in seconds, label, split: no head line
any tree of clips      ID_000030.mp4, ID_30000_40000.mp4, ID_30_40.mp4, or ID.mp4
vggss.json             official boxes, of the middle of a clip

The part `vggsound:instruments` are the 36 instruments of the paper's follow-up (IEEE TPAMI 2021). Its lists
trainsolo.txt, trainsyn.txt and eval.txt, if they are there, choose the clips and give the splits train, synthesis and
test: VGGSound-Synthetic is composed of the last two. Without them the clips for training are halved in turn.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

from dsol.data.boxes import Boxes
from dsol.data.corpora import SYNTHESIS, Corpus
from dsol.data.corpora.annotations import read_boxes
from dsol.data.corpora.lists import Listed, corpus_of, find_list, ids_in, read_rows, required_list
from dsol.errors import MALFORMED, DsolError

PARTS = ("instruments",)
INSTRUMENTS = frozenset(
    f"playing {name}"
    for name in (
        "accordion", "acoustic guitar", "banjo", "bass drum", "bass guitar", "bongo", "cello", "clarinet", "congas",
        "cornet", "cymbal", "djembe", "double bass", "drum kit", "electric guitar", "electronic organ", "flute",
        "glockenspiel", "guiro", "hammond organ", "harp", "harpsichord", "mandolin", "marimba, xylophone", "piano",
        "saxophone", "sitar", "snare drum", "steel guitar, slide guitar", "tabla", "timbales", "trumpet", "ukulele",
        "vibraphone", "violin, fiddle", "zither",
    )
)  # fmt: skip  # as VGGSound's labels name them
FOLLOW_UP = {"trainsolo.txt": "train", "trainsyn.txt": SYNTHESIS, "eval.txt": "test"}


def read(folder: Path, part: str = "") -> Corpus:
    """The clips of VGGSound that are there; a category is a label of VGGSound as it stands.

    Args:
        folder: where they lie, with vggsound.csv in it or beside it.
        part: "instruments", or "" for all.

    Raises:
        DsolError: no list, a broken one, or none of its clips.
    """
    file = required_list(folder, "vggsound.csv")
    listed = [_entry(file, *row[:4]) for row in read_rows(file, columns=4)]
    file = find_list(folder, "vggss.json")
    boxes = read_boxes(file, "vggss") if file else None
    if part:
        listed = _instruments(folder, listed)
        boxes = boxes and Boxes(tuple(name for name in boxes.categories if name in INSTRUMENTS), boxes.frames)
    return corpus_of(folder, listed, boxes, by_clip=True)


def _entry(file: Path, one: str, start: str, label: str, split: str) -> Listed:
    try:
        key = f"{one}_{int(float(start)):06d}"
    except MALFORMED:
        raise DsolError(file, f"clip {one} starts at {start!r}, which is no number", "fetch it again") from None
    return Listed(key, f"{label}/{key}", label, split)


def _instruments(folder: Path, listed: list[Listed]) -> list[Listed]:
    played = [entry for entry in listed if entry.category in INSTRUMENTS]
    chosen: dict[str, dict[str, None]] = defaultdict(dict)  # one of two lists has two splits: see `corpus_of`
    for name, split in FOLLOW_UP.items():
        for one in ids_in(find_list(folder, name)):
            chosen[one][split] = None
    if chosen:
        return [replace(entry, split=split) for entry in played for split in chosen.get(entry.key[:11], ())]
    count: Counter[str | None] = Counter()
    halved = []
    for entry in played:
        second = entry.split == "train" and count[entry.category] % 2 == 1
        count[entry.category] += entry.split == "train"
        halved.append(replace(entry, split=SYNTHESIS) if second else entry)
    return halved
