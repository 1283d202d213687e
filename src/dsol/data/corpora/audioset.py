"""AudioSet-instrument: ten-second clips of AudioSet that are labelled with an instrument.

unbalanced_train_segments.csv                          -> split train
balanced_train_segments.csv                            -> split test: the paper's "balanced"
eval_segments.csv                                      -> split eval, not used in the paper
any tree of clips named after ids                      one clip an id, cut to its ten seconds
audioset_box.json                                      official boxes, by the second of the clip

A clip with labels of one category is a single source and has that category. Clips of several have none, and the
splits multi-train, multi-test and multi-eval. Parts: `solo` or `multi`, one kind alone with the splits train, test
and eval; with `-13` only the categories that the official boxes know.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dsol.data.corpora import Corpus
from dsol.data.corpora.annotations import AUDIOSET_IDS, read_boxes
from dsol.data.corpora.lists import Listed, corpus_of, find_list, read_rows
from dsol.errors import DsolError

PARTS = ("solo", "multi", "solo-13", "multi-13")
SEGMENTS = {"unbalanced_train_segments.csv": "train", "balanced_train_segments.csv": "test",
            "eval_segments.csv": "eval"}  # fmt: skip
LABELS = {  # category -> AudioSet's ids of it and of its kinds; the 15th, oboe, labels no segment of AudioSet
    "accordion": ("/m/0mkg",),
    "banjo": ("/m/018j2",),
    "cello": ("/m/01xqw",),
    "drum": ("/m/026t6", "/m/02hnl", "/m/06rvn", "/m/03t3fj", "/m/02k_mr", "/m/0bm02", "/m/011k_j", "/m/01p970"),
    "flute": ("/m/0l14j_",),
    "french_horn": ("/m/0319l",),
    "guitar": ("/m/0342h", "/m/02sgy", "/m/018vs", "/m/042v_gx", "/m/06w87"),
    "harmonica": ("/m/03qjg",),
    "harp": ("/m/03m5k",),
    "piano": ("/m/05r5c", "/m/01s0ps"),
    "saxophone": ("/m/06ncr",),
    "trombone": ("/m/07c6l",),
    "trumpet": ("/m/07gql",),
    "violin": ("/m/07y_7",),
}
BOXED = frozenset(AUDIOSET_IDS.values())  # 13 of them: neither trumpet nor oboe


def read(folder: Path, part: str = "") -> Corpus:
    """The instrument clips of AudioSet that are there.

    Args:
        folder: where they lie, with the segment lists in it or beside it.
        part: one of `PARTS`, or "" for single and several sources of all categories.

    Raises:
        DsolError: no list, a broken one, or none of its clips.
    """
    kind, _, few = part.partition("-")
    files = {name: file for name in SEGMENTS if (file := find_list(folder, name))}
    if not files:
        raise DsolError(folder, f"has none of {', '.join(SEGMENTS)} in it or beside it", "put those you use there")
    names = {label: name for name, ids in LABELS.items() if not few or name in BOXED for label in ids}
    listed = [entry for name, file in files.items() for entry in _listed(file, SEGMENTS[name], names)]
    boxes = find_list(folder, "audioset_box.json")
    return corpus_of(folder, _of_kind(listed, kind), read_boxes(boxes, "audioset") if boxes else None)


def _listed(file: Path, split: str, names: dict[str, str]) -> Iterator[Listed]:
    """The segments of one list that are labelled with an instrument; of several sources in the split multi-."""
    for row in read_rows(file, columns=4):
        found = sorted({names[label] for label in row[3].split(",") if label in names})
        if found:
            alone = len(found) == 1
            name = f"{'+'.join(found)}/{row[0]}"
            yield Listed(row[0], name, found[0] if alone else None, split if alone else f"multi-{split}")


def _of_kind(listed: list[Listed], kind: str) -> list[Listed]:
    if kind == "multi":
        several = [entry for entry in listed if entry.category is None]
        return [replace(entry, split=(entry.split or "").removeprefix("multi-")) for entry in several]
    return [entry for entry in listed if entry.category is not None] if kind == "solo" else listed
