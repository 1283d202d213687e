"""From a map to one number: how well a sound matches a picture."""

import math

from torch import Tensor


def pooled(maps: Tensor, how: str, sharpness: float) -> Tensor:
    """The maximum of each map, or a soft one: (..., H, W) to (...).

    Args:
        maps: cosines or logits.
        how: "max", the best cell; or "soft", log-mean-exp of `sharpness` times the map: where only the best
            cell gets a gradient, maps shrink to it.
        sharpness: of the soft maximum.

    Example:
        >>> import torch
        >>> pooled(torch.tensor([[[[0.0, 1.0]]]]), "soft", sharpness=10.0)
        tensor([[0.9307]])
    """
    cells = maps.flatten(-2)
    if how == "max":
        return cells.amax(-1)
    return ((sharpness * cells).logsumexp(-1) - math.log(cells.shape[-1])) / sharpness
