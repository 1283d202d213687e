"""Every annotation format gives the same boxes, and a wrong convention is refused."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.corpora.annotations import READERS, read_boxes, to_coco
from dsol.errors import DsolError
from dsol.evaluation.truth import truth_of

DSOL = {
    "4Oy5VmaacaI_0_1000/frame_013/00411.jpg": {
        "bbox": [{"box": [224, 0, 239, 358], "normbox": [0.35, 0.0, 0.3734375, 0.99444], "category_id": 1}],
        "wdith": 640, "height": 360,
    },
    "HnUOaSfTA6c_0_1000/frame_175/05257.jpg": {"bbox": [], "wdith": 608, "height": 360},
}  # fmt: skip
AUDIOSET = {"8LYWfpPUokc/3": {"bbox": [{"category": 2, "normbox": [0.78, 0.53, 0.08, 0.09]},
                                       {"category": 10, "normbox": [0.26, 0.12, 0.09, 0.19]}]}}  # fmt: skip
AVGN_SOLO = [{"file": "1Ju4S0qeDqw_001_00037", "class": "cello", "bbox": [0.25, 0.5, 0.5, 0.25]}]
AVGN_DUET = [{"file": "HnUOaSfTA6c_000_00007", "class_src1": "cello", "bbox_src1": [0.1, 0.3, 0.2, 0.5],
              "class_src2": "acoustic_guitar", "bbox_src2": [0.4, 0.5, 0.3, 0.1]}]  # fmt: skip
VGGSS = [{"file": "zpWuikVorYg_000032", "class": "elk bugling", "bbox": [[0.25, 0.25, 0.5, 0.75], [0.5, 0, 1, 0.5]]}]
XML = """<annotation><filename>10000.jpg</filename>
<annotation_1><annotator>ann1</annotator>
<bbox><name>a</name><xmin>64</xmin><ymin>0</ymin><xmax>128</xmax><ymax>256</ymax></bbox></annotation_1>
<annotation_2><annotator>ann2</annotator>
<bbox><name>b</name><xmin>0</xmin><ymin>0</ymin><xmax>128</xmax><ymax>128</ymax></bbox></annotation_2></annotation>"""


def file_of(tmp_path, data, name: str = "boxes.json"):
    path = tmp_path / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_the_official_solo_and_duet_files(tmp_path):
    boxes = read_boxes(file_of(tmp_path, DSOL))
    first, second = boxes.frames
    assert first == Frame("4Oy5VmaacaI", 411 / 30, (Box("cello", (0.35, 0.0, 0.3734375, 0.99444)),),
                          "4Oy5VmaacaI_0_1000/frame_013/00411.jpg")  # fmt: skip
    assert second.boxes == ()
    assert "trumpet" in boxes.categories


def test_the_official_audioset_file(tmp_path):
    (frame,) = read_boxes(file_of(tmp_path, AUDIOSET)).frames
    assert (frame.video, frame.time_s, frame.key) == ("8LYWfpPUokc", 3.0, "8LYWfpPUokc/3")
    assert [box.category for box in frame.boxes] == ["drum", "flute"]


def test_avgn_boxes_are_xywh(tmp_path):
    (solo,) = read_boxes(file_of(tmp_path, AVGN_SOLO)).frames
    assert solo.boxes == (Box("cello", (0.25, 0.5, 0.5, 0.25)),)
    assert solo.time_s == pytest.approx(37 / 30)
    (duet,) = read_boxes(file_of(tmp_path, AVGN_DUET)).frames
    assert [box.category for box in duet.boxes] == ["cello", "acoustic_guitar"]


def test_vggss_boxes_are_corners(tmp_path):
    (frame,) = read_boxes(file_of(tmp_path, VGGSS)).frames
    assert [box.xywh for box in frame.boxes] == [(0.25, 0.25, 0.25, 0.5), (0.5, 0.0, 0.5, 0.5)]
    assert frame.key == "zpWuikVorYg_000032"


def test_corners_end_at_the_pixel_that_they_name(tmp_path):
    entries = [{"file": f"f{a}_{b}", "class": "c", "bbox": [[a / 320, 0, b / 320, 1]]}
               for a in range(0, 320, 7) for b in range(a + 1, 321, 9)]  # fmt: skip
    truth = truth_of(read_boxes(file_of(tmp_path, entries)))
    assert truth.rects[:, 3].tolist() == [int(224 * entry["bbox"][0][2]) for entry in entries]


def test_the_few_spoilt_boxes_of_vggss_are_left_out_and_said(tmp_path, capsys):
    spoilt = [{"file": "b", "class": "dog", "bbox": [[0.5, 0.5, -2.8e16, 0.9], [0.1, 0.1, 0.2, 0.2]]}]
    boxes = read_boxes(file_of(tmp_path, VGGSS * 20 + spoilt))
    assert [len(f.boxes) for f in boxes if f.key == "b"] == [1]
    assert "left out 1 of 42 boxes" in capsys.readouterr().err


def test_every_annotator_of_flickr_is_kept(tmp_path):
    file_of(tmp_path, XML, "10000.xml")
    (frame,) = read_boxes(tmp_path).frames
    assert frame.key == "10000"
    assert [box.xywh for box in frame.boxes] == [(0.25, 0.0, 0.25, 1.0), (0.0, 0.0, 0.5, 0.5)]


def test_that_boxes_are_votes_of_annotators_survives_our_own_format(tmp_path):
    file_of(tmp_path, XML, "10000.xml")
    drawn = read_boxes(tmp_path)
    drawn.save(tmp_path / "boxes.json")
    again = read_boxes(tmp_path / "boxes.json")
    assert again == drawn
    assert again.of_videos(["10000"]).votes
    replace(drawn, votes=False).save(tmp_path / "boxes.json")
    assert not read_boxes(tmp_path / "boxes.json").votes
    assert "votes" not in (tmp_path / "boxes.json").read_text()


def test_boxes_survive_coco_and_our_own_format(tmp_path):
    boxes = Boxes(("cello", "tuba"), (
        Frame("a.mp4", 3.0, (Box("tuba", (0.25, 0.5, 0.5, 0.25), False), Box("cello", (0.0, 0.0, 1.0, 1.0)))),
        Frame("b.mp4", 0.5, (), "official/key.jpg"),
    ))  # fmt: skip
    coco = to_coco(boxes, {"a.mp4": (640, 512), "b.mp4": (320, 240)})
    assert read_boxes(file_of(tmp_path, coco)) == boxes
    assert coco["annotations"][0]["bbox"] == [160, 256, 320, 128]
    boxes.save(tmp_path / "native.json")
    assert read_boxes(tmp_path / "native.json") == boxes


def test_coco_of_other_tools_is_read(tmp_path):
    coco = {"images": [{"id": 7, "file_name": "p.jpg", "width": 100, "height": 50}],
            "annotations": [{"image_id": 7, "category_id": 3, "bbox": [10, 10, 20, 20]}],
            "categories": [{"id": 3, "name": "cello"}]}  # fmt: skip
    boxes = read_boxes(file_of(tmp_path, coco))
    assert boxes.frames == (Frame("p.jpg", 0.0, (Box("cello", (0.1, 0.2, 0.2, 0.4)),), "p.jpg"),)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({k: {"bbox": [{"normbox": [0.4, 0.5, 0.8, 0.9], "category_id": 1}]} for k in DSOL}, "leaves the frame"),
        ([{"file": "a_000_00001", "class": "c", "bbox": [0.4, 0.5, 0.8, 0.9]}], "leaves the frame"),
        ([{"file": "a", "class": "c", "bbox": [[0.5, 0.5, 0.2, 0.3]]}], "1 of 1 boxes without area"),
        ({"a/1": {"bbox": [{"category": 0, "normbox": [12, 30, 80, 90]}]}}, "leaves the frame"),
        ({"a/1": {"bbox": [{"category": 77, "normbox": [0, 0, 1, 1]}]}}, "frame a/1: has the unknown category id 77"),
        ({"a/1": {"bbox": [{"normbox": [0, 0, 1, 1]}]}}, "is not of the format 'audioset'"),
        ({"a": 1}, "no known annotation format"),
        ([], "no known annotation format"),
        ("{", "is not JSON"),
    ],
)
def test_what_does_not_fit_its_format_is_refused(tmp_path, data, says):
    with pytest.raises(DsolError, match=re.escape(says)):
        read_boxes(file_of(tmp_path, data))


def official(frames: int, videos: int, boxes: int) -> list[tuple[str, int, int, int]]:
    """(id, second, quarter, number of boxes) of as many frames as an official file has."""
    each, rest = divmod(boxes, frames)
    return [(f"{k % videos:011d}", k // videos // 4, k // videos % 4, each + (k < rest)) for k in range(frames)]


def dsol_entry(one: str, second: int, quarter: int, count: int) -> tuple[str, dict]:
    found = [{"box": [1, 2, 3, 4], "normbox": [0.1, 0.2, 0.3, 0.4], "category_id": n} for n in (1, 3)[:count]]
    key = f"{one}_0_1000/frame_{second:03d}/{30 * second + 7 * quarter:05d}.jpg"
    return key, {"bbox": found, "wdith": 640, "height": 360}


def audioset_entry(one: str, second: int, quarter: int, count: int) -> tuple[str, dict]:
    found = [{"category": n, "normbox": [0.1, 0.2, 0.3, 0.4]} for n in range(count)]
    return f"{one}/{4 * second + quarter}", {"bbox": found}


@pytest.mark.parametrize(
    ("entry", "frames", "videos", "boxes"),
    [(dsol_entry, 13_472, 27, 12_356), (dsol_entry, 11_512, 16, 15_035), (audioset_entry, 4_503, 566, 7_403)],
    ids=["solo", "duet", "audioset"],
)
def test_files_of_the_official_sizes_keep_every_frame_and_box(tmp_path, entry, frames, videos, boxes):
    found = read_boxes(file_of(tmp_path, dict(entry(*facts) for facts in official(frames, videos, boxes))))
    assert len(found) == len({frame.key for frame in found}) == frames
    assert len({frame.video for frame in found}) == videos
    assert sum(len(frame.boxes) for frame in found) == boxes
    assert len({(frame.video, frame.time_s) for frame in found}) == frames


@pytest.mark.parametrize(
    ("data", "format"),
    [
        ({"1Ju4S0qeDqw_0_1000/frame_013/00325.jpg": {"bbox": []}}, "dsol"),  # 13 s at 25 frames a second
        ([{"file": "1Ju4S0qeDqw_013_00325"}], "avgn"),
    ],
)
def test_frames_that_are_not_numbered_at_30_a_second_are_refused(tmp_path, data, format):
    with pytest.raises(DsolError, match="is number 325 and in second 13, which is not 30 frames a second"):
        read_boxes(file_of(tmp_path, data), format)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["dsol", "audioset", "avgn", "vggss", "coco", "native", "flickr"]))
def test_a_file_in_the_other_convention_is_refused(tmp_path_factory, seed, format):
    """Twenty boxes around the middle of the frame, xywh written as corners and corners as xywh."""
    folder, random = tmp_path_factory.mktemp("swapped"), np.random.default_rng(seed)
    low, high = random.uniform(0.2, 0.45, (20, 2)), random.uniform(0.55, 0.95, (20, 2))
    corners, xywh = np.hstack([low, high]), np.hstack([low, (high - low) * random.uniform(0.2, 0.3)])
    write_swapped(folder, format, corners.tolist(), xywh.tolist())
    with pytest.raises(DsolError, match=r"without area|no area or leaves"):
        read_boxes(folder if format == "flickr" else folder / "boxes.json")


def write_swapped(folder, format, corners, xywh):
    """A file of each format, its boxes in the convention that the format does not have."""
    if format == "flickr":
        for k, (x, y, w, h) in enumerate(xywh):
            numbers = [round(256 * v) for v in (x, y, w, h)]
            tags = "".join(f"<{n}>{v}</{n}>" for n, v in zip(("xmin", "ymin", "xmax", "ymax"), numbers, strict=True))
            file_of(folder, f"<annotation><a><bbox>{tags}</bbox></a></annotation>", f"{k}.xml")
        return
    file_of(folder, {
        "dsol": {f"{k:011d}_0_1000/frame_000/00000.jpg": {"bbox": [{"normbox": b, "category_id": 1}]}
                 for k, b in enumerate(corners)},
        "audioset": {f"{k:011d}/0": {"bbox": [{"normbox": b, "category": 1}]} for k, b in enumerate(corners)},
        "avgn": [{"file": f"{k:011d}_000_00000", "class": "c", "bbox": b} for k, b in enumerate(corners)],
        "vggss": [{"file": str(k), "class": "c", "bbox": [b]} for k, b in enumerate(xywh)],
        "coco": {"images": [{"id": 1, "file_name": "a", "width": 1, "height": 1}],
                 "categories": [{"id": 1, "name": "c"}],
                 "annotations": [{"image_id": 1, "category_id": 1, "bbox": b} for b in corners]},
        "native": {"categories": ["c"], "frames": [{"video": "a", "time_s": 0, "boxes": [{"category": "c", "xywh": b}
                                                    for b in corners]}]},
    }[format])  # fmt: skip


def test_a_missing_file_an_empty_folder_and_an_unknown_format_are_refused(tmp_path):
    with pytest.raises(DsolError, match="cannot be read"):
        read_boxes(tmp_path / "none.json")
    with pytest.raises(DsolError, match="no XML files"):
        read_boxes(tmp_path)
    with pytest.raises(DsolError, match="choose one of auto, native"):
        read_boxes(file_of(tmp_path, DSOL), "yolo")
    with pytest.raises(DsolError, match="is no annotation of Flickr-SoundNet"):
        read_boxes(file_of(tmp_path, "<a><bbox><xmin>one</xmin></bbox></a>", "a.xml"))


def test_a_format_can_be_named(tmp_path):
    assert "dsol" in READERS
    assert len(read_boxes(file_of(tmp_path, DSOL), "dsol")) == 2
    with pytest.raises(DsolError, match="is not of the format 'coco'"):
        read_boxes(file_of(tmp_path, DSOL), "coco")
