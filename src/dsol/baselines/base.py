"""What the compared systems share: a network with one loss on single-source clips that predicts one map.

pictures, sounds, pairs that do not match ─ network ─▶ loss        (training: `dsol.training.baseline`)
                         picture, sound ─ network ─▶ localisation map (B, H, W)
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from dsol.config import Config
from dsol.model.batch import Batch
from dsol.model.encoders import VisualEncoder
from dsol.model.file import ModelCard, SavedSystem, fill, load_card
from dsol.model.images import stack
from dsol.model.maps import Maps

Pairs = tuple[Tensor, Tensor]  # (M,) sounds and (M,) pictures of a batch that belong to different videos


class BaselineNetwork(nn.Module, ABC):
    """What is trained and saved.

    Args:
        config: every option.
        encoders: holds the visual backbone.
    """

    clusters: int = 0  # that it separates; 0: it is class-agnostic
    mixes: bool = False  # whether it needs exactly one other clip for each clip

    def __init__(self, config: Config, encoders: VisualEncoder):
        super().__init__()
        self.config, self.encoders = config, encoders

    @abstractmethod
    def forward(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor, pairs: Pairs) -> Tensor:
        """The loss of a batch; for the arguments see `Batch` and `Pairs`."""

    @abstractmethod
    def localization_map(self, pictures: Tensor, log_mel: Tensor, waveforms: Tensor) -> Tensor:
        """The localisation map, (B, H, W) in [0, 1]."""

    def finalise(self, batches: Iterable[Batch]) -> None:
        """Statistics over all training clips, measured once the weights are final."""

    def for_inference(self) -> Self:
        """A faster copy for inference."""
        fast = copy.deepcopy(self).eval().requires_grad_(False)
        fast.encoders = self.encoders.for_inference()
        return fast


class BaselineSystem(SavedSystem):
    """A compared system behind the interface of `dsol.model.system.System`.

    Args:
        network: trained.
        card: the model file's metadata.
        size: side of the network's input picture, pixels; as trained where None.
        sources: how many objects sound; used only by a system that cannot infer it.
    """

    network_type: ClassVar[type[BaselineNetwork]]
    network: BaselineNetwork
    fast: BaselineNetwork

    def __init__(self, network: BaselineNetwork, card: ModelCard, size: int | None = None, sources: int | None = None):
        super().__init__(network, card)
        self.sources = sources
        self.fast = network.for_inference()
        self.size = size or network.config.encoders.size

    @classmethod
    def load(cls, path: str | Path, size: int | None = None, sources: int | None = None) -> Self:
        """From a model file."""
        card = load_card(path)
        network = cls.network_type(Config.from_dict(card.config), load_weights=False)  # type: ignore[call-arg]
        fill(network, path)
        return cls(network, card, size, sources)

    @torch.inference_mode()
    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        maps = self.fast.localization_map(*self.inputs(frames, waveforms))
        return Maps(tuple(keys), maps.cpu().numpy())

    def inputs(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (B, 3, S, S), log-mels (B, T, 64) and waveforms (B, 16000) on the network's device."""
        device = next(self.network.parameters()).device
        sounds = torch.as_tensor(waveforms, dtype=torch.float32).to(device)
        return stack(frames, self.size).to(device), self.network.encoders.spectrogram(sounds), sounds
