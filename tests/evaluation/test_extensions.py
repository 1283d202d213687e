"""Other fields' figures are what their definitions say, and those that look at the annotation must be asked for."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from dsol.data.boxes import Box, Boxes, Frame
from dsol.errors import DsolError
from dsol.evaluation import PROTOCOLS, score
from dsol.evaluation.extensions import SCENARIOS, average_precision
from dsol.evaluation.result import SPOKEN
from dsol.model.maps import Maps
from tests.evaluation.scenes import CATEGORIES, boxes_of, maps_of
from tests.oracles import evaluation as oracle

SIZE = 12
OWN = ("iiou@0.5", "j", "f", "cap", "ap", "max_f1", "mixed_sound_auc", "predicted_own")
BOXES = boxes_of(np.random.default_rng(3), frames=9, silent=0.2)
MAPS = maps_of(np.random.default_rng(4), BOXES, (3, 4))


def frames_of(united: bool) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Of every frame with something sounding: the enlarged map and the painted mask of each object."""
    found = []
    for row, frame in enumerate(BOXES):
        names = sorted({b.category for b in frame.boxes if b.sounding})
        groups = [names] if united and names else [[name] for name in names]
        found.append([
            (oracle.enlarge(MAPS.area[row] if united else MAPS.maps[row, CATEGORIES.index(group[0])], SIZE),
             oracle.painted([b.xywh for b in frame.boxes if b.sounding and b.category in group], SIZE))
            for group in groups
        ])  # fmt: skip
    return [objects for objects in found if objects]


def found_by(protocol: str, strict: bool = True) -> dict:
    return score([MAPS], BOXES, protocol, size=SIZE, bootstrap=0, strict=strict).metrics


def share(values: list[float]) -> float:
    return sum(v >= 0.5 for v in values) / len(values)


