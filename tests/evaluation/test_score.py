"""Scoring gives the figures of the definitions, and refuses what it cannot score."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsol.data.boxes import Box, Boxes, Frame
from dsol.errors import DsolError
from dsol.evaluation import PROTOCOLS, score, score_files
from dsol.evaluation.result import BASELINES, METRICS
from dsol.model.maps import Maps, MapsWriter
from tests.evaluation.scenes import CATEGORIES, boxes_of, maps_of, part
from tests.oracles import evaluation as oracle

SIZE = 24
ONE = Boxes(("cello",), (Frame("a.mp4", 0.0, (Box("cello", (0.0, 0.0, 0.5, 1.0)),)),))
LEFT = np.array([[[1.0, 0.0]]])


def by_hand(maps: Maps, boxes: Boxes, protocol: str, size: int = SIZE) -> dict:
    area = dict(zip(maps.keys, maps.area, strict=True))
    aware = None if maps.maps is None else dict(zip(maps.keys, maps.maps, strict=True))
    return oracle.evaluate(area, aware, maps.categories, boxes, protocol, size)


@pytest.mark.parametrize("protocol", ["solo", "synthetic", "duet", "audioset", "lvs"])
@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (9, 9), (24, 24)])
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_figure_is_that_of_the_definition(protocol, shape, seed):
    rng = np.random.default_rng(seed)
    boxes = boxes_of(rng)
    if not any(b.sounding for f in boxes for b in f.boxes):
        return
    maps = maps_of(rng, boxes, shape)
    found = score([maps], boxes, protocol, bootstrap=0, size=SIZE).metrics
    for name, figure in by_hand(maps, boxes, protocol).items():
        assert found[name] == (None if figure is None else pytest.approx(figure, abs=1e-9)), name


@pytest.mark.parametrize("protocol", ["solo", "duet"])
def test_figures_at_the_official_size_are_those_of_the_definition(protocol):
    rng = np.random.default_rng(5)
    boxes = boxes_of(rng, frames=2, most=2)
    maps = maps_of(rng, boxes, (14, 14))
    found = score([maps], boxes, protocol, bootstrap=0).metrics
    for name, figure in by_hand(maps, boxes, protocol, 224).items():
        assert found[name] == (None if figure is None else pytest.approx(figure, abs=1e-9)), name


@pytest.mark.parametrize("protocol", ["synthetic", "duet"])
def test_a_system_without_categories_is_scored_by_its_one_map_for_silent_ones_too(protocol):
    rng = np.random.default_rng(6)
    boxes = boxes_of(rng, frames=20)
    shown = maps_of(rng, boxes, aware=False)
    maps = Maps(shown.keys, 0.4 * shown.area)
    found = score([maps], boxes, protocol, bootstrap=0, size=SIZE)
    expected = by_hand(maps, boxes, protocol)
    for name in ("class_iou", "nsa", "auc", "silent_auroc"):
        assert found.metrics[name] == pytest.approx(expected[name], abs=1e-9), name
    assert 0 < found.metrics["nsa"] < 1
    copied = Maps(maps.keys, maps.area, np.repeat(maps.area[:, None], len(CATEGORIES), axis=1), None, CATEGORIES)
    same = score([copied], boxes, protocol, bootstrap=0, size=SIZE)
    assert found.metrics == pytest.approx(same.metrics)
    assert [row["nsa"] for row in found.per_category.values()] == pytest.approx(
        [row["nsa"] for row in same.per_category.values()]
    )


def test_a_system_that_is_told_how_many_objects_sound_has_no_nsa_and_its_floors_do():
    rng = np.random.default_rng(6)
    boxes = boxes_of(rng)
    maps = maps_of(rng, boxes, aware=False)
    found = score([maps], boxes, "duet", swapped=[maps], bootstrap=0, size=SIZE, nsa=False)
    assert found.metrics["nsa"] is None
    assert found.floors["swapped_sound"]["nsa"] is None
    assert found.floors["random"]["nsa"] is not None
    assert all(row["nsa"] is None for row in found.per_category.values())


def test_a_perfect_map_reaches_every_step():
    found = score([Maps(("a.mp4@0.000",), np.repeat(LEFT, 2, axis=1))], ONE, "solo", bootstrap=0, size=4)
    assert found.metrics["iou@0.5"] == 1
    assert found.metrics["class_iou"] == pytest.approx(2 / 3)  # 0.1 of the maximum reaches into the third column


def test_order_batches_and_foreign_frames_do_not_matter():
    rng = np.random.default_rng(7)
    boxes = boxes_of(rng)
    maps = maps_of(rng, boxes)
    foreign = Maps(("other.mp4@0.000",), np.full((1, 3, 3), np.nan))
    rows = rng.permutation(len(boxes)).tolist()
    whole = score([maps], boxes, "duet", size=SIZE)
    parted = score([part(maps, rows[:3]), foreign, part(maps, rows[3:])], boxes, "duet", size=SIZE)
    assert whole.to_json()["metrics"] == pytest.approx(parted.to_json()["metrics"], abs=1e-12)
    assert whole.per_category.keys() == parted.per_category.keys()


def test_categories_are_matched_by_name_not_by_place():
    rng = np.random.default_rng(8)
    boxes = boxes_of(rng)
    maps = maps_of(rng, boxes)
    turned = Maps(maps.keys, maps.area, maps.maps[:, ::-1], None, CATEGORIES[::-1])
    assert score([maps], boxes, "duet", size=SIZE).metrics == pytest.approx(
        score([turned], boxes, "duet", size=SIZE).metrics
    )


def test_frames_without_a_box_are_not_scored():
    boxes = Boxes(("cello",), (*ONE.frames, Frame("b.mp4", 1.0, ())))
    found = score([Maps(("a.mp4@0.000",), LEFT)], boxes, "solo", size=8)
    assert (found.frames, found.videos) == (1, 1)


@pytest.mark.parametrize(
    ("maps", "says"),
    [
        (Maps((), np.zeros((0, 1, 1))), "lack 1 of 1 annotated frames: a.mp4@0.000"),
        (Maps(("a.mp4@0.000",), np.array([[[np.nan]]])), "a.mp4@0.000: has NaN"),
        (Maps(("a.mp4@0.000",), np.zeros((1, 0, 3))), "a.mp4@0.000: localisation map has shape"),
        (Maps(("a.mp4@0.000",), np.zeros((1, 3))), "a.mp4@0.000: localisation map has shape"),
        (Maps(("a.mp4@0.000",) * 2, np.zeros((2, 3, 3))), "a.mp4@0.000: comes twice"),
        (Maps(("a.mp4@0.000",), LEFT, np.zeros((1, 2, 3, 3)), None, ("tuba", "flute")), "'cello'"),
        (Maps(("a.mp4@0.000",), LEFT, np.zeros((1, 2, 3, 3)), None, ("cello",)), "2 maps for 1 categories"),
        (Maps(("a.mp4@0.000",), LEFT, np.zeros((1, 2, 3, 3)), None, ("cello",) * 2), "two maps of one category"),
    ],
)
def test_what_cannot_be_scored_is_refused_by_name(maps, says):
    with pytest.raises(DsolError, match=re.escape(says)):
        score([maps], ONE, "duet")


def test_the_file_at_fault_is_named(tmp_path):
    good, bad, boxes = (str(tmp_path / name) for name in ("good.npz", "bad.npz", "boxes.json"))
    ONE.save(boxes)
    np.savez(good, **{"a.mp4@0.000": LEFT[0]})
    np.savez(bad, **{"a.mp4@0.000": np.full((2, 2), np.nan)})
    with pytest.raises(DsolError, match=re.escape(f"{bad}, frame a.mp4@0.000: has NaN")):
        score_files(bad, boxes)
    with pytest.raises(DsolError, match=re.escape(f"{bad}, frame a.mp4@0.000: has NaN")):
        score_files(good, boxes, swapped=bad)
    for other in ("silence", "noise"):
        with pytest.raises(DsolError, match=re.escape(f"{bad}, frame a.mp4@0.000: has NaN")):
            score_files(good, boxes, "robust", **{other: bad})
    np.savez(bad, another=LEFT[0])
    with pytest.raises(DsolError, match=re.escape(f"{bad}: lack 1 of 1 annotated frames")):
        score_files(bad, boxes)
    Boxes(ONE.categories, ()).save(boxes)
    with pytest.raises(DsolError, match=re.escape(f"{boxes}: no frame has a box")):
        score_files(good, boxes)


def test_nothing_is_read_after_a_wrong_frame():
    def batches():
        yield Maps(("a.mp4@0.000",), np.array([[[np.inf]]]))
        pytest.fail("read on")

    with pytest.raises(DsolError, match="infinity"):
        score(batches(), ONE, "solo")


def test_an_unknown_protocol_and_boxes_without_sound_are_refused():
    with pytest.raises(DsolError, match="choose one of solo"):
        score([], ONE, "solos")
    silent = Boxes(("cello",), (Frame("a.mp4", 0.0, (Box("cello", (0.0, 0.0, 0.5, 1.0), False),)),))
    with pytest.raises(DsolError, match="no frame has a box of a sounding object"):
        score([], silent, "solo")


def test_json_has_the_same_keys_for_every_protocol():
    rng = np.random.default_rng(9)
    boxes = boxes_of(rng)
    for protocol in PROTOCOLS:
        found = json.loads(json.dumps(score([maps_of(rng, boxes)], boxes, protocol, size=SIZE).to_json()))
        assert set(found) == {"protocol", "frames", "videos", "metrics", "ci95", "floors", "ahead", "per_category"}
        assert list(found["metrics"]) == list(found["ci95"])
        assert list(found["metrics"])[: len(METRICS)] == list(METRICS)
        assert set(found["floors"]) == set(BASELINES)
        assert set(found["floors"]["random"]) == set(found["metrics"])
        assert set(found["ahead"]) == set(BASELINES)
        assert set(found["ahead"]["random"]) == set(found["metrics"])


def test_the_table_shows_the_figures_their_intervals_and_the_floors_beside_them():
    rng = np.random.default_rng(10)
    boxes = boxes_of(rng, frames=30)
    found = score([maps_of(rng, boxes)], boxes, "duet", size=SIZE, nmi=0.75)
    lines = found.table().splitlines()
    row = next(line for line in lines if line.startswith("AUC")).split()
    low, high = (100 * edge for edge in found.ci95["auc"])
    baseline = 100 * found.floors["whole_image"]["auc"]
    assert row[1:5] == [f"{100 * found.metrics['auc']:.1f}", f"[{low:.1f},", f"{high:.1f}]", f"{baseline:.1f}"]
    assert "whole image" in found.table()
    assert "never alone" in found.table()
    assert any(line.startswith("NMI") and "75.0" in line for line in lines)
    assert all(name in found.table() for name in CATEGORIES)


def test_swapped_sound_is_scored_as_a_floor():
    rng = np.random.default_rng(11)
    boxes = boxes_of(rng)
    maps, other = maps_of(rng, boxes), maps_of(rng, boxes)
    found = score([maps], boxes, "duet", swapped=[other], size=SIZE)
    assert found.floors["swapped_sound"] == score([other], boxes, "duet", size=SIZE).metrics
    assert score([maps], boxes, "duet", size=SIZE).floors["swapped_sound"] is None


def test_an_answer_is_ahead_of_a_floor_by_what_the_same_videos_say():
    rng = np.random.default_rng(14)
    boxes = boxes_of(rng, frames=60)
    maps = maps_of(rng, boxes)
    same = score([maps], boxes, "duet", swapped=[maps], size=SIZE)
    assert all(edges in (None, [0.0, 0.0]) for edges in same.ahead["swapped_sound"].values())
    assert same.ahead["swapped_sound"]["ciou@0.3"] == [0.0, 0.0]
    for name in ("auc", "ciou@0.3", "silent_auroc"):
        low, high = same.ahead["random"][name]
        assert low <= same.metrics[name] - same.floors["random"][name] <= high
    assert "ahead of" in same.table()
    assert score([maps], boxes, "duet", size=SIZE, bootstrap=0).ahead["random"]["auc"] is None


def test_files_score_as_their_content(tmp_path):
    rng = np.random.default_rng(12)
    boxes = boxes_of(rng)
    maps = maps_of(rng, boxes)
    boxes.save(tmp_path / "boxes.json")
    with MapsWriter(tmp_path / "maps.npz") as writer:
        writer.add(maps)
    from_files = score_files(tmp_path / "maps.npz", tmp_path / "boxes.json", "duet", size=SIZE)
    assert from_files.metrics == pytest.approx(
        score([maps], Boxes.load(tmp_path / "boxes.json"), "duet", size=SIZE).metrics
    )


def test_per_category_rows_are_the_means_of_their_objects():
    rng = np.random.default_rng(13)
    boxes = boxes_of(rng, frames=20)
    maps = maps_of(rng, boxes)
    rows = score([maps], boxes, "duet", size=SIZE).per_category
    for name, row in rows.items():
        alone = Boxes(CATEGORIES, tuple(
            Frame(f.video, f.time_s, tuple(b for b in f.boxes if b.category == name and b.sounding)) for f in boxes
        ))  # fmt: skip
        expected = score([maps], alone, "duet", size=SIZE)
        assert row["objects"] == expected.frames
        assert row["class_iou"] == pytest.approx(expected.metrics["class_iou"])
        assert row["ciou@0.3"] == pytest.approx(expected.metrics["ciou@0.3"])


def scenes_of(pairs: list[tuple[str, str]], copies: int = 1) -> Boxes:
    """A scene of each pair of videos, `copies` times over, with two boxes of which the right one is silent."""
    both = (Box("cello", (0.0, 0.0, 0.5, 1.0)), Box("flute", (0.5, 0.0, 0.5, 1.0), False))
    return Boxes(("cello", "flute"), tuple(
        Frame(f"scene/{copy:03d}{n:03d}", 0.0, both, sources=pair)
        for copy in range(copies) for n, pair in enumerate(pairs)
    ))  # fmt: skip


def score_scenes(boxes: Boxes, seed: int = 15):
    """Maps that depend on the source videos alone, so that scenes of the same videos are true copies."""
    cells = {pair: np.random.default_rng([seed, *map(ord, "".join(pair))]).random((2, 3, 3)) for pair in
             {frame.sources for frame in boxes}}  # fmt: skip
    maps = np.stack([cells[frame.sources] for frame in boxes])
    answer = Maps(tuple(f.key for f in boxes), maps.max(1), maps, None, boxes.categories)
    return score([answer], boxes, "synthetic", size=9)


def test_copies_of_scenes_do_not_make_an_interval_narrower():
    pairs = [(f"v{a}", f"v{b}") for a in range(6) for b in range(a) if (a + b) % 2]
    once, often = (score_scenes(scenes_of(pairs, copies)) for copies in (1, 20))
    assert (once.frames, once.videos) == (9, 6)
    assert (often.frames, often.videos) == (180, 6)
    for name, edges in once.ci95.items():
        assert often.ci95[name] == (edges if edges is None else pytest.approx(edges)), name
        assert often.ahead["random"].keys() == once.ahead["random"].keys()
    assert np.ptp(once.ci95["class_iou"]) > 0
    assert score_scenes(scenes_of(pairs[:1], 50)).ci95["class_iou"] is None


def test_scenes_say_that_their_videos_are_drawn_and_files_of_boxes_keep_them(tmp_path):
    boxes = scenes_of([("a", "b"), ("b", "c"), ("a", "c")])
    assert "intervals draw the source videos" in score_scenes(boxes).table()
    assert "3 frames of 3 videos" in score_scenes(boxes).table()
    assert "source videos" not in score([Maps(("a.mp4@0.000",), LEFT)], ONE, "solo").table()
    boxes.save(tmp_path / "boxes.json")
    assert Boxes.load(tmp_path / "boxes.json") == boxes


@pytest.mark.parametrize("protocol", ["synthetic", "duet", "audioset", "mix-and-localize"])
def test_exactly_three_tenths_do_not_reach_the_released_step(protocol):
    """0.05 · 6 is 0.30000000000000004, in the success rate as in the AUC."""
    boxes = Boxes(("cello",), (Frame("a", 0.0, (Box("cello", (0.0, 0.0, 0.3, 1.0)),)),))
    whole, more = np.ones((1, 10, 10)), np.ones((1, 10, 10))
    more[0, 0, -1] = 0
    found = [
        score([Maps(("a@0.000",), m, m[:, None], None, ("cello",))], boxes, protocol, size=10) for m in (whole, more)
    ]
    assert [f.metrics["class_iou"] for f in found] == [0.3, pytest.approx(30 / 99)]
    assert [f.metrics["ciou@0.3"] for f in found] == [0.0, 1.0]
    assert [f.per_category["cello"]["ciou@0.3"] for f in found] == [0.0, 1.0]
    assert found[1].metrics["auc"] - found[0].metrics["auc"] == pytest.approx(0.05)
