"""How well does a recipe do on real videos? The yardstick of all work on the method.

    DSOL_DATA=... python benchmarks/mini.py [--recipe quick] [--folds 5] [--seeds 1] [--stills] [--others]
                                            [--set NAME=VALUE ...] [--inference NAME=VALUE ...] [--compare]

Five folds over the videos of $DSOL_DATA/music_mini: trains on four fifths without labels, answers the rest, and scores
the answers of all folds together: `solo` on the boxes of the videos, `synthetic` on scenes composed of held-out ones.
--stills adds the photos and recordings of $DSOL_DATA/stills to the training (paired by category: a stand-in for
co-occurrence); --others mixes recordings of what is in no video into the mixtures; --inference trains nothing anew, but
lets the same models predict with other options of inference; --compare sets both beside the recipe as it is,
trained on the same. Everything is kept in --cache and goes on where it was stopped. One table: mean over the seeds, its
95 % interval over videos, those that scenes are made of (the mean of the seeds' edges), ± half of the seeds' range,
floors, and with --compare the interval of the difference, over the same videos. The folds, the pairs and the scenes
depend on --fold-seed alone.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from dsol.config import Config, load_recipe
from dsol.data.boxes import Boxes
from dsol.data.corpora import CORPORA, Corpus, VideoEntry, folders, stills
from dsol.data.media import find_sounds, read_seconds
from dsol.data.prepare import prepare
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.evaluation.evaluate import evaluate
from dsol.evaluation.result import SPOKEN, Evaluation
from dsol.evaluation.score import score
from dsol.model.dsol_system import DsolSystem
from dsol.model.file import find_model, load_card
from dsol.model.maps import Maps, read_maps
from dsol.model.system import load_system
from dsol.naming.naming import name_model
from dsol.reproduce.paper import DATA
from dsol.training.train import train

FOLDS, SCENES = 5, 300  # scenes over all folds
SHOWN = {  # file of the answers -> figures
    "solo": ("iou@0.5", "auc", "nmi"),
    "synthetic": ("ciou@0.3", "auc", "nsa", "silent_auroc"),
    "shrunk": ("ciou@0.3", "auc", "silent_auroc"),  # the same scenes, their pictures as small as those of solos
}
STILLS = "stills/"


def read(folder: Path) -> Corpus:
    """The layout `mini`: the videos and, below `stills/`, the photos that have a recording and a place for training."""
    videos = folders.read(folder / "music_mini")
    photos = stills.read(folder / "stills")
    pairs = [replace(v, name=STILLS + v.name) for v in photos.videos if v.split == "train"]
    known = [v for v in pairs if v.category in {video.category for video in videos.videos}]
    return Corpus((*videos.videos, *known), videos.boxes, read_either, note=photos.note)


def read_either(path: Path, size: tuple[int, int], sound: Path | None = None):
    """A video's seconds, or the one of a photo with its recording."""
    return read_seconds(path, size=size) if sound is None else stills.read_pair(path, size, sound)


def folds(videos: list[VideoEntry], seed: int) -> dict[str, int]:
    """The fold of each video: those of a category are spread over the folds."""
    rng, found, place = np.random.default_rng(seed), {}, 0
    for category in sorted({v.category or "" for v in videos}):
        members = sorted(v.name for v in videos if v.category == category)
        for i in rng.permutation(len(members)):
            found[members[i]] = place % FOLDS
            place += 1
    return found


def other_sounds(data: Path, folder: Path) -> Path:
    """Links to the recordings of other instruments, animals and things: none that the videos' folders name."""
    known = [word for place in (data / "music_mini" / "videos").iterdir() for word in place.name.split("_")]
    folder.mkdir(parents=True, exist_ok=True)
    for file in (*find_sounds(data / "stills" / "sounds"), *find_sounds(data / "cutouts")):
        name = "-".join(file.relative_to(data).parts)
        if not any(word in name for word in known) and not (folder / name).exists():
            (folder / name).symlink_to(file.resolve())
    return folder


def fold_store(whole: Store, fold: int, of: dict[str, int], target: Path) -> Store:
    """The same clips with the splits of a fold: the index is written again, the shards are linked."""
    if not (target / "store.json").is_file():
        import pyarrow as pa
        import pyarrow.parquet as pq

        target.mkdir(parents=True, exist_ok=True)
        table = pq.read_table(whole.path / "index.parquet")
        splits = ["test" if of.get(video) == fold else "train" for video in table["video"].to_pylist()]
        column = table.column_names.index("split")
        pq.write_table(table.set_column(column, "split", pa.array(splits)), target / "index.parquet")
        for file in whole.path.iterdir():
            if file.name != "index.parquet" and not (target / file.name).exists():
                (target / file.name).symlink_to(file.resolve())
    return Store.open(target)


@dataclass(frozen=True)
class Fold:
    """One fold: its folder, the clips with its splits, and scenes of held-out videos."""

    folder: Path
    store: Store
    scenes: Store


