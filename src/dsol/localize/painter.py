"""One frame of the annotated video: glow, box and label of everything that sounds, and the strip below.

Everything between two answers (four a second) glides, so that nothing jumps or flickers: the maps, the
boxes, and how visible a category is.
"""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from dsol.localize.localization import Timeline
from dsol.localize.palette import NIGHT, SNOW, Colour, colours_of, font, spoken
from dsol.localize.strip import Strip, lanes_of

SMALLEST_SIDE = 320  # pixels; smaller pictures are doubled (or more), or labels would cover them
FINEST_GLOW = 320  # pixels; the glow is computed at most this wide and then enlarged: maps have 14 cells
LARGEST_SIDE = 4096  # pixels up to which a small picture is enlarged, however thin it is
GLOW, LINE = 0.45, 0.9  # opacity of the glow and of the line round it
SHADE = 0.28  # how much darker everything else becomes while something sounds
NEARBY = 2  # answers before and after that steady a box
AGREES = 0.3  # overlap (IoU) from which two boxes show the same place
VISIBLE = 0.02  # below this a category is not drawn


class Painter:
    """Paints the frames of one video.

    Args:
        timeline: who sounds when, in the whole video.

    Attributes:
        places: the categories that sound in this video, as places in `timeline.categories`.
        size: width and height of the painted frames in pixels, both even as video encoders want them.
    """

    def __init__(self, timeline: Timeline):
        self.timeline = timeline
        self.places = np.array(timeline.heard, int)
        self.colours = colours_of(timeline.heard)
        self.xywh = _steady(timeline.xywh[:, self.places], timeline.sounding[:, self.places])
        times = _zoom(timeline.size)
        self.picture = (timeline.size[0] * times, timeline.size[1] * times)
        width = max(self.picture[0] + self.picture[0] % 2, SMALLEST_SIDE)  # the strip must have room
        self.letters = min(max(round(6 + width / 70), 11), 32)
        self.strip = Strip(lanes_of(timeline, self.colours), timeline.duration_s, width, self.letters)
        height = self.picture[1] + self.strip.height
        self.size = (width, height + height % 2)

    def paint(self, frame: np.ndarray, time_s: float, maps: np.ndarray) -> np.ndarray:
        """The annotated frame.

        Args:
            frame: (height, width, 3) uint8 RGB.
            time_s: its time from the start of the video in seconds.
            maps: (len(places), H, W) the maps of the sounding categories at that time.

        Returns:
            (size[1], size[0], 3) uint8 RGB.
        """
        image = Image.fromarray(frame)
        if image.size != self.picture:
            image = image.resize(self.picture, Image.Resampling.BILINEAR)
        visible = self._visible(time_s)
        shown = [n for n in range(len(self.places)) if visible[n] > VISIBLE]
        if shown:
            light(image, [(maps[n], self._colour(n), visible[n]) for n in shown])
            self._label(image, shown, visible, time_s)
        canvas = Image.new("RGB", self.size, NIGHT)
        canvas.paste(image, (0, 0))
        canvas.paste(self.strip.at(time_s), (0, self.picture[1]))
        return np.asarray(canvas)

    def _colour(self, n: int) -> Colour:
        return self.colours[int(self.places[n])]

    def _visible(self, time_s: float) -> np.ndarray:
        """(len(places),) in [0, 1]: fades in and out within the time between two answers."""
        sounding = self.timeline.sounding[:, self.places].astype(float)
        return _glide(self.timeline.times_s, sounding, time_s)

    def _label(self, image: Image.Image, shown: list[int], visible: np.ndarray, time_s: float) -> None:
        """A box with a name and a score on each sounding object; plaques never cover each other."""
        xywh = _glide(self.timeline.times_s, self.xywh, time_s)
        score = _glide(self.timeline.times_s, self.timeline.score[:, self.places], time_s)
        draw = ImageDraw.Draw(image, "RGBA")
        taken: list[tuple[float, float, float, float]] = []
        for n in shown:
            x, y, w, h = xywh[n] * np.array(self.picture * 2)
            self._draw_box(draw, (x, y, x + w, y + h), self._colour(n), visible[n])
            words = (spoken(self.timeline.categories[self.places[n]]), f"{score[n]:.2f}")
            taken.append(self._draw_plaque(draw, (x, y), words, self._colour(n), visible[n], taken))

    def _draw_box(self, draw: ImageDraw.ImageDraw, corners, colour: Colour, visible: float) -> None:
        line = max(2, self.letters // 6)
        draw.rounded_rectangle(corners, radius=self.letters // 2, width=line, outline=(*colour, round(255 * visible)))

    def _draw_plaque(self, draw, corner, words, colour: Colour, visible: float, taken):
        """A plaque on top of the box, moved into the picture and off the plaques that are there already."""
        name, score = words
        letters, pad = self.letters, round(0.45 * self.letters)
        name_wide, score_wide = font(letters, name).getlength(name), font(letters).getlength(score)
        wide, high = name_wide + score_wide + 3.2 * pad + letters * 0.9, round(1.6 * letters)
        left = min(max(corner[0], 2), max(self.picture[0] - wide - 2, 2))
        top = min(max(corner[1] - high - 2, 2), self.picture[1] - high - 2)
        for _ in taken:
            for other in taken:
                if left < other[2] and other[0] < left + wide and top < other[3] and other[1] < top + high:
                    top = other[3] + 2
        alpha, middle, dot = round(235 * visible), top + high / 2, letters * 0.32
        draw.rounded_rectangle((left, top, left + wide, top + high), high * 0.3, fill=(*NIGHT, round(0.82 * alpha)))
        draw.ellipse((left + pad, middle - dot, left + pad + 2 * dot, middle + dot), fill=(*colour, alpha))
        start = left + pad + 0.9 * letters
        draw.text((start, middle), name, (*SNOW, alpha), font(letters, name), anchor="lm")
        draw.text((start + name_wide + pad, middle), score, (*colour, alpha), font(letters), anchor="lm")
        return left, top, left + wide, top + high


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


def _steady(xywh: np.ndarray, sounding: np.ndarray) -> np.ndarray:
    """Boxes (T, K, 4) without trembling, and held where nothing sounds, for fading.

    A box becomes the mean of those within half a second that agree with each other: a box that jumps from one
    place to another must not rest between the two, where nothing is.
    """
    steady = xywh.astype(float)
    for k in range(xywh.shape[1]):
        heard = np.flatnonzero(sounding[:, k])
        between = (heard[1:] + heard[:-1]) / 2
        nearest = heard[np.searchsorted(between, np.arange(len(xywh)))]
        held = np.pad(xywh[nearest, k], ((NEARBY, NEARBY), (0, 0)), mode="edge")
        around = np.lib.stride_tricks.sliding_window_view(held, 2 * NEARBY + 1, axis=0).swapaxes(1, 2)
        steady[:, k] = [_agreed(boxes) for boxes in around]
    return steady


def _agreed(boxes: np.ndarray) -> np.ndarray:
    """(4,) the mean of those of `boxes` (n, 4) that overlap the one with which most agree."""
    start, end = boxes[:, None, :2], boxes[:, None, :2] + boxes[:, None, 2:]
    shared = np.minimum(end, end.swapaxes(0, 1)) - np.maximum(start, start.swapaxes(0, 1))
    shared = np.clip(shared, 0, None).prod(axis=2)
    sizes = boxes[:, 2:].prod(axis=1)
    overlap = shared / (sizes[:, None] + sizes - shared)
    return boxes[overlap[overlap.sum(axis=1).argmax()] >= AGREES].mean(axis=0)


def _glide(times_s: np.ndarray, values: np.ndarray, time_s: float) -> np.ndarray:
    """`values` (T, ...) at one time, linearly between the two nearest answers."""
    after = int(np.searchsorted(times_s, time_s))
    if after in (0, len(times_s)):
        return values[min(after, len(times_s) - 1)]
    start, end = times_s[after - 1], times_s[after]
    share = (time_s - start) / (end - start)
    return (1 - share) * values[after - 1] + share * values[after]


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
