"""The projection keeps the strongest directions, centred and scaled, and refuses what it cannot measure."""

import pytest
import torch
from sklearn.decomposition import PCA

from dsol.config import EncoderOptions
from dsol.errors import DsolError
from dsol.model.encoders import VisualEncoder
from dsol.model.pca import Pca


def test_the_projection_is_that_of_pca_up_to_sign_and_one_scale():
    features = torch.randn(6, 5, 4, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [5.0, 3, 2, 1, 0.5]
    ).view(1, 5, 1, 1)
    pca = Pca(5, 3)
    assert not pca.measured
    pca.measure([features[:2], features[2:]])
    found = pca(features).permute(0, 2, 3, 1).reshape(-1, 3)
    expected = torch.tensor(PCA(3).fit_transform(features.permute(0, 2, 3, 1).reshape(-1, 5).numpy())).float()
    ratio = found.abs() / expected.abs()
    assert pca.measured
    assert torch.allclose(ratio, ratio[0, 0].expand_as(ratio), rtol=2e-2)
    assert found.square().mean().item() == pytest.approx(1, abs=0.05)


def test_a_backbone_with_fewer_channels_has_no_such_components():
    with pytest.raises(DsolError, match="999, small"):
        VisualEncoder(EncoderOptions(vision="small", vision_weights=None, size=64, pca=999, freeze_vision=True))
