"""Pictures without torch are the numbers that torch makes."""

import numpy as np
import pytest
import torch

from dsol.model.images import resize, stack
from dsol.model.pictures import resized, stacked

NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("size", [32, 100, 320])
def test_they_are_those_of_torch(size):
    shapes = [(90, 160), (48, 64), (200, 31), (size, size), (33, 500)]
    frames = [NOISE.integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
    np.testing.assert_allclose(stacked(frames, size), stack(frames, size).numpy(), atol=1e-5)


@pytest.mark.parametrize("size", [24, 48, 96])
def test_upscaling_is_that_of_torch(size):
    pictures = NOISE.random((2, 3, 48, 48), np.float32)
    np.testing.assert_allclose(resized(pictures, size), resize(torch.from_numpy(pictures), size).numpy(), atol=1e-5)
