"""Subtitles, read back by the readers that others use."""

from dataclasses import replace

import pysrt
import pytest
import webvtt

from dsol.localize.formats import write_formats
from dsol.localize.formats.captions import captions_of
from tests.localize.formats.found import band, silence

EXPECTED = [
    (0.0, 0.875, "[violin #1]"),
    (0.875, 1.875, "[violin #1] [bass drum, off screen]"),
    (1.875, 2.875, "[violin #1] [bass drum, off screen] [violin #2]"),
    (2.875, 6.0, "[violin #1] [violin #2]"),
]


def test_a_caption_says_what_sounds_from_change_to_change():
    assert [(c.start_s, c.end_s, c.words) for c in captions_of(band())] == EXPECTED


def test_srt_is_read_by_pysrt(tmp_path):
    (file,) = write_formats(band(), tmp_path, "srt")
    read = [(item.start.ordinal / 1000, item.end.ordinal / 1000, item.text) for item in pysrt.open(file)]
    assert read == EXPECTED
    assert file.name == "localized.srt"


def test_vtt_is_read_by_webvtt(tmp_path):
    (file,) = write_formats(band(), tmp_path, "vtt")
    read = [(caption.start_in_seconds, caption.end_in_seconds, caption.text) for caption in webvtt.read(str(file))]
    assert [text for *_, text in read] == [text for *_, text in EXPECTED]
    assert "00:00:00.875 --> 00:00:01.875" in file.read_text()


def test_vtt_marks_up_nothing_that_a_category_holds(tmp_path):
    found = replace(band(), categories=("<b>a & b</b>", "x", "y"))
    (file,) = write_formats(found, tmp_path, "vtt")
    assert "[&lt;b&gt;a &amp; b&lt;/b&gt; #1]" in file.read_text()


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_nothing_that_sounds_is_a_file_without_captions(tmp_path, kind):
    (file,) = write_formats(silence(), tmp_path, kind)
    assert len(pysrt.open(file) if kind == "srt" else webvtt.read(str(file))) == 0


def test_hours_are_hours():
    from dsol.localize.formats.captions import _clock

    assert _clock(3661.0126, ",") == "01:01:01,013"
