"""What is trained and saved: the two encoders and the object dictionary (paper, section 3; equations 1 to 5).

picture ─▶ f (B, C, H, W) ─ dictionary ─▶ class maps m_k (B, K, H, W) ┐
                                                                     ├ product ─▶ s_k (B, K, H, W)
picture, sound ─▶ localisation map l (B, H, W) ───────────────────────┘
"""

import torch
from torch import Tensor, nn

from dsol.config import Config
from dsol.model.dictionary import ObjectDictionary, object_features, object_mask, object_peaks
from dsol.model.encoders import AudioFeatures, Encoders, VisualFeatures


class Network(nn.Module):
    """Encoders and object dictionary.

    Args:
        config: every option.
        load_weights: fill the backbones with their starting weights; False when a model file follows.
    """

    def __init__(self, config: Config, load_weights: bool = True):
        super().__init__()
        clusters, weight = config.clustering.clusters, config.clustering.sound_weight
        self.config = config
        self.encoders = Encoders(config.encoders, clusters, load_weights)
        sound = config.encoders.embedding if weight else 0
        similarity = config.stage_two.similarity
        self.dictionary = ObjectDictionary(clusters, self.encoders.channels, similarity, sound, weight)
        if config.stage_two.matching == "audioset":  # sums over C channels would saturate the sigmoids from the start
            self.dictionary.slope.data.fill_(1 / self.encoders.channels)

    def forward(self, pictures: Tensor, log_mel: Tensor) -> tuple[VisualFeatures, AudioFeatures, Tensor]:
        """Pictures (B, 3, S, S) and log-mel (B, T, 64) to both encoders' features and class maps m (B, K, H, W)."""
        visual, audio = self.encoders(pictures, log_mel)
        return visual, audio, self.dictionary.class_maps(visual.features)

    def sounding_maps(self, visual: VisualFeatures, audio: AudioFeatures, class_maps: Tensor) -> Tensor:
        """s_k (B, K, H, W), equation 5; the class maps m themselves without the product."""
        if not self.config.stage_two.product:
            return class_maps
        return class_maps * self.encoders.localization_map(visual, audio)[:, None]

    def objects(self, visual: VisualFeatures, audio: AudioFeatures) -> tuple[Tensor, Tensor]:
        """Masked object features o (B, C), equation 2, and the points (B, C + D') for K-means."""
        options = self.config.clustering
        localization_map = self.encoders.localization_map(visual, audio)
        mask = object_mask(localization_map, options.mask_threshold, options.mask_relative)
        objects = object_features(visual.features, mask, options.object_mean)
        points = object_peaks(visual.features, mask) if options.points == "peak" else objects
        return objects, torch.cat([points, audio.embedding], dim=1) if options.sound_weight else points
