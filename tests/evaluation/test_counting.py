"""Counting without painting gives the numbers of painting."""

import numpy as np
import pytest
import torch

from dsol.evaluation.counting import Painted, Patches, upscaled
from dsol.evaluation.resize import axis, mean_inside, resize
from tests.oracles.evaluation import enlarge

SHAPES = [(14, 14), (7, 7), (1, 1), (1, 3), (5, 9), (13, 20), (28, 28), (56, 56)]


def rectangles(rng: np.random.Generator, many: int, size: int) -> np.ndarray:
    edges = rng.integers(0, size + 1, (many, 4))
    return np.concatenate([np.sort(edges[:, :2]), np.sort(edges[:, 2:])], axis=1)


@pytest.mark.parametrize("shape", [*SHAPES, (60, 3), (224, 224), (300, 10)])
def test_enlarging_is_torch_interpolation_without_antialiasing(shape):
    maps = np.random.default_rng(0).random((3, *shape))
    torch_says = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[:, None], (224, 224), mode="bilinear", align_corners=False
    )[:, 0]
    assert np.allclose(resize(maps, 224), torch_says.numpy(), atol=1e-14, rtol=0)


@pytest.mark.parametrize("shape", [(2, 3), (7, 7), (1, 5)])
def test_enlarging_is_what_the_loop_says(shape):
    cells = np.random.default_rng(1).random(shape)
    assert np.allclose(resize(cells[None], 20)[0], enlarge(cells, 20), atol=1e-14, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_counts_without_painting_are_those_of_painting(shape, share):
    rng = np.random.default_rng(2)
    maps = rng.random((5, *shape)).astype(np.float32)
    rects, owner = rectangles(rng, 12, 224), np.sort(rng.integers(0, 5, 12))
    quick, slow = Patches(maps.astype(float), 224), Painted(maps.astype(float), 224)
    assert np.allclose(quick.peaks(), slow.peaks(), atol=1e-15)
    levels = share * slow.peaks()
    for ours, theirs in zip(
        quick.count_above(levels, rects, owner), slow.count_above(levels, rects, owner), strict=True
    ):
        assert ours.tolist() == theirs.tolist()


def maps_of_kind(kind: str) -> np.ndarray:
    """(40, 14, 14) single precision: noise, what a network would answer, and maps full of ties."""
    rng = np.random.default_rng(5)
    uniform, normal = rng.random((40, 14, 14)), rng.normal(size=(40, 14, 14))
    blur = np.exp(-((np.arange(14)[:, None] - np.arange(14)) ** 2) / 12)
    smooth = blur @ normal @ blur
    return {
        "uniform": uniform,
        "long tails": np.exp(1.5 * normal),
        "smooth": np.exp(1.5 * smooth / smooth.std()),
        "bytes": np.round(255 * uniform) / 255,
        "tenths": np.round(10 * uniform) / 10,
        "two values": 0.7 * (uniform > 0.8),
        "plateaus": np.kron(np.round(5 * uniform[:, ::7, ::7]) / 5, np.ones((1, 7, 7))),
        "flat": np.full((40, 14, 14), 0.3),
        "nothing": np.zeros((40, 14, 14)),
    }[kind].astype(np.float32)


KINDS = ["uniform", "long tails", "smooth", "bytes", "tenths", "two values", "plateaus", "flat", "nothing"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_map_in_single_precision_is_counted_to_the_pixel(kind):
    maps = maps_of_kind(kind).astype(float)
    rng = np.random.default_rng(6)
    rects, owner = rectangles(rng, 80, 224), np.sort(rng.integers(0, 40, 80))
    quick, slow = Patches(maps, 224), Painted(maps, 224)
    assert quick.peaks().tolist() == slow.peaks().tolist()
    for levels in (*(share * slow.peaks() for share in (0.1, 0.2, 0.5)), np.full(40, float(np.float32(0.2)))):
        counted, painted = (picture.count_above(levels, rects, owner) for picture in (quick, slow))
        assert [part.tolist() for part in counted] == [part.tolist() for part in painted]


def test_negative_maps_and_levels_are_counted_too():
    rng = np.random.default_rng(3)
    maps = rng.normal(size=(6, 5, 5))
    levels, none = np.linspace(-1, 1, 6), np.zeros((0, 4), dtype=int)
    total, _ = upscaled(maps, 60).count_above(levels, none, np.zeros(0, dtype=int))
    assert total.tolist() == (resize(maps, 60) > levels[:, None, None]).sum(axis=(1, 2)).tolist()


@pytest.mark.parametrize(("level", "pixels"), [(0.25, 0), (0.2, 16 * 16)])
def test_a_flat_map_is_above_a_level_everywhere_or_nowhere(level, pixels):
    total, inside = upscaled(np.full((1, 3, 3), 0.25), 16).count_above(
        np.array([level]), np.array([[0, 16, 0, 16]]), np.array([0])
    )
    assert total.tolist() == inside.tolist() == [pixels]


def test_a_map_with_edges_between_equal_cells_is_counted_as_painted():
    cells = np.zeros((1, 4, 4))
    cells[0, 1:3, 1:3] = 1
    level = np.array([0.5])
    total, _ = Patches(cells, 32).count_above(level, np.zeros((0, 4), dtype=int), np.zeros(0, dtype=int))
    assert total[0] == (resize(cells, 32) > 0.5).sum()


def test_the_mean_inside_a_box_is_that_of_the_upscaled_map():
    rng = np.random.default_rng(4)
    maps, rects = rng.random((20, 6, 11)), rectangles(rng, 20, 48)
    rects[:, 1::2] = np.maximum(rects[:, 1::2], rects[:, ::2] + 1)
    rects = np.minimum(rects, 48) - np.array([1, 0, 1, 0]) * (rects[:, [0, 0, 2, 2]] >= 48)
    pixels = resize(maps, 48)
    expected = [pixels[n, a:b, c:d].mean() for n, (a, b, c, d) in enumerate(rects)]
    assert np.allclose(mean_inside(maps, rects, 48), expected, atol=1e-13)


def test_the_segments_of_an_axis_cover_every_pixel_once():
    for cells in (1, 3, 14, 56):
        line = axis(cells, 224)
        assert line.lengths.sum() == 224
        assert np.allclose(line.matrix.sum(axis=1), 1)
