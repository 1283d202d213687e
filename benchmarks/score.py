"""How many frames a second does scoring manage, beside a plain loop over the same maps?

    python benchmarks/score.py [--frames 12356] [--peak]

The plain loop is what evaluation scripts do: enlarge a frame's map to 224×224, compare with the threshold,
paint the boxes, count. It computes the headline figure only. Ours computes everything: all figures, silent
categories, floors and intervals. Prints the ratio of frames a second for one map a frame (solo) and eleven (duet),
for smooth maps, as networks answer, and for white noise, the worst case. --peak adds the most memory held.
"""

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np

from dsol.boxes import Box, Boxes, Frame
from dsol.evaluation import score
from dsol.evaluation.resize import axis
from dsol.maps import Maps

CATEGORIES = tuple(f"category {k}" for k in range(11))
BATCH, VIDEOS, SIZE = 256, 27, 224
PLAIN_FRAMES = 400  # timed in the plain loop; its speed does not depend on how many there are


def boxes_of(rng: np.random.Generator, frames: int, each: int) -> Boxes:
    def box(category: str) -> Box:
        x, y = rng.uniform(0, 0.5, 2)
        w, h = rng.uniform(0.1, 0.5, 2)
        return Box(category, (x, y, w, h))

    return Boxes(CATEGORIES, tuple(
        Frame(f"v{n * VIDEOS // frames}", n / 4, tuple(box(c) for c in rng.choice(CATEGORIES, each, replace=False)))
        for n in range(frames)
    ))  # fmt: skip


def answers(kind: str, rng: np.random.Generator) -> np.ndarray:
    """(BATCH, 11, 14, 14) softmax-like class maps."""
    maps = rng.normal(size=(BATCH, len(CATEGORIES), 14, 14))
    if kind == "smooth":
        blur = np.exp(-((np.arange(14)[:, None] - np.arange(14)) ** 2) / 12)
        maps = blur @ maps @ blur
        maps /= maps.std()
    raised = np.exp(1.5 * maps)
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def batches(boxes: Boxes, maps: np.ndarray, aware: bool) -> Iterator[Maps]:
    for start in range(0, len(boxes), BATCH):
        keys = tuple(frame.key for frame in boxes.frames[start : start + BATCH])
        part = maps[: len(keys)]
        yield Maps(keys, part[:, 0], part if aware else None, None, CATEGORIES if aware else ())


def plain(boxes: Boxes, maps: np.ndarray, aware: bool, share: float) -> float:
    """Frames a second of the loop."""
    rows, place = axis(14, SIZE).matrix.astype(np.float32), {c: k for k, c in enumerate(CATEGORIES)}
    start = time.perf_counter()
    for n, frame in enumerate(boxes.frames[:PLAIN_FRAMES]):
        mine = {place[b.category]: b.xywh for b in frame.boxes}
        for k in range(len(CATEGORIES)) if aware else [0]:
            picture = rows @ maps[n % BATCH, k] @ rows.T
            if aware and k not in mine:
                (picture <= 0.2).mean()
                continue
            predicted = picture > share * picture.max()
            truth = np.zeros((SIZE, SIZE), dtype=bool)
            for x, y, w, h in (SIZE * np.array(box) for box in ([mine[k]] if aware else mine.values())):
                truth[int(y) : int(y + h), int(x) : int(x + w)] = True
            (predicted & truth).sum() / (truth.sum() + (predicted & ~truth).sum())
    return PLAIN_FRAMES / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=12_356)
    parser.add_argument("--peak", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    for protocol, share, each, aware in (("solo", 0.1, 1, False), ("duet", 0.2, 2, True)):
        boxes = boxes_of(rng, options.frames, each)
        for kind in ("smooth", "noise"):
            maps = answers(kind, rng)
            loop = plain(boxes, maps, aware, share)
            start = time.perf_counter()
            score(batches(boxes, maps, aware), boxes, protocol)
            ours = options.frames / (time.perf_counter() - start)
            print(f"{protocol}, {11 if aware else 1} maps a frame, {kind}: plain loop {loop:,.0f} frames/s, "
                  f"ours {ours:,.0f} frames/s, {ours / loop:.1f} times as many")  # fmt: skip
    if options.peak:
        print(f"most memory held: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