def open_folds(data: Path, cache: Path, stills: bool = False, seed: int = 0, count: int = FOLDS) -> list[Fold]:
    """The first folds of the real videos, made where they are not there yet; with `stills` there are photos, too."""
    CORPORA["mini"] = "mini"  # this file
    if stills:
        whole = prepare(data, cache / "store_with_stills", layout="mini")
    else:
        whole = prepare(data / "music_mini", cache / "store")
    of, found = folds(list(folders.read(data / "music_mini").videos), seed), []
    for fold in range(count):
        where = cache / f"{whole.path.name}-folds-{seed}" / str(fold)
        store = fold_store(whole, fold, of, where / "store")
        scenes = compose(store, where / "scenes", SCENES // FOLDS, seed=seed, split="test", boxed=True)
        found.append(Fold(where, store, scenes))
    return found


def train_and_answer(fold: Fold, label: str, config: Config, shown: Iterable[str] = SHOWN) -> tuple[Path, dict]:
    """Train one fold and name its clusters; its answers are in run/solo.npz and so on. The run, and NMI and seconds."""
    run = fold.folder / "runs" / label / str(config.seed)
    run.parent.mkdir(parents=True, exist_ok=True)
    done = run / "mini.json"
    facts = json.loads(done.read_text()) if done.is_file() else {}
    if not facts:
        start = time.monotonic()
        if not (run / "model.safetensors").is_file():
            train(fold.store.path, run, config, resume=(run / "config.yaml").is_file())
        if (card := load_card(find_model(run))).categories and not card.named:
            name_model(run, fold.store.path)
        facts["seconds"] = time.monotonic() - start
        done.write_text(json.dumps(facts))
    for answers in shown:
        if not (run / f"{answers}.npz").is_file() or (answers == "solo" and "nmi" not in facts):
            result = predict(fold, run, config, answers)
            facts |= {"nmi": result.metrics["nmi"]} if answers == "solo" else {}
            done.write_text(json.dumps(facts))
    return run, facts


def predict(fold: Fold, run: Path, config: Config, answers: str, baseline: str | None = None) -> Evaluation:
    """Answer one fold's annotated frames: into run/ANSWERS.npz, or run/FLOOR-ANSWERS.npz of what stands in for it."""
    solo, side = answers == "solo", config.encoders.size
    size = {"solo": side, "shrunk": side, "synthetic": config.picture_size}[answers]
    store, protocol = (fold.store, "solo") if solo else (fold.scenes, "synthetic")
    file = run / f"{f'{baseline}-' if baseline else ''}{answers}.npz"
    sources = DATA[protocol].sources
    return evaluate(run, store.path, protocol, size=size, maps=file, sources=sources, baseline=baseline)


def answered_otherwise(fold: Fold, label: str, config: Config, texts: list[str]) -> Path:
    """The model of a run answers again with other options, in a folder of its own."""
    trained = fold.folder / "runs" / label / str(config.seed)
    other = "-".join([label, "inference", *texts])
    run = fold.folder / "runs" / other / str(config.seed)
    if not (run / "model.safetensors").is_file():
        run.mkdir(parents=True, exist_ok=True)
        system = load_system(trained, inference=nested(texts))
        assert isinstance(system, DsolSystem), "only ours has options of inference"
        system.save(run / "model.safetensors")
    return train_and_answer(fold, other, config.replace(inference=nested(texts)))[0]


def nested(texts: list[str]) -> dict:
    """Options as a recipe has them.

    Example:
        >>> nested(["stage_one.epochs=2", "seed=1"])
        {'stage_one': {'epochs': 2}, 'seed': 1}
    """
    options: dict = {}
    for text in texts:
        name, _, value = text.partition("=")
        *sections, last = name.split(".")
        place = options
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = yaml.safe_load(value)
    return options


def joined(parts: list[Boxes]) -> Boxes:
    """The annotations of all folds; scenes of different folds have the same names, so each gets its fold's number."""
    frames = [
        replace(frame, video=f"{i}/{frame.video}", key=f"{i}/{frame.key}")
        for i, part in enumerate(parts)
        for frame in part
    ]
    return Boxes(parts[0].categories, tuple(frames))


def together(runs: Sequence[Path], answers: str, other: Sequence[Path] = (), protocol: str = "") -> Evaluation:
    """The answers of all folds, of one file each, scored as one set, by a protocol or that of their name; `ahead` of
    "swapped_sound" is ahead of `other`."""
    boxes = joined([scored_boxes(run, answers) for run in runs])
    protocol = protocol or ("solo" if answers.endswith("solo") else "synthetic")
    return score(all_maps(runs, answers), boxes, protocol, swapped=all_maps(other, answers) if other else None)


def scored_boxes(run: Path, answers: str) -> Boxes:
    """What a run's answers are scored against. Scenes get their source videos, which older answers lack."""
    boxes = Boxes.load(run / f"{answers}.boxes.json")
    if answers.endswith("solo"):
        return boxes
    sources = {frame.key: frame.sources for frame in Store.open(run.parents[2] / "scenes").boxes}
    return replace(boxes, frames=tuple(replace(frame, sources=sources[frame.key]) for frame in boxes))


def all_maps(runs: Sequence[Path], answers: str) -> Iterator[Maps]:
    """The maps of all folds, with the keys of `joined`."""
    for i, run in enumerate(runs):
        for maps in read_maps(run / f"{answers}.npz"):
            yield replace(maps, keys=tuple(f"{i}/{key}" for key in maps.keys))


def line(name: str, values: list[float], interval: list[float] | None, beside: str) -> str:
    mean, spread = 100 * np.mean(values), 100 * (max(values) - min(values))
    seeds = f"±{spread / 2:.1f}  " if len(values) > 1 else ""
    return f"  {name:<14} {mean:5.1f} {edges(interval):<14} {seeds}{beside}"


def edges(interval: list[float] | None) -> str:
    """An interval, percent; nothing where there is none."""
    return f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""


def mean_edges(intervals: list[list[float] | None]) -> list[float] | None:
    """The mean of the seeds' intervals."""
    known = [interval for interval in intervals if interval]
    return np.mean(known, axis=0).tolist() if known else None


def said(found: list[Evaluation], name: str, compared: bool) -> str:
    """One figure of all seeds, with what is beside it."""
    blind = {k: figures[name] for k, figures in found[0].floors.items() if figures and k != "swapped_sound"}
    beside = "  ".join(f"{SPOKEN[k]} {100 * v:.1f}" for k, v in blind.items() if v is not None)
    if compared:
        differences = mean_edges([f.ahead["swapped_sound"][name] for f in found])
        by = np.mean([f.metrics[name] - f.floors["swapped_sound"][name] for f in found])
        beside = f"{100 * by:+.1f} {edges(differences)} on the recipe as it is  {beside}"
    return line(SPOKEN[name], [f.metrics[name] for f in found], mean_edges([f.ci95[name] for f in found]), beside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="quick", help="a name or a YAML file")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options: stage_one.epochs=2")
    parser.add_argument("--inference", nargs="*", default=[], metavar="NAME=VALUE", help="for example flip=false")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds to run")
    parser.add_argument("--seeds", type=int, default=1, help="trainings a fold")
    parser.add_argument("--fold-seed", type=int, default=0, help="of folds and scenes")
    parser.add_argument("--stills", action="store_true", help="train on photos with recordings, too")
    parser.add_argument("--others", action="store_true", help="mix in sounds of other things, too")
    parser.add_argument("--compare", action="store_true", help="with the recipe without --set and --inference, too")
    parser.add_argument("--cache", type=Path, default=Path("mini"), help="folder for all that it makes")
    args = parser.parse_args()
    if "DSOL_DATA" not in os.environ:
        sys.exit("set DSOL_DATA to the folder that holds music_mini and stills")
    data, cache = Path(os.environ["DSOL_DATA"]), args.cache
    options = nested(args.set)
    as_it_is: dict = {}
    if args.others:
        as_it_is = {"mixtures": {"distractors": str(other_sounds(data, cache / "other_sounds"))}}
        options["mixtures"] = as_it_is["mixtures"] | options.get("mixtures", {})
    extras = [name for name in ("stills", "others") if getattr(args, name)]
    plain_label = "-".join([Path(args.recipe).stem, *extras])
    label = "-".join([Path(args.recipe).stem, *args.set, *extras])
    evaluations: dict[str, list[Evaluation]] = {name: [] for name in SHOWN}
    facts = []
    opened = open_folds(data, cache, args.stills, args.fold_seed, args.folds)
    for seed in range(args.seeds):
        config, plain = (load_recipe(args.recipe, seed=seed, **chosen) for chosen in (options, as_it_is))
        other = [train_and_answer(fold, plain_label, plain)[0] for fold in opened] if args.compare else ()
        runs, told = zip(*(train_and_answer(fold, label, config) for fold in opened), strict=True)
        facts += told
        if args.inference:
            runs = [answered_otherwise(fold, label, config, args.inference) for fold in opened]
        for name, found in evaluations.items():
            found.append(together(runs, name, other))
    print(f"{' '.join([label, *args.inference])}: {args.folds} of {FOLDS} folds, {args.seeds} seeds; "
          f"training took {np.mean([f['seconds'] for f in facts]):.0f} s a fold")  # fmt: skip
    for answers, found in evaluations.items():
        print(f"{answers}: {found[0].frames} frames of {found[0].videos} videos")
        for name in SHOWN[answers]:
            if name == "nmi":
                print(line("NMI", [f["nmi"] for f in facts], None, ""))
            else:
                print(said(found, name, args.compare))


if __name__ == "__main__":
    main()
