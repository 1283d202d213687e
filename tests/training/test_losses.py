"""Each loss equals its slow twin, and pulls where it should."""

import pytest
import torch

from dsol.model.pooling import pooled
from dsol.training import losses
from tests.oracles import losses as slow


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def maps(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def test_correspondence_equals_its_twin(rng):
    a, b = maps(rng, 3, 4, 4), maps(rng, 2, 4, 4)
    assert losses.correspondence_loss(a, b).item() == pytest.approx(slow.correspondence(a.numpy(), b.numpy()), abs=1e-9)


def test_all_pairs_equals_its_twin_and_passes_over_pairs_of_one_video(rng):
    logits, videos = maps(rng, 5, 5, 3, 3), torch.tensor([0, 1, 1, 2, 0])
    expected = slow.all_pairs(logits.numpy(), videos.tolist())
    assert losses.all_pairs_loss(pooled(logits, "max", 1), videos).item() == pytest.approx(expected, abs=1e-9)


def test_all_pairs_of_one_video_have_no_negatives(rng):
    logits = maps(rng, 2, 2, 3, 3)
    expected = slow.all_pairs(logits.numpy(), [7, 7])
    assert losses.all_pairs_loss(pooled(logits, "max", 1), torch.tensor([7, 7])).item() == pytest.approx(
        expected, abs=1e-9
    )


def test_contrastive_equals_its_twin(rng):
    cosine, groups = maps(rng, 4, 4).tanh(), torch.tensor([[0, 5], [1, 6], [2, 5], [0, 7]])
    expected = slow.contrastive(cosine.tolist(), groups.tolist(), 0.07)
    assert losses.contrastive_loss(cosine, groups).item() == pytest.approx(expected, abs=1e-9)


def test_scene_localization_equals_its_twin(rng):
    a, b = maps(rng, 3, 6, 6), maps(rng, 2, 6, 6)
    expected = slow.scene_localization(a.numpy(), b.numpy())
    assert losses.scene_localization_loss(a, b).item() == pytest.approx(expected, abs=1e-9)
    alone = slow.scene_localization(a.numpy(), [])
    assert losses.scene_localization_loss(a, b[:0]).item() == pytest.approx(alone, abs=1e-9)


@pytest.mark.parametrize(
    ("form", "direction", "mean"), [("printed", "pv_pa", "batch"), ("released", "pa_pv", "batch_and_categories")]
)
def test_matching_equals_its_twin(rng, form, direction, mean):
    visual, audio = maps(rng, 3, 5), maps(rng, 3, 5)
    expected = slow.matching(visual.tolist(), audio.tolist(), direction, mean)
    assert losses.matching_loss(visual, audio, form).item() == pytest.approx(expected, abs=1e-9)


def test_sigmoid_matching_equals_its_twin_and_teaches_the_visual_side_only(rng):
    seen, heard = maps(rng, 3, 4, 2, 5).requires_grad_(), maps(rng, 3, 4).requires_grad_()
    loss = losses.sigmoid_matching_loss(seen, heard)
    assert loss.item() == pytest.approx(slow.sigmoid_matching(seen.detach().numpy(), heard.detach().numpy()), abs=1e-9)
    loss.backward()
    assert heard.grad is None
    assert seen.grad.abs().min() > 0


def test_matching_teaches_the_visual_side_only(rng):
    seen, heard = maps(rng, 3, 5).requires_grad_(), maps(rng, 3, 5).requires_grad_()
    losses.matching_loss(seen, heard).backward()
    assert seen.grad.abs().sum() > 0
    assert heard.grad is None


@pytest.mark.parametrize("seed", range(20))
def test_in_batch_negatives_are_a_permutation_into_other_videos(seed):
    rng = torch.Generator().manual_seed(seed)
    videos = torch.randint(0, 6, (16,), generator=rng)
    sounds, pictures = losses.other_video(videos, rng)
    assert (videos[sounds] != videos[pictures]).all()
    assert len(set(pictures.tolist())) == len(pictures)
    if torch.bincount(videos).max() <= 8:
        assert len(sounds) == 16


def test_a_batch_of_one_video_has_no_negatives():
    sounds, _ = losses.other_video(torch.tensor([3, 3, 3]), torch.Generator().manual_seed(0))
    assert len(sounds) == 0


@pytest.mark.parametrize("how", ["max", "soft"])
def test_pooling_equals_its_twin(rng, how):
    cosine = maps(rng, 3, 4, 2, 5)
    found = pooled(cosine, how, 10.0)
    expected = [[slow.pooled(cosine[i, j].numpy(), how, 10.0) for j in range(4)] for i in range(3)]
    assert found.tolist() == [pytest.approx(row, abs=1e-9) for row in expected]


def test_every_cell_learns_where_pooling_is_soft(rng):
    cosine = maps(rng, 1, 1, 3, 3).requires_grad_()
    pooled(cosine, "soft", 10.0).sum().backward()
    assert (cosine.grad > 0).all()
    assert cosine.grad.sum().item() == pytest.approx(1)
