"""The compared systems' losses equal their slow twins, and what they are made of does what it says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsol.baselines.attention import attend, margin_loss
from dsol.baselines.dmc import centre_distance, ranking_loss, soft_k_means, without_largest
from dsol.baselines.object_that_sound import logistic_loss
from dsol.baselines.sound_of_pixels import SIZES, kept_energy, log_frequency_magnitudes, separation_loss
from dsol.config import load_recipe
from dsol.errors import DsolError
from dsol.model.system import system_type
from dsol.training.baseline import mismatched
from tests.oracles import systems as slow

seeds = st.integers(0, 2**31)
few = settings(max_examples=15, deadline=None)


def numbers(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@few
@given(seeds)
def test_the_logistic_loss_equals_its_twin(seed):
    a, b = 3 * numbers(seed, 3, 4, 4), 3 * numbers(seed + 1, 5, 4, 4)
    assert logistic_loss(a, b).item() == pytest.approx(slow.logistic(a.numpy(), b.numpy()), abs=1e-9)


@few
@given(seeds, st.floats(0.1, 3))
def test_the_margin_loss_equals_its_twin(seed, margin):
    a, b = numbers(seed, 4).abs(), numbers(seed + 1, 6).abs()
    assert margin_loss(a, b, margin).item() == pytest.approx(slow.margin(a.tolist(), b.tolist(), margin), abs=1e-9)


@few
@given(seeds)
def test_attending_equals_its_twin(seed):
    cells, attention = numbers(seed, 2, 5, 3, 3), numbers(seed + 1, 2, 9).softmax(1).view(2, 3, 3)
    for b, found in enumerate(attend(cells, attention)):
        expected = slow.attended(cells[b].numpy(), attention[b].numpy())
        assert found.tolist() == pytest.approx(expected, abs=1e-9)


@few
@given(seeds, st.floats(0.5, 10))
def test_the_ranking_loss_and_its_distances_equal_their_twins(seed, margin):
    heard, near, far = (numbers(seed + i, 4, n, 6) for i, n in enumerate((2, 3, 3)))
    matched, other = centre_distance(heard, near), centre_distance(heard, far)
    slow_matched, slow_other = (
        [slow.centre_distance(h, s) for h, s in zip(heard.tolist(), seen.tolist(), strict=True)] for seen in (near, far)
    )
    assert matched.tolist() == pytest.approx(slow_matched, abs=1e-9)
    expected = slow.ranking(slow_matched, slow_other, margin)
    assert ranking_loss(matched, other, margin).item() == pytest.approx(expected, abs=1e-9)


@few
@given(seeds, st.integers(1, 4))
def test_soft_k_means_equals_its_twin(seed, count):
    points = numbers(seed, 2, 9, 4)
    centres, assigned = soft_k_means(points, count, rounds=3, sharpness=5.0)
    for b in range(2):
        slow_centres, slow_assigned = slow.soft_k_means(points[b].tolist(), count, 3, 5.0)
        assert np.allclose(centres[b], slow_centres, atol=1e-9)
        assert np.allclose(assigned[b], slow_assigned, atol=1e-9)


def test_soft_k_means_teaches_its_points():
    points = numbers(0, 1, 6, 4).requires_grad_()
    soft_k_means(points, 2, rounds=2, sharpness=5.0)[0].sum().backward()
    assert (points.grad.abs().sum(2) > 0).all()


@few
@given(seeds, st.integers(1, 4))
def test_leaving_out_the_largest_centre_equals_its_twin(seed, others):
    centres, assigned = numbers(seed, 3, others + 1, 4), numbers(seed + 1, 3, 9, others + 1).softmax(2)
    found = without_largest(centres, assigned)
    for b in range(3):
        slow_centres, slow_assigned = slow.without_largest(centres[b].tolist(), assigned[b].tolist())
        assert found[0][b].tolist() == slow_centres
        assert found[1][b].tolist() == slow_assigned


@few
@given(seeds)
def test_the_separation_loss_equals_its_twin(seed):
    logits, magnitude = numbers(seed, 2, 2, 3, 4), 50 * numbers(seed + 1, 2, 3, 4).abs()
    dominant = (numbers(seed + 2, 2, 2, 3, 4) > 0).double()
    expected = slow.separation(logits.tolist(), dominant.tolist(), magnitude.tolist())
    assert separation_loss(logits, dominant, magnitude).item() == pytest.approx(expected, abs=1e-9)


def test_the_spectrogram_equals_its_twin():
    options = SIZES["tiny"]._replace(bands=16, steps=8, window=510)
    waveform = 0.3 * numbers(3, 1, 16_000)
    found = log_frequency_magnitudes(waveform.float(), options)[0]
    assert np.allclose(found, slow.log_frequency(waveform[0].numpy(), 16, 8, 510), atol=1e-3)


def test_a_tone_lies_at_its_frequency():
    hertz, options = 1000.0, SIZES["tiny"]._replace(bands=64, steps=16)
    tone = torch.sin(2 * torch.pi * hertz * torch.arange(16_000) / 16_000)[None]
    band = int(log_frequency_magnitudes(tone, options)[0].mean(1).argmax())
    assert 40 * 200 ** (band / 63) == pytest.approx(hertz, rel=0.1)


def test_clips_without_waveforms_cannot_be_separated():
    with pytest.raises(DsolError, match="needs waveforms"):
        log_frequency_magnitudes(torch.zeros(2, 201, 64), SIZES["published"])


def test_masks_keep_all_some_or_nothing_of_a_sound():
    magnitude = torch.tensor([[[3.0, 4.0]]])
    logits = torch.tensor([[[[1.0, 1.0]], [[1.0, -1.0]], [[-1.0, -1.0]]]])
    assert kept_energy(logits, magnitude)[0].tolist() == pytest.approx([1.0, 9 / 25, 0.0])
    assert kept_energy(logits, 0 * magnitude)[0].tolist() == [0, 0, 0]


def test_a_new_network_keeps_nothing_where_no_channel_is_seen():
    net = system_type("sound_of_pixels").network_type(load_recipe("tiny", system="sound_of_pixels"))
    heard = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    energy = net.pixel_energy(torch.zeros(1, 8, 2, 2), heard, torch.ones(1, 4, 4))
    assert energy.tolist() == [[[0, 0], [0, 0]]]


def test_mismatched_pairs_come_from_different_videos_and_never_fail():
    videos = torch.tensor([0, 1, 1, 2, 3])
    sounds, pictures = mismatched(videos, None)
    assert len(sounds) == 18  # 20 ordered pairs less the two of one video
    for found in ((sounds, pictures), mismatched(videos, torch.Generator().manual_seed(1))):
        assert (videos[found[0]] != videos[found[1]]).all()
    assert len(mismatched(torch.tensor([4, 4]), None)[0]) == 2
