"""The paper's figure 4: what each system sees sounding in a few scenes.

rows: systems; columns: scenes, and in a scene one picture for each annotated category
light: that category's map; green box: it sounds; red box: it is silent, and its map should be dark
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from dsol.boxes import Box, Frame
from dsol.errors import DsolError
from dsol.maps import Maps

SOUNDING, SILENT = "#1f9d55", "#d64545"
HEAT = colormaps["inferno"]
DIM = 0.55  # brightness of the picture below the light
PICTURE_INCHES = 1.35
LEFT_INCHES, TOP_INCHES, GAP_INCHES = 0.34, 0.45, 0.22


def scene_figure(
    frames: Sequence[np.ndarray], boxes: Sequence[Frame], maps: Mapping[str, Maps], path: str | Path, dpi: int = 200
) -> None:
    """Draw the maps of several systems for several scenes.

    Args:
        frames: the pictures, (h, w, 3) uint8 RGB each.
        boxes: the annotation of each picture; scenes without a box are left out.
        maps: of every system, by the name to print; they hold each scene by its key. The class maps are drawn,
            the sounding area where a system knows no categories. Within one system and scene all maps share one
            scale, so that a silent object is as dark as the system holds it to be.
        path: of the image or PDF, written whole or not at all.
        dpi: pixels an inch.

    Raises:
        DsolError: a system lacks a scene or a category, or there is nothing to draw.

    Example:
        >>> scene_figure([picture], [frame], {"ours": maps}, "scenes.png")      # doctest: +SKIP
    """
    scenes = [(picture, frame) for picture, frame in zip(frames, boxes, strict=True) if frame.boxes]
    if not scenes or not maps:
        raise DsolError(path, "has no scene or no system to draw", "give frames with boxes, and maps")
    counts = [len(_categories(frame)) for _, frame in scenes]
    width = LEFT_INCHES + sum(counts) * PICTURE_INCHES + (len(scenes) - 1) * GAP_INCHES
    height = TOP_INCHES + len(maps) * PICTURE_INCHES
    figure = Figure(figsize=(width, height), facecolor="white")
    for row, (name, answer) in enumerate(maps.items()):
        bottom = 1 - (TOP_INCHES + (row + 1) * PICTURE_INCHES) / height
        tall = PICTURE_INCHES / height
        figure.text(LEFT_INCHES / 2 / width, bottom + tall / 2, name, rotation=90, ha="center", va="center", size=9)
        left = LEFT_INCHES
        for (picture, frame), count in zip(scenes, counts, strict=True):
            place = (left / width, bottom, count * PICTURE_INCHES / width, tall)
            _draw_scene(figure, place, picture, frame, _lights(answer, frame, name), titled=row == 0)
            left += count * PICTURE_INCHES + GAP_INCHES
    _legend(figure, height)
    save_figure(figure, Path(path), dpi)


def _categories(frame: Frame) -> list[str]:
    """Sounding ones first."""
    sounding = {box.category for box in frame.boxes if box.sounding}
    return sorted({box.category for box in frame.boxes}, key=lambda name: (name not in sounding, name))


def _lights(answer: Maps, frame: Frame, system: str) -> list[np.ndarray]:
    """A map in [0, 1] for each annotated category."""
    if frame.key not in answer.keys:
        raise DsolError(frame.key, f"is not in the maps of {system!r}", "localise it with this system too")
    row = answer.keys.index(frame.key)
    if answer.maps is None:
        found = [answer.area[row]] * len(_categories(frame))
    else:
        unknown = set(_categories(frame)) - set(answer.categories)
        if unknown:
            raise DsolError(frame.key, f"has {sorted(unknown)}, which {system!r} does not know", "match clusters first")
        found = [answer.maps[row, answer.categories.index(name)] for name in _categories(frame)]
    highest = max(float(cells.max()) for cells in found)
    return [np.clip(cells / highest if highest > 0 else cells, 0, 1) for cells in found]


def _draw_scene(figure: Figure, place: tuple, picture: np.ndarray, frame: Frame, lights: list, titled: bool) -> None:
    left, bottom, width, height = place
    each = width / len(lights)
    inset = 0.02 * each
    for n, (category, cells) in enumerate(zip(_categories(frame), lights, strict=True)):
        axes = figure.add_axes((left + n * each + inset, bottom + inset, each - 2 * inset, height - 2 * inset))
        axes.imshow(lit(_square(picture), cells), interpolation="bilinear")
        axes.set_axis_off()
        mine = [box for box in frame.boxes if box.category == category]
        for box in mine:
            _draw_box(axes, box)
        if titled:
            colour = SOUNDING if any(box.sounding for box in mine) else SILENT
            axes.set_title(category.replace("_", " "), size=8.5, color=colour, pad=3)


def lit(picture: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """A picture in the light of a map.

    Args:
        picture: (h, w, 3) uint8 RGB.
        cells: (H, W) in [0, 1].

    Returns:
        (h, w, 3) float in [0, 1]: the picture dimmed, and glowing where the map is high.
    """
    height, width = picture.shape[:2]
    enlarged = Image.fromarray(np.asarray(cells, dtype=np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    heat = np.clip(np.asarray(enlarged), 0, 1)
    opacity = (0.85 * heat**0.8)[:, :, None]
    return DIM * (picture / 255) * (1 - opacity) + opacity * (0.65 * HEAT(heat)[:, :, :3] + 0.35 * picture / 255)


def _square(picture: np.ndarray, side: int = 320) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))


def _draw_box(axes, box: Box) -> None:
    x, y, w, h = (320 * edge for edge in box.xywh)
    for colour, line in (("white", 3.2), (SOUNDING if box.sounding else SILENT, 1.9)):
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), w, h, fill=False, edgecolor=colour, linewidth=line))


def _legend(figure: Figure, height: float) -> None:
    """Top right, in the colours of the boxes."""
    y = 1 - 0.13 / height
    figure.text(0.995, y, "silent", color=SILENT, size=8, ha="right", va="center", weight="bold")
    figure.text(0.995 - 0.42 / figure.get_figwidth(), y, "sounding", color=SOUNDING, size=8, ha="right", va="center",
                weight="bold")  # fmt: skip


def save_figure(figure: Figure, path: Path, dpi: int) -> None:
    """Write an image or PDF, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    FigureCanvasAgg(figure)
    figure.savefig(partial, dpi=dpi, format=path.suffix.removeprefix(".") or "png")
    os.replace(partial, path)
