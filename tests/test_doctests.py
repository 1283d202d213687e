"""The examples in docstrings do what they say, each beside a video, a store and a run."""

import doctest
import importlib
import pkgutil
import re
import shutil
from pathlib import Path

import pytest

import dsol
from dsol import Localizer
from tests.shapes import write_shape

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    name
    for _, name, is_package in pkgutil.walk_packages(dsol.__path__, "dsol.")
    if name != "dsol.__main__" and ">>> " in Path(importlib.util.find_spec(name).origin).read_text("utf-8")
]


@pytest.fixture(scope="session")
def localizer(trained) -> Localizer:
    return Localizer.load(trained)


@pytest.fixture
def place(trained, shapes, tmp_path, monkeypatch) -> Path:
    """A folder with what the examples name: party.mp4, videos/, store, run."""
    for name in ("party.mp4", "videos/disc.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_shape(tmp_path / name, "disc", seed=7)
    (tmp_path / "store").symlink_to(shapes.path)
    shutil.copytree(trained, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["dsol", *MODULES])
def test_examples_do_what_they_say(name, request, place):
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module, name) if test.examples]
    sources = "".join(example.source for test in tests for example in test.examples if not skipped(example))
    names = {"dsol": dsol}
    if "localizer(" in sources or "found." in sources:
        names["localizer"] = localizer = request.getfixturevalue("localizer")
        names["found"] = localizer("party.mp4")
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in tests:
        test.globs.update(names)
        for example in test.examples:
            example.want = example.want.replace("…", "...")
        runner.run(test)
    assert not runner.summarize(verbose=False).failed


def skipped(example: doctest.Example) -> bool:
    return bool(example.options.get(doctest.SKIP))


@pytest.mark.parametrize("name", dsol.__all__)
def test_every_public_name_has_an_example_that_runs(name):
    told = getattr(dsol, name).__doc__
    lines = [line for line in told.splitlines() if re.match(r"\s*>>>", line)]
    assert lines
    assert not [line for line in lines if "+SKIP" in line]
