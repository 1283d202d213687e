"""The two towers: what hears, and what the copy for answers keeps."""

import pytest
import torch

from dsol.config import NetOptions
from dsol.errors import DsolError
from dsol.model.encoders import TwoTower


@pytest.fixture
def net():
    torch.manual_seed(0)
    options = NetOptions(vision="small", vision_weights=None, sound="small", second_ear=True, size=64, embedding=8)
    return TwoTower(options, clusters=3).eval()


def test_with_a_second_ear_one_backbone_embeds_and_the_other_tells_what_is_audible(net):
    log_mel = torch.randn(2, 201, 64)
    before = net.hear(log_mel)
    with torch.no_grad():
        for weight in net.ear.parameters():
            weight.add_(0.1)
    after = net.hear(log_mel)
    assert torch.equal(before.embedding, after.embedding)
    assert not torch.allclose(before.logits, after.logits)
    assert torch.equal(after.logits, net.sound_logits(log_mel))


def test_the_copy_for_answers_hears_the_same(net):
    log_mel = torch.randn(2, 201, 64)
    for one, other in zip(net.hear(log_mel), net.for_answers().hear(log_mel), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_distilled_weights_need_the_spectrograms_that_they_learned_from():
    with pytest.raises(
        DsolError, match=r"sound_weights: distilled ones have learned .* \(add --nets.spectrogram fine\)"
    ):
        TwoTower(NetOptions(vision="small", vision_weights=None, sound="deep", sound_weights="distilled"), clusters=3)


def test_without_class_heads_the_second_ear_is_not_asked(net):
    log_mel = torch.randn(2, 201, 64)
    whole, embedded = net.hear(log_mel), net.hear(log_mel, classes=False)
    assert torch.equal(embedded.embedding, whole.embedding)
    assert embedded.logits.shape == (2, 0)
