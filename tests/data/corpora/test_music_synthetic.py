"""The official synthetic set, which has no waveforms, is scored as if it had."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from dsol.config import load_recipe
from dsol.data.corpora import music_synthetic, read_corpus
from dsol.data.prepare import prepare
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.evaluation.evaluate import evaluate
from dsol.inspection import inspect
from dsol.model.audio import log_mel
from dsol.model.images import resize
from dsol.training import batches
from dsol.training.batches import Picks, read
from dsol.training.train import train
from tests.shapes import CATEGORIES


def write_scene(folder, name: str, picture: np.ndarray, mel: np.ndarray, rows: list | None) -> None:
    """One scene as it was published."""
    for part in ("video", "audio", "box"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(folder / "video" / f"{name}.jpg", quality=95)
    (folder / "audio" / f"{name}.pkl").write_bytes(pickle.dumps(mel))
    if rows is not None:
        np.save(folder / "box" / f"{name}.npy", np.array(rows, dtype=float))


def scene(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return random.integers(0, 255, (64, 64, 3), np.uint8), random.normal(-40, 10, (201, 64))


@pytest.fixture
def official(tmp_path):
    """Two annotated test scenes and one for training, which has no boxes."""
    random = np.random.default_rng(0)
    write_scene(tmp_path / "test1", "0001", *scene(random), [[0.0, 0.5, 0.5, 0.5, 1], [0.5, 0.5, 0.25, 0.25, 12]])
    write_scene(tmp_path / "test1", "0002", *scene(random), [[0.25, 0.0, 0.25, 0.5, 13]])
    write_scene(tmp_path / "train" / "train", "0001", *scene(random), None)
    return tmp_path


def test_scenes_boxes_and_spectrograms_are_read(official, tmp_path):
    store = prepare(official, tmp_path / "store", layout="music-synthetic", size=64, workers=1)
    assert [(row.video, row.split, row.extras) for row in store.rows] == [
        ("test1/video/0001.jpg", "test", ("mel.npy",)), ("test1/video/0002.jpg", "test", ("mel.npy",)),
        ("train/train/video/0001.jpg", "train", ("mel.npy",)),
    ]  # fmt: skip
    for i, row in enumerate(store.rows):
        file = official / row.video.replace("video", "audio").replace("jpg", "pkl")
        np.testing.assert_array_equal(store.sound(i), pickle.loads(file.read_bytes()).astype(np.float32))
        assert not store.waveform(i).any()
    first, second = store.boxes
    assert (first.key, second.key, len(store.boxes.categories)) == ("0001", "0002", 11)
    assert [(box.category, box.xywh) for box in first.boxes] == [
        ("cello", (0.0, 0.5, 0.5, 0.5)), ("flute", (0.5, 0.5, 0.25, 0.25)),
    ]  # fmt: skip
    found = inspect(tmp_path / "store")
    assert (found["extras"], found["splits"]) == ({"mel.npy": 3}, {"test": 2, "train": 1})
    assert "no waveforms" in found["note"]


def test_training_hears_the_spectrogram(official, tmp_path):
    store = prepare(official, tmp_path / "store", layout="music-synthetic", size=64, workers=1)
    (_, sounds), *_ = read(store, Picks(store, 3).in_order(), workers=0)
    assert torch.equal(log_mel(sounds)[1], torch.from_numpy(store.sound(1)))


def test_scenes_are_seen_whole_in_training_however_they_came(trained, shapes, tmp_path, monkeypatch):
    random = np.random.default_rng(1)
    for n in range(4):
        write_scene(tmp_path / "official" / "train", f"{n:04d}", *scene(random), None)
    prepare(tmp_path / "official", tmp_path / "store", layout="music-synthetic", size=64, workers=1)
    compose(shapes, tmp_path / "scenes", scenes=4, split="train", tile=32)
    cropped = []

    def crop(images, size, generator, part):
        cropped.append(len(images))
        return resize(images, size)

    monkeypatch.setattr(batches, "training_view", crop)
    config = load_recipe("tiny").replace(stage_two={"epochs": 1})
    for n, (scenes, crops) in enumerate(
        ((tmp_path / "store", False), (tmp_path / "scenes", False), (shapes.path, True))
    ):
        run = tmp_path / f"run-{n}"
        shutil.copytree(trained, run, ignore=shutil.ignore_patterns("model.safetensors", "*two*", "scenes"))
        train(shapes.path, run, config, scenes=scenes, stage="two")
        assert bool(cropped) == crops
    assert [Store.open(path).composed for path in (tmp_path / "store", tmp_path / "scenes", shapes.path)] == [
        True, True, False,
    ]  # fmt: skip


def test_scenes_prepared_before_they_said_so_are_known_by_their_layout(official, tmp_path):
    store = prepare(official, tmp_path / "store", layout="music-synthetic", size=64, workers=1)
    assert store.info.pop("composed")
    assert Store(store.path, store._table, store.boxes, store.info).composed


def test_the_same_scenes_score_the_same_with_and_without_waveforms(trained, shapes, tmp_path, monkeypatch):
    scenes = compose(shapes, tmp_path / "scenes", scenes=12, split="test", boxed=True, tile=64)
    ids = dict(enumerate(CATEGORIES))
    monkeypatch.setattr(music_synthetic, "MUSIC_IDS", ids)
    monkeypatch.setattr(music_synthetic, "CATEGORIES", CATEGORIES)
    for i, frame in enumerate(scenes.boxes):
        mel = log_mel(torch.from_numpy(scenes.waveform(i))[None])[0].numpy()
        rows = [[*box.xywh, CATEGORIES.index(box.category)] for box in frame.boxes if box.sounding]
        write_scene(tmp_path / "official", f"{i:04d}", scenes.frame(i, 0), mel, rows)
    prepare(tmp_path / "official", tmp_path / "store", layout="music-synthetic", size=128, workers=1)
    ours, theirs = (
        evaluate(trained, tmp_path / name, "synthetic", match=shapes.path).to_json() for name in ("scenes", "store")
    )
    assert theirs["frames"] == 12
    for name in ("ciou@0.3", "auc", "class_iou", "nsa"):  # the picture was compressed once more
        assert theirs["metrics"][name] == pytest.approx(ours["metrics"][name], abs=0.1), name
    assert theirs["floors"]["swapped_sound"] is not None


@pytest.mark.parametrize(
    ("mel", "says"),
    [
        (np.zeros((64, 201)), "has shape (64, 201)"),
        (np.full((201, 64), np.nan), "holds NaN"),
        ([1.0], "is no pickled array"),
    ],
)
def test_a_broken_scene_is_left_out_and_the_others_are_kept(official, tmp_path, mel, says):
    (official / "test1" / "audio" / "0001.pkl").write_bytes(pickle.dumps(mel))
    store = prepare(official, tmp_path / "store", layout="music-synthetic", size=64, workers=1)
    (lost,) = store.info["skipped"]
    assert lost["video"] == "test1/video/0001.jpg"
    assert says in lost["reason"]
    assert [frame.key for frame in store.boxes] == ["0002"]


def test_a_scene_without_sound_is_named_and_broken_boxes_stop(official, tmp_path):
    (official / "test1" / "audio" / "0002.pkl").unlink()
    assert read_corpus(official, "music-synthetic").skipped == {"test1/video/0002.jpg": "has no audio/0002.pkl"}
    for rows, says in (([[0.5, 0.5, 0.9, 0.9, 1]], "leaves the frame"), ([[0, 0, 1, 1, 7]], "unknown category id 7"),
                       ([[1.0, 2.0]], "no array of boxes")):  # fmt: skip
        np.save(official / "test1" / "box" / "0001.npy", np.array(rows))
        with pytest.raises(DsolError, match=says):
            read_corpus(official, "music-synthetic")
    with pytest.raises(DsolError, match="has no scenes"):
        read_corpus(official / "test1" / "box", "music-synthetic")


def test_scenes_cannot_be_composed_of_spectrograms(official, tmp_path):
    store = prepare(official, tmp_path / "store", layout="music-synthetic", size=64, workers=1)
    with pytest.raises(DsolError):
        compose(Store.open(store.path), tmp_path / "scenes", scenes=1)
