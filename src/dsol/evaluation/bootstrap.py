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

from dsol.evaluation.metrics import ratio

LEVEL = 0.95
DRAWS = 64  # at a time, where every draw ranks all frames anew
AT_ONCE = 4096  # objects that are ranked at a time
MOST = 2**27  # counts, a gigabyte; where there are more they are kept small, and made numbers of DRAWS draws at a time


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

    From the lowest score up, an object of the one kind wins against all objects of the other kind below it, and half
    against those of its own score.
    """
    order = np.argsort(score, kind="stable")
    label, group, rises = label[order, None], group[order], np.diff(score[order], prepend=-np.inf) > 0

    def of(draws: np.ndarray) -> np.ndarray:
        counts = np.ascontiguousarray(draws.T)
        won, ones, others = np.zeros((3, len(draws)))
        level = np.zeros((2, 1, len(draws)))  # how often objects of either kind have the score that is due
        for start in range(0, len(group), AT_ONCE):
            piece = slice(start, start + AT_ONCE)
            many = counts[group[piece]]
            cuts = np.flatnonzero(np.append(True, rises[piece][1:]))
            found = np.stack([np.add.reduceat(many * kind, cuts) for kind in (label[piece], ~label[piece])])
            if rises[start]:
                found = np.concatenate([level, found], axis=1)
            else:
                found[:, 0] += level[:, 0]
            below = others + found[1].cumsum(axis=0) - found[1]
            won += (found[0] * (below + found[1] / 2))[:-1].sum(axis=0)
            ones, others = (total + kind[:-1].sum(axis=0) for total, kind in zip((ones, others), found, strict=True))
            level = found[:, -1:]
        won += level[0, 0] * (others + level[1, 0] / 2)
        return ratio(won, (ones + level[0, 0]) * (others + level[1, 0]))

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
    kind = np.uint16 if videos * bootstrap > MOST else float
    random, odds = np.random.default_rng(seed), np.full(videos, 1 / videos)
    parts = [
        random.multinomial(videos, odds, size=min(DRAWS, bootstrap - start)).astype(kind)
        for start in range(0, bootstrap, DRAWS)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, videos))


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
    ones = np.ones((len(draws), 1), draws.dtype)
    counts = np.concatenate([draws, ones], axis=1)  # the last one, -1, changes no product
    return np.prod([counts[:, column] for column in members.T], axis=0, dtype=draws.dtype)


def sampled(statistic: Statistic, draws: np.ndarray) -> np.ndarray:
    """The figure in every draw (R,), of (R, G) from `draws_of_groups`; none where one group or no draws say nothing."""
    if not draws.size or draws.shape[1] == 1:
        return np.zeros(0)
    if draws.dtype == float:
        return statistic(draws)
    parts = (draws[start : start + DRAWS].astype(float) for start in range(0, len(draws), DRAWS))
    return np.concatenate([statistic(part) for part in parts])


def interval(statistic: Statistic, draws: np.ndarray) -> list[float] | None:
    """The 95 % percentile interval.

    Args:
        draws: (R, G) from `draws_of_groups`. Draws for which the figure is not defined are left out.

    Returns:
        [low, high], or None where one group, no draws or an undefined figure say nothing.
    """
    return edges(sampled(statistic, draws))


def edges(found: np.ndarray) -> list[float] | None:
    """`interval`, from the figure in every draw (R,)."""
    found = found[~np.isnan(found)]
    if not len(found):
        return None
    tail = (1 - LEVEL) / 2
    return [float(edge) for edge in np.quantile(found, [tail, 1 - tail])]
