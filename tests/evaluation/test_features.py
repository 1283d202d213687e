"""Figure 3 shows points by category, and its NMI is what K-means finds in the features."""

import numpy as np
import pytest
from PIL import Image

from dsol.config import Config
from dsol.data.boxes import Box, Boxes, Frame
from dsol.evaluation.evaluate import telling_frames
from dsol.evaluation.features import (
    COLOURS,
    clustering_nmi,
    features_figure,
    features_of,
    labelled_clips,
    on_a_plane,
    picture_features,
)
from dsol.model.dsol_system import DsolSystem
from dsol.model.network import Network
from dsol.model.system import load_system

NAMES = ("cello", "flute", "tuba")


@pytest.fixture
def apart() -> tuple[np.ndarray, list[str]]:
    """Three far clouds of ten points."""
    rng = np.random.default_rng(0)
    return np.repeat(np.eye(3, 5), 10, axis=0) + 0.01 * rng.normal(size=(30, 5)), list(np.repeat(NAMES, 10))


def test_nmi_is_one_for_clouds_and_near_zero_for_mixed_names(apart):
    features, categories = apart
    assert clustering_nmi(features, categories) == pytest.approx(1)
    assert clustering_nmi(features, list(np.random.default_rng(1).permutation(categories))) < 0.3


def test_points_of_a_cloud_stay_together_on_the_plane(apart):
    features, categories = apart
    points = on_a_plane(features)
    assert points.shape == (30, 2)
    assert points.min() == 0
    assert points.max() == pytest.approx(1)
    far = np.linalg.norm(points[:, None] - points, axis=2) + 9 * np.eye(30)
    assert all(categories[i] == categories[j] for i, j in enumerate(far.argmin(axis=1)))
    assert (points == on_a_plane(features)).all()


def test_a_panel_is_drawn_for_each_kind_of_features(apart, tmp_path):
    features, categories = apart
    mixed = np.random.default_rng(2).permutation(features)
    found = features_figure({"one": features}, categories, tmp_path / "one.png")
    assert found == {"one": pytest.approx(1)}
    found = features_figure({"one": features, "mixed": mixed}, categories, tmp_path / "two.png")
    assert found["mixed"] < 0.5
    one, two = (np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int) for name in ("one.png", "two.png"))
    assert two.shape[1] > 1.4 * one.shape[1]
    for colour in COLOURS[:3]:
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(one - wanted).max(axis=2) < 12).sum() > 100
    features_figure({"one": features}, categories, tmp_path / "one.pdf")
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")


def test_features_of_test_clips_have_length_one(trained, shapes):
    clips = labelled_clips(shapes)
    assert set(clips.column("split")) == {"test"}
    whole, objects = features_of(load_system(trained), clips)
    assert whole.shape == objects.shape == (8, load_system(trained).network.encoders.channels)
    assert np.linalg.norm(whole, axis=1) == pytest.approx(1)
    assert np.linalg.norm(objects, axis=1) == pytest.approx(1)


def test_features_are_of_the_picture_alone(trained, shapes):
    system, rows = load_system(trained), range(4)
    frames, sounds = [shapes.frame(i, 0) for i in rows], np.stack([shapes.waveform(i) for i in rows])
    other = picture_features(system, frames, sounds[::-1].copy())
    assert picture_features(system, frames, sounds)[0] == pytest.approx(other[0])
    config = Config.from_dict(system.card.config).replace(clustering={"sound_weight": 0.5})
    fresh = DsolSystem(Network(config, load_weights=False), system.card)
    whole, objects = picture_features(fresh, frames, sounds)
    assert whole.shape == objects.shape


def test_too_few_or_unlabelled_clips_are_not_drawn(shapes):
    assert labelled_clips(shapes.take(range(3))) is None
    assert len(labelled_clips(shapes, most=8)) == 8


def test_a_scene_is_taken_of_every_video_and_those_with_silent_objects_first():
    both, one = (Box("cello", (0, 0, 1, 1)), Box("tuba", (0, 0, 1, 1), False)), (Box("cello", (0, 0, 1, 1)),)
    frames = [Frame(f"{v}.mp4", t, both if v % 2 else one) for v in range(6) for t in (0.0, 1.0, 2.0)]
    boxes = Boxes(("cello", "tuba"), tuple(frames))
    assert [frames[i].key for i in telling_frames(boxes, 3)] == ["1.mp4@1.000", "3.mp4@1.000", "5.mp4@1.000"]
    assert [frames[i].video for i in telling_frames(boxes, 9)] == ["1.mp4", "3.mp4", "5.mp4"]
    few = Boxes(boxes.categories, tuple(frames[:6]))
    assert [few.frames[i].video for i in telling_frames(few, 9)] == ["0.mp4", "1.mp4"]
