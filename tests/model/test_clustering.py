"""K-means of many points: the starts see some of them, and all are clustered."""

import pytest
import torch
from torch.nn import functional as F

from dsol.model.clustering import cluster, nmi_with


@pytest.mark.parametrize("weights", [None, torch.linspace(0.5, 1.5, 3000)])
def test_many_points_have_the_clusters_that_they_have_when_all_starts_see_all(monkeypatch, weights):
    random = torch.Generator().manual_seed(0)
    of = torch.arange(3000) % 5
    points = F.normalize(torch.eye(8)[of] + 0.2 * torch.randn(3000, 8, generator=random), dim=1)
    whole = cluster(points, 5, starts=5, seed=0, weights=weights)
    monkeypatch.setattr("dsol.model.clustering.MOST", 500)
    some = cluster(points, 5, starts=5, seed=0, weights=weights)
    assert some.dtype == whole.dtype == torch.int64
    assert nmi_with(some, [str(k) for k in whole.tolist()]) > 0.98
    assert torch.equal(some, cluster(points, 5, starts=5, seed=0, weights=weights))
