"""The training loop, once: passes that are logged, saved and resumed; reductions over processes.

for each pass that is still to do:   batches ─ losses ─▶ optimizer steps ─▶ metrics.jsonl, TensorBoard ─▶ checkpoint
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from dsol.progress import say
from dsol.training.run import Run
from dsol.training.sharing import Share, shared_statistics

Losses = tuple[Tensor, ...]  # parts of a loss, scalars


@dataclass(frozen=True)
class Pass:
    """One pass over the data, the unit of resuming.

    Attributes:
        number: from 0, over the whole stage.
        kind: of training in it, "localize".
        label: for people, "Stage one, epoch 2 of 8, localize".
        facts: logged with it.
    """

    number: int
    kind: str
    label: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def run_passes(
    fabric: Fabric,
    run: Run,
    stage: str,
    passes: Sequence[Pass],
    one_pass: Callable[[Pass], Mapping[str, float]],
    state: Callable[[], Mapping[str, Any]],
) -> None:
    """Run some passes of a stage, in order.

    Args:
        fabric: knows the first process.
        run: gets a line of metrics and a checkpoint a pass.
        stage: its name in the metrics: "one", "two", "fit".
        passes: those that are still to do.
        one_pass: runs one and gives its figures, losses first.
        state: networks, optimizers and tensors that a checkpoint saves, by name.
    """
    for each in passes:
        start = time.monotonic()
        figures = one_pass(each)
        seconds = round(time.monotonic() - start, 2)
        run.log(stage=stage, step=each.number, **each.facts, kind=each.kind, **figures, seconds=seconds)
        if fabric.is_global_zero:
            say(f"{each.label}: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        run.save_checkpoint(CHECKPOINTS[stage], each.number + 1, **state())


CHECKPOINTS = {"one": "stage_one", "two": "stage_two", "fit": "fit"}  # stage in the metrics -> file in resume/


def share_of(fabric: Fabric) -> Share:
    """Of the processes that train together this one."""
    return Share(fabric.global_rank, fabric.world_size)


def descend(
    fabric: Fabric,
    network: nn.Module,
    batches: Iterable[tuple[Losses, int]],
    optimizers: Sequence[torch.optim.Optimizer],
    weights: Sequence[float] = (1.0,),
) -> list[float]:
    """Step by step down a weighted sum of losses.

    Args:
        fabric: takes the gradients.
        network: what is trained.
        batches: losses of each whole batch, and its size.
        optimizers: that step.
        weights: of each loss in the sum; a loss of weight 0 is only reported.

    Returns:
        The mean of each loss over all clips.
    """
    sums, count = torch.zeros(len(weights), dtype=torch.float64), 0
    network.train()
    with shared_statistics(network, share_of(fabric)):
        for losses, size in batches:
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            fabric.backward(weighted(losses, weights))
            for optimizer in optimizers:
                optimizer.step()
            sums += torch.tensor([loss.item() for loss in losses], dtype=torch.float64) * size
            count += size
    return (sums / max(count, 1)).tolist()


def weighted(losses: Losses, weights: Sequence[float]) -> Tensor:
    """The sum of losses, each times its weight.

    Example:
        >>> weighted((torch.tensor(1.0), torch.tensor(2.0)), (1.0, 0.5)).item()
        2.0
    """
    total = losses[0] if weights[0] == 1 else weights[0] * losses[0]
    for loss, weight in zip(losses[1:], weights[1:], strict=True):
        total = total + weight * loss
    return total
