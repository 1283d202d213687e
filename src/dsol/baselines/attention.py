"""Attention: Senocak et al., "Learning to Localize Sound Source in Visual Scenes", CVPR 2018, unsupervised part.

    picture ─ encoder, head ─▶ v (B, D, H, W) ┐ cosine · scale ─ softmax over cells ─▶ attention (B, H, W)
    sound ── encoder, head ─▶ h (B, D) ───────┘                                           │ min-max ─▶ localisation map
                           v, attention ─ weighted mean ─▶ z (B, D) ◀───────────────────┘
    z near its own sound, a margin or more from mismatched ones: contrastive loss (Hadsell et al. 2006)

The paper writes the loss as a ratio of both distances; here it is the margin form of the compared results.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.baselines.base import BaselineNetwork, BaselineSystem, Pairs
from dsol.config import Config
from dsol.model.encoders import SCALE, JointEmbedding


def margin_loss(matched: Tensor, mismatched: Tensor, margin: float) -> Tensor:
    """Contrastive loss: squared distance of matched pairs, squared lack of distance of mismatched ones.

    Args:
        matched: (B,) distances of the attended vector from its own sound.
        mismatched: (M,) distances from sounds of other videos.
        margin: distance from which a mismatched pair costs nothing.

    Example:
        >>> margin_loss(torch.tensor([0.5]), torch.tensor([0.5, 3.0]), margin=1.0).item()
        0.1875
    """
    return (matched.square().mean() + F.relu(margin - mismatched).square().mean()) / 2


def attend(cells: Tensor, attention: Tensor) -> Tensor:
    """The attended vector: cells (B, D, H, W) of any length, attention (B, H, W) of sum 1 to (B, D) of length 1."""
    return F.normalize(torch.einsum("bdhw,bhw->bd", cells, attention), dim=1)


class Network(BaselineNetwork):
    """Two encoders and the sharpness of the attention."""

    encoders: JointEmbedding

    def __init__(self, config: Config, load_weights: bool = True):
        super().__init__(config, JointEmbedding(config.encoders, load_weights))
        self.scale = nn.Parameter(torch.tensor(SCALE))

    def forward(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor, pairs: Pairs) -> Tensor:
        cells, audio = self._embed(pictures, log_mel)
        attended = attend(cells, self._attention(cells, audio))
        distance = (audio[:, None] - attended).norm(dim=2)  # (B, B), sound by picture
        return margin_loss(distance.diagonal(), distance[pairs], self.config.baselines.margin)

    def localization_map(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor) -> Tensor:
        attention = self._attention(*self._embed(pictures, log_mel))
        low, high = attention.amin((1, 2), keepdim=True), attention.amax((1, 2), keepdim=True)
        return (attention - low) / (high - low).clamp(min=1e-12)

    def _embed(self, pictures: Tensor, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        encoders = self.encoders
        cells = encoders.vision_head(encoders.features(pictures))
        return cells, F.normalize(encoders.sound_head(encoders.sound_maps(log_mel).amax((2, 3))), dim=1)

    def _attention(self, cells: Tensor, audio: Tensor) -> Tensor:
        logits = self.scale * torch.einsum("bdhw,bd->bhw", F.normalize(cells, dim=1), audio)
        return logits.flatten(1).softmax(1).view_as(logits)


class Attention(BaselineSystem):
    """The system; see above."""

    network_type = Network
