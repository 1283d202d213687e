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
import pytest
import torch
import yaml

from dsol.config import Config, load_recipe
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.file import load_card, load_tensors, save_model
from dsol.model.system import load_system
from dsol.naming.naming import rename_model
from dsol.training.batches import Picks
from dsol.training.run import Run
from dsol.training.stage_one import kind_weights
from dsol.training.train import train, training_clips


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "dsol", "train", *map(str, words)]


def same(one: Path, other: Path) -> bool:
    a, b = load_tensors(one), load_tensors(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_training_clusters_the_shapes_and_lowers_the_losses(shapes, tmp_path):
    config = load_recipe("tiny").replace(stage_one={"epochs": 10, "batch": 8, "object_mean": "mask"})
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
    subprocess.run(command(shapes.path, run, "--resume"), check=True, capture_output=True, env=environment)
    assert same(trained / "model.safetensors", run / "model.safetensors")
    steps = [(line["stage"], line["step"]) for line in Run(run).metrics()]
    assert steps == [(line["stage"], line["step"]) for line in Run(trained).metrics()]


def test_two_processes_train_one_model(shapes, tmp_path):
    run = tmp_path / "run"
    words = command(shapes.path, run, "--recipe", "tiny", "--devices", 2, "--device", "cpu")
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    lines = Run(run).metrics()
    assert len({(line["stage"], line["step"]) for line in lines}) == len(lines)  # one process writes
    assert load_system(run).answer  # and the model loads


def test_stage_two_can_follow_stage_one_later(shapes, tmp_path):
    run, config = tmp_path / "run", load_recipe("tiny")
    assert train(shapes.path, run, config, stage="one").name == "stage_one.safetensors"
    other = config.replace(stage_two={"weight": 0.25}, nets={"vision": "resnet18"})
    assert train(shapes.path, run, other, stage="two").name == "model.safetensors"
    card = load_card(run / "model.safetensors")
    assert card.config["stage_two"]["weight"] == 0.25
    assert card.config["nets"]["vision"] == "small"  # as stage one was trained
    with pytest.raises(DsolError, match="has a stage two with other options"):
        train(shapes.path, run, config, stage="two")


@pytest.mark.parametrize(
    "options",
    [
        {
            "stage_one": {"negatives": "all", "contrast": 0.5, "cluster_on": "peak", "object_mean": "mask"},
            "stage_two": {"gate": "object", "similarity": "cosine", "warm_up": 1},
        },
        {
            "stage_one": {"negatives": "sampled", "classify_from": 0},
            "stage_two": {"matching": "pa_pv", "matching_mean": "batch_and_categories", "gate": "min"},
        },
        {
            "nets": {
                "vision": "efficientnet_lite0",
                "vision_weights": "imagenet",
                "freeze_vision": True,
                "frozen_frames": 2,
                "head_norm": True,
                "adapter": 16,
            },
            "stage_one": {"cluster_sound": 0.5},
            "stage_two": {"teacher": "sources", "remix": True, "listen_passes": 1, "listen": 1.0, "answer": "objects"},
        },
    ],
)
def test_every_option_trains(shapes, tmp_path, options):
    config = load_recipe("tiny").replace(**options).replace(stage_one={"epochs": 2})
    train(shapes.path, tmp_path / "run", config)
    values = [v for line in Run(tmp_path / "run").metrics() for v in line.values() if isinstance(v, float)]
    assert all(v == v and abs(v) != float("inf") for v in values)


def test_a_frozen_backbone_stays_as_it_was(shapes, tmp_path):
    nets = {"vision": "efficientnet_lite0", "vision_weights": "imagenet", "freeze_vision": True}
    config = load_recipe("tiny").replace(nets=nets, stage_one={"epochs": 1})
    train(shapes.path, tmp_path / "run", config, stage="one")
    from dsol.model.backbones import vision_backbone

    before = vision_backbone("efficientnet_lite0", "imagenet").state_dict()
    after = load_tensors(tmp_path / "run" / "stage_one.safetensors")
    assert all(torch.equal(value, after[f"towers.vision.{name}"]) for name, value in before.items())


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
    for text, says in (("seed: [", "is damaged"), ("nets: {vision: 3}", r"config\.yaml: nets\.vision cannot be 3")):
        (run / "config.yaml").write_text(text)
        with pytest.raises(DsolError, match=says):
            train(shapes.path, run, load_recipe("tiny"), resume=True)


def test_weights_of_another_network_are_named(trained, tmp_path):
    card = load_card(trained / "model.safetensors")
    config = Config.from_dict(card.config).replace(nets={"embedding": 16}).to_dict()
    save_model(
        tmp_path / "other.safetensors", load_tensors(trained / "model.safetensors"), replace(card, config=config)
    )
    with pytest.raises(DsolError, match=r"other\.safetensors: holds other weights than its options tell of"):
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


def test_resuming_a_finished_run_leaves_its_model_as_it_is(trained, shapes, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    before = (run / "model.safetensors").stat().st_mtime_ns
    train(shapes.path, run, load_recipe("tiny"), resume=True)
    assert (run / "model.safetensors").stat().st_mtime_ns == before
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["stage_two"]["epochs"] += 1  # goes on with other options: its model is not the one that is there
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    train(shapes.path, run, load_recipe("tiny"), resume=True)
    assert (run / "model.safetensors").stat().st_mtime_ns > before


def test_a_damaged_resume_point_is_named(shapes, tmp_path):
    run = tmp_path / "run"
    Run.start(run, load_recipe("tiny"))
    (run / "resume" / "stage_one.pt").write_bytes(b"nonsense")
    with pytest.raises(DsolError, match=r"stage_one\.pt: is damaged"):
        train(shapes.path, run, load_recipe("tiny"), resume=True)


def test_too_few_clips_or_videos_are_said(shapes):
    config = load_recipe("tiny")
    with pytest.raises(DsolError, match="fewer than 99 clusters"):
        training_clips(shapes, config.replace(stage_one={"clusters": 99}))
    with pytest.raises(DsolError, match="2 are too few for scenes of 3"):
        training_clips(shapes, config.replace(stage_one={"clusters": 2}), composes=True)
    one = Store.open(shapes.path).select(videos=["train/bar/0.mp4"])
    with pytest.raises(DsolError, match="one video only"):
        training_clips(one, config.replace(stage_one={"clusters": 2}))


def test_only_the_training_split_is_trained_on(shapes):
    assert {row.split for row in training_clips(shapes, load_recipe("tiny")).rows} == {"train"}


BEST = {  # what the recipe `best` switches on, at test size
    "nets": {"sound": "deep", "second_ear": True, "spectrogram": "fine", "adapter": 16},
    "stage_one": {
        "epochs": 8, "negatives": "all", "contrast": 1.0, "pool": "soft", "vary": True, "batches": "alike",
        "mask_threshold": 0.5, "mask_of_range": True, "mask_grow": False, "object_mean": "mask",
        "cluster_over": "video", "cluster_sound": 0.5, "classify_from": 0,
    },
    "stage_two": {
        "epochs": 0, "listen_passes": 8, "similarity": "cosine", "teacher": "sources", "remix": True,
        "remix_fewest": 0, "audible": "each", "answer": "objects", "area": "correspondence", "refine": 3.0,
    },
}  # fmt: skip


def test_the_options_of_best_learn_the_shapes_and_hear_what_sounds(shapes, tmp_path):
    train(shapes.path, tmp_path / "run", load_recipe("tiny", **BEST))
    lines = Run(tmp_path / "run").metrics()
    listening = [line["listening"] for line in lines if line["kind"] == "listen"]
    assert listening[-1] < 0.6 * listening[0]
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
    assert changed == {"ear", "sound_classes"}  # what pictures and clusters are compared with stays


def test_sounds_that_join_mixtures_need_mixtures_and_are_looked_for_before_training(shapes, tmp_path):
    (tmp_path / "empty").mkdir()
    for changes, told in (
        ({"other_sounds": str(tmp_path / "empty")}, "holds no recordings"),
        ({"other_sounds": "sounds", "remix": False, "listen_passes": 0}, r"other_sounds: needs scenes that are mixed"),
        ({"teacher": "mixture"}, "listen_passes: needs scenes that are mixed anew"),
    ):
        with pytest.raises(DsolError, match=told):
            train(shapes.path, tmp_path / "run", load_recipe("tiny", **BEST).replace(stage_two=changes))
        assert not (tmp_path / "run").exists()


def test_fewer_videos_than_clusters_are_refused_where_videos_are_clustered(shapes, tmp_path):
    config = load_recipe("tiny", **BEST).replace(stage_one={"clusters": 20, "epochs": 1})
    with pytest.raises(DsolError, match="16 videos to cluster"):
        train(shapes.path, tmp_path / "run", config, stage="one")
    assert not (tmp_path / "run").exists()


def test_photos_and_videos_have_batches_of_their_own():
    picks = Picks(Counted([1] * 9 + [4] * 6), batch=4)
    batches = picks.alike(seed=0, video_passes=2)
    kinds = [{row < 9 for row, _ in batch} for batch in batches]
    assert all(len(kind) == 1 for kind in kinds)
    rows = sorted(row for batch in batches for row, _ in batch)
    assert rows == sorted([*range(9), *range(9, 15), *range(9, 15)])
    assert picks.alike(0, 2) == batches != picks.alike(1, 2)
    assert Picks(Counted([4] * 6), batch=4).alike(0, 2) == Picks(Counted([4] * 6), batch=4).shuffled(0)


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
