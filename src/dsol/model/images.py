"""Pictures as input of the network: to tensors, resized, augmented for training, normalised.

frames (B, h, w, 3) uint8 ──to_tensor──▶ (B, 3, h, w) in [0, 1] ──training_view | test_view──▶ (B, 3, size, size)
──normalise──▶ network. Every step works on a whole batch; every picture of it gets its own random draw.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dsol.model.batch import Part

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # red, green, blue in [0, 1]: ResNets
IMAGENET_STD = (0.229, 0.224, 0.225)
LITE0_MEAN = (127 / 255,) * 3  # EfficientNet-Lite0 expects (x - 127) / 128 of 0 … 255
LITE0_STD = (128 / 255,) * 3
JITTER = (0.7, 1.3)  # range of the brightness and colour factors, as in the released code
LUMA = (0.299, 0.587, 0.114)  # weights of red, green, blue in grey (BT.601)


def to_tensor(frames: np.ndarray | Tensor) -> Tensor:
    """(B, h, w, 3) uint8 to (B, 3, h, w) float32 in [0, 1]."""
    pictures = torch.as_tensor(frames)
    return pictures.permute(0, 3, 1, 2).contiguous().float().div_(255)


def stack(frames: Sequence[np.ndarray], size: int) -> Tensor:
    """Pictures of any sizes, (h, w, 3) uint8 each, as one batch (B, 3, size, size) float32 in [0, 1].

    Example:
        >>> stack([np.zeros((90, 160, 3), np.uint8), np.zeros((48, 64, 3), np.uint8)], 224).shape
        torch.Size([2, 3, 224, 224])
    """
    return torch.cat([resize(to_tensor(frame[None]), size) for frame in frames])


def resize(images: Tensor, size: int) -> Tensor:
    """(B, 3, h, w) to (B, 3, size, size): bilinear, antialiased, the aspect ratio is not preserved."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)


def test_view(images: Tensor, size: int) -> Tensor:
    """The input at test time, and of composed scenes always: the whole picture."""
    return resize(images, size)


test_view.__test__ = False  # pytest: not a test


def training_view(
    images: Tensor,
    size: int,
    generator: torch.Generator,
    jitter: tuple[float, float] = JITTER,
    part: Part | None = None,
) -> Tensor:
    """Random crop, flip, brightness and colour, drawn for every picture on its own.

    Args:
        images: (B, 3, h, w) float32 in [0, 1], h and w at least `size`; 256 × 256 in the paper.
        size: side of the crop in pixels; 224 in the paper.
        generator: source of the draws, on the CPU or on the pictures' device.
        jitter: range of the factors of brightness and colour.
        part: the pictures are these of a larger batch, and get the views that they have in it.

    Returns:
        (B, 3, size, size) float32 in [0, 1].

    Example:
        >>> training_view(torch.rand(8, 3, 256, 256), 224, torch.Generator().manual_seed(0)).shape
        torch.Size([8, 3, 224, 224])
    """
    part = part or Part.whole(len(images))
    draws = torch.rand(5, part.count, generator=generator, device=generator.device).to(images.device)
    top, left, flip, bright, colour = draws[:, part.rows]
    low, high = jitter
    images = crop(images, size, top, left)
    images = torch.where(flip.lt(0.5)[:, None, None, None], images.flip(-1), images)
    images = brightness(images, low + (high - low) * bright)
    return saturation(images, low + (high - low) * colour)


def crop(images: Tensor, size: int, top: Tensor, left: Tensor) -> Tensor:
    """Cut a square out of each picture.

    Args:
        images: (B, 3, h, w).
        size: its side in pixels.
        top, left: (B,) where, in [0, 1): 0 is the upper or left edge, 1 as far down or right as it can be.

    Returns:
        (B, 3, size, size)
    """
    windows = images.unfold(2, size, 1).unfold(3, size, 1)  # a view: (B, 3, rows, columns, size, size)
    rows, columns = windows.shape[2:4]
    each = torch.arange(len(images), device=images.device)
    return windows[each, :, (top * rows).long(), (left * columns).long()]


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Scale each (3, h, w) picture of a batch by its factor, (B,): 0 is black, 1 leaves it as it is."""
    return (images * factor[:, None, None, None]).clamp_(0, 1)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Pull each (3, h, w) picture of a batch away from grey by its factor, (B,): 0 is grey, 1 leaves it as it is."""
    weights = images.new_tensor(LUMA)[:, None, None]
    grey = (images * weights).sum(1, keepdim=True)
    return torch.lerp(grey, images, factor[:, None, None, None]).clamp_(0, 1)


def normalise(images: Tensor, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD) -> Tensor:
    """(B, 3, h, w) in [0, 1] to what a backbone was trained on: (x - mean) / std per colour."""
    return (images - images.new_tensor(mean)[:, None, None]) / images.new_tensor(std)[:, None, None]
