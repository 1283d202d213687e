"""Photos and recordings are paired by category, and no recording is heard in two splits."""

import json
import re
import wave

import numpy as np
import pytest
from PIL import Image

from dsol.data.corpora import read_corpus
from dsol.data.corpora.stills import NOTE, loudest_second
from dsol.data.media import read_sound
from dsol.data.prepare import prepare
from dsol.data.scenes import compose
from dsol.data.scenes.composing import BY_CATEGORY
from dsol.errors import DsolError
from dsol.inspection import inspect

RECORDING = re.compile(r"(-chunk|_)\d+$")


def write_wav(path, seconds: float = 1.0, hz: float = 440.0, rate: int = 22_050, loud_from: float = 0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    times_s = np.arange(round(seconds * rate)) / rate
    sound = 0.5 * np.sin(2 * np.pi * hz * times_s) * np.where(times_s < loud_from, 0.1, 1)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def write_photo(path, colour=(200, 30, 30), size=(64, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def stills(tmp_path):
    """Two categories; cello has ten recordings, one of them in three pieces, flute one alone."""
    folder = tmp_path / "stills"
    for split, count in (("train", 6), ("valid", 1), ("test", 2)):
        for k in range(count):
            for category in ("cello", "flute"):
                write_photo(folder / "photos" / split / category / f"{k:03d}.jpg")
    for k in range(9):
        write_wav(folder / "sounds" / "cello" / f"note{k}x.wav", hz=300 + 20 * k)
    for k in range(3):
        write_wav(folder / "sounds" / "cello" / f"long-chunk{k}.wav")
    write_wav(folder / "sounds" / "flute" / "one.wav", seconds=0.6)
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 8:32] = 255
    (folder / "masks" / "train" / "cello").mkdir(parents=True)
    Image.fromarray(mask).convert("1").save(folder / "masks" / "train" / "cello" / "000.png")
    (folder / "boxes.json").write_text(json.dumps({"boxes": {"train/cello/000.jpg": [0.125, 0.25, 0.375, 0.5]}}))
    return folder


def test_every_photo_gets_a_recording_of_its_category_and_split(stills):
    found = read_corpus(stills, "stills")
    assert {(v.category, v.split) for v in found.videos} == {("cello", "train"), ("cello", "val"), ("cello", "test"),
                                                             ("flute", "train")}  # fmt: skip
    assert all(video.sound.parent.name == video.category for video in found.videos)
    cello = [video for video in found.videos if video.category == "cello"]
    heard = {split: {RECORDING.sub("", v.sound.stem) for v in cello if v.split == split}
             for split in ("train", "val", "test")}  # fmt: skip
    assert sum(map(len, heard.values())) == len(set().union(*heard.values()))
    assert len(heard["train"]) > 3
    assert found.skipped == {f"{split}/flute/{k:03d}.jpg": "has no recording of flute for its split"
                             for split, k in (("valid", 0), ("test", 0), ("test", 1))}  # fmt: skip


def test_pairs_are_the_same_every_time(stills):
    assert read_corpus(stills, "stills") == read_corpus(stills, "stills")


def test_pairs_become_clips_with_masks_and_boxes_and_say_what_they_are(stills, tmp_path, capsys):
    store = prepare(stills, tmp_path / "store", layout="stills", size=64, workers=1)
    i = store.index("train/cello/000.jpg@0")
    assert store.frame(i, 0)[5, 5].tolist() == pytest.approx([200, 30, 30], abs=3)
    assert store.mask(i)[16:48, 8:32].all()
    assert store.mask(i).sum() == 32 * 24
    assert store.mask(store.index("train/cello/001.jpg@0")) is None
    assert [frame.video for frame in store.boxes] == ["train/cello/000.jpg"]
    flute = store.waveform(store.index("train/flute/000.jpg@0"))
    assert abs(flute[:9_000]).max() > 0.4
    assert not flute[9_800:].any()  # shorter than a second: silence follows
    found = inspect(tmp_path / "store")
    assert (found["extras"], found["note"]) == ({"mask.png": 1}, NOTE)
    assert NOTE in capsys.readouterr().err


def test_what_is_made_of_them_says_so_too(stills, tmp_path):
    store = prepare(stills, tmp_path / "store", layout="stills", size=64, workers=1)
    scenes = compose(store, tmp_path / "scenes", scenes=2, objects=2, sounding=1, split="train", tile=64)
    assert scenes.info["note"] == f"{NOTE}; {BY_CATEGORY}"
    labels = {row.clip: row.category for row in store.rows}
    mixed = compose(store, tmp_path / "mixed", scenes=2, objects=2, sounding=1, split="train", tile=64, labels=labels)
    assert mixed.info["note"] == NOTE


def test_the_loudest_second_is_taken(tmp_path):
    write_wav(tmp_path / "a.wav", seconds=3.0, loud_from=1.5)
    sound = read_sound(tmp_path / "a.wav")
    assert len(sound) == pytest.approx(48_000, abs=10)
    assert np.sqrt(np.mean(loudest_second(sound) ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("name", ["train/cello/001.jpg", "sound"])
def test_a_broken_file_is_left_out_and_named(stills, tmp_path, name):
    pairs = {video.name: video.sound for video in read_corpus(stills, "stills").videos}
    broken = pairs["train/cello/001.jpg"] if name == "sound" else stills / "photos" / name
    broken.write_bytes(b"nothing")
    store = prepare(stills, tmp_path / "store", layout="stills", size=64, workers=1)
    lost = {entry["video"] for entry in store.info["skipped"]} - {v for v in pairs if "flute" in v}
    assert "train/cello/001.jpg" in lost


def test_another_tree_is_refused(tmp_path):
    with pytest.raises(DsolError, match="has no photos"):
        read_corpus(tmp_path, "stills")
    write_photo(tmp_path / "photos" / "train" / "cello" / "1.jpg")
    with pytest.raises(DsolError, match="has no sounds"):
        read_corpus(tmp_path, "stills")
    write_wav(tmp_path / "sounds" / "cello" / "1.wav")
    for text, says in (("{}", "is not photo -> box"), ('{"boxes": {"a/b.jpg": [0, 0, 2, 2]}}', "leaves the frame")):
        (tmp_path / "boxes.json").write_text(text)
        with pytest.raises(DsolError, match=says):
            read_corpus(tmp_path, "stills")
