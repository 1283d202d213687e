"""DMC: Hu, Nie and Li, "Deep Multimodal Clustering for Unsupervised Audiovisual Learning", CVPR 2019.

    picture ─ encoder, head ─▶ cells (B, H·W, D) ── soft K-means ─▶ n + 1 centres, the largest left out ┐ nearest centre
    sound ── encoder, head ─▶ cells (B, H'·W', D) ─ soft K-means ─▶ n centres ──────────────────────────┘ of each sound
    map: how much each cell belongs to the visual centres that are nearest to a sound's
    loss: the centres of a clip lie nearer to each other than those of two videos, by a margin

n, the number of sounding objects, must be given: the one extra visual centre is for the background. It is taken to be
the centre that most cells belong to; otherwise a sound could be matched with it by memorising the backgrounds of the
training videos. So the number of silent objects is an input, not a prediction, and NSA says nothing. The paper gives
every cluster its own projection; here a modality has one, and the centres start from the cells farthest apart, so that
one training serves any n.
"""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from dsol.baselines.base import BaselineNetwork, BaselineSystem, Pairs
from dsol.config import Config
from dsol.errors import DsolError
from dsol.model.encoders import JointEmbedding

MOST_SOURCES = 16  # sounding objects in a frame
ROUNDS, SHARPNESS = 3, 10.0  # of soft K-means: rounds, and the factor on the cosine before the softmax over centres
MARGIN = 5.0  # how much farther the centres of a mismatched pair must be than those of the true one, as in the paper


def soft_k_means(points: Tensor, count: int, rounds: int, sharpness: float) -> tuple[Tensor, Tensor]:
    """Centres of points, and how much each point belongs to each of them, by cosine; all differentiable.

    Args:
        points: (B, N, D).
        count: centres.
        rounds: how often centres are moved.
        sharpness: factor on the cosine before the softmax over centres.

    Returns:
        Centres (B, count, D), weighted means of their points, and assignments (B, N, count) of sum 1.

    Example:
        >>> import torch
        >>> points = torch.tensor([[[2.0, 0.0], [4.0, 0.0], [0.0, 3.0]]])
        >>> soft_k_means(points, 2, rounds=3, sharpness=100.0)[0].round()
        tensor([[[0., 3.],
                 [3., 0.]]])
    """
    directions = F.normalize(points, dim=2)
    centres = _farthest_apart(points, count)
    for _ in range(rounds):
        cosine = torch.einsum("bnd,bkd->bnk", directions, F.normalize(centres, dim=2))
        assigned = (sharpness * cosine).softmax(2)
        centres = torch.einsum("bnk,bnd->bkd", assigned, points) / assigned.sum(1)[:, :, None].clamp(min=1e-6)
    return centres, assigned


def _farthest_apart(points: Tensor, count: int) -> Tensor:
    """(B, count, D) to start from: the point least like their mean, then each time the one least like all before."""
    directions = F.normalize(points, dim=2)
    rows = torch.arange(len(points), device=points.device)
    nearest = torch.einsum("bnd,bd->bn", directions, F.normalize(points.mean(1), dim=1))
    chosen: list[Tensor] = []
    for _ in range(count):
        farthest = nearest.argmin(1)
        cosine = torch.einsum("bnd,bd->bn", directions, directions[rows, farthest])
        nearest = torch.maximum(nearest, cosine) if chosen else cosine
        chosen.append(points[rows, farthest])
    return torch.stack(chosen, dim=1)


