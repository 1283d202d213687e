"""Clarinet, flute, saxophone, trumpet and tuba: the mouthpiece at (0, 0), sizes about one."""

import numpy as np

from dsol.demo.toyband.looks import Look
from dsol.demo.toyband.pen import Pen, ellipse, shade, smooth


def draw_clarinet(pen: Pen, look: Look, phase: float) -> None:
    """A straight dark tube downwards with silver keys and rings, ending in a small bell."""
    s = look.stout
    pen.tube([(0, -0.03), (0, 0.05), (0, 0.11)], np.array([0.022, 0.05, 0.056]) * s, (32, 30, 34))
    pen.tube([(0, 0.06), (0, 0.085)], 0.062 * s, look.metal)
    bell = smooth([(0, 0.1), (0, 0.5), (0, 0.82), (0, 0.92), (0, 1.0)])
    pen.tube(bell, np.interp(bell[:, 1], (0.1, 0.8, 0.9, 0.96, 1.0), (0.06, 0.068, 0.1, 0.15, 0.2)) * s, look.body)
    pen.shape(ellipse(0, 1.0, 0.1 * s, 0.03), shade(look.body, -0.6), look.metal, 0.007)
    for y in (0.2, 0.5, 0.8):
        pen.tube([(0, y), (0, y + 0.022)], 0.078 * s, look.metal)
    pen.line([(0.035 * s, 0.24), (0.035 * s, 0.48)], 0.014, look.metal)
    pen.line([(-0.035 * s, 0.54), (-0.035 * s, 0.78)], 0.014, look.metal)
    for y in (0.27, 0.34, 0.41, 0.57, 0.64, 0.71):
        pen.disc(0, y, 0.021, shade(look.metal, 0.25), shade(look.metal, -0.5))
    for x, y, side in ((0.04, 0.46, 1), (-0.04, 0.6, -1), (-0.04, 0.76, -1), (0.04, 0.7, 1)):
        pen.line([(0, y), (x * s, y), ((x + 0.03 * side) * s, y + 0.03)], 0.018, look.metal)


def draw_flute(pen: Pen, look: Look, phase: float) -> None:
    """A thin shiny tube sideways with a lip plate and a row of round keys."""
    s, metal = look.stout, look.body if look.pale else look.metal
    pen.tube([(-0.14, 0), (0.2, 0)], 0.046 * s, metal)
    pen.tube([(0.2, 0), (0.9, 0)], 0.05 * s, metal)
    for x in (-0.14, 0.2, 0.74, 0.885):
        pen.tube([(x, 0), (x + 0.024, 0)], 0.066 * s, shade(look.accent if look.pale else metal, -0.1))
    pen.shape(ellipse(0, -0.008, 0.055, 0.036), shade(metal, 0.3), shade(metal, -0.45), 0.006)
    pen.shape(ellipse(0, -0.014, 0.018, 0.011), (30, 28, 30))
    pen.line([(0.26, 0.026 * s), (0.86, 0.026 * s)], 0.012, shade(metal, -0.3))
    for x in (0.28, 0.34, 0.4, 0.46, 0.54, 0.6, 0.66, 0.72, 0.79, 0.85):
        pen.shape(ellipse(x, -0.012, 0.026, 0.023), shade(metal, 0.35), shade(metal, -0.55), 0.005)


def draw_saxophone(pen: Pen, look: Look, phase: float) -> None:
    """Crook at the mouth, long cone down, U at the bottom, wide bell up, many keys."""
    s, brass = look.stout, look.body
    pen.tube([(-0.03, 0.03), (0.02, 0.01), (0.07, -0.01)], np.array([0.025, 0.045, 0.05]), (30, 28, 30))
    crook = smooth([(0.05, -0.01), (0.11, -0.025), (0.165, 0.0), (0.18, 0.06), (0.18, 0.12)])
    pen.tube(crook, np.linspace(0.032, 0.055, len(crook)) * s, brass)
    pen.tube([(0.18, 0.1), (0.18, 0.13)], 0.08 * s, shade(brass, -0.1))
    path = smooth([
        (0.18, 0.12), (0.18, 0.4), (0.18, 0.72), (0.2, 0.84), (0.27, 0.9), (0.35, 0.86), (0.38, 0.76),
        (0.4, 0.6), (0.44, 0.44),
    ])  # fmt: skip
    part = np.linspace(0, 1, len(path))
    widths = np.interp(part, (0, 0.5, 0.75, 0.88, 0.96, 1), (0.06, 0.115, 0.14, 0.17, 0.23, 0.32)) * s
    pen.tube(path, widths, brass)
    pen.at(np.array([[1.0, 0.1, 0.44], [0.25, 1.0, 0.435], [0, 0, 1]])).shape(
        ellipse(0, 0, 0.165 * s, 0.045), shade(brass, -0.65), shade(brass, 0.35), 0.012
    )
    pen.line([(0.245, 0.22), (0.255, 0.66)], 0.014, shade(brass, -0.35))
    pen.line([(0.25, 0.62), (0.37, 0.62)], 0.016, shade(brass, -0.3))
    for y in (0.2, 0.27, 0.34, 0.44, 0.51, 0.58, 0.68):
        pen.disc(0.18, y, 0.026 + 0.012 * y, shade(look.metal, 0.3), shade(brass, -0.6))
    for x, y in ((0.38, 0.72), (0.35, 0.84), (0.13, 0.62)):
        pen.disc(x, y, 0.035, shade(look.metal, 0.2), shade(brass, -0.6))


