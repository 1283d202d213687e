"""COCO detection JSON, read by pycocotools, and the pictures that it names."""

import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from dsol.errors import DsolError
from dsol.localize import Localizer, Wanted, localize_videos
from dsol.localize.formats import write_formats
from tests.localize.formats.found import CATEGORIES, band, solo
from tests.localize.test_localize import TwoTones, hum_then_whistle
from tests.videos import time_of, write_video


def opened(file) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(file))


def test_pycocotools_finds_every_object_of_every_frame(tmp_path):
    (file,) = write_formats(band(), tmp_path, "coco")
    coco = opened(file)
    assert len(coco.getImgIds()) == 24
    last = coco.loadAnns(coco.getAnnIds(imgIds=[24]))
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    assert [(names[a["category_id"]], a["track_id"], a["state"], a["sounding"]) for a in last] == [
        ("violin", 1, "seen", True),
        ("violin", 3, "seen", True),
        ("flute", 2, "silent", False),
    ]
    assert (last[2]["bbox"], last[2]["segmentation"]) == ([256.0, 36.0, 64.0, 72.0], [])


def test_detections_are_loaded_as_results_and_scored_by_themselves_as_perfect(tmp_path):
    from pycocotools.cocoeval import COCOeval

    (file,) = write_formats(solo(), tmp_path, "coco")
    truth = opened(file)
    with contextlib.redirect_stdout(io.StringIO()):
        found = truth.loadRes(json.loads(file.read_text())["annotations"])
        scoring = COCOeval(truth, found, "bbox")
        scoring.evaluate()
        scoring.accumulate()
        scoring.summarize()
    assert scoring.stats[0] == pytest.approx(1)


def test_frames_are_written_under_the_names_that_coco_gives_them(tmp_path):
    video = write_video(tmp_path / "party.mp4", seconds=2.6, size=(64, 48), sound=hum_then_whistle)
    (folder,) = localize_videos([video], Localizer(TwoTones()), tmp_path / "out",
                                Wanted(film=False, frames=tmp_path / "frames"))  # fmt: skip
    images = json.loads((folder / "boxes.coco.json").read_text())["images"]
    assert len(images) == 11
    for image in images:
        picture = Image.open(tmp_path / "frames" / image["file_name"])
        assert picture.size == (image["width"], image["height"]) == (64, 48)
        assert time_of(np.asarray(picture)) == pytest.approx(image["time_s"], abs=0.15)
    assert images[5]["file_name"] == "party/00001.250.jpg"
    assert sorted(p.name for p in (tmp_path / "frames" / "party").iterdir())[-1] == "00002.500.jpg"


def test_two_videos_of_one_name_have_frames_of_their_own(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        write_video(tmp_path / place / "party.mp4", seconds=1.0)
    videos = [tmp_path / place / "party.mp4" for place in ("a", "b")]
    localize_videos(videos, Localizer(TwoTones()), tmp_path / "out", Wanted(film=False, frames=tmp_path / "frames"))
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == ["party", "party-2"]


def test_without_frames_images_are_called_by_video_and_time(tmp_path):
    (file,) = write_formats(replace(solo(), video="party.mp4"), tmp_path, "coco")
    assert json.loads(file.read_text())["images"][1]["file_name"] == "party.mp4@0.250"


def test_frames_that_cannot_be_written_are_an_error_in_one_line(tmp_path):
    video = write_video(tmp_path / "party.mp4", seconds=1.0)
    (tmp_path / "frames").write_text("a file")
    with pytest.raises(DsolError, match=r"frames: cannot be written: Not a directory"):
        localize_videos([video], Localizer(TwoTones()), tmp_path / "out",
                        Wanted(film=False, frames=tmp_path / "frames"))  # fmt: skip


def test_fiftyone_imports_frames_and_boxes(tmp_path):
    coco = pytest.importorskip("fiftyone.utils.coco")
    video = write_video(tmp_path / "party.mp4", seconds=2.0, size=(64, 48), sound=hum_then_whistle)
    (folder,) = localize_videos([video], Localizer(TwoTones()), tmp_path / "out",
                                Wanted(film=False, frames=tmp_path / "frames"))  # fmt: skip
    importer = coco.COCODetectionDatasetImporter(
        data_path=str(tmp_path / "frames"), labels_path=str(folder / "boxes.coco.json"), extra_attrs=True
    )
    importer.setup()
    samples = list(importer)
    assert len(samples) == 8
    path, _, labels = samples[2]
    (found,) = labels["detections"].detections
    assert path.endswith("party/00000.500.jpg")
    assert (found.label, found["track_id"], found["state"], found["sounding"]) == ("hummer", 1, "seen", True)


def test_what_is_off_screen_has_no_box_though_its_map_lights_up():
    timeline = band()
    assert (timeline.parts.at[:, 1] == CATEGORIES.index("bass_drum")).any()
    assert {each["category_id"] for each in timeline.to_coco()["annotations"]} == {1, 3}
    assert {each["category"] for answer in timeline.to_json()["objects"] for each in answer} == {"violin", "flute"}
    assert "bass_drum" in {each.category for each in timeline.stretches()}
