"""The heat map as one would write it down: every layer over every pixel, in floats."""

import numpy as np
from PIL import Image


def heat_over(picture: np.ndarray, heats: list) -> np.ndarray:
    """(h, w, 3) with heat maps (map, RGB, how visible) over it; see `dsol.localize.heat`."""
    height, width = picture.shape[:2]
    fields = [_smooth(map_ / map_.max(), width, height) for map_, *_ in heats]
    shade = 0.28 * max(visible for *_, visible in heats)
    shown = picture * (1 - shade * (1 - np.max([_step(field, 0.1, 0.6) for field in fields], axis=0)))[..., None]
    for field, (_, colour, visible) in zip(fields, heats, strict=True):
        slope = np.hypot(*np.gradient(field))
        line = np.clip(1.2 * max(1, width / 320) - abs(field - 0.5) / (slope + 1e-6), 0, 1)
        opacity = visible * np.maximum(0.45 * _step(field, 0.3, 0.9), 0.9 * line)[..., None]
        shown = shown * (1 - opacity) + opacity * np.array(colour)
    return shown


def _smooth(map_: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(map_.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)
