"""A run that begins with another model has its weights, its stage one as teacher, and goes on without it."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from dsol.cli import main
from dsol.config import Config, load_recipe
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.dsol_system import DsolSystem
from dsol.model.file import load_card, load_tensors
from dsol.training import stage_two
from dsol.training.run import Run
from dsol.training.train import train

TINY = load_recipe("tiny")


def same(one: Path, other: Path, part: str = "") -> bool:
    a, b = load_tensors(one), load_tensors(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a if name.startswith(part))


@pytest.fixture(scope="module")
def others(shapes, tmp_path_factory) -> Store:
    """Other scenes to train on."""
    return compose(shapes, tmp_path_factory.mktemp("others") / "scenes", scenes=16, split="train", tile=32, seed=5)


def test_stage_two_begins_where_another_stage_two_ended(trained, shapes, others, tmp_path):
    run = tmp_path / "run"
    nothing = TINY.replace(stage_two={"epochs": 0})
    train(shapes.path, run, nothing, scenes=others.path, stage="two", start=trained)
    assert same(run / "model.safetensors", trained / "model.safetensors")
    assert same(run / "stage_one.safetensors", trained / "stage_one.safetensors")
    assert Run(run).labels() == Run(trained).labels()
    assert load_card(run / "model.safetensors").provenance["start"] == "run/model.safetensors"
    further = tmp_path / "further"
    train(shapes.path, further, TINY, scenes=others.path, stage="two", start=trained)
    assert not same(further / "model.safetensors", trained / "model.safetensors")


def test_the_teacher_is_the_frozen_stage_one_of_the_model_and_not_what_became_of_it(
    trained, shapes, others, tmp_path, monkeypatch
):
    heard = []
    real = stage_two.predict_mixtures
    monkeypatch.setattr(
        stage_two, "predict_mixtures", lambda encoders, *rest: heard.append(encoders) or real(encoders, *rest)
    )
    train(shapes.path, tmp_path / "run", TINY, scenes=others.path, stage="two", start=trained / "model.safetensors")
    first = DsolSystem.load(trained / "stage_one.safetensors").network.encoders.state_dict()
    (teacher,) = heard
    assert all(torch.equal(value, first[name]) for name, value in teacher.state_dict().items())
    assert not same(trained / "stage_one.safetensors", trained / "model.safetensors", "encoders.sound")


def test_stopped_it_goes_on_without_the_other_model(trained, shapes, others, tmp_path, monkeypatch):
    other = Path(shutil.copytree(trained, tmp_path / "other"))
    config = TINY.replace(stage_two={"epochs": 2})
    how = {"scenes": others.path, "stage": "two"}
    whole = train(shapes.path, tmp_path / "whole", config, start=other, **how)
    save = Run.save_checkpoint

    def save_one(run, stage, done, **parts):
        save(run, stage, done, **parts)
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save_checkpoint", save_one)
    with pytest.raises(KeyboardInterrupt):
        train(shapes.path, tmp_path / "run", config, start=other, **how)
    monkeypatch.undo()
    shutil.rmtree(other)
    assert same(train(shapes.path, tmp_path / "run", config, resume=True), whole)


def test_a_model_without_its_run_is_its_own_stage_one_and_labels_the_clips(trained, shapes, tmp_path):
    alone = Path(shutil.copy(trained / "model.safetensors", tmp_path / "alone.safetensors"))
    run = tmp_path / "run"
    train(shapes.path, run, TINY, stage="two", start=alone)
    assert same(run / "stage_one.safetensors", alone)
    assert set(Run(run).labels()) == set(shapes.select(split="train").column("clip"))
    assert len(Store.open(run / "scenes")) == TINY.scenes.count


@pytest.mark.parametrize("system", ["dsol", "attention"])
def test_stage_one_and_the_compared_systems_begin_with_weights_too(trained, shapes, tmp_path, system):
    none = TINY.replace(system=system, stage_one={"epochs": 0}, baselines={"epochs": 0})
    start, stage = trained, "one"
    if system != "dsol":
        start, stage = tmp_path / "theirs", "both"
        train(shapes.path, start, TINY.replace(system=system, baselines={"epochs": 1}))
    made = train(shapes.path, tmp_path / "run", none, stage=stage, start=start)
    assert same(made, start / "model.safetensors", "encoders.")
    afresh = train(shapes.path, tmp_path / "afresh", none, stage=stage)
    assert not same(made, afresh, "encoders.")


def test_on_the_command_line_the_options_are_those_of_the_model(trained, shapes, others, tmp_path):
    words = ["train", shapes.path, tmp_path / "run", "--start", trained, "--stage", "two", "--scenes", others.path]
    main([str(word) for word in (*words, "--stage_two.epochs", 0)])
    mine, theirs = (
        Config.from_dict(load_card(run / "model.safetensors").config) for run in (tmp_path / "run", trained)
    )
    assert mine == theirs.replace(stage_two={"epochs": 0})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"encoders": {"embedding": 16}}, "was trained with encoders.embedding 32, not 16 (leave that option"),
        ({"clustering": {"clusters": 5}}, "was trained with clustering.clusters 4, not 5"),
        ({"system": "attention"}, "is of the system dsol, not attention"),
    ],
)
def test_what_does_not_fit_is_refused_before_there_is_a_folder(trained, shapes, tmp_path, changes, says):
    with pytest.raises(DsolError, match=re.escape(says)):
        train(shapes.path, tmp_path / "run", TINY.replace(**changes), start=trained)
    assert not (tmp_path / "run").exists()
