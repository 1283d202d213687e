"""Violin, cello, erhu and guitar: upright, the bottom of the body at (0, 0), the top of the neck at (0, −1)."""

import numpy as np

from dsol.demo.toyband.looks import Look
from dsol.demo.toyband.pen import Pen, ellipse, mirrored, shade, smooth, trapezoid


def draw_violin(pen: Pen, look: Look, phase: float) -> None:
    """Waisted body with corners, f-holes, black fingerboard and chin rest, scroll."""
    _fiddle(pen, look, body=0.6, width=0.2)
    pen.shape(ellipse(-0.1, -0.035, 0.075, 0.05), shade(look.ebony, 0.12))


def draw_cello(pen: Pen, look: Look, phase: float) -> None:
    """As the violin but slender, with an endpin to stand on."""
    pen.line([(0, 0), (0, 0.2)], 0.018, (150, 150, 155))
    pen.disc(0, 0.0, 0.02, look.ebony)
    _fiddle(pen, look, body=0.62, width=0.215)


def _fiddle(pen: Pen, look: Look, body: float, width: float) -> None:
    outline = _fiddle_outline(body, width * look.stout)
    pen.shape(outline, shade(look.body, -0.3), shade(look.body, -0.62), 0.012)
    pen.arched(outline, look.body)
    pen.line(np.vstack((outline * (0.88, 0.94) - (0, 0.03 * body),)), 0.004, shade(look.body, -0.4))
    for side in (-1, 1):
        _f_hole(pen, side, body, width * look.stout)
    _neck(pen, look, body, nut=0.86, wide=0.052, frets=0)
    pen.box(-0.055, -0.37 * body, 0.11, 0.018, (225, 190, 130))
    pen.shape(trapezoid(0, 0.022, -0.26 * body, 0.035), look.ebony)
    for x in (-0.018, -0.006, 0.006, 0.018):
        pen.line([(x * 1.4, -0.25 * body), (x, -0.86)], 0.005, (235, 230, 215), round_ends=False)


def _fiddle_outline(body: float, width: float) -> np.ndarray:
    lower = smooth([(0, 0), (0.55, -0.015), (0.93, -0.1), (1.0, -0.22), (0.84, -0.37)])
    waist = smooth([(0.84, -0.37), (0.62, -0.43), (0.56, -0.52), (0.62, -0.6), (0.74, -0.65)])
    upper = smooth([(0.74, -0.65), (0.82, -0.75), (0.78, -0.88), (0.45, -0.985), (0, -1)])
    return mirrored(np.vstack((lower, waist, upper)) * (width, body))


def _f_hole(pen: Pen, side: int, body: float, width: float) -> None:
    path = smooth([(0.36, -0.6), (0.3, -0.57), (0.36, -0.5), (0.46, -0.42), (0.42, -0.36), (0.38, -0.38)])
    pen.line(path * (side * width, body), 0.012, (25, 15, 10))


def _neck(pen: Pen, look: Look, body: float, nut: float, wide: float, frets: int) -> None:
    start = 0.52 * body if not frets else 0.72 * body
    pen.shape(trapezoid(-body * 0.98, wide * 0.55, -nut, wide * 0.45), shade(look.body, -0.2))
    pen.shape(trapezoid(-start, wide * 0.6, -nut, wide * 0.42), look.ebony)
    if frets:
        for i in range(1, frets):
            y = -start - (nut - start) * (1 - 0.86 ** (frets - i)) / (1 - 0.86**frets)
            pen.line([(-wide * 0.5, y), (wide * 0.5, y)], 0.006, (205, 200, 180), round_ends=False)
    else:
        pen.shape(trapezoid(-nut, wide * 0.4, -0.97, wide * 0.25), shade(look.body, -0.25))
        for y, side in ((0.885, -1), (0.91, 1), (0.93, -1), (0.95, 1)):
            pen.line([(0, -y), (side * 0.055, -y - 0.004)], 0.016, look.ebony)
        pen.disc(0, -0.975, 0.027, shade(look.body, -0.1), shade(look.body, -0.5))
        pen.disc(0.004, -0.975, 0.011, shade(look.body, -0.45))


