"""Which category each cluster is.

    labels, clusters of the *training* clips ──table──▶ (categories × clusters), rows normalised
                                             ──match──▶ the assignment with the largest sum

Every category gets at least one cluster. With as many clusters as categories that is the assignment problem
(Hungarian algorithm). With more, every further cluster goes to its best category; which clusters are the
"further" ones is again an assignment problem: giving cluster k to category c as its *first* costs what k would
have earned elsewhere.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from dsol.errors import DsolError
from dsol.maps import Maps


def cluster_table(
    labels: np.ndarray, clusters: np.ndarray, categories: int, k: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """How often each category fell into each cluster.

    Args:
        labels: (N,) index of the category.
        clusters: (N,) index of the cluster.
        categories, k: how many there are.
        weights: (N,) how much each counts; 1 where None.

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
    category, cluster = linear_sum_assignment(share - share.max(axis=0), maximize=True)
    best[cluster] = category
    return best


def merge_clusters(maps: Maps, assignment: np.ndarray, categories: Sequence[str]) -> Maps:
    """Add the maps of each category's clusters.

    Args:
        maps: of (N, clusters, H, W).
        assignment: (clusters,) index of a category, from `match_clusters`.
        categories: names.

    Returns:
        The same frames with one map a category; zero where a category has no cluster. A category's score is
        the highest of its clusters.

    Raises:
        DsolError: the maps are of another number of clusters.

    Example:
        >>> two = Maps(("a",), np.zeros((1, 1, 1)), np.ones((1, 2, 1, 1)), np.ones((1, 2)), ("cluster 0", "cluster 1"))
        >>> merge_clusters(two, np.array([0, 0]), ["cello"]).maps.ravel()
        array([2.])
    """
    if maps.maps is None or maps.maps.shape[1] != len(assignment):
        held = "no clusters" if maps.maps is None else f"{maps.maps.shape[1]} clusters"
        raise DsolError("maps", f"hold {held}, {len(assignment)} are matched", "match the clusters of this very model")
    member = np.asarray(assignment)[None, :] == np.arange(len(categories))[:, None]  # (categories, clusters)
    merged = np.einsum("ck,nkhw->nchw", member.astype(maps.maps.dtype), maps.maps)
    score = None
    if maps.score is not None:
        score = np.where(member[None], maps.score[:, None, :], 0).max(axis=2).astype(maps.score.dtype)
    return Maps(maps.keys, maps.area, merged, score, tuple(categories))


def join_names(maps: Maps) -> Maps:
    """One map a name: clusters that share one are joined as in `merge_clusters`; names in the order of their first.

    Example:
        >>> two = Maps(("a",), np.zeros((1, 1, 1)), np.ones((1, 2, 1, 1)), np.ones((1, 2)), ("cello", "cello"))
        >>> join_names(two).categories
        ('cello',)
    """
    names = tuple(dict.fromkeys(maps.categories))
    if len(names) == len(maps.categories):
        return maps
    return merge_clusters(maps, np.array([names.index(name) for name in maps.categories]), names)
