"""Confidence intervals over videos.

The frames of one video are not independent, so whole videos are resampled, with replacement. Means
over frames are then ratios of sums over videos, which makes a thousand draws one matrix product.

A composed scene is made of several videos and shares them with other scenes. Its source videos are drawn, and it
counts as often as the product of their counts: a scene of a video drawn twice and one drawn thrice counts six times
(the pigeonhole bootstrap: Owen, 2007; its product weights: Owen and Eckles, 2012). Scenes of the same videos are one
*group* and so can only count together.

    videos drawn (R, V) ──product over the videos of a group──▶ how often each group counts (R, G)
"""

from collections.abc import Callable

import numpy as np

from dsol.evaluation.metrics import outranked, ratio

LEVEL = 0.95
DRAWS = 64  # at a time, where every draw ranks all frames anew


Statistic = Callable[[np.ndarray], np.ndarray]
"""A figure of a data set in which every group of frames counts a number of times: its value for each of (R, G) rows of
counts, (R,), NaN where it is not defined."""


def mean_of(values: np.ndarray, group: np.ndarray, groups: int) -> Statistic:
    """The mean of values (N,), NaN left out, that belong to groups (N,)."""
    known = ~np.isnan(values)
    total = np.bincount(group[known], values[known], minlength=groups)
    count = np.bincount(group[known], minlength=groups).astype(float)
    return lambda draws: ratio(draws @ total, draws @ count)


def largest_mean_of(values: np.ndarray, group: np.ndarray, groups: int) -> Statistic:
    """The largest of several means over the same frames, chosen anew for every draw; values (N, T), groups (N,)."""
    total = np.zeros((groups, values.shape[1]))
    np.add.at(total, group, values)
    count = np.bincount(group, minlength=groups).astype(float)
    return lambda draws: ratio(draws @ total, (draws @ count)[:, None]).max(axis=1)


def ranking_of(score: np.ndarray, label: np.ndarray, group: np.ndarray, groups: int) -> Statistic:
    """How well a score separates two kinds (area under the ROC): of scores (X,), labels (X,) bool, and groups (X,).

    A draw is a quadratic form of `won` (G, G): pairs of an object of the one kind in group a and one of the other kind
    in group b, of which the first has the higher score.
    """
    ones, others = (np.bincount(group[kind], minlength=groups).astype(float) for kind in (label, ~label))
    won = np.zeros((groups, groups)) if ones.any() and others.any() else np.zeros((groups, 0))
    for b in np.flatnonzero(others[: won.shape[1]]):
        theirs = score[~label & (group == b)]
        won[:, b] = np.bincount(group[label], outranked(score[label], theirs), minlength=groups)

    def of(draws: np.ndarray) -> np.ndarray:
        won_in = ((draws @ won) * draws[:, : won.shape[1]]).sum(axis=1)
        return ratio(won_in, (draws @ ones) * (draws @ others))

    return of


def detection_of(
    figure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    confidence: np.ndarray,
    right: np.ndarray,
    there: np.ndarray,
    group: np.ndarray,
) -> Statistic:
    """A figure of detection: frames with an object are to be found, frames without one to have no prediction.

    From a confidence on, a frame has a prediction: right (TP) or wrong (FP). A frame with an object but without a
    prediction is missed (FN).

    Args:
        figure: (precision (R, T), recall (R, T)) -> (R,), at T falling thresholds of confidence.
        confidence: (F,) of the predictions.
        right: (F,) bool, an object is there and the prediction localises it.
        there: (F,) bool, an object is there.
        group: (F,) index of the group.
    """
    order = np.argsort(-confidence, kind="stable")
    last = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)  # ties count together
    kinds = (right[order], np.ones(len(order)), there[order])

    def of(draws: np.ndarray) -> np.ndarray:
        many = draws[:, group[order]]
        found, predicted, present = ((many * kind).cumsum(axis=1) for kind in kinds)
        missed = present[:, -1:] - present
        hit = found[:, last]  # of nothing all is right, and all is found
        precision, recall = ratio(hit, predicted[:, last], 1.0), ratio(hit, hit + missed[:, last], 1.0)
        return np.where(present[:, -1] > 0, figure(precision, recall), np.nan)

    return lambda draws: np.concatenate([of(draws[start : start + DRAWS]) for start in range(0, len(draws), DRAWS)])


def difference_of(one: Statistic, other: Statistic) -> Statistic:
    """One figure minus another, of the same videos in every draw."""
    return lambda draws: one(draws) - other(draws)


def average_precision_over(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """(R,) area under precision (R, T) over rising recall (R, T), where a precision counts for every lower recall.

    Example:
        >>> average_precision_over(np.array([[0.0, 0.5]]), np.array([[0.0, 1.0]]))
        array([0.5])
    """
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return (best * np.diff(recall, axis=1, prepend=0)).sum(axis=1)


def largest_f1(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """(R,) the largest harmonic mean of precision (R, T) and recall (R, T)."""
    return ratio(2 * precision * recall, precision + recall, 0.0).max(axis=1)


def value(statistic: Statistic, groups: int) -> float | None:
    """The figure itself, None where it is not defined."""
    figure = float(statistic(np.ones((1, groups)))[0])
    return None if np.isnan(figure) else figure


def draws_of(videos: int, bootstrap: int, seed: int) -> np.ndarray:
    """(bootstrap, videos) how often each video is drawn; the same for every figure, so that they compare."""
    return np.random.default_rng(seed).multinomial(videos, np.full(videos, 1 / videos), size=bootstrap).astype(float)


def draws_of_groups(draws: np.ndarray, members: np.ndarray) -> np.ndarray:
    """How often each group of frames counts.

    Args:
        draws: (R, V) how often each video is drawn.
        members: (G, M) the videos of each group, -1 for none.

    Returns:
        (R, G) the product of the counts of a group's videos.

    Example:
        >>> draws_of_groups(np.array([[2.0, 3.0, 0.0]]), np.array([[0, 1], [0, 2], [1, -1]]))
        array([[6., 0., 3.]])
    """
    counts = np.concatenate([draws, np.ones((len(draws), 1))], axis=1)  # the last one, -1, changes no product
    return np.prod([counts[:, column] for column in members.T], axis=0)


def interval(statistic: Statistic, draws: np.ndarray) -> list[float] | None:
    """The 95 % percentile interval.

    Args:
        draws: (R, G) from `draws_of_groups`. Draws for which the figure is not defined are left out.

    Returns:
        [low, high], or None where one group, no draws or an undefined figure say nothing.
    """
    found = statistic(draws) if draws.size and draws.shape[1] > 1 else np.zeros(0)
    found = found[~np.isnan(found)]
    if not len(found):
        return None
    tail = (1 - LEVEL) / 2
    return [float(edge) for edge in np.quantile(found, [tail, 1 - tail])]
