"""The audio encoder of `general`."""

import pytest
import torch

from dsol.errors import DsolError
from dsol.model.tagger import AudioTagger, compressed


def _sounds(count: int) -> torch.Tensor:
    time_s = torch.arange(16_000) / 16_000
    pitch = torch.linspace(100, 3000, count)[:, None]
    return (2 * torch.pi * pitch * time_s).sin() * 0.1 + 0.01 * torch.randn(count, 16_000)


def test_a_compressed_tagger_predicts_as_the_whole_one():
    torch.manual_seed(0)
    whole = AudioTagger(6, {}).eval()
    for part in whole.modules():  # so that sounds differ up to the last layer, by more than rounding
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
    whole.mel.copy_(torch.rand_like(whole.mel) / 20)
    sounds = _sounds(24)
    narrow = compressed(whole, sounds, [0, 3, 5])
    with torch.inference_mode():
        expected, found = whole(sounds)[:, [0, 3, 5]], narrow(sounds)
    assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in whole.parameters())
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02 * expected.std().item())


def test_a_spectrogram_is_no_waveform():
    with pytest.raises(DsolError, match="needs waveforms"):
        AudioTagger(2)(torch.zeros(1, 201, 64))
