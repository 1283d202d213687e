"""Small made-up annotations and maps."""

import numpy as np

from dsol.data.boxes import Box, Boxes, Frame
from dsol.model.maps import Maps

CATEGORIES = ("cello", "flute", "tuba", "violin")


def boxes_of(rng: np.random.Generator, frames: int = 8, silent: float = 0.3, most: int = 4) -> Boxes:
    """Frames of three videos with 0 … `most` boxes, some of them of one category, some silent, some tiny."""
    return Boxes(CATEGORIES, tuple(
        Frame(f"v{n % 3}.mp4", n / 4, tuple(box_of(rng, silent) for _ in range(rng.integers(0, most + 1))))
        for n in range(frames)
    ))  # fmt: skip


def box_of(rng: np.random.Generator, silent: float) -> Box:
    x, y = rng.uniform(0, 0.7, 2)
    w, h = rng.uniform(0.005, 0.6, 2)
    xywh = (x, y, min(w, 1 - x), min(h, 1 - y))
    return Box(str(rng.choice(CATEGORIES)), xywh, bool(rng.random() >= silent))


def maps_of(rng: np.random.Generator, boxes: Boxes, shape: tuple[int, int] = (7, 7), aware: bool = True) -> Maps:
    """Softmax-like class maps, and a sounding area that is their maximum."""
    raised = np.exp(2 * rng.normal(size=(len(boxes), len(CATEGORIES), *shape)))
    maps = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    keys = tuple(frame.key for frame in boxes)
    return Maps(keys, maps.max(axis=1), maps if aware else None, None, CATEGORIES if aware else ())


def part(maps: Maps, rows: list[int]) -> Maps:
    """Some frames of a batch."""
    return Maps(
        tuple(maps.keys[r] for r in rows), maps.area[rows], None if maps.maps is None else maps.maps[rows],
        None, maps.categories,
    )  # fmt: skip
