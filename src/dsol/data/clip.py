"""One second of video: what a corpus yields, a store holds and a network is trained on."""

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16_000  # Hz, mono
FRAMES_PER_SECOND = 4  # stored of each second


@dataclass(frozen=True)
class Clip:
    """One second of one video.

    Attributes:
        video: name of the video, a relative path with forward slashes, unique in its corpus.
        second: whole seconds from the start of the video.
        frames: (T, height, width, 3) uint8 RGB; T is 4 where the video has that many, at least 1.
        times_s: (T,) seconds from the start of the video, one a frame.
        waveform: (16000,) float32 in [-1, 1], 16 kHz mono.
        category: name of the sounding object where it is known.
        split: "train", "test" or None.
    """

    video: str
    second: int
    frames: np.ndarray
    times_s: np.ndarray
    waveform: np.ndarray
    category: str | None = None
    split: str | None = None

    @property
    def key(self) -> str:
        """`video@second`, unique in a store."""
        return f"{self.video}@{self.second}"
