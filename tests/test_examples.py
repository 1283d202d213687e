"""The examples do what they say."""

import importlib.util
import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from dsol import Boxes, Localizer
from dsol.demo.toyband import make_toyband
from dsol.localize import Live, Wanted, localize_videos
from tests.items import within
from tests.shapes import CATEGORIES, write_corpus, write_shape
from tests.streams import sent_by_tcp, transport

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))
LINES = 80


def example(name: str):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def party(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "videos"
    for category in CATEGORIES[:2]:
        (folder / category).mkdir(parents=True)
        write_shape(folder / category / "party.mp4", category, seed=5)
    return folder / "disc" / "party.mp4"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Eight videos of four categories, with boxes."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "videos", train=2, test=0)


def test_there_are_ten_scripts_on_one_screen_or_two_and_each_has_a_test():
    assert len(SCRIPTS) >= 10
    tested = set(re.findall(r'example\("(\w+)"\)', Path(__file__).read_text("utf-8")))
    assert tested == set(SCRIPTS)
    assert all(len((EXAMPLES / f"{name}.py").read_text("utf-8").splitlines()) < LINES for name in SCRIPTS)


def test_a_video_is_localised(trained, party, tmp_path, capsys):
    video = tmp_path / "party.mp4"
    video.write_bytes(party.read_bytes())
    example("localize_a_video").main(video, trained)
    assert {path.name for path in tmp_path.iterdir()} == {
        "party.mp4",
        *(f"party_found.{e}" for e in ("mp4", "png", "json")),
    }
    assert "8 answers" in capsys.readouterr().out


def test_boxes_come_back_from_label_studio_as_a_person_drew_them(trained, tmp_path, capsys):
    make_toyband(tmp_path / "toy", solos=0, duets=2, workers=1)
    example("correct_and_score").main(tmp_path / "toy" / "duet", str(trained), tmp_path / "work", protocol="solo")
    drawn, back = (
        Boxes.load(file) for file in (tmp_path / "toy" / "duet" / "boxes.json", tmp_path / "work" / "boxes.json")
    )
    there = {frame.key: sorted((b.category, b.sounding, b.xywh) for b in frame.boxes) for frame in back}
    assert set(there) == {frame.key for frame in drawn}
    for frame in drawn:
        wanted = sorted((b.category, b.sounding, b.xywh) for b in frame.boxes)
        assert [row[:2] for row in there[frame.key]] == [row[:2] for row in wanted]
        assert np.allclose([row[2] for row in there[frame.key]], [row[2] for row in wanted], atol=1e-6)
    assert "IoU@0.5" in capsys.readouterr().out


def test_own_videos_become_a_model_a_gallery_and_a_film(corpus, tmp_path):
    script = example("own_videos")
    clusters = script.main(corpus, tmp_path / "work", recipe="tiny")
    assert (tmp_path / "work" / "gallery" / "gallery.html").is_file()
    names = tmp_path / "work" / "gallery" / "names.json"
    names.write_text(json.dumps({"cluster 0": "first kind"}))
    script.name(corpus, tmp_path / "work")
    assert (tmp_path / "work" / "found.mp4").is_file()
    assert "first kind" in Localizer.load(tmp_path / "work" / "run").system.categories
    assert len(clusters) == 4


def test_a_method_of_ones_own_is_scored(corpus, tmp_path):
    figures = example("score_your_method").main(corpus)
    assert figures["frames"] == 16
    assert 0 <= figures["metrics"]["iou@0.5"] <= 1
    assert figures["floors"]


def test_corrected_videos_are_held_out_and_the_rest_is_trained_on(corpus, tmp_path):
    corrected = [frame for frame in Boxes.load(corpus / "boxes.json") if "/0." in frame.video]
    Boxes(CATEGORIES, tuple(corrected)).save(tmp_path / "export.json")
    retrain = example("correct_and_retrain").main
    figures = retrain(corpus, tmp_path / "export.json", tmp_path / "work", recipe="tiny", protocol="solo")
    assert figures["videos"] == 4
    assert 0 <= figures["metrics"]["iou@0.5"] <= 1


@pytest.mark.skipif(find_spec("ray") is None, reason="needs ray")
def test_ray_takes_a_folder(trained, corpus, tmp_path):
    batch = example("batch_with_ray").main
    try:
        with within(240):
            lines = batch(corpus, tmp_path / "found", str(trained), workers=1)
    except TimeoutError:
        pytest.skip("Ray's processes do not start on this machine in 240 s")
    assert len(lines) == 8
    assert all(line.endswith("done before") for line in batch(corpus, tmp_path / "found", str(trained), workers=1))


def test_the_batch_worker_says_a_line_a_video(trained, corpus, tmp_path):
    worker = example("batch_with_ray").Worker(str(trained))
    video = corpus / "train" / "bar" / "0.mp4"
    (tmp_path / "text.mp4").write_text("no")
    assert worker.localize(video, tmp_path / "0").startswith("0.mp4: ")
    assert worker.localize(video, tmp_path / "0") == "0.mp4: done before"
    assert worker.localize(tmp_path / "text.mp4", tmp_path / "1").startswith("skipped ")


@pytest.mark.skipif(find_spec("fastapi") is None, reason="needs fastapi")
def test_a_service_of_ones_own_tells_what_sounds(trained, party, monkeypatch):
    from fastapi.testclient import TestClient

    monkeypatch.setenv("MODEL", str(trained))
    with TestClient(example("embed_in_fastapi").app) as visitor:
        assert visitor.get("/healthy").json()["busy"] is False
        told = visitor.put("/sounds", params={"name": "a/party.mp4"}, content=party.read_bytes()).json()
        assert (told["video"], len(told["times_s"])) == ("party.mp4", 8)
        refused = visitor.put("/sounds", params={"name": "party.mp4"}, content=b"no video")
        assert refused.status_code == 422
        assert "party.mp4 cannot be opened" in refused.json()["detail"]


def test_a_stream_is_followed_while_it_goes_on(trained, tmp_path, capsys):
    video = tmp_path / "disc.mp4"
    write_shape(video, "disc", seed=5, seconds=3.2)
    with sent_by_tcp(transport(video)) as url:
        assert example("live_stream").main(str(trained), url) >= 2
    assert example("live_stream").main(str(trained), str(video), Live(every_s=0.5)) == 5
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(re.fullmatch(r" +\d\.\d s  (cluster \d|\w+) (begins|is over)", line) for line in lines)


def test_an_archive_is_searched(trained, party, tmp_path, capsys):
    localize_videos([party], trained, tmp_path, Wanted(film=False))
    find = example("find_in_an_archive").main
    heard = {entry["category"] for entry in json.loads((tmp_path / "party" / "result.json").read_text())["segments"]}
    assert len(find(tmp_path, ",".join(heard).upper())) >= len(heard) > 0
    assert not find(tmp_path, "no such thing")
    assert (tmp_path / "found.csv").read_text().startswith("video,start_s")


@pytest.mark.skipif(
    find_spec("onnxruntime") is None or find_spec("onnxscript") is None, reason="needs the extra export"
)
def test_a_model_runs_without_torch(trained, party, tmp_path):
    from dsol.export import export

    export(trained, tmp_path / "model.onnx")
    scores = example("run_without_torch").main(tmp_path / "model.onnx", party)
    assert set(scores) == set(Localizer.load(trained).system.categories)
    assert all(0 <= score <= 1 for score in scores.values())


@pytest.mark.skipif(find_spec("nbclient") is None or find_spec("ipykernel") is None, reason="needs nbclient, ipykernel")
@pytest.mark.parametrize("name", ["first_look", "own_videos"])
def test_a_notebook_runs_from_top_to_bottom(name, trained, party, corpus, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    (tmp_path / "party.mp4").write_bytes(party.read_bytes())
    (tmp_path / "videos").symlink_to(corpus)
    book = nbformat.read(EXAMPLES / f"{name}.ipynb", 4)
    assert not [cell for cell in book.cells if cell.get("outputs")], "kept without outputs"
    for cell in book.cells:  # the little model of the tests in the place of a large one
        cell.source = cell.source.replace('"general"', repr(str(trained)))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in book.cells for output in cell.get("outputs", ())]
    pages = [output.data["text/html"] for output in shown if "text/html" in output.get("data", {})]
    assert any("<iframe title=" in page for page in pages), "the player"
    assert any("<progress" in page for page in pages), "a bar"
