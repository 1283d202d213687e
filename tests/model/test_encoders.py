"""The audio encoder and its mixture encoder, and what the copy for inference keeps."""

import pytest
import torch

from dsol.config import EncoderOptions
from dsol.model.encoders import Encoders


@pytest.fixture
def net():
    torch.manual_seed(0)
    small = {"vision": "small", "vision_weights": None, "sound": "small", "size": 64, "embedding": 8}
    options = EncoderOptions(**small, mixture_encoder=True)
    return Encoders(options, clusters=3).eval()


def test_the_mixture_encoder_tells_what_is_audible_and_does_not_embed(net):
    log_mel = torch.randn(2, 201, 64)
    before = net.encode_sounds(log_mel)
    with torch.no_grad():
        for weight in net.mixture_encoder.parameters():
            weight.add_(0.1)
    after = net.encode_sounds(log_mel)
    assert torch.equal(before.embedding, after.embedding)
    assert not torch.allclose(before.logits, after.logits)
    assert torch.equal(after.logits, net.sound_logits(log_mel))


def test_the_copy_for_inference_encodes_the_same(net):
    log_mel = torch.randn(2, 201, 64)
    for one, other in zip(net.encode_sounds(log_mel), net.for_inference().encode_sounds(log_mel), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_without_class_heads_the_mixture_encoder_is_not_run(net):
    log_mel = torch.randn(2, 201, 64)
    whole, embedded = net.encode_sounds(log_mel), net.encode_sounds(log_mel, classes=False)
    assert torch.equal(embedded.embedding, whole.embedding)
    assert embedded.logits.shape == (2, 0)


def test_the_released_audioset_variant_takes_inner_products_with_a_bias():
    torch.manual_seed(1)
    small = {"vision": "small", "vision_weights": None, "sound": "small", "size": 64, "embedding": 8}
    net = Encoders(EncoderOptions(**small, correspondence="dot"), clusters=3).eval()
    with torch.no_grad():
        net.bias.fill_(-0.4)
        net.scale.fill_(0.7)
    pictures, log_mel = torch.rand(2, 3, 64, 64), torch.randn(2, 201, 64)
    with torch.inference_mode():
        visual, audio = net(pictures, log_mel)
        cells, sounds = net.vision_head(visual.features), net.sound_head(net.sound_maps(log_mel).amax((2, 3)))
        found = net.logits(visual.embedding, audio.embedding)
    for b in range(2):
        for y in range(4):
            for x in range(4):
                logit = 0.7 * sum(float(cells[b, d, y, x] * sounds[b, d]) for d in range(8)) - 0.4
                assert float(found[b, y, x]) == pytest.approx(logit, abs=1e-4)
    assert Encoders(EncoderOptions(**small), clusters=3).bias is None
