"""Categories that are added to `general`."""

import numpy as np
import pytest
import torch

from dsol.cli import main
from dsol.config import SHIPPED, load_recipe
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.file import load_card, load_tensors
from dsol.model.general import GeneralSystem
from dsol.model.system import ClusteringSystem, load_system
from dsol.model.vocabulary import vocabulary
from dsol.naming.naming import name_model, rename_model
from dsol.training.extend import Described, cluster_unexplained, describe
from dsol.training.run import Run
from dsol.training.train import train
from tests.shapes import shape_store

CONFIG = load_recipe("best", clustering={"clusters": 3})


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Store:
    """One video of each shape: `general` takes its time over each clip."""
    return shape_store(tmp_path_factory.mktemp("one_of_each"), train=1)


@pytest.fixture(scope="module")
def run(shapes, tmp_path_factory):
    """`general` with three clusters of the shapes, which it does not know."""
    folder = tmp_path_factory.mktemp("extended") / "run"
    train(shapes.path, folder, CONFIG, start="general")
    return folder


def _predict(model, shapes: Store, rows=(0, 5)):
    sounds = np.stack([shapes.waveform(i) for i in rows])
    return load_system(model).predict(shapes.middle_frames(rows), sounds, [str(i) for i in rows])


def test_categories_are_added_and_the_known_ones_stay(run, shapes):
    before, after = _predict("general", shapes), _predict(run, shapes)
    known = len(before.categories)
    assert after.categories == (*before.categories, "cluster 0", "cluster 1", "cluster 2")
    np.testing.assert_allclose(after.score[:, :known], before.score, atol=1e-5)
    np.testing.assert_allclose(after.heard[:, :known], before.heard, atol=1e-5)


def test_no_weight_of_general_changes(run):
    before, after = load_tensors(SHIPPED / "general.safetensors"), load_tensors(run / "model.safetensors")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(after[name][: len(tensor)] if tensor.dim() else after[name], tensor), name


def test_a_new_category_is_surest_where_general_explains_badly(run, shapes):
    system = load_system(run)
    assert isinstance(system, ClusteringSystem)
    clips = shapes.training()
    rows = range(len(clips))
    points = system.points(clips.middle_frames(rows), np.stack([clips.waveform(i) for i in rows]))
    assert (system.nearest(points) >= len(vocabulary().categories)).mean() > 0.7


def test_new_categories_are_named_and_the_known_names_stay(run, shapes, tmp_path):
    copy = tmp_path / "model.safetensors"
    copy.write_bytes((run / "model.safetensors").read_bytes())
    known = load_card(copy).categories[:-3]
    assert name_model(copy, shapes.path)[:-3] == known
    assert set(load_card(copy).categories[-3:]) <= set(shapes.categories)
    first = load_card(copy).categories[-3]
    assert rename_model(copy, {"cluster 1": "gizmo", "cluster 2": "Dog"}) == (first, "gizmo", "Dog")
    assert load_card(copy).categories[:-3] == known
    found = _predict(copy, shapes)
    assert found.categories.count("Dog") == 1
    assert "gizmo" in found.categories
    apart = _predict(run, shapes)
    dog = [apart.categories.index(name) for name in ("Dog", "cluster 2")]
    np.testing.assert_allclose(found.heard[:, found.categories.index("Dog")], apart.heard[:, dog].max(1), atol=1e-6)
    with pytest.raises(DsolError, match="names 'cluster 3'"):
        rename_model(copy, {"cluster 3": "gizmo"})


def test_the_gallery_shows_the_new_ones_alone(run, shapes, tmp_path, capsys):
    main(["name", str(run), str(shapes.path), "--gallery", str(tmp_path / "gallery")])
    drawn = sorted(file.name for file in (tmp_path / "gallery").glob("*.png"))
    assert drawn == [f"cluster-0{k}.png" for k in range(3)]
    assert "3 clusters" in capsys.readouterr().err


def test_an_option_that_has_no_effect_is_refused(shapes, tmp_path):
    with pytest.raises(DsolError, match=r"--stage_one\.epochs: has no effect"):
        train(shapes.path, tmp_path / "run", load_recipe("best", stage_one={"epochs": 2}), start="general")
    with pytest.raises(DsolError, match="--recipe: has no effect"):
        train(shapes.path, tmp_path / "run", load_recipe("tiny"), start="general")
    with pytest.raises(DsolError, match="leave them out"):
        train(shapes.path, tmp_path / "run", CONFIG, start="general", stage="one")
    assert not (tmp_path / "run").exists()


def test_a_model_with_added_categories_is_no_start(run, shapes, tmp_path):
    with pytest.raises(DsolError, match="added categories already"):
        train(shapes.path, tmp_path / "run", CONFIG, start=run)


def test_a_finished_run_is_not_begun_again(run, shapes):
    with pytest.raises(DsolError, match="exists already"):
        train(shapes.path, run, CONFIG, start="general")
    before = (run / "model.safetensors").stat().st_mtime_ns
    train(shapes.path, run, CONFIG, start="general", resume=True)
    assert (run / "model.safetensors").stat().st_mtime_ns == before


def test_nothing_is_added_where_all_is_explained(shapes):
    clips = shapes.training()
    known = Described(torch.ones(len(clips)), *torch.ones(2, len(clips), 128), torch.ones(len(clips), 1024))
    with pytest.raises(DsolError, match="no video that general explains badly"):
        cluster_unexplained(known, clips, 0.19, CONFIG)


def test_it_is_exported(run, tmp_path):
    main(["export", str(run), str(tmp_path / "model.onnx")])
    assert load_system(tmp_path / "model.onnx").categories[-1] == "cluster 2"


def test_a_damaged_state_is_refused_in_one_line(shapes, tmp_path):
    run = Run.start(tmp_path / "run", CONFIG)
    (tmp_path / "run" / "resume" / "described.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(DsolError, match=r"described\.pt"):
        describe(GeneralSystem.load(SHIPPED / "general.safetensors"), shapes.training(), run)


def test_what_was_described_before_a_stop_is_not_described_again(shapes, tmp_path, monkeypatch):
    system, clips = GeneralSystem.load(SHIPPED / "general.safetensors"), shapes.training()
    monkeypatch.setattr("dsol.training.extend.SAVED_EVERY", 1)
    run = Run.start(tmp_path / "run", CONFIG)
    whole = describe(system, clips, run)
    monkeypatch.setattr("dsol.training.extend._describe", lambda *_: pytest.fail("again"))
    torch.testing.assert_close(describe(system, clips, run).sounds, whole.sounds)
