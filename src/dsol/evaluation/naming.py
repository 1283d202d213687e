"""Which cluster is which category: told by a labelled store, never by the split that is tested on."""

from collections.abc import Collection
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
        store: labelled store; its training split is used, and where it has no splits the videos without boxes.

    Returns:
        One category a cluster.

    Raises:
        DsolError: no labels there, or labels of a test split only; or a model without clusters.
    """
    system = load_system(model, sources=1)  # whoever needs this number has no clusters to name
    if not isinstance(system, ClusteringSystem) or not system.categories:
        what = f"is of the system {load_card(find_model(model)).system}, which knows no categories"
        raise DsolError(model, what, "there is nothing to name; evaluate it as it is")
    clips = Store.open(store)
    tested = frozenset() if clips.splits else scored_videos(clips)
    names = name_clusters(system, labelled_training_clips(clips, tested))
    system.card = replace(system.card, categories=names, named=True)
    file = find_model(model)
    system.save(file)
    say(f"Wrote the names of {len(names)} clusters into {file}")
    return names


def scored_videos(store: Store) -> frozenset[str]:
    """The videos whose frames `dsol evaluate` would score, and those that composed scenes are made of."""
    tested = store.select(split="test") if "test" in store.splits else store
    scored = tested.select(videos={frame.video for frame in tested.boxes})
    sources = {clip.rpartition("@")[0] for clips in scored.column("sources") for clip in clips or ()}
    return frozenset(scored.videos) | sources


def labelled_training_clips(store: Store, tested: Collection[str] = ()) -> Store:
    """The clips that may name clusters: labelled, and of the split "train" where there are splits.

    Args:
        store: labelled.
        tested: videos that are scored; they name nothing.

    Raises:
        DsolError: there are none.
    """
    clips = store.select(split="train") if store.splits else store
    facts = zip(clips.column("category"), clips.column("video"), strict=True)
    labelled = clips.take([i for i, (category, video) in enumerate(facts) if category and video not in tested])
    if not len(labelled):
        raise DsolError(
            store.path,
            "has no labelled training clips to name clusters by",
            "give a labelled store with other videos than those that are scored: a test split, or without splits "
            "the videos with boxes, must not name what they then score",
        )
    return labelled


def name_clusters(system: ClusteringSystem, clips: Store) -> tuple[str, ...]:
    """The category of each cluster, by matching clusters with the labels of training clips.

    A cluster into which no clip fell keeps its own name, unless its category has no other: nothing tells what it is,
    and its map would only blur those of its category.

    With fewer clusters than categories some categories have none, which is said: their maps are empty.
    """
    clusters = assign_clips(system, clips)
    categories = clips.categories
    labels = np.array([categories.index(category) for category in clips.column("category")])
    table = cluster_table(labels, clusters, len(categories), len(system.categories))
    matched, used = match_clusters(table), table.sum(axis=0) > 0
    idle = ~used & np.isin(matched, matched[used])
    names = tuple(own if idle[k] else categories[matched[k]] for k, own in enumerate(system.categories))
    nameless = [category for category in categories if category not in names]
    if nameless:
        lacking = ", ".join(nameless)
        say(f"{len(names)} clusters for {len(categories)} categories: none for {lacking}, whose maps are empty")
    return names


def assign_clips(system: ClusteringSystem, clips: Store) -> np.ndarray:
    """The cluster (N,) of each single-source clip, by its middle frame."""
    found = []
    starts = range(0, len(clips), BATCH)
    for start in track(starts, "Assigning clips to clusters", unit="batches"):
        rows = range(start, min(start + BATCH, len(clips)))
        frames = [clips.frame(i, clips.frame_count(i) // 2) for i in rows]
        found.append(system.assign(frames, np.stack([clips.waveform(i) for i in rows])))
    return np.concatenate(found)
