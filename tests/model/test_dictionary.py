"""Masks, objects and class maps equal their slow twins; gates keep what they should."""

import pytest
import torch

from dsol.model.dictionary import (
    ObjectDictionary,
    object_features,
    object_mask,
    object_scores,
    object_shapes,
    objectness,
    refined,
    stretched,
)
from tests.oracles import losses as slow


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("relative", [True, False])
def test_mask_equals_its_twin(rng, relative):
    area = torch.rand(6, 7, 7, generator=rng)
    mask = object_mask(area, 0.8, relative)
    assert 0 < mask.mean() < 1
    for found, one in zip(mask, stretched(area) if relative else area, strict=True):
        assert found.tolist() == slow.grown_mask(one.numpy(), 0.8, not relative)


@pytest.mark.parametrize("mean", ["all", "mask"])
def test_objects_equal_their_twin(rng, mean):
    features = torch.rand(2, 3, 4, 4, generator=rng, dtype=torch.float64)
    mask = (torch.rand(2, 4, 4, generator=rng) > 0.5).double()
    found = object_features(features, mask, mean)
    for o, f, m in zip(found, features, mask, strict=True):
        assert o.tolist() == pytest.approx(slow.object_feature(f.numpy(), m.tolist(), mean), abs=1e-9)


def test_an_empty_mask_gives_an_object_of_zeros():
    assert object_features(torch.rand(1, 3, 4, 4), torch.zeros(1, 4, 4), "mask").abs().sum() == 0


def test_class_maps_are_inner_products_with_the_keys(rng):
    dictionary = ObjectDictionary(2, 3)
    dictionary.keys.copy_(torch.rand(2, 3, generator=rng))
    features = torch.rand(1, 3, 4, 4, generator=rng)
    expected = torch.tensor(slow.class_map(features[0].numpy(), dictionary.keys.tolist()))
    assert torch.allclose(dictionary.class_maps(features)[0], expected, atol=1e-6)


def test_keys_are_means_of_unnormalised_objects_and_the_nearest_centre_finds_their_members(rng):
    objects = torch.cat(
        [
            torch.rand(5, 4, generator=rng) + torch.tensor([9.0, 0, 0, 0]),
            torch.rand(5, 4, generator=rng) + torch.tensor([0, 3.0, 0, 0]),
        ]
    )
    labels = torch.tensor([0] * 5 + [1] * 5)
    dictionary = ObjectDictionary(3, 4)
    dictionary.learn(objects, dictionary.place(objects), labels)
    assert torch.allclose(dictionary.keys[0], objects[:5].mean(0))
    assert dictionary.nearest(dictionary.place(objects)).tolist() == labels.tolist()


def test_cosine_maps_do_not_change_with_the_brightness_of_a_cell(rng):
    dictionary = ObjectDictionary(2, 3, "cosine")
    dictionary.keys.copy_(torch.rand(2, 3, generator=rng))
    features = torch.rand(1, 3, 4, 4, generator=rng)
    assert torch.allclose(dictionary.class_maps(features), dictionary.class_maps(5 * features), atol=1e-6)


def test_an_object_scores_the_localization_map_over_its_own_mask():
    m = torch.zeros(1, 2, 4, 4)
    m[0, 0, :2, :2], m[0, 1, 2:, 2:] = 1, 1
    area = torch.zeros(1, 4, 4)
    area[0, :2, :2] = 0.8
    assert object_scores(m, area)[0].tolist() == pytest.approx([0.8, 0.0])


def test_what_kmeans_sees_has_a_part_of_each_sense_at_its_length(rng):
    dictionary = ObjectDictionary(2, 3, sound=2, sound_weight=0.5)
    dictionary.origin.copy_(torch.rand(5, generator=rng))
    placed = dictionary.place(torch.rand(4, 5, generator=rng))
    assert placed[:, :3].norm(dim=1).tolist() == pytest.approx([1.0] * 4)
    assert placed[:, 3:].norm(dim=1).tolist() == pytest.approx([0.5] * 4)


def test_sound_tells_objects_apart_that_look_alike():
    look, sounds = torch.ones(4, 3), torch.eye(2).repeat(2, 1)
    dictionary = ObjectDictionary(2, 3, sound=2, sound_weight=0.5)
    points, labels = torch.cat([look, sounds], dim=1), torch.tensor([0, 1, 0, 1])
    dictionary.learn(look, dictionary.place(points), labels)
    assert dictionary.nearest(dictionary.place(points)).tolist() == labels.tolist()


def test_shapes_end_where_a_map_falls_below_the_share_of_its_maximum():
    ramp = torch.linspace(0, 2, 21).reshape(1, 1, 1, 21)
    shapes = object_shapes(ramp, threshold=0.45, sharpness=20)
    assert (shapes > 0.5).tolist() == (ramp > 0.9).tolist()
    assert torch.equal(object_shapes(7 * ramp, threshold=0.45, sharpness=20), shapes)


def test_refined_maps_equal_their_twin(rng):
    maps, features = (torch.rand(2, c, 3, 4, generator=rng, dtype=torch.float64) for c in (2, 5))
    found = refined(maps, features, 3.0)
    for b in range(2):
        assert torch.allclose(found[b], torch.tensor(slow.refined(maps[b], features[b], 3.0), dtype=torch.float64))


def test_objectness_equals_its_twin_and_is_dark_at_the_edge_of_the_picture(rng):
    features = torch.rand(2, 3, 5, 4, generator=rng, dtype=torch.float64)
    found = objectness(features)
    for b in range(2):
        assert torch.allclose(found[b], torch.tensor(slow.objectness(features[b]), dtype=torch.float64), atol=1e-6)
    assert found[:, [0, -1]].max() == found[:, :, [0, -1]].max() == 0


def test_a_map_is_stretched_over_its_own_range_and_a_flat_one_is_dark():
    maps = torch.tensor([[[-1.0, 0.0, 3.0]], [[2.0, 2.0, 2.0]]])
    assert stretched(maps).tolist() == [[[0.0, 0.25, 1.0]], [[0.0, 0.0, 0.0]]]


def test_a_relative_mask_does_not_depend_on_brightness(rng):
    area = torch.rand(3, 5, 5, generator=rng)
    assert torch.equal(object_mask(area, 0.5, True), object_mask(0.1 + 0.01 * area, 0.5, True))


def test_a_dictionary_learned_with_weights_is_one_of_repeated_clips():
    objects, labels = torch.tensor([[1.0, 0.0], [4.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0, 1])
    weighted, repeated = (ObjectDictionary(2, 2) for _ in range(2))
    weighted.learn(objects, objects, labels, torch.tensor([2.0, 1.0, 1.0]))
    repeated.learn(objects[[0, 0, 1, 2]], objects[[0, 0, 1, 2]], labels[[0, 0, 1, 2]])
    for name in ("keys", "centres", "mean"):
        assert torch.allclose(getattr(weighted, name), getattr(repeated, name))
