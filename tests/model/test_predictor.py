"""Our system answers what its options say."""

from dataclasses import replace

import numpy as np
import pytest

from dsol.config import Config
from dsol.model.network import Network
from dsol.model.predictor import OurSystem


@pytest.fixture
def system(trained):
    return OurSystem.load(trained / "model.safetensors")


@pytest.fixture
def question(shapes):
    rows = range(4)
    return [shapes.frame(i, 0) for i in rows], np.stack([shapes.waveform(i) for i in rows]), ["a", "b", "c", "d"]


def answering(system: OurSystem, **options) -> OurSystem:
    """The same weights with other options for answering."""
    config = Config.from_dict(system.card.config).replace(stage_two=options)
    network = Network(config, load_weights=False)
    network.load_state_dict(system.network.state_dict())
    return OurSystem(network, system.card)


def test_category_maps_share_each_cell(system, question):
    maps = system.answer(*question).maps
    assert maps.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_object_maps_are_empty_where_a_category_is_not_heard(system, question):
    answer = answering(system, answer="objects", sharpness=20.0, faint=0.97).answer(*question)
    lit = answer.maps.max(axis=(2, 3))
    assert ((lit == 0) | (lit > 0.9)).all()
    assert (lit > 0.9).any(axis=1).all()  # the most audible one is always heard
    assert (lit == 0).any()
    assert answer.area == pytest.approx((answer.maps * lit[:, :, None, None]).max(axis=1), abs=1e-4)


def test_a_picture_with_several_sounds_is_looked_at_once(system, question, monkeypatch):
    frames, waveforms, keys = question
    others = waveforms[[1, 2, 3, 0]]
    apart = [system.answer(frames, sounds, keys) for sounds in (waveforms, others)]
    shown, see = [], system.towers.see
    monkeypatch.setattr(system.towers, "see", lambda pictures: shown.append(len(pictures)) or see(pictures))
    both = system.answer(frames * 2, np.concatenate([waveforms, others]), keys * 2)
    assert shown == [4]
    for n, one in enumerate(apart):
        mine = both.take(slice(4 * n, 4 * n + 4))
        assert mine.keys == one.keys
        for name in ("maps", "area", "score"):
            assert getattr(mine, name) == pytest.approx(getattr(one, name), abs=1e-5)


def test_an_answer_does_not_depend_on_its_batch(system, question):
    frames, waveforms, keys = question
    whole, one = system.answer(*question), system.answer(frames[2:3], waveforms[2:3], keys[2:3])
    assert whole.area[2] == pytest.approx(one.area[0], abs=1e-5)
    assert whole.maps[2] == pytest.approx(one.maps[0], abs=1e-5)


def test_a_category_with_a_probability_of_its_own_may_be_silent_like_all_others(system, question):
    answer = answering(system, answer="objects", audible="each", faint=1.0).answer(*question)
    assert (answer.maps == 0).all()
    assert (answer.area == 0).all()
    assert ((answer.score > 0) & (answer.score < 1)).any()


def test_the_area_may_be_where_the_picture_answers_the_sound(system, question):
    options = {"answer": "objects", "faint": 0.0, "sharpness": 20.0}
    objects = answering(system, **options).answer(*question)
    sound = answering(system, **options, area="correspondence").answer(*question)
    assert sound.maps == pytest.approx(objects.maps, abs=1e-5)
    assert abs(sound.area - objects.area).max() > 0.1


def test_refined_maps_keep_their_range(system, question):
    answer = answering(system, answer="objects", refine=3.0, faint=0.0, sharpness=20.0).answer(*question)
    brightest = answer.maps.max(axis=(1, 2, 3))
    assert brightest == pytest.approx(1, abs=0.01)


def test_with_a_mirror_a_mirrored_picture_gets_the_mirrored_answer(system, question):
    frames, waveforms, keys = question
    turned = [frame[:, ::-1].copy() for frame in frames]
    for mirror in (True, False):
        options = {"answer": "objects", "faint": 0.0, "sharpness": 20.0, "mirror": mirror, "refine": 3.0}
        seeing = answering(system, **options, area="correspondence")
        one, other = seeing.answer(frames, waveforms, keys), seeing.answer(turned, waveforms, keys)
        apart = max(abs(one.maps - other.maps[..., ::-1]).max(), abs(one.area - other.area[..., ::-1]).max())
        assert (apart < 1e-3) == mirror


def test_small_pictures_may_be_enlarged_for_answers(system, question):
    options = {"answer": "objects", "faint": 0.0}
    size = system.card.config["nets"]["size"]
    plain, enlarged = (answering(system, **options, enlarge=side).answer(*question) for side in (0, 2 * size))
    assert enlarged.maps.shape[2:] == tuple(2 * side for side in plain.maps.shape[2:])
    assert answering(system, **options, enlarge=size // 2).answer(*question).maps == pytest.approx(plain.maps)


def test_the_edge_of_the_sounding_area_may_be_its_own(system, question):
    options = {"answer": "objects", "area": "correspondence", "faint": 0.0, "sharpness": 20.0, "edge": 0.5}
    areas = [answering(system, **options, area_edge=edge).answer(*question).area for edge in (None, 0.5, 0.3)]
    assert areas[1] == pytest.approx(areas[0])
    assert (areas[2] >= areas[0]).all()
    assert (areas[2] > areas[0] + 0.5).any()
    smooth = answering(system, **options, area_smooth=0.2).answer(*question).area
    steps = [abs(np.diff(area)).max() for area in (areas[0], smooth)]
    assert steps[1] < steps[0]


def test_what_stands_out_from_the_picture_may_count_in_the_sounding_area(system, question):
    options = {"answer": "objects", "area": "correspondence", "faint": 0.0, "sharpness": 20.0, "mirror": True}
    heard, mixed, seen = (answering(system, **options, area_objectness=share) for share in (0.0, 0.5, 1.0))
    frames, waveforms, keys = question
    other = frames, waveforms[::-1].copy(), keys
    assert seen.answer(*question).area == pytest.approx(seen.answer(*other).area, abs=1e-5)
    assert abs(mixed.answer(*question).area - mixed.answer(*other).area).max() > 0.1
    assert abs(mixed.answer(*question).area - heard.answer(*question).area).max() > 0.1


def test_clusters_of_one_name_answer_as_one(system, question):
    """One cluster may know how a category looks, another how it sounds; the second of them is then empty."""
    options = {"answer": "objects", "faint": 0.0, "sharpness": 20.0, "audible": "each"}
    apart, joined = answering(system, **options), answering(system, **options)
    names = ("cluster 0", "drum", "cluster 2", "drum", *apart.categories[4:])
    joined.card = replace(joined.card, categories=names, named=True)
    one, other = apart.answer(*question), joined.answer(*question)
    assert other.maps[:, [0, 2]] == pytest.approx(one.maps[:, [0, 2]], abs=1e-5)
    assert (other.maps[:, 3] == 0).all()
    assert (other.score[:, 3] == 0).all()
    assert (other.score[:, 1] >= one.score[:, [1, 3]].max(axis=1) - 1e-6).all()
    lit = one.maps[:, [1, 3]].max(axis=(2, 3))
    assert other.maps[:, 1].max(axis=(1, 2)) == pytest.approx(lit.max(axis=1), abs=1e-3)
