"""The maximum over groups is that of each group by itself."""

import torch

from dsol.model.groups import Groups


def test_it_is_the_maximum_of_each_group_whatever_their_sizes():
    torch.manual_seed(0)
    sizes = [1, 2, 3, 0, 5, 8, 9, 1, 17]
    groups = [torch.randperm(30)[:size].tolist() for size in sizes]
    values = torch.randn(2, 30, 3, 4)
    found = Groups(groups)(values)
    for n, group in enumerate(groups):
        assert torch.equal(found[:, n], values[:, group or [0]].amax(1))