def without_largest(centres: Tensor, assigned: Tensor) -> tuple[Tensor, Tensor]:
    """All centres but the one with the largest share of the points.

    Args:
        centres: (B, n + 1, D).
        assigned: (B, N, n + 1), how much each point belongs to each of them.

    Returns:
        (B, n, D) and (B, N, n), in the same order.

    Example:
        >>> import torch
        >>> without_largest(torch.eye(2)[None], torch.tensor([[[0.2, 0.8], [0.4, 0.6]]]))[0]
        tensor([[[1., 0.]]])
    """
    count = centres.shape[1]
    largest = F.one_hot(assigned.sum(1).argmax(1), count).bool()
    kept = (~largest).nonzero()[:, 1].view(len(centres), count - 1)  # (B, n)
    rows = torch.arange(len(centres), device=centres.device)[:, None]
    return centres[rows, kept], assigned.transpose(1, 2)[rows, kept].transpose(1, 2)


def centre_distance(audio: Tensor, visual: Tensor) -> Tensor:
    """How far sounds are from pictures: the mean over a sound's centres of the distance to the nearest visual one.

    Args:
        audio: (M, n, D).
        visual: (M, n', D).

    Returns:
        (M,).
    """
    return (audio[:, :, None] - visual[:, None]).norm(dim=3).amin(2).mean(1)


def ranking_loss(matched: Tensor, mismatched: Tensor, margin: float) -> Tensor:
    """Max-margin loss: a mismatched pair must be farther apart than the true pair of its sound, by a margin.

    Args:
        matched: (M,) distance of each sound from its own picture.
        mismatched: (M,) distance of the same sound from a picture of another video.
        margin: by how much.

    Example:
        >>> import torch
        >>> ranking_loss(torch.tensor([1.0, 1.0]), torch.tensor([9.0, 3.0]), margin=5.0).item()
        1.5
    """
    return F.relu(matched - mismatched + margin).mean()


class Network(BaselineNetwork):
    """Two encoders; the clustering has no parameters."""

    encoders: JointEmbedding
    sources: int

    def __init__(self, config: Config, load_weights: bool = True):
        super().__init__(config, JointEmbedding(config.encoders, load_weights))
        self.sources = config.baselines.sources

    def forward(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor, pairs: Pairs) -> Tensor:
        audio, visual, _ = self._centres(pictures, log_mel)
        sounds, frames = pairs
        matched = centre_distance(audio, visual)[sounds]
        return ranking_loss(matched, centre_distance(audio[sounds], visual[frames]), MARGIN)

    def localization_map(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor) -> Tensor:
        audio, visual, assigned = self._centres(pictures, log_mel)
        nearest = torch.cdist(audio, visual).argmin(2)  # (B, n)
        sounding = F.one_hot(nearest, visual.shape[1]).amax(1).to(assigned.dtype)
        return torch.einsum("bhwk,bk->bhw", assigned, sounding)

    def _centres(self, pictures: Tensor, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Audio and visual centres (B, n, D each), and assignments of cells to the visual ones (B, H, W, n)."""
        encoders = self.encoders
        cells = encoders.vision_head(encoders.features(pictures))
        sound_cells = encoders.sound_head(encoders.sound_maps(log_mel).flatten(2).transpose(1, 2))
        audio, _ = soft_k_means(sound_cells, self.sources, ROUNDS, SHARPNESS)
        points = cells.flatten(2).transpose(1, 2)
        visual, assigned = without_largest(*soft_k_means(points, self.sources + 1, ROUNDS, SHARPNESS))
        return audio, visual, assigned.unflatten(1, cells.shape[2:])


class Dmc(BaselineSystem):
    """The system; see above."""

    network_type = Network
    network: Network
    fast: Network

    @classmethod
    def load(cls, path: str | Path, size: int | None = None, sources: int | None = None) -> Self:
        """From a model file.

        Raises:
            DsolError: the number of sounding objects is not given.
        """
        if sources is None:
            raise DsolError(path, "is DMC, which cannot infer how many objects sound", "give their number: --sources N")
        if not 1 <= sources <= MOST_SOURCES:
            raise DsolError("--sources", f"{sources} sounding objects", f"choose 1 to {MOST_SOURCES}")
        system = super().load(path, size, sources)
        system.fast.sources = sources
        return system
