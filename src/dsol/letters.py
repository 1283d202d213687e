"""Letters of every script in pictures and figures: a font that has them, or words that can be read without one.

Nothing is fetched: the fonts are those of the system and the one that comes with matplotlib.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

from dsol.text import name_of

LATER = re.compile(r"bold|black|heavy|light|thin|italic|oblique|mono|serif|condensed|sharp|emoji", re.IGNORECASE)
SAME_WORDS = ("LETTER", "SYLLABLE", "SIGN", "CHARACTER", "VOWEL", "CONSONANT", "DIGIT")  # before a letter's own name


@lru_cache(maxsize=4096)
def font_file(text: str) -> str | None:
    """The file of a font with all letters of a text; None where plain ASCII needs none, or no font has them all.

    Example:
        >>> font_file("cello") is None, font_file("цимбалы").endswith(".ttf")
        (True, True)
    """
    needed = {ord(letter) for letter in text if not letter.isspace()}
    if text.isascii():
        return None
    return next((file for file in _fonts() if needed <= _letters_of(file)), None)


@lru_cache(maxsize=4096)
def legible(text: str) -> str:
    """A text as it can be drawn: itself, or with each letter that no font has replaced by what it is called.

    Example:
        >>> legible("цимбалы"), legible("a\\u0007b")
        ('цимбалы', 'ab')
    """
    text = "".join(letter for letter in name_of(text) if letter.isspace() or unicodedata.category(letter) != "Cc")
    if text.isascii() or font_file(text):
        return text
    known = frozenset().union(*map(_letters_of, _fonts()[:1]))
    return " ".join("".join(letter if ord(letter) in known else _called(letter) for letter in text).split())


def _called(letter: str) -> str:
    """A letter by its name in Unicode; Chinese characters have only a number."""
    name = unicodedata.name(letter, "")
    if not name or "IDEOGRAPH" in name:
        return f" U+{ord(letter):04X} "
    if unicodedata.category(letter).startswith("M"):
        return ""
    words = name.split()
    own = [n for n, word in enumerate(words) if word in SAME_WORDS]
    return " ".join(words[own[-1] + 1 :]).lower() if own and own[-1] + 1 < len(words) else f" {name.lower()} "


@cache
def _fonts() -> tuple[str, ...]:
    """Font files: first the one that comes with matplotlib, then the system's, upright sans serif ones first."""
    from matplotlib import font_manager  # takes half a second

    own = font_manager.findfont("DejaVu Sans")
    found = sorted(set(font_manager.findSystemFonts()), key=lambda file: (bool(LATER.search(file)), file))
    return (own, *found)


@cache
def _letters_of(file: str) -> frozenset[int]:
    """The characters that a font draws; none of one that cannot be read or scaled."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(file)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


def finalise(figure: Any) -> None:
    """Make every text of a matplotlib figure say what it says: no formula between dollars, letters of any script."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        words = text.get_text()
        if not words.isascii() or not words.isprintable():
            words = "\n".join(legible(line) for line in words.split("\n"))
            text.set_text(words)
            if file := font_file(words):
                font = text.get_fontproperties().copy()
                font.set_file(file)
                text.set_fontproperties(font)
