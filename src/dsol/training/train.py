"""`dsol train`: stage one, scenes where none are given, stage two, model file.

store ─ stage one ─▶ RUN/stage_one.safetensors, pseudo-labels
          store, pseudo-labels ─ compose ─▶ RUN/scenes (unless --scenes) ─ stage two ─▶ RUN/model.safetensors

A compared system (`--system`) has one stage: store ─ fit ─▶ RUN/model.safetensors
"""

import dataclasses
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric, seed_everything

import dsol
from dsol.baselines.base import ComparedNetwork
from dsol.config import Config
from dsol.data.scenes import check_numbers, compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.file import ModelCard, load_card
from dsol.model.network import Network
from dsol.model.predictor import OurSystem
from dsol.model.system import system_type
from dsol.progress import say
from dsol.training.baseline import Fit
from dsol.training.batches import read
from dsol.training.run import Run
from dsol.training.stage_one import StageOne
from dsol.training.stage_two import StageTwo, check

CALIBRATED_ON = 100  # scenes, with four objects each


def train(
    store: Path, run: Path, config: Config, scenes: Path | None = None, stage: str = "both", resume: bool = False
) -> Path:
    """Train a model without labels.

    Args:
        store: single-source clips; of a store with splits, those of the split "train". A run goes on with its own only.
        run: folder of the run.
        config: every option; ignored with `resume`, which takes the run's own.
        scenes: store of scenes for stage two; composed from the clips and their pseudo-labels where None; with
            `resume` those of before.
        stage: "one", "two" or "both".
        resume: go on with what the folder holds; where its model is there already, nothing is done, and where there
            is no run yet, one begins.

    Returns:
        The model file: RUN/model.safetensors, or RUN/stage_one.safetensors where `stage` is "one".

    Raises:
        DsolError: the store, the run folder or the options do not fit.
    """
    found, first = Store.open(store), Path(run) / "stage_one.safetensors"
    resume = resume and Run.exists(Path(run))  # where there is none yet, it begins: schedulers repeat one command
    continues = resume or (stage == "two" and first.is_file())
    if continues:
        begun, saved = Run.resume(Path(run))
        config = saved if resume else saved.replace(stage_two=dataclasses.asdict(config.stage_two))
        scenes = _same_data(begun, found, scenes, resume)
        if stage != "one" and (done := _finished(Path(run), config)):
            say(f"{done} is finished, nothing to do")
            return done
    if config.system != "dsol" and (stage != "both" or scenes is not None):
        what = "is trained in one stage, on single-source clips alone"
        raise DsolError(config.system, what, "leave --stage and --scenes out")
    if config.system == "dsol" and stage != "one":
        check(config.stage_two)
    clips = training_clips(found, config, composes=stage != "one" and scenes is None)
    whole = None if scenes is None else Store.open(scenes)
    given = None if whole is None else training_scenes(whole)
    if stage == "two" and not first.is_file():
        raise DsolError(run, "has no stage_one.safetensors", "run --stage one first, or --stage both")
    fabric = _fabric(config)
    network = None if first.is_file() else system_type(config.system).network_type(config)  # before there is a folder
    folder = _open_run(fabric, Path(run), config, continues)
    folder.save_data({"store": found.fingerprint, **_told(whole)})
    if config.system != "dsol":
        assert network is not None, "it has no stage one that could be done"
        return _train_compared(fabric, network, clips, found, folder, config)
    if network is not None:
        _train_one(fabric, network, clips, found, folder, config, first)
    if stage == "one":
        return first
    scene_store = given or _compose(fabric, clips, folder, config)
    return _train_two(fabric, clips, scene_store, folder, config, first)


