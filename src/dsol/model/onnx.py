"""Inference of an exported model: ONNX Runtime in place of torch. `dsol.export` writes such files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dsol.config import Config
from dsol.errors import DsolError
from dsol.model.file import CardedSystem, ModelCard, read_card
from dsol.model.maps import Maps, join_names
from dsol.model.onnx_file import OnnxFile, open_onnx
from dsol.model.pictures import distinct, resized, stacked

INPUTS = ("pictures", "waveforms")  # (B, 3, S, S) in [0, 1], RGB; (B, 16000) in [-1, 1], 16 kHz
ROWS = "rows"  # (B,) the picture of each sound, a third input of the shipped models: there may be fewer pictures
OUTPUTS = ("area", "maps", "score")  # (B, H, W), (B, K, H, W), (B, K)
APART = ("heard", "seen")  # (B, K) each; further outputs of `general`, which tells hearing from seeing
ORIGINAL = "give the model that it was exported from"


class ExportedSystem(CardedSystem):
    """An exported model as a `dsol.model.system.System`; its predictions are those of the original.

    Args:
        file: the model.
        card: its own, one name a category.
        size: side of the square that pictures are resized to before they are upscaled to the model's input, pixels;
            as trained where None.

    Raises:
        DsolError: the model does not take pictures of that size.
    """

    def __init__(self, file: OnnxFile, card: ModelCard, size: int | None = None):
        config = Config.from_dict(card.config)
        self.file, self.card, self.side = file, card, encoded_size(config)
        self.size = size or config.picture_size
        if not takes_size(config, self.size):
            what = f"this exported model takes pictures of {self.side} pixels, not of {self.size}"
            raise DsolError("--size", what, ORIGINAL)

    @classmethod
    def load(cls, path: str | Path, size: int | None = None) -> "ExportedSystem":
        """From a file of `dsol export`.

        Raises:
            DsolError: it is none.
        """
        file = open_onnx(path)
        card = read_card(path, file.metadata)
        if set(file.inputs) - {ROWS} != set(INPUTS) or set(file.outputs) != set(outputs_of(card)):
            what = f"has the inputs {', '.join(file.inputs)} and the outputs {', '.join(file.outputs)}"
            raise DsolError(
                path, what, f"give a file as `dsol export` writes it: {', '.join(INPUTS + outputs_of(card))}"
            )
        return cls(file, card, size)

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`.

        Raises:
            DsolError: log-mel spectrograms in the place of waveforms.
        """
        if np.ndim(waveforms) != 2:
            raise DsolError("an exported model", "needs waveforms, these clips have none", ORIGINAL)
        different, rows = distinct(frames)
        pictures = resized(stacked(different, self.size), self.side)
        inputs = {"pictures": pictures, "waveforms": np.asarray(waveforms, np.float32), ROWS: rows}
        if ROWS not in self.file.inputs:
            inputs["pictures"] = pictures[inputs.pop(ROWS)]
        outputs = outputs_of(self.card)
        found = dict(zip(outputs, self.file.session.run(outputs, inputs), strict=True))
        return join_names(Maps(tuple(keys), categories=self.card.categories, **found))


def outputs_of(card: ModelCard) -> tuple[str, ...]:
    """The names of what an exported model predicts."""
    return OUTPUTS + APART if card.is_general else OUTPUTS


def takes_size(config: Config, size: int) -> bool:
    """Whether an exported model of this configuration takes pictures of `size` pixels a side: its input
    is fixed, smaller ones are upscaled to that only where the model itself does so."""
    encoded = encoded_size(config)
    return size == encoded or (size < encoded == config.inference.upscale)


def encoded_size(config: Config) -> int:
    """Side of the pictures that an exported model of this configuration encodes, pixels."""
    return max(config.picture_size, config.inference.upscale)