def draw_trumpet(pen: Pen, look: Look, phase: float) -> None:
    """Long loop of tube with three valves in the middle and a bell at the far end."""
    s, brass = look.stout, look.body
    loop = smooth([
        (0.3, 0.0), (0.68, 0.0), (0.76, 0.03), (0.79, 0.09), (0.76, 0.15), (0.68, 0.18), (0.32, 0.18),
        (0.24, 0.15), (0.21, 0.09), (0.24, 0.03),
    ], closed=True)  # fmt: skip
    pen.tube(np.vstack((loop, loop[:2])), 0.04 * s, shade(brass, -0.08))
    bell = smooth([(0.28, 0.0), (0.6, -0.005), (0.82, -0.01), (0.93, -0.01), (1.0, -0.01)])
    flare = np.interp(bell[:, 0], (0.28, 0.7, 0.85, 0.93, 0.97, 1), (0.042, 0.06, 0.1, 0.17, 0.23, 0.3)) * s
    pen.tube([(0.03, 0), (0.3, 0)], 0.028 * s, brass)
    pen.tube([(0.0, 0), (0.02, 0), (0.06, 0)], np.array([0.062, 0.05, 0.026]) * s, look.metal)
    pen.tube(bell, flare, brass)
    pen.shape(ellipse(1.0, -0.01, 0.032, 0.15 * s), shade(brass, -0.5), shade(brass, 0.4), 0.01)
    for x in (0.4, 0.475, 0.55):
        pen.line([(x, -0.1), (x, -0.04)], 0.016, look.metal)
        pen.shape(ellipse(x, -0.1, 0.024, 0.013), shade(look.metal, 0.5), shade(look.metal, -0.5), 0.004)
        pen.tube([(x, -0.06), (x, 0.25)], 0.062 * s, look.metal if look.pale else brass)
        for y in (-0.05, 0.235):
            pen.tube([(x, y), (x, y + 0.025)], 0.07 * s, shade(brass, 0.2))
    pen.line([(0.62, 0.18), (0.66, 0.235), (0.7, 0.18)], 0.014, shade(brass, -0.2))


def draw_tuba(pen: Pen, look: Look, phase: float) -> None:
    """A huge upright bell over coils of thick tube and a row of valves."""
    s, brass = look.stout, look.body
    pen.tube(smooth([(0, 0), (0.12, 0.03), (0.2, 0.06), (0.26, 0.13)]), 0.03, look.metal)
    outer = smooth([
        (0.3, -0.36), (0.3, 0.0), (0.3, 0.36), (0.27, 0.52), (0.15, 0.6), (0.03, 0.53), (0.0, 0.4),
        (0.0, 0.15), (0.04, 0.06), (0.1, 0.06), (0.13, 0.14), (0.13, 0.36),
    ])  # fmt: skip
    part = np.linspace(0, 1, len(outer))
    wide = np.interp(part, (0, 0.08, 0.2, 0.45, 0.7, 1.0), (0.56, 0.3, 0.19, 0.14, 0.095, 0.06)) * s
    pen.tube(outer[len(outer) // 3 :], wide[len(outer) // 3 :], shade(brass, -0.06))
    pen.tube(outer[: len(outer) // 3 + 2], wide[: len(outer) // 3 + 2], brass)
    pen.shape(ellipse(0.3, -0.36, 0.3 * s, 0.085), shade(brass, -0.25), shade(brass, 0.4), 0.014)
    pen.shape(ellipse(0.3, -0.35, 0.235 * s, 0.06), shade(brass, -0.65))
    pen.tube(smooth([(0.06, 0.22), (0.06, 0.3), (0.1, 0.34), (0.3, 0.34)]), 0.04, shade(brass, 0.1))
    for x in (0.13, 0.19, 0.25, 0.31):
        pen.line([(x, 0.06), (x, 0.14)], 0.014, look.metal)
        pen.shape(ellipse(x, 0.06, 0.022, 0.012), shade(look.metal, 0.5), shade(look.metal, -0.5), 0.004)
        pen.tube([(x, 0.12), (x, 0.4)], 0.052, look.metal)
        pen.tube([(x, 0.39), (x, 0.42)], 0.06, shade(brass, 0.1))