def training_clips(store: Store, config: Config, composes: bool = False) -> Store:
    """The clips to train on: the split "train" where the store has splits, else all.

    Args:
        store: single-source clips.
        config: the run's options.
        composes: scenes will be composed of the clusters.

    Raises:
        DsolError: too few of them for the clusters asked for, scenes that cannot be composed of the clusters, or clips
            all of one video.
    """
    clips = store.select(split="train") if store.splits else store
    videos = set(clips.videos)
    clusters, objects = config.stage_one.clusters, config.stage_two.objects
    if config.system == "dsol":
        over_videos = config.stage_one.cluster_over == "video"
        count, of = (len(videos), "videos to cluster") if over_videos else (len(clips), "clips to train on")
        if count < clusters:
            what = f"has {count} {of}, fewer than {clusters} clusters"
            raise DsolError(store.path, what, f"give more {of.split()[0]} or a smaller --stage_one.clusters")
        if composes and clusters < objects:
            what = f"{clusters} are too few for scenes of {objects} different objects"
            raise DsolError("--stage_one.clusters", what, "give more, or fewer --stage_two.objects")
        if composes:
            o = config.stage_two
            check_numbers("--stage_two.", o.scenes, o.objects, o.sounding, o.video_weight)
    if len(videos) < 2:
        raise DsolError(store.path, "holds one video only, so nothing to tell its sound from", "give more videos")
    return clips


def training_scenes(scenes: Store) -> Store:
    """The scenes to train on: the split "train" where the store has splits, else all.

    Raises:
        DsolError: there are none.
    """
    chosen = scenes.select(split="train") if scenes.splits else scenes
    if not len(chosen):
        raise DsolError(scenes.path, "has no scenes of the split train", "compose some from training clips")
    return chosen


def _same_data(run: Run, clips: Store, scenes: Path | None, resume: bool) -> Path | None:
    """The scenes to go on with: those given, or with `resume` those of before.

    Raises:
        DsolError: the run was trained on other clips, or its stage two on other scenes.
    """
    before = run.data()
    if before.get("store", clips.fingerprint) != clips.fingerprint:
        raise DsolError(clips.path, f"is not the store that {run.path} was trained on", "give that, or another folder")
    if resume and scenes is None and before.get("scenes"):
        scenes = Path(before["scenes"])
    now = _told(None if scenes is None else Store.open(scenes))
    if before and run.began("stage_two") and before["scenes_fingerprint"] != now["scenes_fingerprint"]:
        what = "has a stage two with other scenes"
        raise DsolError(run.path, what, "go on with it with --resume, or copy its stage one to another folder")
    return scenes


def _told(scenes: Store | None) -> dict[str, str | None]:
    """What a run remembers of scenes that it was given."""
    if scenes is None:
        return {"scenes": None, "scenes_fingerprint": None}
    return {"scenes": str(scenes.path.resolve()), "scenes_fingerprint": scenes.fingerprint}


def _finished(run: Path, config: Config) -> Path | None:
    """The model file, where it is there already and of these options."""
    target = run / "model.safetensors"
    return target if target.is_file() and load_card(target).config == config.to_dict() else None


def _fabric(config: Config) -> Fabric:
    accelerator = {"auto": "auto", "cpu": "cpu", "cuda": "cuda"}[config.device]
    strategy = "ddp_find_unused_parameters_true" if config.devices > 1 else "auto"
    fabric = Fabric(accelerator=accelerator, devices=config.devices, strategy=strategy, precision=config.precision)
    fabric.launch()
    seed_everything(config.seed, verbose=False)
    return fabric


def _open_run(fabric: Fabric, path: Path, config: Config, continues: bool) -> Run:
    if fabric.is_global_zero and not continues:
        Run.start(path, config)
    fabric.barrier()
    run, saved = Run.resume(path, writes=fabric.is_global_zero)
    if config != saved and run.began("stage_two"):
        what = "has a stage two with other options"
        raise DsolError(path, what, "go on with it with --resume, or copy its stage one to another folder")
    run.save_config(config)
    return run


def _train_one(
    fabric: Fabric, network: Network, clips: Store, store: Store, run: Run, config: Config, target: Path
) -> None:
    if fabric.is_global_zero:
        say(f"Stage one: {len(clips)} clips of {len(set(clips.videos))} videos")
    StageOne(fabric, network, clips, run).train()
    if fabric.is_global_zero:
        card = _card(run, clips, store, config, config.stage_one.clusters, "nmi")
        OurSystem(network, card).save(target)
    fabric.barrier()


def _train_compared(
    fabric: Fabric, network: ComparedNetwork, clips: Store, store: Store, run: Run, config: Config
) -> Path:
    if fabric.is_global_zero:
        say(f"{config.system}: {len(clips)} clips of {len(set(clips.videos))} videos")
    Fit(fabric, network, clips, run).train()
    target = run.path / "model.safetensors"
    if fabric.is_global_zero:
        system_type(config.system)(network, _card(run, clips, store, config, network.clusters, "loss")).save(target)
        run.close()
        say(f"Wrote {target}")
    fabric.barrier()
    return target


