"""Preparing a corpus: whole, the same to the byte however it went, and one bad file harms no other."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dsol.data import corpora, media
from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.corpora import folders
from dsol.data.engines import run
from dsol.data.prepare import prepare
from dsol.data.store import Store
from dsol.errors import DsolError
from tests import videos
from tests.videos import BROKEN, write_folder, write_silent, write_truncated, write_video

NAMES = ("accordion/a.mp4", "accordion/b.webm", "cello/c.mkv", "cello/d.mp4", "cello/e.mov", "flute/f.avi")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_folder(tmp_path_factory.mktemp("corpus"), NAMES)


@pytest.fixture(scope="module")
def store(corpus, tmp_path_factory) -> Store:
    return prepare(corpus, tmp_path_factory.mktemp("made") / "store", workers=1)


@pytest.fixture(autouse=True)
def slow_layout(monkeypatch):
    """The layout "slow": folders, but each video takes its time. This module is the layout."""
    monkeypatch.setitem(corpora.CORPORA, "slow", __name__)


def read(folder: Path) -> corpora.Corpus:
    found = folders.read(folder)
    return corpora.Corpus(found.videos, found.boxes, slow_read)


def slow_read(path: Path, **options):
    if "DSOL_TEST_PIDS" in os.environ:
        Path(os.environ["DSOL_TEST_PIDS"], str(os.getpid())).touch()
        time.sleep(0.3)
    yield from media.read_seconds(path, **options)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}


def test_every_second_of_every_video_is_there_in_order(store):
    assert [row.clip for row in store.rows] == [f"{name}@{second}" for name in NAMES for second in range(2)]
    assert store.categories == ("accordion", "cello", "flute")
    assert (store.info["videos"], store.info["skipped"], store.info["cut_short"]) == (6, [], [])
    assert len(store.boxes) == 0


def test_frames_and_sound_are_those_of_the_video(store):
    for i in (1, 4):
        clip = store.clip(i)
        assert clip.frames.shape == (4, 256, 256, 3)
        assert [videos.time_of(frame) for frame in clip.frames] == pytest.approx(clip.times_s, abs=0.2)
        assert np.sqrt(np.mean(clip.waveform**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_an_annotated_incomplete_last_second_is_kept_whole_and_told_of(tmp_path, capfd):
    (tmp_path / "corpus").mkdir()
    for name in ("long.mp4", "tail.mp4", "other.mp4"):
        write_video(tmp_path / "corpus" / name, seconds=2.4)
    write_video(tmp_path / "corpus" / "brief.mp4", seconds=2.04)
    times = {"long.mp4": 1.0, "tail.mp4": 2.25, "brief.mp4": 2.0}
    box = (Box("cello", (0.1, 0.2, 0.5, 0.6)),)
    boxes = Boxes(("cello",), tuple(Frame(video, time_s, box) for video, time_s in times.items()))
    boxes.save(tmp_path / "boxes.json")
    store = prepare(tmp_path / "corpus", tmp_path / "store", boxes=tmp_path / "boxes.json", workers=1)
    assert [store.find(*place) is not None for place in times.items()] == [True] * 3
    kept = {row.clip for row in store.rows if row.second == 2}
    assert kept == {"tail.mp4@2", "brief.mp4@2"}
    assert store.info["incomplete_clips"] == 2
    assert "2 incomplete last seconds kept, since they are annotated" in capfd.readouterr().err
    clip = store.clip(store.index("tail.mp4@2"))
    assert clip.times_s.tolist() == [2.0, 2.25, 2.5, 2.75]
    assert (clip.frames[2:] == clip.frames[1]).all()
    assert [videos.time_of(frame) for frame in clip.frames[:2]] == pytest.approx([2.0, 2.25], abs=0.2)
    assert np.abs(clip.waveform[:6000]).max() > 0.3
    assert np.abs(clip.waveform[6600:]).max() == 0
    assert not store.photos.any()


def test_the_number_of_processes_does_not_show_in_the_result(corpus, store, tmp_path):
    assert bytes_of(prepare(corpus, tmp_path / "store", workers=2).path) == bytes_of(store.path)


def test_killed_again_and_again_it_goes_on_and_ends_the_same(corpus, tmp_path):
    whole = prepare(corpus, tmp_path / "whole", layout="slow", workers=1)
    script = ("import sys; from dsol.data import corpora; from dsol.data.prepare import prepare;"
              f"corpora.CORPORA['slow'] = {__name__!r}; prepare(*sys.argv[1:], layout='slow', workers=2)")  # fmt: skip
    pids = tmp_path / "pids"
    pids.mkdir()
    partial = tmp_path / "store.partial"
    for already in (1, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(corpus), str(tmp_path / "store")],
            env={**os.environ, "DSOL_TEST_PIDS": str(pids)}, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        wait_until(lambda least=already: len(list(partial.glob("*.json"))) >= least)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert len(list(partial.glob("*.json"))) < len(NAMES), "it was not midway"
        with pytest.raises(DsolError, match="not finished"):
            Store.open(tmp_path / "store")
    wait_until(lambda: not any(Path(f"/proc/{pid.name}").exists() for pid in pids.iterdir()))
    kept = {part.name: part.stat().st_mtime_ns for part in partial.glob("*.tar")}
    (partial / "leftover.tmp").write_text("half a part")
    resumed = prepare(corpus, tmp_path / "store", layout="slow", workers=1)
    assert bytes_of(resumed.path) == bytes_of(whole.path)
    assert len(kept) >= 3
    assert not partial.exists()


def wait_until(true, timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_what_a_stopped_run_has_done_is_not_done_again(corpus, tmp_path, monkeypatch):
    calls = []

    def third_fails(path, **options):
        calls.append(Path(path).name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return media.read_seconds(path, **options)

    monkeypatch.setattr(f"{__name__}.slow_read", third_fails)
    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, tmp_path / "store", layout="slow", workers=1)
    assert len(prepare(corpus, tmp_path / "store", layout="slow", workers=1)) == 12
    assert calls == ["a.mp4", "b.webm", "c.mkv", "c.mkv", "d.mp4", "e.mov", "f.avi"]


def test_made_the_same_way_it_is_there_already(corpus, store, capfd):
    before = bytes_of(store.path)
    assert len(prepare(corpus, store.path)) == len(store)
    assert "exists already" in capfd.readouterr().err
    with pytest.raises(DsolError, match="made with size 256, not 128"):
        prepare(corpus, store.path, size=128)
    assert bytes_of(store.path) == before


def test_bad_files_are_named_and_harm_no_other(tmp_path, capfd):
    for kind, write in BROKEN.items():
        write(tmp_path / f"{kind}.mp4")
    write_video(tmp_path / "good.mp4")
    write_silent(tmp_path / "silent.mp4")
    write_truncated(tmp_path / "truncated.mp4")
    (tmp_path / "gone.mp4").symlink_to("nowhere.mp4")
    made = prepare(tmp_path, tmp_path / "store", workers=1)
    seconds = [row.second for row in made.rows if row.video == "truncated.mp4"]
    assert set(made.videos) == {"good.mp4", "truncated.mp4"}
    assert seconds == list(range(len(seconds)))
    assert 1 <= len(seconds) < 6
    skipped = {entry["video"]: entry["reason"] for entry in made.info["skipped"]}
    assert set(skipped) == {*(f"{kind}.mp4" for kind in BROKEN), "silent.mp4", "gone.mp4"}
    assert skipped["silent.mp4"] == "is silent"
    assert "sound" in skipped["no sound.mp4"]
    assert [entry["video"] for entry in made.info["cut_short"]] == ["truncated.mp4"]
    assert made.info["silent_clips"] == 2
    said = capfd.readouterr().err.splitlines()
    assert all(sum(line.startswith(f"{video}:") for line in said) == 1 for video in [*skipped, "truncated.mp4"])


def test_silent_seconds_are_left_out_unless_annotated(tmp_path):
    def half(times_s):
        return videos.tone(times_s) * (times_s < 1)

    folder = tmp_path / "corpus"
    folder.mkdir()
    write_video(folder / "a.mkv", 4.0, sound=half)
    assert [row.second for row in prepare(folder, tmp_path / "plain", workers=1).rows] == [0]
    Boxes(("cello",), (Frame("a.mkv", 2.5, (Box("cello", (0, 0, 0.5, 0.5), False),)),)).save(folder / "boxes.json")
    annotated = prepare(folder, tmp_path / "annotated", workers=1)
    assert [row.second for row in annotated.rows] == [0, 2]
    assert annotated.find("a.mkv", 2.5) == (1, 2)
    assert annotated.info["silent_clips"] == 2


def test_nothing_usable_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DsolError, match="has no videos in it"):
        prepare(tmp_path / "empty", tmp_path / "store")
    with pytest.raises(DsolError, match="is not a folder"):
        prepare(tmp_path / "nowhere", tmp_path / "store")
    videos.write_no_sound(tmp_path / "empty" / "mute.mp4")
    with pytest.raises(DsolError, match=r"no usable video: mute\.mp4"):
        prepare(tmp_path / "empty", tmp_path / "store", workers=1)
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


def test_wrong_options_are_named(corpus, tmp_path):
    for options, words in [({"layout": "cake"}, "cake"), ({"engine": "steam"}, "steam"), ({"workers": -1}, "-1"),
                           ({"size": 5}, "5 pixels"), ({"boxes": tmp_path / "no.json"}, r"no\.json")]:  # fmt: skip
        with pytest.raises(DsolError, match=words):
            prepare(corpus, tmp_path / "store", **options)
    assert not list(tmp_path.iterdir())


def test_ray_is_asked_for_by_name_when_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DsolError, match=r"dsol\[ray\]"):
        next(run(abs, [1], engine="ray"))


def test_a_full_disk_stops_it_and_loses_nothing(corpus, store, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # bytes a file may have
    try:
        with pytest.raises(DsolError, match="cannot be written"):
            prepare(corpus, tmp_path / "store", workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "store").exists()
    assert bytes_of(prepare(corpus, tmp_path / "store", workers=1).path) == bytes_of(store.path)


def test_a_place_that_cannot_be_written_is_named(corpus, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DsolError, match="cannot be written"):
        prepare(corpus, tmp_path / "file" / "store", workers=1)
    with pytest.raises(DsolError, match="is a file"):
        prepare(corpus, tmp_path / "file", workers=1)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_that_changed_meanwhile_is_prepared_anew(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "corpus", ["a.mp4", "b.mp4"])

    def interrupted(path, **options):
        if Path(path).name == "b.mp4":
            raise KeyboardInterrupt
        return media.read_seconds(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.slow_read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(folder, tmp_path / "store", layout="slow", workers=1)
    write_video(folder / "a.mp4", 3.0)
    made = prepare(folder, tmp_path / "store", layout="slow", workers=1)
    assert [row.second for row in made.rows] == [0, 1, 2, 0, 1]


def test_annotations_follow_their_videos(corpus, tmp_path, capfd):
    file = tmp_path / "mine.json"
    there = Frame("cello/c.mkv", 1.0, (Box("cello", (0.125, 0.25, 0.5, 0.5)),))
    Boxes(("cello",), (there, Frame("cello/lost.mp4", 1.0, ()))).save(file)
    made = prepare(corpus, tmp_path / "store", boxes=file, workers=1)
    assert made.boxes.frames == (there,)
    assert "1 of 2 annotated videos are not there, the first is cello/lost.mp4" in capfd.readouterr().err
    Boxes(("cello",), (Frame("c.mkv", 1.0, ()),)).save(file)
    with pytest.raises(DsolError, match=r"annotates no video .* c\.mkv"):
        prepare(corpus, tmp_path / "other", boxes=file, workers=1)


def test_official_annotations_find_their_videos_in_any_tree(tmp_path):
    corpus = write_folder(tmp_path / "corpus", ["x/1Ju4S0qeDqw_0_1000.mp4", "party.mp4"])
    key = "1Ju4S0qeDqw_0_1000/frame_001/00037.jpg"
    entry = {"bbox": [{"normbox": [0, 0, 0.5, 0.5], "category_id": 1}]}
    (tmp_path / "solotest.json").write_text(json.dumps({key: entry}))
    made = prepare(corpus, tmp_path / "store", boxes=tmp_path / "solotest.json", workers=1)
    (frame,) = made.boxes
    assert (frame.video, frame.key) == ("x/1Ju4S0qeDqw_0_1000.mp4", key)
    assert made.find(frame.video, frame.time_s) == (made.index("x/1Ju4S0qeDqw_0_1000.mp4@1"), 1)


def test_a_worker_starts_without_torch():
    code = "import sys, dsol.data.prepare, dsol.data.corpora.stills, dsol.data.corpora.music_synthetic; "
    code += "print('torch' in sys.modules, 'pyarrow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_the_description_is_plain_json(store):
    info = json.loads((store.path / "store.json").read_text())
    assert info["made"]["by"] == "prepare"
    assert str(Path.home()) not in json.dumps(info)
