"""What tools write after a person corrected it, read back."""

import json
import zipfile

import pytest

from dsol.data.corrections.corrected import At, Label, Moving, plain_path, same_video
from dsol.data.corrections.reading import read_correction
from dsol.data.corrections.stills import still_of
from dsol.errors import DsolError

WHOLE = (0.1, 0.2, 0.3, 0.4)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("violin", Label("violin")),
        ("violin #2", Label("violin", 2)),
        ("cluster 3", Label("cluster 3")),
        ("cluster 3 #12 (silent)", Label("cluster 3", 12, "silent")),
        ("drum (off screen)", Label("drum", None, "off screen")),
        ("bird (small)", Label("bird (small)")),
        ("", Label("")),
    ],
)
def test_a_label_is_a_category_a_number_and_a_state(text, label):
    assert Label.read(text) == label


def test_an_object_moves_along_straight_lines_and_goes_where_it_is_said_to():
    moving = Moving(Label("violin"), (At(1.0, (0.0, 0.0, 0.1, 0.1)), At(2.0, (0.2, 0.4, 0.1, 0.1), "silent"),
                                      At(3.0, (0.2, 0.4, 0.1, 0.1), there=False), At(5.0, WHOLE)))  # fmt: skip
    assert moving.at(0.9) is None
    assert moving.at(1.5).xywh == pytest.approx((0.1, 0.2, 0.1, 0.1))
    assert (moving.at(1.5).state, moving.at(2.0).state) == ("seen", "silent")
    assert moving.at(2.9).xywh == (0.2, 0.4, 0.1, 0.1), "it stands still until it goes"
    assert moving.at(3.0) is moving.at(4.9) is None
    assert moving.at(9.0).xywh == WHOLE


@pytest.mark.parametrize(
    ("video", "path"),
    [
        ("/data/local-files/?d=clips/my%20band.mp4", "clips/my band.mp4"),
        ("/data/upload/7/0a1b2c3d-party.mp4", "party.mp4"),
        ("file:///home/me/party.mp4", "/home/me/party.mp4"),
        ("s3://bucket/a/party.mp4?signature=1", "bucket/a/party.mp4"),
        (r"C:\videos\party.mp4", "C:/videos/party.mp4"),
        ("deadbeef-party.mp4", "deadbeef-party.mp4"),
    ],
)
def test_a_video_is_called_by_its_plain_path(video, path):
    assert str(plain_path(video)) == path


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/home/me/cello/a.mp4", "cello/a.mp4", True),
        ("cello/a.mp4", "/home/me/cello/a.mp4", True),
        ("cello/a.mp4", "flute/a.mp4", False),
        ("cello/a.mp4", "a", True),
        ("a.mp4", "a.webm", False),
        ("cello/a.mp4", "cello", False),
    ],
)
def test_names_of_one_video_end_alike(one, other, same):
    assert same_video(plain_path(one), plain_path(other)) == same


def test_a_picture_tells_its_moment_by_its_name(tmp_path):
    assert still_of("a.mp4", 2, "x.jpg", tmp_path) == ("a.mp4", 2.0)
    assert still_of(None, None, "a/b.mp4@1.250", tmp_path) == ("a/b.mp4", 1.25)
    assert still_of(None, None, "/data/upload/party/00012.500.jpg", tmp_path) == ("party", 12.5)
    with pytest.raises(DsolError, match=r"picture x\.jpg: does not say which moment"):
        still_of(None, None, "x.jpg", tmp_path)


def labelstudio(folder, result, **data):
    annotations = [
        {"id": 1, "updated_at": "2026-01-02", "result": [], "was_cancelled": True},
        {"id": 2, "updated_at": "2026-01-01", "result": result},
        {"id": 3, "updated_at": "2025-12-31", "result": []},
    ]
    file = folder / "export.json"
    file.write_text(json.dumps([{"id": 7, "data": {"video": "/data/upload/1/0a1b2c3d-party.mp4", **data},
                                 "annotations": annotations}]))  # fmt: skip
    return file


def rectangle(key, sequence, label="violin", **value):
    return {"id": key, "type": "videorectangle", "from_name": "box", "to_name": "video",
            "value": {"framesCount": 100, "duration": 4.0, "labels": [label], **value,
                      "sequence": [{"frame": frame, "enabled": enabled, "x": x, "y": 20, "width": 30, "height": 40}
                                   for frame, x, enabled in sequence]}}  # fmt: skip


def test_label_studio_the_last_annotation_that_was_not_skipped(tmp_path):
    result = [rectangle("a", [(1, 10, True), (51, 30, False)]), rectangle("b", [(26, 10, True)], "drum"),
              {"id": "b", "type": "choices", "value": {"choices": ["silent"]}},
              {"id": "c", "type": "timelinelabels",
               "value": {"ranges": [{"start": 26, "end": 50}], "timelinelabels": ["violin"]}}]  # fmt: skip
    (found,) = read_correction(labelstudio(tmp_path, result))
    assert (found.fps, found.duration_s) == (25.0, 4.0)
    violin, drum = found.objects
    assert violin.at(0.0).xywh == pytest.approx(WHOLE)
    assert violin.at(2.0) is None, "frame 51 is shown from 2 s on"
    assert (drum.at(0.9), drum.at(1.0).state) == (None, "silent")
    assert [(sound.label, sound.start_s, sound.end_s) for sound in found.sounds] == [(Label("violin"), 1.0, 2.0)]