def _card(run: Run, clips: Store, store: Store, config: Config, clusters: int, figure: str) -> ModelCard:
    """What a model file says of a model that is trained now; `figure` is the last one of its name in the metrics."""
    names = tuple(f"cluster {k}" for k in range(clusters))
    last = [{figure: line[figure]} for line in run.metrics() if figure in line][-1:]
    made = provenance(store.path, clips, config)
    return ModelCard(config.system, config.to_dict(), names, provenance=made, metrics=last[0] if last else {})


def _compose(fabric: Fabric, clips: Store, run: Run, config: Config) -> Store:
    o = config.stage_two
    labels = {clip: f"cluster {k}" for clip, k in run.labels().items()}
    target = run.path / "scenes"
    if fabric.is_global_zero:
        compose(
            clips,
            target,
            scenes=o.scenes,
            objects=o.objects,
            sounding=o.sounding,
            seed=config.seed,
            labels=labels,
            video_weight=o.video_weight,
        )
    fabric.barrier()
    return Store.open(target)


def _train_two(fabric: Fabric, clips: Store, scenes: Store, run: Run, config: Config, first: Path) -> Path:
    if fabric.is_global_zero:
        say(f"Stage two: {len(scenes)} scenes")
    system = OurSystem.load(first)
    network = Network(config, load_weights=False)
    network.load_state_dict(system.network.state_dict())
    StageTwo(fabric, network, scenes, clips, run.labels(), run).train()
    target = run.path / "model.safetensors"
    if fabric.is_global_zero:
        card = load_card(first)
        trained = OurSystem(network, ModelCard(**{**vars(card), "config": config.to_dict()}))
        threshold, accuracy = calibrate(trained, scenes, run.labels(), config)
        metrics = {**card.metrics, **({} if accuracy is None else {"sounding_accuracy": accuracy})}
        trained.card = ModelCard(**{**vars(trained.card), "threshold": threshold, "metrics": metrics})
        trained.save(target)
        run.close()
        say(f"Wrote {target}")
    fabric.barrier()
    return target


def calibrate(system: OurSystem, scenes: Store, labels: dict[str, int], config: Config) -> tuple[float, float | None]:
    """The score that best tells sounding from silent objects, on scenes that we composed and so know, without labels.

    Args:
        system: what to calibrate.
        scenes: scenes with their source clips.
        labels: pseudo-label of each source clip.
        config: for reading.

    Returns:
        Threshold and its balanced accuracy; (0.5, None) where the scenes do not say what sounds.
    """
    from sklearn.metrics import roc_curve

    rows = [i for i, row in enumerate(scenes.rows) if row.sources and all(s in labels for s in row.sources)]
    rows = rows[:CALIBRATED_ON]
    if not rows:
        return 0.5, None
    batches = [[(i, 0) for i in rows[j : j + 16]] for j in range(0, len(rows), 16)]
    scores, truth = [], []
    for picks, (frames, waveforms) in zip(batches, read(scenes, batches, config.workers), strict=True):
        answer = system.answer(list(frames.numpy()), waveforms.numpy(), [""] * len(picks))
        for (i, _), score in zip(picks, answer.score, strict=True):  # type: ignore[arg-type]
            row = scenes.rows[i]
            scores += [score[labels[s]] for s in row.sources]
            truth += list(row.source_sounds)
    false_hits, hits, thresholds = roc_curve(truth, scores)
    best = int(np.argmax(hits - false_hits))
    return float(np.clip(thresholds[best], 0, 1)), float((hits[best] + 1 - false_hits[best]) / 2)


def provenance(path: Path, clips: Store, config: Config) -> dict[str, Any]:
    """Where a model comes from: data, options, versions."""
    return {
        "store": Path(path).name,
        "clips": len(clips),
        "videos": len(set(clips.videos)),
        "recipe": config.recipe,
        "seed": config.seed,
        "dsol": dsol.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        **({"note": clips.info["note"]} if "note" in clips.info else {}),
    }
