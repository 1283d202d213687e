"""Figures that protocols of other benchmarks have beyond IoU and AUC.

    upscaled maps and rasterised masks of the objects ──of_objects──▶ numbers of each object ─┐
    maps of all frames ──────────────────────────────of_frames───▶ numbers of each frame ──┴─ statistics ──▶ figures

These look at every pixel, so they are slower than the paper's protocols. Some published figures also look at the
annotation to decide how to read a map. They are apart, under `PUBLISHED_…`, and must be asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from dsol.assignment import best_assignment
from dsol.evaluation.bootstrap import (
    Statistic,
    average_precision_over,
    detection_of,
    largest_f1,
    largest_mean_of,
    mean_of,
)
from dsol.evaluation.counting import chunks, shares_above
from dsol.evaluation.metrics import area_under_success, frame_means, ratio, success
from dsol.evaluation.resize import Size, resize, sides
from dsol.evaluation.truth import Truth

Columns = dict[str, np.ndarray]
F_WEIGHT = 0.3  # β²
F_LEVELS = np.linspace(0, 1 - 1e-10, 255)
PREDICTED = "predicted"  # column
SCENARIOS = ("single_sound", "mixed_sound", "multi_entity", "off_screen")
SINGLE_SOUND, MIXED_SOUND, MULTI_ENTITY, OFF_SCREEN = range(4)
WRONG_SOUNDS = ("silence", "noise", "other_sound")  # whose source is not in the frame
SURE_SHARE = 0.25  # of the pixels, the highest, whose mean is a map's confidence


@dataclass(frozen=True)
class Extension:
    """What a protocol adds.

    Attributes:
        statistics: (IoU (O,), columns, truth) -> figures by name.
        of_objects: (pixels (O,S,S), masks (O,S,S) bool, frame (O,)) -> columns of O rows, for the objects of whole
            frames; None where it adds none.
        of_frames: (maps (F,H,W), size) -> columns of F rows, for frames that have no object too.
        peeks: the figures for which the annotation tells how to read a map.
    """

    statistics: Callable[[np.ndarray, Columns, Truth], dict[str, Statistic]]
    of_objects: Callable[[np.ndarray, np.ndarray, np.ndarray], Columns] | None = None
    of_frames: Callable[[np.ndarray, Size], Columns] | None = None
    peeks: tuple[str, ...] = ()


def adaptive_iou(pixels: np.ndarray, masks: np.ndarray, frame: np.ndarray) -> Columns:
    """IoU of as many of the highest pixels as the mask has (IS3; Senocak et al., 2024): it peeks.

    Ties at the threshold go to the later pixel.

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
    """Of objects and of frames, which count by their worst object (IS3; Senocak et al., 2024)."""
    group = truth.group[truth.object_frame]
    found: dict[str, Statistic] = {}
    read = {"": values} | ({"adaptive_": columns["adaptive"]} if "adaptive" in columns else {})
    for prefix, each in read.items():
        worst = np.full(len(truth.keys), np.inf)
        np.minimum.at(worst, truth.object_frame, each)
        worst[np.isinf(worst)] = np.nan
        found |= {
            f"{prefix}iou@0.5": mean_of(success(each, 0.5), group, truth.groups),
            f"{prefix}auc": mean_of(area_under_success(each), group, truth.groups),
            f"{prefix}iiou@0.5": mean_of(success(worst, 0.5), truth.group, truth.groups),
            f"{prefix}iauc": mean_of(area_under_success(worst), truth.group, truth.groups),
        }
    return found


def f_scores(pixels: np.ndarray, masks: np.ndarray, frame: np.ndarray) -> Columns:
    """(O, 255) F with β² = 0.3 at every threshold, a pixel being predicted from it on (AVSBench; Zhou et al., 2022)."""
    found = np.zeros((len(pixels), len(F_LEVELS)))
    for n, (values, mask) in enumerate(zip(pixels, masks, strict=True)):
        level = np.searchsorted(F_LEVELS, values.ravel(), side="right")
        predicted, hit = (
            np.bincount(level, weight, minlength=len(F_LEVELS) + 1)[::-1].cumsum()[::-1][1:]
            for weight in (None, mask.ravel().astype(float))
        )
        precision, recall = hit / np.maximum(predicted, 1), hit / max(mask.sum(), 1)
        found[n] = ratio((1 + F_WEIGHT) * precision * recall, F_WEIGHT * precision + recall, 0.0)
    return {"f": found}


def segmentation_statistics(values: np.ndarray, columns: Columns, truth: Truth) -> dict[str, Statistic]:
    """J, and the largest over thresholds of the mean F of the whole set (AVSBench; Zhou et al., 2022)."""
    group = truth.group[truth.object_frame]
    return {"j": mean_of(values, group, truth.groups), "f": largest_mean_of(columns["f"], group, truth.groups)}


def precisions(pixels: np.ndarray, masks: np.ndarray, frame: np.ndarray) -> Columns:
    """CAP: average precision of each map against its own category's mask (Hu et al., 2022)."""
    return {"cap": np.array([average_precision(*pair) for pair in zip(pixels, masks, strict=True)])}


def permuted_precisions(pixels: np.ndarray, masks: np.ndarray, frame: np.ndarray) -> Columns:
    """PIAP: the same against the mask that the best assignment of a frame's maps to its masks gives it (Hu et al.,
    2022): it peeks."""
    permuted = np.zeros(len(pixels))
    for place in (np.flatnonzero(frame == f) for f in np.unique(frame)):
        table = np.array([[average_precision(pixels[a], masks[b]) for b in place] for a in place])
        rows, columns = best_assignment(table)
        permuted[place[rows]] = table[rows, columns]
    return precisions(pixels, masks, frame) | {"piap": permuted}


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
    return {name: mean_of(column, truth.group, truth.groups) for name, column in frames.items()}


