"""Figures that other fields' protocols have beyond IoU and AUC.

    enlarged maps and painted masks of the objects ──columns──▶ numbers of each object ──statistics──▶ figures

These look at every pixel, so they are slower than the paper's protocols.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from dsol.evaluation.bootstrap import LargestMean, Mean, Statistic
from dsol.evaluation.metrics import area_under_success, frame_means, success
from dsol.evaluation.truth import Truth

Columns = dict[str, np.ndarray]
F_WEIGHT = 0.3  # β²
F_LEVELS = np.linspace(0, 1 - 1e-10, 255)


@dataclass(frozen=True)
class Extension:
    """What a protocol adds.

    Attributes:
        columns: (pixels (O,S,S), masks (O,S,S) bool, frame (O,)) -> arrays of O rows, for the objects of whole frames.
        statistics: (IoU (O,), columns, truth) -> figures by name.
    """

    columns: Callable[[np.ndarray, np.ndarray, np.ndarray], Columns]
    statistics: Callable[[np.ndarray, Columns, Truth], dict[str, Statistic]]


def adaptive_iou(pixels: np.ndarray, masks: np.ndarray, frame: np.ndarray) -> Columns:
    """IoU of as many of the highest pixels as the mask has (IS3). Ties at the edge go to the later pixel.

    Example:
        >>> adaptive_iou(np.array([[[0.1, 0.9]]]), np.array([[[False, True]]]), np.array([0]))["adaptive"]
        array([1.])
    """
    found = np.zeros(len(pixels))
    for n, (values, mask) in enumerate(zip(pixels, masks, strict=True)):
        many = int(mask.sum())
        highest = np.argsort(values, axis=None, kind="stable")[mask.size - many :]
        hit = mask.ravel()[highest].sum()
        found[n] = hit / max(2 * many - hit, 1)
    return {"adaptive": found}


def instance_statistics(values: np.ndarray, columns: Columns, truth: Truth) -> dict[str, Statistic]:
    """Of objects and of frames, which count by their worst object (IS3)."""
    video = truth.video[truth.object_frame]
    found: dict[str, Statistic] = {}
    for prefix, each in (("", values), ("adaptive_", columns["adaptive"])):
        worst = np.full(len(truth.keys), np.inf)
        np.minimum.at(worst, truth.object_frame, each)
        worst[np.isinf(worst)] = np.nan
        found |= {
            f"{prefix}iou@0.5": Mean.over(success(each, 0.5), video, truth.videos),
            f"{prefix}auc": Mean.over(area_under_success(each), video, truth.videos),
            f"{prefix}iiou@0.5": Mean.over(success(worst, 0.5), truth.video, truth.videos),
            f"{prefix}iauc": Mean.over(area_under_success(worst), truth.video, truth.videos),
        }
    return found


def f_scores(pixels: np.ndarray, masks: np.ndarray, frame: np.ndarray) -> Columns:
    """(O, 255) weighted F at every threshold, a pixel being predicted from it on (AVSBench)."""
    found = np.zeros((len(pixels), len(F_LEVELS)))
    for n, (values, mask) in enumerate(zip(pixels, masks, strict=True)):
        level = np.searchsorted(F_LEVELS, values.ravel(), side="right")
        predicted, hit = (
            np.bincount(level, weight, minlength=len(F_LEVELS) + 1)[::-1].cumsum()[::-1][1:]
            for weight in (None, mask.ravel().astype(float))
        )
        precision, recall = hit / np.maximum(predicted, 1), hit / max(mask.sum(), 1)
        below = F_WEIGHT * precision + recall
        found[n] = np.divide((1 + F_WEIGHT) * precision * recall, below, out=np.zeros_like(below), where=below > 0)
    return {"f": found}


def segmentation_statistics(values: np.ndarray, columns: Columns, truth: Truth) -> dict[str, Statistic]:
    """J, and the largest mean F (AVSBench)."""
    video = truth.video[truth.object_frame]
    return {"j": Mean.over(values, video, truth.videos), "f": LargestMean.over(columns["f"], video, truth.videos)}


def precisions(pixels: np.ndarray, masks: np.ndarray, frame: np.ndarray) -> Columns:
    """Average precision of each map against its own mask, and against the mask that the best assignment of the
    frame's maps to its masks gives it (Mix-and-Localize)."""
    own, permuted = np.zeros(len(pixels)), np.zeros(len(pixels))
    for place in (np.flatnonzero(frame == f) for f in np.unique(frame)):
        table = np.array([[average_precision(pixels[a], masks[b]) for b in place] for a in place])
        own[place] = np.diag(table)
        rows, columns = linear_sum_assignment(table, maximize=True)
        permuted[place[rows]] = table[rows, columns]
    return {"cap": own, "piap": permuted}


def average_precision(values: np.ndarray, mask: np.ndarray) -> float:
    """Mean precision at each step of recall, pixels of one value taken together; 0 for an empty mask.

    Example:
        >>> average_precision(np.array([0.9, 0.5, 0.1]), np.array([True, False, True]))
        0.8333333333333333
    """
    order = np.argsort(-values, axis=None, kind="stable")
    ranked, hits = values.ravel()[order], mask.ravel()[order].cumsum()
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    gained = np.diff(hits[last], prepend=0)
    return float((gained * hits[last] / (last + 1)).sum() / hits[-1]) if hits[-1] else 0.0


def precision_statistics(values: np.ndarray, columns: Columns, truth: Truth) -> dict[str, Statistic]:
    """CAP and PIAP: means over the objects of a frame, then over frames."""
    frames = {name: frame_means(column, truth.object_frame, len(truth.keys)) for name, column in columns.items()}
    return {name: Mean.over(column, truth.video, truth.videos) for name, column in frames.items()}


IS3 = Extension(adaptive_iou, instance_statistics)
AVSBENCH = Extension(f_scores, segmentation_statistics)
MIX_AND_LOCALIZE = Extension(precisions, precision_statistics)
