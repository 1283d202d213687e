"""`dsol train STORE RUN --start general`: new categories on top of those that `general` knows.

    clips ─ general ─▶ score of the surest category ─ below the threshold ─▶ videos that it explains badly
    of these: object feature o (equation 2) and audio embedding ─ K-means over videos (equation 3) ─▶ clusters
    each cluster against all else ─▶ its row in the visual and in the audio dictionary, calibrated on all clips

What the model knows stays as it is: rows are added to its dictionaries, none is changed. No label is used.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dsol.config import RUNTIME, Config, differences, load_recipe
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.clustering import cluster
from dsol.model.dictionary import group_means
from dsol.model.extended import ExtendedSystem
from dsol.model.file import ModelCard, find_model, load_card
from dsol.model.general import GeneralSystem
from dsol.model.general_network import GeneralNetwork, best_cells, clues
from dsol.model.general_predictor import AUDIBLE, VISIBLE
from dsol.model.images import stack
from dsol.progress import say, track
from dsol.training.run import Run

RECIPE = "best"  # has the options of clustering
OPTIONS = ("clustering.clusters", "clustering.sound_weight", "clustering.starts", "seed", "recipe", *RUNTIME)
BATCH = 8  # clips
SAVED_EVERY = 32  # batches
AUDIBLE_BY = 4.0  # logits of a tag by which a cluster's own clips are above where it is undecided
SHRINK = 0.01  # inverse strength with which keys are kept short: clips are few
CALIBRATED_ON = 100  # clips of each cluster, and as many of none
VISIBLE_BY = 2.0  # standard deviations of visibility, likewise


@dataclass(frozen=True)
class Described:
    """What `general` says of N clips, by their middle frames.

    Attributes:
        score: (N,) of the surest category.
        objects: (N, 128) object features, equation 2, under the shape of what stands out.
        grounds: (N, 128) the same of what is around it.
        sounds: (N, 1024) audio embeddings, standardised.
    """

    score: Tensor
    objects: Tensor
    grounds: Tensor
    sounds: Tensor


def extends(start: str | Path) -> bool:
    """Whether categories are added to a model, in place of training it further."""
    return load_card(find_model(start)).is_general


def extend(clips: Store, run: Run, config: Config, start: str | Path, made: dict[str, Any]) -> Path:
    """Add categories to `general`: clusters of the videos that it explains badly.

    Args:
        clips: single-source, labelled or not.
        run: that begins, or goes on with what its folder holds.
        config: at most `clustering.clusters` categories are added; `OPTIONS` are the others that act here.
        start: the model that they are added to.
        made: provenance of the model.

    Returns:
        The model file, RUN/model.safetensors; its new categories are "cluster 0" and so on until they are named.

    Raises:
        DsolError: there is no video that the model explains badly.
    """
    file = find_model(start)
    card, system = load_card(file), GeneralSystem.load(file)
    described = describe(system, clips, run)
    labels = cluster_unexplained(described, clips, card.threshold, config)
    network = with_rows(system, described, labels, clips, config.seed)
    target = run.path / "model.safetensors"
    ExtendedSystem(network, _extended(card, labels, made)).save(target)
    say(f"Wrote {target}: {int(labels.max()) + 1} new categories of {int((labels >= 0).sum())} clips; "
        f"dsol name {run.path} STORE --gallery FOLDER shows them")  # fmt: skip
    return target


def check_extension(clips: Store, config: Config, start: str | Path) -> None:
    """Raise DsolError where categories cannot be added: an option that does not act, another model, or no clips."""
    what = "has no effect where categories are added to general"
    if config.recipe != RECIPE:
        raise DsolError("--recipe", what, "leave it out")
    for name in differences(config, load_recipe(RECIPE), OPTIONS):
        raise DsolError(f"--{name}", what, f"leave it out; {', '.join(OPTIONS[:4])} have one")
    if load_card(find_model(start)).system == "extended":
        raise DsolError(start, "has added categories already", "start with general, and give all videos in one store")
    if not len(clips):
        raise DsolError(clips.path, "has no clips of the split train", "give a store of single-source clips")


def _extended(card: ModelCard, labels: Tensor, made: dict[str, Any]) -> ModelCard:
    names = (*card.categories, *(f"cluster {k}" for k in range(int(labels.max()) + 1)))
    share = float((labels >= 0).float().mean())
    return replace(card, system="extended", categories=names, known=len(card.categories), provenance=made,
                   metrics={"explained_badly": share})  # fmt: skip


@torch.inference_mode()
def describe(system: GeneralSystem, clips: Store, run: Run) -> Described:
    """Describe every clip; what is done is kept in the run's folder, from which a second call goes on."""
    parts = (run.load_state("described") or {"parts": []})["parts"]
    starts = range(len(parts) * BATCH, len(clips), BATCH)
    for n, start in enumerate(track(starts, "Looking for what general does not know", unit=f"batches of {BATCH}")):
        parts.append(_describe(system, clips, range(start, min(start + BATCH, len(clips)))))
        if n % SAVED_EVERY == SAVED_EVERY - 1:
            run.save_state("described", {"parts": parts})
    return Described(*(torch.cat(found) for found in zip(*parts, strict=True)))


