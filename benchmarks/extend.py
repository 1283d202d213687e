"""Do categories that are added to `general` find what it does not know, and does it keep what it knows?

    python benchmarks/extend.py OUT [--solos 132] [--clusters 16]

Makes toyband in OUT: eleven drawn instruments, most of which no public classifier takes for what they are. Adds
categories to `general` from the training videos (`dsol train --start general`), without labels; names the new ones by
the labels of the training videos; and prints the share of clips of the test videos whose surest category is right,
before and after. With DSOL_DATA the same for the labelled seconds of $DSOL_DATA/wild, whose names should stay.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from dsol.config import load_recipe
from dsol.data.prepare import prepare
from dsol.data.store import Store
from dsol.demo.toyband import make_toyband
from dsol.evaluation.bootstrap import difference_of, draws_of, interval, mean_of
from dsol.evaluation.wild import BATCH, read_labels
from dsol.model.general_network import SIZE
from dsol.model.maps import join_names
from dsol.model.system import System, load_system
from dsol.model.vocabulary import vocabulary
from dsol.naming.naming import name_model
from dsol.training.train import train


def right(system: System, frames: list[np.ndarray], sounds: list[np.ndarray], labels: list[str]) -> np.ndarray:
    """Whether the surest category of each of N pictures with its sound is its label, (N,) bool."""
    found, words = [], vocabulary()
    for start in range(0, len(frames), BATCH):
        part = slice(start, start + BATCH)
        maps = join_names(system.predict(frames[part], np.stack(sounds[part]), [""] * len(frames[part])))
        assert maps.score is not None, "both are class-aware"
        names = [maps.categories[k] for k in maps.score.argmax(1)]
        pairs = zip(map(spoken, names), map(spoken, labels[part]), strict=True)
        found += [name == label or words.right(name, label) for name, label in pairs]
    return np.array(found)


def spoken(name: str) -> str:
    """A name of a folder as the vocabulary writes it: "Acoustic guitar"."""
    return name.replace("_", " ").capitalize()


def line(what: str, before: np.ndarray, after: np.ndarray, videos: list[str]) -> str:
    """Both shares and the interval of their difference, percent, over videos."""
    names, of = np.unique(videos, return_inverse=True)
    mean = [mean_of(found.astype(float), of, len(names)) for found in (before, after)]
    edges = interval(difference_of(mean[1], mean[0]), draws_of(len(names), 1000, 0))
    told = f"{100 * edges[0]:+.1f}, {100 * edges[1]:+.1f}" if edges else "–"
    shares = f"general {100 * before.mean():.1f}, with new categories {100 * after.mean():.1f} (difference [{told}])"
    return f"{what}, {len(before)} clips of {len(names)} videos: {shares}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for videos, store and run")
    parser.add_argument("--solos", type=int, default=132)
    parser.add_argument("--clusters", type=int, default=16)
    args = parser.parse_args()
    if not (args.out / "band").is_dir():
        make_toyband(args.out / "band", solos=args.solos, duets=11, seed=0)
    store = prepare(args.out / "band" / "solo", args.out / "store", size=SIZE)
    config = load_recipe("best", clustering={"clusters": args.clusters})
    run = args.out / "run"
    if not (run / "model.safetensors").is_file():
        train(store.path, run, config, start="general", resume=True)
        print("names:", ", ".join(name_model(run, store.path)[-args.clusters :]))
    systems = [load_system(model) for model in ("general", run)]
    tested = store.testing()
    solos = tested.take([i for i, category in enumerate(tested.column("category")) if category])
    shown(solos, "drawn instruments", systems)
    if data := os.environ.get("DSOL_DATA"):
        everyday(Path(data) / "wild", args.out / "wild", systems)


def shown(clips: Store, what: str, systems: list[System]) -> None:
    """Print the line of single-source clips."""
    rows = range(len(clips))
    frames, sounds = clips.middle_frames(rows), [clips.waveform(i) for i in rows]
    found = [right(system, frames, sounds, list(clips.column("category"))) for system in systems]
    print(line(what, *found, list(clips.column("video"))))


def everyday(folder: Path, kept: Path, systems: list[System]) -> None:
    """Print the line of everyday videos."""
    clips = prepare(folder, kept, size=SIZE)
    labelled = read_labels(folder / "clips.csv", clips)
    frames = [clips.frame(*place) for place in labelled.places]
    sounds = [clips.waveform(row) for row, _ in labelled.places]
    found = [right(system, frames, sounds, list(labelled.label)) for system in systems]
    print(line("wild", *found, list(labelled.video)))


if __name__ == "__main__":
    main()
