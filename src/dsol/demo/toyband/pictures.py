"""One instrument with its player, ready to move: a few drawn phases, each at a few angles.

category, rng ──choose──▶ Actor ──Sprites──▶ picture and mask of a phase and a sway
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dsol.demo.toyband import keys, strings, winds
from dsol.demo.toyband.looks import Look, choose_look
from dsol.demo.toyband.pen import OVERSAMPLE, Pen, shade, turn
from dsol.demo.toyband.people import MOUTH, draw_arm, draw_person
from dsol.demo.toyband.planes import Planes, Sprite

PHASES = 5  # drawn positions of bow, mallets, bellows or fingers, from −1 to 1
LARGE = 150  # pixels a unit; larger drawings have no thin lines and need less oversampling
Spot = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """How an instrument is drawn and held. Places of hands are in the instrument's coordinates.

    Attributes:
        draw: (pen, look, phase in [−1, 1]) draws it.
        place: where its (0, 0) is on the player.
        degrees: lowest and highest angle.
        size: how large it is on the player.
        hands: the left one in the picture, the right one.
        metallic: whether its usual body is of metal.
        seated: whether the player sits.
        bow: (where it touches, angle in degrees) or None.
        stroke: how far the left hand moves with the phase.
        stretch: how far the right hand moves sideways with the phase, to pull bellows.
        mallets: whether the hands hold mallets.
        moving: whether the drawing depends on the phase; else it is drawn once.
    """

    draw: Callable[[Pen, Look, float], None]
    place: Spot
    degrees: Spot
    size: float
    hands: tuple[Spot, Spot]
    metallic: bool = False
    seated: bool = False
    bow: tuple[float, float] | None = None
    stroke: Spot = (0.0, 0.0)
    stretch: float = 0.0
    mallets: bool = False
    moving: bool = False


PARTS = {
    "accordion": Part(keys.draw_accordion, (0, 0.29), (-6, 6), 0.78, ((-0.42, 0.1), (0.36, 0.06)), metallic=True,
                      stretch=0.09, moving=True),
    "acoustic_guitar": Part(strings.draw_acoustic_guitar, (-0.26, 0.46), (58, 84), 1.0,
                            ((0.02, -0.24), (0.02, -0.74)), stroke=(0.08, 0.0)),
    "cello": Part(strings.draw_cello, (0.0, 0.8), (5, 15), 1.05, ((0, 0), (0.03, -0.7)), seated=True,
                  bow=(-0.3, 172)),
    "clarinet": Part(winds.draw_clarinet, MOUTH, (-38, -8), 0.82, ((0, 0.62), (0, 0.34)), stroke=(0.012, 0.0)),
    "erhu": Part(strings.draw_erhu, (0.13, 0.55), (-4, 9), 1.0, ((0, 0), (0.03, -0.5)), seated=True,
                 bow=(-0.17, 176)),
    "flute": Part(winds.draw_flute, MOUTH, (-2, 16), 0.85, ((0.36, 0.05), (0.66, 0.05)), metallic=True,
                  stroke=(0.0, 0.012)),
    "saxophone": Part(winds.draw_saxophone, MOUTH, (-12, 12), 0.85, ((0.17, 0.54), (0.18, 0.26)), metallic=True,
                      stroke=(0.012, 0.0)),
    "trumpet": Part(winds.draw_trumpet, MOUTH, (-14, 16), 0.8, ((0.36, 0.17), (0.5, 0.02)), metallic=True,
                    stroke=(0.0, 0.015)),
    "tuba": Part(winds.draw_tuba, MOUTH, (-8, 10), 0.9, ((0.03, 0.4), (0.36, 0.12)), metallic=True,
                 stroke=(0.0, 0.015)),
    "violin": Part(strings.draw_violin, (0.02, -0.01), (72, 108), 0.8, ((0, 0), (0.02, -0.78)), bow=(-0.2, 65)),
    "xylophone": Part(keys.draw_xylophone, (0.0, 0.44), (-3, 3), 1.1, ((-0.2, -0.22), (0.2, -0.22)), mallets=True),
}  # fmt: skip


@dataclass(frozen=True)
class Actor:
    """One instrument in one look and pose.

    Attributes:
        category: which instrument.
        look: colours and proportions.
        held: (3, 3) from the instrument's coordinates to the player's.
        player: whether a player is seen; else the instrument stands on a stand.
        facing: 1, or −1 for its mirror image.
    """

    category: str
    look: Look
    held: np.ndarray
    player: bool = True
    facing: int = 1


def choose_actor(category: str, rng: np.random.Generator, player: bool = True) -> Actor:
    """A random look and pose of an instrument."""
    part = PARTS[category]
    size, narrow = part.size * rng.uniform(0.9, 1.1), rng.uniform(0.84, 1.0)
    held = turn(*part.place, rng.uniform(*part.degrees), size, narrow)
    return Actor(category, choose_look(part.metallic, rng), held, player, int(rng.choice((-1, 1))))


def draw_still(pen: Pen, actor: Actor) -> None:
    """What no phase changes: player or stand, and the instrument unless it moves in itself."""
    _behind(pen, actor)
    if not PARTS[actor.category].moving:
        _instrument(pen, actor, 0.0)


def draw_phase(pen: Pen, actor: Actor, phase: float) -> None:
    """Over the still drawing, what moves: bellows, arms, bow, mallets; `phase` in [−1, 1]."""
    if PARTS[actor.category].moving:
        _instrument(pen, actor, phase)
    _front(pen, actor, phase)


def _instrument(pen: Pen, actor: Actor, phase: float) -> None:
    PARTS[actor.category].draw(pen.at(actor.held, instrument=True), actor.look, phase)


def _behind(pen: Pen, actor: Actor) -> None:
    if actor.player:
        draw_person(pen, actor.look, PARTS[actor.category].seated)
    elif actor.category != "xylophone":
        (left_x, left_y), (right_x, right_y) = PARTS[actor.category].hands
        x, y = _to_player(actor, ((right_x + left_x) / 2, (right_y + left_y) / 2))
        steel = (70, 70, 78)
        pen.line([(x, y), (x, 0.9)], 0.025, steel)
        for foot in (-0.15, 0.0, 0.15):
            pen.line([(x, 0.86), (x + foot, 1.0)], 0.022, steel)


def _front(pen: Pen, actor: Actor, phase: float) -> None:
    if not actor.player:
        return
    part, look = PARTS[actor.category], actor.look
    if part.mallets:
        _mallets(pen, actor, phase)
        return
    (left_x, left_y), (right_x, right_y) = part.hands
    left = (left_x + part.stroke[0] * phase, left_y + part.stroke[1] * phase)
    draw_arm(pen, look, 1, _to_player(actor, (right_x + part.stretch * phase, right_y)))
    if part.bow:
        left = _bow(pen.at(actor.held), look, *part.bow, phase, 0.68 / part.size)
    draw_arm(pen, look, -1, _to_player(actor, left))


def _to_player(actor: Actor, spot: Spot) -> Spot:
    x, y, _ = actor.held @ np.array((*spot, 1.0))
    return float(x), float(y)


def _bow(pen: Pen, look: Look, touch: float, degrees: float, phase: float, length: float) -> Spot:
    along = np.array((np.cos(np.radians(degrees)), np.sin(np.radians(degrees))))
    across = np.array((-along[1], along[0])) * (0.03 if degrees > 90 else -0.03)
    frog = np.array((0, touch)) + along * length * (0.52 + 0.3 * phase)
    tip = frog - along * length
    pen.line([frog, tip], 0.012, (240, 236, 222), round_ends=False)
    stick = [frog + across * 0.9, (frog + tip) / 2 + across * 0.5, tip + across * 1.1, tip]
    pen.line(stick, 0.022, shade(look.body, -0.5))
    return float(frog[0]), float(frog[1])


def _mallets(pen: Pen, actor: Actor, phase: float) -> None:
    for side in (-1, 1):
        height = 0.13 * max(0.0, side * phase)
        head = (actor.held @ np.array((side * 0.2 + 0.08 * phase, -0.04, 1.0)))[:2] - (0, height)
        hand = np.array((side * 0.17, 0.27 - 0.5 * height))
        pen.line([hand, head], 0.018, (214, 176, 120))
        pen.disc(head[0], head[1], 0.034, actor.look.accent, shade(actor.look.accent, -0.5))
        draw_arm(pen, actor.look, side, tuple(hand))


COARSE = 36  # pixels a unit, for planning
COARSE_SIDE, COARSE_MIDDLE = 108, (54, 36)  # the coarse drawing, and where (0, 0) is in it


@dataclass(frozen=True)
class Sketch:
    """A small drawing of an actor for planning a scene: L masks of all of it, of its instrument alone."""

    whole: Image.Image
    instrument: Image.Image


def extent(mask: Image.Image, room: float = 0.0) -> tuple[float, float, float, float]:
    """How far what a sketch shows extends, with some room: (left, top, right, bottom) in the player's coordinates."""
    box = mask.getbbox()
    assert box is not None, "an actor always draws something"
    (x, y), s = COARSE_MIDDLE, COARSE
    return (box[0] - x) / s - room, (box[1] - y) / s - room, (box[2] - x) / s + room, (box[3] - y) / s + room


