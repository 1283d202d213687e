"""The paper's measures, as functions of numbers that are already counted.

    IoU = |P ∩ G| / (|G| + |P \\ G|)          P: predicted pixels, G: pixels of the boxes, by their weight
    CIoU = mean IoU of the sounding categories of a frame                             (equation 9, left)
    NSA = mean over the silent categories of the share of pixels ≤ 0.2                (equation 9, right)
    AUC = area under the share of frames with (C)IoU ≥ t, t = 0, 0.05, …, 1

The area under a success rate is the mean of every frame's own area, so that all of these are means over
frames, and a bootstrap only has to resample sums.
"""

from collections.abc import Sequence

import numpy as np

LEAST = 0.5  # that a pixel counts: a denominator that keeps IoU 0 where there is nothing at all
STEPS = 0.05 * np.arange(21)  # the thresholds t of the AUC, and those of the success rates: 0.3 is 0.30000000000000004


def ratio(part: np.ndarray, whole: np.ndarray, nothing: float = np.nan) -> np.ndarray:
    """`part / whole`, and `nothing` where the whole is 0.

    Example:
        >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
        array([0.5, nan])
    """
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(whole.shape, nothing), where=whole > 0)


def iou(
    shared: np.ndarray, owner: np.ndarray, weight: np.ndarray, predicted: np.ndarray, area: np.ndarray
) -> np.ndarray:
    """Intersection over union of O objects in R disjoint rectangles.

    Args:
        shared: (R,) predicted pixels inside each rectangle.
        owner: (R,) index of its object.
        weight: (R,) what one of its pixels counts.
        predicted: (O,) predicted pixels in all.
        area: (O,) pixels of the object, by their weight.

    Returns:
        (O,) in [0, 1]; 0 where neither has any pixel.

    Example:
        >>> iou(np.array([20.0, 5.0]), np.array([0, 0]), np.ones(2), np.array([50.0]), np.array([75.0]))
        array([0.25])
    """
    hit, inside = (np.bincount(owner, pixels, minlength=len(area)) for pixels in (shared * weight, shared))
    return hit / np.maximum(area + predicted - inside, LEAST)


def frame_means(values: np.ndarray, frame: np.ndarray, frames: int) -> np.ndarray:
    """Mean of the values of each frame.

    Args:
        values: (O,) one value an object.
        frame: (O,) the frame that it is in.
        frames: how many frames there are.

    Returns:
        (frames,), NaN where a frame has none.
    """
    return ratio(np.bincount(frame, values, minlength=frames), np.bincount(frame, minlength=frames))


def area_under_success(values: np.ndarray) -> np.ndarray:
    """Each value's share in the AUC, which is the mean of them; NaN stays NaN.

    Example:
        >>> float(area_under_success(np.array([0.5])).mean().round(6))
        0.525
    """
    reached = np.asarray(values)[..., None] >= STEPS
    area = np.trapezoid(reached.astype(float), STEPS, axis=-1)
    return np.where(np.isnan(values), np.nan, area)


def success(values: np.ndarray, step: float) -> np.ndarray:
    """1.0 where a value reaches the step, else 0.0; NaN stays NaN."""
    return np.where(np.isnan(values), np.nan, (np.asarray(values) >= step).astype(float))


def nmi(labels: Sequence | np.ndarray, clusters: Sequence | np.ndarray) -> float:
    """Normalised mutual information between clusters and categories, scikit-learn's.

    Args:
        labels: N categories.
        clusters: N clusters.

    Example:
        >>> nmi(["cello", "cello", "tuba"], [1, 1, 0])
        1.0
    """
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(labels, clusters))
