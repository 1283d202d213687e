"""A scene shows all of its sources, in their places, and lets only some of them be heard."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.scenes import compose
from dsol.data.scenes.layouts import Tile, box_in_scene, canvas_size, free, grid
from dsol.data.store import Store
from dsol.data.store.build import Part, build
from dsol.errors import DsolError

CATEGORIES = ("accordion", "cello", "flute", "tuba", "violin")
COLOURS = {"accordion": (220, 30, 30), "cello": (30, 200, 30), "flute": (40, 40, 230), "tuba": (220, 220, 30),
           "violin": (200, 40, 200)}  # fmt: skip
HZ = {name: 500 * (k + 1) for k, name in enumerate(CATEGORIES)}
MARK = (0.25, 0.5, 0.25, 0.25)  # where each frame has a white mark: its box
TILE = 64


def frame_of(category: str, size: int = 64) -> np.ndarray:
    """The category's colour with a white mark."""
    frame = np.empty((size, size, 3), np.uint8)
    frame[:] = COLOURS[category]
    x, y, w, h = (round(v * size) for v in MARK)
    frame[y : y + h, x : x + w] = 255
    return frame


def make(video: str, body) -> tuple[list[dict], dict]:
    split, category, _ = video.split("/")
    times = np.arange(16_000) / 16_000
    rows = []
    for second in range(2):
        facts = {"video": video, "second": second, "category": category, "split": split,
                 "times_s": [second + j / 4 for j in range(4)]}  # fmt: skip
        sound = 0.3 * np.sin(2 * np.pi * HZ[category] * times)
        shown = 1 if video[-5] == "p" else 4
        facts["times_s"] = facts["times_s"][:shown]
        rows.append(body.add_clip(facts, [frame_of(category)] * shown, sound * (video[-5] != "s")))
    return rows, {}


def make_solo(out: Path, videos: list[str], boxed: list[str]) -> Store:
    box = {category: Box(category, MARK) for category in CATEGORIES}
    frames = tuple(Frame(video, 1.25, (box[video.split("/")[1]],)) for video in boxed)
    parts = [Part(video.replace("/", "_"), video) for video in videos]
    return build(out, {"by": "test"}, parts, make, lambda _: ({}, Boxes(CATEGORIES, frames)), "Making", "videos",
                 workers=1)  # fmt: skip


@pytest.fixture(scope="module")
def solo(tmp_path_factory) -> Store:
    train = [f"train/{category}/{k}.mp4" for category in CATEGORIES for k in range(3)]
    test = [f"test/{category}/t.mp4" for category in CATEGORIES]
    return make_solo(tmp_path_factory.mktemp("solo") / "store", [*train, *test, "train/cello/s.mp4"], test)


@pytest.fixture(scope="module")
def scenes(solo, tmp_path_factory) -> Store:
    return compose(solo, tmp_path_factory.mktemp("scenes") / "store", scenes=30, tile=TILE, split="test", boxed=True)


def loud(waveform: np.ndarray) -> set[str]:
    """The categories whose tone is heard."""
    spectrum = np.abs(np.fft.rfft(waveform)) / 8000
    return {name for name, hz in HZ.items() if spectrum[hz - 3 : hz + 4].max() > 0.05}


def test_a_scene_is_one_second_with_one_picture(scenes):
    assert [row.clip for row in scenes.rows] == [f"scene/{n:06d}@0" for n in range(30)]
    assert all(scenes.frame_count(i) == 1 for i in range(30))
    assert scenes.frame(0, 0).shape == (2 * TILE, 2 * TILE, 3)
    assert scenes.waveform(0).shape == (16_000,)
    assert {row.split for row in scenes.rows} == {"test"}
    assert scenes.categories == ()


def test_four_different_categories_are_seen_and_two_are_told_to_sound(scenes, solo):
    for row in scenes.rows:
        seen = [solo.rows[solo.index(clip)].category for clip in row.sources]
        assert len(set(seen)) == 4
        assert sum(row.source_sounds) == 2
        assert row.sounding == tuple(c for c, sounds in zip(seen, row.source_sounds, strict=True) if sounds)


def test_exactly_those_that_are_told_to_sound_are_heard(scenes):
    for i, row in enumerate(scenes.rows):
        assert loud(scenes.waveform(i)) == set(row.sounding)


