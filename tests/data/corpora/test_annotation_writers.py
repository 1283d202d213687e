"""What a format can hold is written in it and comes back the same; what it cannot hold is refused, not lost."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.corpora.annotation_writers import WRITERS, write_boxes
from dsol.data.corpora.annotations import AUDIOSET_IDS, MUSIC_IDS, READERS, read_boxes
from dsol.errors import DsolError
from dsol.evaluation.truth import truth_of
from tests.data.corpora.test_annotations import AUDIOSET, AVGN_DUET, AVGN_SOLO, DSOL, VGGSS, XML, file_of

OFFICIAL = {"dsol": DSOL, "audioset": AUDIOSET, "avgn": AVGN_SOLO + AVGN_DUET, "vggss": VGGSS}


def test_every_format_that_is_read_can_be_written():
    assert set(WRITERS) == set(READERS)


@pytest.mark.parametrize("format", OFFICIAL)
def test_official_files_survive_the_way_through_boxes_json(tmp_path, format):
    there = read_boxes(file_of(tmp_path, OFFICIAL[format], "there.json"))
    write_boxes(there, tmp_path / "boxes.json")
    write_boxes(read_boxes(tmp_path / "boxes.json"), tmp_path / "back.json", format)
    assert read_boxes(tmp_path / "back.json") == there


def test_the_dsol_file_is_written_with_its_pixels_and_its_misspelling(tmp_path):
    write_boxes(read_boxes(file_of(tmp_path, DSOL)), tmp_path / "back.json", "dsol", size=(640, 360))
    back, key = json.loads((tmp_path / "back.json").read_text()), next(iter(DSOL))
    assert back[key]["bbox"][0] == {**DSOL[key]["bbox"][0], "box": [224, 0, 239, 358]}
    assert back[key]["wdith"] == 640


def test_several_annotators_of_flickr_survive(tmp_path):
    (tmp_path / "there").mkdir()
    file_of(tmp_path / "there", XML, "10000.xml")
    there = read_boxes(tmp_path / "there")
    write_boxes(there, tmp_path / "back", "flickr")
    assert read_boxes(tmp_path / "back") == there
    with pytest.raises(DsolError, match="cannot be written"):
        write_boxes(there, tmp_path / "back", "flickr")


def test_own_annotations_get_official_keys(tmp_path):
    frame = Frame("cello/1Ju4S0qeDqw.mp4", 3.5, (Box("cello", (0.25, 0.5, 0.5, 0.25)),))
    for format, key in (("dsol", "1Ju4S0qeDqw_0_1000/frame_003/00105.jpg"), ("avgn", "1Ju4S0qeDqw_003_00105")):
        write_boxes(Boxes(("cello",), (frame,)), tmp_path / "a.json", format)
        (back,) = read_boxes(tmp_path / "a.json")
        assert (back.key, back.time_s, back.boxes) == (key, 3.5, frame.boxes)


SILENT = Frame("1Ju4S0qeDqw", 3.0, (Box("cello", (0, 0, 1, 1), False),))
HARP = Frame("1Ju4S0qeDqw", 3.0, (Box("harp", (0, 0, 1, 1)),))
LATE = Frame("1Ju4S0qeDqw", 3.045, (Box("cello", (0, 0, 1, 1)),))
PARTY = Frame("party.mp4", 3.0, (Box("cello", (0, 0, 1, 1)),))
TWO = Frame("1Ju4S0qeDqw", 5.0, (Box("cello", (0, 0, 1, 1)), Box("harp", (0, 0, 1, 1))), "1Ju4S0qeDqw_000000")
FINE = Frame("x", 0.0, (Box("sound source", (0.1, 0.1, 0.5, 0.5)),), "x")


@pytest.mark.parametrize(
    ("frames", "format", "says"),
    [
        ([SILENT], "dsol", "the boxes of frame 1Ju4S0qeDqw@3.000 come back changed"),
        ([SILENT], "audioset", "come back changed"),
        ([SILENT], "avgn", "come back changed"),
        ([HARP], "dsol", "'harp'"),
        ([LATE], "dsol", "is number 91|comes back as"),
        ([LATE], "audioset", "comes back as"),
        ([PARTY], "dsol", "party.mp4 has no YouTube id"),
        ([PARTY], "vggss", "comes back as"),
        ([TWO], "vggss", "come back changed"),
        ([FINE], "flickr", "come back changed"),
        ([LATE, LATE], "dsol", "2 frames become 1"),
        ([PARTY], "yolo", "choose one of native, dsol"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_leaves_nothing(tmp_path, frames, format, says):
    with pytest.raises(DsolError, match=says):
        write_boxes(Boxes(("cello", "harp", "sound source"), tuple(frames)), tmp_path / "out", format)
    assert not list(tmp_path.iterdir())


def boxes_of(random: np.random.Generator, names: list[str], count: int) -> tuple[Box, ...]:
    low, high = random.uniform(0, 0.5, (count, 2)), random.uniform(0.51, 1, (count, 2))
    return tuple(
        Box(str(random.choice(names)), (*a.tolist(), *(b - a).tolist())) for a, b in zip(low, high, strict=True)
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["native", "dsol", "audioset", "avgn", "vggss", "coco"]))
def test_any_boxes_cover_the_same_official_pixels_again(tmp_path_factory, seed, format):
    random, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("boxes")
    names = sorted((AUDIOSET_IDS if format == "audioset" else MUSIC_IDS).values())
    names, keys = (names[:1], [f"{k:011d}" for k in range(20)]) if format == "vggss" else (names, [""] * 20)
    frames = (
        Frame(f"{k:011d}", 5.0, boxes_of(random, names, int(random.integers(3))), key) for k, key in enumerate(keys)
    )
    boxes = Boxes(tuple(names), tuple(frames))
    write_boxes(boxes, folder / "a.json", format)
    again = Boxes(boxes.categories, read_boxes(folder / "a.json", format).frames)
    np.testing.assert_array_equal(truth_of(again).rects, truth_of(boxes).rects)
    np.testing.assert_array_equal(truth_of(again).box_rect, truth_of(boxes).box_rect)
