"""The evaluation, pixel by pixel and frame by frame, as one would explain it on paper. Slow, and meant to be."""

import math

import numpy as np

from dsol.data.boxes import Boxes, Frame

SHARE = {"solo": 0.1, "synthetic": 0.5, "duet": 0.2, "audioset": 0.2}
QUIET = float(np.float32(0.2))


Size = int | tuple[int, int]  # of a square, or rows and columns


def enlarge(cells: np.ndarray, size: Size) -> np.ndarray:
    """(H, W) -> (rows, columns): bilinear, pixel centres at half positions, held at the border."""
    height, width = cells.shape
    rows, columns = (size, size) if isinstance(size, int) else size
    picture = np.zeros((rows, columns))
    for row in range(rows):
        y = min(max((row + 0.5) * height / rows - 0.5, 0.0), height - 1.0)
        top = math.floor(y)
        bottom = min(top + 1, height - 1)
        for column in range(columns):
            x = min(max((column + 0.5) * width / columns - 0.5, 0.0), width - 1.0)
            left = math.floor(x)
            right = min(left + 1, width - 1)
            above = float(cells[top, left]) * (left + 1 - x) + float(cells[top, right]) * (x - left)
            below = float(cells[bottom, left]) * (left + 1 - x) + float(cells[bottom, right]) * (x - left)
            picture[row, column] = above * (top + 1 - y) + below * (y - top)
    return picture


def painted(boxes: list, size: Size) -> np.ndarray:
    """(rows, columns) bool: the union of boxes."""
    rows, columns = (size, size) if isinstance(size, int) else size
    mask = np.zeros((rows, columns), dtype=bool)
    for x, y, w, h in boxes:
        for row in range(int(rows * y), min(int(rows * y + rows * h), rows)):
            for column in range(int(columns * x), min(int(columns * x + columns * w), columns)):
                mask[row, column] = True
    return mask