def test_each_source_is_seen_in_its_quarter(scenes, solo):
    for i, row in enumerate(scenes.rows):
        for k, clip in enumerate(row.sources):
            top, left = k // 2 * TILE, k % 2 * TILE
            corner = scenes.frame(i, 0)[top + 4 : top + 12, left + 4 : left + 12].mean((0, 1))
            assert corner == pytest.approx(COLOURS[solo.rows[solo.index(clip)].category], abs=12)


def test_each_box_lies_on_its_mark_and_says_whether_it_sounds(scenes, solo):
    assert [frame.video for frame in scenes.boxes] == [row.video for row in scenes.rows]
    for row, annotation in zip(scenes.rows, scenes.boxes, strict=True):
        assert scenes.find(annotation.video, annotation.time_s) == (scenes.index(row.clip), 0)
        for k, (clip, box) in enumerate(zip(row.sources, annotation.boxes, strict=True)):
            assert box.category == solo.rows[solo.index(clip)].category
            assert box.xywh == pytest.approx((k % 2 / 2 + 0.125, k // 2 / 2 + 0.25, 0.125, 0.125))
            assert box.sounding == row.source_sounds[k]


def test_the_annotation_of_a_scene_knows_the_videos_of_what_sounds(scenes, solo, tmp_path):
    file = Boxes.load(scenes.path / "boxes.json")
    for frames in (scenes.boxes, file):
        for frame in frames:
            row = scenes.rows[scenes.index(f"{frame.video}@0")]
            heard = [clip for clip, sounds in zip(row.sources, row.source_sounds, strict=True) if sounds]
            assert frame.sources == tuple(sorted(clip.rpartition("@")[0] for clip in heard))
            assert len(frame.sources) == 2
    assert all(frame.sources == () for frame in solo.boxes)
    quiet = compose(solo, tmp_path / "quiet", scenes=2, sounding=0, boxed=True, tile=TILE)
    assert all(len(frame.sources) == 4 for frame in quiet.boxes)


def test_scenes_whose_file_of_boxes_is_older_have_their_source_videos_from_the_index(scenes, tmp_path):
    older = tmp_path / "older"
    shutil.copytree(scenes.path, older)
    Boxes(scenes.boxes.categories, tuple(replace(f, sources=()) for f in scenes.boxes)).save(older / "boxes.json")
    assert [f.sources for f in Store.open(older).boxes] == [f.sources for f in scenes.boxes]
    assert Store.open(older).fingerprint == scenes.fingerprint


def test_videos_are_drawn_more_often_than_photos_where_so_weighted(tmp_path):
    videos = [f"train/{category}/{k}.mp4" for category in CATEGORIES for k in ("0", "1p", "2p", "3p", "4p")]
    solo = make_solo(tmp_path / "solo", videos, [])

    def share(**weight) -> float:
        scenes = compose(solo, tmp_path / str(weight), scenes=40, tile=TILE, **weight)
        sources = [clip for row in scenes.rows for clip in row.sources]
        return sum("p.mp4" not in clip for clip in sources) / len(sources)

    assert 0.1 < share() < 0.3  # one video for four photos
    assert 0.7 < share(video_weight=16) < 0.9


def white_share(picture: np.ndarray, xywh, scale: float) -> float:
    """Share of white in a box grown by `scale` around its middle."""
    height, width = picture.shape[:2]
    x, y, w, h = (v * side for v, side in zip(xywh, (width, height) * 2, strict=True))
    left, right = round(x + w / 2 - scale * w / 2), round(x + w / 2 + scale * w / 2)
    top, bottom = round(y + h / 2 - scale * h / 2), round(y + h / 2 + scale * h / 2)
    return float((picture[top:bottom, left:right].min(2) > 200).mean())


def test_freely_placed_boxes_lie_on_their_marks(solo, tmp_path):
    made = compose(solo, tmp_path / "free", scenes=20, layout="free", tile=128, split="test", boxed=True)
    places = set()
    for i, annotation in enumerate(made.boxes):
        assert len(annotation.boxes) == 4
        for box in annotation.boxes:
            assert white_share(made.frame(i, 0), box.xywh, 0.7) > 0.95
            assert white_share(made.frame(i, 0), box.xywh, 1.8) < 0.4
        places |= {box.xywh for box in annotation.boxes}
    assert len(places) > 70


@pytest.mark.parametrize("objects", [1, 2, 3, 4, 7, 16])
def test_freely_placed_sources_stay_inside_and_apart(objects):
    for seed in range(20):
        width, height = canvas_size(objects, 100)
        covered = np.zeros((height, width), int)
        tiles = free(objects, 100, np.random.default_rng(seed))
        assert len(tiles) == objects
        for tile in tiles:
            assert tile.side > 10
            assert 0 <= tile.left <= width - tile.side
            assert 0 <= tile.top <= height - tile.side
            covered[tile.top : tile.top + tile.side, tile.left : tile.left + tile.side] += 1
        assert covered.max() == 1


def test_the_grid_has_room_for_any_number():
    assert canvas_size(4, 224) == (448, 448)
    assert grid(4, 10) == [Tile(0, 0, 10), Tile(10, 0, 10), Tile(0, 10, 10), Tile(10, 10, 10)]
    assert (canvas_size(3, 10), canvas_size(2, 10), canvas_size(5, 10)) == ((20, 20), (20, 10), (30, 20))
    assert grid(5, 10)[4] == Tile(10, 10, 10)


def test_a_box_moves_with_its_tile():
    assert box_in_scene((0.5, 0.0, 0.5, 1.0), Tile(224, 224, 224), (448, 448)) == (0.75, 0.5, 0.25, 0.5)
    assert box_in_scene((0, 0, 1, 1), Tile(10, 30, 20), (100, 200)) == (0.1, 0.15, 0.2, 0.1)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_the_seed_decides_everything(solo, tmp_path):
    first, second, other = (compose(solo, tmp_path / name, scenes=8, seed=seed, tile=32, layout="free")
                            for name, seed in [("a", 0), ("b", 0), ("c", 1)])  # fmt: skip
    assert bytes_of(first.path) == bytes_of(second.path)
    assert [r.sources for r in first.rows] != [r.sources for r in other.rows]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "c"]


def test_more_scenes_begin_with_the_same_ones(solo, tmp_path):
    few, many = (compose(solo, tmp_path / str(n), scenes=n, tile=32) for n in (5, 9))
    assert [r.checksum for r in many.rows][:5] == [r.checksum for r in few.rows]


def test_composed_the_same_way_it_is_there_already(solo, tmp_path, capfd):
    made = compose(solo, tmp_path / "store", scenes=3, tile=32)
    before = bytes_of(made.path)
    compose(solo, tmp_path / "store", scenes=3, tile=32)
    assert "exists already" in capfd.readouterr().err
    with pytest.raises(DsolError, match="seed 0, not 5"):
        compose(solo, tmp_path / "store", scenes=3, tile=32, seed=5)
    with pytest.raises(DsolError, match="store "):
        compose(solo.select(split="train"), tmp_path / "store", scenes=3, tile=32)
    assert bytes_of(made.path) == before


def test_categories_are_drawn_alike_often_however_many_clips_they_have(tmp_path):
    videos = [f"train/{c}/{k}.mp4" for c in CATEGORIES for k in range(12 if c == "tuba" else 1)]
    solo = make_solo(tmp_path / "solo", videos, [])
    made = compose(solo, tmp_path / "scenes", scenes=300, objects=2, sounding=1, tile=32)
    drawn = Counter(clip.split("/")[1] for row in made.rows for clip in row.sources)
    assert all(90 <= drawn[category] <= 150 for category in CATEGORIES)  # 120 expected, sd 8.5
    places = Counter(row.source_sounds.index(True) for row in made.rows)
    assert all(115 <= places[k] <= 185 for k in range(2))


def test_a_scene_never_mixes_splits(solo, tmp_path):
    made = compose(solo, tmp_path / "store", scenes=40, tile=32)
    assert {row.split for row in made.rows} == {"train", "test"}
    assert all(clip.startswith(f"{row.split}/") for row in made.rows for clip in row.sources)


def test_scenes_of_the_clips_set_aside_for_them_are_for_training(tmp_path):
    videos = [f"{split}/{category}/0.mp4" for split in ("synthesis", "train", "test") for category in CATEGORIES]
    solo = make_solo(tmp_path / "solo", videos, [])
    scenes = compose(solo, tmp_path / "scenes", scenes=10, tile=TILE, split="synthesis")
    assert {row.split for row in scenes.rows} == {"train"}
    assert {clip.split("/")[0] for row in scenes.rows for clip in row.sources} == {"synthesis"}


def test_silent_clips_are_no_sources(solo, tmp_path):
    made = compose(solo, tmp_path / "store", scenes=60, tile=32, split="train")
    assert not any("s.mp4" in clip for row in made.rows for clip in row.sources)


def test_labels_stand_in_for_categories(solo, tmp_path):
    labels = {clip: f"cluster {len(clip.split('/')[1]) % 4}" for clip in solo.column("clip") if "1.mp4" in clip}
    made = compose(solo, tmp_path / "store", scenes=10, objects=3, sounding=1, tile=32, labels=labels)
    for row in made.rows:
        assert len({labels[clip] for clip in row.sources}) == 3
        assert row.sounding == tuple(labels[c] for c, s in zip(row.sources, row.source_sounds, strict=True) if s)


def test_scenes_that_labels_were_used_for_say_so_unless_they_are_tests(solo, tmp_path):
    labels = {row.clip: row.category for row in solo.rows}
    for name, told, how in (
        ("by category", True, {}),
        ("by labels", False, {"labels": labels}),
        ("annotated", False, {"boxed": True}),
    ):
        made = compose(solo, tmp_path / name, scenes=2, tile=TILE, **how)
        assert ("uses labels" in made.info.get("note", "")) == told


def test_no_video_is_in_a_scene_twice_even_under_two_labels(solo, tmp_path):
    pair = solo.select(videos=["train/cello/0.mp4", "train/tuba/0.mp4"])
    labels = {clip: f"cluster {i % 2}" for i, clip in enumerate(pair.column("clip"))}
    made = compose(pair, tmp_path / "store", scenes=10, objects=2, sounding=1, tile=32, labels=labels)
    assert all(len({clip.split("@")[0] for clip in row.sources}) == 2 for row in made.rows)
    one = solo.select(videos=["train/cello/0.mp4"])
    with pytest.raises(DsolError, match="2 different videos"):
        compose(one, tmp_path / "one", scenes=1, objects=2, sounding=1, labels=labels)


def test_a_scene_is_annotated_only_where_all_its_sources_are(solo, tmp_path):
    made = compose(solo, tmp_path / "store", scenes=300, objects=2, sounding=1, tile=32, split="test")
    assert 1 <= len(made.boxes) < 60  # one frame of eight is annotated: (1/8)² of the scenes
    annotated = {frame.video for frame in made.boxes}
    for row in made.rows:
        if row.video in annotated:
            assert all(clip.endswith("@1") for clip in row.sources)


def test_none_or_all_may_sound(solo, tmp_path):
    silent = compose(solo, tmp_path / "none", scenes=2, sounding=0, tile=32)
    assert silent.rows[0].sounding == ()
    assert not silent.waveform(0).any()
    assert all(compose(solo, tmp_path / "all", scenes=2, sounding=4, tile=32).rows[0].source_sounds)


def test_what_cannot_be_composed_is_explained(solo, tmp_path):
    with pytest.raises(DsolError, match=r"5 categories \(accordion, .*a scene needs 6"):
        compose(solo, tmp_path / "store", objects=6)
    with pytest.raises(DsolError, match="no split 'val'"):
        compose(solo, tmp_path / "store", split="val")
    with pytest.raises(DsolError, match="holds none of the clips that the labels are of"):
        compose(solo, tmp_path / "store", labels={"elsewhere@0": "cluster 1"})
    with pytest.raises(DsolError, match="no annotated frames"):
        compose(solo.select(split="train"), tmp_path / "store", boxed=True)
    for options in (
        {"layout": "heap"},
        {"sounding": 5},
        {"scenes": 0},
        {"objects": 0, "sounding": 0},
        {"tile": 1},
        {"seed": -1},
    ):
        with pytest.raises(DsolError, match="--"):
            compose(solo, tmp_path / "store", **options)
    assert not list(tmp_path.iterdir())


def test_stopped_midway_it_goes_on(solo, tmp_path, monkeypatch):
    whole = compose(solo, tmp_path / "whole", scenes=6, tile=32)
    monkeypatch.setattr("dsol.data.scenes.composing.SCENES_A_PART", 2)
    calls, mix = [], compose.__globals__["mix"]

    def fourth_fails(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return mix(*arguments)

    monkeypatch.setattr("dsol.data.scenes.composing.mix", fourth_fails)
    with pytest.raises(KeyboardInterrupt):
        compose(solo, tmp_path / "store", scenes=6, tile=32)
    made = compose(solo, tmp_path / "store", scenes=6, tile=32)
    assert len(calls) == 4 + 4
    assert [row.checksum for row in made.rows] == [row.checksum for row in whole.rows]
