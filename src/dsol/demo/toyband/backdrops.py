"""Where the band plays: rooms, stages, gardens, studios, walls with a texture; with some clutter."""

import numpy as np
from PIL import Image

from dsol.demo.toyband.looks import CLOTHES, PAINTS, WOODS, pick
from dsol.demo.toyband.pen import Colour, Pen, ellipse, shade, smooth, trapezoid, turn

OVERSAMPLE = 2  # less than of instruments: few thin lines here
ASPECT = 1.35  # x runs from 0 to about this, y from 0 to 1


def draw_backdrop(width: int, height: int, floor: float, rng: np.random.Generator) -> Image.Image:
    """A random scene without players, RGB.

    Args:
        width, height: in pixels.
        floor: where the floor begins, as a fraction of the height.
        rng: chooses kind, colours and clutter.
    """
    kinds = (_room, _room, _stage, _garden, _studio, _pattern)
    kind = kinds[rng.integers(len(kinds))]
    top, bottom = pick(PAINTS, rng), pick(PAINTS, rng)
    ground = _gradient(width * OVERSAMPLE, height * OVERSAMPLE, top, bottom, rng)
    pen = Pen(width, height, turn(0, 0, size=height), OVERSAMPLE, ground)
    kind(pen, floor, rng)
    return _lit(pen.finish()[0].convert("RGBA").convert("RGB"), rng)


def _gradient(width: int, height: int, top: Colour, bottom: Colour, rng: np.random.Generator) -> Image.Image:
    ends = np.array([[shade(top, rng.uniform(0.0, 0.6))], [shade(bottom, rng.uniform(0.0, 0.5))]], np.uint8)
    column = Image.fromarray(ends).resize((1, height), Image.Resampling.BILINEAR, box=(0, 0.5, 1, 1.5))
    return column.resize((width, height))


