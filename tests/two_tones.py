"""A system of two tones and a video for it: what it must say of which moment is known."""

import numpy as np

from dsol.model.maps import Maps
from tests.videos import tone

CELLS = 14


def spot(x: float, y: float, radius: float = 0.12) -> np.ndarray:
    """(14, 14) a round spot, x and y in fractions of the frame."""
    rows, columns = (np.mgrid[:CELLS, :CELLS] + 0.5) / CELLS
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2)).astype(np.float32)


class TwoTones:
    """A system that knows two objects: one on the left that hums at 440 Hz, one on the right at 880 Hz."""

    categories = ("hummer", "whistler")
    threshold = 0.4

    def __init__(self):
        self.waveforms: list[np.ndarray] = []

    def predict(self, frames, waveforms, keys) -> Maps:
        self.waveforms.append(waveforms)
        spectrum = np.abs(np.fft.rfft(waveforms, axis=1)) / 8000  # 1 Hz a bin
        score = np.stack([spectrum[:, hz - 3 : hz + 4].max(axis=1) for hz in (440, 880)], axis=1) * 2
        score = np.clip(score, 0, 1).astype(np.float32)
        maps = score[:, :, None, None] * np.stack([spot(0.25, 0.5), spot(0.75, 0.5)])
        return Maps(tuple(keys), maps.max(axis=1), maps, score, self.categories)


def hum_then_whistle(times_s: np.ndarray) -> np.ndarray:
    """440 Hz in the first two seconds, 880 Hz in the next two, then silence."""
    return tone(times_s, 440.0) * (times_s < 2) + tone(times_s, 880.0) * ((times_s >= 2) & (times_s < 4))
