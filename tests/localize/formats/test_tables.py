"""Tables: one row a stretch, one row a time step."""

import csv

import numpy as np
import pytest

from dsol.localize.formats import write_formats
from tests.localize.formats.found import band, silence


def rows_of(file, delimiter=","):
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


@pytest.mark.parametrize(("kind", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_one_row_a_stretch(tmp_path, kind, delimiter):
    stretches, _ = write_formats(band(), tmp_path, kind)
    rows = rows_of(stretches, delimiter)
    assert stretches.name == f"stretches.{kind}"
    assert [(row["object"], row["state"], row["start_s"], row["end_s"]) for row in rows] == [
        ("flute", "silent", "0.000", "6.000"),
        ("violin #1", "seen", "0.000", "6.000"),
        ("bass_drum", "off screen", "0.875", "2.875"),
        ("violin #2", "seen", "1.875", "6.000"),
    ]
    drum, violin = rows[2], rows[3]
    assert [drum[side] for side in ("x", "y", "width", "height", "track")] == [""] * 5
    assert float(violin["x"]) + float(violin["width"]) / 2 == pytest.approx(0.75, abs=0.05)
    assert (violin["category"], violin["at_s"]) == ("violin", "5.750")


def test_one_row_a_time_step(tmp_path):
    found = band()
    _, steps = write_formats(found, tmp_path, "csv")
    rows = rows_of(steps)
    assert [float(row["time_s"]) for row in rows] == found.times_s.tolist()
    assert rows[0]["objects"] == "violin #1"
    assert set(rows[8]["objects"].split(";")) == {"violin #1", "violin #2", "bass_drum"}
    scores = [[float(row[f"score {category}"]) for category in found.categories] for row in rows]
    assert np.allclose(scores, found.score, atol=1e-4)


def test_a_name_with_commas_and_quotes_comes_back(tmp_path):
    from dataclasses import replace

    odd = 'cello, "old"\nand worn'
    stretches, _ = write_formats(replace(band(), categories=(odd, "b", "c")), tmp_path, "csv")
    assert {row["category"] for row in rows_of(stretches)} == {odd, "b", "c"}


def test_nothing_that_sounds_is_a_table_without_rows(tmp_path):
    stretches, steps = write_formats(silence(), tmp_path, "tsv")
    assert rows_of(stretches, "\t") == []
    assert len(rows_of(steps, "\t")) == 8
