"""The maximum over groups of channels, in few operations."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Groups(nn.Module):
    """(B, N, …) to (B, G, …): the maximum over each of G groups of channels; the first channel for an empty one.

    Groups of about one size are gathered at once, filled up with their first channel: an exported model has a few
    operations where it would have one a group, and takes a second to open where it would take several.

    Args:
        groups: the channels of each.

    Example:
        >>> Groups([[0, 2], [], [1]])(torch.tensor([[5.0, 6.0, 7.0]])).tolist()
        [[7.0, 5.0, 6.0]]
    """

    order: Tensor

    def __init__(self, groups: Sequence[Sequence[int]]):
        super().__init__()
        filled = [[*group] or [0] for group in groups]
        self.widths = sorted({_width(group) for group in filled})
        alike = [[n for n, group in enumerate(filled) if _width(group) == width] for width in self.widths]
        for width, members in zip(self.widths, alike, strict=True):
            rows = [[*filled[n], *filled[n][:1] * (width - len(filled[n]))] for n in members]
            self.register_buffer(f"channels_{width}", torch.tensor(rows), persistent=False)
        order = torch.tensor([n for members in alike for n in members]).argsort()
        self.register_buffer("order", order, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        found = []
        for width in self.widths:
            channels = self.get_buffer(f"channels_{width}")
            found.append(values.index_select(1, channels.flatten()).unflatten(1, channels.shape).amax(2))
        return torch.cat(found, 1).index_select(1, self.order)


def _width(group: Sequence[int]) -> int:
    """The next power of two."""
    return 1 << (len(group) - 1).bit_length()
