import numpy as np
import pytest
import torch

from dsol.model.images import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    LITE0_MEAN,
    LITE0_STD,
    brightness,
    crop,
    normalise,
    resize,
    saturation,
    stack,
    test_view,
    to_tensor,
    training_view,
)

FRAMES = np.random.default_rng(0).integers(0, 256, (4, 20, 30, 3), np.uint8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_frames_become_channels_first_fractions():
    images = to_tensor(FRAMES)
    assert images.shape == (4, 3, 20, 30)
    assert images.dtype == torch.float32
    np.testing.assert_allclose(images[2, 1, 5, 7], FRAMES[2, 5, 7, 1] / 255, rtol=1e-6)


def test_resizing_down_averages_instead_of_skipping():
    checks = torch.tensor([0.0, 1.0]).repeat(128).expand(1, 3, 256, 256)  # stripes one pixel wide
    inner = resize(checks, 32)[..., 2:-2]
    np.testing.assert_allclose(inner, 0.5, atol=0.01)


def test_the_test_view_is_the_whole_picture_unchanged_at_its_own_size():
    images = to_tensor(FRAMES[:, :20, :20])
    assert torch.equal(test_view(images, 20), images)
    assert test_view(images, 224).shape == (4, 3, 224, 224)


def test_frames_of_different_sizes_make_one_batch():
    batch = stack([FRAMES[0], FRAMES[1, :9, :11]], 16)
    assert batch.shape == (2, 3, 16, 16)
    torch.testing.assert_close(batch[:1], resize(to_tensor(FRAMES[:1]), 16))


@pytest.mark.parametrize(("top", "left", "row", "column"), [(0, 0, 0, 0), (0.999, 0.999, 4, 14), (0.5, 0, 2, 0)])
def test_a_crop_is_a_piece_of_the_picture(top, left, row, column):
    images = to_tensor(FRAMES)
    cut = crop(images, 16, torch.full((4,), top), torch.full((4,), left))
    assert torch.equal(cut, images[:, :, row : row + 16, column : column + 16])


def test_without_colour_jitter_a_training_view_is_a_crop_or_its_mirror_image():
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).repeat(50, 1, 1, 1)
    views = training_view(ramp, 48, generator(), jitter=(1.0, 1.0))
    steps = views.diff(dim=-1) * 63
    assert torch.allclose(steps.abs(), torch.ones_like(steps), atol=1e-4)  # neighbours stay neighbours
    mirrored = steps[:, 0, 0, 0] < 0
    assert 0 < mirrored.sum() < 50


def test_every_picture_of_a_batch_has_its_own_draw():
    images = torch.rand(1, 3, 40, 40, generator=generator()).repeat(16, 1, 1, 1)
    views = training_view(images, 32, generator())
    assert len({view.sum().item() for view in views}) == 16


def test_the_same_generator_state_gives_the_same_views():
    images = to_tensor(FRAMES)
    first, again, other = (training_view(images, 16, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_training_view_leaves_its_input_alone_and_stays_in_range():
    images = to_tensor(FRAMES)
    before = images.clone()
    views = training_view(images, 16, generator())
    assert torch.equal(images, before)
    assert views.min() >= 0
    assert views.max() <= 1


def test_grey_pictures_show_the_range_of_the_brightness_factor():
    views = training_view(torch.full((500, 3, 8, 8), 0.5), 8, generator())
    factors = views.mean((1, 2, 3)) / 0.5
    assert 0.7 <= factors.min() < 0.72
    assert 1.28 < factors.max() <= 1.3


def test_brightness_scales_and_stops_at_white():
    images = torch.tensor([0.2, 0.9]).repeat(1, 3, 1, 1)
    np.testing.assert_allclose(brightness(images, torch.tensor([1.3]))[0, 0, 0], [0.26, 1.0], rtol=1e-6)


def test_saturation_pulls_between_grey_and_colour():
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None]
    none, same = (saturation(red, torch.tensor([factor])).flatten().tolist() for factor in (0.0, 1.0))
    assert none == pytest.approx([0.299] * 3)
    assert same == [1, 0, 0]


def test_normalising_with_imagenets_figures():
    images = torch.tensor(IMAGENET_MEAN)[None, :, None, None] + torch.tensor(IMAGENET_STD)[None, :, None, None]
    np.testing.assert_allclose(normalise(images), 1, rtol=1e-5)


def test_normalising_for_lite0_is_minus_127_by_128():
    levels = torch.tensor([0.0, 127.0, 255.0]).expand(1, 3, 1, 3) / 255
    np.testing.assert_allclose(normalise(levels, LITE0_MEAN, LITE0_STD)[0, 0, 0], [-127 / 128, 0, 1], atol=1e-6)
