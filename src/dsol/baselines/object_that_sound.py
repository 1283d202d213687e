"""Object-that-sound: Arandjelović and Zisserman, "Objects that Sound", ECCV 2018 (there AVOL-Net).

    picture ─ encoder, head ─▶ (B, D, H, W) ┐
                                          ├ dot product ─ scale, bias ─ sigmoid ─▶ map (B, H, W)
    sound ── encoder, head ─▶ (B, D) ───────┘                             └ maximum ─▶ logistic loss: same video or not

Both encoders are ours; embeddings are not normalised. Nothing is clustered, so it is class-agnostic.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.baselines.base import BaselineNetwork, BaselineSystem, Pairs
from dsol.config import Config
from dsol.model.encoders import JointEmbedding
from dsol.model.pooling import pooled


def logistic_loss(matched: Tensor, mismatched: Tensor, pool: str = "max") -> Tensor:
    """Binary cross-entropy of each map's maximum; matched and mismatched pairs have the same weight.

    Args:
        matched: (B, H, W) logits of sounds with their own picture.
        mismatched: (M, H, W) logits of sounds with a picture of another video.
        pool: "max" as published, or a "soft" maximum.

    Example:
        >>> round(logistic_loss(torch.zeros(2, 3, 3), torch.zeros(5, 3, 3)).item(), 4)
        0.6931
    """
    hit, miss = pooled(matched, pool, 1.0), pooled(mismatched, pool, 1.0)
    return (F.softplus(-hit).mean() + F.softplus(miss).mean()) / 2


class Network(BaselineNetwork):
    """Two encoders, a scale and a bias."""

    encoders: JointEmbedding

    def __init__(self, config: Config, load_weights: bool = True):
        super().__init__(config, JointEmbedding(config.encoders, load_weights))
        self.scale = nn.Parameter(torch.tensor(config.encoders.embedding**-0.5))  # logits start near 0
        self.bias = nn.Parameter(torch.tensor(0.0))

    def forward(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor, pairs: Pairs) -> Tensor:
        visual, audio = self._embed(pictures, log_mel)
        every = self.scale * torch.einsum("bdhw,ad->abhw", visual, audio) + self.bias  # sound a, picture b
        return logistic_loss(torch.einsum("aahw->ahw", every), every[pairs], self.config.baselines.pool)

    def localization_map(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor) -> Tensor:
        visual, audio = self._embed(pictures, log_mel)
        return (self.scale * torch.einsum("bdhw,bd->bhw", visual, audio) + self.bias).sigmoid()

    def _embed(self, pictures: Tensor, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        encoders = self.encoders
        sound = encoders.sound_head(encoders.sound_maps(log_mel).amax((2, 3)))
        return encoders.vision_head(encoders.features(pictures)), sound


class ObjectThatSound(BaselineSystem):
    """The system; see above."""

    network_type = Network