def confidence(maps: np.ndarray, size: Size) -> Columns:
    """Confidence that something visible sounds: mean of the highest quarter of the pixels (Mo and Morgado, 2022).

    Example:
        >>> confidence(np.array([[[0.0, 0.2], [0.4, 0.8]]]), 2)["confidence"]
        array([0.8])
    """
    found, count = np.zeros(len(maps)), -(-prod(sides(size)) // round(1 / SURE_SHARE))
    for part, _ in chunks(np.zeros(0, dtype=int), len(maps)):
        flat = resize(maps[part], size).reshape(part.stop - part.start, -1)
        found[part] = np.partition(flat, -count, axis=1)[:, -count:].mean(axis=1)
    return {"confidence": found}


def detection_statistics(values: np.ndarray, columns: Columns, truth: Truth) -> dict[str, Statistic]:
    """AP and largest F1 of frames: right at IoU 0.5, or without prediction and object (Mo and Morgado, 2022)."""
    found = frame_means(values, truth.object_frame, len(truth.keys))
    cases = (columns["confidence"], success(found, 0.5) == 1, ~np.isnan(found), truth.group)
    return {"ap": detection_of(average_precision_over, *cases), "max_f1": detection_of(largest_f1, *cases)}


def predicted_share(maps: np.ndarray, size: Size, level: float) -> Columns:
    """The share of the picture that is predicted to sound: pixels above a level."""
    return {PREDICTED: shares_above(maps, level, size)}


def scenarios(truth: Truth) -> np.ndarray:
    """(F,) index in `SCENARIOS` of each frame, from its boxes, silent ones too (Choi et al., 2025): off screen where
    nothing sounds in it; several alike where a category that sounds is also there silent; otherwise one or several
    boxes that sound."""
    frames, kinds = len(truth.keys), max(len(truth.categories), 1)
    of_kind = truth.box_frame * kinds + truth.box_category
    loud, silent = (np.bincount(of_kind[kind], minlength=frames * kinds).reshape(frames, kinds)
                    for kind in (truth.box_sounding, ~truth.box_sounding))  # fmt: skip
    several, alike = loud.sum(axis=1) > 1, ((loud > 0) & (silent > 0)).any(axis=1)
    return np.select([loud.sum(axis=1) == 0, alike, several], [OFF_SCREEN, MULTI_ENTITY, MIXED_SOUND], SINGLE_SOUND)


def scenario_statistics(values: np.ndarray, columns: Columns, truth: Truth) -> dict[str, Statistic]:
    """Success and AUC of each scenario with a visible source; of off-screen sound the shares of pixels that are rightly
    not predicted (TN) and wrongly predicted (FP), means over frames (Choi et al., 2025)."""

    def mean(column: np.ndarray, scenario: int) -> Statistic:
        return mean_of(np.where(kinds == scenario, column, np.nan), truth.group, truth.groups)

    kinds, found = scenarios(truth), frame_means(values, truth.object_frame, len(truth.keys))
    named: dict[str, Statistic] = {}
    for scenario in (SINGLE_SOUND, MIXED_SOUND, MULTI_ENTITY):
        name = SCENARIOS[scenario]
        named |= {f"{name}_iou@0.5": mean(success(found, 0.5), scenario),
                  f"{name}_auc": mean(area_under_success(found), scenario)}  # fmt: skip
    predicted = columns[PREDICTED]
    return named | {"off_screen_tn": mean(1 - predicted, OFF_SCREEN), "off_screen_fp": mean(predicted, OFF_SCREEN)}


def robustness_statistics(values: np.ndarray, columns: Columns, truth: Truth) -> dict[str, Statistic]:
    """J and F with the frames' own sound, and how much of the picture is predicted: with that, and as a false positive
    with each sound whose source is not in the frame, and with all of these (Li et al., 2025)."""
    shares = {kind: columns[wrong_share(kind)] for kind in WRONG_SOUNDS if wrong_share(kind) in columns}
    named = {"predicted_own": columns[PREDICTED]} | {f"fpr_{kind}": share for kind, share in shares.items()}
    if shares:
        named["fpr"] = np.mean(list(shares.values()), axis=0)
    of_frames = {name: mean_of(column, truth.group, truth.groups) for name, column in named.items()}
    return segmentation_statistics(values, columns, truth) | of_frames


def wrong_share(kind: str) -> str:
    """The column of `PREDICTED` with a mismatched sound."""
    return f"{PREDICTED}_{kind}"


IS3 = Extension(instance_statistics)
PUBLISHED_IS3 = Extension(
    instance_statistics,
    adaptive_iou,
    peeks=("adaptive_iou@0.5", "adaptive_auc", "adaptive_iiou@0.5", "adaptive_iauc"),
)
AVSBENCH = Extension(segmentation_statistics, f_scores)
MIX_AND_LOCALIZE = Extension(precision_statistics, precisions)
PUBLISHED_MIX_AND_LOCALIZE = Extension(precision_statistics, permuted_precisions, peeks=("piap",))
SLAVC = Extension(detection_statistics, of_frames=confidence)
AVATAR = Extension(scenario_statistics, of_frames=partial(predicted_share, level=0.1))
ROBUST = Extension(robustness_statistics, f_scores, of_frames=partial(predicted_share, level=0.5))
