"""Label Studio: a task with predictions that fits the labelling setup beside it."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from dsol.data.states import SEEN, SILENT
from dsol.localize.formats import write_formats
from tests.localize.formats.found import band, silence, solo


def task_of(found, folder):
    task, setup = write_formats(found, folder, "labelstudio")
    (read,) = json.loads(task.read_text())
    return read, setup.read_text()


def regions(task, kind):
    return [region for region in task["predictions"][0]["result"] if region["type"] == kind]


def test_every_region_names_what_the_setup_has(tmp_path):
    task, setup = task_of(band(), tmp_path)
    tags = {tag.get("name"): tag for tag in ElementTree.fromstring(setup) if tag.get("name")}
    for region in task["predictions"][0]["result"]:
        assert tags[region["from_name"]].tag.lower() == region["type"]
        assert tags[region["from_name"]].get("toName") == region["to_name"] == "video"
    named = {label.get("value") for label in tags["category"]}
    assert named == set(band().categories)
    assert {name for region in regions(task, "videorectangle") for name in region["value"]["labels"]} <= named


def test_boxes_are_percent_of_the_picture_at_frames_from_one(tmp_path):
    task, _ = task_of(band(), tmp_path)
    rectangles = {region["meta"]["text"][0]: region["value"] for region in regions(task, "videorectangle")}
    assert set(rectangles) == {"violin #1", "violin #2", "flute"}
    flute = rectangles["flute"]
    assert (flute["framesCount"], flute["duration"]) == (150, 6.0)
    assert flute["sequence"][0] == {"frame": 1, "time": 0.0, "enabled": True, "rotation": 0,
                                    "x": 40.0, "y": 10.0, "width": 10.0, "height": 20.0}  # fmt: skip
    assert rectangles["violin #2"]["sequence"][0]["frame"] == 48


def test_the_time_line_says_when_a_category_sounds(tmp_path):
    task, _ = task_of(band(), tmp_path)
    found = [(region["value"]["timelinelabels"], region["value"]["ranges"]) for region in
             regions(task, "timelinelabels")]  # fmt: skip
    assert found == [(["violin"], [{"start": 1, "end": 150}]), (["bass_drum"], [{"start": 23, "end": 72}]),
                     (["violin"], [{"start": 48, "end": 150}])]  # fmt: skip


def test_a_change_of_state_is_another_box_with_the_other_choice(tmp_path):
    state = np.array([[SEEN]] * 6 + [[SILENT]] * 6)
    task, _ = task_of(replace(solo(), state=state), tmp_path)
    choices = {region["id"]: region["value"]["choices"] for region in regions(task, "choices")}
    first, second = regions(task, "videorectangle")
    assert (choices[first["id"]], choices[second["id"]]) == (["seen"], ["silent"])
    assert first["value"]["sequence"][-1]["frame"] == second["value"]["sequence"][0]["frame"]
    assert [at["enabled"] for at in first["value"]["sequence"]] == [True, False]


def test_nothing_that_sounds_is_a_task_without_regions(tmp_path):
    task, setup = task_of(silence(), tmp_path)
    assert task["predictions"][0]["result"] == []
    assert ElementTree.fromstring(setup).find("Labels") is not None


def test_label_studio_takes_setup_task_and_prediction(tmp_path):
    sdk = pytest.importorskip("label_studio_sdk.label_interface")
    task, setup = task_of(band(), tmp_path)
    interface = sdk.LabelInterface(setup)
    interface.validate()
    rectangles = [region for region in task["predictions"][0]["result"] if region["type"] != "timelinelabels"]
    assert len(rectangles) == 6
    for region in rectangles:  # the SDK has no schema of time line labels
        assert interface.validate_region(region, return_errors=True) == []
    assert interface.load_task(task["data"]).get_object("video").value_name.endswith("my%20band.mp4")


def test_label_studios_converter_reads_what_a_person_accepted(tmp_path):
    converter = pytest.importorskip("label_studio_sdk.converter")
    task, setup = task_of(band(), tmp_path)
    accepted = {"id": 1, "data": task["data"],
                "annotations": [{"id": 1, "result": task["predictions"][0]["result"]}]}  # fmt: skip
    (tmp_path / "export.json").write_text(json.dumps([accepted]))
    converter.Converter(setup, str(tmp_path)).convert_to_json_min(
        str(tmp_path / "export.json"), str(tmp_path / "out"), is_dir=False
    )
    (read,) = json.loads((tmp_path / "out" / "result.json").read_text())
    assert len(read["box"]) == 3
