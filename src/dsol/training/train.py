"""`dsol train`: the order of the stages.

    store ─ stage one ─▶ RUN/stage_one.safetensors, pseudo-labels (of the split "synthesis", too)
              store, pseudo-labels ─ compose ─▶ RUN/scenes (unless --scenes) ─ stage two ─▶ RUN/model.safetensors

`--start` begins with the weights of another model (start.py); categories are added to `general` (extend.py).
A compared system (`--system`) has one stage: store ─ fit ─▶ RUN/model.safetensors
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

import dsol
from dsol.baselines.base import BaselineNetwork
from dsol.config import RUNTIME, Config, check, differences, load_recipe, nested
from dsol.data.corpora import SYNTHESIS
from dsol.data.media import SOUND_SUFFIXES, find_sounds
from dsol.data.scenes import check_numbers, compose
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.dsol_system import DsolSystem
from dsol.model.file import ModelCard, fill, load_card
from dsol.model.network import Network
from dsol.model.system import system_type
from dsol.naming.naming import assign_clips
from dsol.progress import say
from dsol.training.baseline import fit
from dsol.training.calibration import calibrate
from dsol.training.extend import check_extension, extend, extends
from dsol.training.on_ray import start_on_ray
from dsol.training.processes import check_world, companions, launched, open_fabric, start_here, world_of
from dsol.training.run import Run
from dsol.training.stage_one import StageOne
from dsol.training.stage_two import StageTwo
from dsol.training.start import begin, find_start, weights_of

VIDEO_WEIGHT = 15  # how much more often a scene has a video than a photo, with `balance_photos`
SCENE_OPTIONS = ("--scenes.count", "--scenes.objects", "--scenes.sounding")
OF_STAGE_TWO = ("recipe", "scenes", "stage_two", "mixtures", "inference")  # may differ where stage one is finished


def train(
    store: str | Path,
    run: str | Path,
    config: Config | str = "best",
    scenes: str | Path | None = None,
    stage: str = "both",
    resume: bool = False,
    start: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    engine: str = "local",
) -> Path:
    """Train a model without labels of the clips.

    Args:
        store: single-source clips; of a store with splits, those of the split "train". A run goes on with its own only.
        run: folder of the run.
        config: every option, or a recipe: its name, or a YAML file. A run that goes on must have begun with the same,
            but for where it runs (`RUNTIME`), and, with `stage` "two" on a finished stage one, but for the options of
            stage two (`OF_STAGE_TWO`).
        scenes: store of scenes for stage two; composed where None, from the clips and their pseudo-labels, or where the
            store has a split "synthesis" from its clips; with `resume` those of before.
        stage: "one", "two" or "both".
        start: model file or run folder whose weights a new run begins with (start.py); the options that shape its
            network must be the same. A run that goes on has its own.
        resume: go on with what the folder holds, or begin where it holds nothing; where its model is there already,
            nothing is done.
        options: changed options of a recipe, by their names on the command line: `{"clustering.clusters": 22}`.
        engine: what starts `nodes` times `devices` processes, where torchrun has not: "local" on this machine, or "ray"
            on the cluster of RAY_ADDRESS, or one that it starts here.

    Returns:
        The model file: RUN/model.safetensors, or RUN/stage_one.safetensors where `stage` is "one".

    Raises:
        DsolError: the store, the run folder or the options do not fit.

    Example:
        >>> dsol.train("store", "run_2", "tiny", options={"stage_one.epochs": 1}).name
        'model.safetensors'
    """
    config = config if isinstance(config, Config) else load_recipe(str(config), **nested(options or {}))
    world = world_of(config, engine)
    check_world(config, world, stage)
    shared = None if scenes is None else Path(scenes).resolve()
    model = start if start is None or not Path(start).exists() else Path(start).resolve()  # else a shipped one's name
    work = partial(_train, Path(store).resolve(), Path(run).resolve(), shared, stage, model)
    if engine == "ray":
        start_on_ray(work, config, world, stage, resume)
    elif world > 1 and not launched():
        start_here(partial(work, config, resume), world)
    else:
        return _train(Path(store), Path(run), None if scenes is None else Path(scenes), stage, start, config, resume)
    return Path(run) / ("stage_one.safetensors" if stage == "one" else "model.safetensors")


@companions()
def _train(
    store: Path,
    run: Path,
    scenes: Path | None,
    stage: str,
    start: str | Path | None,
    config: Config,
    resume: bool,
) -> Path:
    """`train`, in each of its processes."""
    if start is not None and extends(start):
        if stage != "both" or scenes is not None:
            what = "does not go with --stage and --scenes where categories are added to general"
            raise DsolError("--start", what, "leave them out")
        if launched() > 1:
            raise DsolError("--start", f"adds categories in one process, not {launched()}", "give --devices 1")
        return _extend(Store.open(store), run, config, start, resume)
    found, first = Store.open(store), run / "stage_one.safetensors"
    resume = resume and Run.exists(run)  # where there is none yet, it begins: schedulers repeat one command
    continues = resume or (stage == "two" and first.is_file())
    if continues:
        before, saved = Run.resume(run)
        refuse_changes(config, saved, run, () if resume else OF_STAGE_TWO)
        scenes = _same_data(before, found, scenes, resume)
        if stage != "one" and (done := _finished(run, config)):
            say(f"{done} is finished, nothing to do")
            return done
    _check_options(config, stage, scenes)
    clips = training_clips(found, config, composes=stage != "one" and scenes is None)
    whole = None if scenes is None else Store.open(scenes)
    given = None if whole is None else training_scenes(whole)
    starts = None if start is None or continues else find_start(start, config)
    if stage == "two" and not first.is_file() and starts is None:
        raise DsolError(run, "has no stage_one.safetensors", "run --stage one first, --stage both, or give --start")
    if len(clips) < launched():
        raise DsolError("--devices", f"{launched()} processes for {len(clips)} clips", "give fewer")
    fabric = open_fabric(config)
    done = first.is_file() or (starts is not None and stage == "two")
    network = None if done else system_type(config.system).network_type(config)  # before there is a folder
    folder = _open_run(fabric, run, config, continues)
    if starts is not None:
        begin(folder, starts, stage)
        fabric.barrier()
    if network is not None and weights_of(folder, "one").is_file():
        fill(network, weights_of(folder, "one"))
    begins = folder.data().get("start") if starts is None else f"{starts.model.parent.name}/{starts.model.name}"
    data = {"store": found.fingerprint, "store_path": str(found.path.resolve()), **_told(whole)}
    folder.save_data({**data, **({"start": begins} if begins else {})})
    if config.system != "dsol":
        assert network is not None, "it has no stage one that could be done"
        return _train_baseline(fabric, network, clips, found, folder, config)
    if network is not None:
        _train_one(fabric, network, clips, found, folder, config, first)
    sources = scene_sources(found, clips)
    _label(fabric, sources, folder, first)
    if stage == "one":
        return first
    scene_store = given or _compose(fabric, sources, folder, config)
    return _train_two(fabric, sources, scene_store, folder, config, first)


def refuse_changes(config: Config, saved: Config, run: str | Path, allowed: Sequence[str] = ()) -> None:
    """Refuse options that a run did not begin with.

    Args:
        config: wanted now.
        saved: the run's own.
        run: its folder, for the message.
        allowed: options and sections that may differ, beside those of where it runs.

    Raises:
        DsolError: the first option that differs.
    """
    for name, (now, then) in differences(config, saved, ("recipe", *RUNTIME, *allowed)).items():
        what = f"began with {name} {then}, not {now}"
        raise DsolError(run, what, "leave that option out, or train into another folder")


def _check_options(config: Config, stage: str, scenes: Path | None) -> None:
    check(config)
    if config.system != "dsol" and (stage != "both" or scenes is not None):
        what = "is trained in one stage, on single-source clips alone"
        raise DsolError(config.system, what, "leave --stage and --scenes out")
    distractors = config.mixtures.distractors
    if distractors and not find_sounds(distractors):
        raise DsolError(distractors, "holds no recordings", f"give a folder of {', '.join(SOUND_SUFFIXES)} files")


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
    clips = store.training()
    videos = set(clips.videos)
    clusters, objects = config.clustering.clusters, config.scenes.objects
    if config.system == "dsol":
        over_videos = config.clustering.unit == "video"
        count, of = (len(videos), "videos to cluster") if over_videos else (len(clips), "clips to train on")
        if count < clusters:
            what = f"has {count} {of}, fewer than {clusters} clusters"
            raise DsolError(store.path, what, f"give more {of.split()[0]} or a smaller --clustering.clusters")
        if composes and clusters < objects:
            what = f"{clusters} are too few for scenes of {objects} different objects"
            raise DsolError("--clustering.clusters", what, "give more, or fewer --scenes.objects")
        if composes:
            check_numbers(config.scenes.count, objects, config.scenes.sounding, SCENE_OPTIONS)
    if len(videos) < 2:
        raise DsolError(store.path, "holds one video only, so there are no mismatched pairs", "give more videos")
    return clips


def scene_sources(store: Store, clips: Store) -> Store:
    """What training scenes may be made of: the clips of stage one and, where the store has a split "synthesis", those
    set aside for scenes. Scenes are then composed of these alone, as in the paper: stage one does not use them."""
    if SYNTHESIS not in store.splits:
        return clips
    return store.take([i for i, split in enumerate(store.column("split")) if split in ("train", SYNTHESIS)])


def training_scenes(scenes: Store) -> Store:
    """The scenes to train on: the split "train" where the store has splits, else all.

    Raises:
        DsolError: there are none.
    """
    chosen = scenes.training()
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
    """What a run records of scenes that it was given."""
    if scenes is None:
        return {"scenes": None, "scenes_fingerprint": None}
    return {"scenes": str(scenes.path.resolve()), "scenes_fingerprint": scenes.fingerprint}


def _finished(run: Path, config: Config) -> Path | None:
    """The model file, where it is there already and of these options."""
    target = run / "model.safetensors"
    same = target.is_file() and not differences(config, Config.from_dict(load_card(target).config))
    return target if same else None


def _open_run(fabric: Fabric, path: Path, config: Config, continues: bool) -> Run:
    if fabric.is_global_zero and not continues:
        Run.start(path, config)
    fabric.barrier()
    if not Run.exists(path):
        raise DsolError(path, "is not the first process's folder", "give one that all machines share")
    run, saved = Run.resume(path, writes=fabric.is_global_zero)
    if differences(config, saved) and run.began("stage_two"):
        what = "has a stage two with other options"
        raise DsolError(path, what, "go on with it with --resume, or copy its stage one to another folder")
    run.save_config(config)
    return run


def _extend(store: Store, path: Path, config: Config, start: str | Path, resume: bool) -> Path:
    clips = store.training()
    check_extension(clips, config, start)
    resume = resume and Run.exists(path)
    if resume:
        run, saved = Run.resume(path)
        refuse_changes(config, saved, path)
        _same_data(run, store, None, resume)
        if (target := path / "model.safetensors").is_file():
            say(f"{target} is finished, nothing to do")
            return target
    else:
        run = Run.start(path, config)
    run.save_data({"store": store.fingerprint, "start": str(start)})
    return extend(clips, run, config, start, {**provenance(store.path, clips, config), "start": str(start)})


def _train_one(
    fabric: Fabric, network: Network, clips: Store, store: Store, run: Run, config: Config, target: Path
) -> None:
    if fabric.is_global_zero:
        say(f"Stage one: {len(clips)} clips of {len(set(clips.videos))} videos")
    StageOne(fabric, network, clips, run).train()
    if fabric.is_global_zero:
        card = _card(run, clips, store, config, config.clustering.clusters, "nmi")
        DsolSystem(network, card).save(target)
    fabric.barrier()


def _train_baseline(
    fabric: Fabric, network: BaselineNetwork, clips: Store, store: Store, run: Run, config: Config
) -> Path:
    if fabric.is_global_zero:
        say(f"{config.system}: {len(clips)} clips of {len(set(clips.videos))} videos")
    fit(fabric, network, clips, run)
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
    made = {**provenance(store.path, clips, config), **_begun_with(run)}
    return ModelCard(config.system, config.to_dict(), names, provenance=made, metrics=last[0] if last else {})


def _label(fabric: Fabric, sources: Store, run: Run, first: Path) -> None:
    """Pseudo-labels for clips that stage one was not trained on: the nearest cluster of its model."""
    if fabric.is_global_zero:
        labels = run.labels()
        unknown = sources.take([i for i, clip in enumerate(sources.column("clip")) if clip not in labels])
        if len(unknown):
            found = assign_clips(DsolSystem.load(first), unknown).tolist()
            run.save_labels({**labels, **dict(zip(unknown.column("clip"), found, strict=True))})
    fabric.barrier()


def _compose(fabric: Fabric, clips: Store, run: Run, config: Config) -> Store:
    o = config.scenes
    target = run.path / "scenes"
    if fabric.is_global_zero:
        split = SYNTHESIS if SYNTHESIS in clips.splits else None
        how: dict[str, Any] = {"split": split, "video_weight": VIDEO_WEIGHT if config.balance_photos else 1}
        compose(clips, target, o.count, o.objects, o.sounding, seed=config.seed, labels=run.clusters(), **how)
    fabric.barrier()
    return Store.open(target)


def _train_two(fabric: Fabric, clips: Store, scenes: Store, run: Run, config: Config, first: Path) -> Path:
    if fabric.is_global_zero:
        say(f"Stage two: {len(scenes)} scenes")
    system = DsolSystem.load(first)
    network = Network(config, load_weights=False)
    beginning = weights_of(run, "two")
    fill(network, beginning if beginning.is_file() else first)
    teacher = system.network.encoders if beginning.is_file() else None
    StageTwo(fabric, network, scenes, clips, run.labels(), run, teacher).train()
    target = run.path / "model.safetensors"
    if fabric.is_global_zero:
        card = load_card(first)
        made = with_note({**card.provenance, **_begun_with(run)}, scenes)
        trained = DsolSystem(network, replace(card, config=config.to_dict(), provenance=made))
        threshold, accuracy = calibrate(trained, scenes, run.labels(), config.workers)
        metrics = {**card.metrics, **({} if accuracy is None else {"sounding_accuracy": accuracy})}
        trained.card = replace(trained.card, threshold=threshold, metrics=metrics)
        trained.save(target)
        run.close()
        say(f"Wrote {target}")
    fabric.barrier()
    return target


def _begun_with(run: Run) -> dict[str, str]:
    """The model that a run began with, where there is one."""
    start = run.data().get("start")
    return {"start": start} if start else {}


def with_note(made: dict[str, Any], scenes: Store) -> dict[str, Any]:
    """Provenance of a model with the note of its scenes."""
    notes = [note for note in (made.get("note"), scenes.info.get("note")) if note]
    told = notes[1:] if len(notes) == 2 and notes[0] in notes[1] else notes  # scenes inherit the note of their clips
    return made | ({"note": "; ".join(told)} if told else {})


def provenance(path: Path, clips: Store, config: Config) -> dict[str, Any]:
    """Provenance of a model: data, options, versions."""
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
