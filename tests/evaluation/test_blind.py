"""Floors are what the same answers score as maps."""

import numpy as np
import pytest

from dsol.baselines.constant import OracleSound, VisionOnly
from dsol.data.boxes import Box, Boxes, Frame
from dsol.evaluation import blind, score
from dsol.evaluation.protocols import protocol_named
from dsol.evaluation.score import statistics_of
from dsol.evaluation.truth import truth_of
from dsol.model.maps import Maps
from tests.evaluation.scenes import CATEGORIES, boxes_of

SIZE = 40
BOXES = boxes_of(np.random.default_rng(0), frames=12)
KEYS = tuple(frame.key for frame in BOXES)


def scored(picture: np.ndarray, protocol: str) -> dict:
    area = np.broadcast_to(picture, (len(KEYS), *picture.shape))
    maps = np.broadcast_to(picture, (len(KEYS), len(CATEGORIES), *picture.shape))
    return score([Maps(KEYS, area, maps, None, CATEGORIES)], BOXES, protocol, size=SIZE, bootstrap=0).metrics


def floor_of(name: str, protocol: str) -> dict:
    empty = Maps(KEYS, np.ones((len(KEYS), 1, 1)))
    return score([empty], BOXES, protocol, size=SIZE, bootstrap=0).floors[name]


@pytest.mark.parametrize("protocol", ["solo", "duet", "synthetic"])
def test_the_whole_image_scores_as_a_flat_map(protocol):
    assert floor_of("whole_image", protocol) == pytest.approx(scored(np.full((1, 1), 0.25), protocol))


@pytest.mark.parametrize("protocol", ["solo", "duet", "lvs"])
def test_the_best_centred_box_scores_as_its_painted_map_and_no_other_square_scores_more(protocol):
    rates = {}
    for step in range(1, 21):
        top, bottom, left, right = blind.centred(SIZE * step // 20, SIZE)
        picture = np.zeros((SIZE, SIZE))
        picture[top:bottom, left:right] = 1
        rates[step] = scored(picture, "solo" if protocol == "lvs" else protocol)
    success = protocol_named(protocol).success
    found = floor_of("best_centred_box", protocol)
    assert found[success] == max(rate[success] for rate in rates.values())
    assert any(found == pytest.approx(rate) for rate in rates.values())


def test_where_no_box_succeeds_the_best_one_is_still_found():
    """Four small objects in the corners: no centred square reaches CIoU 0.3, but some overlap more than others."""
    corners = [(0.05, 0.05), (0.75, 0.05), (0.05, 0.75), (0.75, 0.75)]
    boxes = Boxes(CATEGORIES, (Frame("a", 0.0, tuple(
        Box(category, (*corner, 0.2, 0.2)) for category, corner in zip(CATEGORIES, corners, strict=False)
    )),))  # fmt: skip
    empty = Maps((boxes.frames[0].key,), np.ones((1, 1, 1)))
    found = score([empty], boxes, "duet", size=SIZE, bootstrap=0).floors["best_centred_box"]
    assert found["ciou@0.3"] == 0
    assert found["auc"] > 0


def test_random_maps_score_as_the_noise_that_they_are():
    """The first frame's answer, taken out of the generator and scored as any system's."""
    rng = np.random.default_rng(5)
    noise = np.exp(blind.SHARPNESS * rng.random((blind.ANSWERS, len(CATEGORIES), blind.CELLS, blind.CELLS)))
    noise /= noise.sum(axis=1, keepdims=True)
    with_box = [n for n, frame in enumerate(BOXES) if frame.boxes]
    maps = np.ones((len(KEYS), *noise.shape[1:]))
    maps[with_box] = noise[np.arange(len(with_box)) % blind.ANSWERS]
    answer = Maps(KEYS, maps.max(axis=1), maps, None, CATEGORIES)
    expected = score([answer], BOXES, "duet", size=SIZE, seed=5, bootstrap=0)
    assert expected.floors["random"] == pytest.approx(expected.metrics)


@pytest.mark.parametrize("protocol", ["solo", "duet"])
@pytest.mark.parametrize("name", ["whole_image", "best_centred_box", "random"])
def test_a_blind_system_answers_what_its_floor_scores(name, protocol):
    plan = protocol_named(protocol)
    truth = truth_of(BOXES, SIZE, united=plan.united)
    system = blind.blind_system(name, truth, plan)
    answer = system.predict([], np.zeros((0, 16_000)), truth.keys)
    found = score([answer], BOXES, protocol, size=SIZE, bootstrap=0)
    expected = {k: v for k, v in found.floors[name].items() if v is not None}
    assert {k: found.metrics[k] for k in expected} == pytest.approx(expected, abs=1e-6)


class Dictionary:
    """Sees a cello on the left and a flute on the right, always."""

    categories = ("cello", "flute")

    def object_maps(self, frames):
        maps = np.zeros((len(frames), 2, 1, 2), np.float32)
        maps[:, 0, 0, 0] = maps[:, 1, 0, 1] = 1
        return maps


def test_an_oracle_for_an_ear_silences_what_is_silent_and_vision_alone_does_not():
    both = VisionOnly(Dictionary())
    oracle = OracleSound(Dictionary(), {"a": {"flute"}, "b": set()})
    seen, heard = (system.predict([None, None], np.zeros((2, 16_000)), ["a", "b"]) for system in (both, oracle))
    assert seen.maps.max(axis=(2, 3)).tolist() == [[1, 1], [1, 1]]
    assert heard.maps.max(axis=(2, 3)).tolist() == heard.score.tolist() == [[0, 1], [0, 0]]
    assert heard.area.tolist() == [[[0, 1]], [[0, 0]]]


def test_floors_do_not_depend_on_the_system():
    truth = truth_of(BOXES, SIZE)
    plan = protocol_named("duet")
    each = np.eye(truth.groups)  # the figure of every group alone
    auc = [statistics_of(blind.random_maps(truth, plan, seed), truth, plan)["auc"](each) for seed in (7, 7, 8)]
    assert np.array_equal(auc[0], auc[1], equal_nan=True)
    assert not np.array_equal(auc[0], auc[2], equal_nan=True)
