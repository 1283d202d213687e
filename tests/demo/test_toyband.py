"""Toyband: what it writes is real, true to its boxes, and depends on the seed alone."""

import hashlib
import json
from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import pytest

from dsol.data.boxes import Boxes
from dsol.demo.toyband import CATEGORIES, make_toyband, plan_duets, plan_solos
from dsol.demo.toyband.sounds import play
from dsol.demo.toyband.videos import (
    FRAME_RATE,
    HEIGHT,
    SAMPLE_RATE,
    WIDTH,
    Plan,
    direct,
    label,
    make_video,
    shoot,
)
from dsol.errors import DsolError

SECONDS = 2


@pytest.fixture(scope="module")
def band(tmp_path_factory) -> Path:
    return make_toyband(tmp_path_factory.mktemp("band") / "toyband", 22, 4, SECONDS, seed=3, workers=2)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def decode(path: Path) -> tuple[np.ndarray, list[float], np.ndarray]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    with av.open(str(path)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return np.stack([f.to_ndarray(format="rgb24") for f in frames]), [float(f.time) for f in frames], sound


def test_every_category_occurs_in_train_and_test_with_boxes(band):
    for split in ("train", "test"):
        assert sorted(path.name for path in (band / "solo" / split).iterdir()) == sorted(CATEGORIES)
    for kind in ("solo", "duet"):
        boxes = Boxes.load(band / kind / "boxes.json")
        videos = {str(p.relative_to(band / kind)) for p in (band / kind).rglob("*.mp4")}
        assert {frame.video for frame in boxes} == videos
        assert boxes.categories == CATEGORIES


def test_a_quarter_of_the_videos_is_for_testing():
    for plans in (plan_solos(132, 4, 0), plan_duets(44, 4, 0)):
        assert sum(plan.name.startswith("test/") for plan in plans) == len(plans) // 4


def test_duets_use_all_instruments_equally_often():
    plans = plan_duets(44, 4, 0)
    count = {c: sum(c in plan.seen for plan in plans) for c in CATEGORIES}
    assert max(count.values()) - min(count.values()) <= 1
    assert all(len(set(plan.seen)) == len(plan.seen) for plan in plans)


def test_the_decoder_reads_frames_and_sound_of_the_right_length(band):
    for path in (*sorted(band.rglob("0000.mp4"))[:3], band / "duet/test/0001.mp4"):
        frames, times, sound = decode(path)
        assert frames.shape == (SECONDS * FRAME_RATE, HEIGHT, WIDTH, 3)
        np.testing.assert_allclose(times, np.arange(SECONDS * FRAME_RATE) / FRAME_RATE, atol=1e-3)
        assert 0 <= len(sound) - SECONDS * SAMPLE_RATE < 2 * 1024  # the last packet is padded
        assert frames.std() > 5


def test_every_second_of_every_video_is_heard(band):
    for path in band.rglob("*.mp4"):
        sound = decode(path)[2][: SECONDS * SAMPLE_RATE]
        rms = np.sqrt((sound.reshape(SECONDS, -1) ** 2).mean(1))
        assert rms.min() > 0.005, path
        assert np.abs(sound).max() < 1, path


def test_boxes_come_four_a_second_and_name_what_sounds(band):
    for kind, seen in (("solo", (1, 1)), ("duet", (3, 4))):
        times = defaultdict(list)
        for frame in Boxes.load(band / kind / "boxes.json"):
            times[frame.video].append(frame.time_s)
            assert seen[0] <= len(frame.boxes) <= seen[1]
            assert sum(box.sounding for box in frame.boxes) == (1 if kind == "solo" else 2)
            for box in frame.boxes:
                x, y, w, h = box.xywh
                assert x >= 0
                assert y >= 0
                assert w > 0.02
                assert h > 0.02
                assert x + w <= 1
                assert y + h <= 1
            if kind == "solo":
                assert frame.boxes[0].category == frame.video.split("/")[1]
        assert all(t == [i / 4 for i in range(4 * SECONDS)] for t in times.values())


def test_a_box_holds_all_of_the_visible_instrument_and_touches_it_on_all_sides(tmp_path):
    plan = Plan("a.mp4", ("cello", "tuba", "flute"), 2, 1, (5,))
    frames = make_video(plan, tmp_path / "a.mp4")
    scene, _ = direct(plan)
    for frame in frames:
        seen = label(scene, int(frame.time_s * FRAME_RATE))
        for box in frame.boxes:
            number = 1 + [role.sprites.actor.category for role in scene.roles].index(box.category)
            inside = np.zeros_like(seen, bool)
            x, y, w, h = np.rint(np.array(box.xywh) * (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(int)
            inside[y : y + h, x : x + w] = True
            mask = seen == number
            assert not mask[~inside].any()
            assert all(mask[edge].any() for edge in (np.s_[y], np.s_[y + h - 1], np.s_[:, x], np.s_[:, x + w - 1]))


def test_the_file_shows_the_scene_that_was_annotated(tmp_path):
    plan = Plan("a.mp4", ("xylophone", "violin", "erhu", "accordion"), 2, 1, (6,))
    make_video(plan, tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = [frame.to_ndarray().astype(float) for frame in container.decode(video=0)]
    scene, _ = direct(plan)
    for i in (0, FRAME_RATE - 1):
        assert np.abs(frames[i] - shoot(scene, i).array()).mean() < 4


def test_silent_instruments_sway_too(tmp_path):
    moved = 0
    for seed in range(4):
        frames = make_video(Plan("a.mp4", ("cello", "tuba", "flute"), 2, 3, (seed,)), tmp_path / "a.mp4")
        places = {b.xywh for frame in frames for b in frame.boxes if not b.sounding}
        moved += len(places) > 1
    assert moved >= 3


def test_instruments_of_a_band_are_mostly_in_sight():
    for seed in range(6):
        plan = Plan("a.mp4", ("cello", "tuba", "flute", "xylophone"), 2, 1, (seed, 9))
        scene, _ = direct(plan)
        for i, role in enumerate(scene.roles):
            alone = type(scene)(scene.backdrop, (role,), scene.pan)
            uncovered = (label(alone, 0) > 0).sum()
            assert (label(scene, 0) == i + 1).sum() > 0.55 * uncovered


def test_the_result_does_not_depend_on_the_number_of_workers(band, tmp_path):
    other = make_toyband(tmp_path / "other", 22, 4, SECONDS, seed=3, workers=1)
    assert digests(other) == digests(band)


def test_another_seed_gives_other_videos(tmp_path):
    for name, seed in (("a", 1), ("b", 2), ("c", 1)):
        make_video(Plan("x.mp4", ("trumpet",), 1, 1, (seed,)), tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == c
    assert a != b


def test_the_same_call_again_does_nothing(band, capsys):
    before = {path: path.stat().st_mtime_ns for path in band.rglob("*")}
    assert make_toyband(band, 22, 4, SECONDS, seed=3) == band
    assert "nothing to do" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in band.rglob("*")} == before


def test_a_folder_with_other_content_is_refused_and_kept(band, tmp_path):
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(DsolError, match="no toyband"):
        make_toyband(tmp_path, 1, 0, 1)
    assert (tmp_path / "holiday.txt").read_text() == "mine"
    with pytest.raises(DsolError, match="other arguments"):
        make_toyband(band, 22, 4, SECONDS, seed=4)


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def broken(folder, plans, workers):
        folder.mkdir()
        raise OSError("disk full")

    monkeypatch.setattr("dsol.demo.toyband._write", broken)
    with pytest.raises(OSError, match="disk full"):
        make_toyband(tmp_path / "out", 1, 0, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"solos": -1}, {"duets": -1}, {"seconds": 0}, {"seed": -1}, {"workers": -1}])
def test_senseless_arguments_are_refused(tmp_path, wrong):
    with pytest.raises(DsolError, match=next(iter(wrong))):
        make_toyband(tmp_path / "out", **wrong)


def spectrum(category: str, seed: int) -> np.ndarray:
    sound = play(category, 2.0, np.random.default_rng(seed), 16_000)
    power = np.abs(np.fft.rfft(sound.reshape(-1, 800) * np.hanning(800))) ** 2
    bands = np.add.reduceat(power, np.unique(np.geomspace(1, 380, 32).astype(int)), axis=1)
    bands = 10 * np.log10(bands + 1e-9)
    return np.concatenate((bands.mean(0) - bands.mean(), bands.std(0), np.abs(np.diff(bands, axis=0)).mean(0)))


def test_instruments_are_told_apart_by_ear_but_not_by_pitch():
    # Nearest class mean of coarse spectra; chance is 1/11.
    train = {c: np.stack([spectrum(c, s) for s in range(12)]) for c in CATEGORIES}
    scale = np.concatenate(list(train.values())).std(0)
    means = np.stack([train[c].mean(0) for c in CATEGORIES])
    right = [
        CATEGORIES[np.argmin((((spectrum(c, s) - means) / scale) ** 2).sum(1))] == c
        for c in CATEGORIES
        for s in range(100, 106)
    ]
    assert np.mean(right) > 0.6


def test_the_record_tells_how_it_was_made(band):
    record = json.loads((band / "toyband.json").read_text())
    assert record == {"version": 1, "solos": 22, "duets": 4, "seconds": SECONDS, "seed": 3}
