"""Each compared system learns, is saved and loaded, resumes, and refuses what it cannot do."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dsol.baselines.constant import VisionOnly
from dsol.baselines.sound_of_pixels import SIZES
from dsol.baselines.unet import UNet
from dsol.cli import COMPARED, main
from dsol.config import load_recipe, saved_config
from dsol.data.boxes import Boxes
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.evaluation import score
from dsol.evaluation.evaluate import evaluate
from dsol.export import export
from dsol.localize import Localizer
from dsol.model.file import load_card, load_tensors
from dsol.model.maps import Maps
from dsol.model.system import SYSTEMS, ClusteringSystem, load_system, system_type
from dsol.naming.naming import name_model
from dsol.training.run import Run
from dsol.training.train import train

ENOUGH = {"sound_of_pixels": 24, "object_that_sound": 10, "attention": 8, "dmc": 8}  # passes to learn the shapes


def config_of(name: str, **changes):
    return load_recipe("tiny", system=name, baselines={"epochs": ENOUGH[name]}).replace(**changes)


@pytest.fixture(scope="session")
def runs(shapes, tmp_path_factory) -> dict[str, Path]:
    """A run folder of each compared system on the shapes."""
    folder = tmp_path_factory.mktemp("compared")
    for name in COMPARED:
        train(shapes.path, folder / name, config_of(name))
    return {name: folder / name for name in COMPARED}


def frames_of(shapes: Store) -> tuple[Boxes, list[np.ndarray], np.ndarray]:
    """Every annotated frame, its picture and its sound."""
    places = [shapes.find(frame.video, frame.time_s) for frame in shapes.boxes]
    return shapes.boxes, [shapes.frame(*p) for p in places], np.stack([shapes.waveform(i) for i, _ in places])


@pytest.mark.parametrize("name", COMPARED)
def test_it_is_not_exported(name, runs, tmp_path):
    with pytest.raises(DsolError, match="cannot be exported"):
        export(runs[name], tmp_path / "model.onnx")


def test_the_command_line_knows_every_system():
    assert set(SYSTEMS) == {"dsol", "general", "extended", *COMPARED}  # general is shipped, extended begins with it


@pytest.mark.parametrize("name", COMPARED)
def test_it_learns_where_the_sound_comes_from(name, runs, shapes):
    losses = [line["loss"] for line in Run(runs[name]).metrics()]
    assert losses[-1] < 0.8 * losses[0]
    boxes, frames, waveforms = frames_of(shapes)
    area = load_system(runs[name], sources=1).predict(frames, waveforms, [f.key for f in boxes]).area
    assert area.min() >= 0
    assert area.max() <= 1 + 1e-6
    found = score([Maps(tuple(f.key for f in boxes), area)], boxes, "synthetic", bootstrap=0)
    assert found.metrics["class_iou"] > 1.3 * found.floors["random"]["class_iou"]


@pytest.mark.parametrize("name", COMPARED)
def test_a_model_file_answers_as_what_was_saved(name, runs, shapes, tmp_path):
    system = load_system(runs[name], sources=1)
    assert load_card(runs[name] / "model.safetensors").system == name
    frames, waveforms = [shapes.frame(0, 0), shapes.frame(9, 1)], np.stack([shapes.waveform(0), shapes.waveform(9)])
    before = system.predict(frames, waveforms, ["a", "b"])
    system.save(tmp_path / "copy.safetensors")
    after = load_system(tmp_path / "copy.safetensors", sources=1).predict(frames, waveforms, ["a", "b"])
    for field in dataclasses.fields(Maps):
        one, other = getattr(before, field.name), getattr(after, field.name)
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


@pytest.mark.parametrize("name", COMPARED)
def test_evaluate_scores_it_as_its_authors_did(name, runs, shapes):
    found = evaluate(runs[name], shapes.path, "duet", sources=1)
    aware = name == "sound_of_pixels"
    assert (found.metrics["nmi"] is not None) == aware  # the others know no categories
    assert found.metrics["ciou@0.3"] is not None
    assert (found.metrics["nsa"] is None) == (name == "dmc")  # which is told how many objects sound


def test_dmc_must_be_told_how_many_objects_sound(runs, shapes, capsys):
    for words in (["evaluate", runs["dmc"], shapes.path], ["localize", "party.mp4", "--model", runs["dmc"]]):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        assert end.value.code == 2
        assert "cannot infer how many objects sound (give their number: --sources N)" in capsys.readouterr().err
    with pytest.raises(DsolError, match="choose 1 to 16"):
        load_system(runs["dmc"], sources=0)


def test_dmc_finds_more_with_more_sources(runs, shapes):
    frames, waveforms = [shapes.frame(0, 0)], shapes.waveform(0)[None]
    areas = [load_system(runs["dmc"], sources=n).predict(frames, waveforms, ["a"]).area for n in (1, 2)]
    assert not np.array_equal(*areas)


def test_floors_are_scored_in_a_models_place(runs, trained, shapes):
    blind = evaluate(runs["attention"], shapes.path, "duet", baseline="best_centred_box")
    assert blind.metrics["ciou@0.3"] == blind.floors["best_centred_box"]["ciou@0.3"]
    sight, oracle = (evaluate(trained, shapes.path, "duet", baseline=f) for f in ("vision_only", "oracle_sound"))
    assert oracle.metrics["class_iou"] == pytest.approx(sight.metrics["class_iou"])  # of what sounds: the same maps
    assert oracle.metrics["nsa"] == 1 > sight.metrics["nsa"]
    assert sight.floors["swapped_sound"] is None
    with pytest.raises(DsolError, match="oracle_sound needs an object dictionary"):
        evaluate(runs["attention"], shapes.path, "duet", baseline="oracle_sound")


def test_who_only_looks_does_not_care_what_sounds(trained, shapes):
    model = load_system(trained)
    sight, frames = VisionOnly(model), [shapes.frame(0, 0)]
    own, other = (sight.predict(frames, shapes.waveform(row)[None], ["a"]) for row in (0, len(shapes) - 1))
    assert np.array_equal(own.maps, other.maps)
    assert own.maps.any()


def test_pictures_bear_the_name_of_what_is_scored(runs, shapes, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("dsol.evaluation.evaluate.draw_scenes", lambda systems, *_: drawn.extend(systems))
    for baseline in (None, "best_centred_box"):
        evaluate(runs["object_that_sound"], shapes.path, "duet", figures=tmp_path, baseline=baseline)
    assert drawn == ["object that sound", "best centred box"]


def test_systems_without_categories_are_not_named(runs, shapes):
    for name in ("object_that_sound", "attention", "dmc"):
        with pytest.raises(DsolError, match=f"of the system {name}, which is class-agnostic"):
            name_model(runs[name], shapes.path)


def test_channels_become_categories(runs, shapes, tmp_path):
    system = load_system(runs["sound_of_pixels"])
    assert isinstance(system, ClusteringSystem)
    system.save(tmp_path / "copy.safetensors")
    names = name_model(tmp_path / "copy.safetensors", shapes.path)
    assert set(shapes.categories) <= set(names)
    assert len(names) == 8
    idle = {name for name in names if name.startswith("cluster")}
    assert len(names) - len(idle) >= 4
    train_clips = shapes.select(split="train")
    found = evaluate(tmp_path / "copy.safetensors", shapes.path, "synthetic")
    assert found.metrics["silent_auroc"] is None  # the shapes have no silent boxes
    assert len(train_clips) == 32


def test_localizing_with_a_system_without_categories_finds_any_sound(runs, shapes):
    localizer = Localizer.load(runs["dmc"], sources=1)
    assert localizer.threshold == 0.5
    assert Localizer.load(runs["attention"]).system.categories == ()


def test_their_pooling_and_augmentation_are_their_own():
    for recipe in ("quick", "best"):  # on frozen features a maximum teaches one cell, and maps shrink to it
        options = load_recipe(recipe, system="object_that_sound").baselines
        assert (options.pool, options.augment) == ("soft", True)
    losses = []
    for pool in ("max", "soft"):
        torch.manual_seed(0)
        config = config_of("object_that_sound", baselines={"pool": pool}, stage_one={"pool": "max"})
        network = system_type("object_that_sound").network_type(config)
        pictures, log_mel = torch.rand(4, 3, 64, 64), torch.randn(4, 201, 64)
        losses.append(network(pictures, log_mel, torch.zeros(4, 16_000), (torch.arange(4), torch.arange(4).flip(0))))
    assert losses[0] != losses[1]


@pytest.mark.parametrize("name", ["attention", "sound_of_pixels"])
def test_a_stopped_run_resumes_to_the_weights_of_one_never_stopped(name, shapes, tmp_path, monkeypatch):
    config = config_of(name, baselines={"epochs": 2})
    whole = train(shapes.path, tmp_path / "whole", config)
    save = Run.save_state

    def save_then_stop(run, stage, state):
        save(run, stage, state)
        if state["done"] == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save_state", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        train(shapes.path, tmp_path / "stopped", config)
    monkeypatch.undo()
    resumed = train(shapes.path, tmp_path / "stopped", config, resume=True)
    one, other = load_tensors(whole), load_tensors(resumed)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert len(Run(tmp_path / "stopped").metrics()) == 2


def test_a_finished_run_is_not_trained_again_and_keeps_its_names(runs, shapes, tmp_path, capfd):
    run = shutil.copytree(runs["sound_of_pixels"], tmp_path / "run")
    name_model(run, shapes.path)
    before = (run / "model.safetensors").read_bytes()
    assert train(shapes.path, run, saved_config(run), resume=True) == run / "model.safetensors"
    assert "finished, nothing to do" in capfd.readouterr().err
    assert (run / "model.safetensors").read_bytes() == before
    (run / "model.safetensors").unlink()
    train(shapes.path, run, saved_config(run), resume=True)
    assert not load_card(run / "model.safetensors").named


@pytest.mark.parametrize("name", COMPARED)
def test_it_trains_on_the_features_of_a_frozen_network(name, shapes, tmp_path):
    encoders = {"vision": "small", "vision_weights": None, "freeze_vision": True, "adapter": 8}
    options = {"epochs": 1, "optimizer": "sgd"}
    model = train(shapes.path, tmp_path / "run", config_of(name, encoders=encoders, baselines=options))
    losses = [line["loss"] for line in Run(tmp_path / "run").metrics()]
    assert np.isfinite(losses).all()
    before = system_type(name).network_type(load_recipe("tiny", system=name, encoders=encoders))
    assert load_tensors(model).keys() == before.state_dict().keys()


@pytest.mark.parametrize("words", [["--stage", "one"], ["--scenes", "scenes"]])
def test_stages_and_scenes_are_ours_alone(words, shapes, tmp_path, capsys):
    call = ["train", str(shapes.path), str(tmp_path / "run"), "--system", "dmc", "--recipe", "tiny", *words]
    with pytest.raises(SystemExit) as end:
        main(call)
    assert end.value.code == 2
    assert "dmc: is trained in one stage" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", COMPARED)
def test_each_system_has_a_recipe_of_its_own_that_names_it(name):
    config = load_recipe(name)
    assert config.system == name
    assert config.encoders.vision.startswith("resnet18")


def test_the_command_line_takes_the_systems_recipe_and_the_calls_changes(shapes, tmp_path):
    words = ["--system", "attention", "--recipe", "tiny", "--baselines.epochs", "1", "--baselines.margin", "0.5"]
    main(["train", str(shapes.path), str(tmp_path / "run"), *words])
    card = load_card(tmp_path / "run" / "model.safetensors")
    assert (card.system, *(card.config["baselines"][name] for name in ("epochs", "margin"))) == ("attention", 1, 0.5)
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text())["stage"] == "fit"


@pytest.mark.parametrize("sizes", SIZES.values())
def test_spectrograms_can_be_halved_as_often_as_the_unet_does(sizes):
    assert sizes.bands % 2**sizes.levels == 0
    assert sizes.steps % 2**sizes.levels == 0


def test_the_original_sizes_fit_together():
    net = UNet(channels=32)
    assert sum(p.numel() for p in net.parameters()) > 20_000_000
    with torch.inference_mode():
        assert net.eval()(torch.zeros(1, 1, 256, 128)).shape == (1, 32, 256, 128)
