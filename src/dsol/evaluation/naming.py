"""Which cluster is which category: told by a labelled store, never by the split that is tested on."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dsol.errors import DsolError
from dsol.evaluation.matching import cluster_table, match_clusters
from dsol.progress import say, track
from dsol.store import Store
from dsol.systems import ClusteringSystem, load_system
from dsol.systems.model_file import find_model, load_card

BATCH = 16  # clips


def name_model(model: Path, store: Path) -> tuple[str, ...]:
    """Write the names of its clusters into a model file.

    Args:
        model: model file or run folder.
        store: labelled store; its training split is used.

    Returns:
        One category a cluster.

    Raises:
        DsolError: no labels there, or labels of a test split only; or a model without clusters.
    """
    system = load_system(model, sources=1)  # whoever needs this number has no clusters to name
    if not isinstance(system, ClusteringSystem) or not system.categories:
        what = f"is of the system {load_card(find_model(model)).system}, which knows no categories"
        raise DsolError(model, what, "there is nothing to name; evaluate it as it is")
    names = name_clusters(system, labelled_training_clips(Store.open(store)))
    system.card = replace(system.card, categories=names, named=True)
    file = find_model(model)
    system.save(file)
    say(f"Wrote the names of {len(names)} clusters into {file}")
    return names


def labelled_training_clips(store: Store) -> Store:
    """The clips that may name clusters: labelled, and of the split "train" where there are splits.

    Raises:
        DsolError: there are none.
    """
    clips = store.select(split="train") if store.splits else store
    labelled = clips.take([i for i, category in enumerate(clips.column("category")) if category is not None])
    if not len(labelled):
        raise DsolError(
            store.path,
            "has no labelled training clips to name clusters by",
            "give a labelled store; the test split must not name what it then scores",
        )
    return labelled


def name_clusters(system: ClusteringSystem, clips: Store) -> tuple[str, ...]:
    """The category of each cluster, by matching clusters with the labels of training clips.

    A cluster into which no clip fell keeps its own name, unless its category has no other: nothing tells what it is,
    and its map would only blur those of its category.
    """
    clusters = assign_clips(system, clips)
    categories = clips.categories
    labels = np.array([categories.index(category) for category in clips.column("category")])
    table = cluster_table(labels, clusters, len(categories), len(system.categories))
    matched, used = match_clusters(table), table.sum(axis=0) > 0
    idle = ~used & np.isin(matched, matched[used])
    return tuple(own if idle[k] else categories[matched[k]] for k, own in enumerate(system.categories))


def assign_clips(system: ClusteringSystem, clips: Store) -> np.ndarray:
    """The cluster (N,) of each single-source clip, by its middle frame."""
    found = []
    starts = range(0, len(clips), BATCH)
    for start in track(starts, "Assigning clips to clusters", unit="batches"):
        rows = range(start, min(start + BATCH, len(clips)))
        frames = [clips.frame(i, clips.frame_count(i) // 2) for i in rows]
        found.append(system.assign(frames, np.stack([clips.waveform(i) for i in rows])))
    return np.concatenate(found)
