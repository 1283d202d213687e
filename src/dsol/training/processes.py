"""What the processes of one training know together."""

from lightning import Fabric
from torch import Tensor


def mean_over(fabric: Fabric, value: Tensor) -> Tensor:
    """The mean of each process's value."""
    return _reduced(fabric, value, "mean")


def sum_over(fabric: Fabric, value: Tensor) -> Tensor:
    """The sum of each process's value, on the device of the training."""
    return _reduced(fabric, value.to(fabric.device), "sum")


def _reduced(fabric: Fabric, value: Tensor, how: str) -> Tensor:
    found = fabric.all_reduce(value, reduce_op=how)
    assert isinstance(found, Tensor), "a tensor goes in"
    return found