def sketch(actor: Actor) -> Sketch:
    """Draw an actor small, in its middle phase."""
    pen = Pen(COARSE_SIDE, COARSE_SIDE, turn(*COARSE_MIDDLE, size=COARSE) @ np.diag((actor.facing, 1.0, 1.0)), 1)
    draw_still(pen, actor)
    draw_phase(pen, actor, 0.0)
    return Sketch(pen.image.getchannel("a"), pen.mask)


class Sprites:
    """The drawings of one actor at one place of a picture, made when first asked for.

    Args:
        actor: who.
        scale: pixels a unit of the player's coordinates; the player is 1.42 units tall.
        place: (x, y) where the player's (0, 0) is, in pixels.
        reach: how far the actor extends: (left, top, right, bottom) in its coordinates.
        size: width and height of the picture in pixels; nothing outside it is drawn.
    """

    def __init__(self, actor: Actor, scale: float, place: Spot, reach: Sequence[float], size: tuple[int, int]):
        self.actor = actor
        edges = np.array([place, place]) + scale * np.reshape(reach, (2, 2))
        (left, top), (right, bottom) = np.clip(edges, 0, size).astype(int).tolist()
        left, top = left // 2 * 2, top // 2 * 2  # colour planes have half the resolution
        self.corner = (left, top)
        inside = (place[0] - left, place[1] - top)
        self.feet = (inside[0], inside[1] + scale)
        matrix = turn(*inside, size=scale) @ np.diag((actor.facing, 1, 1))
        fine = OVERSAMPLE if scale < LARGE else OVERSAMPLE - 1
        self.still = Pen(max(1, right - left), max(1, bottom - top), matrix, fine)
        draw_still(self.still, actor)
        self.made: dict[tuple[int, int], Sprite] = {}

    def at(self, phase: int, degrees: int) -> Sprite:
        """The actor in one of its `PHASES`, turned about the feet."""
        if (phase, degrees) not in self.made:
            upright = self.at(phase, 0) if degrees else self._draw(phase)
            self.made[phase, degrees] = upright.turned(degrees, self.feet) if degrees else upright
        return self.made[phase, degrees]

    def _draw(self, phase: int) -> Sprite:
        pen = self.still.copy()
        draw_phase(pen, self.actor, 2 * phase / (PHASES - 1) - 1)
        picture, instrument = pen.finish()
        picture = picture.convert("RGBA")
        return Sprite(Planes.of(picture.convert("RGB")), picture.getchannel("A"), instrument)
