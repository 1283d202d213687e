"""The object dictionary and the class maps that it gives (paper, equations 2 to 6).

f (B, C, H, W), l (B, H, W) ─ mask ─▶ o (B, C) ─ K-means ─▶ d (K, C)                   equations 2, 3
m_k = d_k · f  (B, K, H, W) ─ product with l ─▶ s_k ─ mean over cells, softmax ─▶ p_v  equations 4, 5, 6
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


def object_mask(localization_map: Tensor, threshold: float = 0.05, relative: bool = False) -> Tensor:
    """Cells that belong to the sounding object.

    Args:
        localization_map: l, (B, H, W) in [0, 1].
        threshold: a cell belongs to the object above this.
        relative: the threshold is a share of each map's range. As printed it is absolute, and the mask then grows by
            the four neighbours of its inner cells (released code).

    Returns:
        (B, H, W) of 0 and 1.
    """
    if relative:
        return (stretched(localization_map) > threshold).to(localization_map.dtype)
    mask = (localization_map > threshold).to(localization_map.dtype)
    inner = F.pad(mask[:, 1:-1, 1:-1], (1, 1, 1, 1))
    grown = mask.clone()
    for shift, dim in ((1, 1), (-1, 1), (1, 2), (-1, 2)):
        grown = torch.maximum(grown, inner.roll(shift, dim))
    return grown


def object_features(features: Tensor, mask: Tensor, mean: str = "all") -> Tensor:
    """o = GAP(f ∘ mask), equation 2.

    Args:
        features: f, (B, C, H, W).
        mask: (B, H, W) of 0 and 1.
        mean: over "all" cells as printed, or over the "mask" only.

    Returns:
        (B, C), not normalised; zeros where the mask is empty.
    """
    total = torch.einsum("bchw,bhw->bc", features, mask)
    if mean == "all":
        return total / mask[0].numel()
    return total / mask.sum(dim=(1, 2)).clamp(min=1)[:, None]


def object_peaks(features: Tensor, mask: Tensor) -> Tensor:
    """The strongest response of each channel under the mask: small objects count as much as large ones.

    Args:
        features: f, (B, C, H, W), not negative (they follow a ReLU).
        mask: (B, H, W) of 0 and 1.

    Returns:
        (B, C); zeros where the mask is empty.
    """
    return (features * mask[:, None]).amax(dim=(2, 3))


def object_scores(class_maps: Tensor, localization_map: Tensor) -> Tensor:
    """Mean of the localisation map (B, H, W) over each class map's own mask, above half its range: (B, K) in [0, 1]."""
    low, high = class_maps.amin(dim=(2, 3), keepdim=True), class_maps.amax(dim=(2, 3), keepdim=True)
    mask = (class_maps >= (low + high) / 2).to(localization_map.dtype)
    return torch.einsum("bkhw,bhw->bk", mask, localization_map) / mask.sum(dim=(2, 3)).clamp(min=1)


def stretched(maps: Tensor) -> Tensor:
    """Maps (..., H, W), each from 0 at its minimum to 1 at its maximum; zeros where it is flat."""
    low, high = maps.amin(dim=(-2, -1), keepdim=True), maps.amax(dim=(-2, -1), keepdim=True)
    return (maps - low) / (high - low).clamp(min=1e-6)


def refined(maps: Tensor, features: Tensor, power: float) -> Tensor:
    """Random-walk refinement: smooth maps over cells with similar features, one step.

    Args:
        maps: (B, K, H, W).
        features: (B, C, H, W) of the same pictures.
        power: the walk goes from cell to cell with the positive part of the centred cosine to this power.

    Returns:
        (B, K, H, W), each between the map's minimum and maximum.

    Source:
        Ahn and Kwak, "Learning Pixel-Level Semantic Affinity", CVPR 2018, there with learned affinities.

    Example:
        >>> features = torch.tensor([[[[1.0, 1.0, -1.0]]]])
        >>> refined(torch.tensor([[[[1.0, 0.0, 0.0]]]]), features, power=3.0)
        tensor([[[[0.5000, 0.5000, 0.0000]]]])
    """
    cells = features.flatten(2)
    cells = F.normalize(cells - cells.mean(dim=2, keepdim=True), dim=1)
    walk = torch.einsum("bcn,bcm->bnm", cells, cells).clamp(min=0) ** power
    walk = walk / walk.sum(dim=2, keepdim=True).clamp(min=1e-6)
    return torch.einsum("bnm,bkm->bkn", walk, maps.flatten(2)).view_as(maps)


def objectness(features: Tensor) -> Tensor:
    """How unlike each cell is to the border of its picture, where objects are rare; from the picture alone.

    Args:
        features: (B, C, H, W).

    Returns:
        (B, H, W): the distance to the most similar cell of the picture's border, stretched.

    Source:
        A map of objects beside that of the sound: Mo and Morgado, "Localizing Visual Sounds the Easy Way", ECCV 2022,
        there the strength of a classifier's features. The border as background: Wei et al., "Geodesic Saliency Using
        Background Priors", ECCV 2012.

    Example:
        >>> objectness(F.pad(torch.tensor([[[[4.0, 2.0]]]]), (1, 1, 1, 1)))[0, 1].tolist()
        [0.0, 1.0, 0.5, 0.0]
    """
    rows, columns = features[:, :, [0, -1]].flatten(2), features[:, :, 1:-1, [0, -1]].flatten(2)
    border = torch.cat([rows, columns], dim=2)
    nearest = torch.cdist(features.flatten(2).transpose(1, 2), border.transpose(1, 2)).amin(dim=2)
    return stretched(nearest.unflatten(1, features.shape[2:]))


