"""The heat map over a picture: each map in its colour with a line round it, and shade on everything else.

    maps ─▶ heat, at most `FINEST` wide ─▶ keep, added ─enlarged─▶ picture · keep + added

All of it is one multiplication and one addition a pixel, however many maps there are, in RGB as in planes of video.
"""

from collections.abc import Sequence
from functools import cache, lru_cache

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image

FINEST = 320  # pixels; heat is computed at most this wide and then enlarged: maps have 14 cells
GLOW, LINE = 0.45, 0.9  # opacity of the glow and of the line round it
SHADE = 0.28  # how much darker everything else becomes while something sounds
Heat = tuple[np.ndarray, Sequence[float], float]  # map (H, W), its colour in each plane, how visible in [0, 1]


def draw_heat(image: Image.Image, heats: Sequence[Heat]) -> None:
    """Draw heat maps over an RGB picture of any size; it is changed.

    Args:
        image: RGB.
        heats: (map, red, green and blue, how visible) each; a map's own maximum is its brightest place.
    """
    planes = list(np.moveaxis(np.asarray(image), 2, 0))
    image.paste(Image.fromarray(np.stack(with_heat(planes, heats, (0, 0, 0)), axis=2)))


def with_heat(planes: Sequence[np.ndarray], heats: Sequence[Heat], black: Sequence[float]) -> tuple[np.ndarray, ...]:
    """A picture with heat maps over it.

    Args:
        planes: its P planes, uint8, of any sizes; the first is the largest.
        heats: (map, colour as P values, how visible) each; a map's own maximum is its brightest place.
        black: the colour of the shade, P values.

    Returns:
        P new planes.
    """
    height, width = planes[0].shape
    fine = (max(2, min(width, FINEST)), max(2, round(height * min(width, FINEST) / width)))
    fields = [_enlarged(map_, fine) for map_, *_ in heats]
    brightest = np.max([_step(field, 0.1, 0.6) for field in fields], axis=0)
    layers = [(SHADE * max(visible for *_, visible in heats) * (1 - brightest), black)]
    for field, (_, colour, visible) in zip(fields, heats, strict=True):
        opacity = np.maximum(GLOW * _step(field, 0.3, 0.9), LINE * _line(field, 0.5, width=1.2))
        layers.append((opacity * visible, colour))
    keep, added = _joined(layers, len(planes))
    return tuple(_applied(plane, keep, part) for plane, part in zip(planes, added, strict=True))


def _joined(layers: Sequence[tuple[np.ndarray, Sequence[float]]], planes: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Layers (opacity (H, W), colour), the lowest first, as one: what share of the picture is kept, in 255ths, and what
    is added in each plane, both (H, W) uint8."""
    keep, added = np.ones_like(layers[0][0]), [np.zeros_like(layers[0][0]) for _ in range(planes)]
    for opacity, colour in layers:
        rest = 1 - opacity
        keep *= rest
        for part, value in zip(added, colour, strict=True):
            part *= rest
            part += opacity * np.float32(value)
    return (255 * keep + 0.5).astype(np.uint8), [(part + 0.5).astype(np.uint8) for part in added]


def _applied(plane: np.ndarray, keep: np.ndarray, added: np.ndarray) -> np.ndarray:
    """plane · keep / 255 + added, the last two enlarged to its size."""
    height, width = plane.shape
    share = _stretched(keep, width, height).astype(np.uint16)
    share += share >> 7  # 255 becomes 256: what is kept whole stays as it is
    share *= plane
    share >>= 8
    share += _stretched(added, width, height)
    return share.astype(np.uint8)


def _stretched(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    """(height, width) uint8, bilinear; by FFmpeg, which takes a tenth of Pillow's time."""
    if plane.shape == (height, width):
        return plane
    frame = av.VideoFrame.from_ndarray(plane, "gray")
    return _stretcher(plane.shape, width, height).reformat(
        frame, width, height, "gray", interpolation="BILINEAR", threads=1
    ).to_ndarray()  # fmt: skip


@lru_cache(maxsize=8)
def _stretcher(shape: tuple[int, int], width: int, height: int) -> VideoReformatter:
    return VideoReformatter()  # one for each pair of sizes: to prepare one takes longer than a plane


def _enlarged(map_: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map, its maximum made 1, smoothly at another width and height: (height, width)."""
    heat = np.asarray(map_, np.float32) / max(float(map_.max()), 1e-6)
    width, height = size
    return _weights(heat.shape[0], height) @ heat @ _weights(heat.shape[1], width).T


@cache
def _weights(cells: int, pixels: int) -> np.ndarray:
    """(pixels, cells) of bicubic enlargement: as a product of matrices it takes a tenth of Pillow's time."""
    unit = Image.fromarray(np.eye(cells, dtype=np.float32))
    return np.asarray(unit.resize((cells, pixels), Image.Resampling.BICUBIC))


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, smooth between them."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _line(heat: np.ndarray, level: float, width: float) -> np.ndarray:
    """The contour at `level` as opacity, `width` pixels to each side whatever the slope of the map."""
    down, right = np.gradient(heat)
    slope = np.sqrt(down * down + right * right) + np.float32(1e-4)
    return np.clip(np.float32(width) - np.abs(heat - np.float32(level)) / slope, 0, 1)
