"""A simple player: the middle of the shoulders at (0, 0), the crown at −0.42, the feet at 1.0."""

import numpy as np

from dsol.demo.toyband.looks import Look
from dsol.demo.toyband.pen import Pen, ellipse, mirrored, shade, smooth

SHOULDER = 0.165  # sideways from the middle
ARM = 0.27  # length of the upper arm, and of the forearm
MOUTH = (0.0, -0.115)


def draw_person(pen: Pen, look: Look, seated: bool) -> None:
    """Everything but the arms, as seen from the front."""
    _legs(pen, look, seated)
    g = look.girth
    torso = smooth([(0, -0.03), (0.1, -0.02), (0.19, 0.03), (0.18, 0.2), (0.15, 0.36), (0.165, 0.54), (0, 0.56)])
    pen.shape(mirrored(torso * (g, 1)), look.shirt, shade(look.shirt, -0.45), 0.006)
    pen.shape([(0, 0.02), (0.012, 0.06), (0.012, 0.5), (-0.012, 0.5), (-0.012, 0.06)], shade(look.shirt, -0.18))
    pen.shape([(-0.05, -0.1), (0.05, -0.1), (0.055, -0.01), (0, 0.035), (-0.055, -0.01)], shade(look.skin, -0.15))
    _head(pen, look)


def _legs(pen: Pen, look: Look, seated: bool) -> None:
    shoe = shade(look.trousers, -0.6)
    if seated:
        pen.box(-0.2, 0.56, 0.4, 0.05, (92, 62, 44))
        for x in (-0.17, 0.17):
            pen.line([(x, 0.6), (x * 1.15, 0.99)], 0.03, (72, 48, 36))
    for side in (-1, 1):
        knee = (side * 0.27, 0.62) if seated else (side * 0.095, 0.75)
        foot = (side * 0.27, 0.95) if seated else (side * 0.1, 0.96)
        pen.line([(side * 0.075, 0.53), knee, foot], 0.135 * look.girth, shade(look.trousers, -0.08 * (side + 1)))
        pen.shape(ellipse(foot[0] + side * 0.03, 0.975, 0.085, 0.038), shoe)


def _head(pen: Pen, look: Look) -> None:
    if look.hair_style == 1:
        pen.shape(
            smooth(
                [(-0.17, -0.3), (0, -0.44), (0.17, -0.3), (0.19, -0.08), (0.12, 0.03), (-0.12, 0.03), (-0.19, -0.08)],
                closed=True,
            ),
            shade(look.hair, -0.15),
        )
    elif look.hair_style == 2:
        pen.disc(0.02, -0.43, 0.07, look.hair)
    for side in (-1, 1):
        pen.shape(ellipse(side * 0.15, -0.215, 0.03, 0.042), shade(look.skin, -0.12))
    pen.shape(ellipse(0, -0.225, 0.15, 0.175), look.skin, shade(look.skin, -0.4), 0.005)
    crown = smooth([
        (-0.16, -0.22), (-0.165, -0.31), (-0.09, -0.405), (0.05, -0.415), (0.15, -0.34), (0.16, -0.22),
        (0.12, -0.28), (0.0, -0.325), (-0.1, -0.29),
    ], closed=True)  # fmt: skip
    pen.shape(crown, look.accent if look.hair_style == 3 else look.hair)
    if look.hair_style == 3:
        pen.line([(-0.14, -0.29), (0.02, -0.3), (0.2, -0.27)], 0.03, shade(look.accent, -0.3))
    for side in (-1, 1):
        pen.shape(ellipse(side * 0.055, -0.22, 0.019, 0.023), (250, 250, 248))
        pen.disc(side * 0.055, -0.217, 0.012, (40, 30, 28))
        pen.line([(side * 0.035, -0.265), (side * 0.08, -0.262)], 0.012, shade(look.hair, -0.2))
        pen.shape(ellipse(side * 0.09, -0.165, 0.024, 0.016), tuple(np.add(look.skin, (4, -24, -20)).clip(0, 255)))
    pen.line([(0.0, -0.205), (0.012, -0.175), (0, -0.172)], 0.009, shade(look.skin, -0.3))
    pen.line(smooth([(-0.035, -0.125), (0, -0.112), (0.035, -0.125)]), 0.011, (150, 60, 56))


def draw_arm(pen: Pen, look: Look, side: int, hand: tuple[float, float], elbow_out: float = 1.0) -> None:
    """An arm from its shoulder to `hand`, the elbow where two bones meet.

    Args:
        side: −1 the left shoulder in the picture, 1 the right one.
        hand: where the hand is.
        elbow_out: 1 bends the elbow outwards, −1 inwards.
    """
    shoulder = np.array((side * SHOULDER * look.girth, 0.045))
    reach = np.array(hand) - shoulder
    distance = max(float(np.linalg.norm(reach)), 0.05)
    bone = max(ARM, distance / 1.96)
    across = np.array((-reach[1], reach[0])) / distance
    bend = np.sqrt(max(bone**2 - (distance / 2) ** 2, 0))
    outward = across if across @ np.array((side, 0.35)) * elbow_out > 0 else -across
    elbow = shoulder + reach / 2 + outward * bend
    edge = shade(look.shirt, -0.45)
    wrist = elbow + (np.array(hand) - elbow) * 0.9
    pen.line([shoulder, elbow], 0.1, edge)
    pen.line([elbow, wrist], 0.085, edge)
    pen.line([shoulder, elbow, wrist], 0.072, shade(look.shirt, 0.1))
    pen.disc(*hand, 0.048, look.skin, shade(look.skin, -0.4))
    for angle in (-0.9, -0.3, 0.3, 0.9):
        forward = (np.array(hand) - elbow) / (np.linalg.norm(np.array(hand) - elbow) + 1e-9)
        c, s = np.cos(angle), np.sin(angle)
        tip = np.array(hand) + 0.058 * np.array((c * forward[0] - s * forward[1], s * forward[0] + c * forward[1]))
        pen.line([hand, tip], 0.024, shade(look.skin, -0.06))
