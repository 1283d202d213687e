"""Which formats are written, and what is said where one cannot be."""

import json
from pathlib import Path

import pytest

from dsol.cli import main
from dsol.errors import DsolError
from dsol.localize import Localizer, Wanted, localize_videos
from dsol.localize.files import FILES
from dsol.localize.formats import FORMATS, chosen, files_of, write_formats
from tests.localize.formats.found import band, silence
from tests.localize.test_localize import TwoTones, hum_then_whistle
from tests.videos import write_video


@pytest.fixture(scope="module")
def party(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "party.mp4", seconds=2.0, sound=hum_then_whistle)


def test_formats_are_chosen_by_name_and_written_once():
    assert chosen("srt, JSON,srt") == ("srt", "json")
    assert chosen(["vtt,srt", "json"]) == ("vtt", "srt", "json")
    assert chosen("srt,all") == tuple(FORMATS)
    assert chosen("") == ()


def test_an_unknown_format_is_an_error_that_names_those_there_are():
    with pytest.raises(DsolError, match=r"--format: 'docx' is not known \(give some of json, coco, srt"):
        chosen("srt,docx")


def test_a_format_whose_package_is_missing_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("dsol.errors.find_spec", lambda name: None)
    with pytest.raises(DsolError, match=r"needs pympi, not installed \(pip install 'dsol\[formats\]'\)"):
        chosen("eaf")


@pytest.mark.parametrize("found", [band(), silence()], ids=["band", "silence"])
def test_every_format_writes_its_files_and_nothing_else(tmp_path, found):
    written = write_formats(found, tmp_path, "all")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in written) == sorted(files_of(FORMATS))
    emptiable = {"localized.srt", "sounds.rttm", "audacity.txt"}
    assert all(path.stat().st_size for path in written if path.name not in emptiable or found.ever_sounding)


def test_no_two_formats_write_the_same_file():
    files = [file for each in FORMATS.values() for file in each.files]
    assert len(files) == len(set(files))


def test_the_formats_asked_for_come_beside_the_four_files(party, tmp_path):
    (folder,) = localize_videos([party], Localizer(TwoTones()), tmp_path, Wanted("srt,vtt"))
    assert {p.name for p in folder.iterdir()} == {*FILES, "localized.srt", "localized.vtt"}


def test_without_the_film_everything_else_is_there(party, tmp_path):
    (folder,) = localize_videos([party], Localizer(TwoTones()), tmp_path, Wanted(film=False))
    assert {p.name for p in folder.iterdir()} == set(FILES) - {"localized.mp4"}


def test_the_command_line_takes_formats(party, tmp_path, capsys):
    main(["localize", str(party), "--model", "small", "--out", str(tmp_path), "--format", "srt", "--no-video"])
    folder = tmp_path / "party"
    assert json.loads((folder / "result.json").read_text())["video"] == str(party)
    assert (folder / "localized.srt").is_file()


def test_a_wrong_format_ends_before_any_work(party, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["localize", str(party), "--out", str(tmp_path / "out"), "--format", "docx"])
    assert stop.value.code == 2
    assert "docx" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_documentation_names_every_format_and_its_files():
    told = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    for name, each in FORMATS.items():
        assert f"`{name}`" in told
        for file in each.files:
            assert f"`{file}`" in told or (name == "tsv" and file.endswith(".tsv")), file
