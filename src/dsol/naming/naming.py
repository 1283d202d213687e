"""Which cluster is which category: from a labelled store, never from its test split, or from a person."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dsol.config import SHIPPED, Config
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.files import read_json
from dsol.model.dictionary import group_means
from dsol.model.file import ModelCard, find_model, load_card, load_tensors, save_model
from dsol.model.onnx_file import is_onnx
from dsol.model.system import ClusteringSystem, load_system
from dsol.naming.matching import cluster_table, match_clusters
from dsol.progress import say, track

BATCH = 16  # clips
MOST_CLIPS = 40  # of a category and kind, by which clusters are named


def name_model(model: Path, store: Path) -> tuple[str, ...]:
    """Write the names of its clusters into a model file.

    Args:
        model: model file or run folder.
        store: labelled store; its training split is used, and where it has no splits the videos without boxes.

    Returns:
        One category a cluster.

    Raises:
        DsolError: no labels there, or labels of a test split only; a shipped model, or one without clusters.
    """
    system = system_to_name(model)
    clips = Store.open(store)
    labelled = clips_that_name(clips)
    file = own_model(model)
    names = name_clusters(system, labelled)
    system.named(names).save(file)
    say(f"Wrote the names of {len(names) - system.card.known} clusters into {file}")
    return names


def system_to_name(model: str | Path) -> ClusteringSystem:
    """The system of a model file or run folder.

    Raises:
        DsolError: no model, an exported one, or one without clusters.
    """
    _refuse_exported(model)
    system = load_system(model, sources=1)  # a system that needs this number has no clusters to name
    if not isinstance(system, ClusteringSystem) or not system.categories:
        what = f"is of the system {load_card(find_model(model)).system}, which is class-agnostic"
        raise DsolError(model, what, "it has nothing to name; use it as it is")
    return system


def rename_model(model: str | Path, names: Mapping[str, str], where: object = "names") -> tuple[str, ...]:
    """Write names that a person chose into a model file.

    Args:
        model: model file or run folder.
        names: "cluster 3" -> its name, whatever it is called now; the rest stay as they are. Clusters of one name
            are one category.
        where: what an error names.

    Returns:
        One category a cluster.

    Raises:
        DsolError: no such cluster, or no such name; a shipped model, or one without clusters. The model is as before.

    Example:
        >>> rename_model("run", {"cluster 0": "dog", "cluster 2": "dog"})      # doctest: +SKIP
        ('dog', 'cluster 1', 'dog')
    """
    file = own_model(model)
    card = load_card(file)
    keys = cluster_keys(card)
    for key, name in names.items():
        if key not in keys:
            what = f"names {key!r}, which the model does not have"
            raise DsolError(where, what, f"it has {keys[0]} to {keys[-1]}" if keys else "it is class-agnostic")
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise DsolError(where, f"calls {key} {name!r}", "give each a name in quotes, or leave it out")
    before = card.categories[card.known :]
    chosen = tuple(names.get(key, now).strip() for key, now in zip(keys, before, strict=True))
    whole = (*card.categories[: card.known], *chosen)
    save_model(file, load_tensors(file), replace(card, categories=whole, named=chosen != keys))
    categories = list(dict.fromkeys(chosen))
    say(f"Wrote the names of {len(keys)} clusters into {file}; {len(categories)} categories: {', '.join(categories)}")
    return chosen


def cluster_keys(card: ModelCard) -> tuple[str, ...]:
    """What the clusters are called before they have names, and when names are given: "cluster 0", and so on."""
    return tuple(f"cluster {k}" for k in range(len(card.categories) - card.known))


def under_keys(system: ClusteringSystem) -> ClusteringSystem:
    """The system with one category a cluster, under its key, whatever it is called; known categories as they are."""
    return system.named((*system.card.categories[: system.card.known], *cluster_keys(system.card)))


def own_model(model: str | Path) -> Path:
    """The file of a model that may be renamed.

    Raises:
        DsolError: no model, or a shipped or exported one.
    """
    _refuse_exported(model)
    file = find_model(model)
    if file.parent == SHIPPED:
        raise DsolError(model, "is a shipped model, its names are fixed", "name a copy of its file, or your own model")
    return file


def _refuse_exported(model: str | Path) -> None:
    if is_onnx(model):
        raise DsolError(model, "is exported, its names are fixed", "name the original model, and export it again")


def read_names(file: Path) -> dict[str, str]:
    """Names that a person wrote: a JSON object, "cluster 3" -> name; `rename_model` checks them.

    Raises:
        DsolError: it cannot be read, or is something else.
    """
    names = read_json(file, 'give the names.json of a gallery, or write {"cluster 0": "dog"}')
    if not isinstance(names, dict):
        raise DsolError(file, "is not an object of clusters and names", 'write {"cluster 0": "dog"}')
    return names


def scored_videos(store: Store) -> frozenset[str]:
    """The videos whose frames `dsol evaluate` would score, and those that composed scenes are made of."""
    tested = store.testing()
    scored = tested.select(videos={frame.video for frame in tested.boxes})
    sources = {clip.rpartition("@")[0] for clips in scored.column("sources") for clip in clips or ()}
    return frozenset(scored.videos) | sources


def clips_that_name(store: Store, scored: Store | None = None) -> Store:
    """The clips that may name clusters: labelled, of the split "train" where there are splits, and of no video that is
    scored. Without splits every video with boxes counts as a test.

    Args:
        store: labelled.
        scored: what the names will be scored on; its videos, and those that its scenes are made of, name nothing.

    Raises:
        DsolError: there are none.
    """
    clips = store.training()
    tested = frozenset() if store.splits else scored_videos(store)
    tested |= frozenset() if scored is None else scored_videos(scored)
    facts = zip(clips.column("category"), clips.column("video"), strict=True)
    labelled = clips.take([i for i, (category, video) in enumerate(facts) if category and video not in tested])
    if not len(labelled):
        raise DsolError(
            store.path,
            "has no labelled training clips to name clusters by",
            "give a labelled store with other videos than those that are scored: a test split, or without splits "
            "the videos with boxes, must not name what they then score; or name them by looking, with --gallery",
        )
    return labelled


def name_clusters(system: ClusteringSystem, clips: Store) -> tuple[str, ...]:
    """The category of each cluster, by matching clusters with the labels of training clips.

    Some clips of each category are used; its photos together have the same weight as the clips of its videos.

    A cluster without clips keeps its own name, unless its category has no other: its category is unknown, and its map
    would only blur those of the category that it is matched with.

    With fewer clusters than categories some categories have none, with a message: their maps are empty. Where some
    categories of the model are known already, the others are named, by the clips that are none of the known ones.
    """
    categories, clips, known = clips.categories, some_of_each(clips), system.card.known
    clusters = assign_clips(system, clips) - known
    clips, clusters = clips.take(np.flatnonzero(clusters >= 0)), clusters[clusters >= 0]
    labels = np.array([categories.index(category) for category in clips.column("category")])
    kinds = 2 * labels + clips.photos
    weights = 1 / np.bincount(kinds)[kinds]
    before = system.card.categories[known:]
    table = cluster_table(labels, clusters, len(categories), len(before), weights)
    matched, used = match_clusters(table), table.sum(axis=0) > 0
    idle = ~used & np.isin(matched, matched[used])
    names = tuple(own if idle[k] else categories[matched[k]] for k, own in enumerate(before))
    nameless = [] if known else [category for category in categories if category not in names]
    if nameless:
        lacking = ", ".join(nameless)
        say(f"{len(names)} clusters for {len(categories)} categories: none for {lacking}, whose maps are empty")
    return (*system.card.categories[:known], *names)


def some_of_each(clips: Store, most: int = MOST_CLIPS) -> Store:
    """At most so many photos and as many clips of videos of each category, spread evenly; in the order they had."""
    kinds: dict[tuple[str, bool], list[int]] = {}
    for i, kind in enumerate(zip(clips.column("category"), clips.photos.tolist(), strict=True)):
        kinds.setdefault(kind, []).append(i)
    chosen = (of[round(j)] for of in kinds.values() for j in np.linspace(0, len(of) - 1, min(most, len(of))))
    return clips.take(sorted(chosen))


def assign_clips(system: ClusteringSystem, clips: Store) -> np.ndarray:
    """The cluster (N,) of each single-source clip, by its middle frame; as in stage one, of each video as a whole where
    the model's clusters are of videos (`clustering.unit`)."""
    found = []
    for start in track(range(0, len(clips), BATCH), "Assigning clips to clusters", unit="batches"):
        rows = range(len(clips))[start : start + BATCH]
        found.append(system.points(clips.middle_frames(rows), np.stack([clips.waveform(i) for i in rows])))
    points = np.concatenate(found)
    if Config.from_dict(system.card.config).clustering.unit == "video":
        videos = torch.from_numpy(clips.video_numbers)
        points = group_means(torch.from_numpy(points).float(), videos)[videos].numpy()
    return system.nearest(points)
