"""Pictures as input of a model, without torch: for an exported one the numbers that images.py makes, by Pillow."""

from collections.abc import Sequence

import numpy as np
from PIL import Image


def distinct(frames: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """The different arrays among B frames, P of them, and (B,) which of these each is: one that comes several times,
    with different sounds, is looked at once.

    Example:
        >>> one, other = np.zeros((90, 160, 3), np.uint8), np.ones((90, 160, 3), np.uint8)
        >>> [len(part) for part in distinct([one, one, other])]
        [2, 3]
    """
    different = {id(frame): frame for frame in frames}
    place = {of: n for n, of in enumerate(different)}
    return list(different.values()), np.array([place[id(frame)] for frame in frames], np.int64)


def stacked(frames: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Pictures of any sizes, (h, w, 3) uint8 RGB each, as one batch (B, 3, size, size) float32 in [0, 1].

    Example:
        >>> stacked([np.zeros((90, 160, 3), np.uint8), np.zeros((48, 64, 3), np.uint8)], 224).shape
        (2, 3, 224, 224)
    """
    found = np.empty((len(frames), 3, size, size), np.float32)
    for frame, picture in zip(frames, found, strict=True):
        for channel in range(3):
            picture[channel] = _resized(frame[:, :, channel].astype(np.float32), size)
    found /= 255
    return found


def resized(pictures: np.ndarray, size: int) -> np.ndarray:
    """(B, 3, h, w) float32 to (B, 3, size, size): bilinear, antialiased, the aspect ratio is not preserved."""
    if pictures.shape[2:] == (size, size):
        return pictures
    return np.stack([[_resized(channel, size) for channel in picture] for picture in pictures])


def _resized(channel: np.ndarray, size: int) -> np.ndarray:
    """(h, w) float32 to (size, size); in floats, for Pillow rounds what it resizes of bytes."""
    return np.asarray(Image.fromarray(channel).resize((size, size), Image.Resampling.BILINEAR))