def draw_acoustic_guitar(pen: Pen, look: Look, phase: float) -> None:
    """Rounded body with a sound hole, fretted neck, flat head with six pegs."""
    half = smooth([
        (0, 0), (0.6, -0.005), (0.97, -0.12), (0.97, -0.32), (0.7, -0.53), (0.64, -0.62), (0.75, -0.8),
        (0.68, -0.94), (0.35, -1.0), (0, -0.99),
    ])  # fmt: skip
    outline = mirrored(half * (0.205 * look.stout, 0.5))
    pen.shape(outline, shade(look.body, 0.1), shade(look.body, -0.6), 0.014)
    pen.arched(outline, look.body, light=0.25)
    guard = smooth([(0.03, -0.3), (0.09, -0.27), (0.12, -0.18), (0.07, -0.16), (0.04, -0.2)], closed=True)
    pen.shape(guard, shade(look.accent, -0.5))
    pen.disc(0, -0.315, 0.075, shade(look.accent, 0.2), shade(look.body, -0.6))
    pen.disc(0, -0.315, 0.062, (28, 18, 14))
    _neck(pen, look, 0.5, nut=0.84, wide=0.065, frets=13)
    for y in (0.5, 0.62, 0.72):
        pen.disc(0, -y, 0.008, (235, 235, 225))
    pen.shape(mirrored([(0.028, -0.84), (0.045, -0.865), (0.04, -1.0)]), shade(look.body, -0.35))
    for y in (0.88, 0.92, 0.96):
        pen.line([(-0.06, -y), (0.06, -y)], 0.014, (225, 220, 205))
        pen.line([(-0.035, -y), (0.035, -y)], 0.02, shade(look.body, -0.35))
    pen.box(-0.075, -0.155, 0.15, 0.03, look.ebony)
    for x in np.linspace(-0.02, 0.02, 6):
        pen.line([(x * 1.3, -0.15), (x, -0.86)], 0.004, (240, 232, 205), round_ends=False)


def draw_erhu(pen: Pen, look: Look, phase: float) -> None:
    """Small drum with snake skin, long thin neck with a bent head, two long pegs to one side, two strings."""
    neck = smooth([(0, 0), (0, -0.5), (0, -0.88), (-0.012, -0.95), (-0.05, -1.0), (-0.085, -0.985)])
    pen.line(neck, 0.036, shade(look.body, -0.45))
    pen.line(neck - (0.004, 0), 0.02, shade(look.body, 0.1))
    for y, end in ((0.76, 0.15), (0.87, 0.15)):
        pen.tube([(-0.03, -y), (0.06, -y - 0.008), (end, -y - 0.02)], np.array([0.022, 0.02, 0.042]), look.body)
        pen.disc(end, -y - 0.02, 0.019, shade(look.accent, 0.1))
    pen.shape(trapezoid(0.03, 0.1, -0.01, 0.085), shade(look.body, -0.4))
    drum = ellipse(0, -0.1, 0.125 * look.stout, 0.108, 8 if look.stout > 1 else 6)
    pen.shape(drum, look.body, shade(look.body, -0.6), 0.012)
    _snake_skin(pen, look, 0.125 * look.stout * 0.78)
    pen.line([(-0.02, -0.6), (0.022, -0.6)], 0.018, shade(look.accent, -0.1))
    for x in (0.012, 0.026):
        pen.line([(x * 0.6, -0.09), (x, -0.6), (x, -0.84)], 0.004, (240, 235, 215), round_ends=False)
    pen.box(-0.014, -0.105, 0.034, 0.014, (225, 190, 130))


def _snake_skin(pen: Pen, look: Look, radius: float) -> None:
    skin = (206, 188, 140) if look.pale else (112, 104, 72)
    pen.shape(ellipse(0, -0.1, radius, 0.084), skin)
    for row in range(-2, 3):
        for column in range(-2, 3):
            x, y = (column + 0.5 * (row % 2)) * radius * 0.38, row * 0.03
            if (x / radius) ** 2 + (y / 0.084) ** 2 < 0.75:
                pen.shape(ellipse(x, y - 0.1, radius * 0.13, 0.011, 8), shade(skin, -0.45))
