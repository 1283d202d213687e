"""Where the sources of a scene go in its picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

LAYOUTS = ("grid", "free")
EMPTY = 127  # grey of grid places without a source
SIDES = (0.5, 0.95)  # free layout: side of a source, as a share of its place in the grid
SHRINK = 0.96  # free layout: applied after a try in which the sources did not fit
PLACES_TRIED = 20  # per source and try
COLOURS = (60, 196)  # of plain backgrounds: muted
BLUR = 6  # cells a side that a blurred background is made of


@dataclass(frozen=True)
class Tile:
    """Where one source goes, in pixels of the scene."""

    left: int
    top: int
    side: int

    def meets(self, other: "Tile") -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.left + other.side
            and other.left < self.left + self.side
            and self.top < other.top + other.side
            and other.top < self.top + self.side
        )


def canvas_size(objects: int, tile: int) -> tuple[int, int]:
    """(width, height) in pixels of a scene, nearly square.

    Example:
        >>> canvas_size(4, 224), canvas_size(3, 100), canvas_size(2, 100)
        ((448, 448), (200, 200), (200, 100))
    """
    columns = math.ceil(math.sqrt(objects))
    return columns * tile, math.ceil(objects / columns) * tile


def grid(objects: int, tile: int) -> list[Tile]:
    """Side by side, row after row; for four the paper's 2×2."""
    columns = math.ceil(math.sqrt(objects))
    return [Tile(k % columns * tile, k // columns * tile, tile) for k in range(objects)]


def free(objects: int, tile: int, random: np.random.Generator) -> list[Tile]:
    """At random places and of random sizes, without overlap: no fixed grid to be learnt as a shortcut."""
    scale = 1.0
    while True:
        tiles = _scatter([round(s * scale * tile) for s in random.uniform(*SIDES, objects)],
                         canvas_size(objects, tile), random)  # fmt: skip
        if tiles is not None:
            return tiles
        scale *= SHRINK


def _scatter(sides: Sequence[int], size: tuple[int, int], random: np.random.Generator) -> list[Tile] | None:
    tiles: list[Tile] = []
    for side in sides:
        places = random.integers(0, [size[0] - side + 1, size[1] - side + 1], (PLACES_TRIED, 2))
        tried = (Tile(int(left), int(top), side) for left, top in places)
        tile = next((t for t in tried if not any(t.meets(other) for other in tiles)), None)
        if tile is None:
            return None
        tiles.append(tile)
    return tiles


def paint(background: Image.Image, frames: Sequence[np.ndarray], tiles: Sequence[Tile]) -> np.ndarray:
    """Put each frame, resized to a square, in its place.

    Args:
        background: as large as the scene.
        frames: one a source, (height, width, 3) uint8.
        tiles: their places.

    Returns:
        (height, width, 3) uint8.
    """
    for frame, tile in zip(frames, tiles, strict=True):
        small = Image.fromarray(frame).resize((tile.side, tile.side), Image.Resampling.BILINEAR)
        background.paste(small, (tile.left, tile.top))
    return np.asarray(background)


def plain(size: tuple[int, int], colour: tuple[int, int, int] = (EMPTY, EMPTY, EMPTY)) -> Image.Image:
    """One colour."""
    return Image.new("RGB", size, colour)


def backdrop(size: tuple[int, int], frames: Sequence[np.ndarray], random: np.random.Generator) -> Image.Image:
    """The background of freely placed sources: a colour, or the blurred mean of all, which favours none."""
    if random.random() < 0.5:
        red, green, blue = random.integers(*COLOURS, 3).tolist()
        return plain(size, (red, green, blue))
    small = [np.asarray(Image.fromarray(f).resize((BLUR, BLUR), Image.Resampling.BOX), np.float32) for f in frames]
    return Image.fromarray(np.mean(small, axis=0).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def box_in_scene(
    xywh: tuple[float, float, float, float], tile: Tile, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """A box of a source's frame, in fractions of the scene.

    Example:
        >>> box_in_scene((0.5, 0.0, 0.5, 1.0), Tile(224, 224, 224), (448, 448))
        (0.75, 0.5, 0.25, 0.5)
    """
    (x, y, w, h), (width, height) = xywh, size
    return ((tile.left + x * tile.side) / width, (tile.top + y * tile.side) / height,
            w * tile.side / width, h * tile.side / height)  # fmt: skip
