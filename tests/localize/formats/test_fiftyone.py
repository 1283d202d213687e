"""FiftyOne's temporal detections, as its documentation has them and as its own parser reads them."""

import json

import pytest

from dsol.localize.formats import write_formats
from tests.localize.formats.found import band


def test_each_stretch_is_a_detection_with_its_times(tmp_path):
    (file,) = write_formats(band(), tmp_path, "fiftyone")
    read = json.loads(file.read_text())
    assert read["classes"] == ["violin", "bass_drum", "flute"]
    (found,) = read["labels"].values()
    assert list(read["labels"]) == ["my band"]
    assert [(read["classes"][each["label"]], each["timestamps"], each["attributes"]["state"]) for each in found] == [
        ("flute", [0.0, 6.0], "silent"),
        ("violin", [0.0, 6.0], "seen"),
        ("bass_drum", [0.875, 2.875], "off screen"),
        ("violin", [1.875, 6.0], "seen"),
    ]


def test_fiftyone_reads_it(tmp_path):
    parsers = pytest.importorskip("fiftyone.utils.data.parsers")
    metadata = pytest.importorskip("fiftyone.core.metadata")
    (file,) = write_formats(band(), tmp_path, "fiftyone")
    read = json.loads(file.read_text())
    parser = parsers.FiftyOneTemporalDetectionSampleParser(classes=read["classes"])
    about = metadata.VideoMetadata(frame_rate=25.0, total_frame_count=150, duration=6.0)
    parser.with_sample(("my band.mp4", read["labels"]["my band"]), metadata=about)
    drum = parser.get_label().detections[2]
    assert (drum.label, drum.support, drum["state"]) == ("bass_drum", [23, 72], "off screen")
