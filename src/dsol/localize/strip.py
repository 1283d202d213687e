"""The strip below the picture: the sound, one lane a category, and where in time we are."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from dsol.data.states import OFF_SCREEN, SEEN
from dsol.localize.localization import Timeline
from dsol.localize.palette import MIST, NIGHT, SNOW, Colour, font, mixed, spoken

MOST_LANES = 8  # the categories that sound longest; more would leave no room for the picture
HIDDEN = 0.4  # level of what sounds off screen: its score says how surely it is seen, too
TO_COME = 0.62  # how much darker the strip is after the present moment


@dataclass(frozen=True)
class Lane:
    """One row of the strip.

    Attributes:
        name: what stands before it.
        colour: of its name and its curve.
        times_s, level: (T,) the curve; level in [0, 1].
        mirrored: drawn to both sides of the middle, as sound is.
    """

    name: str
    colour: Colour
    times_s: np.ndarray
    level: np.ndarray
    mirrored: bool = False


def lanes_of(timeline: Timeline, colours: dict[int, Colour]) -> list[Lane]:
    """The sound's lane, then one a sounding category, in the order of the categories."""
    lanes = [Lane("sound", MIST, timeline.times_s, timeline.swell, mirrored=True)]
    longest = sorted(colours, key=lambda k: -timeline.sounding[:, k].sum())[:MOST_LANES]
    for k in sorted(longest):
        hidden = timeline.states[:, k] == OFF_SCREEN
        level = np.where(hidden, HIDDEN, np.where(timeline.sounding[:, k], timeline.score[:, k], 0))
        away = ", off screen" if hidden.any() and not (timeline.states[:, k] == SEEN).any() else ""
        name, colour = spoken(timeline.categories[k]) + away, MIST if away else colours[k]
        lanes.append(Lane(name, colour, timeline.times_s, np.clip(level, 0, 1)))
    if len(longest) < len(colours):
        none = np.zeros_like(timeline.times_s)
        lanes.append(Lane(f"and {len(colours) - len(longest)} more", MIST, timeline.times_s, none))
    return lanes


class Strip:
    """Draws the strip: everything once, then a bright and a dark half at each moment.

    Args:
        lanes: its rows, top first.
        duration_s: length of the video in seconds.
        width: of the strip in pixels.
        letters: size of the letters in pixels.

    Attributes:
        height: of the strip in pixels.
    """

    def __init__(self, lanes: list[Lane], duration_s: float, width: int, letters: int):
        self.duration_s, self.letters = max(duration_s, 1e-6), letters
        self.margin = round(0.8 * letters)
        self.row = round(1.75 * letters)
        self.top = round(0.6 * letters)
        self.height = self.row * len(lanes) + 2 * self.top
        self.height += self.height % 2  # as video wants it
        self.width = width
        names = max(font(letters, lane.name).getlength(lane.name) for lane in lanes)
        clock = font(letters).getlength(self._clock(duration_s))
        self.left = min(round(2.6 * self.margin + max(names, clock) + 0.5 * letters), round(0.45 * width))
        self.right = width - self.margin
        self.bright = self._drawn(lanes)
        self.dark = Image.blend(self.bright, Image.new("RGB", self.bright.size, NIGHT), TO_COME)
        names_part = (0, 0, self.left - self.margin // 2, self.height)
        self.dark.paste(self.bright.crop(names_part), names_part)

    def at(self, time_s: float) -> Image.Image:
        """The strip at one moment: RGB, what is past bright, what is to come dark."""
        x = self._x(time_s)
        image = self.dark.copy()
        image.paste(self.bright.crop((0, 0, x, self.height)), (0, 0))
        draw = ImageDraw.Draw(image)
        line = max(1, self.letters // 8)
        draw.rectangle((x - line // 2, self.margin // 2, x - line // 2 + line - 1, self.height - self.margin // 2),
                       fill=SNOW)  # fmt: skip
        draw.text((self.margin, self.top + self.row / 2), self._clock(time_s), SNOW, font(self.letters), anchor="lm")
        return image

    def moment(self, time_s: float) -> tuple[int, str]:
        """What changes from moment to moment: while it is the same, so is `at`."""
        return self._x(time_s), self._clock(time_s)

    def _x(self, time_s: float) -> int:
        share = min(max(time_s / self.duration_s, 0.0), 1.0)
        return self.left + round(share * (self.right - self.left))

    def _clock(self, time_s: float) -> str:
        minutes, seconds = divmod(int(time_s), 60)
        tenths = f".{int(time_s * 10) % 10}" if self.duration_s < 60 else ""
        return f"{minutes}:{seconds:02d}{tenths}"

    def _drawn(self, lanes: list[Lane]) -> Image.Image:
        image = Image.new("RGB", (self.width, self.height), NIGHT)
        for n, lane in enumerate(lanes):
            top = self.top + n * self.row
            self._draw_curve(image, lane, top)
            if n:  # the clock stands before the sound
                self._draw_name(image, lane, top)
        return image

    def _draw_name(self, image: Image.Image, lane: Lane, top: int) -> None:
        draw = ImageDraw.Draw(image)
        middle, dot = top + self.row / 2, self.letters * 0.32
        x = self.margin + dot
        draw.ellipse((x - dot, middle - dot, x + dot, middle + dot), fill=lane.colour)
        draw.text(
            (self.margin + 1.1 * self.letters, middle), lane.name, SNOW, font(self.letters, lane.name), anchor="lm"
        )

    def _draw_curve(self, image: Image.Image, lane: Lane, top: int) -> None:
        """The curve, filled; drawn three times as large and reduced, for Pillow draws hard edges."""
        wide, high, fine = self.right - self.left, self.row, 3
        large = Image.new("L", (wide * fine, high * fine), 0)
        draw = ImageDraw.Draw(large)
        x = np.linspace(0, self.duration_s, wide)
        y = np.interp(x, lane.times_s, lane.level) * 0.42 * high * fine * (1 if lane.mirrored else 2)
        floor = 0.5 * high * fine if lane.mirrored else 0.92 * high * fine
        curve = [(n * fine, floor - value) for n, value in enumerate(y)]
        back = [(n * fine, floor + (value if lane.mirrored else 0)) for n, value in enumerate(y)]
        draw.polygon(curve + back[::-1], fill=190 if lane.mirrored else 225)
        mask = large.resize((wide, high), Image.Resampling.BOX)
        box = (self.left, top, self.left + wide, top + high)
        ImageDraw.Draw(image).line((self.left, top + floor / fine, self.right, top + floor / fine),
                                   fill=mixed(NIGHT, lane.colour, 0.45))  # fmt: skip
        image.paste(lane.colour, box, mask)
