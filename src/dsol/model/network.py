"""What is trained and saved: the two encoders and the object dictionary (equations 1 to 5).

picture ─▶ f (B, C, H, W) ─ dictionary ─▶ m_k (B, K, H, W) ┐
                                                          ├ product ─▶ s_k
picture, sound ─▶ localisation map l (B, H, W) ────────────┘
"""

import torch
from torch import Tensor, nn

from dsol.config import Config
from dsol.model.dictionary import ObjectDictionary, gate, object_features, object_mask, object_peaks
from dsol.model.encoders import Heard, Seen, TwoTower


class Network(nn.Module):
    """What is trained and saved: towers and dictionary."""

    def __init__(self, config: Config, load_weights: bool = True):
        super().__init__()
        clusters = config.stage_one.clusters
        self.config = config
        self.towers = TwoTower(config.nets, clusters, load_weights)
        weight = config.stage_one.cluster_sound
        sound = config.nets.embedding if weight else 0
        self.dictionary = ObjectDictionary(clusters, self.towers.channels, config.stage_two, sound, weight)

    def forward(self, pictures: Tensor, log_mel: Tensor) -> tuple[Seen, Heard, Tensor]:
        """Towers and class maps: pictures (B, 3, S, S), log-mel (B, 201, 64) -> seen, heard, m (B, K, H, W)."""
        seen, heard = self.towers(pictures, log_mel)
        return seen, heard, self.dictionary.class_maps(seen.features)

    def sounding_maps(self, seen: Seen, heard: Heard, class_maps: Tensor, how: str | None = None) -> Tensor:
        """s_k (B, K, H, W), equation 5, by the configured gate or by `how`."""
        return gate(class_maps, self.towers.area(seen, heard), how or self.config.stage_two.gate)

    def objects(self, seen: Seen, heard: Heard) -> tuple[Tensor, Tensor]:
        """Masked object features o (B, C), equation 2, and the points (B, C + D') that K-means sees."""
        options = self.config.stage_one
        area = self.towers.area(seen, heard)
        mask = object_mask(area, options.mask_threshold, options.mask_grow, options.mask_of_range)
        objects = object_features(seen.features, mask, options.object_mean)
        points = object_peaks(seen.features, mask) if options.cluster_on == "peak" else objects
        return objects, torch.cat([points, heard.embedding], dim=1) if options.cluster_sound else points
