"""CVAT for video 1.1: what its loader looks for, and what the tools of its family read."""

import json
import zipfile
from xml.etree import ElementTree

import pytest

from dsol.localize.formats import write_formats
from dsol.localize.formats.keyframes import frame_count
from tests.localize.formats.found import band, silence


@pytest.fixture
def root(tmp_path):
    bundle, _ = write_formats(band(), tmp_path, "cvat")
    with zipfile.ZipFile(bundle) as files:
        assert files.namelist() == ["annotations.xml"]
        return ElementTree.fromstring(files.read("annotations.xml"))


def test_each_object_is_a_track_of_boxes_in_the_picture(root):
    tracks = {track.get("id"): track for track in root.iter("track")}
    assert [track.get("label") for track in tracks.values()] == ["violin", "flute", "violin"]
    assert len(tracks) == 3
    for box in root.iter("box"):
        assert 0 <= float(box.get("xtl")) < float(box.get("xbr")) <= 640
        assert 0 <= float(box.get("ytl")) < float(box.get("ybr")) <= 360
    frames = [[int(box.get("frame")) for box in track.iter("box")] for track in tracks.values()]
    assert all(own == sorted(set(own)) for own in frames)
    assert frames[2][0] == 47, "violin #2 begins at 1.875 s"


def test_states_are_attributes_that_the_labels_declare(root):
    declared = {attribute.find("name").text: attribute.find("values").text.split("\n")
                for attribute in root.iter("attribute") if attribute.find("name") is not None}  # fmt: skip
    used = {(mark.get("name"), mark.text) for box in root.iter("box") for mark in box}
    assert used == {("state", "seen"), ("state", "silent")}
    assert all(value in declared[name] for name, value in used)


def test_the_task_is_the_video(root):
    task = root.find("meta/task")
    assert (task.find("size").text, task.find("source").text) == (str(frame_count(band())), "my band.mp4")
    assert [size.text for size in task.find("original_size")] == ["640", "360"]
    assert [name.text for name in task.findall("labels/label/name")] == list(band().categories)


def test_what_goes_is_marked_as_outside(tmp_path):
    from dataclasses import replace

    import numpy as np

    state = np.where(np.arange(24)[:, None] % 12 < 6, band().state, -1)  # there, gone, there, gone
    bundle, _ = write_formats(replace(band(), state=state), tmp_path, "cvat")
    with zipfile.ZipFile(bundle) as files:
        root = ElementTree.fromstring(files.read("annotations.xml"))
    flute = next(track for track in root.iter("track") if track.get("label") == "flute")
    outside = [(int(box.get("frame")), box.get("outside")) for box in flute.iter("box")]
    assert outside == [(0, "0"), (32, "0"), (35, "1"), (72, "0"), (107, "0"), (110, "1")]


def test_labels_to_make_a_task_with(tmp_path):
    _, labels = write_formats(band(), tmp_path, "cvat")
    read = json.loads(labels.read_text())
    assert [label["name"] for label in read] == list(band().categories)
    assert all(label["type"] == "rectangle" and label["color"][0] == "#" for label in read)
    assert read[0]["attributes"][0]["values"] == ["seen", "silent", "unknown"]


def test_the_same_answer_is_the_same_file(tmp_path):
    (tmp_path / "again").mkdir()
    first, second = (write_formats(band(), folder, "cvat")[0].read_bytes() for folder in (tmp_path, tmp_path / "again"))
    assert first == second


def test_nothing_that_sounds_is_a_task_without_tracks(tmp_path):
    bundle, _ = write_formats(silence(), tmp_path, "cvat")
    with zipfile.ZipFile(bundle) as files:
        assert not list(ElementTree.fromstring(files.read("annotations.xml")).iter("track"))


def test_datumaro_reads_it(tmp_path):
    cvat = pytest.importorskip("datumaro.plugins.data_formats.cvat.base")
    bundle, _ = write_formats(band(), tmp_path, "cvat")
    zipfile.ZipFile(bundle).extractall(tmp_path)
    items = list(cvat.CvatBase(str(tmp_path / "annotations.xml")))
    first = min(items, key=lambda item: item.attributes["frame"])
    assert [(mark.attributes["state"], mark.attributes["track_id"]) for mark in first.annotations] == [
        ("seen", 0), ("silent", 1)]  # fmt: skip
    assert first.annotations[1].get_bbox() == pytest.approx([256, 36, 64, 72])


def test_fiftyone_reads_it(tmp_path):
    cvat = pytest.importorskip("fiftyone.utils.cvat")
    bundle, _ = write_formats(band(), tmp_path, "cvat")
    zipfile.ZipFile(bundle).extractall(tmp_path)
    _, labels, tracks = cvat.load_cvat_video_annotations(str(tmp_path / "annotations.xml"))
    assert [label["name"] for label in labels.labels] == list(band().categories)
    assert [(track.label, track.boxes[min(track.boxes)].attributes[0].value) for track in tracks] == [
        ("violin", "seen"),
        ("flute", "silent"),
        ("violin", "seen"),
    ]
    x1, y1, x2, y2 = (getattr(tracks[1].boxes[0], side) for side in ("xtl", "ytl", "xbr", "ybr"))
    assert (x1, y1, x2, y2) == (256, 36, 320, 108)
