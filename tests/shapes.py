"""A corpus of shapes and tones: four categories that a tiny network learns in seconds."""

from pathlib import Path

import numpy as np

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.prepare import prepare
from dsol.data.store import Store
from tests.videos import write_video

CATEGORIES = ("bar", "disc", "ring", "square")
SIZE = 64  # pixels


def shape(category: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where the shape is, (h, w) bool, around the origin within ±1."""
    radius = np.hypot(x, y)
    return {
        "bar": (abs(x) < 1) & (abs(y) < 0.3),
        "disc": radius < 1,
        "ring": (radius < 1) & (radius > 0.6),
        "square": (abs(x) < 0.9) & (abs(y) < 0.9),
    }[category]


def write_shape(path: Path, category: str, seed: int, seconds: float = 2.0) -> tuple[float, float, float, float]:
    """One video of one shape with the tone of its category; returns its box, xywh in fractions."""
    rng = np.random.default_rng(seed)
    centre, half = rng.uniform(0.3, 0.7, 2), 0.22
    colour = np.zeros(3)
    colour[CATEGORIES.index(category) % 3] = 1.0
    ground = rng.uniform(0.3, 0.5)

    def picture(time_s: float, width: int, height: int) -> np.ndarray:
        y, x = np.mgrid[:height, :width] / SIZE
        mask = shape(category, (x - centre[0]) / half, (y - centre[1]) / half)
        return (np.where(mask[..., None], 0.3 + 0.6 * colour, ground) * 255).astype(np.uint8)

    hertz = (300, 800, 2000, 5000)[CATEGORIES.index(category)] * rng.uniform(0.9, 1.1)

    def sound(times_s: np.ndarray) -> np.ndarray:
        return (0.4 * np.sin(2 * np.pi * hertz * times_s)).astype(np.float32)

    write_video(path, seconds, (SIZE, SIZE), 8, picture, sound, layout="mono")
    return (*(centre - half), 2 * half, 2 * half)


def write_corpus(folder: Path, train: int = 4, test: int = 1) -> Path:
    """`train` and `test` videos of each category, with boxes."""
    frames = []
    for split, count in (("train", train), ("test", test)):
        for category in CATEGORIES:
            (folder / split / category).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                video = f"{split}/{category}/{i}.mp4"
                seed = 100 * i + 10 * CATEGORIES.index(category) + (split == "test")
                xywh = write_shape(folder / video, category, seed=seed)
                frames += [Frame(video, float(t), (Box(category, xywh),)) for t in (0.0, 1.0)]
    Boxes(CATEGORIES, tuple(frames)).save(folder / "boxes.json")
    return folder


def shape_store(folder: Path, train: int = 4) -> Store:
    """The corpus, prepared."""
    return prepare(write_corpus(folder / "corpus", train), folder / "store", size=SIZE, workers=1)