def test_label_studio_without_anybodys_work_is_an_error(tmp_path):
    file = tmp_path / "task.json"
    file.write_text(json.dumps([{"data": {"video": "a.mp4"}, "predictions": [{"result": []}]}]))
    with pytest.raises(DsolError, match="no task was completed"):
        read_correction(file)


def test_label_studio_pictures_of_one_video_are_one_entry(tmp_path):
    tasks = [{"data": {"image": f"/data/local-files/?d=frames/party/0000{second}.000.jpg"}, "annotations": [
        {"result": [{"id": "r", "type": "rectanglelabels", "value":
                     {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": ["violin (silent)"]}}]}]}
             for second in range(3)]  # fmt: skip
    file = tmp_path / "export.json"
    file.write_text(json.dumps(tasks))
    (found,) = read_correction(file)
    assert found.video == "party"
    assert sorted(found.stills) == [0.0, 1.0, 2.0]
    ((label, xywh),) = found.stills[1.0]
    assert label == Label("violin", None, "silent")
    assert xywh == pytest.approx(WHOLE)


CVAT = """<annotations><version>1.1</version><meta><task><name>mine</name><size>100</size><mode>interpolation</mode>
<original_size><width>200</width><height>100</height></original_size><source>party.mp4</source></task></meta>
<track id="0" label="violin"><box frame="0" outside="0" keyframe="1" xtl="20" ytl="20" xbr="80" ybr="60">
<attribute name="state">silent</attribute></box><box frame="50" outside="1" keyframe="1" xtl="20" ytl="20" xbr="80"
ybr="60"/></track><track id="1" label="drum"><box frame="10" outside="0" xtl="20" ytl="20" xbr="80" ybr="60">
<attribute name="sounding">false</attribute></box></track><track id="2" label="line"><polyline/></track>
</annotations>"""


@pytest.mark.parametrize("zipped", [False, True])
def test_cvat_for_video(tmp_path, zipped):
    file = tmp_path / ("cvat.zip" if zipped else "annotations.xml")
    if zipped:
        with zipfile.ZipFile(file, "w") as files:
            files.writestr("annotations.xml", CVAT)
    else:
        file.write_text(CVAT)
    (found,) = read_correction(file)
    assert (found.video, found.in_frames, found.duration_s) == ("party.mp4", True, 100)
    violin, drum = found.in_seconds(25.0).objects
    assert violin.at(1.0).xywh == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert (violin.at(1.0).state, drum.at(1.0).state) == ("silent", "silent")
    assert violin.at(2.0) is None


def test_cvat_for_images(tmp_path):
    file = tmp_path / "annotations.xml"
    file.write_text('<annotations><image id="0" name="party/00001.250.jpg" width="200" height="100">'
                    '<box label="violin" xtl="20" ytl="20" xbr="80" ybr="60"/></image></annotations>')  # fmt: skip
    (found,) = read_correction(file)
    ((label, xywh),) = found.stills[1.25]
    assert (found.video, label.category) == ("party", "violin")
    assert xywh == pytest.approx(WHOLE)


@pytest.mark.parametrize(
    "marks",
    [
        {"sounding": False},
        {"attributes": {"sounding": "false"}},
        {"attributes": {"state": "silent"}},
        {"state": "silent"},
    ],
)
def test_coco_of_any_tool_tells_silent_objects(tmp_path, marks):
    file = tmp_path / "coco.json"
    file.write_text(json.dumps({
        "images": [{"id": 9, "file_name": "party/00001.250.jpg", "width": 200, "height": 100}],
        "annotations": [{"id": 1, "image_id": 9, "category_id": 4, "bbox": [20, 20, 60, 40], **marks}],
        "categories": [{"id": 4, "name": "violin"}]}))  # fmt: skip
    (found,) = read_correction(file)
    ((label, xywh),) = found.stills[1.25]
    assert label == Label("violin", None, "silent")
    assert xywh == pytest.approx(WHOLE)


def test_audacity_with_frequencies_between_the_lines(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_text("0.5\t1.5\tviolin #2\n\\\t100.0\t2000.0\n2.0\t2.5\tdrum (silent)\n")
    (found,) = read_correction(file)
    read = [(sound.label, sound.start_s) for sound in found.sounds]
    assert read == [(Label("violin", 2), 0.5), (Label("drum", None, "silent"), 2.0)]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.json", "no JSON", "is not JSON"),
        ("a.json", "[1, 2]", "is JSON of no known kind"),
        ("a.json", '{"images": [{}], "annotations": [], "categories": []}', "was not expected"),
        ("a.eaf", "no XML", "is no file of ELAN"),
        ("a.TextGrid", "no grid", "is no TextGrid"),
        ("a.txt", "one line", "line 1 is not start, end and label"),
        ("a.xml", "<other/>", "is XML of another kind"),
        ("a.xml", "no XML", "is not CVAT's XML"),
        ("a.zip", "no ZIP", "is not CVAT's XML"),
        ("a.bin", "\x00\x01", "is not JSON"),
    ],
)
def test_a_file_of_another_kind_is_an_error_that_names_it(tmp_path, name, content, what):
    (tmp_path / name).write_text(content)
    with pytest.raises(DsolError, match=f"{name}: .*{what}"):
        read_correction(tmp_path / name)


def test_a_zip_without_annotations_is_an_error(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as files:
        files.writestr("other.txt", "")
    with pytest.raises(DsolError, match=r"has no annotations\.xml in it"):
        read_correction(tmp_path / "a.zip")


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(DsolError, match="is not a file"):
        read_correction(tmp_path / "none.json")