def test_is3_counts_objects_and_frames_by_their_worst_object():
    median = [[oracle.iou(p > np.sort(p.ravel())[SIZE * SIZE // 2], m) for p, m in f] for f in frames_of(False)]
    adaptive = [
        [oracle.iou(p > np.sort(p.ravel())[SIZE * SIZE - m.sum() - 1], m) if m.any() else 0.0 for p, m in f]
        for f in frames_of(False)
    ]
    found = found_by("is3", strict=False)
    for prefix, values in (("", median), ("adaptive_", adaptive)):
        flat, worst = [v for f in values for v in f], [min(f) for f in values]
        assert found[f"{prefix}iou@0.5"] == pytest.approx(share(flat), abs=1e-9)
        assert found[f"{prefix}auc"] == pytest.approx(oracle.success_area(flat), abs=1e-9)
        assert found[f"{prefix}iiou@0.5"] == pytest.approx(share(worst), abs=1e-9)
        assert found[f"{prefix}iauc"] == pytest.approx(oracle.success_area(worst), abs=1e-9)


def test_avsbench_takes_the_largest_mean_f_of_the_whole_set():
    pairs = [pair for frame in frames_of(True) for pair in frame]
    means = []
    for level in np.linspace(0, 1 - 1e-10, 255):
        scores = []
        for pixels, mask in pairs:
            hit, predicted = (mask & (pixels >= level)).sum(), (pixels >= level).sum()
            precision, recall = hit / max(predicted, 1), hit / max(mask.sum(), 1)
            scores.append(1.3 * precision * recall / (0.3 * precision + recall) if hit else 0.0)
        means.append(sum(scores) / len(scores))
    found = found_by("avsbench")
    assert found["f"] == pytest.approx(max(means), abs=1e-9)
    assert found["j"] == pytest.approx(np.mean([oracle.iou(p > 0.5, m) for p, m in pairs]), abs=1e-9)


def test_mix_and_localize_ranks_pixels_and_permutes_maps():
    def precision(pixels: np.ndarray, mask: np.ndarray) -> float:
        return average_precision_score(mask.ravel(), pixels.ravel()) if mask.any() else 0.0

    cap, piap = [], []
    for objects in frames_of(False):
        table = np.array([[precision(p, m) for _, m in objects] for p, _ in objects])
        places = range(len(objects))
        cap.append(np.diag(table).mean())
        piap.append(max(np.mean([table[a, b] for a, b in zip(places, order, strict=True)])
                        for order in permutations(places)))  # fmt: skip
    found = found_by("mix-and-localize", strict=False)
    assert found["cap"] == pytest.approx(np.mean(cap), abs=1e-9)
    assert found["piap"] == pytest.approx(np.mean(piap), abs=1e-9)
    assert found["piap"] >= found["cap"]
    assert found["ciou@0.3"] == found_by("synthetic")["ciou@0.3"]


def test_average_precision_takes_equal_pixels_together():
    rng = np.random.default_rng(5)
    values, mask = rng.integers(0, 4, 50) / 3, rng.random(50) < 0.4
    assert average_precision(values, mask) == pytest.approx(average_precision_score(mask, values))
    assert average_precision(values, np.zeros(50, dtype=bool)) == 0


@pytest.mark.parametrize(("protocol", "reached"), [("lvs", 1.0), ("is3", 1.0), ("slavc", 0.1875)])
def test_a_sparse_map_equal_to_its_box_is_found_above_the_median_and_drowned_from_it_on(protocol, reached):
    boxes = Boxes(("cello",), (Frame("a", 0.0, (Box("cello", (0.25, 0.0, 0.75, 0.25)),)),))
    cells = np.zeros((1, 16, 16))
    cells[0, :4, 4:] = 1
    found = score([Maps(("a@0.000",), cells, cells[:, None], None, ("cello",))], boxes, protocol, size=16)
    assert found.metrics["class_iou"] == reached


@pytest.mark.parametrize(("protocol", "predicts"), [("lvs", 0), ("is3", 0), ("slavc", 1)])
def test_a_flat_map_predicts_nothing_above_its_median_and_everything_from_it_on(protocol, predicts):
    assert PROTOCOLS[protocol].paint(np.full((2, 5, 5), 0.3), 16).mean() == predicts


@pytest.mark.parametrize(("protocol", "peeks"), [("is3", "adaptive IoU@0.5"), ("mix-and-localize", "PIAP")])
def test_figures_that_look_at_the_annotation_are_left_out_unless_asked_for_and_then_warned_of(protocol, peeks):
    strict, published = (score([MAPS], BOXES, protocol, size=SIZE, bootstrap=0, strict=s) for s in (True, False))
    assert set(strict.metrics) < set(published.metrics)
    assert {name: published.metrics[name] for name in strict.metrics} == strict.metrics
    rows = [[line for line in found.table().splitlines() if peeks in line] for found in (strict, published)]
    assert [len(lines) for lines in rows] == [1, 2]
    assert rows[0][0].startswith("Left out")
    assert rows[1][1].startswith("WARNING")


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS.keys() - {"is3", "mix-and-localize"}))
def test_other_protocols_have_nothing_to_warn_of(protocol):
    assert found_by(protocol) == found_by(protocol, strict=False)


@pytest.mark.parametrize("seed", range(4))
def test_slavc_finds_what_is_there_and_leaves_alone_what_is_not(seed):
    rng = np.random.default_rng(seed)
    boxes = boxes_of(rng, frames=24, silent=0.2, most=2)
    area = maps_of(rng, boxes, (3, 4), aware=False).area
    area[::3] = np.round(area[::3], 1)  # some equal confidences
    area[1::4] = area[1]
    maps = Maps(tuple(frame.key for frame in boxes), area)
    ious, sure = [], []
    for frame, cells in zip(boxes, area, strict=True):
        there = [b.xywh for b in frame.boxes if b.sounding]
        ious.append(oracle.iou(oracle.binary(cells, "slavc", SIZE), oracle.painted(there, SIZE)) if there else None)
        sure.append(oracle.confidence(cells, SIZE))
    found = score([maps], boxes, "slavc", size=SIZE, bootstrap=0)
    expected = oracle.detection(ious, sure)
    assert found.frames == 24
    for name in ("ap", "max_f1"):
        assert found.metrics[name] == pytest.approx(expected[name], abs=1e-9)
    there = [value for value in ious if value is not None]
    assert found.metrics["iou@0.5"] == pytest.approx(share(there))
    assert found.metrics["auc"] == pytest.approx(oracle.success_area(there), abs=1e-9)


def test_a_system_that_knows_when_nothing_is_there_has_the_higher_ap():
    there = Frame("a", 0.0, (Box("cello", (0.0, 0.0, 0.5, 1.0)),))
    boxes = Boxes(("cello",), (there, Frame("b", 0.0, ()), Frame("c", 0.0, ())))
    keys = tuple(frame.key for frame in boxes)
    area = np.repeat([[[1.0, 0.0]]], 3, axis=0)
    wary = Maps(keys, area * np.array([1.0, 0.1, 0.2])[:, None, None])
    rash = Maps(keys, area * np.array([0.5, 0.9, 0.8])[:, None, None])
    assert score([wary], boxes, "slavc", size=8).metrics["ap"] == 1
    assert score([wary], boxes, "slavc", size=8).metrics["max_f1"] == 1
    assert score([rash], boxes, "slavc", size=8).metrics["ap"] == pytest.approx(1 / 3)
    assert score([rash], boxes, "slavc", size=8).metrics["max_f1"] == pytest.approx(1 / 2)


def test_slavc_says_when_there_is_nothing_to_leave_alone():
    says = "Every frame has a visible source"
    seen = Boxes(CATEGORIES, tuple(f for f in BOXES if any(b.sounding for b in f.boxes)))
    assert says in score([MAPS], seen, "slavc", size=SIZE).table()
    unseen = Boxes(CATEGORIES, (replace(BOXES.frames[0], boxes=()), *BOXES.frames[1:]))
    assert says not in score([MAPS], unseen, "slavc", size=SIZE).table()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("protocol", ["lvs", "slavc"])
def test_where_several_annotators_drew_a_pixel_counts_by_how_many_agree(protocol, seed):
    rng = np.random.default_rng(seed)
    drawn = boxes_of(rng, frames=12, silent=0)
    boxes = replace(drawn, votes=True)
    maps = maps_of(rng, boxes, (5, 4), aware=False)
    ious = [
        oracle.consensus_iou(oracle.binary(cells, protocol, SIZE), [b.xywh for b in frame.boxes], SIZE)
        for frame, cells in zip(boxes, maps.area, strict=True) if frame.boxes
    ]  # fmt: skip
    found, union = (score([maps], some, protocol, size=SIZE, bootstrap=0).metrics for some in (boxes, drawn))
    assert found["class_iou"] == pytest.approx(np.mean(ious), abs=1e-9)
    assert found["auc"] == pytest.approx(oracle.success_area(ious), abs=1e-9)
    assert found["class_iou"] != pytest.approx(union["class_iou"])


@pytest.mark.parametrize("protocol", ["is3", "avsbench", "mix-and-localize", "slavc", "avatar", "robust"])
def test_own_figures_have_floors_and_intervals_too(protocol):
    some = Boxes(BOXES.categories, BOXES.frames)
    found = score([MAPS], some, protocol, size=SIZE, bootstrap=50)
    assert found.metrics.keys() == found.ci95.keys() == found.floors["random"].keys()
    own = [name for name in found.metrics if name in OWN]
    assert own
    for name in own:
        assert found.ci95[name][0] <= found.ci95[name][1]
        assert found.floors["whole_image"][name] is not None
        assert SPOKEN[name] in found.table()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(9, 16), (12, 7), 10])
