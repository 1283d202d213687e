"""From objects to pseudo-labels: K-means on masked object features (equation 3)."""

import numpy as np
import torch
from torch import Tensor

MOST = 50_000  # points that every start of K-means goes over


def cluster(points: Tensor, clusters: int, *, starts: int, seed: int, weights: Tensor | None = None) -> Tensor:
    """Pseudo-labels of N objects.

    Of more than `MOST` points the starts see a sample, and the best of them goes on with all points.

    Args:
        points: (N, C) of length 1.
        clusters: K.
        weights: (N,) sample weights; uniform where None.
        starts: random starts of K-means.
        seed: of the starts.

    Returns:
        (N,) numbers in 0 … K−1.
    """
    from sklearn.cluster import KMeans

    means = KMeans(clusters, n_init=starts, random_state=seed)  # pyright: ignore[reportArgumentType] it takes numbers
    each = None if weights is None else weights.double().numpy()
    if len(points) <= MOST:
        labels = means.fit_predict(points.double().cpu().numpy(), sample_weight=each)
    else:
        some = np.sort(np.random.default_rng(seed).choice(len(points), MOST, replace=False))
        means.fit(points[some].double().cpu().numpy(), sample_weight=None if each is None else each[some])
        means.set_params(init=means.cluster_centers_.astype(np.float32), n_init=1)
        labels = means.fit_predict(points.float().cpu().numpy(), sample_weight=each)
    return torch.from_numpy(labels.astype(np.int64))


def nmi_with(labels: Tensor, categories: list[str | None]) -> float | None:
    """NMI of pseudo-labels (N,) with the categories that are known; None where there are none."""
    from sklearn.metrics import normalized_mutual_info_score

    known = [i for i, category in enumerate(categories) if category is not None]
    if not known:
        return None
    return float(normalized_mutual_info_score([categories[i] for i in known], labels[known].tolist()))
