"""Videos and visitors that several tests use."""

from pathlib import Path

import pytest

from dsol.serve import worker
from tests.serve.systems import Gated
from tests.serve.visiting import visiting
from tests.two_tones import TwoTones, hum_then_whistle
from tests.videos import write_video

worker.PRELOADED += ["pytest", "tests.serve.systems"]  # processes begin as copies of one that has these


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "served").mkdir()
    return tmp_path / "served"


@pytest.fixture
def visitor(folder):
    with visiting(TwoTones(), folder) as visitor:
        yield visitor


@pytest.fixture
def gated(folder, tmp_path):
    system = Gated(tmp_path)
    with visiting(system, folder) as visitor:
        yield visitor, system
        system.gate.touch()


@pytest.fixture(scope="session")
def short(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("short") / "short.mp4", seconds=1.0)


@pytest.fixture(scope="session")
def party(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("party") / "my party.mp4", 5.0, sound=hum_then_whistle)


@pytest.fixture(scope="package")
def done(short, tmp_path_factory):
    """A visitor whose video is done, and its id; for looking only."""
    with visiting(TwoTones(), tmp_path_factory.mktemp("done")) as visitor:
        id = visitor.give(short)["id"]
        assert visitor.finished(id)["state"] == "done"
        yield visitor, id
