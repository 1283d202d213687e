"""What a network is trained on: one batch of clips as tensors."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Part:
    """Of the clips of a batch those that one of several processes works on; all of them where there is one process.

    Attributes:
        count: B, clips of the whole batch.
        rows: b of them, one after the other.
    """

    count: int
    rows: slice

    @classmethod
    def whole(cls, count: int) -> "Part":
        """All of so many clips."""
        return cls(count, slice(0, count))

    @property
    def size(self) -> int:
        """How many they are, b."""
        return self.rows.stop - self.rows.start


@dataclass(frozen=True)
class Batch:
    """B clips, b of them, in order, on the device of this process; b = B where it works alone.

    Attributes:
        pictures: (b, 3, S, S) in [0, 1]; with a frozen backbone its features (b, C, H, W).
        log_mel: (b, T, 64), input of the audio encoder.
        videos: (B,) number of the video of each clip of the whole batch.
        rows: (B,) row of each clip in the store.
        waveforms: (b, 16000) in [-1, 1], 16 kHz.
        part: which b of the B.
    """

    pictures: Tensor
    log_mel: Tensor
    videos: Tensor
    rows: Tensor
    waveforms: Tensor
    part: Part
