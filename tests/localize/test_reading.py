"""result.json back as a timeline: every format of it says the same as of the original."""

import json

import pytest

from dsol.errors import DsolError
from dsol.localize import Localizer
from dsol.localize.formats import FORMATS, write_formats
from dsol.localize.reading import read_timeline
from tests.localize.formats.found import band, silence, solo
from tests.localize.test_localize import TwoTones, hum_then_whistle
from tests.videos import write_video

TEXTS = sorted(
    set(FORMATS) - {"coco", "json", "labelstudio", "eaf"}
)  # those with numbers of few decimals; eaf has a date


@pytest.mark.parametrize("found", [band(), solo(), silence()], ids=["band", "solo", "silence"])
def test_formats_written_of_a_result_are_those_of_the_original(tmp_path, found):
    (result,) = write_formats(found, tmp_path, "json")
    again = read_timeline(result)
    (tmp_path / "again").mkdir()
    assert again.to_json() == found.to_json()
    for one, other in zip(write_formats(found, tmp_path, TEXTS), write_formats(again, tmp_path / "again", TEXTS),
                          strict=True):  # fmt: skip
        if one.suffix != ".zip":
            assert one.read_text() == other.read_text(), one.name


def test_a_result_of_a_real_video(tmp_path):
    video = write_video(tmp_path / "party.mp4", seconds=5.6, sound=hum_then_whistle)
    found = Localizer(TwoTones())(video).timeline()
    (result,) = write_formats(found, tmp_path, "json")
    assert read_timeline(result).to_json() == found.to_json()


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"format": "other"}', '{"format": "dsol.localization"}'])
def test_another_file_is_an_error(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DsolError, match=r"a\.json: is no result\.json"):
        read_timeline(tmp_path / "a.json")


def test_a_result_that_lacks_something_is_an_error(tmp_path):
    data = solo().to_json()
    del data["objects"]
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(DsolError, match="is no result"):
        read_timeline(tmp_path / "a.json")
