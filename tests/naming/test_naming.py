"""Clusters are named by labelled training videos, never by the videos that are then scored."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dsol.config import Config
from dsol.data.boxes import Boxes
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.file import ModelCard
from dsol.naming import naming
from dsol.naming.naming import assign_clips, clips_that_name, name_clusters, name_model, scored_videos


class Clusterer:
    """Puts a clip into the cluster that its place says."""

    def __init__(self, clusters: list[int], k: int, over: str = "clip"):
        self.clusters, self.categories = clusters, tuple(f"cluster {n}" for n in range(k))
        self.card = ModelCard("dsol", Config().replace(clustering={"unit": over}).to_dict(), self.categories)
        self.predict = self.save = self.named = print  # never asked for here

    def points(self, frames, waveforms) -> np.ndarray:
        found, self.clusters = self.clusters[: len(frames)], self.clusters[len(frames) :]
        return np.eye(len(self.categories))[found]

    def nearest(self, points) -> np.ndarray:
        return points.argmax(axis=1)


def without_splits(store: Store, boxes: Boxes) -> Store:
    """The same clips, of no split."""
    at = store._table.schema.get_field_index("split")
    table = store._table.set_column(at, "split", pa.nulls(len(store), pa.string()))
    return Store(store.path, table, boxes, store.info)


def test_only_training_clips_name_clusters(shapes):
    assert set(clips_that_name(shapes).column("split")) == {"train"}
    with pytest.raises(DsolError, match="no labelled training clips"):
        clips_that_name(shapes.select(split="test"))


def test_a_store_without_splits_that_is_scored_names_nothing_by_its_scored_videos(shapes, monkeypatch):
    scored = without_splits(shapes, shapes.boxes)
    monkeypatch.setattr(Store, "open", lambda path: scored)
    monkeypatch.setattr(naming, "load_system", lambda *words, **options: Clusterer([0] * len(scored), 4))
    with pytest.raises(DsolError, match="without splits the videos with boxes"):
        name_model(Path("model.safetensors"), shapes.path)
    with pytest.raises(DsolError, match="no labelled training clips"):
        clips_that_name(shapes, scored)


def test_in_a_store_without_splits_videos_without_boxes_name_clusters(shapes):
    annotated = shapes.select(split="test").videos
    some = without_splits(shapes, shapes.boxes.of_videos(annotated))
    found = clips_that_name(some)
    assert set(found.videos) == set(shapes.videos) - set(annotated)


def test_the_videos_that_scored_scenes_are_made_of_count_as_scored(shapes, tmp_path):
    scenes = compose(shapes, tmp_path / "scenes", scenes=4, boxed=True, split="test")
    found = scored_videos(scenes)
    assert found & set(shapes.videos)
    assert found & set(shapes.videos) <= set(shapes.select(split="test").videos)


def test_what_is_scored_names_nothing_whichever_store_it_lies_in(shapes, tmp_path):
    """Labelled clips without boxes and splits; scenes that are scored were made of some of their videos."""
    labelled = without_splits(shapes, Boxes((), ()))
    scenes = compose(shapes, tmp_path / "scenes", scenes=1, boxed=True, objects=3)
    sources = {clip.rpartition("@")[0] for clip in scenes.rows[0].sources}
    assert len(sources) == 3
    assert set(clips_that_name(labelled).videos) == set(shapes.videos)
    assert set(clips_that_name(labelled, scenes).videos) == set(shapes.videos) - sources


def test_fewer_clusters_than_categories_are_named_and_the_rest_said(shapes, capsys):
    clips = clips_that_name(shapes)
    of = [clips.categories.index(category) for category in clips.column("category")]
    names = name_clusters(Clusterer([min(k, 2) for k in of], 3), clips)
    assert len(set(names)) == 3
    lacking = next(category for category in clips.categories if category not in names)
    assert f"3 clusters for 4 categories: none for {lacking}" in capsys.readouterr().err


def test_where_clusters_are_of_videos_each_video_is_in_one(shapes):
    videos = np.array(shapes.column("video"))
    first = {video: n for n, video in reversed(list(enumerate(videos.tolist())))}
    astray = [1 if first[video] == n else 0 for n, video in enumerate(videos.tolist())]  # one clip of each video
    assert assign_clips(Clusterer(astray, 4), shapes).tolist() == astray
    assert assign_clips(Clusterer(astray, 4, over="video"), shapes).tolist() == [0] * len(shapes)


def test_more_clusters_than_categories_share_names(shapes):
    clips = clips_that_name(shapes)
    of = [clips.categories.index(category) for category in clips.column("category")]
    names = name_clusters(Clusterer([2 * k + n % 2 for n, k in enumerate(of)], 8), clips)
    assert set(names) == set(clips.categories)
    assert all(names[2 * k] == names[2 * k + 1] == category for k, category in enumerate(clips.categories))


@pytest.mark.parametrize("photos", [True, False])
def test_photos_of_a_category_count_as_much_as_its_videos(shapes, monkeypatch, photos):
    """The one video of category 0 lies in a cluster with two clips of category 1; the rest of 0 are photos, or not."""
    clips = clips_that_name(shapes)
    of = np.array([clips.categories.index(category) for category in clips.column("category")])
    clusters, is_photo = of.copy(), np.zeros(len(clips), bool)
    is_photo[np.flatnonzero(of == 0)[1:]] = photos
    clusters[[np.flatnonzero(of == 0)[0], *np.flatnonzero(of == 1)[:2]]] = 4
    monkeypatch.setattr(Store, "photos", is_photo)
    monkeypatch.setattr(naming, "some_of_each", lambda clips: clips)
    names = name_clusters(Clusterer(clusters.tolist(), 5), clips)
    assert names == (*clips.categories, clips.categories[0 if photos else 1])


def test_some_clips_of_each_category_name_clusters(shapes):
    clips = clips_that_name(shapes)
    some = naming.some_of_each(clips, most=2)
    counts = Counter(some.column("category"))
    assert counts == dict.fromkeys(clips.categories, 2)
    assert set(some.column("clip")) <= set(clips.column("clip"))
    assert naming.some_of_each(clips, most=10**6).column("clip") == clips.column("clip")
