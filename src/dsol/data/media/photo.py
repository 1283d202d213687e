"""A picture from an image file."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dsol.errors import explained


def read_photo(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """A JPEG or PNG as (height, width, 3) uint8 RGB: turned as it asks; what is transparent is white.

    Args:
        path: the file.
        size: (width, height) in pixels to scale to; its own size if None.

    Raises:
        DsolError: no picture, or a broken one.
    """
    broken = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
    with explained(path, "is no picture: {}", "leave it out, or fetch it again", *broken), Image.open(path) as picture:
        colours = _as_meant(picture)
    if size is not None and colours.size != size:
        colours = colours.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(colours)


def _as_meant(picture: Image.Image) -> Image.Image:
    """RGB as a viewer shows it."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bit; Pillow would cut, not scale
        return Image.fromarray((np.asarray(picture).clip(0, 65_535) / 257 + 0.5).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(ground, picture).convert("RGB")
    return picture.convert("RGB")