def test_avatar_reports_each_scenario_apart(seed, size):
    rng = np.random.default_rng(seed)
    boxes = boxes_of(rng, frames=40, silent=0.5, most=3)
    area = 0.3 * maps_of(rng, boxes, (3, 4), aware=False).area
    found = score([Maps(tuple(f.key for f in boxes), area)], boxes, "avatar", size=size, bootstrap=0)
    expected = oracle.avatar(dict(zip((f.key for f in boxes), area, strict=True)), boxes, size)
    assert found.frames == 40
    for name, figure in expected.items():
        assert found.metrics[name] == (None if figure is None else pytest.approx(figure, abs=1e-9)), name
    assert found.metrics["off_screen_tn"] + found.metrics["off_screen_fp"] == pytest.approx(1)
    assert {name.rpartition("_")[0] for name in expected if name.endswith("auc")} == {"", *SCENARIOS[:3]}


def test_avatar_takes_frames_of_640_by_360_pixels_and_finds_what_is_above_a_tenth():
    boxes = Boxes(("dog",), (Frame("a", 0.0, (Box("dog", (0.0, 0.0, 0.5, 0.5)),)), Frame("b", 0.0, ())))
    area = np.zeros((2, 360, 640))
    area[0, :180, :320] = 0.11
    area[1, :36] = 0.09
    found = score([Maps(("a@0.000", "b@0.000"), area)], boxes, "avatar")
    assert found.metrics["single_sound_iou@0.5"] == found.metrics["class_iou"] == 1
    assert found.metrics["off_screen_fp"] == 0
    area[1, :36] = 0.11
    louder = score([Maps(("a@0.000", "b@0.000"), area)], boxes, "avatar")
    assert louder.metrics["off_screen_fp"] == pytest.approx(0.1)
    assert louder.floors["whole_image"]["off_screen_fp"] == 1
    assert louder.floors["whole_image"]["class_iou"] == pytest.approx(0.25)


