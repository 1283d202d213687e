"""One frame of the annotated video: glow, box and label of everything that sounds, and the strip below.

Everything between two answers (four a second) glides, so that nothing jumps or flickers: the maps, the
boxes, and how visible a category is.
"""

from functools import cache

import numpy as np
from PIL import Image

from dsol.data.states import SEEN, UNKNOWN
from dsol.localize.localization import Timeline
from dsol.localize.marks import VISIBLE, Marks, glide
from dsol.localize.palette import NIGHT, Colour, colours_of
from dsol.localize.show import Show
from dsol.localize.strip import Strip, lanes_of

SMALLEST_SIDE = 320  # pixels; smaller pictures are doubled (or more), or labels would cover them
FINEST_GLOW = 320  # pixels; the glow is computed at most this wide and then enlarged: maps have 14 cells
LARGEST_SIDE = 4096  # pixels up to which a small picture is enlarged, however thin it is
GLOW, LINE = 0.45, 0.9  # opacity of the glow and of the line round it
SHADE = 0.28  # how much darker everything else becomes while something sounds
USUAL = Show()


class Painter:
    """Paints the frames of one video.

    Args:
        timeline: who sounds when, in the whole video.
        show: what is painted.

    Attributes:
        places: the categories that are painted, as places in `timeline.categories`.
        size: width and height of the painted frames in pixels, both even as video encoders want them.
    """

    def __init__(self, timeline: Timeline, show: Show = USUAL):
        self.timeline, self.show = timeline, show
        there = np.flatnonzero((timeline.states >= 0).any(axis=0)).tolist()
        self.places = np.array(sorted({*timeline.ever_sounding, *there}), int)
        self.colours = colours_of(self.places.tolist())
        times = _zoom(timeline.size)
        self.picture = (timeline.size[0] * times, timeline.size[1] * times)
        width = max(self.picture[0] + self.picture[0] % 2, SMALLEST_SIDE)  # the strip must have room
        self.letters = min(max(round(6 + width / 70), 11), 32)
        lanes = lanes_of(timeline, {k: self.colours[k] for k in timeline.ever_sounding})
        self.strip = Strip(lanes, timeline.duration_s, width, self.letters)
        height = self.picture[1] + self.strip.height
        self.size = (width, height + height % 2)
        self.marks = Marks(timeline, show, self.colours, self.picture, self.letters)

    def paint(self, frame: np.ndarray, time_s: float, maps: np.ndarray) -> np.ndarray:
        """The annotated frame.

        Args:
            frame: (height, width, 3) uint8 RGB.
            time_s: its time from the start of the video in seconds.
            maps: (len(places), H, W) the maps of the painted categories at that time.

        Returns:
            (size[1], size[0], 3) uint8 RGB.
        """
        canvas = Image.new("RGB", self.size, NIGHT)
        canvas.paste(self.paint_picture(frame, time_s, maps), (0, 0))
        canvas.paste(self.strip.at(time_s), (0, self.picture[1]))
        return np.asarray(canvas)

    def paint_picture(self, frame: np.ndarray, time_s: float, maps: np.ndarray) -> Image.Image:
        """The annotated picture without the strip; arguments as of `paint`."""
        image = Image.fromarray(frame)
        if image.size != self.picture:
            image = image.resize(self.picture, Image.Resampling.BILINEAR)
        lit = np.isin(self.timeline.states[:, self.places], (SEEN, UNKNOWN)).astype(float)
        visible = glide(self.timeline.times_s, lit, time_s)  # fades within the time between two answers
        shown = [n for n in range(len(self.places)) if visible[n] > VISIBLE]
        if shown and self.show.heat:
            light(image, [(maps[n], self.colours[int(self.places[n])], visible[n]) for n in shown])
        self.marks.draw(image, time_s)
        return image


def light(image: Image.Image, lights: list[tuple[np.ndarray, Colour, float]]) -> None:
    """Light a picture by maps, each in its colour with a line round it; what is outside of all of them is shaded.

    Args:
        image: RGB of any size; it is changed.
        lights: (map (H, W), colour, how visible in [0, 1]) each; a map's own maximum is its brightest place.
    """
    width, height = image.size
    fine = (max(2, min(width, FINEST_GLOW)), max(2, round(height * min(width, FINEST_GLOW) / width)))
    heats = [_enlarged(map_, fine) for map_, _, _ in lights]
    lit = np.max([_step(heat, 0.1, 0.6) for heat in heats], axis=0)
    darkness = SHADE * max(visible for _, _, visible in lights) * (1 - lit)
    _lay(image, (0, 0, 0), darkness)
    for heat, (_, colour, visible) in zip(heats, lights, strict=True):
        opacity = np.maximum(GLOW * _step(heat, 0.3, 0.9), LINE * _line(heat, 0.5, width=1.2))
        _lay(image, colour, opacity * visible)


def _zoom(size: tuple[int, int]) -> int:
    return max(1, min(-(-SMALLEST_SIDE // min(size)), LARGEST_SIDE // max(size)))


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
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _line(heat: np.ndarray, level: float, width: float) -> np.ndarray:
    """The contour at `level` as opacity, `width` pixels to each side whatever the slope of the map."""
    down, right = np.gradient(heat)
    slope = np.sqrt(down * down + right * right) + 1e-4
    return np.clip(width - np.abs(heat - level) / slope, 0, 1)


def _lay(image: Image.Image, colour: Colour, opacity: np.ndarray) -> None:
    """Lay a colour on a picture, as thick as `opacity` says: (height, width) in [0, 1], of any size.

    Only the rectangle that it covers is enlarged and blended, most often a small part of the picture.
    """
    levels = np.clip(255 * opacity, 0, 255).astype(np.uint8)
    rows, columns = np.flatnonzero(levels.any(axis=1)), np.flatnonzero(levels.any(axis=0))
    if not len(rows):
        return
    x, y = image.width / levels.shape[1], image.height / levels.shape[0]
    left, top = int(columns[0] * x), int(rows[0] * y)
    right, bottom = min(int((columns[-1] + 1) * x) + 1, image.width), min(int((rows[-1] + 1) * y) + 1, image.height)
    source = (left / x, top / y, right / x, bottom / y)
    mask = Image.fromarray(levels).resize((right - left, bottom - top), Image.Resampling.BILINEAR, box=source)
    image.paste(colour, (left, top, right, bottom), mask)
