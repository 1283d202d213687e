"""Several processes that train one model: together they compute what one would with the same batches.

    batch of B clips ─ a part for each process ─▶ features ─ gathered, with gradients ─▶ the loss of all B, in each
    gradients of that loss ─ summed over processes by the gathering, averaged by DDP ─▶ those of one process

Every process has the whole loss, so gathering hands back `world` times the gradient of a part, and the average over
processes that DDP takes makes it exact, for what is computed from a part and for what comes after the gathering alike.
Batch normalisation uses the statistics of the whole batch. Sums are in another order, so results differ by rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from dsol.model.batch import Part

AT_ONCE = 256  # rows that are sent at once


@dataclass(frozen=True)
class Share:
    """One process of several.

    Attributes:
        rank: its number, from 0.
        world: how many there are.
    """

    rank: int = 0
    world: int = 1

    def part(self, count: int) -> Part:
        """The clips of a batch that are this process's: in order, and as many as of any other, or one more.

        Example:
            >>> [Share(rank, 3).part(7).rows for rank in range(3)]
            [slice(0, 3, None), slice(3, 5, None), slice(5, 7, None)]
        """
        size, more = divmod(count, self.world)
        start = self.rank * size + min(self.rank, more)
        return Part(count, slice(start, start + size + (self.rank < more)))

    def gathered(self, mine: Tensor, count: int) -> Tensor:
        """The rows of all processes, with gradients.

        Args:
            mine: (b, ...) of this process's part.
            count: B, rows of the whole batch.

        Returns:
            (B, ...) the same in every process.
        """
        if self.world == 1:
            return mine
        rows = self.part(count).rows
        return summed(F.pad(mine, (*(0, 0) * (mine.ndim - 1), rows.start, count - rows.stop)))

    def united(self, mine: Tensor) -> Tensor:
        """(N, ...) of all processes, each of which has some of the rows and zeros elsewhere; without gradients."""
        if self.world > 1:
            distributed.all_reduce(mine)
        return mine

    def collected(self, mine: Tensor, device: torch.device) -> Tensor:
        """The rows of all processes, without gradients, however many each has.

        Args:
            mine: (n, ...) of this process, on the CPU.
            device: which the processes send from.

        Returns:
            (N, ...) on the CPU, the same in every process: those of the first, of the second, and so on.
        """
        if self.world == 1:
            return mine
        sizes = torch.zeros(self.world, dtype=torch.long, device=device)
        sizes[self.rank] = len(mine)
        distributed.all_reduce(sizes)
        whole = mine.new_empty((int(sizes.sum()), *mine.shape[1:]))
        for rank, theirs in enumerate(whole.split(sizes.tolist())):
            if rank == self.rank:
                theirs.copy_(mine)
            for rows in theirs.split(AT_ONCE):
                sent = rows.to(device)
                distributed.broadcast(sent, rank)
                rows.copy_(sent)
        return whole


ALONE = Share()


class _Summed(torch.autograd.Function):
    """Both ways a sum over processes: each of them has a loss of its own that depends on what all put in."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Summed.forward(ctx, *gradients)


def summed(values: Tensor) -> Tensor:
    """The sum over processes of tensors of one shape, with gradients."""
    return _Summed.apply(values)  # pyright: ignore[reportReturnType] torch tells less


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation in training by the statistics of all processes' parts together.

    As torch's `SyncBatchNorm`, which runs on GPUs only and not on CPUs.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        count = x.new_tensor([x.numel() / x.shape[1]])
        sums = summed(torch.cat([x.sum((0, 2, 3)), count]))
        mean, count = sums[:-1] / sums[-1], sums[-1].detach()
        centred = x - mean[:, None, None]
        variance = summed(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            assert self.momentum is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)


@contextmanager
def shared_statistics(network: nn.Module, share: Share) -> Iterator[None]:
    """For a while, batch normalisation uses the statistics of all processes; its weights and buffers stay where they
    are."""
    norms = [module for module in network.modules() if type(module) is nn.BatchNorm2d] if share.world > 1 else []
    for norm in norms:
        norm.__class__ = SharedBatchNorm
    try:
        yield
    finally:
        for norm in norms:
            norm.__class__ = nn.BatchNorm2d
