"""Which category each cluster is.

    labels, clusters of the *training* clips ──table──▶ (categories × clusters), rows normalised
                                             ──match──▶ the assignment with the largest sum

Every category gets at least one cluster. With as many clusters as categories that is the assignment problem
(Hungarian algorithm). With more, every further cluster goes to its best category; which clusters are the
"further" ones is again an assignment problem: giving cluster k to category c as its *first* costs what k would
have earned elsewhere.
"""

import numpy as np

from dsol.assignment import best_assignment


def cluster_table(
    labels: np.ndarray, clusters: np.ndarray, categories: int, k: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """How many clips of each category each cluster has.

    Args:
        labels: (N,) index of the category.
        clusters: (N,) index of the cluster.
        categories, k: how many there are.
        weights: (N,) sample weights; 1 where None.

    Returns:
        (categories, k) counts.
    """
    table = np.zeros((categories, k))
    np.add.at(table, (np.asarray(labels), np.asarray(clusters)), 1 if weights is None else weights)
    return table


def match_clusters(table: np.ndarray) -> np.ndarray:
    """The best category for every cluster.

    Args:
        table: (categories, clusters) counts or weights, not negative.

    Returns:
        (clusters,) index of a category. With fewer clusters than categories, each cluster has a category of
        its own and some categories have none.

    Example:
        >>> match_clusters(np.array([[8, 1, 1], [0, 9, 1]])).tolist()
        [0, 1, 0]
    """
    table = np.asarray(table, dtype=np.float64)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
    best = share.argmax(axis=0)
    category, cluster = best_assignment(share - share.max(axis=0))
    best[cluster] = category
    return best
