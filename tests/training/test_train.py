"""Training learns, resumes to the same weights, runs in several processes, and says clearly what does not fit."""

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from lightning_fabric import Fabric

from dsol.cli import main
from dsol.config import Config, load_recipe
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.file import load_card, load_tensors, save_model
from dsol.model.network import Network
from dsol.model.system import load_system
from dsol.naming.naming import assign_clips, rename_model
from dsol.training.batches import Picks
from dsol.training.run import Run
from dsol.training.stage_one import StageOne, kind_weights
from dsol.training.train import train, training_clips, with_note


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "dsol", "train", *map(str, words)]


def same(one: Path, other: Path) -> bool:
    a, b = load_tensors(one), load_tensors(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_training_clusters_the_shapes_and_lowers_the_losses(shapes, tmp_path):
    config = load_recipe("tiny").replace(stage_one={"epochs": 10, "batch": 8}, clustering={"object_mean": "mask"})
    model = train(shapes.path, tmp_path / "run", config, stage="one")
    lines = Run(tmp_path / "run").metrics()
    localize = [line["loss"] for line in lines if line["kind"] == "localize"]
    classify = [line["loss"] for line in lines if line["kind"] == "classify"]
    assert localize[-1] < 0.6 * localize[0]
    assert classify[-1] < 2 * math.log(4)  # both heads together know more than chance
    assert load_card(model).metrics["nmi"] > 0.7


def test_a_run_folder_holds_what_made_it(trained):
    names = {path.name.split(".")[0] for path in trained.iterdir()}
    assert {"config", "model", "metrics", "events", "resume", "stage_one", "scenes"} <= names
    card = load_card(trained / "model.safetensors")
    assert card.categories == ("cluster 0", "cluster 1", "cluster 2", "cluster 3")
    assert card.provenance["clips"] == 32
    assert card.config["recipe"] == "tiny"


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not(trained, shapes, tmp_path):
    config = load_recipe("tiny")
    train(shapes.path, tmp_path / "again", config)
    assert same(trained / "model.safetensors", tmp_path / "again" / "model.safetensors")
    train(shapes.path, tmp_path / "other", config.replace(seed=1), stage="one")
    assert not same(trained / "stage_one.safetensors", tmp_path / "other" / "stage_one.safetensors")


def test_a_killed_run_resumes_to_the_weights_of_one_never_killed(trained, shapes, tmp_path):
    run = tmp_path / "run"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for stage in ("stage_one", "stage_two"):  # killed in each stage, right after its first resume point
        words = command(shapes.path, run, "--recipe", "tiny", *(["--resume"] if run.exists() else []))
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + 120
        while not (run / "resume" / f"{stage}.pt").is_file() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    train(shapes.path, run, load_recipe("tiny"), resume=True)
    assert same(trained / "model.safetensors", run / "model.safetensors")
    steps = [(line["stage"], line["step"]) for line in Run(run).metrics()]
    assert steps == [(line["stage"], line["step"]) for line in Run(trained).metrics()]


def test_two_processes_go_on_with_what_one_began_and_one_with_what_two_did(trained, shapes, tmp_path, monkeypatch):
    run, save = tmp_path / "run", Run.save_checkpoint

    def save_and_stop(self, stage, done, **parts):
        save(self, stage, done, **parts)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save_checkpoint", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(shapes.path, run, load_recipe("tiny"))
    train(shapes.path, run, load_recipe("tiny", devices=2, device="cpu"), resume=True)
    for name in ("model.safetensors", "stage_one.safetensors", "resume/stage_two.pt"):
        (run / name).unlink()
    train(shapes.path, run, load_recipe("tiny"), resume=True)
    lines, alone = ([line for line in Run(each).metrics() if line["stage"] == "one"] for each in (run, trained))
    assert [line["step"] for line in lines] == [line["step"] for line in alone]  # one process writes
    losses = [[line["loss"] for line in each] for each in (lines, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)  # Adam amplifies how sums are rounded
    assert Run(run).labels() == Run(trained).labels()
    assert load_system(run).predict


def test_stage_two_can_follow_stage_one_later(shapes, tmp_path):
    run, config = tmp_path / "run", load_recipe("tiny")
    assert train(shapes.path, run, config, stage="one").name == "stage_one.safetensors"
    other = config.replace(stage_two={"localization_weight": 0.25})
    with pytest.raises(DsolError, match=r"began with encoders.vision small, not resnet18 .leave that option out"):
        train(shapes.path, run, other.replace(encoders={"vision": "resnet18"}), stage="two")
    assert train(shapes.path, run, other, stage="two").name == "model.safetensors"
    assert load_card(run / "model.safetensors").config["stage_two"]["localization_weight"] == 0.25
    with pytest.raises(DsolError, match="has a stage two with other options"):
        train(shapes.path, run, config, stage="two")


@pytest.mark.parametrize(
    "options",
    [
        {
            "stage_one": {"negatives": "all", "pool": "soft"},
            "clustering": {"points": "peak", "object_mean": "mask"},
            "stage_two": {"product": False, "similarity": "cosine"},
        },
        {
            "stage_one": {"negatives": "sampled", "classify_from": 0},
            "stage_two": {"matching": "released", "localization_weight": 0.0},
        },
        {
            "encoders": {"correspondence": "dot"},
            "stage_two": {"matching": "audioset", "product": False},
            "inference": {"decoder": "sigmoid"},
        },
        {
            "encoders": {
                "vision": "efficientnet_lite0",
                "vision_weights": "imagenet",
                "freeze_vision": True,
                "frozen_frames": 2,
                "head_norm": True,
                "adapter": 16,
            },
            "clustering": {"sound_weight": 0.5},
            "stage_two": {"teacher": "sources"},
            "mixtures": {"passes": 1},
            "inference": {"decoder": "objects"},
        },
    ],
)
def test_every_option_trains(shapes, tmp_path, options):
    config = load_recipe("tiny").replace(**options).replace(stage_one={"epochs": 2})
    train(shapes.path, tmp_path / "run", config)
    values = [v for line in Run(tmp_path / "run").metrics() for v in line.values() if isinstance(v, float)]
    assert all(v == v and abs(v) != float("inf") for v in values)


@pytest.fixture(scope="module")
def halved(shapes, tmp_path_factory) -> Store:
    """The shapes, two of each category's four training videos in the split "synthesis"."""
    folder = Path(shutil.copytree(shapes.path, tmp_path_factory.mktemp("halved") / "store"))
    table = pq.read_table(folder / "index.parquet")
    facts = zip(table["video"].to_pylist(), table["split"].to_pylist(), strict=True)
    splits = ["synthesis" if split == "train" and video[-5] in "23" else split for video, split in facts]
    at = table.column_names.index("split")
    pq.write_table(table.set_column(at, "split", pa.array(splits)), folder / "index.parquet")
    return Store.open(folder)


@pytest.mark.parametrize("options", [{}, {"stage_two": {"teacher": "sources"}, "mixtures": {"passes": 1}}])
def test_scenes_are_composed_of_clips_that_were_set_aside_and_that_stage_one_did_not_see(halved, tmp_path, options):
    run, config = tmp_path / "run", load_recipe("tiny", **options)
    train(halved.path, run, config)
    assert load_card(run / "model.safetensors").provenance["clips"] == 16
    labels, scenes = Run(run).labels(), Store.open(run / "scenes")
    sources = {clip for clips in scenes.column("sources") for clip in clips}
    aside = set(halved.select(split="synthesis").column("clip"))
    assert sources <= aside
    assert set(labels) == aside | set(halved.select(split="train").column("clip"))
    assert set(scenes.column("split")) == {"train"}
    nearest = assign_clips(load_system(run / "stage_one.safetensors"), halved.select(split="synthesis"))
    assert [labels[clip] for clip in halved.select(split="synthesis").column("clip")] == nearest.tolist()


def test_what_must_be_known_of_given_scenes_is_on_the_card(trained, shapes, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("model.*", "*two*", "scenes")))
    scenes = compose(shapes, tmp_path / "scenes", scenes=4, split="train", tile=32)
    train(shapes.path, run, load_recipe("tiny"), scenes=scenes.path, stage="two")
    assert load_card(run / "model.safetensors").provenance["note"] == scenes.info["note"]
    assert "note" not in load_card(trained / "model.safetensors").provenance
    whole = with_note({"clips": 3, "note": "a"}, Store(scenes.path, scenes._table, scenes.boxes, {"note": "a; b"}))
    assert whole == {"clips": 3, "note": "a; b"}


def test_clips_that_were_set_aside_have_labels_to_compose_by_after_stage_one(halved, tmp_path):
    train(halved.path, tmp_path / "run", load_recipe("tiny"), stage="one")
    words = ["compose", halved.path, tmp_path / "scenes", "--split", "synthesis", "--labels", tmp_path / "run"]
    main([str(word) for word in (*words, "--scenes", 8, "--objects", 3)])
    assert all(name.startswith("cluster ") for row in Store.open(tmp_path / "scenes").rows for name in row.sounding)


def test_a_frozen_backbone_stays_as_it_was(shapes, tmp_path):
    encoders = {"vision": "efficientnet_lite0", "vision_weights": "imagenet", "freeze_vision": True}
    config = load_recipe("tiny").replace(encoders=encoders, stage_one={"epochs": 1})
    train(shapes.path, tmp_path / "run", config, stage="one")
    from dsol.model.backbones import vision_backbone

    before = vision_backbone("efficientnet_lite0", "imagenet").state_dict()
    after = load_tensors(tmp_path / "run" / "stage_one.safetensors")
    assert all(torch.equal(value, after[f"encoders.vision.{name}"]) for name, value in before.items())


def test_a_used_run_folder_is_refused_and_kept(trained, shapes):
    before = (trained / "model.safetensors").read_bytes()
    with pytest.raises(DsolError, match=r"exists already \(add --resume"):
        train(shapes.path, trained, load_recipe("tiny"))
    assert (trained / "model.safetensors").read_bytes() == before


def test_a_finished_stage_two_is_not_done_again_and_keeps_its_names(trained, shapes, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    rename_model(run, {"cluster 0": "disc"})
    train(shapes.path, run, load_recipe("tiny"), stage="two")
    assert load_card(run / "model.safetensors").categories[0] == "disc"


def test_a_resumed_run_goes_on_with_its_scenes(shapes, tmp_path):
    run, config = tmp_path / "run", load_recipe("tiny")
    first, second = (compose(shapes, tmp_path / str(n), scenes=n, objects=3, sounding=1) for n in (9, 12))
    train(shapes.path, run, config, scenes=first.path)
    whole = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").unlink()
    with pytest.raises(DsolError, match="has a stage two with other scenes"):
        train(shapes.path, run, config, scenes=second.path, resume=True)
    with pytest.raises(DsolError, match="has a stage two with other scenes"):
        train(shapes.path, run, config, stage="two")
    train(shapes.path, run, config, resume=True)
    assert (run / "model.safetensors").read_bytes() == whole
    assert not (run / "scenes").exists()


def test_a_run_goes_on_with_its_own_clips_alone(trained, shapes, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "model.safetensors").unlink()
    other = compose(shapes, tmp_path / "other", scenes=3, objects=3, sounding=1)
    with pytest.raises(DsolError, match=r"is not the store that .*run was trained on"):
        train(other.path, run, load_recipe("tiny"), resume=True)


def test_a_run_folder_that_was_damaged_is_named(trained, shapes, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "model.safetensors").unlink()
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "tw')  # it was stopped while it wrote
    train(shapes.path, run, load_recipe("tiny"), resume=True)
    assert (run / "model.safetensors").is_file()
    wrong = r"config\.yaml: encoders\.vision cannot be 3"
    for text, says in (("seed: [", "is damaged"), ("encoders: {vision: 3}", wrong)):
        (run / "config.yaml").write_text(text)
        with pytest.raises(DsolError, match=says):
            train(shapes.path, run, load_recipe("tiny"), resume=True)


def test_weights_of_another_network_are_named(trained, tmp_path):
    card = load_card(trained / "model.safetensors")
    config = Config.from_dict(card.config).replace(encoders={"embedding": 16}).to_dict()
    save_model(
        tmp_path / "other.safetensors", load_tensors(trained / "model.safetensors"), replace(card, config=config)
    )
    with pytest.raises(DsolError, match=r"other\.safetensors: holds other weights than its options describe"):
        load_system(tmp_path / "other.safetensors")


@pytest.mark.parametrize("left", [[], ["resume"], ["resume", "config.yaml.partial"]])
def test_resuming_where_there_is_no_run_yet_begins_one(trained, shapes, tmp_path, left):
    run = tmp_path / "run"
    for name in left:  # by a run that was killed before it began
        (run / name).mkdir(parents=True) if name == "resume" else (run / name).write_text("", "utf-8")
    train(shapes.path, run, load_recipe("tiny"), stage="one", resume=True)
    assert (run / "stage_one.safetensors").read_bytes() == (trained / "stage_one.safetensors").read_bytes()


def test_resuming_in_a_folder_of_something_else_is_refused(shapes, tmp_path):
    (tmp_path / "letter.txt").write_text("dear", "utf-8")
    with pytest.raises(DsolError, match="exists already"):
        train(shapes.path, tmp_path, load_recipe("tiny"), resume=True)


def test_a_run_that_goes_on_refuses_other_options_and_may_run_elsewhere(trained, shapes):
    config = load_recipe("tiny")
    with pytest.raises(DsolError, match=r"began with stage_one.epochs 3, not 5"):
        train(shapes.path, trained, config.replace(stage_one={"epochs": 5}), resume=True)
    assert train(shapes.path, trained, config.replace(workers=1), resume=True) == trained / "model.safetensors"


def test_the_command_goes_on_with_the_options_of_the_run(trained, shapes, capsys):
    from dsol import cli

    for words in (["--resume"], ["--workers", "1", "--resume"], ["--recipe", "tiny", "--resume"]):
        cli.main(["train", str(shapes.path), str(trained), *words])
        assert "is finished, nothing to do" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["train", str(shapes.path), str(trained), "--resume", "--stage_one.epochs", "4"])
    assert "began with stage_one.epochs 3, not 4" in capsys.readouterr().err


def test_resuming_a_finished_run_leaves_its_model_as_it_is(trained, shapes, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    before = (run / "model.safetensors").stat().st_mtime_ns
    train(shapes.path, run, load_recipe("tiny"), resume=True)
    assert (run / "model.safetensors").stat().st_mtime_ns == before
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["stage_two"]["epochs"] += 1  # goes on with other options: its model is not the one that is there
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    train(shapes.path, run, Config.from_dict(config), resume=True)
    assert (run / "model.safetensors").stat().st_mtime_ns > before


def test_a_damaged_resume_point_is_named(shapes, tmp_path):
    run = tmp_path / "run"
    Run.start(run, load_recipe("tiny"))
    (run / "resume" / "stage_one.pt").write_bytes(b"nonsense")
    with pytest.raises(DsolError, match=r"stage_one\.pt: is damaged"):
        train(shapes.path, run, load_recipe("tiny"), resume=True)


def test_a_run_that_was_stopped_before_its_first_resume_point_logs_nothing_twice(tmp_path):
    run = Run.start(tmp_path / "run", load_recipe("tiny"))
    run.log(stage="one", step=0, loss=1.0)
    run.save_state("stage_one", {})
    run.log(stage="two", step=0, loss=2.0)
    again = Run(tmp_path / "run")
    assert again.load_state("stage_two") is None
    assert [line["stage"] for line in again.metrics()] == ["one"]


def test_too_few_clips_or_videos_are_said(shapes):
    config = load_recipe("tiny")
    with pytest.raises(DsolError, match="fewer than 99 clusters"):
        training_clips(shapes, config.replace(clustering={"clusters": 99}))
    with pytest.raises(DsolError, match="2 are too few for scenes of 3"):
        training_clips(shapes, config.replace(clustering={"clusters": 2}), composes=True)
    one = Store.open(shapes.path).select(videos=["train/bar/0.mp4"])
    with pytest.raises(DsolError, match="one video only"):
        training_clips(one, config.replace(clustering={"clusters": 2}))


def test_only_the_training_split_is_trained_on(shapes):
    assert {row.split for row in training_clips(shapes, load_recipe("tiny")).rows} == {"train"}


BEST = {  # what the recipe `best` switches on, at test size
    "encoders": {"sound": "deep", "mixture_encoder": True, "adapter": 16},
    "stage_one": {"epochs": 8, "negatives": "all", "pool": "soft", "augment": True, "classify_from": 0},
    "clustering": {
        "mask_threshold": 0.5, "mask_relative": True, "object_mean": "mask", "unit": "video", "sound_weight": 0.5,
    },
    "stage_two": {"epochs": 0, "similarity": "cosine", "teacher": "sources"},
    "mixtures": {"passes": 8, "audibility": "sigmoid"},
    "inference": {"decoder": "objects", "localization_map": "correspondence", "random_walk": 3.0},
}  # fmt: skip


def test_the_options_of_best_learn_the_shapes_and_hear_what_sounds(shapes, tmp_path):
    train(shapes.path, tmp_path / "run", load_recipe("tiny", **BEST))
    lines = Run(tmp_path / "run").metrics()
    hearing = [line["hearing"] for line in lines if line["kind"] == "mixtures"]
    assert hearing[-1] < 0.6 * hearing[0]
    clips = training_clips(Store.open(shapes.path), load_recipe("tiny"))
    labels = Run(tmp_path / "run").labels()
    of_video = {}
    for clip, video in zip(clips.column("clip"), clips.column("video"), strict=True):
        of_video.setdefault(video, set()).add(labels[clip])
    assert all(len(found) == 1 for found in of_video.values())  # clusters are of videos
    card = load_card(tmp_path / "run" / "model.safetensors")
    assert card.metrics["nmi"] > 0.7
    assert card.metrics["sounding_accuracy"] > 0.7
    before, after = (load_tensors(tmp_path / "run" / f"{name}.safetensors") for name in ("stage_one", "model"))
    changed = {name.split(".")[1] for name in after if not torch.equal(before[name], after[name])}
    assert changed == {"mixture_encoder", "sound_classes"}  # what pictures and clusters are compared with stays


def test_sounds_that_join_mixtures_need_mixtures_and_are_looked_for_before_training(shapes, tmp_path):
    (tmp_path / "empty").mkdir()
    for changes, told in (
        ({"mixtures": {"distractors": str(tmp_path / "empty")}}, "holds no recordings"),
        ({"stage_two": {"teacher": "mixture"}}, r"mixtures.passes: needs scenes whose sources are known"),
        (
            {"stage_two": {"teacher": "mixture"}, "mixtures": {"distractors": "sounds", "passes": 0}},
            "mixtures.distractors: needs scenes whose sources are known",
        ),
    ):
        with pytest.raises(DsolError, match=told):
            train(shapes.path, tmp_path / "run", load_recipe("tiny", **BEST).replace(**changes))
        assert not (tmp_path / "run").exists()


def test_fewer_videos_than_clusters_are_refused_where_videos_are_clustered(shapes, tmp_path):
    config = load_recipe("tiny", **BEST).replace(clustering={"clusters": 20}, stage_one={"epochs": 1})
    with pytest.raises(DsolError, match="16 videos to cluster"):
        train(shapes.path, tmp_path / "run", config, stage="one")
    assert not (tmp_path / "run").exists()


def test_photos_and_videos_have_batches_of_their_own():
    picks = Picks(Counted([1] * 9 + [4] * 6), batch=4)
    batches = picks.balanced(seed=0)
    kinds = [{row < 9 for row, _ in batch} for batch in batches]
    assert all(len(kind) == 1 for kind in kinds)
    rows = sorted(row for batch in batches for row, _ in batch)
    assert rows == sorted([*range(9), *(3 * list(range(9, 15)))])
    assert picks.balanced(0) == batches != picks.balanced(1)
    assert Picks(Counted([4] * 6), batch=4).balanced(0) == Picks(Counted([4] * 6), batch=4).shuffled(0)


def test_a_last_clip_that_would_be_alone_joins_the_batch_before_it():
    batches = Picks(Counted([1] * 9), batch=4).shuffled(0)
    assert [len(batch) for batch in batches] == [4, 5]
    assert sorted(row for batch in batches for row, _ in batch) == list(range(9))


class Counted(list):
    """A store as far as `Picks` looks at it: frames of each clip."""

    @property
    def photos(self) -> np.ndarray:
        return np.array(self) == 1

    def frame_count(self, i: int) -> int:
        return self[i]


def test_photos_together_weigh_as_much_as_videos():
    weights = kind_weights(Counted([1] * 9 + [4] * 3))
    assert weights[:9].sum() == pytest.approx(weights[9:].sum().item())
    assert weights.mean() == pytest.approx(1)
    assert kind_weights(Counted([4] * 3)) is None


def test_class_heads_decay_as_everything_else_as_released(shapes, tmp_path):
    config = load_recipe("tiny")
    run = Run.start(tmp_path / "run", config)
    stage = StageOne(Fabric(accelerator="cpu", devices=1), Network(config), shapes.select(split="train"), run)
    decays = {group["weight_decay"] for each in (stage.optimizer, stage.head_optimizer) for group in each.param_groups}
    assert decays == {1e-4}
