"""A figure for any method: write its maps, score them, read how far ahead of the baselines they are.

    dsol toyband toy --solos 22 --duets 8
    python examples/score_your_method.py toy/duet

The method here lights what moves: the mean difference of a second's frames. Put your own in its place; it needs
neither torch nor a class of `dsol`. Needs a folder of videos with boxes.json, or any annotation of the field.
"""

import sys
from pathlib import Path

import numpy as np

import dsol
from dsol.data.media import read_seconds
from dsol.evaluation import score_files


def what_moves(frames: np.ndarray) -> np.ndarray:
    """(H, W) of (T, height, width, 3) frames: how much each cell changes, 0 to 1."""
    change = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean(axis=(0, 3))
    height, width = (side // 16 * 16 for side in change.shape)
    cells = change[:height, :width].reshape(16, height // 16, 16, width // 16).mean(axis=(1, 3))
    return cells / max(float(cells.max()), 1e-6)


def maps_of(corpus: Path, boxes: dsol.Boxes) -> dict[str, np.ndarray]:
    """One map for each annotated frame, by its key."""
    maps = {}
    for video in sorted({frame.video for frame in boxes}):
        seconds = {second.index: what_moves(second.frames) for second in read_seconds(corpus / video)}
        annotated = [frame for frame in boxes if frame.video == video]
        last = max(seconds)
        maps |= {frame.key: seconds[min(int(frame.time_s), last)] for frame in annotated}
    return maps


def main(corpus: Path) -> dict:
    boxes = dsol.Boxes.load(corpus / "boxes.json")
    maps = maps_of(corpus, boxes)
    np.savez(corpus / "maps.npz", **maps)  # type: ignore[arg-type]
    result = score_files(corpus / "maps.npz", corpus / "boxes.json", "solo")
    print(result.table())
    figures = result.to_json()
    low, high = figures["ci95"]["iou@0.5"] or (None, None)
    print(f"IoU@0.5 {figures['metrics']['iou@0.5']:.3f}, 95 % interval {low} to {high}")
    return figures


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
