"""Other fields' figures are what their definitions say."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from dsol.boxes import Boxes
from dsol.evaluation import score
from dsol.evaluation.extensions import average_precision
from tests.evaluation.scenes import CATEGORIES, boxes_of, maps_of
from tests.oracles import evaluation as oracle

SIZE = 12
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


def found_by(protocol: str) -> dict:
    return score([MAPS], BOXES, protocol, size=SIZE, bootstrap=0).metrics


def share(values: list[float]) -> float:
    return sum(v >= 0.5 for v in values) / len(values)


def test_is3_counts_objects_and_frames_by_their_worst_object():
    median = [[oracle.iou(p >= np.sort(p.ravel())[SIZE * SIZE // 2], m) for p, m in f] for f in frames_of(False)]
    adaptive = [
        [oracle.iou(p > np.sort(p.ravel())[SIZE * SIZE - m.sum() - 1], m) if m.any() else 0.0 for p, m in f]
        for f in frames_of(False)
    ]
    found = found_by("is3")
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
    found = found_by("mix-and-localize")
    assert found["cap"] == pytest.approx(np.mean(cap), abs=1e-9)
    assert found["piap"] == pytest.approx(np.mean(piap), abs=1e-9)
    assert found["piap"] >= found["cap"]
    assert found["ciou@0.3"] == found_by("synthetic")["ciou@0.3"]


def test_average_precision_takes_equal_pixels_together():
    rng = np.random.default_rng(5)
    values, mask = rng.integers(0, 4, 50) / 3, rng.random(50) < 0.4
    assert average_precision(values, mask) == pytest.approx(average_precision_score(mask, values))
    assert average_precision(values, np.zeros(50, dtype=bool)) == 0


@pytest.mark.parametrize("protocol", ["is3", "avsbench", "mix-and-localize"])
def test_own_figures_have_floors_and_intervals_too(protocol):
    some = Boxes(BOXES.categories, BOXES.frames)
    found = score([MAPS], some, protocol, size=SIZE, bootstrap=50)
    assert found.metrics.keys() == found.ci95.keys() == found.floors["random"].keys()
    own = [name for name in found.metrics if name in ("iiou@0.5", "j", "f", "cap", "piap")]
    assert own
    for name in own:
        assert found.ci95[name][0] <= found.ci95[name][1]
        assert found.floors["whole_image"][name] is not None
        assert name.upper()[:3] in found.table().upper()
