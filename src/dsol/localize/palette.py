"""Colours and letters: the same for a category in the picture, the strip below it and the figure."""

from collections.abc import Iterable
from functools import cache, lru_cache

from PIL import ImageFont

from dsol.letters import font_file, legible

Colour = tuple[int, int, int]

# Okabe and Ito's colours, told apart by colour-blind eyes too; blue lightened to stand out on dark pictures.
COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),  # sky
    (230, 159, 0),  # orange
    (204, 121, 167),  # pink
    (0, 178, 133),  # green
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermilion
    (74, 123, 224),  # blue
    (190, 190, 190),  # grey
)
NIGHT: Colour = (17, 20, 26)  # behind the strip and the labels
MIST: Colour = (140, 148, 160)  # quiet letters and the sound's outline
SNOW: Colour = (245, 247, 250)  # letters


def colours_of(places: Iterable[int]) -> dict[int, Colour]:
    """A colour for each category, by its place in the list of categories.

    A category has the same colour in every video, unless another one in the same video has it already: then
    the later one takes the next free colour. More categories than colours share them.

    Example:
        >>> colours_of([0, 8])
        {0: (86, 180, 233), 8: (230, 159, 0)}
    """
    taken: dict[int, Colour] = {}
    for place in sorted(places):
        ahead = [COLOURS[(place + step) % len(COLOURS)] for step in range(len(COLOURS))]
        free = (colour for colour in ahead if colour not in taken.values())
        taken[place] = next(free, ahead[0])
    return taken


def font(size: int, text: str = "") -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Letters that come with Pillow, so that a picture looks the same everywhere; others where `text` needs them."""
    return _font(size, font_file(text))


@lru_cache(maxsize=1024)
def width_of(size: int, text: str) -> float:
    """How wide a line of letters is, in pixels."""
    return font(size, text).getlength(text)


@cache
def _font(size: int, file: str | None) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(file, size) if file else ImageFont.load_default(size)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with a share of `other` in it."""
    return tuple(round(c + (o - c) * share) for c, o in zip(colour, other, strict=True))  # type: ignore[return-value]


def spoken(category: str) -> str:
    """The name of a category as people write it and as it can be drawn.

    Example:
        >>> spoken("acoustic_guitar")
        'acoustic guitar'
    """
    return legible(category.replace("_", " "))
