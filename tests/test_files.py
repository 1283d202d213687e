"""What is written is whole or not there, and nothing is left beside it."""

import os

import pytest

from dsol.files import copy, whole, write_json, write_text


def test_a_file_takes_its_place_when_it_is_whole(tmp_path):
    write_text(tmp_path / "a.txt", "before")
    write_text(tmp_path / "a.txt", "café")
    assert (tmp_path / "a.txt").read_text("utf-8") == "café"
    write_json(tmp_path / "b.json", {"a": 1})
    copy(tmp_path / "b.json", tmp_path / "c.json")
    assert (tmp_path / "c.json").read_text("utf-8") == '{\n "a": 1\n}\n'
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.json", "c.json"]


@pytest.mark.parametrize("folder", [False, True])
def test_what_fails_leaves_what_was_there_and_nothing_else(tmp_path, folder):
    (tmp_path / "out").write_text("before", "utf-8")

    def write():
        with whole(tmp_path / "out") as partial:
            (partial / "deep").mkdir(parents=True) if folder else partial.write_text("half", "utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert (tmp_path / "out").read_text("utf-8") == "before"
    assert os.listdir(tmp_path) == ["out"]


def test_what_a_killed_process_left_is_written_over(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "old").write_text("", "utf-8")
    with whole(tmp_path / "out") as partial:
        partial.mkdir()
        (partial / "new").write_text("", "utf-8")
    assert os.listdir(tmp_path / "out") == ["new"]
