"""A frozen backbone made faster, its output unchanged: batch norms folded, large batches in pieces."""

import copy
import warnings

import torch
from torch import Tensor, nn

PIECE = 2**18  # pixels (of one channel) that pass at once on a CPU, five pictures of 224: what its caches hold


def folded(backbone: nn.Module) -> nn.Module:
    """A copy of a backbone for inference only: batch norms folded, weights channels-last, batches in pieces on a CPU.

    Args:
        backbone: convolutions and batch norms; its own weights stay as they are.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        >>> sum(isinstance(m, nn.BatchNorm2d) for m in folded(net).modules())
        0
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.fx announces a successor that does not fold yet
        from torch.fx.experimental.optimization import fuse

        fast = fuse(copy.deepcopy(backbone).eval())
    fast = fast.requires_grad_(False)
    return InPieces(fast.to(memory_format=torch.channels_last))  # pyright: ignore[reportCallIssue] torch tells less


class InPieces(nn.Module):
    """Passes a batch through a network a few pictures at a time where that is faster: on a CPU."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return self.net(x)
        count = max(1, PIECE // (x.shape[2] * x.shape[3]))
        return torch.cat([self.net(piece) for piece in x.split(count)])
