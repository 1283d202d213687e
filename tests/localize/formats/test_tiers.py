"""ELAN's and Praat's files, opened by pympi and by Praat itself."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import parselmouth
import pytest
from parselmouth.praat import call
from pympi.Elan import Eaf

from dsol.localize.formats import write_formats
from tests.localize.formats.found import band, silence

EXPECTED = {
    "flute": [(0.0, 6.0, "flute (silent)")],
    "violin #1": [(0.0, 6.0, "violin #1")],
    "bass_drum off screen": [(0.875, 2.875, "bass_drum (off screen)")],
    "violin #2": [(1.875, 6.0, "violin #2")],
}


def test_elan_shows_a_tier_an_object(tmp_path):
    (file,) = write_formats(band(), tmp_path, "eaf")
    eaf = Eaf(str(file))
    read = {tier: eaf.get_annotation_data_for_tier(tier) for tier in eaf.get_tier_names()}
    assert read == {tier: [(1000 * a, 1000 * b, label) for a, b, label in rows] for tier, rows in EXPECTED.items()}


def test_elan_finds_the_video_beside_the_file(tmp_path):
    (file,) = write_formats(band(), tmp_path, "eaf")
    (media,) = ElementTree.parse(file).getroot().iter("MEDIA_DESCRIPTOR")
    assert media.get("RELATIVE_MEDIA_URL") == "./my band.mp4"
    assert media.get("MEDIA_URL").endswith("/videos/my%20band.mp4")
    assert media.get("MIME_TYPE") == "video/mp4"


def test_praat_reads_the_text_grid(tmp_path):
    (file,) = write_formats(band(), tmp_path, "textgrid")
    grid = parselmouth.read(str(file))
    assert call(grid, "Get end time") == 6.0
    tiers = {call(grid, "Get tier name...", n): n for n in range(1, int(call(grid, "Get number of tiers")) + 1)}
    assert list(tiers) == list(EXPECTED)
    for tier, rows in EXPECTED.items():
        count = int(call(grid, "Get number of intervals...", tiers[tier]))
        asked = ("start time", "end time"), range(1, count + 1)
        times = [[call(grid, f"Get {what} of interval...", tiers[tier], n) for what in asked[0]] for n in asked[1]]
        labels = [call(grid, "Get label of interval...", tiers[tier], n) for n in asked[1]]
        read = [(start, end, label) for (start, end), label in zip(times, labels, strict=True)]
        assert [row for row in read if row[2]] == rows


@pytest.mark.parametrize("duration_s", [5.96, 6.0, 6.1234567])
def test_praat_takes_any_length_of_video(tmp_path, duration_s):
    found = replace(band(), duration_s=duration_s)
    (file,) = write_formats(found, tmp_path, "textgrid")
    assert call(parselmouth.read(str(file)), "Get end time") == pytest.approx(duration_s, abs=1e-4)


def test_nothing_that_sounds_opens_too(tmp_path):
    elan, praat = write_formats(silence(), tmp_path, "eaf,textgrid")
    assert list(Eaf(str(elan)).get_tier_names()) == ["sound"]
    assert call(parselmouth.read(str(praat)), "Get number of tiers") == 1


def test_a_category_with_quotes_is_no_accident(tmp_path):
    found = replace(band(), categories=('the "old" one', "b & <c>", "d"), score=np.full((24, 3), 0.9))
    elan, praat = write_formats(found, tmp_path, "eaf,textgrid")
    assert any(label == 'the "old" one #1' for tier in Eaf(str(elan)).get_tier_names()
               for *_, label in Eaf(str(elan)).get_annotation_data_for_tier(tier))  # fmt: skip
    assert call(parselmouth.read(str(praat)), "Get number of tiers") == 4
