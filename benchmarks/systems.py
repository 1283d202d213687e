"""How do ours, the four compared systems and the floors compare, on one protocol, one backbone, one training set?

    python benchmarks/systems.py OUT [--small --only NAME … --stills]

Makes toyband in OUT, trains each system on its single-source clips (recipe `quick`) and scores it on held-out solos, on
composed scenes (two of four sound) and on bands with silent players. With DSOL_DATA the same on the five folds of
`mini.py` (recipe `best`), whose cache may be given by --mini; with --stills all train on photos, too. All systems have
the recipe's backbones and sizes. CAP, the average precision of a map's pixels, needs no threshold; how far it is ahead
of random maps says whether a system works at all. A second call goes on where the first was stopped. Figures are
percent, with 95 % intervals over videos.
"""

import argparse
import json
import os
import time
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from mini import FOLDS, Fold, edges, open_folds, predict, together, train_and_answer

from dsol.config import SYSTEMS, Config, load_recipe
from dsol.data.prepare import prepare
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.demo.toyband import make_toyband
from dsol.evaluation.evaluate import annotated_frames, evaluate
from dsol.evaluation.result import SPOKEN, Evaluation
from dsol.evaluation.score import score_files
from dsol.model.system import load_system
from dsol.progress import say
from dsol.reproduce.paper import DATA
from dsol.training.run import Run
from dsol.training.train import train, training_clips

PASSES = {"sound_of_pixels": 28, "object_that_sound": 3, "attention": 3, "dmc": 5}  # chosen on toyband of seed 1
PASSES_OVER = 792  # clips there; with fewer clips there are more passes, so that there are as many steps
BASELINES = ("whole_image", "best_centred_box", "random", "vision_only", "oracle_sound")
SHOWN = {
    "solo": ("iou@0.5", "auc"),
    "synthetic": ("ciou@0.3", "nsa", "silent_auroc"),
    "duet": ("ciou@0.3", "nsa", "silent_auroc"),
}
PIXELS = "mix-and-localize"  # CAP of solo frames: how well pixels of the box are ranked above the others
REAL = ("solo", "synthetic")
TIMED = 32  # frames


