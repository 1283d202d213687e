"""What is drawn over the heat map: boxes and names, what is silent, what cannot be seen, and subtitles.

    tracks ──▶ box and plaque where an object sounds, dashes where it is silent
    states ──▶ a bar at the rim for what sounds off screen

Boxes glide from answer to answer and do not tremble; plaques never cover each other.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import numpy as np

from dsol.data.states import OFF_SCREEN, SEEN, SILENT, STATES, UNKNOWN
from dsol.localize.formats.captions import captions_of
from dsol.localize.localization import Timeline
from dsol.localize.palette import NIGHT, SNOW, Colour, font, mixed, spoken, width_of
from dsol.localize.pen import Pen
from dsol.localize.show import Show
from dsol.localize.tracks import Track

NEARBY = 2  # answers before and after that steady a box
AGREES = 0.3  # overlap (IoU) from which two boxes show the same place
VISIBLE = 0.02  # below this nothing is drawn
PALE = 0.45  # how much of white is in the colour of what is silent
Plaque = tuple[float, float, float, float]  # left, top, right, bottom


class Marks:
    """Draws the marks of one video.

    Args:
        timeline: who sounds when, in the whole video.
        show: what is drawn.
        colours: of each category that may be drawn, by its place in `timeline.categories`.
        picture: width and height in pixels.
        letters: size of the letters in pixels.

    Attributes:
        tracks: the n objects that are drawn.
        xywh: (T, n, 4) a box for each of them, without trembling, held where there is none.
    """

    def __init__(
        self,
        timeline: Timeline,
        show: Show,
        colours: Mapping[int, Colour],
        picture: tuple[int, int],
        letters: int,
    ):
        self.timeline, self.show, self.colours = timeline, show, colours
        self.picture, self.letters = picture, letters
        self.places = sorted(colours)
        self.hidden = timeline.states[:, self.places] == OFF_SCREEN
        self.captions = captions_of(timeline) if show.subtitles else []
        does = [(t, self._does(t, SEEN, UNKNOWN), self._does(t, SILENT) & show.silent) for t in timeline.tracks]
        does = [(track, sounds, silent) for track, sounds, silent in does if (sounds | silent).any()]
        self.tracks = [track for track, *_ in does]
        boxes = np.zeros((len(timeline.times_s), len(does), 4))
        self.sounding, self.silent = (np.zeros(boxes.shape[:2], bool) for _ in range(2))
        for n, (track, *states) in enumerate(does):
            boxes[:, n], (self.sounding[:, n], self.silent[:, n]) = track.xywh, states
        self.xywh = _steady(boxes, self.sounding | self.silent)

    def draw(self, draw: Pen, time_s: float) -> None:
        """Draw them as they are at a time."""
        taken: list[Plaque] = []
        sounds, silent = (self._at(each, time_s) for each in (self.sounding, self.silent))
        for n in np.flatnonzero(np.maximum(sounds, silent) > VISIBLE).tolist():
            track, box = self.tracks[n], self._at(self.xywh[:, n], time_s) * np.array(self.picture * 2)
            if self.show.boxes and sounds[n] > VISIBLE:
                taken.append(self._draw_object(draw, track, box, time_s, float(sounds[n]), taken))
            if silent[n] > VISIBLE:
                taken.append(self._draw_silent(draw, track, box, float(silent[n]), taken))
        if self.show.off_screen:
            self._draw_rim(draw, time_s)
        self._draw_caption(draw, time_s)

    def _does(self, track: Track, *states: int) -> np.ndarray:
        """(T,) bool: the object has a box there and does one of these."""
        return track.present & np.isin(self.timeline.states[:, track.place], states)

    def _at(self, values: np.ndarray, time_s: float) -> np.ndarray:
        """`values` (T, ...) at one time: what is true fades in and out within the time between two answers."""
        return glide(self.timeline.times_s, values, time_s)

    def _draw_object(self, draw, track: Track, box: np.ndarray, time_s: float, visible: float, taken) -> Plaque:
        """A box with the name of the object and its score."""
        x, y, w, h = box
        colour, line = self.colours[track.place], max(2, self.letters // 6)
        score = self._at(self.timeline.score[:, track.place], time_s)
        outline = (*colour, round(255 * visible))
        draw.rounded_rectangle((x, y, x + w, y + h), radius=self.letters // 2, width=line, outline=outline)
        return self._draw_plaque(draw, (x, y), (spoken(track.name), f"{score:.2f}"), colour, visible, taken)

    def _draw_silent(self, draw, track: Track, box: np.ndarray, visible: float, taken) -> Plaque:
        """Dashes in a pale colour: it is there, and nothing is heard of it."""
        x, y, w, h = box
        pale = mixed(self.colours[track.place], SNOW, PALE)
        for start, end in _dashes((x, y, x + w, y + h), round(0.7 * self.letters)):
            draw.line((*start, *end), fill=(*pale, round(200 * visible)), width=max(2, self.letters // 8))
        return self._draw_plaque(draw, (x, y), (spoken(track.name), STATES[SILENT]), pale, 0.8 * visible, taken)

    def _draw_rim(self, draw, time_s: float) -> None:
        """A bar along the lower rim for what sounds and cannot be seen, with its name."""
        hidden = zip(self.places, self._at(self.hidden, time_s), strict=True)
        shown = [(place, float(visible)) for place, visible in hidden if visible > VISIBLE]
        (width, height), bar = self.picture, max(3, self.letters // 3)
        for order, (place, visible) in enumerate(shown):
            colour = self.colours[place]
            left, right = (round(width * edge / len(shown)) for edge in (order, order + 1))
            draw.rectangle((left, height - bar, right, height), fill=(*colour, round(255 * visible)))
            words = (spoken(self.timeline.categories[place]), STATES[OFF_SCREEN])
            self._draw_plaque(draw, (left + self.letters / 2, height - 1.4 * bar), words, colour, visible, [])

    def _draw_caption(self, draw, time_s: float) -> None:
        """The subtitle of the moment, as many lines as it takes, from the lower rim up."""
        words = next((c.words for c in self.captions if c.start_s <= time_s < c.end_s), "")
        face = font(self.letters, words)
        lines = _wrapped(words.split("] ["), face.getlength, 0.9 * self.picture[0]) if words else []
        for n, line in enumerate(reversed(lines)):
            x, y = self.picture[0] / 2, self.picture[1] - (1.4 * n + 2.6) * self.letters
            wide, high = face.getlength(line) / 2 + 0.5 * self.letters, 0.7 * self.letters
            draw.rectangle((x - wide, y - high, x + wide, y + high), fill=(*NIGHT, 190))
            draw.text((x, y), line, (*SNOW, 255), face, anchor="mm")

    def _draw_plaque(self, draw, corner, words, colour: Colour, visible: float, taken) -> Plaque:
        """A plaque on top of the box, moved into the picture and off the plaques that are there already."""
        name, score = words
        letters, pad = self.letters, round(0.45 * self.letters)
        name_wide, score_wide = width_of(letters, name), width_of(letters, score)
        wide, high = name_wide + score_wide + 3.2 * pad + letters * 0.9, round(1.6 * letters)
        left = min(max(corner[0], 2), max(self.picture[0] - wide - 2, 2))
        top = min(max(corner[1] - high - 2, 2), self.picture[1] - high - 2)
        for _ in taken:
            for other in taken:
                if left < other[2] and other[0] < left + wide and top < other[3] and other[1] < top + high:
                    top = other[3] + 2
        left, top = round(left), round(top)  # letters that stand in one way to whole pixels are drawn once
        alpha, middle, dot = round(235 * visible), top + high / 2, letters * 0.32
        draw.rounded_rectangle((left, top, left + wide, top + high), high * 0.3, fill=(*NIGHT, round(0.82 * alpha)))
        draw.ellipse((left + pad, middle - dot, left + pad + 2 * dot, middle + dot), fill=(*colour, alpha))
        start = left + pad + 0.9 * letters
        draw.text((start, middle), name, (*SNOW, alpha), font(letters, name), anchor="lm")
        draw.text((start + name_wide + pad, middle), score, (*colour, alpha), font(letters), anchor="lm")
        return left, top, left + wide, top + high


def _dashes(corners: tuple[float, float, float, float], dash: int) -> Iterator[tuple]:
    """(start, end) of the dashes along the four sides of a box, one dash and one gap in turn."""
    left, top, right, bottom = corners
    around = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for (x, y), (to_x, to_y) in pairwise(around):
        length = max(abs(to_x - x) + abs(to_y - y), 1e-6)
        for start in np.arange(0, length, 2 * dash):
            shares = start / length, min(start + dash, length) / length
            yield tuple((x + share * (to_x - x), y + share * (to_y - y)) for share in shares)


def _wrapped(words: list[str], width_of: Callable[[str], float], most: float) -> list[str]:
    """Words in brackets, on as many lines as their width asks for."""
    lines: list[str] = []
    for word in words:
        word = f"[{word.strip('[]')}]"
        if lines and width_of(f"{lines[-1]} {word}") <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


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


def glide(times_s: np.ndarray, values: np.ndarray, time_s: float) -> np.ndarray:
    """`values` (T, ...) at one time, linearly between the two nearest answers at `times_s` (T,)."""
    after = int(np.searchsorted(times_s, time_s))
    if after in (0, len(times_s)):
        return values[min(after, len(times_s) - 1)].astype(float)
    start, end = times_s[after - 1], times_s[after]
    share = (time_s - start) / (end - start)
    return (1 - share) * values[after - 1] + share * values[after]
