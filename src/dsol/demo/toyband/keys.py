"""Accordion and xylophone: the middle at (0, 0), about one wide."""

import numpy as np

from dsol.demo.toyband.looks import Look
from dsol.demo.toyband.pen import Pen, shade, turn

RAINBOW = ((214, 48, 49), (235, 120, 35), (245, 200, 40), (90, 180, 70), (40, 150, 200), (70, 80, 190), (150, 70, 180))


def draw_accordion(pen: Pen, look: Look, phase: float) -> None:
    """Keyboard box, pleated bellows that the phase opens, button box."""
    opening = 0.1 + 0.09 * phase
    lean = turn(opening, 0.3, 7 * phase + 4) @ turn(0, -0.3)
    _bellows(pen, look, lean)
    _keyboard(pen, look)
    buttons = pen.at(lean)
    buttons.shape(_rounded(0.14, -0.3, 0.2, 0.6), look.body, shade(look.body, -0.6), 0.01)
    buttons.shape(_rounded(0.165, -0.26, 0.15, 0.52), shade(look.body, 0.16))
    for i in range(18):
        buttons.disc(0.19 + 0.05 * (i % 3), -0.21 + 0.085 * (i // 3), 0.015, (245, 243, 235), shade(look.body, -0.5))


def _rounded(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    c = 0.04
    return [(x + c, y), (x + width - c, y), (x + width, y + c), (x + width, y + height - c),
            (x + width - c, y + height), (x + c, y + height), (x, y + height - c), (x, y + c)]  # fmt: skip


def _bellows(pen: Pen, look: Look, lean: np.ndarray) -> None:
    far = np.array([(0.16, -0.27, 1), (0.16, 0.27, 1)]) @ lean[:2].T
    near = np.array([(-0.12, -0.27), (-0.12, 0.27)])
    folds = 13
    for i in range(folds):
        a, b = (near + (far - near) * j / folds for j in (i, i + 1))
        out = np.array([(0, -0.022), (0, 0.022)])
        ridge, fold = (a + out, b) if i % 2 else (a, b + out)
        colour = look.accent if i % 2 else shade(look.accent, -0.45)
        pen.shape([ridge[0], fold[0], fold[1], ridge[1]], colour)
        if i % 2 == 0:
            for corner in fold:
                pen.disc(corner[0], corner[1], 0.014, look.metal)


def _keyboard(pen: Pen, look: Look) -> None:
    pen.shape(_rounded(-0.4, -0.32, 0.3, 0.64), look.body, shade(look.body, -0.6), 0.01)
    pen.shape(_rounded(-0.3, -0.28, 0.17, 0.56), shade(look.body, -0.25))
    for i in range(7):
        y = -0.23 + 0.075 * i
        pen.line([(-0.27, y), (-0.215, y + 0.025), (-0.16, y)], 0.016, look.metal)
    for i in range(12):
        y = -0.31 + i * 0.052
        pen.box(-0.5, y, 0.17, 0.046, (248, 246, 238))
        pen.line([(-0.5, y + 0.05), (-0.33, y + 0.05)], 0.006, (120, 115, 110))
    for i in (0, 1, 3, 4, 5, 7, 8, 10):
        pen.box(-0.44, -0.275 + i * 0.052, 0.11, 0.028, (25, 24, 28))


def draw_xylophone(pen: Pen, look: Look, phase: float) -> None:
    """A table of bars, long ones to the left, over hanging tubes and legs on wheels."""
    bars = 13 if look.stout > 1 else 10
    xs = np.linspace(-0.5, 0.5, bars + 1)
    for x in (-0.42, 0.38):
        pen.line([(x, 0.05), (x, 0.52)], 0.028, shade(look.metal, -0.4))
        pen.line([(x - 0.06, 0.52), (x + 0.06, 0.52)], 0.024, shade(look.metal, -0.5))
        for wheel in (x - 0.06, x + 0.06):
            pen.disc(wheel, 0.54, 0.022, (35, 35, 38))
    pen.line([(-0.42, 0.42), (0.38, 0.42)], 0.018, shade(look.metal, -0.4))
    for i in range(bars):
        x, part = (xs[i] + xs[i + 1]) / 2, i / bars
        pen.tube([(x, 0.08), (x, 0.36 - 0.2 * part)], 0.6 / bars, look.metal)
    pen.shape([(-0.52, -0.15), (0.5, -0.085), (0.5, 0.09), (-0.52, 0.15)], shade(look.accent, -0.4))
    for i in range(bars):
        _bar(pen, look, xs[i], xs[i + 1], i, bars)


def _bar(pen: Pen, look: Look, left: float, right: float, i: int, bars: int) -> None:
    gap, half = (right - left) * 0.12, 0.2 - 0.1 * i / bars
    colour = RAINBOW[i % 7] if look.pale else look.body
    left, right = left + gap, right - gap
    pen.shape(
        [(left, -half), (right, -half + 0.004), (right, half - 0.004), (left, half)], colour, shade(colour, -0.6), 0.005
    )
    light = left + (right - left) * 0.35
    pen.shape([(left, -half), (light, -half), (light, half), (left, half)], shade(colour, 0.22))
    for y in (-half * 0.62, half * 0.62):
        pen.disc((left + right) / 2, y, 0.009, (40, 36, 34))
