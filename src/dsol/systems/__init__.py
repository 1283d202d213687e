"""Ours, the compared systems and the floors, behind one interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from dsol.errors import DsolError
from dsol.maps import Maps


class System(Protocol):
    """Anything that localises sound: it takes pictures with sound and answers `Maps`."""

    categories: tuple[str, ...]  # K names; clusters ("cluster 3") until they are named; empty if class-agnostic

    def answer(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """Localise the sound of B pictures.

        Args:
            frames: B pictures, (height, width, 3) uint8 RGB of any size.
            waveforms: (B, 16000) float32, one second of 16 kHz mono sound around each picture; or (B, 201, 64), its
                log-mel spectrogram, where nothing else is to be had (the official synthetic scenes).
            keys: B names, handed through to `Maps.keys`.
        """
        ...


def load_system(path: str | Path, size: int | None = None) -> System:
    """The system in a model file or run folder.

    Args:
        path: a model file, or a run folder that holds one.
        size: side of the picture that the network sees, pixels; as trained where None.

    Raises:
        DsolError: no model there, or one of a system that this version does not know.
    """
    from dsol.systems.model_file import find_model, load_card
    from dsol.systems.ours import OurSystem

    file = find_model(path)
    known = {"dsol": OurSystem}
    system = load_card(file).system
    if system not in known:
        raise DsolError(file, f"holds the unknown system '{system}'", f"known here: {', '.join(known)}")
    return known[system].load(file, size)
