"""When a category sounds, the slow way: walk away from every answer that reaches the threshold."""

import numpy as np


def sounding(score: np.ndarray, threshold: float, stay: float) -> np.ndarray:
    """score (T, K) -> (T, K) bool."""
    found = np.zeros(score.shape, bool)
    for t, k in np.argwhere(score >= threshold):
        for step in (-1, 1):
            at = t
            while 0 <= at < len(score) and score[at, k] >= stay * threshold:
                found[at, k] = True
                at += step
    return found
