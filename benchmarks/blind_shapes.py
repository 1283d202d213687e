"""How far does one get on real videos without looking? Floors beside those of `dsol evaluate`.

    DSOL_DATA=... python benchmarks/blind_shapes.py [--cache mini]

solo    the best of many rectangles and ellipses of any proportion around the middle, chosen on the very boxes that it
        is scored on (`dsol evaluate` tries squares)
scenes  a square in the middle of the quadrant of each object that truly sounds: it knows what sounds and where that
        was placed, and only does not look; its side is chosen on the same scenes

Folds and scenes are those of `benchmarks/mini.py` with the same --cache. Percent, 95 % intervals over videos.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from mini import joined, open_folds

from dsol.data.boxes import Boxes
from dsol.evaluation.result import SPOKEN, Evaluation
from dsol.evaluation.score import score
from dsol.model.maps import Maps

CELLS = 112  # of a map, a side
SIDES = np.arange(0.1, 1.25, 0.1)  # of a picture
MIDDLES = (0.4, 0.5, 0.6)  # heights, from the top
QUADRANT_SIDES = np.arange(0.1, 0.55, 0.05)  # of a picture of 2×2 quadrants


def shapes() -> Iterator[tuple[str, np.ndarray]]:
    """Names and pictures (CELLS, CELLS) of 0 and 1."""
    y, x = (np.mgrid[:CELLS, :CELLS] + 0.5) / CELLS
    for wide, high, middle in product(SIDES, SIDES, MIDDLES):
        across, down = 2 * abs(x - 0.5) / wide, 2 * abs(y - middle) / high
        size = f"{wide:.1f}×{high:.1f} at {middle}"
        yield f"rectangle {size}", (np.maximum(across, down) < 1).astype(np.float32)
        yield f"ellipse {size}", (across**2 + down**2 < 1).astype(np.float32)


def everywhere(boxes: Boxes, shape: np.ndarray, draws: int = 0) -> Evaluation:
    """The same shape in every frame, scored as solo."""
    keys = tuple(frame.key for frame in boxes)
    return score([Maps(keys, np.broadcast_to(shape, (len(keys), *shape.shape)))], boxes, "solo", bootstrap=draws)


def quadrants(boxes: Boxes, side: float, draws: int = 0) -> Evaluation:
    """A square in the middle of each sounding object's quadrant, scored as synthetic."""
    y, x = (np.mgrid[:CELLS, :CELLS] + 0.5) / CELLS
    maps = np.zeros((len(boxes), len(boxes.categories), CELLS, CELLS), np.float32)
    for n, frame in enumerate(boxes):
        for box in frame.boxes:
            if box.sounding:
                left, top, width, height = box.xywh
                middle = [0.75 if start + size / 2 > 0.5 else 0.25 for start, size in ((left, width), (top, height))]
                inside = np.maximum(abs(x - middle[0]), abs(y - middle[1])) < side / 2
                maps[n, boxes.categories.index(box.category)] += inside
    keys = tuple(frame.key for frame in boxes)
    area, categories = maps.max(1), boxes.categories
    return score([Maps(keys, area, maps, maps.max((2, 3)), categories)], boxes, "synthetic", bootstrap=draws)


def told(name: str, found: Evaluation, figures: tuple[str, ...]) -> str:
    """One line."""
    intervals = {k: "[{:.1f}, {:.1f}]".format(*(100 * np.array(found.ci95[k]))) for k in figures}
    return f"{name}: " + ", ".join(f"{SPOKEN[k]} {100 * found.metrics[k]:.1f} {intervals[k]}" for k in figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path("mini"), help="folder of mini.py")
    args = parser.parse_args()
    if "DSOL_DATA" not in os.environ:
        sys.exit("set DSOL_DATA to the folder that holds music_mini")
    opened = open_folds(Path(os.environ["DSOL_DATA"]), args.cache)
    boxes, parts = opened[0].store.boxes, [fold.scenes.boxes for fold in opened]
    solo = {name: (everywhere(boxes, shape), shape) for name, shape in shapes()}
    for figure in ("iou@0.5", "auc"):
        best = max(solo, key=lambda name: solo[name][0].metrics[figure])
        print(told(f"solo, best of {len(solo)} by {SPOKEN[figure]}, {best}",
                   everywhere(boxes, solo[best][1], 1000), ("iou@0.5", "auc")))  # fmt: skip
    scenes = joined(parts)
    best_side = max(QUADRANT_SIDES, key=lambda side: quadrants(scenes, side).metrics["ciou@0.3"])
    print(told(f"scenes, squares of {best_side:.2f} in the right quadrants",
               quadrants(scenes, best_side, 1000), ("ciou@0.3", "auc")))  # fmt: skip


if __name__ == "__main__":
    main()
