"""From features to maps: the decoders.

SoftmaxDecoder   as the paper prints it: maps = softmax over categories of sharpness · m_k ∘ l      (equation 5)
ObjectDecoder    each class map's own object, weighted by how audible its category is; the localisation map from
                 correspondence and objectness: a picture may hold several sounding objects, or none
SigmoidDecoder   a sigmoid of each class map, as in the released AudioSet variant

Clusters of one name are one category: `Categories` joins them, before objects are cut out, or after the softmax.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dsol.config import InferenceOptions
from dsol.model.dictionary import object_scores, object_shapes, objectness, refined, smoothed, stretched
from dsol.model.encoders import AudioFeatures, VisualFeatures
from dsol.model.network import Network


class Prediction(NamedTuple):
    """The prediction for B pictures with their sound."""

    localization_map: Tensor  # (B, H, W), class-agnostic
    maps: Tensor  # (B, K, H, W), one map a category
    score: Tensor  # (B, K), confidence that each category is both audible and visible


class Categories:
    """Clusters of one name are one category.

    Args:
        clusters: a name for each cluster.

    Example:
        >>> Categories(["cello", "dog", "cello"]).strongest(torch.tensor([[0.1, 0.2, 0.3]])).tolist()
        [[0.30000001192092896, 0.20000000298023224]]
    """

    def __init__(self, clusters: Sequence[str]):
        self.names = tuple(dict.fromkeys(clusters))
        self.members = [[k for k, name in enumerate(clusters) if name == category] for category in self.names]
        self.apart = len(self.names) == len(clusters)

    def strongest(self, values: Tensor) -> Tensor:
        """The maximum of (B, clusters, …) over each category's clusters: one may match how it looks, another how
        it sounds."""
        return values if self.apart else torch.stack([values[:, mine].amax(1) for mine in self.members], 1)

    def added(self, values: Tensor) -> Tensor:
        """The sum of (B, clusters, …) over each category's clusters."""
        return values if self.apart else torch.stack([values[:, mine].sum(1) for mine in self.members], 1)


class SoftmaxDecoder(nn.Module):
    """Maps as printed.

    Args:
        network: encoders (those of inference) and dictionary.
        categories: of its clusters.
        options: sharpness of the softmax.
    """

    def __init__(self, network: Network, categories: Categories, options: InferenceOptions):
        super().__init__()
        self.network, self.categories, self.options = network, categories, options

    def forward(self, views: list[VisualFeatures], audio: AudioFeatures, audible: Tensor) -> Prediction:
        """The prediction for pictures in one or several views, from features (see `Predictor`)."""
        localization_map = _mean([self.network.encoders.localization_map(visual, audio) for visual in views])
        class_maps = _mean([self.network.dictionary.class_maps(visual.features) for visual in views])
        sounding = class_maps * localization_map[:, None] if self.network.config.stage_two.product else class_maps
        maps = (self.options.sharpness * sounding).softmax(1)
        score = audible * object_scores(class_maps, localization_map)
        return Prediction(localization_map, self.categories.added(maps), self.categories.strongest(score))

    def object_maps(self, views: list[VisualFeatures]) -> Tensor:
        """Maps (B, K, H, W) from the dictionary alone; the sound is ignored."""
        class_maps = _mean([self.network.dictionary.class_maps(visual.features) for visual in views])
        return self.categories.added((self.options.sharpness * class_maps).softmax(1))


class ObjectDecoder(nn.Module):
    """Maps as separate objects.

    Args:
        network, categories: see `SoftmaxDecoder`.
        options: thresholds, refinement, and what the localisation map is made of.
    """

    def __init__(self, network: Network, categories: Categories, options: InferenceOptions):
        super().__init__()
        self.network, self.categories, self.options = network, categories, options

    def forward(self, views: list[VisualFeatures], audio: AudioFeatures, audible: Tensor) -> Prediction:
        """The prediction for pictures in one or several views, from features (see `Predictor`)."""
        options = self.options
        audible, class_maps = self.categories.strongest(audible), self._class_maps(views)
        peaks = _mean([maps.amax((2, 3)) for maps in class_maps])
        gate = (audible * (audible >= options.audibility_threshold))[:, :, None, None]
        maps = self._shapes(class_maps, views) * gate
        if options.localization_map == "objects":  # squared: suppresses a runner-up where one object sounds
            return Prediction((maps * gate).amax(1), maps, audible * peaks.clamp(0, 1))
        localization_map = self._localization_map(views, audio) * gate.amax(1)
        return Prediction(localization_map, maps, audible * peaks.clamp(0, 1))

    def object_maps(self, views: list[VisualFeatures]) -> Tensor:
        """Maps (B, K, H, W) from the dictionary alone; the sound is ignored."""
        return self._shapes(self._class_maps(views), views)

    def _class_maps(self, views: list[VisualFeatures]) -> list[Tensor]:
        return [self.categories.strongest(self.network.dictionary.class_maps(visual.features)) for visual in views]

    def _shapes(self, class_maps: list[Tensor], views: list[VisualFeatures]) -> Tensor:
        return object_shapes(self._over_views(class_maps, views), self.options.object_threshold, self.options.sharpness)

    def _localization_map(self, views: list[VisualFeatures], audio: AudioFeatures) -> Tensor:
        """Where the picture corresponds to the sound and, in part, looks like an object, (B, H, W): near 1 inside."""
        options, encoders = self.options, self.network.encoders
        found = [stretched(encoders.localization_map(visual, audio))[:, None] for visual in views]
        combined, share = self._over_views(found, views), options.objectness
        if share:
            objects = _mean([objectness(visual.features) for visual in views])
            combined = (1 - share) * combined + share * objects[:, None]
        threshold = options.object_threshold if options.map_threshold is None else options.map_threshold
        return object_shapes(smoothed(combined, options.map_smoothing), threshold, options.sharpness)[:, 0]

    def _over_views(self, maps: list[Tensor], views: list[VisualFeatures]) -> Tensor:
        """The mean of maps (B, K, H, W) over the views, refined by a random walk if so configured."""
        power = self.options.random_walk
        if not power:
            return _mean(maps)
        walked = [refined(stretched(m), visual.features, power) for m, visual in zip(maps, views, strict=True)]
        return stretched(_mean([stretched(m) for m in walked]))


class SigmoidDecoder(SoftmaxDecoder):
    """Each class map by itself, as in the released AudioSet variant: from the picture alone, sound is in the score."""

    def forward(self, views: list[VisualFeatures], audio: AudioFeatures, audible: Tensor) -> Prediction:
        """See `SoftmaxDecoder.forward`."""
        plain = super().forward(views, audio, audible)
        return plain._replace(maps=self.object_maps(views))

    def object_maps(self, views: list[VisualFeatures]) -> Tensor:
        """See `SoftmaxDecoder.object_maps`; the strongest cluster of a category counts, so that maps stay below 1."""
        found = _mean([self.network.dictionary.class_maps(visual.features).sigmoid() for visual in views])
        return self.categories.strongest(found)


def _mean(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).mean(0)


DECODERS = {"softmax": SoftmaxDecoder, "objects": ObjectDecoder, "sigmoid": SigmoidDecoder}
