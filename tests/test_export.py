"""An exported model answers as the model that it was made of, and is taken like one."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from dsol import Localizer
from dsol.config import Config
from dsol.errors import DsolError
from dsol.evaluation.evaluate import evaluate
from dsol.evaluation.naming import name_model, rename_model
from dsol.export import export
from dsol.inspect import inspect
from dsol.systems import load_system
from dsol.systems.ours import Network, OurSystem

ANSWERS = {"answer": "objects", "sharpness": 20.0, "refine": 3.0, "mirror": True, "enlarge": 96,
           "area": "correspondence", "area_smooth": 0.1, "area_objectness": 0.3}  # fmt: skip


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    """A model whose answers need all that can be exported, two of its clusters with one name."""
    system = OurSystem.load(trained / "model.safetensors")
    config = Config.from_dict(system.card.config).replace(stage_two=ANSWERS)
    network = Network(config, load_weights=False)
    network.load_state_dict(system.network.state_dict())
    names = ("circle", "square", "circle", *(f"other {k}" for k in range(3, len(system.categories))))
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    OurSystem(network, replace(system.card, config=config.to_dict(), categories=names, named=True)).save(path)
    return path


@pytest.fixture(scope="module")
def exported(model):
    return export(model, model.with_name("model.onnx"))


def question(shapes, count):
    rows = range(count)
    return [shapes.frame(i, 0) for i in rows], np.stack([shapes.waveform(i) for i in rows]), [str(i) for i in rows]


@pytest.mark.parametrize("count", [1, 5])
def test_it_answers_as_the_model_whatever_the_batch(model, exported, shapes, count):
    wanted = load_system(model).answer(*question(shapes, count))
    found = load_system(exported).answer(*question(shapes, count))
    names = wanted.categories
    kept = [k for k, name in enumerate(names) if names.index(name) == k]
    assert found.categories == tuple(names[k] for k in kept)
    assert found.keys == wanted.keys
    assert found.area == pytest.approx(wanted.area, abs=1e-3)
    assert found.maps == pytest.approx(wanted.maps[:, kept], abs=1e-3)
    assert found.score == pytest.approx(wanted.score[:, kept], abs=1e-4)
    assert found.maps.max() > 0.5


def test_answers_as_printed_are_exported_too(trained, shapes, tmp_path):
    path = export(trained, tmp_path / "new" / "printed.onnx")
    wanted = load_system(trained).answer(*question(shapes, 2))
    found = load_system(path).answer(*question(shapes, 2))
    for name in ("area", "maps", "score"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=1e-4)
    assert [file.name for file in path.parent.iterdir()] == ["printed.onnx"]


def test_it_localises_and_is_scored_like_a_model(model, exported, shapes):
    localizer = Localizer.load(exported)
    assert localizer.threshold == Localizer.load(model).threshold
    figures = [evaluate(path, shapes.path, protocol="solo").metrics for path in (model, exported)]
    for name in ("iou@0.5", "auc"):
        assert figures[0][name] == pytest.approx(figures[1][name], abs=0.02)


def test_it_is_described(exported):
    found = inspect(exported)
    assert found["kind"] == "exported model"
    assert found["inputs"] == {"pictures": "B×3×96×96", "waveforms": "B×16000"}
    assert list(found["outputs"]) == ["area", "maps", "score"]
    assert found["metadata"]["dsol"]["system"] == "dsol"


def test_it_sees_pictures_of_its_own_size_only(trained, exported, tmp_path):
    assert load_system(exported, size=48).size == 48  # brought to 48 pixels, then enlarged
    with pytest.raises(DsolError, match="looks at pictures of 96 pixels, not of 128"):
        load_system(exported, size=128)
    plain = export(trained, tmp_path / "plain.onnx")
    with pytest.raises(DsolError, match="not of 32"):
        load_system(plain, size=32)


def test_categories_without_names_cannot_be_scored(trained, shapes, tmp_path):
    path = export(trained, tmp_path / "nameless.onnx")
    with pytest.raises(DsolError, match="name the model, and export it again"):
        evaluate(path, shapes.path, protocol="synthetic")


def test_it_keeps_its_names(exported, shapes):
    for name in (lambda: name_model(exported, shapes.path), lambda: rename_model(exported, {"cluster 0": "disc"})):
        with pytest.raises(DsolError, match="keeps its names"):
            name()


def test_another_name_than_onnx_is_refused_before_the_work(model, tmp_path):
    with pytest.raises(DsolError, match=r"ends in \.onnx"):
        export(model, tmp_path / "model.safetensors")


def test_what_is_no_onnx_file_is_refused(tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for read in (load_system, inspect):
        with pytest.raises(DsolError, match="cannot be read as an ONNX file"):
            read(broken)


def test_a_missing_package_is_named(model, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("dsol.errors.find_spec", lambda name: None if name == "onnxscript" else find(name))
    with pytest.raises(DsolError, match=r"needs onnxscript, not installed .*dsol\[export\]"):
        export(model, tmp_path / "model.onnx")