def _lit(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Light from somewhere, and grain."""
    width, height = picture.size
    x = np.linspace(-1, 1, width) - rng.uniform(-0.7, 0.7)
    y = np.linspace(-1, 1, height)[:, None] + rng.uniform(0, 0.8)
    light = (rng.uniform(0.95, 1.12) - rng.uniform(0.05, 0.3) * (x**2 + y**2) / 2).astype(np.float32)
    grain = rng.uniform(0.2, 1.5) * rng.standard_normal((height, width), np.float32)
    lit = np.asarray(picture) * light[..., None]
    lit += grain[..., None]
    return Image.fromarray(np.clip(lit, 0, 255, out=lit).astype(np.uint8))


def _room(pen: Pen, floor: float, rng: np.random.Generator) -> None:
    wall = shade(pick(CLOTHES, rng), rng.uniform(0.1, 0.6))
    pen.box(0, 0, ASPECT, floor, wall)
    if rng.random() < 0.5:
        for x in np.arange(0, ASPECT, rng.uniform(0.06, 0.14)):
            pen.line([(x, 0), (x, floor)], 0.012, shade(wall, rng.choice((-0.08, 0.1))))
    _planks(pen, floor, rng)
    pen.box(0, floor - 0.03, ASPECT, 0.03, shade(wall, -0.35))
    if rng.random() < 0.6:
        pen.shape(ellipse(rng.uniform(0.4, 0.95), 0.5 * (floor + 1), 0.45, 0.09), pick(PAINTS, rng))
    for x in rng.permutation(np.linspace(0.12, 1.2, 5))[: rng.integers(2, 5)]:
        clutter = (_window, _frame, _plant, _lamp, _shelf)[rng.integers(5)]
        clutter(pen, float(x + rng.uniform(-0.06, 0.06)), floor, rng)


def _planks(pen: Pen, floor: float, rng: np.random.Generator) -> None:
    colour = shade(pick(WOODS, rng), rng.uniform(-0.2, 0.3))
    pen.box(0, floor, ASPECT, 1.1 - floor, colour)
    for x in np.linspace(-1.2, ASPECT + 1.2, 19):
        pen.line([(0.67 + (x - 0.67) * 0.45, floor), (x, 1.1)], 0.005, shade(colour, -0.25))


def _window(pen: Pen, x: float, floor: float, rng: np.random.Generator) -> None:
    w, h, sky = rng.uniform(0.16, 0.26), rng.uniform(0.24, 0.36), shade((120, 180, 230), rng.uniform(-0.7, 0.5))
    pen.box(x - w / 2 - 0.015, 0.06, w + 0.03, h + 0.03, (236, 232, 224))
    pen.box(x - w / 2, 0.075, w, h, sky)
    pen.line([(x, 0.075), (x, 0.075 + h)], 0.012, (236, 232, 224))
    pen.line([(x - w / 2, 0.075 + h / 2), (x + w / 2, 0.075 + h / 2)], 0.012, (236, 232, 224))


def _frame(pen: Pen, x: float, floor: float, rng: np.random.Generator) -> None:
    y, w, h = rng.uniform(0.06, 0.25), rng.uniform(0.1, 0.22), rng.uniform(0.1, 0.22)
    pen.box(x - w / 2 - 0.015, y - 0.015, w + 0.03, h + 0.03, pick(WOODS, rng))
    pen.box(x - w / 2, y, w, h, shade(pick(PAINTS, rng), 0.4))
    for _ in range(3):
        spot = (x + rng.uniform(-0.3, 0.3) * w, y + rng.uniform(0.25, 0.75) * h)
        pen.shape(ellipse(*spot, rng.uniform(0.1, 0.2) * w, rng.uniform(0.1, 0.2) * h), pick(PAINTS, rng))


def _plant(pen: Pen, x: float, floor: float, rng: np.random.Generator) -> None:
    foot, tall = floor + 0.06, rng.uniform(0.2, 0.4)
    leaf = shade((56, 128, 72), rng.uniform(-0.4, 0.3))
    for angle in np.linspace(-1.1, 1.1, rng.integers(5, 9)):
        tip = np.array((x + tall * 0.7 * np.sin(angle), foot - 0.1 - tall * np.cos(angle * 0.8)))
        middle = (np.array((x, foot - 0.1)) + tip) / 2
        side = np.array((0.035, 0.012 * np.sign(angle)))
        blade = smooth([(x, foot - 0.1), middle + side, tip, middle - side], 5, closed=True)
        pen.shape(blade, shade(leaf, rng.uniform(-0.2, 0.2)))
    pen.shape(trapezoid(foot - 0.12, 0.06, foot, 0.045, x), pick(PAINTS, rng))


def _lamp(pen: Pen, x: float, floor: float, rng: np.random.Generator) -> None:
    pen.line([(x, 0.26), (x, floor + 0.04)], 0.014, (64, 60, 60))
    pen.shape(ellipse(x, floor + 0.04, 0.06, 0.015), (64, 60, 60))
    pen.shape(trapezoid(0.14, 0.045, 0.28, 0.09, x), shade(pick(PAINTS, rng), 0.55))


def _shelf(pen: Pen, x: float, floor: float, rng: np.random.Generator) -> None:
    y, w = rng.uniform(0.2, 0.4), rng.uniform(0.2, 0.34)
    pen.box(x - w / 2, y, w, 0.02, pick(WOODS, rng))
    place = x - w / 2
    while place < x + w / 2 - 0.03:
        thick, tall = rng.uniform(0.015, 0.035), rng.uniform(0.07, 0.12)
        pen.box(place, y - tall, thick, tall, pick(CLOTHES, rng))
        place += thick + 0.004


def _stage(pen: Pen, floor: float, rng: np.random.Generator) -> None:
    curtain = shade(pick(PAINTS, rng), -0.35)
    folds = int(rng.integers(9, 18))
    for i in range(folds):
        x = ASPECT * i / folds
        for part, light in ((0.0, -0.15), (0.35, 0.08), (0.7, -0.3)):
            pen.box(x + part * ASPECT / folds, 0, ASPECT / folds, floor, shade(curtain, light))
    _planks(pen, floor, rng)
    for x in rng.uniform(0.1, 1.25, 3):
        glow = shade(pick(PAINTS, rng), 0.3)
        pen.shape(ellipse(x, floor + 0.12, 0.22, 0.06), shade(glow, 0.2))
        pen.shape(ellipse(x, 0.03, 0.04, 0.03), (30, 30, 34))
        pen.shape(ellipse(x, 0.045, 0.028, 0.014), (255, 246, 214))
    for x in rng.uniform(0, 1.3, rng.integers(0, 3)):
        pen.box(x - 0.08, floor - 0.2, 0.16, 0.24, (34, 34, 38))
        pen.disc(x, floor - 0.04, 0.06, (70, 70, 76), (20, 20, 22))
        pen.disc(x, floor - 0.15, 0.03, (70, 70, 76), (20, 20, 22))


def _garden(pen: Pen, floor: float, rng: np.random.Generator) -> None:
    pen.box(0, 0, ASPECT, floor, shade((126, 186, 236), rng.uniform(-0.3, 0.5)))
    for x in rng.uniform(0, 1.3, 3):
        for d in (-0.07, 0.0, 0.07):
            pen.shape(ellipse(x + d, 0.12 + 0.1 * x / 1.3, 0.08, 0.04), (244, 246, 250))
    hill = shade((92, 148, 84), rng.uniform(-0.3, 0.3))
    crest = [(x, floor - rng.uniform(0.05, 0.3)) for x in np.linspace(-0.2, 1.6, 6)]
    pen.shape([*smooth(crest), (1.6, floor), (-0.2, floor)], shade(hill, 0.2))
    for x in rng.uniform(0, 1.3, rng.integers(1, 5)):
        tall = rng.uniform(0.25, 0.5)
        pen.line([(x, floor + 0.03), (x, floor - tall * 0.6)], 0.03, (100, 70, 48))
        for d, rise in ((-0.06, 0.55), (0.06, 0.6), (0.0, 0.8)):
            pen.shape(ellipse(x + d, floor - tall * rise, 0.09, 0.08), shade(hill, rng.uniform(-0.4, 0.0)))
    pen.box(0, floor, ASPECT, 1.1 - floor, hill)
    for x, y in rng.uniform((0, floor), (1.35, 1.05), (40, 2)):
        pen.line([(x, y), (x + 0.006, y - 0.02)], 0.007, shade(hill, rng.choice((-0.25, 0.2))))


def _studio(pen: Pen, floor: float, rng: np.random.Generator) -> None:
    """The gradient itself, with a few large soft spots a little lighter than it."""
    for _ in range(rng.integers(0, 9)):
        x, y = rng.uniform(0, ASPECT), rng.uniform(0, floor)
        radius, size = rng.uniform(0.03, 0.14), pen.image.size
        spot = (min(int(x * pen.scale), size[0] - 1), min(int(y * pen.scale), size[1] - 1))
        red, green, blue, *_ = np.asarray(pen.image.getpixel(spot)).tolist()
        for i in range(4):
            pen.disc(x, y, radius * (1 - 0.15 * i), shade((red, green, blue), 0.07 + 0.05 * i))


def _pattern(pen: Pen, floor: float, rng: np.random.Generator) -> None:
    """A wall of bricks or tiles."""
    colour = pick(CLOTHES + WOODS, rng)
    w, h = rng.uniform(0.08, 0.2), rng.uniform(0.05, 0.12)
    pen.box(0, 0, ASPECT, floor, shade(colour, -0.3))
    for row in range(int(floor / h) + 1):
        for x in np.arange(-(row % 2) * w / 2, ASPECT, w):
            tall = min(h * 0.9, floor - row * h)
            pen.box(x, row * h, w * 0.95, tall, shade(colour, rng.uniform(-0.12, 0.18)))
    _planks(pen, floor, rng)