def _describe(system: GeneralSystem, clips: Store, rows: range) -> tuple[Tensor, ...]:
    network, sounds = system.network, np.stack([clips.waveform(i) for i in rows])
    frames = clips.middle_frames(rows)
    score = torch.from_numpy(system.predict(frames, sounds, [""] * len(frames)).score).amax(1)
    cells, classes = network.see(stack(frames, system.size), system.predictor.eye)
    anything = classes.amax(1)
    shape = network.extent(clues(cells, anything[:, None], anything).flatten(0, 1)).sigmoid()
    objects, grounds = (torch.einsum("bchw,bhw->bc", cells, of) / of.sum((1, 2))[:, None] for of in (shape, 1 - shape))
    return score, objects, grounds, standardised(network, network.ear.embed(torch.from_numpy(sounds)))


def standardised(network: GeneralNetwork, embedding: Tensor) -> Tensor:
    """Audio embeddings (B, 1024) in standard deviations over many videos."""
    ear = network.correspondence
    return (embedding - ear.sound_mean) / ear.sound_std


def cluster_unexplained(described: Described, clips: Store, threshold: float, config: Config) -> Tensor:
    """The cluster (N,) of each clip that is explained badly, of a video most of whose clips are; -1 of all others.

    Raises:
        DsolError: there are none.
    """
    videos = torch.from_numpy(clips.video_numbers)
    badly = described.score < threshold
    of_video = group_means(badly.float()[:, None], videos)[videos, 0] > 0.5
    rows = torch.nonzero(badly & of_video)[:, 0]
    if not len(rows):
        what = "holds no video that general explains badly, so there is nothing to add"
        raise DsolError(clips.path, what, "use general as it is, or train without --start")
    labels = torch.full((len(clips),), -1)
    names, mine = torch.unique(videos[rows], return_inverse=True)
    weight = config.clustering.sound_weight
    parts = F.normalize(described.objects[rows], dim=1), weight * F.normalize(described.sounds[rows], dim=1)
    points = F.normalize(group_means(torch.cat(parts, 1), mine), dim=1)
    count = min(config.clustering.clusters, len(names))
    found = cluster(points, count, starts=config.clustering.starts, seed=config.seed)
    labels[rows] = found[mine]
    say(f"{len(rows)} of {len(clips)} clips, of {len(names)} videos, are explained badly: {count} clusters")
    return labels


