"""What annotations of a corpus are used for: to score by, to hold videos out of training, or to name clusters by."""

from collections import defaultdict
from dataclasses import replace

from dsol.data.boxes import Boxes
from dsol.data.corpora import Corpus
from dsol.data.store.reader import ROUNDING_S
from dsol.errors import DsolError

PURPOSES = ("scoring", "holding-out", "naming")
Labels = dict[str, dict[int, str]]  # video -> second -> category


def used_for(purpose: str, corpus: Corpus, boxes: Boxes | None) -> tuple[Corpus, Boxes | None, Labels]:
    """The corpus, its annotations and the labels of its seconds as a purpose asks for them.

    Args:
        purpose: one of `PURPOSES`. "scoring": nothing changes. "holding-out": annotated videos get the split "test",
            videos without a split "train". "naming": the annotations become labels, and none is left to score by.
        corpus: the videos.
        boxes: their annotations, if there are any.

    Raises:
        DsolError: an unknown purpose, no annotations for it, or no video left to train on.
    """
    if purpose not in PURPOSES:
        raise DsolError("--boxes-for", f"{purpose!r} is not known", f"choose one of {', '.join(PURPOSES)}")
    if purpose == "scoring":
        return corpus, boxes, {}
    if not boxes:
        raise DsolError("--boxes-for", f"{purpose} needs annotations, and there are none", "give them with --boxes")
    if purpose == "naming":
        return corpus, None, labels_of(boxes)
    return _held_out(corpus, boxes), boxes, {}


def labels_of(boxes: Boxes) -> Labels:
    """The one category that sounds in all annotated frames of a second; other seconds have no label.

    Example:
        >>> from dsol.data.boxes import Box, Frame
        >>> cello = Box("cello", (0.1, 0.2, 0.5, 0.6))
        >>> labels_of(Boxes(("cello",), (Frame("a.mp4", 3.0, (cello,)), Frame("a.mp4", 4.0, ()))))
        {'a.mp4': {3: 'cello'}}
    """
    sounding_in: dict[tuple[str, int], list[frozenset[str]]] = defaultdict(list)
    for frame in boxes:
        sounding = frozenset(box.category for box in frame.boxes if box.sounding)
        sounding_in[frame.video, int(frame.time_s + ROUNDING_S)].append(sounding)
    labels: Labels = {}
    for (video, second), sets in sounding_in.items():
        if len(set(sets)) == 1 and len(sets[0]) == 1:
            labels.setdefault(video, {})[second] = next(iter(sets[0]))
    return labels


def _held_out(corpus: Corpus, boxes: Boxes) -> Corpus:
    tested = {frame.video for frame in boxes}
    splits = ["test" if video.name in tested else video.split or "train" for video in corpus.videos]
    if "train" not in splits:
        raise DsolError("--boxes-for", "holding-out leaves no video to train on", "annotate some of the videos only")
    held = (replace(video, split=split) for video, split in zip(corpus.videos, splits, strict=True))
    return replace(corpus, videos=tuple(held))
