"""A picture from an image file."""

from pathlib import Path

import numpy as np
from PIL import Image

from dsol.errors import DsolError


def read_photo(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """A JPEG or PNG as (height, width, 3) uint8 RGB.

    Args:
        path: the file.
        size: (width, height) in pixels to scale to; its own size if None.

    Raises:
        DsolError: no picture, or a broken one.
    """
    try:
        with Image.open(path) as picture:
            colours = picture.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DsolError(path, f"is no picture: {error}", "leave it out, or fetch it again") from None
    if size is not None and colours.size != size:
        colours = colours.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(colours)
