"""The paper's figure 3: how well features of single-source pictures separate their categories.

    labelled clips ─ system ─▶ mean of f over the picture (N,C), masked object (N,C)
                                  ├─ K-means, K = categories ─▶ NMI with the categories
                                  └─ t-SNE ─▶ points (N,2), coloured by category

Categories colour the points and score the clusters; nothing is trained with them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from dsol.data.store import Store
from dsol.evaluation.metrics import nmi
from dsol.model.clustering import cluster
from dsol.model.dsol_system import DsolSystem
from dsol.naming.naming import BATCH
from dsol.progress import track

MOST_CLIPS, FEWEST_CLIPS = 2000, 8  # drawn; with fewer there is no figure
# Okabe and Ito's colours without black, told apart by colour-blind eyes too; marks tell further categories apart.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c8c8c")
MARKS = ("o", "^", "s")
PANEL_INCHES, MARGIN_INCHES, LEGEND_INCHES, TITLE_INCHES = 2.4, 0.05, 1.45, 0.5


def labelled_clips(store: Store, most: int = MOST_CLIPS) -> Store | None:
    """Clips of known category to draw: of the split "test" where there is one, evenly taken; None if too few."""
    labelled = store.testing().labelled()
    if len(labelled) < FEWEST_CLIPS or len(labelled.categories) < 2:
        return None
    return labelled.take(np.unique(np.linspace(0, len(labelled) - 1, min(most, len(labelled))).astype(int)))


def features_of(system: DsolSystem, clips: Store) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, C) of whole pictures and of masked objects, of length 1: each clip by its middle frame."""
    found = []
    for start in track(range(0, len(clips), BATCH), "Computing features", unit="batches"):
        rows = range(start, min(start + BATCH, len(clips)))
        waveforms = np.stack([clips.waveform(i) for i in rows])
        found.append(picture_features(system, clips.middle_frames(rows), waveforms))
    whole, objects = zip(*found, strict=True)
    return np.concatenate(whole), np.concatenate(objects)


def picture_features(
    system: DsolSystem, frames: Sequence[np.ndarray], waveforms: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What figure 3 shows of B single-source pictures with their sound: of length 1, (B, C) each.

    Returns:
        The mean of f over the picture, and the visual part of the points that K-means clusters.
    """
    visual, audio = system.encode(frames, waveforms)
    points = system.network.objects(visual, audio)[1]
    channels = visual.features.shape[1]
    objects = points[:, :channels] - system.network.dictionary.origin[:channels]
    return _length_one(visual.features.mean(dim=(2, 3))), _length_one(objects)


def _length_one(vectors: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()


def clustering_nmi(features: np.ndarray, categories: Sequence[str], seed: int = 0) -> float:
    """NMI of categories with K-means clusters of features (N, C), K the number of categories; best of ten starts."""
    clusters = cluster(torch.as_tensor(features), len(set(categories)), starts=10, seed=seed)
    return nmi(categories, clusters.numpy())


def on_a_plane(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """t-SNE of features (N, C): (N, 2) in [0, 1]."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(features) - 1) / 3)
    points = TSNE(init="random", perplexity=perplexity, random_state=seed).fit_transform(np.asarray(features))
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - low) / np.maximum(high - low, 1e-9)


def features_figure(
    panels: Mapping[str, np.ndarray], categories: Sequence[str], path: str | Path, seed: int = 0, dpi: int = 200
) -> dict[str, float]:
    """Draw figure 3.

    Args:
        panels: features (N, C) by the title of their panel.
        categories: N names.
        path: of the image or PDF, written whole or not at all.
        seed: of K-means and t-SNE.
        dpi: pixels an inch.

    Returns:
        The NMI of each panel.

    Example:
        >>> features_figure({"masked object": objects}, clips.column("category"), "features.png")   # doctest: +SKIP
        {'masked object': 0.74}
    """
    from matplotlib.figure import Figure

    from dsol.evaluation.figures import save_figure

    found = {title: clustering_nmi(features, categories, seed) for title, features in panels.items()}
    width, height = len(panels) * PANEL_INCHES + LEGEND_INCHES, PANEL_INCHES + TITLE_INCHES
    figure = Figure(figsize=(width, height), facecolor="white")
    for n, (title, features) in enumerate(panels.items()):
        left, side = n * PANEL_INCHES + MARGIN_INCHES, PANEL_INCHES - 2 * MARGIN_INCHES
        axes = figure.add_axes((left / width, MARGIN_INCHES / height, side / width, side / height))
        _draw_points(axes, on_a_plane(features, seed), categories)
        axes.set_title(f"{title}\nNMI {found[title]:.2f}", size=9, pad=4, linespacing=1.3)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="center left", bbox_to_anchor=(len(panels) * PANEL_INCHES / width, 0.46),
                  frameon=False, fontsize=8, handletextpad=0.2, markerscale=1.4)  # fmt: skip
    save_figure(figure, Path(path), dpi)
    return found


def _draw_points(axes, points: np.ndarray, categories: Sequence[str]) -> None:
    names = np.asarray(categories)
    size = float(np.clip(2200 / len(points), 5, 26))
    for k, name in enumerate(sorted(set(categories))):
        mine = points[names == name]
        axes.scatter(*mine.T, s=size, color=COLOURS[k % len(COLOURS)], marker=MARKS[k // len(COLOURS) % len(MARKS)],
                     linewidths=0.3, edgecolors="white", label=name.replace("_", " "))  # fmt: skip
    axes.set(xticks=[], yticks=[], xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
    for spine in axes.spines.values():
        spine.set(color="#c8ccd2", linewidth=0.8)