@torch.inference_mode()
def with_rows(system: GeneralSystem, described: Described, labels: Tensor, clips: Store, seed: int) -> GeneralNetwork:
    """The network with a row a cluster in its visual and its audio dictionary.

    Args:
        system: `general`.
        described: its N clips.
        labels: (N,) the cluster of each, -1 where it has none.
        clips: the same, for their cells.
        seed: of the choice of clips by which the visual rows are calibrated.
    """
    old, count = system.network, int(labels.max()) + 1
    network = GeneralNetwork(old.words.extended(count))
    world = torch.randn(described.sounds.shape, generator=torch.Generator().manual_seed(seed))  # other sounds
    tags, offsets = _audio_rows(old, described.sounds, _keys(described.sounds, labels, world), labels)
    keys = _keys(described.objects, labels, described.grounds)
    grown = _visual_rows(system, keys, labels, clips, _some(labels, seed))
    grown |= {"ear.head.weight": tags, "ear.head.bias": offsets}
    tensors = old.state_dict()
    network.load_state_dict(tensors | {name: torch.cat([tensors[name], more]) for name, more in grown.items()})
    return network


def _keys(values: Tensor, labels: Tensor, others: Tensor) -> Tensor:
    """What tells each cluster from all else, (K, C) of length 1: values (N, C) of the clips, and others (M, C) that
    belong to none."""
    from sklearn.linear_model import LogisticRegression

    points, of = torch.cat([values, others]).numpy(), np.concatenate([labels.numpy(), np.full(len(others), -1)])
    found = [LogisticRegression(C=SHRINK, class_weight="balanced", max_iter=1000).fit(points, of == k).coef_[0]
             for k in range(int(labels.max()) + 1)]  # fmt: skip
    return F.normalize(torch.from_numpy(np.stack(found)).float(), dim=1)


def _halfway(values: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Where each of K clusters is undecided, (K,), and how far its own clips are above that, of values (N, K): between
    the lowest tenth of its own and the highest tenth of all others."""
    middle, above = [], []
    for k, column in enumerate(values.T):
        own, others = column[labels == k], column[labels != k]
        rest = others.quantile(0.9) if len(others) else torch.zeros(())
        middle.append((own.quantile(0.1) + rest) / 2)
        above.append((own.mean() - middle[-1]).clamp(min=0.1 * own.mean().abs()))
    return torch.stack(middle), torch.stack(above)


def _audio_rows(network: GeneralNetwork, sounds: Tensor, keys: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (K, 1024) and biases (K,) of the tags of K clusters: linear in how far a sound goes along their keys."""
    middle, above = _halfway(sounds @ keys.T, labels)
    ear, gain = network.correspondence, AUDIBLE_BY / above
    weight = gain[:, None] * keys / ear.sound_std
    return weight, AUDIBLE[1] - gain * middle - weight @ ear.sound_mean


def _visual_rows(
    system: GeneralSystem, keys: Tensor, labels: Tensor, clips: Store, rows: list[int]
) -> dict[str, Tensor]:
    """Rows of K clusters by what they are added to, from keys (K, 128), calibrated on some of the clips: classes with
    their standardisation, and that of how visible they are."""
    network = system.network
    parts = [clips.middle_frames(rows[n : n + BATCH]) for n in range(0, len(rows), BATCH)]
    cells = torch.cat([network.see(stack(part, system.size), system.predictor.eye)[0] for part in parts])
    maps = torch.einsum("bchw,kc->bkhw", cells, keys)  # equation 4
    mean, std = maps.mean((0, 2, 3)), maps.std((0, 2, 3))
    best = best_cells((maps - mean[:, None, None]) / std[:, None, None])
    middle, above = _halfway(best, labels[rows])
    weight = keys @ network.directions.T
    visible_std = above / VISIBLE_BY
    visible_mean = middle - VISIBLE[1] * visible_std
    return {
        "classes.weight": weight, "classes.bias": -weight @ network.mean, "class_mean": mean, "class_std": std,
        "visible_mean": F.pad(visible_mean, (1, 0)), "visible_std": F.pad(visible_std, (1, 0), value=1),
    }  # fmt: skip


def _some(labels: Tensor, seed: int) -> list[int]:
    """Some clips of each cluster and of none, in order."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(np.flatnonzero(labels.numpy() == k))[:CALIBRATED_ON] for k in range(-1, int(labels.max()) + 1)
    ]
    return sorted(np.concatenate(chosen).tolist())