def test_robust_is_avsbench_and_what_is_predicted_with_sounds_that_nothing_in_the_frame_makes():
    keys = tuple(frame.key for frame in BOXES)
    sounds = {name: maps_of(np.random.default_rng(n), BOXES, (3, 4), aware=False) for n, name in
              enumerate(("own", "silence", "noise", "swapped"))}  # fmt: skip
    own, *_ = sounds.values()
    how = {"size": SIZE, "bootstrap": 50}
    found = score([own], BOXES, "robust", **how, **{k: [m] for k, m in sounds.items() if k != "own"})
    shares = {name: oracle.predicted_share(dict(zip(keys, maps.area, strict=True)), BOXES, SIZE, 0.5)
              for name, maps in sounds.items()}  # fmt: skip
    assert found.metrics["predicted_own"] == pytest.approx(shares["own"], abs=1e-9)
    for kind, name in (("silence", "silence"), ("noise", "noise"), ("other_sound", "swapped")):
        assert found.metrics[f"fpr_{kind}"] == pytest.approx(shares[name], abs=1e-9)
        assert found.floors["random"][f"fpr_{kind}"] == found.floors["random"]["predicted_own"]
    assert found.metrics["fpr"] == pytest.approx(np.mean([v for k, v in shares.items() if k != "own"]), abs=1e-9)
    plain = score([own], BOXES, "avsbench", **how)
    assert {name: found.metrics[name] for name in plain.metrics} == plain.metrics
    assert found.floors["whole_image"]["fpr"] == 1
    assert found.ci95["fpr"][0] < found.metrics["fpr"] < found.ci95["fpr"][1]


def test_robust_says_which_sounds_it_was_not_given_and_others_take_none():
    found = score([MAPS], BOXES, "robust", size=SIZE, silence=[MAPS])
    assert "Left out, for lack of maps with those sounds: FPR, noise, FPR, mismatched sound." in found.table()
    assert found.metrics["fpr"] == found.metrics["fpr_silence"] == found.metrics["predicted_own"]
    assert "fpr_noise" not in found.metrics
    with pytest.raises(DsolError, match="is not scored with silence or noise"):
        score([MAPS], BOXES, "avsbench", size=SIZE, noise=[MAPS])
