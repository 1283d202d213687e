"""The projection keeps the strongest directions, centred and scaled, and refuses what it cannot measure."""

import pytest
import torch
from sklearn.decomposition import PCA

from dsol.config import NetOptions
from dsol.errors import DsolError
from dsol.model.encoders import VisionTower
from dsol.model.principal import Principal


def test_the_projection_is_that_of_pca_up_to_sign_and_one_scale():
    features = torch.randn(6, 5, 4, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [5.0, 3, 2, 1, 0.5]
    ).view(1, 5, 1, 1)
    principal = Principal(5, 3)
    assert not principal.measured
    principal.measure([features[:2], features[2:]])
    found = principal(features).permute(0, 2, 3, 1).reshape(-1, 3)
    expected = torch.tensor(PCA(3).fit_transform(features.permute(0, 2, 3, 1).reshape(-1, 5).numpy())).float()
    ratio = found.abs() / expected.abs()
    assert principal.measured
    assert torch.allclose(ratio, ratio[0, 0].expand_as(ratio), rtol=2e-2)
    assert found.square().mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"principal": 8}, "freeze_vision"), ({"principal": 999, "freeze_vision": True}, "999, small")],
)
def test_a_backbone_that_learns_or_has_fewer_channels_has_no_such_directions(options, says):
    with pytest.raises(DsolError, match=says):
        VisionTower(NetOptions(vision="small", vision_weights=None, size=64, **options))
