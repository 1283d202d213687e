"""Our system predicts what its options say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dsol.config import Config
from dsol.errors import DsolError
from dsol.model.dsol_system import DsolSystem
from dsol.model.images import stack
from dsol.model.network import Network
from dsol.model.system import load_system

OBJECTS = {"decoder": "objects", "audibility_threshold": 0.0, "sharpness": 20.0}


@pytest.fixture
def system(trained):
    return DsolSystem.load(trained / "model.safetensors")


@pytest.fixture
def question(shapes):
    rows = range(4)
    return [shapes.frame(i, 0) for i in rows], np.stack([shapes.waveform(i) for i in rows]), ["a", "b", "c", "d"]


def predicting(system: DsolSystem, audibility: str = "softmax", **options) -> DsolSystem:
    """The same weights with other options of inference."""
    config = Config.from_dict(system.card.config).replace(inference=options, mixtures={"audibility": audibility})
    network = Network(config, load_weights=False)
    network.load_state_dict(system.network.state_dict())
    return DsolSystem(network, replace(system.card, config=config.to_dict()))


def test_category_maps_share_each_cell(system, question):
    maps = system.predict(*question).maps
    assert maps.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_object_maps_are_empty_where_a_category_is_not_heard(system, question):
    answer = predicting(system, decoder="objects", sharpness=20.0, audibility_threshold=0.97).predict(*question)
    lit = answer.maps.max(axis=(2, 3))
    assert ((lit == 0) | (lit > 0.9)).all()
    assert (lit > 0.9).any(axis=1).all()  # the most audible one is always heard
    assert (lit == 0).any()
    assert answer.area == pytest.approx((answer.maps * lit[:, :, None, None]).max(axis=1), abs=1e-4)


def test_a_picture_with_several_sounds_is_looked_at_once(system, question, monkeypatch):
    frames, waveforms, keys = question
    others = waveforms[[1, 2, 3, 0]]
    apart = [system.predict(frames, sounds, keys) for sounds in (waveforms, others)]
    shown, encode = [], system.predictor.encode_pictures
    monkeypatch.setattr(system.predictor, "encode_pictures", lambda seen: shown.append(len(seen)) or encode(seen))
    both = system.predict(frames * 2, np.concatenate([waveforms, others]), keys * 2)
    assert shown == [4]
    for n, one in enumerate(apart):
        mine = both.take(slice(4 * n, 4 * n + 4))
        assert mine.keys == one.keys
        for name in ("maps", "area", "score"):
            assert getattr(mine, name) == pytest.approx(getattr(one, name), abs=1e-5)


def test_an_answer_does_not_depend_on_its_batch(system, question):
    frames, waveforms, keys = question
    whole, one = system.predict(*question), system.predict(frames[2:3], waveforms[2:3], keys[2:3])
    assert whole.area[2] == pytest.approx(one.area[0], abs=1e-5)
    assert whole.maps[2] == pytest.approx(one.maps[0], abs=1e-5)


def test_a_category_with_a_probability_of_its_own_may_be_silent_like_all_others(system, question):
    answer = predicting(system, decoder="objects", audibility="sigmoid", audibility_threshold=1.0).predict(*question)
    assert (answer.maps == 0).all()
    assert (answer.area == 0).all()
    assert ((answer.score > 0) & (answer.score < 1)).any()


def test_the_area_may_be_where_the_picture_answers_the_sound(system, question):
    options = OBJECTS
    objects = predicting(system, **options).predict(*question)
    sound = predicting(system, **options, localization_map="correspondence").predict(*question)
    assert sound.maps == pytest.approx(objects.maps, abs=1e-5)
    assert abs(sound.area - objects.area).max() > 0.1


def test_refined_maps_keep_their_range(system, question):
    answer = predicting(system, **OBJECTS, random_walk=3.0).predict(*question)
    brightest = answer.maps.max(axis=(1, 2, 3))
    assert brightest == pytest.approx(1, abs=0.01)


def test_with_a_mirror_a_mirrored_picture_gets_the_mirrored_answer(system, question):
    frames, waveforms, keys = question
    turned = [frame[:, ::-1].copy() for frame in frames]
    for mirror in (True, False):
        options = {**OBJECTS, "flip": mirror, "random_walk": 3.0}
        seeing = predicting(system, **options, localization_map="correspondence")
        one, other = seeing.predict(frames, waveforms, keys), seeing.predict(turned, waveforms, keys)
        apart = max(abs(one.maps - other.maps[..., ::-1]).max(), abs(one.area - other.area[..., ::-1]).max())
        assert (apart < 1e-3) == mirror


def test_small_pictures_may_be_enlarged_for_answers(system, question):
    options = {"decoder": "objects", "audibility_threshold": 0.0}
    size = system.card.config["encoders"]["size"]
    plain, enlarged = (predicting(system, **options, upscale=side).predict(*question) for side in (0, 2 * size))
    assert enlarged.maps.shape[2:] == tuple(2 * side for side in plain.maps.shape[2:])
    assert predicting(system, **options, upscale=size // 2).predict(*question).maps == pytest.approx(plain.maps)


def test_the_edge_of_the_sounding_area_may_be_its_own(system, question):
    options = {**OBJECTS, "localization_map": "correspondence", "object_threshold": 0.5}
    areas = [predicting(system, **options, map_threshold=edge).predict(*question).area for edge in (None, 0.5, 0.3)]
    assert areas[1] == pytest.approx(areas[0])
    assert (areas[2] >= areas[0]).all()
    assert (areas[2] > areas[0] + 0.5).any()
    smooth = predicting(system, **options, map_smoothing=0.2).predict(*question).area
    steps = [abs(np.diff(area)).max() for area in (areas[0], smooth)]
    assert steps[1] < steps[0]


def test_what_stands_out_from_the_picture_may_count_in_the_sounding_area(system, question):
    options = {**OBJECTS, "localization_map": "correspondence", "flip": True}
    heard, mixed, seen = (predicting(system, **options, objectness=share) for share in (0.0, 0.5, 1.0))
    frames, waveforms, keys = question
    other = frames, waveforms[::-1].copy(), keys
    assert seen.predict(*question).area == pytest.approx(seen.predict(*other).area, abs=1e-5)
    assert abs(mixed.predict(*question).area - mixed.predict(*other).area).max() > 0.1
    assert abs(mixed.predict(*question).area - heard.predict(*question).area).max() > 0.1


def test_clusters_of_one_name_answer_as_one(system, question):
    """One cluster may know how a category looks, another how it sounds."""
    options = {"decoder": "objects", "audibility_threshold": 0.0, "sharpness": 20.0, "audibility": "sigmoid"}
    apart, joined = predicting(system, **options), predicting(system, **options)
    names = ("cluster 0", "drum", "cluster 2", "drum", *apart.categories[4:])
    joined = joined.named(names)
    one, other = apart.predict(*question), joined.predict(*question)
    assert other.categories == ("cluster 0", "drum", "cluster 2", *apart.categories[4:])
    assert other.maps[:, [0, 2]] == pytest.approx(one.maps[:, [0, 2]], abs=1e-5)
    assert (other.score[:, 1] >= one.score[:, [1, 3]].max(axis=1) - 1e-6).all()
    lit = one.maps[:, [1, 3]].max(axis=(2, 3))
    assert other.maps[:, 1].max(axis=(1, 2)) == pytest.approx(lit.max(axis=1), abs=1e-3)


def test_options_of_inference_change_a_trained_model(trained, question):
    plain, flipped = (load_system(trained, inference=changes) for changes in (None, {"flip": True}))
    frames, waveforms, keys = question
    turned = [frame[:, ::-1].copy() for frame in frames]
    one, other = flipped.predict(frames, waveforms, keys), flipped.predict(turned, waveforms, keys)
    assert abs(one.maps - other.maps[..., ::-1]).max() < 1e-4
    assert abs(plain.predict(*question).maps - one.maps).max() > 1e-4
    objects = load_system(trained, inference={"decoder": "objects", "audibility_threshold": 0.97}).predict(*question)
    assert (objects.maps.max(axis=(2, 3)) == 0).any()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"flap": True}, "unknown option 'flap'"),
        ({"sharpness": "high"}, "sharpness cannot be 'high'"),
        ({"objectness": 0.5}, r"--inference.objectness: acts in the decoder 'objects' only"),
    ],
)
def test_what_inference_cannot_do_is_said(trained, changes, says):
    with pytest.raises(DsolError, match=says):
        load_system(trained, inference=changes)


def test_a_predictor_is_a_module_from_tensors_to_tensors(system, question):
    frames, waveforms, keys = question
    with torch.inference_mode():
        found = system.predictor(stack(frames, system.predictor.size), torch.from_numpy(waveforms))
    expected = system.predict(frames, waveforms, keys)
    assert found.localization_map.numpy() == pytest.approx(expected.area, abs=1e-6)
    assert found.maps.numpy() == pytest.approx(expected.maps, abs=1e-6)
    assert found.score.numpy() == pytest.approx(expected.score, abs=1e-6)


def test_sigmoid_maps_are_each_class_map_by_itself(system, question):
    shown = predicting(system, decoder="sigmoid")
    frames, waveforms, keys = question
    maps = shown.predict(frames, waveforms, keys).maps
    other = shown.predict(frames, waveforms[::-1].copy(), keys).maps
    assert np.array_equal(maps, other)  # the sound is in the score alone
    with torch.inference_mode():
        (visual,) = shown.predictor.encode_pictures(stack(frames, shown.predictor.size))
        expected = shown.network.dictionary.class_maps(visual.features).sigmoid()
    assert np.allclose(maps, expected.numpy(), atol=1e-5)
    joined = shown.named(("one", "one", "two", "three"))
    assert np.allclose(joined.predict(frames, waveforms, keys).maps[:, 0], maps[:, :2].max(1))
