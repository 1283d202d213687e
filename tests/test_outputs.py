"""What is written is whole or not there, and nothing is left beside it: a folder is no place for a file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from dsol.data.boxes import Boxes
from dsol.data.corpora.annotation_writers import write_boxes
from dsol.data.media import VideoWriter
from dsol.data.prepare import prepare
from dsol.errors import DsolError
from dsol.evaluation.figures import save_figure
from dsol.localize import draw_timeline
from dsol.reproduce import Filled, write_table
from dsol.reproduce.paper import TABLES
from tests.localize.test_localize import timeline_of
from tests.videos import write_video


def film(path) -> None:
    with VideoWriter(path, 64, 48, 25) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))


WRITERS = {
    "table": lambda path: write_table(Filled(TABLES[3], (), ()), path, "text"),
    "boxes": lambda path: Boxes((), ()).save(path),
    "annotations": lambda path: write_boxes(Boxes((), ()), path),
    "timeline": lambda path: draw_timeline(timeline_of(np.zeros((4, 1))), path),
    "figure": lambda path: save_figure(Figure(), path, 50),
    "film": film,
}


@pytest.mark.parametrize("place", [".", "..", "folder"])
@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_in_place_of_a_file_is_an_error_and_leaves_nothing(tmp_path, monkeypatch, write, place):
    (tmp_path / "here" / "folder").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises((OSError, DsolError)):
        WRITERS[write](Path(place))
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["here", "here/folder"]


@pytest.mark.parametrize("out", [".", ".."])
def test_a_store_needs_a_name(tmp_path, monkeypatch, out):
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4")
    (tmp_path / "empty" / "too").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "empty" / "too")
    with pytest.raises(DsolError):
        prepare(tmp_path / "videos", out, workers=1)
    assert not list((tmp_path / "empty" / "too").iterdir())


@pytest.mark.parametrize(
    "words", [("table", "3", "--runs", "runs", "--show", "--out", "."), ("score", "m", "b", "--json", "..")]
)
def test_the_command_refuses_a_folder_before_the_work(tmp_path, words):
    done = subprocess.run(
        [sys.executable, "-m", "dsol", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.endswith("is a folder (give the name of a file)\n")
    assert not os.listdir(tmp_path)
