"""How well is any everyday video understood? The yardstick of `general`, and of every model beside it.

    DSOL_DATA=... python benchmarks/wild.py [MODEL ...] [--general CACHE] [--cache DIR] [--json DIR]

Prepares $DSOL_DATA/wild and scores models by the protocol `wild` (docs/evaluation.md). With --general, the model that
`benchmarks/general.py` builds from what it keeps in CACHE, in five folds: its network of people sees frames of `wild`
(never a label of them), so each video is answered by a network that saw none of its frames; the rest of the model saw
none at all. Where nothing is asked for, `general` and `small` as they are shipped.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from general import FOLDS, build, fold_of

from dsol.config import SHIPPED
from dsol.data.prepare import prepare
from dsol.data.store import Store
from dsol.evaluation.evaluate import annotated_frames
from dsol.evaluation.result import Evaluation
from dsol.evaluation.wild import evaluate_system, read_labels
from dsol.model.file import load_card
from dsol.model.general import GeneralSystem
from dsol.model.general_network import SIZE
from dsol.model.maps import Maps
from dsol.model.system import System, load_system

SHOWN = ("iou@0.5", "auc", "name@1", "name@3", "in_vocabulary", "mismatch_auroc", "off_screen_auroc")


class Folded:
    """Five systems as one: each frame is answered by the one that saw none of its video.

    Args:
        systems: one a fold.
        fold: the fold of each frame, by its pixels.
    """

    def __init__(self, systems: Sequence[GeneralSystem], fold: dict[int, int]):
        self.systems, self.fold, self.categories = systems, fold, systems[0].categories

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        of = np.array([self.fold.get(hash(frame.tobytes()), 0) for frame in frames])
        parts = {f: self._part(f, np.flatnonzero(of == f), frames, waveforms) for f in np.unique(of)}
        order = np.argsort(np.concatenate([np.flatnonzero(of == f) for f in parts]))
        joined = {name: np.concatenate([getattr(part, name) for part in parts.values()])[order]
                  for name in ("area", "maps", "score", "heard", "seen")}  # fmt: skip
        return Maps(keys=tuple(keys), categories=self.categories, **joined)

    def _part(self, fold: int, rows: np.ndarray, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> Maps:
        return self.systems[fold].predict([frames[i] for i in rows], waveforms[rows], [""] * len(rows))


def folded(data: Path, cache: Path, clips: Store, labels: Path) -> Folded:
    """The model in five folds."""
    card = load_card(SHIPPED / "general.safetensors")
    systems = [GeneralSystem(build(data, cache, None, without=fold), card) for fold in range(FOLDS)]
    annotated = annotated_frames(clips)
    labelled = read_labels(labels, clips)
    videos = [*(frame.video for frame in annotated.boxes), *labelled.video]
    shown = zip(videos, [*annotated.places, *labelled.places], strict=True)
    return Folded(systems, {hash(clips.frame(*place).tobytes()): fold_of(video) for video, place in shown})


def line(name: str, found: Evaluation) -> str:
    """One model's figures, percent, with their intervals."""
    cells = []
    for metric in SHOWN:
        edges = found.ci95.get(metric)
        width = f" [{100 * edges[0]:.0f}, {100 * edges[1]:.0f}]" if edges else ""
        figure = found.metrics[metric]
        cells.append(f"{'–' if figure is None else f'{100 * figure:.1f}'}{width}".rjust(18))
    return name.ljust(14) + "".join(cells)


def beside(found: Evaluation) -> list[str]:
    """What blind answers score, and how far ahead of them the model is."""
    lines = []
    for baseline in ("best_centred_box", "random", "swapped_sound"):
        figures, ahead = found.floors[baseline], found.ahead[baseline]
        if figures and ahead:
            shown = [f"{100 * figures[m]:.1f} (ahead by {_edges(ahead[m])})" for m in ("iou@0.5", "auc")]
            lines.append(f"  {baseline.replace('_', ' ')}: IoU@0.5 {shown[0]}, AUC {shown[1]}")
    for baseline in ("by_ear", "by_eye"):
        if figures := found.floors.get(baseline):
            shown = ", ".join(f"{m} {100 * figures[m]:.1f}" for m in ("name@1", "name@3"))
            lines.append(f"  {baseline.replace('_', ' ')} alone: {shown}")
    return lines


def _edges(edges: list[float] | None) -> str:
    return "–" if edges is None else f"[{100 * edges[0]:.1f}, {100 * edges[1]:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="model files, run folders or names of shipped models")
    parser.add_argument("--general", type=Path, default=None, metavar="CACHE", help="in five folds, from this folder")
    parser.add_argument("--cache", type=Path, default=Path("wild"), help="folder for the store")
    parser.add_argument("--json", type=Path, default=None, help="folder for the figures of each model")
    args = parser.parse_args()
    if "DSOL_DATA" not in os.environ:
        sys.exit("set DSOL_DATA to the folder that holds wild")
    data = Path(os.environ["DSOL_DATA"])
    labels = data / "wild" / "clips.csv"
    clips = prepare(data / "wild", args.cache / "store", size=SIZE)
    systems: dict[str, System] = {}
    if args.general:
        systems["general, folds"] = folded(data, args.general, clips, labels)
    named = args.models or ([] if args.general else ["general", "small"])
    systems |= {Path(model).stem: load_system(model, sources=1) for model in named}
    print("percent [95 % interval over videos]".ljust(14) + "".join(metric.rjust(18) for metric in SHOWN))
    for name, system in systems.items():
        found = evaluate_system(system, clips, read_labels(labels, clips))
        print("\n".join([line(name, found), *beside(found)]))
        if args.json:
            args.json.mkdir(parents=True, exist_ok=True)
            (args.json / f"{name.replace(', ', '-')}.json").write_text(json.dumps(found.to_json(), indent=1))


if __name__ == "__main__":
    main()
