"""An exported model answers as the model that it was made of, and is taken like one."""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

import dsol.export
from dsol import Localizer
from dsol.config import Config
from dsol.errors import DsolError
from dsol.evaluation.evaluate import evaluate
from dsol.export import export
from dsol.inspection import inspect
from dsol.model.dsol_system import DsolSystem
from dsol.model.file import card_text
from dsol.model.maps import join_names
from dsol.model.network import Network
from dsol.model.system import load_system
from dsol.naming.naming import name_model, rename_model

ALL = {
    "inference": {"decoder": "objects", "sharpness": 20.0, "random_walk": 3.0, "flip": True, "upscale": 96,
                  "localization_map": "correspondence", "map_smoothing": 0.1, "objectness": 0.3},
}  # fmt: skip
PRINTED = {"scenes": {"size": 72}}


@pytest.fixture(scope="module")
def models(trained, tmp_path_factory):
    """Models of the same weights that answer by object, with all that can be exported, and as printed, at a size that
    stage one did not have; two of their clusters have one name."""
    system = DsolSystem.load(trained / "model.safetensors")
    names = ("circle", "square", "circle", *(f"other {k}" for k in range(3, len(system.categories))))
    folder, found = tmp_path_factory.mktemp("models"), {}
    for kind, options in {"objects": ALL, "printed": PRINTED}.items():
        config = Config.from_dict(system.card.config).replace(**options)
        network = Network(config, load_weights=False)
        network.load_state_dict(system.network.state_dict())
        found[kind] = folder / f"{kind}.safetensors"
        card = replace(system.card, config=config.to_dict(), categories=names, named=True)
        DsolSystem(network, card).save(found[kind])
    return found


@pytest.fixture(scope="module")
def exported(models):
    return {kind: export(path, path.with_suffix(".onnx")) for kind, path in models.items()}


def question(shapes, count):
    rows = range(count)
    return [shapes.frame(i, 0) for i in rows], np.stack([shapes.waveform(i) for i in rows]), [str(i) for i in rows]


@pytest.mark.parametrize("kind", ["objects", "printed"])
@pytest.mark.parametrize("count", [1, 5])
def test_it_answers_as_the_model_whatever_the_batch(kind, count, models, exported, shapes):
    wanted = join_names(load_system(models[kind]).predict(*question(shapes, count)))
    found = load_system(exported[kind]).predict(*question(shapes, count))
    assert (found.categories, found.keys) == (wanted.categories, wanted.keys)
    assert found.area == pytest.approx(wanted.area, abs=1e-3)
    assert found.maps == pytest.approx(wanted.maps, abs=1e-3)
    assert found.score == pytest.approx(wanted.score, abs=1e-4)
    assert found.maps.max() > 0.25


def test_it_localises_and_is_scored_like_a_model(models, exported, shapes):
    assert Localizer.load(exported["objects"]).threshold == Localizer.load(models["objects"]).threshold
    figures = [evaluate(both["objects"], shapes.path, protocol="solo").metrics for both in (models, exported)]
    for name in ("iou@0.5", "auc"):
        assert figures[0][name] == pytest.approx(figures[1][name], abs=0.02)


def test_where_stage_one_saw_other_sizes_it_says_that_figures_differ(exported, shapes, capsys):
    evaluate(exported["printed"], shapes.path, protocol="solo")
    assert "takes pictures of 72 pixels, stage one was trained at" in capsys.readouterr().err


def test_it_is_described(exported):
    found = inspect(exported["objects"])
    assert found["kind"] == "exported model"
    assert found["inputs"] == {"pictures": "B×3×96×96", "waveforms": "B×16000"}
    assert list(found["outputs"]) == ["area", "maps", "score"]
    assert found["metadata"]["dsol"]["system"] == "dsol"


def test_it_takes_smaller_pictures_only_if_the_model_enlarges_them(exported):
    assert load_system(exported["objects"], size=48).size == 48
    with pytest.raises(DsolError, match="takes pictures of 96 pixels, not of 128"):
        load_system(exported["objects"], size=128)
    with pytest.raises(DsolError, match="of 72 pixels, not of 48"):
        load_system(exported["printed"], size=48)


