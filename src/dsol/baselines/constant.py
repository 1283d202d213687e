"""Baselines behind the interface of a system: fixed maps, and our class maps without or with perfect audio.

Blind        the same few maps whatever picture and sound: whole image, best centred box, random
             (made by `dsol.evaluation.blind`)
VisionOnly   our dictionary without the sound: every visible object counts as sounding
OracleSound  our dictionary, gated by the true sounding categories: the upper bound of our class maps
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dsol.model.maps import Maps

if TYPE_CHECKING:  # maps are scored without torch
    from dsol.model.dsol_system import DsolSystem


class Blind:
    """Predicts fixed maps.

    Args:
        area: (A, H, W) localisation maps.
        maps: (A, K, H, W) class maps.
        categories: K names.
        turns: which of the A maps the frame of each key gets.
    """

    def __init__(self, area: np.ndarray, maps: np.ndarray, categories: tuple[str, ...], turns: Mapping[str, int]):
        self.area, self.maps = area.astype(np.float32), maps.astype(np.float32)
        self.categories, self.turns = categories, turns

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        n = [self.turns[key] for key in keys]
        return Maps(tuple(keys), self.area[n], self.maps[n], self.maps[n].max(axis=(2, 3)), self.categories)


class VisionOnly:
    """Our class maps; the sound is ignored.

    Args:
        system: ours, named.
    """

    def __init__(self, system: "DsolSystem"):
        self.system, self.categories = system, system.categories

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        maps = self.system.object_maps(frames) * self.sounding(keys)[:, :, None, None]
        return Maps(tuple(keys), maps.max(axis=1), maps, maps.max(axis=(2, 3)), self.categories)

    def sounding(self, keys: Sequence[str]) -> np.ndarray:
        """(B, K) float32, 1 where the category sounds in a frame, 0 where it is silent."""
        return np.ones((len(keys), len(self.categories)), np.float32)


class OracleSound(VisionOnly):
    """Our class maps of the categories that truly sound.

    Args:
        system: see `VisionOnly`.
        truth: the sounding categories of each frame by its key.
    """

    def __init__(self, system: "DsolSystem", truth: Mapping[str, set[str]]):
        super().__init__(system)
        self.truth = truth

    def sounding(self, keys: Sequence[str]) -> np.ndarray:
        """See `VisionOnly.sounding`."""
        return np.array([[name in self.truth[key] for name in self.categories] for key in keys], np.float32)
