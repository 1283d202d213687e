"""Is a silent object told as such? Labelled videos with their own sound, with silence, and with another's sound.

    DSOL_DATA=... python benchmarks/silent.py [--model general] [--most N]

One frame of each video of $DSOL_DATA/wild whose source is visible, and of $DSOL_DATA/music_mini. With its own sound
what the label says must not be told to be silent; in silence, and with the sound of a video with another label, it
should be. `told`: frames in which anything is told to be silent; `label`: frames in which it is what the label says, of
those whose label has a visual class; `right`: share of what is told that is what the label says. What else stands
silent in a picture is not labelled, so `right` is a lower bound.
"""

import argparse
import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dsol.data.clip import SAMPLE_RATE
from dsol.data.levels import is_silent
from dsol.data.media import read_seconds
from dsol.data.states import SILENT
from dsol.localize.localizer import NO_OBJECTS, _silenced, _states
from dsol.model.system import load_system
from dsol.model.vocabulary import vocabulary
from dsol.progress import track

SOUNDS = ("own", "silence", "other")


def labelled(data: Path) -> Iterator[tuple[str, Path, str, float]]:
    """(data set, video, label, second)."""
    with open(data / "wild" / "clips.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["source_visible"] == "yes":
                yield "wild", data / "wild" / "videos" / row["video"], row["label"], float(row["time_s"])
    for video in sorted((data / "music_mini" / "videos").glob("*/*.mp4")):
        yield "music_mini", video, video.parent.name.replace("_", " ").capitalize(), 2.5


def seen_and_heard(video: Path, time_s: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture at a time, and the second of sound that it is in."""
    second = next(each for each in read_seconds(video, whole_only=False) if each.index == int(time_s))
    return second.frames[min(int(4 * (time_s % 1)), len(second.frames) - 1)], second.waveform


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="general")
    parser.add_argument("--most", type=int, default=None, help="videos, for a look")
    args = parser.parse_args()
    rows = list(labelled(Path(os.environ["DSOL_DATA"])))[: args.most]
    shown = [seen_and_heard(video, time_s) for _, video, _, time_s in rows]
    system, words, rng = load_system(args.model), vocabulary(), np.random.default_rng(0)
    names = system.categories
    told: dict[tuple[str, str], list[tuple[bool, bool, bool]]] = {}
    for i, (data, _, label, _) in enumerate(track(rows, "Predicting", unit="videos")):
        others = [n for n, row in enumerate(rows) if row[2] != label]
        picture, own = shown[i]
        sounds = np.stack([own, np.zeros(SAMPLE_RATE, np.float32), shown[rng.choice(others)][1]])
        found = _silenced(system.predict([picture] * 3, sounds, SOUNDS), is_silent(sounds))
        states = _states(found, system.threshold)  # type: ignore[attr-defined]
        known = words.known(label)
        tellable = known in names and not np.isnan(found.seen[0, names.index(known)])
        tellable = tellable and words.root(known) not in NO_OBJECTS
        for sound, state in zip(SOUNDS, states, strict=True):
            silent = [names[k] for k in np.flatnonzero(state == SILENT)]
            told.setdefault((data, sound), []).append(
                (bool(silent), any(words.right(name, known or label) for name in silent), tellable)
            )
    for (data, sound), each in sorted(told.items()):
        silent, right, tellable = np.array(each).T
        shares = silent.mean(), right[tellable].mean(), right.sum() / max(silent.sum(), 1)
        figures = "  ".join(
            f"{name} {value:.2f}" for name, value in zip(("told", "label", "right"), shares, strict=True)
        )
        print(f"{data:12} {sound:8} {figures}  of {len(each)} frames, {tellable.sum()} with a visual class")


if __name__ == "__main__":
    main()
