"""Does a model stay dark when nothing that it knows sounds?

    DSOL_DATA=... python benchmarks/unknown.py MODEL STORE [MODEL STORE ...]

Shows the annotated frames of a store, or those of several folds together, with their own sound and with sounds that
nothing in them makes: silence, noise, the sound of another category's clip, and sounds outside the vocabulary
($DSOL_DATA/videos: drums, engines, dogs, babies and tools; those with a known instrument are left out). A frame's
score is that of its most certain category. For each kind of sound: how well the score tells the frame's own sound from
it (AUROC, 95 % interval over the videos whose pictures are shown) and the share of frames in which anything passes the
threshold of their model. Last, the threshold that would tell the frames' own sounds from those outside the vocabulary
best (balanced accuracy), and what passes it.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mini import joined
from sklearn.metrics import roc_auc_score, roc_curve

from dsol.data.boxes import Boxes
from dsol.data.clip import SAMPLE_RATE
from dsol.data.levels import is_silent, noise
from dsol.data.media import find_videos, read_seconds
from dsol.data.store import Store
from dsol.evaluation.bootstrap import draws_of, draws_of_groups, interval, ranking_of
from dsol.evaluation.evaluate import annotated_frames, swapped
from dsol.evaluation.truth import Truth, truth_of
from dsol.model.system import load_system
from dsol.progress import say

KNOWN = ("guitar", "pipa")  # in the names of videos that hold an instrument of the vocabulary, or one like it
OWN, OUTSIDE = "its own", "outside the vocabulary"
DRAWS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folds", nargs="+", type=Path, metavar="MODEL_AND_STORE",
                        help="model or run folder, and a store with boxes (of its split test, if any)")  # fmt: skip
    parser.add_argument("--size", type=int, default=None, help="side of the picture shown to the model, pixels")
    args = parser.parse_args()
    if len(args.folds) % 2:
        parser.error("give each model its store")
    if "DSOL_DATA" not in os.environ:
        sys.exit("set DSOL_DATA to the folder that holds videos")
    strange = unknown_sounds(Path(os.environ["DSOL_DATA"]) / "videos")
    pairs = zip(args.folds[::2], args.folds[1::2], strict=True)
    parts = [ask(model, store, strange, args.size) for model, store in pairs]
    truth = truth_of(joined([part.boxes for part in parts]))
    certain = {kind: np.concatenate([part.certain[kind] for part in parts]) for kind in parts[0].certain}
    passing = {kind: 100 * np.mean(np.concatenate([part.certain[kind] >= part.threshold for part in parts]))
               for kind in certain}  # fmt: skip
    own = certain.pop(OWN)
    thresholds = ", ".join(f"{part.threshold:.3f}" for part in parts)
    print(f"{len(own)} frames of {truth.videos} videos, threshold {thresholds}; its own sound: "
          f"something passes in {passing[OWN]:.1f} %")  # fmt: skip
    for kind, other in certain.items():
        low, high = interval_of(own, other, truth)
        print(f"{kind:<24} AUROC {100 * auroc(own, other):5.1f} [{100 * low:.1f}, {100 * high:.1f}]   "
              f"something passes in {passing[kind]:5.1f} %")  # fmt: skip
    unknown_passes, own_passes, thresholds = roc_curve(*labelled(own, certain[OUTSIDE]))
    best = int(np.argmax(own_passes - unknown_passes))
    print(f"best threshold {thresholds[best]:.3f}: its own sound passes in {100 * own_passes[best]:.1f} %, "
          f"outside the vocabulary in {100 * unknown_passes[best]:.1f} %")  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What one model says to the frames of one store."""

    threshold: float
    boxes: Boxes
    """The frames."""
    certain: dict[str, np.ndarray]
    """Kind of sound -> score (N,) of each frame's most certain category."""


def ask(model: Path, store: Path, strange: np.ndarray, size: int | None) -> Asked:
    """Show each annotated frame of a store with each kind of sound."""
    clips, system = Store.open(store), load_system(model, size, sources=1)
    annotated = annotated_frames(clips)
    places = annotated.places
    rng = np.random.default_rng(0)
    sounds = {
        OWN: np.stack([clips.waveform(row) for row, _ in places]),
        "silence": np.zeros((len(places), SAMPLE_RATE), np.float32),
        "noise": np.stack([noise(rng) for _ in places]),
        "another category": np.stack([clips.waveform(row) for row, _ in annotated.take(swapped(annotated)).places]),
        OUTSIDE: strange[rng.integers(0, len(strange), len(places))],
    }
    frames = [clips.frame(*place) for place in places]
    certain = {kind: certainty(system, frames, waveforms) for kind, waveforms in sounds.items()}
    return Asked(system.threshold, annotated.boxes, certain)  # type: ignore[attr-defined]


def unknown_sounds(folder: Path) -> np.ndarray:
    """(N, 16000) the seconds of the videos without a known instrument that are not silent."""
    found = []
    for path in find_videos(folder):
        if not any(word in path.name for word in KNOWN):
            found += [second.waveform for second in read_seconds(path, size=(8, 8))]
    sounds = np.stack(found)
    say(f"{len(sounds)} seconds of sound outside the vocabulary")
    return sounds[~is_silent(sounds)]


def certainty(system, frames: list[np.ndarray], waveforms: np.ndarray) -> np.ndarray:
    """The score (N,) of each frame's most certain category; 0 in silence, as `dsol localize` has it."""
    found, heard = np.zeros(len(frames)), np.flatnonzero(~is_silent(waveforms))
    for start in range(0, len(heard), 16):
        part = heard[start : start + 16]
        shown = [frames[i] for i in part]
        found[part] = system.predict(shown, waveforms[part], [""] * len(part)).score.max(1)
    return found


def auroc(own: np.ndarray, other: np.ndarray) -> float:
    return float(roc_auc_score(*labelled(own, other)))


def labelled(own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 for own and 0 for other, and the scores."""
    return np.repeat([1, 0], [len(own), len(other)]), np.concatenate([own, other])


def interval_of(own: np.ndarray, other: np.ndarray, truth: Truth) -> list[float]:
    """95 % over draws of the videos that the frames are of, or are composed of."""
    scores, label = np.concatenate([own, other]), np.repeat([True, False], [len(own), len(other)])
    ranking = ranking_of(scores, label, np.tile(truth.group, 2), truth.groups)
    return interval(ranking, draws_of_groups(draws_of(truth.videos, DRAWS, 0), truth.members)) or [np.nan, np.nan]


if __name__ == "__main__":
    main()