def test_its_names_are_those_of_its_making(trained, exported, shapes, tmp_path):
    path = exported["objects"]
    for name in (lambda: name_model(path, shapes.path), lambda: rename_model(path, {"cluster 0": "disc"})):
        with pytest.raises(DsolError, match="names are fixed"):
            name()
    with pytest.raises(DsolError, match="--match"):
        evaluate(path, shapes.path, protocol="synthetic", match=shapes.path)
    nameless = export(trained, tmp_path / "new" / "nameless.onnx")
    with pytest.raises(DsolError, match="name the model, and export it again"):
        evaluate(nameless, shapes.path, protocol="synthetic")
    assert [file.name for file in nameless.parent.iterdir()] == ["nameless.onnx"]


def test_clips_without_waveforms_are_refused(exported, shapes):
    frames, _, keys = question(shapes, 2)
    with pytest.raises(DsolError, match="needs waveforms"):
        load_system(exported["objects"]).predict(frames, np.zeros((2, 201, 64), np.float32), keys)


@pytest.mark.parametrize("difference", [0.1, float("nan")])
def test_a_file_that_answers_otherwise_is_not_kept(difference, models, tmp_path, monkeypatch):
    monkeypatch.setattr(dsol.export, "_write", lambda predictor, card, path, rows: path.write_bytes(b"another"))
    monkeypatch.setattr(dsol.export, "halved", lambda path, weights: None)
    monkeypatch.setattr(dsol.export.ExportedSystem, "load", lambda path: None)
    monkeypatch.setattr(dsol.export, "largest_difference", lambda *systems: difference)
    (tmp_path / "model.onnx").write_bytes(b"before")
    with pytest.raises(DsolError, match="predicts differently when exported"):
        export(models["objects"], tmp_path / "model.onnx")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"model.onnx": b"before"}


def test_a_place_that_cannot_be_is_refused_before_the_work(models, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(dsol.export, "_write", lambda *words, rows: pytest.fail("too late"))
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "party.mp4").touch()
    wrong = {"model.safetensors": "ends in .onnx", "folder.onnx": "no name for an ONNX file",
             "party.mp4/model.onnx": "party.mp4/model.onnx: cannot be written"}  # fmt: skip
    for name, says in wrong.items():
        with pytest.raises(DsolError, match=says):
            export(models["objects"], tmp_path / name)
    with pytest.raises(DsolError, match="is exported already"):
        export(exported["objects"], tmp_path / "again.onnx")


def foreign(path, **metadata):
    """A sound ONNX file that has nothing to do with us."""
    x, y = (make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy")
    opset = [make_opsetid("", 18)]
    model = make_model(make_graph([make_node("Identity", ["x"], ["y"])], "g", [x], [y]), opset_imports=opset)
    model.ir_version = 8
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, path)
    return path


def test_what_is_no_exported_model_is_refused(models, exported, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for read in (load_system, inspect):
        with pytest.raises(DsolError, match="cannot be read as an ONNX file"):
            read(broken)
        with pytest.raises(DsolError, match=r"none of dsol|no dsol model.*dsol export"):
            read(foreign(tmp_path / "foreign.onnx"))
    disguised = foreign(tmp_path / "disguised.onnx", dsol=card_text(load_system(exported["objects"]).card))
    with pytest.raises(DsolError, match="has the inputs x and the outputs y"):
        load_system(disguised)


def test_the_ending_counts_in_capital_letters_too(exported, tmp_path):
    loud = shutil.copy(exported["objects"], tmp_path / "MODEL.ONNX")
    assert load_system(loud).categories == load_system(exported["objects"]).categories
    assert inspect(loud)["kind"] == "exported model"


def test_a_missing_package_is_named(models, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("dsol.errors.find_spec", lambda name: None if name == "onnxscript" else find(name))
    with pytest.raises(DsolError, match=r"needs onnxscript, not installed .*dsol\[export\]"):
        export(models["objects"], tmp_path / "model.onnx")


def test_onnx_runtime_reports_to_nobody(tmp_path):
    code = "from dsol.model.system import load_system; load_system('small')"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir()), "its telemetry keeps a session file there"