def iou(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over (ground truth + false positives)."""
    hit, wrong, total = 0, 0, 0
    for p, t in zip(predicted.ravel(), truth.ravel(), strict=True):
        total += bool(t)
        hit += bool(p and t)
        wrong += bool(p and not t)
    return hit / (total + wrong) if total + wrong else 0.0


def binary(cells: np.ndarray, protocol: str, size: int) -> np.ndarray:
    """The predicted pixels."""
    picture = enlarge(cells, size)
    if protocol in ("lvs", "is3", "slavc"):
        median = sorted(picture.ravel())[size * size // 2]
        return picture >= median if protocol == "slavc" else picture > median
    return picture > SHARE[protocol] * picture.max()


def consensus_iou(predicted: np.ndarray, boxes: list, size: int) -> float:
    """IoU with the consensus of annotators: half of a pixel for each, at most one."""
    votes = sum(painted([box], size).astype(float) for box in boxes)
    hit, wrong, total = 0.0, 0, 0.0
    for p, v in zip(predicted.ravel(), votes.ravel(), strict=True):
        total += min(v / 2, 1)
        hit += min(v / 2, 1) * p
        wrong += bool(p and not v)
    return hit / (total + wrong) if total + wrong else 0.0


def confidence(cells: np.ndarray, size: int) -> float:
    """Mean of the highest quarter of the pixels."""
    highest = sorted(enlarge(cells, size).ravel(), reverse=True)[: size * size // 4]
    return sum(highest) / len(highest)


def detection(ious: list[float | None], sure: list[float]) -> dict:
    """AP and max-F1: frames whose IoU is None have nothing to be found."""
    curve, f1 = [(0.0, 0.0)], []
    for level in sorted(set(sure), reverse=True):
        answered = [(iou, s >= level) for iou, s in zip(ious, sure, strict=True)]
        tp = sum(yes and iou is not None and iou >= 0.5 for iou, yes in answered)
        fp = sum(yes and (iou is None or iou < 0.5) for iou, yes in answered)
        fn = sum(not yes and iou is not None for iou, yes in answered)
        precision = tp / (tp + fp) if tp + fp else 1.0
        recall = tp / (tp + fn) if tp + fn else 1.0
        curve.append((recall, precision))
        f1.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    gains = [(curve[n][0] - curve[n - 1][0]) * max(p for _, p in curve[n:]) for n in range(1, len(curve))]
    return {"ap": sum(gains), "max_f1": max(f1)}


def avatar(area: dict, boxes: Boxes, size: Size) -> dict:
    """Every figure of AVATAR's four scenarios. A key of `area` is a frame's; its value (H, W)."""
    values: dict[str, list[float]] = {"single_sound": [], "mixed_sound": [], "multi_entity": []}
    left, wrong = [], []
    for frame in boxes.frames:
        predicted = enlarge(area[frame.key], size) > 0.1
        loud = [b for b in frame.boxes if b.sounding]
        silent = {b.category for b in frame.boxes if not b.sounding}
        if not loud:
            pixels = predicted.ravel().tolist()
            left.append(pixels.count(False) / len(pixels))
            wrong.append(pixels.count(True) / len(pixels))
            continue
        alike = any(b.category in silent for b in loud)
        scenario = "multi_entity" if alike else "mixed_sound" if len(loud) > 1 else "single_sound"
        values[scenario].append(iou(predicted, painted([b.xywh for b in loud], size)))
    found = {"off_screen_tn": left, "off_screen_fp": wrong}
    figures = {name: sum(shares) / len(shares) if shares else None for name, shares in found.items()}
    for name, reached in (values | {"": [value for some in values.values() for value in some]}).items():
        before = f"{name}_" if name else ""
        figures[f"{before}iou@0.5"] = sum(v >= 0.5 for v in reached) / len(reached) if reached else None
        figures[f"{before}auc"] = success_area(reached) if reached else None
    return figures


def predicted_share(area: dict, boxes: Boxes, size: Size, level: float) -> float:
    """How much of the pictures is predicted, a mean over frames with a box."""
    shares = [(enlarge(area[f.key], size) > level).mean() for f in boxes.frames if f.boxes]
    return float(sum(shares) / len(shares))


def success_area(values: list[float]) -> float:
    """Trapezoids under the share of values that reach t = 0, 0.05, …, 1."""
    rates = [sum(v >= 0.05 * step for v in values) / len(values) for step in range(21)]
    return sum((rates[n] + rates[n + 1]) / 2 * 0.05 for n in range(20))


def auroc(scores: list[float], labels: list[bool]) -> float | None:
    """The share of (sounding, silent) pairs in the right order."""
    pairs = [(a, b) for a, x in zip(scores, labels, strict=True) for b, y in zip(scores, labels, strict=True)
             if x and not y]  # fmt: skip
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs) if pairs else None


def inside(cells: np.ndarray, xywh: tuple, size: int) -> float:
    """Mean of the enlarged map in one box, which has at least one pixel."""
    x, y, w, h = xywh
    top, left = min(int(size * y), size - 1), min(int(size * x), size - 1)
    bottom, right = (
        max(min(int(size * y + size * h), size), top + 1),
        max(min(int(size * x + size * w), size), left + 1),
    )
    return float(enlarge(cells, size)[top:bottom, left:right].mean())


def evaluate(area: dict, maps: dict | None, categories: tuple, boxes: Boxes, protocol: str, size: int) -> dict:
    """All figures of a protocol.

    Args:
        area: key -> (H, W). maps: key -> (K, H, W), or None.
    """
    united = protocol in ("solo", "lvs")
    values, quiet, scores, labels = [], [], [], []
    frames = [f for f in boxes.frames if f.boxes]
    for frame in frames:
        sounding = {b.category for b in frame.boxes if b.sounding}
        found = _ious(frame, area, maps, categories, protocol, size, united)
        if found:
            values.append(sum(found) / len(found))
        if not united:
            silent = [c for c in (boxes.categories if maps is None else categories) if c not in sounding]
            theirs = [area[frame.key] if maps is None else maps[frame.key][categories.index(c)] for c in silent]
            shares = [(enlarge(cells, size) <= QUIET).mean() for cells in theirs]
            if shares:
                quiet.append(sum(shares) / len(shares))
        for box in frame.boxes:
            cells = area[frame.key] if united or maps is None else maps[frame.key][categories.index(box.category)]
            scores.append(inside(cells, box.xywh, size))
            labels.append(box.sounding)
    step = 0.05 * (10 if united else 6)
    return {
        "iou@0.5" if united else "ciou@0.3": sum(v >= step for v in values) / len(values),
        "auc": success_area(values),
        "class_iou": sum(values) / len(values),
        "nsa": sum(quiet) / len(quiet) if quiet else None,
        "silent_auroc": auroc(scores, labels),
    }


def _ious(frame: Frame, area: dict, maps: dict | None, categories: tuple, protocol: str, size: int, united: bool):
    sounding = [b for b in frame.boxes if b.sounding]
    if united:
        groups = [(None, sounding)] if sounding else []
    else:
        names = sorted({b.category for b in sounding})
        groups = [(name, [b for b in sounding if b.category == name]) for name in names]
    found = []
    for name, members in groups:
        cells = area[frame.key] if name is None or maps is None else maps[frame.key][categories.index(name)]
        found.append(iou(binary(cells, protocol, size), painted([b.xywh for b in members], size)))
    return found


def best_assignment(table: np.ndarray) -> float:
    """The largest sum over all assignments of clusters to categories that leave no category without one."""
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
    categories, clusters = share.shape
    best = -math.inf
    for code in range(categories**clusters):
        chosen = [code // categories**n % categories for n in range(clusters)]
        if len(set(chosen)) == min(categories, clusters):
            best = max(best, sum(share[c, n] for n, c in enumerate(chosen)))
    return best
