"""The paper's figure 4: what each system localises in a few scenes.

rows: systems; columns: scenes, and in a scene one picture for each annotated category; what does not fit side by
side follows below
heat map: of that category; green box: it sounds; red box: it is silent, and its map should be empty
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from dsol.data.boxes import Box, Frame
from dsol.errors import DsolError
from dsol.files import whole
from dsol.letters import finalise
from dsol.model.maps import Maps

SOUNDING, SILENT = "#1f9d55", "#d64545"
HEAT = colormaps["inferno"]
DIM = 0.55  # brightness of the picture below the heat map
SIDE, MARGIN, GAP = 1.35, 0.027, 0.16  # of a picture, around it, between scenes, inches
LEFT, TITLE, LEGEND = 0.34, 0.3, 0.22  # room for names of systems, of categories, and for the legend, inches
MOST_ACROSS = 8  # pictures side by side


def scene_figure(
    frames: Sequence[np.ndarray], boxes: Sequence[Frame], maps: Mapping[str, Maps], path: str | Path, dpi: int = 200
) -> None:
    """Draw the maps of several systems for several scenes.

    Args:
        frames: the pictures, (h, w, 3) uint8 RGB each.
        boxes: the annotation of each picture; scenes without a box are left out.
        maps: of every system, by the name to print; they hold each scene by its key. The class maps are drawn,
            the localisation map where a system is class-agnostic. Within one system and scene all maps share one
            scale, so that a silent object is as dark as the system predicts it.
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
    bands = _bands(scenes)
    width = LEFT + max(sum(len(_categories(f)) * SIDE + GAP for _, f in band) for band in bands)
    height = LEGEND + len(bands) * (TITLE + len(maps) * SIDE)
    figure, axes = _canvas(width, height)
    top = LEGEND
    for band in bands:
        top += TITLE
        for row, (name, predicted) in enumerate(maps.items()):
            axes.text(LEFT / 2, top + SIDE / 2, name, rotation=90, ha="center", va="center", size=9)
            left = LEFT
            for picture, frame in band:
                _draw_scene(axes, left, top, picture, frame, _heat_maps(predicted, frame, name), titled=row == 0)
                left += len(_categories(frame)) * SIDE + GAP
            top += SIDE
    _draw_legend(axes, width - GAP)
    save_figure(figure, Path(path), dpi)


def _canvas(width: float, height: float):
    """A figure, and axes of all of it whose units are inches, from its top left corner."""
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    return figure, axes


def _bands(scenes: Sequence[tuple[np.ndarray, Frame]]) -> list[list[tuple[np.ndarray, Frame]]]:
    """Scenes that stand side by side: as many as fit, one at least."""
    bands: list[list[tuple[np.ndarray, Frame]]] = []
    free = 0
    for scene in scenes:
        count = len(_categories(scene[1]))
        if count > free:
            bands.append([])
            free = MOST_ACROSS
        bands[-1].append(scene)
        free -= count
    return bands


def _categories(frame: Frame) -> list[str]:
    """Sounding ones first."""
    sounding = {box.category for box in frame.boxes if box.sounding}
    return sorted({box.category for box in frame.boxes}, key=lambda name: (name not in sounding, name))


def _heat_maps(maps: Maps, frame: Frame, system: str) -> list[np.ndarray]:
    """A map in [0, 1] for each annotated category."""
    if frame.key not in maps.keys:
        raise DsolError(frame.key, f"is not in the maps of {system!r}", "localise it with this system too")
    row = maps.keys.index(frame.key)
    if maps.maps is None:
        found = [maps.area[row]] * len(_categories(frame))
    else:
        unknown = set(_categories(frame)) - set(maps.categories)
        if unknown:
            raise DsolError(frame.key, f"has {sorted(unknown)}, which {system!r} does not know", "match clusters first")
        found = [maps.maps[row, maps.categories.index(name)] for name in _categories(frame)]
    highest = max(float(cells.max()) for cells in found)
    return [np.clip(cells / highest if highest > 0 else cells, 0, 1) for cells in found]


def _draw_scene(axes, left: float, top: float, picture: np.ndarray, frame: Frame, maps: list, titled: bool) -> None:
    square = _square(picture)
    for n, (category, cells) in enumerate(zip(_categories(frame), maps, strict=True)):
        x, y, side = left + n * SIDE + MARGIN, top + MARGIN, SIDE - 2 * MARGIN
        axes.imshow(lit(square, cells), extent=(x, x + side, y + side, y), interpolation="bilinear", aspect="auto")
        mine = [box for box in frame.boxes if box.category == category]
        for box in mine:
            _draw_box(axes, box, x, y, side)
        if titled:
            colour = SOUNDING if any(box.sounding for box in mine) else SILENT
            text = category.replace("_", " ")
            axes.text(x + side / 2, top - 0.02, text, size=8.5, color=colour, ha="center", va="bottom")


def lit(picture: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """A picture with a heat map on it.

    Args:
        picture: (h, w, 3) uint8 RGB.
        cells: (H, W) in [0, 1].

    Returns:
        (h, w, 3) float in [0, 1]: the picture dimmed, and bright where the map is high.
    """
    height, width = picture.shape[:2]
    upscaled = Image.fromarray(np.asarray(cells, dtype=np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    heat = np.clip(np.asarray(upscaled), 0, 1)
    opacity = (0.85 * heat**0.8)[:, :, None]
    return DIM * (picture / 255) * (1 - opacity) + opacity * (0.65 * HEAT(heat)[:, :, :3] + 0.35 * picture / 255)


def _square(picture: np.ndarray, side: int = 320) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))


def _draw_box(axes, box: Box, left: float, top: float, side: float) -> None:
    x, y, w, h = (side * part for part in box.xywh)
    for colour, line in (("white", 3.2), (SOUNDING if box.sounding else SILENT, 1.9)):
        axes.add_patch(Rectangle((left + x, top + y), w, h, fill=False, edgecolor=colour, linewidth=line))


def _draw_legend(axes, right: float) -> None:
    """Top right, in the colours of the boxes."""
    for text, colour, inches in (("silent", SILENT, 0.0), ("sounding", SOUNDING, 0.42)):
        axes.text(right - inches, 0.14, text, color=colour, size=8, ha="right", va="center", weight="bold")


def save_figure(figure: Figure, path: Path, dpi: int) -> None:
    """Write an image or PDF, whole or not at all."""
    finalise(figure)
    FigureCanvasAgg(figure)
    with whole(path) as partial:
        figure.savefig(partial, dpi=dpi, format=path.suffix.removeprefix(".") or "png")
