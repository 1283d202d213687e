"""What a network is trained on: one batch of clips as tensors."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B clips on the device.

    Attributes:
        pictures: (B, 3, S, S) in [0, 1]; with a frozen backbone its features (B, C, H, W).
        log_mel: (B, T, 64), input of the audio encoder.
        videos: (B,) number of the video of each clip.
        rows: (B,) row of each clip in the store.
        waveforms: (B, 16000) in [-1, 1], 16 kHz.
    """

    pictures: Tensor
    log_mel: Tensor
    videos: Tensor
    rows: Tensor
    waveforms: Tensor
