"""`dsol report`: a page of a run that holds what it shows."""

import base64
import io
import json
import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from dsol.cli import main
from dsol.data.prepare import prepare
from dsol.errors import DsolError
from dsol.report.clusters import mp3
from dsol.report.frames import usual_protocol
from dsol.report.history import curves_of
from dsol.report.run import report
from tests.report.test_sections import EVALUATION, Reader
from tests.shapes import CATEGORIES, SIZE, write_shape
from tests.videos import tone


@pytest.fixture(scope="module")
def run(trained, tmp_path_factory) -> Path:
    """A copy of a run, with figures beside it."""
    run = Path(shutil.copytree(trained, tmp_path_factory.mktemp("report") / "run"))
    (run / "evaluation").mkdir()
    (run / "evaluation" / "scenes.json").write_text(json.dumps(EVALUATION))
    (run / "evaluation" / "other.json").write_text("{}")
    return run


@pytest.fixture(scope="module")
def page(run, shapes) -> str:
    return report(run).read_text()


def test_a_page_holds_all_that_it_shows(page):
    reader = Reader(page)
    assert reader.sources
    assert all(source.startswith("data:") for source in reader.sources)
    assert not re.search(r"https?://|@import|url\(", page)


def test_the_store_of_a_run_is_found_and_every_cluster_has_a_picture_and_a_sound(page, trained):
    with_clips = page.count("<audio ")
    assert with_clips + page.count("No clip belongs to it") == 4
    assert with_clips == len(re.findall(r'<img src="data:image/jpeg[^>]*alt="cluster \d"', page)) > 1


def test_clusters_stand_against_the_categories_of_their_clips(page):
    words = Reader(page).words
    assert set(CATEGORIES) <= set(words)
    table = re.search(r'<table class="confusion">.*?</table>', page, re.DOTALL)
    assert table
    counts = [int(n) for n in re.findall(r'<td style="[^"]*">(\d+)</td>', table[0])]
    assert sum(counts) == 32, "sixteen videos of two seconds each"


def test_best_and_worst_frames_stand_with_their_overlap(page):
    best, worst = page.index("<h3>Best</h3>"), page.index("<h3>Worst</h3>")
    ious = [float(n) for n in re.findall(r"<figcaption>IoU (\d\.\d\d)", page)]
    split = len(re.findall(r"<figcaption>IoU", page[best:worst]))
    assert ious[:split] == sorted(ious[:split], reverse=True)
    assert ious[split:] == sorted(ious[split:])
    assert ious[0] >= ious[split]
    assert len(ious) == 4 + 4, "four videos with boxes: the best frame of each, and the worst of each"


def test_a_page_says_how_to_run_it_again(page, run, shapes):
    (shell,) = re.findall(r'<pre class="shell"><code>(.*?)</code>', page, re.DOTALL)
    first, *rest = shell.splitlines()
    assert first == f"dsol train {shapes.path.resolve()} {run}-again --recipe {run}/config.yaml"
    assert rest[-1] == f"dsol report {run}-again"
    assert "All options are those of the recipe tiny." in page


def test_figures_beside_a_run_are_shown_and_what_are_none_are_not(page):
    assert "1,234 frames of 40 videos" in page
    assert "other" not in re.findall(r"<h2>(.*?)</h2>", page)


def test_the_facts_of_a_run_are_told(page):
    words = Reader(page).words
    for fact in ("clips", "32", "recipe", "tiny", "seed", "time in passes"):
        assert fact in words


def test_a_run_without_a_store_or_without_a_model_has_a_page_too(trained, tmp_path, capsys):
    bare = Path(shutil.copytree(trained, tmp_path / "bare"))
    data = json.loads((bare / "resume/data.json").read_text())
    (bare / "resume/data.json").write_text(json.dumps(data | {"store_path": str(tmp_path / "gone")}))
    assert "its store is not at hand" in report(bare).read_text()
    assert "give it with --store" in capsys.readouterr().err
    for name in ("model.safetensors", "stage_one.safetensors"):
        (bare / name).unlink()
    page = report(bare).read_text()
    assert "the run has no model yet" in page
    assert page.count("<polyline") > 1


def test_clusters_of_unlabelled_clips_stand_against_what_the_model_predicts(trained, tmp_path):
    (tmp_path / "videos").mkdir()
    for n in range(4):
        write_shape(tmp_path / "videos" / f"{n}.mp4", CATEGORIES[n], seed=n)
    store = prepare(tmp_path / "videos", tmp_path / "store", size=SIZE, workers=1)
    page = report(trained, store=store.path, out=tmp_path / "page.html").read_text()
    assert "The store has no labels." in page
    assert "No frame of the store is annotated" in page
    assert not (trained / "report.html").exists()


def test_the_protocol_fits_the_annotations(shapes):
    assert usual_protocol(shapes) == "solo"


def test_what_is_no_run_or_no_figures_is_refused_in_one_line(run, tmp_path, capsys):
    with pytest.raises(DsolError, match="holds no run"):
        report(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["report", str(run), "--evaluation", str(run / "evaluation" / "other.json"), "--out", str(tmp_path / "a")])
    assert stop.value.code == 2
    assert "other.json: holds no figures" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_a_sound_of_the_page_is_what_it_was_made_of():
    sound = tone(np.arange(16_000) / 16_000, 1000.0)
    with av.open(io.BytesIO(mp3(sound)), "r") as file:
        back = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    assert len(back) == pytest.approx(16_000, abs=2500)
    spectrum = np.abs(np.fft.rfft(back[4000:12_000]))
    assert spectrum.argmax() * 2 == pytest.approx(1000, abs=4)


def test_a_curve_for_each_figure_of_each_stage():
    lines = [
        {"stage": "one", "kind": "localize", "step": 0, "loss": 0.5, "nmi": 0.2, "seconds": 1.0, "time": 5.0},
        {"stage": "two", "kind": "mixtures", "step": 0, "hearing": 0.25, "seconds": 1.0, "time": 6.0},
        {"stage": "fit", "kind": "fit", "step": 0, "loss": 0.125},
    ]
    assert curves_of(lines) == {
        "Stage one: localisation": {"loss": [0.5]},
        "Stage one: clusters": {"NMI": [0.2]},
        "Stage two: mixtures": {"cross-entropy": [0.25]},
        "Training": {"loss": [0.125]},
    }


def test_sources_are_inside(page):
    sound = next(s for s in Reader(page).sources if s.startswith("data:audio/mpeg;base64,"))
    assert len(base64.b64decode(sound.split(",")[1])) > 1000
