"""An exported model answers: ONNX Runtime in torch's place. `dsol.export` writes such files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dsol.config import Config
from dsol.errors import DsolError
from dsol.model.file import CardedSystem, ModelCard, read_card
from dsol.model.images import resize, stack
from dsol.model.maps import Maps
from dsol.model.onnx_file import OnnxFile, open_onnx

INPUTS = ("pictures", "waveforms")  # (B, 3, S, S) in [0, 1], RGB; (B, 16000) in [-1, 1], 16 kHz
OUTPUTS = ("area", "maps", "score")  # (B, H, W), (B, K, H, W), (B, K)
ORIGINAL = "give the model that it was exported from"


class ExportedSystem(CardedSystem):
    """An exported model as a `dsol.model.system.System`; it answers as the model that it was made of.

    Args:
        file: the model.
        card: its own, one name a category.
        size: side of the square that pictures are brought to before they are enlarged to what the model sees, pixels;
            as trained where None.

    Raises:
        DsolError: the model cannot be shown pictures of that size.
    """

    def __init__(self, file: OnnxFile, card: ModelCard, size: int | None = None):
        config = Config.from_dict(card.config)
        self.file, self.card, self.side = file, card, encoded_size(config)
        self.size = size or config.picture_size
        if not can_be_shown(config, self.size):
            what = f"this exported model looks at pictures of {self.side} pixels, not of {self.size}"
            raise DsolError("--size", what, ORIGINAL)

    @classmethod
    def load(cls, path: str | Path, size: int | None = None) -> "ExportedSystem":
        """From a file of `dsol export`.

        Raises:
            DsolError: it is none.
        """
        file = open_onnx(path)
        card = read_card(path, file.metadata)
        if set(file.inputs) != set(INPUTS) or set(file.outputs) != set(OUTPUTS):
            what = f"takes {', '.join(file.inputs)} and answers {', '.join(file.outputs)}"
            raise DsolError(path, what, f"give a file as `dsol export` writes it: {', '.join(INPUTS + OUTPUTS)}")
        return cls(file, card, size)

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`.

        Raises:
            DsolError: log-mel spectrograms in the place of waveforms.
        """
        if np.ndim(waveforms) != 2:
            raise DsolError("an exported model", "needs waveforms, these clips have none", ORIGINAL)
        pictures = resize(stack(frames, self.size), self.side).numpy()
        question = dict(zip(INPUTS, (pictures, np.asarray(waveforms, np.float32)), strict=True))
        area, maps, score = self.file.session.run(OUTPUTS, question)
        return Maps(tuple(keys), area, maps, score, self.categories)


def can_be_shown(config: Config, size: int) -> bool:
    """Whether an exported model of this configuration takes pictures of `size` pixels a side: what it looks at is
    fixed, smaller ones are enlarged to that only where the model itself does so."""
    encoded = encoded_size(config)
    return size == encoded or (size < encoded == config.inference.upscale)


def encoded_size(config: Config) -> int:
    """Side of the pictures that an exported model of this configuration encodes, pixels."""
    return max(config.picture_size, config.inference.upscale)
