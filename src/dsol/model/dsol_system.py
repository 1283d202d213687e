"""A trained network as a system: frames and waveforms in, `Maps` out; saving and naming.

The predictor does the work (predictor.py). This adds the conversion from NumPy, the model card, and the assignment of
single-source clips to clusters, by which these get their names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsol.config import Config
from dsol.errors import DsolError
from dsol.model.encoders import AudioFeatures, VisualFeatures
from dsol.model.file import ModelCard, SavedSystem, fill, load_card
from dsol.model.images import stack
from dsol.model.maps import Maps
from dsol.model.network import Network
from dsol.model.pictures import distinct
from dsol.model.predictor import Predictor

OF_OBJECTS = frozenset({  # options of inference that only the decoder "objects" uses
    "object_threshold", "audibility_threshold", "random_walk", "localization_map", "map_threshold", "map_smoothing",
    "objectness",
})  # fmt: skip


class DsolSystem(SavedSystem):
    """Our system behind the interface of `dsol.model.system.System`.

    Args:
        network: encoders and dictionary.
        card: names of the clusters, threshold and the rest of the model file's metadata.
        size: side of the pictures that the predictor is given, pixels; where None the recipe's for scenes.
    """

    network_type = Network
    network: Network

    def __init__(self, network: Network, card: ModelCard, size: int | None = None):
        super().__init__(network, card)
        self.predictor = Predictor(network, card.categories, Config.from_dict(card.config).inference, size)

    @classmethod
    def load(cls, path: str | Path, size: int | None = None, sources: int | None = None) -> "DsolSystem":
        """From a model file; `sources` is not needed: it finds out how many objects sound."""
        card = load_card(path)
        network = Network(Config.from_dict(card.config), load_weights=False)
        fill(network, path)
        return cls(network, card, size)

    @property
    def categories(self) -> tuple[str, ...]:
        """K categories; clusters of one name are one."""
        return self.predictor.names

    def named(self, names: Sequence[str]) -> "DsolSystem":
        """The same network with a name for each of its clusters."""
        return DsolSystem(self.network, self.renamed(names), self.predictor.size)

    def with_inference(self, changes: Mapping[str, Any]) -> "DsolSystem":
        """The same network with other options of inference.

        Raises:
            DsolError: no such option or value, or one that the decoder does not use.
        """
        config = Config.from_dict(self.card.config).replace(inference=dict(changes))
        unused = sorted(set(changes) & OF_OBJECTS)
        if unused and config.inference.decoder != "objects":
            what = f"acts in the decoder 'objects' only, this model's is {config.inference.decoder!r}"
            raise DsolError(f"--inference.{unused[0]}", what, "leave it out, or add --inference.decoder objects")
        return DsolSystem(self.network, replace(self.card, config=config.to_dict()), self.predictor.size)

    @torch.inference_mode()
    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        different, rows = distinct(frames)
        pictures = stack(different, self.predictor.size).to(self._device)
        found = self.predictor(pictures, self._tensor(waveforms), torch.from_numpy(rows).to(self._device))
        localization_map, maps, score = (part.cpu().numpy() for part in found)
        return Maps(tuple(keys), localization_map, maps, score, self.categories)

    @torch.inference_mode()
    def object_maps(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """Maps (B, K, H, W) of the visible objects; the sound is ignored."""
        pictures = stack(frames, self.predictor.size).to(self._device)
        return self.predictor.object_maps(self.predictor.encode_pictures(pictures)).cpu().numpy()

    @torch.inference_mode()
    def points(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> np.ndarray:
        """The points (B, P) that K-means clusters, of B single-source pictures with their sound, as in stage one."""
        return self.network.dictionary.place(self.network.objects(*self.encode(frames, waveforms))[1]).cpu().numpy()

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """The cluster (N,) of points (N, P), or of means of them."""
        return self.network.dictionary.nearest(self._tensor(points)).cpu().numpy()

    @torch.inference_mode()
    def encode(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> tuple[VisualFeatures, AudioFeatures]:
        """Features of B single-source pictures with their sound, at the picture size of stage one."""
        encoders, size = self.predictor.network.encoders, self.network.config.encoders.size
        visual = encoders.encode_pictures(stack(frames, size).to(self._device))
        return visual, self.predictor.encode_sounds(self._tensor(waveforms))

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32).to(self._device)

    @property
    def _device(self) -> torch.device:
        return self.network.dictionary.keys.device
