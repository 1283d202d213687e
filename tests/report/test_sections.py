"""The report: one file that shows what it was given."""

import base64
import io
import math
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dsol.errors import DsolError
from dsol.report.sections import _ticks, write_report

EVALUATION = {
    "protocol": "synthetic",
    "frames": 1234,
    "videos": 40,
    "metrics": {"ciou@0.3": 0.513, "auc": 0.342, "nmi": float("nan"), "nsa": None},
    "ci95": {"ciou@0.3": [0.441, 0.587]},
    "floors": {
        "centred box": {"ciou@0.3": 0.214, "auc": 0.229},
        "whole image": {"ciou@0.3": 0.081},
        "mismatched sound": None,
    },
    "ahead": {
        "centred box": {"ciou@0.3": [-0.02, 0.6]},
        "whole image": {"ciou@0.3": [0.2, 0.7]},
        "mismatched sound": None,
    },
}
VOID = {"meta", "img", "br"}


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), (200, 30, 90)).save(buffer, "PNG")
    return buffer.getvalue()


class Reader(HTMLParser):
    """Collects text, sources and tags; tags that do not match raise."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.sources, self.words = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data.strip())


@pytest.fixture
def full(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"a video")
    path = write_report(
        tmp_path / "report.html",
        title="Toys & <tools>",
        curves={"stage one": {"loss": [3.0, 2.0, math.nan, 1.25]}, "stage two": {"Lc": [0.5], "L1": []}},
        evaluations=[EVALUATION],
        pictures=[("A <b>caption</b>", png())],
        video=tmp_path / "a.mp4",
        facts={"clips": 24000, "time": "2 min"},
    )
    return path.read_text()


def test_nothing_is_fetched_from_elsewhere(full):
    assert all(source.startswith("data:") for source in Reader(full).sources)
    assert not re.search(r"https?://|@import|url\(", full)


def test_results_stand_beside_their_intervals_and_floors(full):
    words = Reader(full).words
    start = words.index("CIoU@0.3")
    row = [word for word in words[start : start + 12] if word and word != "best baseline"]
    assert row[:5] == ["CIoU@0.3", "51.3", "44.1 – 58.7", "21.4", "8.1"]
    assert "1,234 frames of 40 videos" in full


def test_a_floor_that_is_not_clearly_beaten_stands_out(full):
    assert re.findall(r'baseline close">([^<]+)<', full) == ["21.4"]
    assert "not clearly beaten" in full


def test_what_could_not_be_measured_has_no_row(full):
    assert not {"NMI", "NSA"} & set(Reader(full).words)


def test_video_and_pictures_are_inside(full):
    contents = [base64.b64decode(source.split(",")[1]) for source in Reader(full).sources]
    assert contents == [b"a video", png()]


def test_every_curve_is_drawn_and_its_last_value_told(full):
    reader = Reader(full)
    assert reader.tags.count("polyline") == 2
    assert {"1.25", "0.5"} <= set(reader.words)
    assert "nan" not in full


def test_names_cannot_break_the_page(full):
    assert "Toys & <tools>" in Reader(full).words
    assert "<tools>" not in full
    assert "<b>caption" not in full


def test_facts_are_told(full):
    assert {"clips", "24,000", "time", "2 min"} <= set(Reader(full).words)


def test_a_report_of_nothing_is_a_page_with_a_title(tmp_path):
    reader = Reader(write_report(tmp_path / "report.html", title="Nothing yet").read_text())
    assert "Nothing yet" in reader.words
    assert "section" not in reader.tags


@pytest.mark.parametrize("bad", [{"video": "none.mp4"}, {"pictures": [("x", "none.png")]}, {"pictures": [("x", b"?")]}])
def test_a_report_that_fails_leaves_the_earlier_one(tmp_path, bad):
    path = tmp_path / "report.html"
    path.write_text("earlier")
    with pytest.raises(DsolError):
        write_report(path, title="Broken", **bad)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "earlier"


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_few_round_ticks_hold_all_values(low, span):
    high = low + span
    ticks = _ticks(low, high)
    slack = 1e-5 * max(abs(low), abs(high), 1e-6)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 3 <= len(ticks) <= 6
    assert ticks == sorted(set(ticks))
