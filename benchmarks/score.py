"""How many frames a second does scoring manage, beside a plain loop over the same maps?

    python benchmarks/score.py [--frames 12356] [--repeats 3]

The plain loop is what evaluation scripts do: enlarge a frame's map to 224×224, compare with the threshold,
paint the boxes, count. Its bilinear resize is the quickest at hand, two single-precision matrix products, a quarter
of the time of torch's or Pillow's (its figures are taken in double precision, where no pixel changes sides by
rounding). It computes IoU and NSA only. Ours computes everything: all figures, floors, intervals. Both run in one
thread. Prints frames a second of both for one map a frame (solo) and eleven (duet), for
smooth maps, as networks answer, for uniform noise, and for noise of long tails, the worst case; the figures of both
(success rate/AUC/NSA in percent, from ten digits, so that one half-way between two prints alike in both); and the most
memory held. Exits with 1 where figures differ by more than 1e-9 or memory is exceeded.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from dsol.data.boxes import Box, Boxes, Frame
from dsol.evaluation import score, score_files
from dsol.evaluation.resize import axis
from dsol.model.maps import Maps, MapsWriter

CATEGORIES = tuple(f"category {k}" for k in range(11))
BATCH, VIDEOS, SIZE = 256, 27, 224
KINDS = ("smooth", "uniform", "noise")
PLAIN_FRAMES = 400  # timed in the plain loop; its speed does not depend on how many there are
AGREE = 1e-9
DIGITS = 10  # of percent: two sums of the same terms agree in these
MOST_GIB = 2


def boxes_of(rng: np.random.Generator, frames: int, each: int) -> Boxes:
    def box(category: str) -> Box:
        w, h = rng.uniform(0.3, 0.95, 2)
        x, y = rng.uniform(0, (1 - w, 1 - h))
        return Box(category, (x, y, w, h))

    return Boxes(CATEGORIES, tuple(
        Frame(f"v{n * VIDEOS // frames}", n / 4, tuple(box(c) for c in rng.choice(CATEGORIES, each, replace=False)))
        for n in range(frames)
    ))  # fmt: skip


def answers(kind: str, rng: np.random.Generator) -> np.ndarray:
    """(BATCH, 11, 14, 14) class maps, softmax-like but for the uniform ones."""
    if kind == "uniform":
        return rng.random((BATCH, len(CATEGORIES), 14, 14), dtype=np.float32)
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


def plain(
    boxes: Boxes, maps: np.ndarray, aware: bool, share: float, kind: type = np.float32
) -> tuple[list[float], list[float]]:
    """The loop: of every frame its (C)IoU, and its NSA where there are class maps."""
    rows, place = axis(14, SIZE).matrix.astype(kind), {c: k for k, c in enumerate(CATEGORIES)}
    found, silent = [], []
    for n, frame in enumerate(boxes):
        mine = {place[b.category]: b.xywh for b in frame.boxes}
        ious, quiet = [], []
        for k in range(len(CATEGORIES)) if aware else [0]:
            predmap = rows @ maps[n % BATCH, k] @ rows.T
            if aware and k not in mine:
                quiet.append((predmap <= np.float32(0.2)).mean())
                continue
            gtmap = np.zeros((SIZE, SIZE), dtype=bool)
            for x, y, w, h in (SIZE * np.array(box) for box in ([mine[k]] if aware else mine.values())):
                gtmap[int(y) : int(y + h), int(x) : int(x + w)] = True
            predicted = predmap > share * predmap.max()
            ious.append((predicted & gtmap).sum() / (gtmap.sum() + (predicted & ~gtmap).sum()))
        found.append(float(np.mean(ious)))
        silent += [float(np.mean(quiet))] if quiet else []
    return found, silent


def figures(found: list[float], silent: list[float], step: float) -> list[float]:
    """Success rate, AUC and NSA, as the scripts compute them from the loop's values."""
    rates = [np.mean(np.array(found) >= 0.05 * t) for t in range(21)]
    areas = [(a + b) / 2 * 0.05 for a, b in pairwise(rates)]
    return [float(np.mean(np.array(found) >= step)), float(sum(areas)), *([float(np.mean(silent))] if silent else [])]


def rate(work: Callable[[], object], frames: int, repeats: int) -> float:
    """Frames a second of this process's own time, the median of several runs: other work on the machine counts not."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return frames / statistics.median(times)


def compare(protocol: str, kind: str, options: argparse.Namespace) -> bool:
    """Prints one line; whether the figures agree."""
    share, each, aware, step = {"solo": (0.1, 1, False, 0.5), "duet": (0.2, 2, True, 0.05 * 6)}[protocol]
    rng = np.random.default_rng(0)
    boxes, maps = boxes_of(rng, options.frames, each), answers(kind, rng)
    few = Boxes(CATEGORIES, boxes.frames[:PLAIN_FRAMES])
    loop = rate(lambda: plain(few, maps, aware, share), len(few), options.repeats)
    given = list(batches(boxes, maps, aware))
    ours = rate(lambda: score(given, boxes, protocol), options.frames, options.repeats)
    theirs = figures(*plain(few, maps, aware, share, np.float64), step)
    metrics = score(batches(few, maps, aware), few, protocol, bootstrap=0).metrics
    mine = [metrics["ciou@0.3" if aware else "iou@0.5"], metrics["auc"], *([metrics["nsa"]] if aware else [])]
    agree = np.allclose(theirs, mine, rtol=0, atol=AGREE)
    shown = ["/".join(f"{round(100 * v, DIGITS):.2f}" for v in values) for values in (theirs, mine)]
    print(f"{protocol}, {11 if aware else 1} maps a frame, {kind}: loop {loop:,.0f} frames/s, ours {ours:,.0f}, "
          f"{ours / loop:.1f} times as many; {len(few)} frames: loop {shown[0]}, ours {shown[1]}")  # fmt: skip
    return bool(agree)


def peak(frames: int) -> float:
    """GiB that this process held at most, having scored a file of that many frames with eleven maps each."""
    rng = np.random.default_rng(0)
    boxes, maps = boxes_of(rng, frames, 2), answers("smooth", rng)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "maps.npz"
        with MapsWriter(file) as writer:
            for part in batches(boxes, maps, aware=True):
                writer.add(part)
        boxes.save(Path(folder) / "boxes.json")
        score_files(file, Path(folder) / "boxes.json", "duet")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=12_356)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    agree = [compare(protocol, kind, options) for protocol in ("solo", "duet") for kind in KINDS]
    held = peak(options.frames)
    print(f"a file of {options.frames:,} frames with 11 maps each: {held:.2f} GiB held at most, {MOST_GIB} allowed")
    return 0 if all(agree) and held < MOST_GIB else 1


if __name__ == "__main__":
    sys.exit(main())