def smoothed(maps: Tensor, share: float) -> Tensor:
    """Maps (..., H, W) after a Gaussian with a standard deviation of this share of their sides; borders are repeated.

    Example:
        >>> spot = F.pad(torch.ones(1, 1), (4, 4, 4, 4))
        >>> round(smoothed(spot, share=0.2)[4, 4].item(), 2)
        0.05
    """
    if not share:
        return maps
    down, across = (_gaussian(size, share * size).to(maps) for size in maps.shape[-2:])
    return down @ maps @ across.T


def _gaussian(size: int, sigma: float) -> Tensor:
    """What each of `size` cells in a row gets from each: (size, size), rows add up to 1."""
    from scipy.ndimage import gaussian_filter1d

    return torch.from_numpy(gaussian_filter1d(np.eye(size), sigma, axis=0, mode="nearest"))


def object_shapes(class_maps: Tensor, threshold: float, sharpness: float) -> Tensor:
    """Each class map's own object: near 1 where the map is above a share of its maximum, near 0 elsewhere.

    Args:
        class_maps: m (B, K, H, W).
        threshold: that share.
        sharpness: steepness of the step between the two.

    Example:
        >>> object_shapes(torch.tensor([[[[4.0, 0.0]]]]), threshold=0.5, sharpness=20).round().tolist()
        [[[[1.0, 0.0]]]]
    """
    peak = class_maps.amax(dim=(2, 3), keepdim=True).clamp(min=1e-6)
    return (sharpness * (class_maps / peak - threshold)).sigmoid()


def mean_of(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Weighted mean (C,) of values (N, C), weights (N,)."""
    return values.mean(0) if weights is None else (values * weights[:, None]).sum(0) / weights.sum()


def group_means(values: Tensor, groups: Tensor) -> Tensor:
    """Mean (G, C) of the values (N, C) of each group; groups (N,) are numbers 0 … G−1.

    Example:
        >>> group_means(torch.tensor([[0.0], [2.0], [5.0]]), torch.tensor([0, 0, 1])).tolist()
        [[1.0], [5.0]]
    """
    sums = values.new_zeros(int(groups.max()) + 1, values.shape[1]).index_add_(0, groups, values)
    return sums / torch.bincount(groups)[:, None]


class ObjectDictionary(nn.Module):
    """K keys of C channels, learned by clustering in stage one; the affine map on top is learned in stage two.

    Args:
        clusters: K.
        channels: C.
        similarity: "inner" products (equation 4), or the positive part of centred "cosine"s.
        sound: D', the size of the audio part of what K-means clusters; 0 for visual features alone.
        sound_weight: length of the audio part; the visual part has length 1.

    Example:
        >>> dictionary = ObjectDictionary(3, 8)
        >>> dictionary.class_maps(torch.rand(2, 8, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """

    keys: Tensor
    centres: Tensor
    origin: Tensor
    mean: Tensor

    def __init__(
        self, clusters: int, channels: int, similarity: str = "inner", sound: int = 0, sound_weight: float = 0.0
    ):
        super().__init__()
        self.similarity, self.parts, self.sound_weight = similarity, (channels, sound), sound_weight
        self.register_buffer("keys", torch.zeros(clusters, channels))  # d: means of un-normalised o
        self.register_buffer("mean", torch.zeros(channels))  # of all o: centred cosines need it
        self.register_buffer("centres", torch.zeros(clusters, channels + sound))  # of K-means
        self.register_buffer("origin", torch.zeros(channels + sound))  # subtracted from points before they get length 1
        self.slope = nn.Parameter(torch.tensor(1.0))
        self.bias = nn.Parameter(torch.tensor(0.0))

    @torch.no_grad()
    def learn(self, objects: Tensor, points: Tensor, labels: Tensor, weights: Tensor | None = None) -> None:
        """Fill the dictionary.

        Args:
            objects: o, (N, C), not normalised: their means are the keys.
            points: (N, C + D'), clustered by K-means, from `place`.
            labels: (N,) clusters, 0 … K−1.
            weights: (N,) sample weights; uniform where None.
        """
        for k in range(len(self.keys)):
            members = labels == k
            if members.any():
                mine = None if weights is None else weights[members]
                self.keys[k], self.centres[k] = mean_of(objects[members], mine), mean_of(points[members], mine)
        self.mean.copy_(mean_of(objects, weights))

    def place(self, points: Tensor) -> Tensor:
        """Points (N, C + D') minus the origin, the visual part scaled to length 1, the audio part to its weight."""
        picture, sound = (points - self.origin).split(self.parts, dim=1)
        return torch.cat([F.normalize(picture, dim=1), self.sound_weight * F.normalize(sound, dim=1)], dim=1)

    def nearest(self, placed: Tensor) -> Tensor:
        """The cluster (N,) of points (N, C + D') from `place`: the nearest centre."""
        return torch.cdist(placed, self.centres).argmin(dim=1)

    def class_maps(self, features: Tensor) -> Tensor:
        """m (B, K, H, W) of features f (B, C, H, W): equation 4, or the positive part of centred cosines."""
        if self.similarity == "inner":
            return self.slope * torch.einsum("bchw,kc->bkhw", features, self.keys) + self.bias
        keys = F.normalize(self.keys - self.mean, dim=1)
        cells = F.normalize(features - self.mean[:, None, None], dim=1)
        return F.relu(self.slope * torch.einsum("bchw,kc->bkhw", cells, keys) + self.bias)
