"""Random colours and proportions. Every colour can fall on every instrument, so that colour tells nothing."""

from dataclasses import dataclass

import numpy as np

from dsol.demo.toyband.pen import Colour

WOODS = ((176, 98, 44), (142, 66, 30), (206, 146, 78), (110, 52, 34), (222, 178, 112), (158, 40, 30), (84, 50, 38))
METALS = ((214, 170, 70), (196, 202, 212), (200, 130, 84), (232, 200, 120), (150, 156, 168))
PAINTS = ((46, 92, 170), (178, 44, 54), (48, 134, 92), (240, 236, 226), (44, 42, 52), (120, 74, 150),
          (226, 122, 52), (60, 160, 176), (224, 120, 150))  # fmt: skip
CLOTHES = (*PAINTS, (70, 78, 92), (206, 186, 150), (104, 116, 66), (26, 30, 48), (150, 170, 196))
SKINS = ((250, 216, 186), (236, 188, 148), (206, 150, 108), (160, 106, 72), (112, 72, 50), (84, 54, 40))
HAIRS = ((36, 28, 26), (84, 52, 34), (140, 88, 46), (206, 164, 92), (150, 64, 40), (170, 168, 170))


@dataclass(frozen=True)
class Look:
    """The colours and proportions of one instrument and its player.

    Attributes:
        body, accent: main and second colour of the instrument.
        metal, ebony: of keys, rings, fingerboards.
        stout: how wide it is built, about one.
        pale: chooses between two variants of some details.
        skin, hair, shirt, trousers: of the player.
        hair_style: 0 short, 1 long, 2 bun, 3 cap.
        girth: how broad the player is, about one.
    """

    body: Colour
    accent: Colour
    metal: Colour
    ebony: Colour
    stout: float
    pale: bool
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    hair_style: int
    girth: float


def pick(colours: tuple[Colour, ...], rng: np.random.Generator, spread: float = 14) -> Colour:
    """One of the colours, a little off."""
    colour = np.array(colours[rng.integers(len(colours))]) + rng.uniform(-spread, spread, 3)
    return tuple(int(c) for c in np.clip(colour, 8, 250))  # type: ignore[return-value]


def choose_look(metallic: bool, rng: np.random.Generator) -> Look:
    """Half of the instruments have a colour usual for them, the others any colour.

    Args:
        metallic: whether the usual body is of metal, not of wood.
    """
    usual = METALS if metallic else WOODS
    return Look(
        body=pick(usual if rng.random() < 0.5 else WOODS + METALS + PAINTS, rng),
        accent=pick(PAINTS, rng),
        metal=pick(METALS, rng),
        ebony=pick(((28, 24, 26), (60, 36, 28), (40, 40, 48)), rng, 6),
        stout=float(rng.uniform(0.9, 1.18)),
        pale=bool(rng.random() < 0.5),
        skin=pick(SKINS, rng, 8),
        hair=pick(HAIRS, rng, 10),
        shirt=pick(CLOTHES, rng),
        trousers=pick(CLOTHES, rng),
        hair_style=int(rng.integers(4)),
        girth=float(rng.uniform(0.9, 1.15)),
    )
