"""`general` with categories of its user's own videos, learned by `dsol train --start general` (training/extend.py).

Its dictionaries have a row more for each new category, so it predicts as `general` does. The new categories are
clusters, to be named like those of any model; the known ones stay.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dsol.model.file import fill, load_card
from dsol.model.general import GeneralSystem
from dsol.model.general_network import SIZE, GeneralNetwork
from dsol.model.maps import Maps, join_names
from dsol.model.vocabulary import vocabulary


class ExtendedSystem(GeneralSystem):
    """See `GeneralSystem`; a `dsol.model.system.ClusteringSystem`, too, whose first `card.known` names stay."""

    @classmethod
    def load(cls, path: str | Path, size: int | None = None, sources: int | None = None) -> "ExtendedSystem":
        """From a model file."""
        card = load_card(path)
        network = GeneralNetwork(vocabulary().extended(len(card.categories) - card.known))
        fill(network, path)
        return cls(network, card, SIZE)

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        return join_names(super().predict(frames, waveforms, keys))

    def named(self, names: Sequence[str]) -> "ExtendedSystem":
        """The same with other names for the new categories; names has one for each category, the known ones too."""
        return ExtendedSystem(self.network, self.renamed(names), self.size)

    def points(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> np.ndarray:
        """The scores (B, K) of all categories, of those of one name apart."""
        found = super().predict(frames, waveforms, [""] * len(frames)).score
        assert found is not None, "it is class-aware"
        return found

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """The likeliest category (N,) of scores (N, K)."""
        return points.argmax(1)
