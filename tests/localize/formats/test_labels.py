"""RTTM and Audacity's labels: one line a stretch, the fields as their formats define them."""

from dsol.localize.formats import write_formats
from tests.localize.formats.found import band, silence, solo


def test_rttm_has_ten_fields_without_spaces_in_them(tmp_path):
    (file,) = write_formats(band(), tmp_path, "rttm")
    lines = [line.split(" ") for line in file.read_text().splitlines()]
    assert {len(line) for line in lines} == {10}
    assert [(line[0], line[1], float(line[3]), float(line[4]), line[7]) for line in lines] == [
        ("SPEAKER", "my_band", 0.0, 6.0, "violin_#1"),
        ("SPEAKER", "my_band", 0.875, 2.0, "bass_drum"),
        ("SPEAKER", "my_band", 1.875, 4.125, "violin_#2"),
    ]


def test_audacity_has_start_end_and_label(tmp_path):
    (file,) = write_formats(band(), tmp_path, "audacity")
    lines = [line.split("\t") for line in file.read_text().splitlines()]
    assert [(float(start), float(end), label) for start, end, label in lines] == [
        (0.0, 6.0, "flute (silent)"),
        (0.0, 6.0, "violin #1"),
        (0.875, 2.875, "bass_drum (off screen)"),
        (1.875, 6.0, "violin #2"),
    ]


def test_one_of_a_kind_has_no_number(tmp_path):
    (file,) = write_formats(solo(), tmp_path, "audacity")
    assert file.read_text() == "0.000000\t3.000000\tviolin\n"


def test_nothing_that_sounds_is_an_empty_file(tmp_path):
    assert [path.read_text() for path in write_formats(silence(), tmp_path, "rttm,audacity")] == ["", ""]
