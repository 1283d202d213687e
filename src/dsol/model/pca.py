"""Principal components of a frozen backbone's features: fewer channels to hold in memory and to train on.

features (B, C, H, W) of training pictures ─ covariance over all cells ─▶ its P principal components
                            features (B, C, H, W) ─ minus mean, projected, scaled ─▶ (B, P, H, W)
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Pca(nn.Module):
    """A fixed projection, measured on pictures without labels.

    Args:
        channels: C of the backbone.
        size: P, components that are kept.

    Example:
        >>> pca = Pca(8, 3)
        >>> pca.measure([torch.randn(4, 8, 5, 5)])
        >>> pca(torch.randn(2, 8, 5, 5)).shape
        torch.Size([2, 3, 5, 5])
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.register_buffer("weight", torch.zeros(size, channels))
        self.register_buffer("bias", torch.zeros(size))

    @property
    def measured(self) -> bool:
        """Whether the components are known."""
        return bool(self.weight.any())

    @torch.no_grad()
    def measure(self, batches: Iterable[Tensor]) -> None:
        """Find the components of features (B, C, H, W); projected, they have a mean square of one together."""
        channels = self.weight.shape[1]
        count, total, products = 0, torch.zeros(channels).double(), torch.zeros(channels, channels).double()
        for features in batches:
            cells = features.float().cpu().permute(0, 2, 3, 1).reshape(-1, channels)
            count += len(cells)
            total += cells.sum(0).double()
            products += (cells.T @ cells).double()
        mean = total / count
        strength, directions = torch.linalg.eigh(products / count - torch.outer(mean, mean))
        kept = directions[:, -len(self.weight) :].flip(1) / strength[-len(self.weight) :].mean().clamp(min=1e-12).sqrt()
        self.weight.copy_(kept.T)
        self.bias.copy_(-(mean @ kept))

    def forward(self, features: Tensor) -> Tensor:
        return F.conv2d(features, self.weight[:, :, None, None], self.bias)