def main() -> None:
    """Train, score, print one table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for data, runs and results")
    parser.add_argument("--small", action="store_true", help="little data: shows that it runs, not how well")
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="these systems")
    parser.add_argument("--stills", action="store_true", help="real videos: train on photos with recordings, too")
    parser.add_argument("--mini", type=Path, help="cache of mini.py; OUT/mini where not given")
    args = parser.parse_args()
    stores, config = toyband(args.out / "toyband", args.small), load_recipe("quick")
    rows = {name: run_system(name, config, stores, args.out / "toyband") for name in args.only}
    if "dsol" in rows:
        rows |= {baseline: run_baseline(baseline, stores, args.out / "toyband") for baseline in BASELINES}
    print(f"\ntoyband, recipe quick\n{table(rows, stores)}", flush=True)
    if os.environ.get("DSOL_DATA"):
        data, cache = Path(os.environ["DSOL_DATA"]), args.mini or args.out / "mini"
        opened = open_folds(data, cache, args.stills, count=1 if args.small else FOLDS)
        rows = real_videos(opened, args.only, "-stills" if args.stills else "")
        what = f"music_mini{' and stills' if args.stills else ''}, {len(opened)} of {FOLDS} folds, recipe best"
        print(f"\n{what}\n{table(rows, REAL)}", flush=True)


def toyband(folder: Path, small: bool) -> dict[str, Store]:
    """The stores of each protocol; the first is trained on."""
    make_toyband(folder / "corpus", solos=44 if small else 264, duets=4 if small else 44)
    solo = prepare(folder / "corpus" / "solo", folder / "solo")
    scenes = compose(solo, folder / "scenes", scenes=8 if small else 100, split="test", boxed=True)
    return {"solo": solo, "synthetic": scenes, "duet": prepare(folder / "corpus" / "duet", folder / "duet")}


def real_videos(opened: list[Fold], systems: Iterable[str], suffix: str) -> dict[str, dict]:
    """Every system and, beside ours, the floors, on the folds of real videos; `suffix` ends the names of the runs."""
    rows = {}
    for name in systems:
        config = load_recipe("best", system=name)
        if name in PASSES:
            config = config.replace(baselines={"epochs": scaled(name, len(training_clips(opened[0].store, config)))})
        label = ("best" if name == "dsol" else f"best-{name}") + suffix
        runs, told = zip(*(train_and_answer(fold, label, config, REAL) for fold in opened), strict=True)
        times = {
            "training_s": np.mean([facts["seconds"] for facts in told]),
            "frame_ms": frame_ms(runs[0], opened[0].store),
        }
        rows[name] = together_in(runs, REAL) | times
        if name == "dsol":
            for baseline in BASELINES:
                for protocol, (fold, run) in product(REAL, zip(opened, runs, strict=True)):
                    if not (run / f"{baseline}-{protocol}.npz").is_file():
                        predict(fold, run, config, protocol, baseline)
                rows[baseline] = together_in(runs, REAL, f"{baseline}-")
    return rows


def together_in(runs: Sequence[Path], protocols: Iterable[str], baseline: str = "") -> dict:
    """The answers in these run folders scored as one set by each protocol, and solo ones by `PIXELS`, too."""
    found = {p: figures(together(runs, baseline + p)) for p in protocols}
    return found | {PIXELS: figures(together(runs, f"{baseline}solo", protocol=PIXELS))}


def scaled(name: str, clips: int) -> int:
    """Passes of a compared system that make as many steps on these clips as were chosen on toyband."""
    return max(1, round(PASSES[name] * PASSES_OVER / clips))


def run_system(name: str, config: Config, stores: dict[str, Store], folder: Path) -> dict:
    """Train and score one system, or read what was found before."""
    run, file = folder / "runs" / name, folder / "results" / f"{name}.json"
    if file.is_file():
        return json.loads(file.read_text())
    seconds = time.monotonic()
    clips = training_clips(stores["solo"], config)
    config = config.replace(system=name, baselines={"epochs": scaled(name, len(clips))} if name in PASSES else {})
    train(stores["solo"].path, run, config, resume=(run / "config.yaml").is_file())
    seconds = time.monotonic() - seconds
    found = scored(run, stores, config)
    return kept(file, {**found, "training_s": seconds, "frame_ms": frame_ms(run, stores["solo"])})


def run_baseline(baseline: str, stores: dict[str, Store], folder: Path) -> dict:
    """Score what stands in for our model, or read what was found before."""
    run, file = folder / "runs" / "dsol", folder / "results" / f"{baseline}.json"
    if file.is_file():
        return json.loads(file.read_text())
    return kept(file, scored(run, stores, Run.resume(run)[1], baseline))


def scored(run: Path, stores: dict[str, Store], config: Config, baseline: str | None = None) -> dict:
    """Figures and intervals by each protocol; all systems see pictures of the size that ours sees."""
    found, prefix = {}, f"{baseline}-" if baseline else ""
    for protocol, store in stores.items():
        say(f"{run.name}{f', {baseline}' if baseline else ''}: {protocol}")
        size = config.encoders.size if protocol == "solo" else config.picture_size
        rest = {"sources": DATA[protocol].sources, "baseline": baseline, "maps": run / f"{prefix}{protocol}.npz"}
        found[protocol] = figures(evaluate(run, store.path, protocol, match=stores["solo"].path, size=size, **rest))
    answers = run / f"{prefix}solo.npz"
    return found | {PIXELS: figures(score_files(answers, answers.with_suffix(".boxes.json"), PIXELS))}


def figures(result: Evaluation) -> dict:
    """What is kept of an evaluation."""
    return {"metrics": result.metrics, "ci95": result.ci95, "ahead": result.ahead}


def frame_ms(run: Path, store: Store) -> float:
    """Milliseconds that an answer takes a frame, reading and decoding not included."""
    system = load_system(run, sources=1)
    annotated = annotated_frames(store)
    frames = [store.frame(*place) for place in annotated.places[:TIMED]]
    waveforms = np.stack([store.waveform(row) for row, _ in annotated.places[:TIMED]])
    keys = [frame.key for frame in annotated.boxes.frames[:TIMED]]
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        system.predict(frames, waveforms, keys)
        taken.append(time.perf_counter() - start)
    return 1000 * min(taken) / len(frames)


def kept(file: Path, found: dict) -> dict:
    """Write what was found, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(found, indent=1))
    os.replace(partial, file)
    return found


def table(rows: dict[str, dict], protocols: Iterable[str]) -> str:
    """Systems and floors below each other."""
    columns = [(protocol, figure) for protocol in protocols for figure in SHOWN[protocol]]
    said = (f"{protocol} {SPOKEN[figure]}" for protocol, figure in columns)
    lines = [["", *said, "solo CAP", "ahead of random by", "training", "a frame"]]
    for name, row in rows.items():
        cells = [cell(row[protocol], figure) for protocol, figure in columns]
        cells += [cell(row[PIXELS], "cap"), edges(row[PIXELS]["ahead"]["random"]["cap"])]
        times = [f"{row['training_s']:.0f} s", f"{row['frame_ms']:.1f} ms"] if "training_s" in row else ["", ""]
        lines.append([name, *cells, *times])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def cell(found: dict, figure: str) -> str:
    """A figure with its interval."""
    value = found["metrics"].get(figure)
    return "–" if value is None else f"{100 * value:.1f} {edges(found['ci95'].get(figure))}".rstrip()


if __name__ == "__main__":
    main()
