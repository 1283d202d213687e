"""boxes.json keeps every digit, and refuses boxes of another convention."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsol.data.boxes import Box, Boxes, Frame, check_xywh
from dsol.errors import DsolError

fraction = st.floats(0, 1)


@given(fraction, fraction, fraction, fraction)
def test_a_box_inside_its_frame_keeps_every_digit(x, y, right, bottom):
    w, h = (right - x), (bottom - y)
    if w > 0 and h > 0 and x + w <= 1 and y + h <= 1:
        assert check_xywh((x, y, w, h), "here") == (x, y, w, h)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    boxes = Boxes(
        ("cello", "flute"),
        (
            Frame("a.mp4", 1.25, (Box("cello", (0.1, 0.2, 0.3, 0.7)), Box("flute", (1 / 3, 0.1, 1 / 7, 0.2), False))),
            Frame("b.mp4", 0.0, (), key="official/key.jpg"),
        ),
    )
    boxes.save(tmp_path / "boxes.json")
    assert Boxes.load(tmp_path / "boxes.json") == boxes


def test_a_box_a_little_outside_is_cut_to_the_frame():
    assert check_xywh((-0.01, 0.5, 0.5, 0.51), "here") == pytest.approx((0.0, 0.5, 0.49, 0.5))


@pytest.mark.parametrize(
    "xywh",
    [
        (0.5, 0.5, 0.9, 0.9),  # corners
        (10, 20, 100, 50),  # pixels
        (0.5, 0.5, -0.1, 0.2),
        (0.5, 0.5, 0.0, 0.2),
        (0.1, 0.1, float("nan"), 0.2),
        (0.1, 0.1, 0.2),
    ],
)
def test_another_convention_is_refused_with_the_frame_named(xywh):
    with pytest.raises(DsolError, match=r"^a\.mp4@1\.000: box"):
        check_xywh(xywh, "a.mp4@1.000")


@pytest.mark.parametrize("content", ["[]", "{", '{"categories": []}', '{"categories": [], "frames": [{}]}'])
def test_another_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "boxes.json"
    path.write_text(content)
    with pytest.raises(DsolError) as caught:
        Boxes.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_undeclared_categories_are_refused(tmp_path):
    path = tmp_path / "boxes.json"
    box = {"category": "tuba", "xywh": [0, 0, 1, 1]}
    path.write_text(json.dumps({"categories": ["cello"], "frames": [{"video": "a", "time_s": 0, "boxes": [box]}]}))
    with pytest.raises(DsolError, match="tuba"):
        Boxes.load(path)
