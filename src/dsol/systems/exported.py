"""An exported model answers: ONNX Runtime in torch's place. `dsol.export` writes such files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dsol.config import Config
from dsol.errors import DsolError
from dsol.image import resize, stack
from dsol.maps import Maps
from dsol.onnx_file import OnnxFile, open_onnx
from dsol.systems.model_file import ModelCard, load_card

INPUTS = ("pictures", "waveforms")  # (B, 3, S, S) in [0, 1], RGB; (B, 16000) in [-1, 1], 16 kHz
OUTPUTS = ("area", "maps", "score")  # (B, H, W), (B, K, H, W), (B, K)


class ExportedSystem:
    """An exported model behind the interface of `dsol.systems.System`; it answers as the model that it was made of.

    Args:
        file: the model.
        card: its own, one name a category.
        size: side of the square that pictures are brought to before they are enlarged to what the model sees, pixels;
            as trained where None.

    Raises:
        DsolError: the model cannot see pictures of that size.
    """

    def __init__(self, file: OnnxFile, card: ModelCard, size: int | None = None):
        config = Config.from_dict(card.config)
        self.file, self.card = file, card
        self.side = int(file.inputs["pictures"][2])
        self.size = size or config.seen_size
        enlarges = config.stage_two.answer == "objects" and config.stage_two.enlarge == self.side
        if self.size > self.side or (self.size < self.side and not enlarges):
            what = f"this exported model looks at pictures of {self.side} pixels, not of {self.size}"
            raise DsolError("--size", what, "give the model that it was exported from")

    @classmethod
    def load(cls, path: str | Path, size: int | None = None) -> "ExportedSystem":
        """From a file of `dsol export`."""
        return cls(open_onnx(path), load_card(path), size)

    @property
    def categories(self) -> tuple[str, ...]:
        """K names."""
        return self.card.categories

    @property
    def threshold(self) -> float:
        """Score from which a category counts as heard and seen."""
        return self.card.threshold

    def answer(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.systems.System.answer`."""
        pictures = resize(stack(frames, self.size), self.side).numpy()
        area, maps, score = self.run(pictures, np.asarray(waveforms, np.float32))
        return Maps(tuple(keys), area, maps, score, self.categories)

    def run(self, pictures: np.ndarray, waveforms: np.ndarray) -> list[np.ndarray]:
        """Area (B, H, W), maps (B, K, H, W) and score (B, K) of pictures (B, 3, S, S) and waveforms (B, 16000)."""
        return self.file.session.run(OUTPUTS, dict(zip(INPUTS, (pictures, waveforms), strict=True)))
